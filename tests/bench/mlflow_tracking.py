"""MLflow's tracking API: Penstock against the server that MLflow ships, on SQLite both."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import time
from typing import Dict, Iterator, List, NamedTuple

import mlflow_wire
from figures import Bench, median, median_ratio
from mlflow_wire import Connection
from servers import KFP_PYTHON, ROOT, Server, cpu_seconds

RUNS = int(os.environ.get('PENSTOCK_BENCH_MLFLOW_RUNS', '50000'))
FILLERS = 8
LARGE_PAGE = 1000     # what the client asks for by itself
# What is measured: how often in a round, rounds, and how many times as fast as MLflow's server Penstock should be. A
# search takes MLflow's server minutes, and the same time again and again.
CALLS = {'log_metric': (25, 8, 5), 'log_batch': (2, 8, 20), 'search_20': (1, 1, 50),
         f'search_{LARGE_PAGE}': (1, 1, None)}
READY_SECONDS = 120
STOP_SECONDS = 30
POLL_SECONDS = 0.05
START_MS = 1_700_000_000_000

# Rows as MLflow's store would have written them: a run has four tags, three params and three metrics of one point each.
# The losses of the runs come in another order than their starts. Nothing asks SQLite for an ANALYZE, for MLflow never
# does; a database that somebody has analyzed by hand answers a filtered and ordered page several times as fast.
FILL = """
    INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,
        source_version, lifecycle_stage, artifact_uri, experiment_id)
      WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})
      SELECT printf('%032x', n), 'run ' || n, 'UNKNOWN', '', '', 'bench', 'RUNNING', {start} + n, '', 'active',
        'mlflow-artifacts:/{experiment}/' || printf('%032x', n) || '/artifacts', {experiment} FROM numbers;
    INSERT INTO tags (key, value, run_uuid)
      SELECT k, CASE k WHEN 'mlflow.runName' THEN name ELSE 'bench' END, run_uuid
      FROM runs, (SELECT 'mlflow.runName' AS k UNION ALL SELECT 'mlflow.user' UNION ALL SELECT 'mlflow.source.name'
        UNION ALL SELECT 'mlflow.source.type')
      WHERE experiment_id = {experiment};
    INSERT INTO params (key, value, run_uuid)
      SELECT k, 'value ' || (start_time % 100), run_uuid FROM runs, (SELECT 'p0' AS k UNION ALL SELECT 'p1'
        UNION ALL SELECT 'p2') WHERE experiment_id = {experiment};
    INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
      SELECT k, ((start_time - {start}) * 7919 % {runs}) * 1.0 / {runs}, start_time, 0, 0, run_uuid
      FROM runs, (SELECT 'loss' AS k UNION ALL SELECT 'accuracy' UNION ALL SELECT 'f1')
      WHERE experiment_id = {experiment};
    INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid)
      SELECT key, value, timestamp, step, is_nan, run_uuid FROM latest_metrics;
"""


class Peer(NamedTuple):
    """A tracking server that runs."""
    port: int
    pids: List[int]    # whose CPU time is its own


@contextlib.contextmanager
def mlflow_server(folder: pathlib.Path) -> Iterator[Peer]:
    """`mlflow server` with one worker, which is as fast for one caller as the four that it starts by itself."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    environment = {'PATH': os.environ['PATH'], 'HOME': str(folder), 'LANG': 'C.UTF-8', 'GIT_PYTHON_REFRESH': 'quiet',
                   'MLFLOW_DISABLE_TELEMETRY': 'true', 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION': 'false'}
    command = [str(KFP_PYTHON), '-m', 'mlflow', 'server', f'--backend-store-uri=sqlite:///{folder}/mlflow.db',
               f'--artifacts-destination={folder / "artifacts"}', '--host=127.0.0.1', f'--port={port}', '--workers=1']
    with (folder / 'log').open('ab') as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                   cwd=folder, start_new_session=True)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _listening(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f'mlflow server does not start: {(folder / "log").read_text()[-500:]}')
            time.sleep(POLL_SECONDS)
        yield Peer(port, _family(process.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def _family(pid: int) -> List[int]:
    """A process and those that it started."""
    children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    return [pid] + [each for child in children for each in _family(int(child))]


def fill_mlflow(folder: pathlib.Path) -> str:
    """The id of an experiment with RUNS runs. Through its API they would take MLflow an hour."""
    with mlflow_server(folder) as peer, Connection(peer.port) as connection:
        experiment = connection.json('/experiments/create', {'name': 'filled'})['experiment_id']
    database = sqlite3.connect(folder / 'mlflow.db')
    database.executescript('BEGIN;' + FILL.format(runs=RUNS, last=RUNS - 1, start=START_MS, experiment=experiment)
                           + 'COMMIT;')
    database.close()
    return experiment


def fill_penstock(port: int) -> str:
    """The same runs, through the API."""
    with Connection(port) as connection:
        experiment = connection.json('/experiments/create', {'name': 'filled'})['experiment_id']

    def add(first: int) -> None:
        with Connection(port) as connection:
            for n in range(first, RUNS, FILLERS):
                tags = [{'key': key, 'value': 'bench'} for key in (
                    'mlflow.user', 'mlflow.source.name', 'mlflow.source.type')]
                run = connection.json('/runs/create', {
                    'experiment_id': experiment, 'run_name': f'run {n}', 'start_time': START_MS + n, 'user_id': 'bench',
                    'tags': tags})['run']['info']['run_id']
                point = {'value': n * 7919 % RUNS / RUNS, 'timestamp': START_MS + n, 'step': 0}
                connection.json('/runs/log-batch', {
                    'run_id': run, 'metrics': [{'key': key, **point} for key in ('loss', 'accuracy', 'f1')],
                    'params': [{'key': f'p{i}', 'value': f'value {(START_MS + n) % 100}'} for i in range(3)]})
    with concurrent.futures.ThreadPoolExecutor(FILLERS) as pool:
        list(pool.map(add, range(FILLERS)))
    return experiment


class Caller:
    """One server as the bench calls it: with MLflow's client, which is a process, and without."""

    def __init__(self, peer: Peer, experiment: str) -> None:
        self._peer, self._experiment = peer, experiment
        self._steps = 0

    def __enter__(self) -> 'Caller':
        script = ROOT / 'tests/bench/mlflow_client.py'
        self._client = subprocess.Popen(
            [str(KFP_PYTHON), '-I', str(script), f'http://127.0.0.1:{self._peer.port}', self._experiment], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
        if self._client.stdout.readline() != 'ready\n':
            raise RuntimeError('mlflow_client.py does not start')
        with Connection(self._peer.port) as connection:
            run = connection.json('/runs/create', {'experiment_id': '0', 'start_time': START_MS})
        self._run = run['run']['info']['run_id']
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stdin.close()
        self._client.stdout.close()
        self._client.kill()
        self._client.wait()

    def by_client(self, name: str, count: int) -> float:
        """Median milliseconds of a call."""
        what, _, page = name.partition('search_')
        print(*(('search', count, page) if page else (what, count)), file=self._client.stdin, flush=True)
        answer = self._client.stdout.readline()
        if not answer:
            raise RuntimeError(f'mlflow_client.py failed in {name}')
        return 1e3 * median(json.loads(answer))

    def _requests(self, name: str, count: int) -> List[bytes]:
        numbers = range(self._steps, self._steps + count)
        self._steps += count
        if name == 'log_metric':
            return [mlflow_wire.log_metric(self._run, number) for number in numbers]
        if name == 'log_batch':
            return [mlflow_wire.log_batch(self._run, number) for number in numbers]
        return [mlflow_wire.search(self._experiment, int(name.partition('_')[2]))] * count

    def by_wire(self, name: str, count: int) -> Dict[str, float]:
        """Median milliseconds of a call without the client, and the server's CPU for one."""
        requests = self._requests(name, count)
        # A connection of its own, for MLflow's server closes one that was idle for some seconds.
        with Connection(self._peer.port) as connection:
            connection.json('/experiments/search', {'max_results': 1})
            before = sum(map(cpu_seconds, self._peer.pids))
            taken = connection.seconds(requests)
            cpu = sum(map(cpu_seconds, self._peer.pids)) - before
        return {'ms': 1e3 * median(taken), 'cpu_ms': 1e3 * cpu / count}

    def found(self) -> List[float]:
        """The losses that a search finds: both have to find the same."""
        with Connection(self._peer.port) as connection:
            page = json.loads(connection.call(mlflow_wire.search(self._experiment, 20)))
        return [metric['value'] for run in page['runs'] for metric in run['data']['metrics'] if metric['key'] == 'loss']


def show(bench: Bench, name: str, times_as_fast: int, results: Dict[str, Dict[str, List[float]]]) -> None:
    ours, theirs = results['penstock'], results['mlflow']
    bound = {'at_most': 1 / times_as_fast} if times_as_fast else {}
    bench.figure(f'{name}_server', median(ours['ms']), 'ms', versus='mlflow server',
                 ratio=median_ratio(ours['ms'], theirs['ms']), **bound)
    bench.figure(f'{name}_server_cpu', median(ours['cpu_ms']), 'ms', versus='mlflow server',
                 ratio=median_ratio(ours['cpu_ms'], theirs['cpu_ms']))
    bench.figure(f'{name}_client', median(ours['client']), 'ms', versus="mlflow server, both with MLflow's client",
                 ratio=median_ratio(ours['client'], theirs['client']))
    bench.figure(f'{name}_mlflow_server', median(theirs['ms']), 'ms')
    bench.figure(f'{name}_mlflow_client', median(theirs['client']), 'ms')


def mlflow(bench: Bench) -> None:
    """One caller of MLflow's API on SQLite, in turn with `mlflow server`: with its client, and with requests that are
    ready, whose time is the server's. Searches filter and order 50,000 runs by a metric."""
    if subprocess.run([str(KFP_PYTHON), '-c', 'import mlflow'], capture_output=True, check=False).returncode:
        bench.missing('mlflow', 'mlflow is not installed: deploy/install_deps.sh --tests')
        return
    folder = bench.fresh('mlflow')
    begun = time.monotonic()
    theirs = fill_mlflow(folder)
    with Server(bench.fresh('penstock')) as server, mlflow_server(folder) as peer:
        ours = fill_penstock(server.http_port)
        bench.figure('fill', time.monotonic() - begun, 's')
        own = Peer(server.http_port, [server.pid, server.gateway_pid()])
        with Caller(own, ours) as penstock, Caller(peer, theirs) as real:
            if penstock.found() != real.found():
                raise RuntimeError(f'the searches find {penstock.found()} and {real.found()}')
            callers = {'penstock': penstock, 'mlflow': real}
            for name, (count, rounds, times_as_fast) in CALLS.items():
                warm = 1 if rounds > 1 else 0  # rounds that are not counted
                results: Dict[str, Dict[str, List[float]]] = {who: {} for who in callers}
                for who, caller in [*callers.items()] * (rounds + warm):
                    values = {**caller.by_wire(name, count), 'client': caller.by_client(name, count)}
                    for key, value in values.items():
                        results[who].setdefault(key, []).append(value)
                for one in results.values():
                    for values in one.values():
                        del values[:warm]
                show(bench, name, times_as_fast, results)
