"""Pages of ListRuns of 1,000,000 runs, on both databases, and what that size does to CreateRun."""

import contextlib
import pathlib
from typing import Any, Callable, Dict, List, Tuple

from figures import Bench, median, median_ratio
from fill import FILL_SECONDS, fill_sql, fill_sqlite
from postgres import database, postgres
from servers import CLIENT, Server, container_pipeline, measure

LARGE = 1_000_000
SMALL = 10_000
ROUNDS = 4                # of each load
CREATE_ROUNDS = 3
CREATE_CALLERS = 64
CREATE_SECONDS = 3

Execute = Callable[[str], object]


def filled(folder: pathlib.Path, execute: Execute, runs: int, *flags: str) -> str:
    """The id of a version that runs can be made of, in a store with `runs` runs; 0: nothing else."""
    with Server(folder, '--role=server', '--gateway=off', *flags) as server:
        version = server.upload('noop', container_pipeline(1, '/bin/true'))
    if runs:
        execute(fill_sql(runs))
    return version


def words_of(server: Server, version: str, experiment: str) -> Tuple[object, ...]:
    return server.tcp_target, f'127.0.0.1:{server.http_port}', version, experiment


def show_pages(bench: Bench, kind: str, found: Dict[str, Any]) -> None:
    """One line a list and load, its three pages together."""
    large, small = found['large'], found['small']
    lists = [name for name in large['grpc'] if '.' not in name and name != 'empty']
    for load, limit in (('grpc', 5), ('rest', 15)):
        for name in lists:
            p99 = large[load][name]['p99']
            bench.figure(f'{kind}_{load}_{name}_p99', p99, 'ms', versus=f'{limit} ms', ratio=p99 / limit, at_most=1)
    for part in ('p50', 'p99'):
        bench.figure(f'{kind}_grpc_empty_{part}', large['grpc']['empty'][part], 'ms')
    for name in lists:
        bench.figure(f'{kind}_full_{name}_p99', large['full'][name]['p99'], 'ms', versus='empty call p99',
                     ratio=large['full'][name]['p99'] / large['full']['empty']['p99'], at_most=3)
    for name in lists:
        bench.figure(f'{kind}_grpc_{name}_p50', large['grpc'][name]['p50'], 'ms', versus='with 10,000 runs',
                     ratio=large['grpc'][name]['p50'] / small['grpc'][name]['p50'], at_most=1.3)
        bench.figure(f'{kind}_full_{name}_p50', large['full'][name]['p50'], 'ms', versus='with 10,000 runs',
                     ratio=large['full'][name]['p50'] / small['full'][name]['p50'], at_most=1.3)
        bench.figure(f'{kind}_full_{name}_p99_to_small', large['full'][name]['p99'], 'ms', versus='with 10,000 runs',
                     ratio=large['full'][name]['p99'] / small['full'][name]['p99'], at_most=1.3)
    slowest = max((name for name in large['grpc'] if '.' in name), key=lambda name: large['grpc'][name]['p50'])
    bench.figure(f'{kind}_slowest_page_p50 ({slowest})', large['grpc'][slowest]['p50'], 'ms')
    for name, one in large['substring'].items():
        said = ' (refused)' if one['refused'] else ''
        bench.figure(f'{kind}_substring_of_{name}{said}', one['ms']['p99'], 'ms', versus='50 ms',
                     ratio=one['ms']['p99'] / 50, at_most=1)


def measure_lists(bench: Bench, kind: str, stores: Dict[str, Tuple[Execute, Tuple[str, ...]]]) -> None:
    sizes = {'large': LARGE, 'small': SMALL, 'none': 0}
    folders = {name: bench.fresh(f'{kind}-{name}') for name in sizes}
    versions = {name: filled(folders[name], stores[name][0], runs, *stores[name][1]) for name, runs in sizes.items()}
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(Server(folders[name], '--role=server', *stores[name][1]))
                   for name in sizes}
        large = words_of(servers['large'], versions['large'], 'experiment-7')
        small = words_of(servers['small'], versions['small'], 'experiment-7')
        show_pages(bench, kind, measure(CLIENT, 'lists', *large, *small, ROUNDS))
        rates: Dict[str, List[float]] = {'large': [], 'none': []}
        for _ in range(CREATE_ROUNDS):
            for name, one in rates.items():
                words = words_of(servers[name], versions[name], 'experiment-7' if name == 'large' else '')
                one.append(measure(CLIENT, 'create_while_listed', *words, CREATE_CALLERS,
                                   CREATE_SECONDS)['per_second'])
    bench.figure(f'{kind}_creates_while_listed', median(rates['large']), 'creates/s', versus='on an empty store',
                 ratio=median_ratio(rates['large'], rates['none']), at_least=0.8)


def lists_sqlite(bench: Bench) -> None:
    """ListRuns of 1,000,000 runs on SQLite: 200 pages a second, and 8 readers as fast as they can, during writes."""
    def store(name: str) -> Tuple[Execute, Tuple[str, ...]]:
        path = bench.folder / f'sqlite-{name}/data/penstock.db'
        return lambda sql: fill_sqlite(path, sql), ()
    measure_lists(bench, 'sqlite', {name: store(name) for name in ('large', 'small', 'none')})


def lists_postgres(bench: Bench) -> None:
    """The same on PostgreSQL."""
    with postgres() as server:
        def store(name: str) -> Tuple[Execute, Tuple[str, ...]]:
            url = database(server, name)

            def execute(sql: str) -> None:
                server.sql(sql, name, FILL_SECONDS)
                server.sql('VACUUM ANALYZE', name, FILL_SECONDS)
            return execute, (f'--database_url={url}',)
        measure_lists(bench, 'postgres', {name: store(name) for name in ('large', 'small', 'none')})
