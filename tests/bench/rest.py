"""What a call over REST costs, beside the same over gRPC."""

import contextlib
import subprocess
from typing import Callable, Iterator, List

from figures import Bench, median, median_ratio
from postgres import database, postgres
from rates import fill
from servers import CLIENT, PROGRAMS, Server, container_pipeline, cpu_seconds

CALLS = ('get_run', 'list_default_first', 'create_run')  # as the client names them; the second is a page of 20
RUNS = 1_000
WARM_UP_CALLS = 500
ROUNDS = 45  # many and short, so that what disturbs the machine disturbs both ways alike
CALLS_A_ROUND = 100


@contextlib.contextmanager
def calls(command: str, target: str, call: str, version: str) -> Iterator[Callable[[int], None]]:
    """Makes as many calls as it is told, one after the other, over one connection."""
    with subprocess.Popen([str(CLIENT), command, target, call, version], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as client:
        def make(count: int) -> None:
            print(count, file=client.stdin, flush=True)
            if client.stdout.readline() != f'made {count}\n':
                raise RuntimeError(f'{command} {call} failed')
        yield make
        client.stdin.close()


def cost(make: Callable[[int], None], pids: List[int]) -> float:
    """Microseconds of the processes' CPU for a call."""
    before = sum(map(cpu_seconds, pids))
    make(CALLS_A_ROUND)
    return 1e6 * (sum(map(cpu_seconds, pids)) - before) / CALLS_A_ROUND


def measure_calls(bench: Bench, server: Server, name: str) -> None:
    """Each call both ways in turn, by one caller, after some that are not counted."""
    version = server.upload(f'again-{name}', container_pipeline(1, '/bin/true'))
    pids = [server.pid, server.gateway_pid()]
    for call in CALLS:
        grpc, rest, gateway = [], [], []
        with calls('calls', server.tcp_target, call, version) as by_grpc, \
                calls('rest_calls', f'127.0.0.1:{server.http_port}', call, version) as by_rest:
            by_grpc(WARM_UP_CALLS)
            by_rest(WARM_UP_CALLS)
            for _ in range(ROUNDS):
                grpc.append(cost(by_grpc, pids))
                before = cpu_seconds(pids[1])
                rest.append(cost(by_rest, pids))
                gateway.append(1e6 * (cpu_seconds(pids[1]) - before) / CALLS_A_ROUND)
        bench.figure(f'{name}_{call}_rest', median(rest), 'us', versus='the same over gRPC',
                     ratio=median_ratio(rest, grpc), at_most=2.5)
        bench.figure(f'{name}_{call}_gateway', median(gateway), 'us')
        bench.figure(f'{name}_{call}_grpc', median(grpc), 'us')


def rest_cost(bench: Bench) -> None:
    """CPU of server and gateway for a call over REST, and for it over gRPC; clients and PostgreSQL are not counted."""
    folder = bench.fresh('server')
    fill(folder, RUNS)
    with Server(folder, '--role=server') as server:
        measure_calls(bench, server, 'sqlite')
    with postgres() as database_server:
        url = database(database_server, 'rest')
        subprocess.run([str(PROGRAMS / 'penstock'), 'copy', f'sqlite://{folder}/data/penstock.db', url,
                        '--log_level=warn'], check=True, stdout=subprocess.DEVNULL)
        with Server(bench.fresh('postgres'), '--role=server', f'--database_url={url}') as server:
            measure_calls(bench, server, 'postgres')
