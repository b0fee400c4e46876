"""What several benches measure of a server."""

import pathlib
import statistics
from typing import Any, Dict

from servers import CLIENT, STORE, Server, cached_pipeline, container_pipeline, cpu_seconds, measure

TASKS = 1000
CALLERS = 64
CREATE_SECONDS = 3
CACHED_RUNS = 5
RAN_POLL_MILLIS, CACHED_POLL_MILLIS = 20, 1


def run_rate(folder: pathlib.Path, *flags: str) -> Dict[str, float]:
    with Server(folder, '--max_parallel_tasks=8', '--gateway=off', *flags) as server:
        version = server.upload('noop', container_pipeline(TASKS, '/bin/true'))
        runner = server.runner_pids()[0]
        before = cpu_seconds(server.pid), cpu_seconds(runner)
        seconds = measure(CLIENT, 'run', server.target, version)['seconds']
        return {'rate': TASKS / seconds, 'server_cpu': (cpu_seconds(server.pid) - before[0]) / TASKS,
                'runner_cpu': (cpu_seconds(runner) - before[1]) / TASKS}


def cache_rates(folder: pathlib.Path, *flags: str) -> Dict[str, float]:
    """Tasks a second of a run whose tasks all run, and of the same run again, whose tasks are all in the cache; from
    the call of CreateRun until a client sees the end."""
    with Server(folder, '--max_parallel_tasks=8', '--gateway=off', *flags) as server:
        version = server.upload('cached', cached_pipeline(TASKS, '/bin/true'))
        ran = measure(CLIENT, 'run_seen', server.target, version, RAN_POLL_MILLIS)['seconds']
        before = cpu_seconds(server.pid)
        again = [measure(CLIENT, 'run_seen', server.target, version, CACHED_POLL_MILLIS)['seconds']
                 for _ in range(CACHED_RUNS)]
        cpu = (cpu_seconds(server.pid) - before) / CACHED_RUNS / TASKS
        return {'ran': TASKS / ran, 'cached': TASKS / statistics.median(again), 'cpu': cpu}


def create_rate(folder: pathlib.Path, over_tcp: bool, *flags: str, callers: int = CALLERS) -> Dict[str, Any]:
    with Server(folder, '--gateway=off', *flags) as server:
        version = server.upload('noop', container_pipeline(1, '/bin/true'))
        before = cpu_seconds(server.pid)
        target = server.tcp_target if over_tcp else server.target
        result = measure(CLIENT, 'create', target, version, callers, CREATE_SECONDS)
        return {**result, 'cpu': cpu_seconds(server.pid) - before}


def fill(folder: pathlib.Path, runs: int) -> None:
    with Server(folder, '--role=server', '--gateway=off') as server:
        version = server.upload('noop', container_pipeline(1, '/bin/true'))
    measure(STORE, 'fill', server.database, version, runs)
