"""Recurring runs: how soon very many that are due at once have made their runs, and how punctual one is among many."""

import contextlib
import pathlib
import sqlite3
import time
from typing import Any, Callable, Iterator, List

from figures import Bench
from postgres import database, postgres
from servers import Server, container_pipeline

SCHEDULES = 10_000
HEAD_START = 10          # seconds until they are due, for the server to start
FIRED_SECONDS_MAX = 120
BUSY = 20                # that fire among SCHEDULES which do not
BUSY_INTERVAL = 2
BUSY_SECONDS = 60
YEAR = 366 * 24 * 3600
POLL_SECONDS = 0.05
FIRED_POLL_SECONDS = 0.25  # a look is a process on PostgreSQL, which takes from what it looks at

Query = Callable[[str], List[List[Any]]]

COLUMNS = ('recurring_run_id, experiment_id, namespace, display_name, description, run_name, service_account,'
           ' pipeline_id, pipeline_version_id, spec_sha256, pipeline_root, max_concurrency, no_catchup, enabled,'
           ' trigger_kind, cron, interval_seconds, start_at_us, end_at_us, time_zone, created_at_us, updated_at_us,'
           ' next_due_at_us, wake_at_us, run_count, revision, error_code, error_message, parameters')


def rows_sql(name: str, count: int, interval: int, due: int) -> str:
    """Recurring runs of the only pipeline version with the same next slot, as the store would have written them."""
    return f"""
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
        INSERT INTO recurring_runs ({COLUMNS})
        SELECT '{name}-' || n, e.experiment_id, 'kubeflow', '{name} ' || n, '', '{name}' || n, 'pipeline-runner',
          v.pipeline_id, v.pipeline_version_id, v.spec_sha256, '', 10, 0, 1, 'INTERVAL', '', {interval}, NULL, NULL, '',
          0, 0, {due}000000, {due}000000, 0, 0, 0, '', '{{}}'
        FROM numbers, (SELECT experiment_id FROM experiments LIMIT 1) e, (SELECT * FROM pipeline_versions LIMIT 1) v"""


@contextlib.contextmanager
def sqlite_query(path: pathlib.Path) -> Iterator[Query]:
    connection = sqlite3.connect(path, timeout=30)

    def query(sql: str) -> List[List[Any]]:
        with connection:
            return [list(row) for row in connection.execute(sql)]
    try:
        yield query
    finally:
        connection.close()


def prepare(folder: pathlib.Path, *flags: str) -> None:
    with Server(folder, '--role=server', '--gateway=off', *flags) as server:
        server.upload('noop', container_pipeline(1, '/bin/true'))


def fire_all(bench: Bench, kind: str, folder: pathlib.Path, query: Query, *flags: str) -> None:
    due = int(time.time()) + HEAD_START
    query(rows_sql('many', SCHEDULES, YEAR, due))
    with Server(folder, '--gateway=off', *flags):
        deadline = due + FIRED_SECONDS_MAX
        while True:
            fired = int(query("SELECT COUNT(*) FROM runs WHERE recurring_run_id <> ''")[0][0])
            seen = time.time() - due
            if fired >= SCHEDULES:
                break
            if time.time() > deadline:
                raise RuntimeError(f'only {fired} of {SCHEDULES} have fired {FIRED_SECONDS_MAX} s after they were due')
            time.sleep(FIRED_POLL_SECONDS)
    more = query('SELECT COUNT(*) FROM'
                 ' (SELECT recurring_run_id FROM runs GROUP BY recurring_run_id HAVING COUNT(*) > 1) twice')
    late = query('SELECT MAX(decided_at_us - due_at_us) FROM schedule_ticks')
    bench.figure(f'all_fired_{kind}', seen, 's', versus='10 s', ratio=seen / 10, at_most=1)
    bench.figure(f'last_decided_{kind}', int(late[0][0]) / 1e6, 's')
    bench.figure(f'fired_twice_{kind}', int(more[0][0]), 'schedules')


def percentile(values: List[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def among_idle(bench: Bench, kind: str, folder: pathlib.Path, query: Query, *flags: str) -> None:
    begin = int(time.time()) + HEAD_START
    query(rows_sql('idle', SCHEDULES, YEAR, begin + YEAR))
    # Not all in the same second.
    for second in range(BUSY_INTERVAL):
        query(rows_sql(f'busy{second}', BUSY // BUSY_INTERVAL, BUSY_INTERVAL, begin + second))
    with Server(folder, '--gateway=off', *flags):
        while time.time() < begin + BUSY_SECONDS:
            time.sleep(POLL_SECONDS)
    decided = [int(row[0]) / 1e3 for row in query('SELECT decided_at_us - due_at_us FROM schedule_ticks')]
    started = [int(row[0]) / 1e3 for row in query(
        'SELECT a.started_at_us - r.scheduled_at_us FROM task_attempts a JOIN runs r ON r.run_id = a.run_id'
        " WHERE a.outcome = 'SUCCEEDED'")]
    bench.figure(f'jitter_p99_{kind}', percentile(decided, 0.99), 'ms', versus='50 ms',
                 ratio=percentile(decided, 0.99) / 50, at_most=1)
    bench.figure(f'jitter_p50_{kind}', percentile(decided, 0.5), 'ms')
    bench.figure(f'slot_to_process_p99_{kind}', percentile(started, 0.99), 'ms', versus='50 ms',
                 ratio=percentile(started, 0.99) / 50)
    bench.figure(f'slot_to_process_p50_{kind}', percentile(started, 0.5), 'ms')
    bench.figure(f'slots_{kind}', len(decided), 'slots')


def schedules(bench: Bench) -> None:
    """10,000 schedules due in the same second; and 20 that fire every 2 s among 10,000 that do not."""
    for name, measured in (('many', fire_all), ('idle', among_idle)):
        folder = bench.fresh(f'{name}-sqlite')
        prepare(folder)
        with sqlite_query(folder / 'data/penstock.db') as query:
            measured(bench, 'sqlite', folder, query)
    with postgres() as server:
        for name, measured in (('many', fire_all), ('idle', among_idle)):
            folder, flag = bench.fresh(f'{name}-postgres'), f'--database_url={database(server, name)}'
            prepare(folder, flag)
            measured(bench, 'postgres', folder,
                     lambda sql, name=name: [line.split('|') for line in server.sql(sql, name).splitlines()], flag)
