"""A chain and a fan-out of ops that do next to nothing, in Dagster as it ships. For an interpreter that has Dagster.

    dagster_jobs.py CHAIN FAN OPS   for each word of its input, a line each, runs what is called so, and tells the
                                    seconds: `chain` and `fan` in this process with nothing kept, `_kept` with it kept
                                    in DAGSTER_HOME, `_processes` as a job that was launched, OPS with a process each
"""

import sys
import time
from typing import Callable

from dagster import DagsterInstance, JobDefinition, execute_job, job, op, reconstructable


@op
def start() -> int:
    return 1


@op
def step(x: int) -> int:
    return x + 1


def chain_of(count: int) -> JobDefinition:
    @job
    def chain() -> None:
        value = start()
        for _ in range(count - 1):
            value = step(value)
    return chain


def fan_of(count: int) -> JobDefinition:
    @job
    def fan() -> None:
        for _ in range(count):
            start()
    return fan


# A process of a job makes it anew: it finds it by its name in this file, and has the arguments of this process.
def launched_chain() -> JobDefinition:
    return chain_of(int(sys.argv[3]))


def launched_fan() -> JobDefinition:
    return fan_of(int(sys.argv[3]))


def launched(definition: Callable[[], JobDefinition], instance: DagsterInstance) -> bool:
    with execute_job(reconstructable(definition), instance=instance) as result:
        return result.success


def main() -> None:
    tasks, wide, _ = map(int, sys.argv[1:])
    chain, fan = chain_of(tasks), fan_of(wide)
    with DagsterInstance.get() as instance:
        known = {
            'chain': lambda: chain.execute_in_process().success,
            'fan': lambda: fan.execute_in_process().success,
            'chain_kept': lambda: chain.execute_in_process(instance=instance).success,
            'fan_kept': lambda: fan.execute_in_process(instance=instance).success,
            'chain_processes': lambda: launched(launched_chain, instance),
            'fan_processes': lambda: launched(launched_fan, instance)}
        for line in sys.stdin:
            begun = time.monotonic()
            if not known[line.strip()]():
                raise RuntimeError(f'{line.strip()} failed')
            print(time.monotonic() - begun, flush=True)


if __name__ == '__main__':
    main()
