"""A chain and a fan-out of tasks that add one, in Prefect as it ships: the process starts a server of its own and keeps
what ran in SQLite. For an interpreter that has Prefect.

    prefect_flows.py CHAIN FAN   for each word of its input, a line each, runs what is called so, and tells the seconds
"""

import sys
import time

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def step(x: int) -> int:
    return x + 1


@flow
def chain(count: int) -> int:
    value = 0
    for _ in range(count):
        value = step(value)
    return value


@flow(task_runner=ThreadPoolTaskRunner())
def fan(count: int) -> int:
    return sum(future.result() for future in [step.submit(i) for i in range(count)])


def main() -> None:
    tasks, wide = map(int, sys.argv[1:])
    known = {'chain': lambda: chain(tasks) == tasks, 'fan': lambda: fan(wide) == wide * (wide + 1) // 2}
    for line in sys.stdin:
        begun = time.monotonic()
        if not known[line.strip()]():
            raise RuntimeError(f'{line.strip()} did not do what it says')
        print(time.monotonic() - begun, flush=True)


if __name__ == '__main__':
    main()
