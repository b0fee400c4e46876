"""The same on PostgreSQL, which is started for each bench and syncs to disk."""

import contextlib
import re
import subprocess
import sys
import threading
from typing import Iterator

from figures import Bench, median, median_ratio
from fill import FILL_SECONDS, fill_sql
from rates import create_rate, fill, run_rate
from servers import PROGRAMS, ROOT, STORE, measure, resident_mb

sys.path.insert(0, str(ROOT / 'tests' / 'support'))
from private_postgres import PrivatePostgres  # noqa: E402

REPEATS = 3
CALLERS = 32
SECONDS = 3
RUNS_READ = 1_000_000
READ_ROUNDS = 2000
RUNS_COPIED = 100_000


@contextlib.contextmanager
def postgres() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres(durable=True)
    try:
        yield server.start('shared_buffers=512MB')
    finally:
        server.close()


def database(server: PrivatePostgres, name: str) -> str:
    server.sql(f'CREATE DATABASE {name} TEMPLATE template0')
    return server.url(name)


def create_run_postgres(bench: Bench) -> None:
    """CreateRun with 32 calls in flight on PostgreSQL; libpqxx alone with 32 connections before each."""
    raw, store, served = [], [], []
    with postgres() as server:
        for i in range(REPEATS):
            raw.append(measure(STORE, 'raw_postgres', database(server, f'raw{i}'), CALLERS, SECONDS)['per_second'])
            store.append(measure(STORE, 'store', database(server, f'store{i}'), CALLERS, SECONDS)['per_second'])
            url = database(server, f'served{i}')
            served.append(create_rate(bench.fresh(f'served-{i}'), False, '--role=server', f'--database_url={url}',
                                      callers=CALLERS)['per_second'])
    peer = f'libpqxx alone, {CALLERS} connections'
    bench.figure('creates', median(served), 'creates/s', versus=peer, ratio=median_ratio(served, raw), at_least=0.4)
    bench.figure('store_without_grpc', median(store), 'creates/s', versus=peer, ratio=median_ratio(store, raw))
    bench.figure('libpqxx_alone', median(raw), 'creates/s')


def read_1m_postgres(bench: Bench) -> None:
    """A point read and a page of 20 of 1,000,000 runs on PostgreSQL, by the store and by libpqxx with the same SQL."""
    with postgres() as server:
        url = database(server, 'reads')
        subprocess.run([str(PROGRAMS / 'penstock'), 'migrate', f'--database_url={url}'], check=True,
                       stdout=subprocess.DEVNULL)
        server.sql("INSERT INTO specs VALUES ('spec', 2, '{}');" + fill_sql(RUNS_READ), 'reads', FILL_SECONDS)
        server.sql('VACUUM ANALYZE', 'reads', FILL_SECONDS)
        results = [measure(STORE, 'read_postgres', url, RUNS_READ, READ_ROUNDS) for _ in range(REPEATS)]
    for call in ('get', 'page'):
        for part in ('p50', 'p99'):
            ours = [result[f'{call}_store'][part] for result in results]
            raw = [result[f'{call}_raw'][part] for result in results]
            bench.figure(f'{call}_{part}', median(ours), 'ms', versus='libpqxx, same SQL',
                         ratio=median_ratio(ours, raw), at_most=2)
    bare = [result['get_raw_bare']['p50'] for result in results]
    ours = [result['get_store']['p50'] for result in results]
    bench.figure('get_p50_to_one_statement', median(ours), 'ms', versus='without a transaction',
                 ratio=median_ratio(ours, bare))


def noop_tasks_postgres(bench: Bench) -> None:
    """1,000 tasks that do nothing in one run, 8 at a time, on PostgreSQL; on SQLite before each."""
    sqlite, rates = [], []
    with postgres() as server:
        for i in range(REPEATS):
            sqlite.append(run_rate(bench.fresh(f'sqlite-{i}'))['rate'])
            rates.append(run_rate(bench.fresh(f'postgres-{i}'),
                                   f'--database_url={database(server, f"noop{i}")}')['rate'])
    bench.figure('tasks', median(rates), 'tasks/s', versus='on SQLite', ratio=median_ratio(rates, sqlite), at_least=0.5)


def peak_mb(process: 'subprocess.Popen[str]') -> float:
    """The most memory that the process has at any of the looks until it ends."""
    peak = 0.0
    while process.poll() is None:
        try:
            peak = max(peak, resident_mb(process.pid))
        except (OSError, RuntimeError):
            break
        threading.Event().wait(0.05)
    return peak


def copy(bench: Bench) -> None:
    """penstock copy of a store with 100,000 runs, to PostgreSQL and back."""
    folder = bench.fresh('server')
    fill(folder, RUNS_COPIED)
    sqlite = f'sqlite://{folder}/data/penstock.db'
    with postgres() as server:
        target = database(server, 'target')
        for name, words in (('sqlite_to_postgres', (sqlite, target)),
                            ('postgres_to_sqlite', (target, f'sqlite://{folder}/back.db'))):
            process = subprocess.Popen([str(PROGRAMS / 'penstock'), 'copy', *words, '--log_level=warn'], text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            peak = peak_mb(process)
            said = process.communicate()[0]
            if process.returncode != 0:
                raise RuntimeError(f'penstock copy failed: {said}')
            rows, seconds = re.search(r'(\d+) rows copied and compared in ([\d.]+) s', said).groups()
            rate = int(rows) / float(seconds)
            bench.figure(name, rate, 'rows/s', versus='20,000 rows/s', ratio=rate / 20_000, at_least=1)
            bench.figure(f'{name}_peak', peak, 'MiB')

