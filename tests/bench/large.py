"""Runs of many tasks: what they cost a task, and what memory they take."""

from typing import Any, Dict, List

from figures import Bench, median, median_ratio
from servers import CLIENT, PLAN, Server, container_pipeline, cpu_seconds, measure, resident_mb

TASKS_LARGE = 10_000
TASKS_SMALL = 100
SMALL_RUNS = 30
REPEATS = 9
SHAPES = ('loop', 'graphs', 'chain', 'wide')


def loop_pipeline(tasks: int, *command: str) -> Dict[str, Any]:
    pipeline = container_pipeline(1, *command)
    pipeline['components']['comp-one']['inputDefinitions'] = {'parameters': {
        'item': {'parameterType': 'NUMBER_INTEGER', 'isOptional': True}}}
    pipeline['root']['dag']['tasks']['task-0']['parameterIterator'] = {
        'itemInput': 'item', 'items': {'raw': str(list(range(tasks)))}}
    return pipeline


def chain_pipeline(tasks: int, *command: str) -> Dict[str, Any]:
    pipeline = container_pipeline(tasks, *command)
    for i in range(1, tasks):
        pipeline['root']['dag']['tasks'][f'task-{i}']['dependentTasks'] = [f'task-{i - 1}']
    return pipeline


PIPELINES = {'loop': loop_pipeline, 'chain': chain_pipeline}


def plan_costs(bench: Bench) -> None:
    for shape in SHAPES:
        pairs = [[measure(PLAN, shape, tasks) for tasks in (TASKS_LARGE, TASKS_SMALL)] for _ in range(REPEATS)]

        def of(side: int, metric: str) -> List[float]:
            return [pair[side][metric] for pair in pairs]

        bench.figure(f'{shape}_steps', median(of(0, 'us_per_task')), 'us/task', versus=f'{TASKS_SMALL} tasks',
                     ratio=median_ratio(of(0, 'us_per_task'), of(1, 'us_per_task')), at_most=1.5)
        bench.figure(f'{shape}_plan', median(of(0, 'plan_us_per_task')), 'us/task')
        bench.figure(f'{shape}_restore', median(of(0, 'restore_us_per_task')), 'us/task')
        bench.figure(f'{shape}_memory', median(of(0, 'bytes_per_task')), 'bytes/task')


def server_costs(bench: Bench, shape: str) -> None:
    with Server(bench.fresh(shape), '--max_parallel_tasks=8', '--gateway=off') as server:
        cpu = {}
        for tasks, runs in ((TASKS_SMALL, SMALL_RUNS), (TASKS_LARGE, 1)):
            version = server.upload(f'noop-{tasks}', PIPELINES[shape](tasks, '/bin/true'))
            before = cpu_seconds(server.pid)
            seconds = sum(measure(CLIENT, 'run', server.target, version)['seconds'] for _ in range(runs))
            cpu[tasks] = 1e6 * (cpu_seconds(server.pid) - before) / (tasks * runs)
            bench.figure(f'{shape}_{tasks}_rate', tasks * runs / seconds, 'tasks/s')
        peak = resident_mb(server.pid, 'VmHWM')
    bench.figure(f'{shape}_server_cpu', cpu[TASKS_LARGE], 'us/task', versus=f'{TASKS_SMALL} tasks',
                 ratio=cpu[TASKS_LARGE] / cpu[TASKS_SMALL], at_most=1.5)
    bench.figure(f'{shape}_server_memory_peak', peak, 'MiB', versus='150 MiB', ratio=peak / 150, at_most=1)


def large_runs(bench: Bench) -> None:
    """10,000 tasks that do nothing, as a loop and as a chain, against runs of 100: the planner alone, and a server."""
    plan_costs(bench)
    for shape in PIPELINES:
        server_costs(bench, shape)
