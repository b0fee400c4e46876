"""Measures Penstock. Started by run.sh, which builds what this needs."""

import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from typing import Callable, Dict, List

from command_line import command_line
from dashboard import dashboard
from watches import watches
from deletions import deletions
from figures import Bench, Figures, median, median_ratio
from install import install
from kubernetes import kubernetes
from large import chain_pipeline, large_runs
from lists import lists_postgres, lists_sqlite
from memory import memory
from metadata import large_metadata, metrics
from mlflow_tracking import mlflow
from object_stores import object_stores
from postgres import copy, create_run_postgres, noop_tasks_postgres, read_1m_postgres
from rates import CALLERS, CREATE_SECONDS, TASKS, cache_rates, create_rate, fill, run_rate
from rest import rest_cost
from schedules import schedules
from servers import (CLIENT, KFP_PYTHON, ROOT, START_TIME, STORE, Server, container_pipeline, cpu_seconds, kfp, measure,
                     resident_mb)
from warm_python import python

REPEATS = 3
RUNS_LARGE = 100_000
RUNS_SMALL = 1_000
FIRST_TASKS = 200
CHAIN_TASKS, CHAIN_ROUNDS = 150, 11
READ_ROUNDS = 700
STARTS = 5
PYTHON_ROUNDS = 31
PYTHON_WIDE = 20   # components of one run, each waits for none
VENV_TASKS = 2     # of these, run by kfp.local with a venv for each, which takes long
READ_REQUESTS = ('/apis/v2beta1/healthz', '/apis/v2beta1/runs?page_size=20', '/apis/v2beta1/experiments')


# --- noop_tasks ---

def ninja_rate(folder: pathlib.Path) -> float:
    """Commands a second of ninja with two jobs, which starts each through sh."""
    lines = ['rule noop', '  command = true', *(f'build out{i}: noop' for i in range(TASKS)), '']
    (folder / 'build.ninja').write_text('\n'.join(lines))
    begun = time.monotonic()
    subprocess.run(['ninja', '-j2', '-C', str(folder), '--quiet'], check=True, stdout=subprocess.DEVNULL)
    return TASKS / (time.monotonic() - begun)


def noop_tasks(bench: Bench) -> None:
    """1,000 tasks that do nothing in one run, 8 at a time; ninja before each."""
    ninja, runs = [], []
    for i in range(REPEATS + 2):
        ninja.append(ninja_rate(bench.fresh(f'ninja-{i}')))
        runs.append(run_rate(bench.fresh(f'server-{i}')))
    rates = [run['rate'] for run in runs]
    bench.figure('tasks', median(rates), 'tasks/s', versus='ninja -j2', ratio=median_ratio(rates, ninja), at_least=0.5,
                 aim=1.0)
    bench.figure('ninja_commands', median(ninja), 'commands/s')
    bench.figure('server_cpu_per_task', 1e6 * median([run['server_cpu'] for run in runs]), 'us')
    bench.figure('runner_cpu_per_task', 1e6 * median([run['runner_cpu'] for run in runs]), 'us')


# --- chain_tasks ---

def chain_tasks(bench: Bench) -> None:
    """150 tasks that do nothing, each behind the one before; as many processes, one by one, before each run."""
    spawn, chain = [], []
    with Server(bench.fresh('server'), '--gateway=off') as server:
        version = server.upload('chain', chain_pipeline(CHAIN_TASKS, '/bin/true'))
        for _ in range(CHAIN_ROUNDS):
            spawn.append(1e3 * measure(CLIENT, 'spawns', '/bin/true', CHAIN_TASKS)['seconds'] / CHAIN_TASKS)
            chain.append(1e3 * measure(CLIENT, 'run', server.target, version)['seconds'] / CHAIN_TASKS)
    bench.figure('task', median(chain), 'ms', versus='2 ms', ratio=median(chain) / 2, at_most=1, aim=0.6)
    bench.figure('task_to_spawn', median(chain), 'ms', versus='posix_spawn and wait', ratio=median_ratio(chain, spawn))
    bench.figure('spawn', median(spawn), 'ms')


# --- cache_hits ---

def cache_hits(bench: Bench) -> None:
    """1,000 tasks of one run that are all in the cache, against the run that ran them: /bin/true, 8 at a time."""
    plain, rounds = [], []
    for i in range(REPEATS):
        plain.append(cache_rates(bench.fresh(f'off-{i}'), '--cache=off')['ran'])
        rounds.append(cache_rates(bench.fresh(f'server-{i}')))
    ran, cached = [one['ran'] for one in rounds], [one['cached'] for one in rounds]
    bench.figure('hits', median(cached), 'tasks/s', versus='really running /bin/true', ratio=median_ratio(cached, ran),
                 at_least=20)
    bench.figure('hits_to_cache_off', median(cached), 'tasks/s', versus='running it with --cache=off',
                 ratio=median_ratio(cached, plain))
    bench.figure('misses', median(ran), 'tasks/s', versus='the same with --cache=off', ratio=median_ratio(ran, plain))
    bench.figure('server_cpu_per_hit', 1e6 * median([one['cpu'] for one in rounds]), 'us')


# --- first_task_latency ---

def first_task_latency(bench: Bench) -> None:
    """200 runs of one task that notes when it began; the same program spawned directly after each."""
    folder = bench.fresh('server')
    starts = folder / 'starts'
    with Server(folder, '--gateway=off') as server:
        version = server.upload('start-time', container_pipeline(1, str(START_TIME), str(starts)))
        result = measure(CLIENT, 'first_task', server.target, version, FIRST_TASKS, START_TIME, starts)
    task, spawn = result['task'], result['spawn']
    bench.figure('start_p50', task['p50'], 'ms', versus='10 ms', ratio=task['p50'] / 10, at_most=1)
    bench.figure('start_p99', task['p99'], 'ms', versus='posix_spawn p99', ratio=task['p99'] / spawn['p99'])
    bench.figure('spawn_p50', spawn['p50'], 'ms')
    bench.figure('spawn_p99', spawn['p99'], 'ms')


# --- create_run ---

def create_run(bench: Bench) -> None:
    """CreateRun of a stored version with 64 calls in flight; SQLite alone, in batches of 64, before each."""
    raw, store, unix, tcp, executing = [], [], [], [], []
    for i in range(REPEATS):
        raw.append(measure(STORE, 'raw', bench.fresh(f'raw-{i}') / 'raw.db', CALLERS, CREATE_SECONDS)['per_second'])
        unix.append(create_rate(bench.fresh(f'unix-{i}'), False, '--role=server'))
        store.append(measure(STORE, 'store', f'sqlite://{bench.fresh(f"store-{i}")}/s.db', CALLERS,
                             CREATE_SECONDS)['per_second'])
        tcp.append(create_rate(bench.fresh(f'tcp-{i}'), True, '--role=server'))
        # Created and executed at the same time: tasks take what they can of the machine.
        executing.append(create_rate(bench.fresh(f'executing-{i}'), False))
    peer = f'SQLite alone, {CALLERS} runs a commit'
    for name, results, wanted in (('creates_unix_socket', unix, {'at_least': 0.25, 'aim': 0.5}),
                                  ('creates_tcp', tcp, {'at_least': 0.25, 'aim': 0.5}),
                                  ('creates_while_executing', executing, {})):
        rates = [result['per_second'] for result in results]
        bench.figure(name, median(rates), 'creates/s', versus=peer, ratio=median_ratio(rates, raw), **wanted)
    bench.figure('store_without_grpc', median(store), 'creates/s', versus=peer, ratio=median_ratio(store, raw))
    bench.figure('sqlite_alone', median(raw), 'creates/s')
    bench.figure('latency_p50', median([result['latency_ms']['p50'] for result in unix]), 'ms')
    bench.figure('latency_p99', median([result['latency_ms']['p99'] for result in unix]), 'ms')


# --- read_100k ---

def read_100k(bench: Bench) -> None:
    """Reads by one caller, all in turn, of 100,000 and of 1,000 stored runs, and empty calls of the same servers."""
    folders = {RUNS_LARGE: bench.fresh('large'), RUNS_SMALL: bench.fresh('small')}
    for runs, folder in folders.items():
        fill(folder, runs)
    flags = ('--role=server', '--gateway=off')
    with Server(folders[RUNS_LARGE], *flags) as large, Server(folders[RUNS_SMALL], *flags) as small:
        results = [measure(CLIENT, 'read', large.target, small.target, READ_ROUNDS) for _ in range(REPEATS)]

    def of(side: str, call: str, part: str) -> List[float]:
        return [result[side][call][part] for result in results]

    empty, empty_p50 = of('large', 'empty', 'p99'), of('large', 'empty', 'p50')
    for call in results[0]['large']:
        if call == 'empty':
            continue
        p99, p50 = of('large', call, 'p99'), of('large', call, 'p50')
        bench.figure(f'{call}_p99', median(p99), 'ms', versus='empty call p99', ratio=median_ratio(p99, empty),
                     at_most=3)
        bench.figure(f'{call}_p50', median(p50), 'ms', versus='the same with 1,000 runs',
                     ratio=median_ratio(p50, of('small', call, 'p50')), at_most=1.3)
        # Other work on the machine shows in every p99, and hardly in this.
        bench.figure(f'{call}_p50_to_empty', median(p50), 'ms', versus='empty call p50',
                     ratio=median_ratio(p50, empty_p50))
    bench.figure('empty_p99', median(empty), 'ms')
    bench.figure('empty_p50', median(empty_p50), 'ms')


# --- idle ---

def http_get(port: int, path: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f'http://127.0.0.1:{port}{path}', timeout=10) as answer:
        answer.read()


def idle(bench: Bench) -> None:
    """A server with its gateway, after a few requests; started five times, each time on the same data directory."""
    folder = bench.fresh('server')
    with Server(folder) as server:
        first_seconds = server.ready_seconds
        server.upload('noop', container_pipeline(1, '/bin/true'))
    seconds, memory = [], []
    for _ in range(STARTS):
        with Server(folder) as server:
            for path in READ_REQUESTS:
                http_get(server.http_port, path)
            seconds.append(server.ready_seconds)
            memory.append([resident_mb(pid) for pid in (server.pid, server.gateway_pid(), server.runner_pids()[0])])
    resident = [median(values) for values in zip(*memory)]
    for (name, limit), value in zip((('server', 40), ('gateway', 30)), resident):
        bench.figure(f'{name}_resident', value, 'MiB', versus=f'{limit} MiB', ratio=value / limit, at_most=1)
    bench.figure('runner_resident', resident[2], 'MiB')
    bench.figure('ready', median(seconds), 's', versus='0.5 s', ratio=median(seconds) / 0.5, at_most=1)
    bench.figure('ready_first_time', first_seconds, 's', versus='0.5 s', ratio=first_seconds / 0.5)


# --- python_tasks ---

def wheel_in(folder: pathlib.Path) -> List[str]:
    """Words of a requirement that no index is asked for."""
    with zipfile.ZipFile(folder / 'bench_one-1.0-py3-none-any.whl', 'w') as archive:
        archive.writestr('bench_one.py', '')
        for name, text in (('METADATA', 'Metadata-Version: 2.1\nName: bench-one\nVersion: 1.0\n'),
                           ('WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'), ('RECORD', '')):
            archive.writestr(f'bench_one-1.0.dist-info/{name}', text)
    return ['--no-index', f'--find-links={folder}', 'bench-one']


def by_hand_seconds(folder: pathlib.Path, source: str) -> float:
    """What a component's command does in the end."""
    module, output = folder / 'component.py', folder / 'output'
    module.write_text(source)
    inputs = {'inputs': {'parameterValues': {'a': 1, 'b': 1}}, 'outputs': {
        'parameters': {'Output': {'outputFile': str(output)}}, 'outputFile': str(folder / 'executor_output.json')}}
    command = [str(KFP_PYTHON), '-m', 'kfp.dsl.executor_main', '--component_module_path', str(module),
               '--executor_input', json.dumps(inputs), '--function_to_execute', 'add']
    begun = time.monotonic()
    # In a session of its own, as a task: Linux shares out a busy machine by session.
    subprocess.run(command, env={**os.environ, '_KFP_RUNTIME': 'true'}, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    return time.monotonic() - begun


def task_seconds(server: Server, version: str) -> float:
    """The time of the only task of a new run, from its process's start to its end."""
    measure(CLIENT, 'run', server.target, version)
    with sqlite3.connect(server.database) as database:
        return database.execute('SELECT finished_at_us - started_at_us FROM task_attempts'
                                ' ORDER BY created_at_us DESC LIMIT 1').fetchone()[0] / 1e6


def python_tasks(bench: Bench) -> None:
    """Python components: one by one, against its command by hand in turn; 20 in one run, against kfp.local."""
    folder = bench.fresh('server')
    plain = kfp('compile', 1)
    source = plain['deploymentSpec']['executors']['exec-add']['container']['command'][-1]
    by_hand, tasks, packaged, runs, local_base = [], [], [], [], []
    with Server(folder, f'--python={KFP_PYTHON}', '--gateway=off', '--cache=off') as server:
        plain_version = server.upload('plain', plain)
        packaged_version = server.upload('packaged', kfp('compile', 1, *wheel_in(folder)))
        wide_version = server.upload('wide', kfp('compile', PYTHON_WIDE))
        task_seconds(server, plain_version)
        first = task_seconds(server, packaged_version)  # with the build
        for _ in range(PYTHON_ROUNDS):
            by_hand.append(by_hand_seconds(folder, source))
            tasks.append(task_seconds(server, plain_version))
            packaged.append(task_seconds(server, packaged_version))
        for i in range(REPEATS):
            runs.append(measure(CLIENT, 'run', server.target, wide_version)['seconds'])
            local_base.append(kfp('local', PYTHON_WIDE, 'base')['seconds'])
        local_venv = kfp('local', VENV_TASKS, 'venv')['seconds'] / VENV_TASKS * PYTHON_WIDE
    for name, values in (('component', tasks), ('component_with_packages', packaged)):
        bench.figure(name, 1e3 * median(values), 'ms', versus='executor_main by hand',
                     ratio=median_ratio(values, by_hand), at_most=1.2)
    bench.figure('by_hand', 1e3 * median(by_hand), 'ms')
    bench.figure('environment_build', first, 's')
    bench.figure('speedup_over_kfp_local', median(runs), 's', versus='kfp.local without venv, inverted',
                 ratio=median_ratio(local_base, runs), at_least=5)
    bench.figure('speedup_over_kfp_local_venv', median(runs), 's',
                 versus=f'kfp.local as it is, {VENV_TASKS} of {PYTHON_WIDE}, inverted',
                 ratio=local_venv / median(runs), at_least=20)
    bench.figure('kfp_local', median(local_base), 's')
    bench.figure('kfp_local_venv', local_venv, 's')


BENCHES: Dict[str, Callable[[Bench], None]] = {
    function.__name__: function
    for function in (noop_tasks, chain_tasks, cache_hits, first_task_latency, create_run, python_tasks,
                     read_100k, rest_cost, create_run_postgres, read_1m_postgres, noop_tasks_postgres, copy,
                     schedules, idle, large_runs, lists_sqlite, lists_postgres, memory, python, metrics, large_metadata,
                     mlflow, dashboard, watches, command_line, install, deletions,
                     object_stores, kubernetes)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='*', metavar='NAME', help=f'of {", ".join(BENCHES)}; none: all')
    parser.add_argument('--json', type=pathlib.Path, metavar='FILE', help='write one JSON object a line')
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHES]
    if unknown:
        parser.error(f'there is no bench {unknown[0]}; there are {", ".join(BENCHES)}')
    figures = Figures(arguments.json)
    print(f'{os.cpu_count()} processors. Medians of {REPEATS} or more; '
          'ratios are medians of pairs measured together.\n')
    with tempfile.TemporaryDirectory(prefix='data-', dir=ROOT / 'build/bench') as folder:
        for name in arguments.names or BENCHES:
            begun, load = time.monotonic(), os.getloadavg()[0]
            BENCHES[name](Bench(name, pathlib.Path(folder) / name, figures))
            print(f'{name}: {BENCHES[name].__doc__}')
            print(f'  {time.monotonic() - begun:.0f} s; load of the machine before: {load:.1f}')
            figures.show(name)
    missed = [f'{figure.bench} {figure.metric}' for figure in figures.all if figure.met == 'NOT MET']
    print('Floors not met: ' + ', '.join(missed) if missed else 'All floors are met.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
