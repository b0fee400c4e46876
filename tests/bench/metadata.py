"""Metrics, lineage and what the engine writes of them, in large stores."""

import contextlib
import http.client
import json
import pathlib
import time
import urllib.parse
from typing import Any, Callable, Dict, Iterator, List, Tuple

from figures import Bench, median, median_ratio
from fill import FILL_SECONDS, fill_sql, fill_sqlite, numbers_to
from postgres import database, postgres
from servers import CLIENT, STORE, Server, container_pipeline, measure

CALLERS, LOG_SECONDS, ROUNDS = 8, 4, 3
RUNS = 1_000_000
POINTS = 10_000_000
ARTIFACTS = 1_000_000
DEPTH = 1_000
CALLS = 200

Execute = Callable[[str], object]
RUN = '01890000-0000-7000-8000-000010000000'  # the first of fill.py

# A value for each run, in an order that is neither that of their times nor of their ids; halves are 0.5 of an ordered
# double, 4602678819172646912, and steps of it follow each other.
METRICS = """
    INSERT INTO run_metrics (run_id, name, experiment_id, value, step, at_us)
      SELECT run_id, 'accuracy', experiment_id, 4602678819172646912 + (number * 7919) % {runs}, 0, 0 FROM runs;
"""
SERIES = """
    INSERT INTO metric_series (series_id, run_id, task_id, name, points, first_step, first_at_us, first_value,
        latest_step, latest_at_us, latest_value, least_step, least_at_us, least_value, greatest_step,
        greatest_at_us, greatest_value)
      VALUES (1, '{run}', '', 'loss', {points}, 0, 0, 0, {points} - 1, 0, 0, 0, 0, 0, 0, 0, 0);
    INSERT INTO metric_points (series_id, step, at_us, value) {numbers} SELECT 1, n, n, n FROM numbers;
"""
# Chains of tasks: each takes what the one before has made. They are DEPTH long, so the last artifact of one is made
# in as many steps.
LINEAGE = """
    INSERT INTO artifacts (artifact_id, uuid, run_id, namespace, name, description, schema_title, schema_version, uri,
        custom_path, metadata, size_bytes, content_sha256, content_stat, import_key, created_at_us)
      {numbers} SELECT n + 1, 'artifact-' || n, '{run}', '', 'data', '', 'system.Dataset', '', 'uri-' || n, '', '{{}}',
        1, '', '', '', n FROM numbers;
    INSERT INTO artifact_tasks (run_id, task_id, direction, name, position, artifact_id, link_id, io_type,
        producer_task, role)
      {numbers} SELECT '{run}', 'task-' || n, 'OUTPUT', 'out', 0, n + 1, 2 * n + 1, 'OUTPUT', '', 'OWN' FROM numbers;
    INSERT INTO artifact_tasks (run_id, task_id, direction, name, position, artifact_id, link_id, io_type,
        producer_task, role)
      {numbers} SELECT '{run}', 'task-' || n, 'INPUT', 'in', 0, n, 2 * n + 2, 'TASK_OUTPUT_INPUT', '', 'OWN'
      FROM numbers WHERE n % {depth} > 0;
    INSERT INTO tasks (run_id, task_id, parent_task_id, name, display_name, state, wait_reason, error_code,
        error_message, created_at_us, started_at_us, finished_at_us, number)
      {numbers} SELECT '{run}', 'task-' || n, '', 'task-' || n, 'task', 'SUCCEEDED', '', 0, '', 0, 0, 0, {runs} + n + 1
      FROM numbers;
"""


class Reader:
    """One kept connection to a server's HTTP port."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection('127.0.0.1', server.http_port)

    def get(self, path: str, **query: object) -> Dict[str, Any]:
        self.connection.request('GET', f'{path}?{urllib.parse.urlencode(query)}')
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f'GET {path}: {answer.status} {body[:300]!r}')
        return json.loads(body)

    def times(self, calls: int, path: str, **query: object) -> List[float]:
        """Milliseconds of each call."""
        taken = []
        for _ in range(calls):
            begun = time.perf_counter()
            self.get(path, **query)
            taken.append(1e3 * (time.perf_counter() - begun))
        return sorted(taken)


def p99(values: List[float]) -> float:
    return values[min(len(values) - 1, int(len(values) * 0.99))]


def log_rates(folder: pathlib.Path, *flags: str) -> Dict[str, Any]:
    with Server(folder, '--role=server', '--gateway=off', *flags) as server:
        version = server.upload('noop', container_pipeline(1, '/bin/true'))
        return measure(CLIENT, 'log_points', server.target, version, CALLERS, LOG_SECONDS)


def metrics(bench: Bench) -> None:
    """LogMetrics of 1,000 points over gRPC by 8 callers on SQLite, before each SQLite's own rate at the same rows."""
    raw, logged = [], []
    for i in range(ROUNDS):
        path = bench.fresh(f'raw-{i}') / 'raw.db'
        raw.append(measure(STORE, 'raw_points', path, 1000, LOG_SECONDS)['per_second'])
        logged.append(log_rates(bench.fresh(f'server-{i}')))
    rates = [one['per_second'] for one in logged]
    bench.figure('points', median(rates), 'points/s', versus='raw batches', ratio=median_ratio(rates, raw),
                 at_least=0.5, aim=0.8)
    bench.figure('batch_p99', median([one['latency_ms']['p99'] for one in logged]), 'ms')


@contextlib.contextmanager
def filled_sqlite(bench: Bench, sql: str) -> Iterator[Server]:
    folder = bench.fresh('sqlite')
    with Server(folder, '--role=server', '--gateway=off') as server:
        server.upload('noop', container_pipeline(1, '/bin/true'))
    fill_sqlite(folder / 'data/penstock.db', sql)
    with Server(folder, '--role=server') as server:
        yield server


@contextlib.contextmanager
def filled_postgres(bench: Bench, sql: str) -> Iterator[Server]:
    with postgres() as cluster:
        flags = (f"--database_url={database(cluster, 'large')}",)
        folder = bench.fresh('postgres')
        with Server(folder, '--role=server', '--gateway=off', *flags) as server:
            server.upload('noop', container_pipeline(1, '/bin/true'))
        cluster.sql(f'{sql} ANALYZE;', 'large', FILL_SECONDS)
        with Server(folder, '--role=server', *flags) as server:
            yield server


def show(bench: Bench, kind: str, reader: Reader) -> None:
    """Each call beside an empty one, which costs the same on its way."""
    empty = reader.times(CALLS, '/apis/v2beta1/healthz')
    bench.figure(f'{kind}_empty_call_p99', p99(empty), 'ms')
    for name, query in (
            ('all', {}), ('experiment', {'experiment_id': 'experiment-7'}),
            ('succeeded', {'filter': json.dumps({'predicates': [
                {'key': 'state', 'operation': 'EQUALS', 'string_value': 'SUCCEEDED'}]})})):
        taken = reader.times(CALLS, '/apis/v2beta1/runs', sort_by='metric:accuracy desc', page_size=20, **query)
        bench.figure(f'{kind}_page_by_metric_{name}_p99', p99(taken), 'ms', versus='20 ms', ratio=p99(taken) / 20,
                     at_most=1)
    taken = reader.times(20, f'/apis/penstock/v1/runs/{RUN}/metrics:read', name='loss', sample=1000)
    bench.figure(f'{kind}_sample_of_{POINTS}', median(taken), 'ms', versus='100 ms', ratio=median(taken) / 100,
                 at_most=1)
    for direction, artifact in (('UP', DEPTH * 500), ('DOWN', DEPTH * 500 + 1)):
        path = f'/apis/penstock/v1/artifacts/{artifact}/lineage'
        found = len(reader.get(path, direction=direction)['artifacts'])
        if found < DEPTH:
            raise RuntimeError(f'{found} artifacts of {DEPTH}')
        taken = reader.times(20, path, direction=direction)
        bench.figure(f'{kind}_lineage_{direction.lower()}_{DEPTH}_deep', median(taken), 'ms', versus='50 ms',
                     ratio=median(taken) / 50, at_most=1)


def large_metadata(bench: Bench) -> None:
    """Pages by a metric of 1,000,000 runs, a sample of 10,000,000 points, lineage in 1,000,000 artifacts, over REST."""
    sizes = {'runs': RUNS, 'points': POINTS, 'run': RUN, 'depth': DEPTH}
    sql = (fill_sql(RUNS) + METRICS.format(**sizes) + SERIES.format(**sizes, numbers=numbers_to(POINTS)) +
           LINEAGE.format(**sizes, numbers=numbers_to(ARTIFACTS)))
    for kind, filled in (('sqlite', filled_sqlite), ('postgres', filled_postgres)):
        with filled(bench, sql) as server:
            show(bench, kind, Reader(server))
