"""How fast runs are deleted, and their files removed."""

import http.client
import json
import os
import pathlib
import shutil
import sqlite3
import threading
import time
from typing import List, Tuple

from figures import Bench, median
from metadata import p99
from servers import Server, container_pipeline

RUNS, ARTIFACTS = int(os.environ.get('PENSTOCK_BENCH_DELETED_RUNS', '10000')), 10
RUNS_LEFT = 1_000  # that stay, and are listed meanwhile
BYTES = 100
LIST_SECONDS = 5
POLL_SECONDS = 0.05
RATE = 500  # runs a second

RUN_ID = "'01890000-0000-7000-8000-0000' || (10000000 + n)"
FILL = f"""
    INSERT INTO runs (run_id, experiment_id, namespace, display_name, description, storage_state, state,
        service_account, pipeline_id, pipeline_version_id, recurring_run_id, created_at_us, scheduled_at_us,
        finished_at_us, number)
      WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {RUNS + RUNS_LEFT - 1})
      SELECT {RUN_ID}, (SELECT experiment_id FROM experiments), '', 'run ' || n, '',
        CASE WHEN n < {RUNS} THEN 'ARCHIVED' ELSE 'AVAILABLE' END, 'SUCCEEDED', '', '', '', '', n + 1, n + 1, n + 1,
        n + 1
      FROM numbers;
    INSERT INTO run_configs (run_id, spec_sha256, parameters, pipeline_root)
      SELECT run_id, (SELECT spec_sha256 FROM specs LIMIT 1), '{{}}', '' FROM runs;
    INSERT INTO run_states (run_id, sequence, state, updated_at_us, error_code, error_message)
      SELECT run_id, s, 'SUCCEEDED', created_at_us, 0, ''
      FROM runs, (SELECT 1 AS s UNION ALL SELECT 2 UNION ALL SELECT 3);
    INSERT INTO tasks (run_id, task_id, parent_task_id, name, display_name, state, wait_reason, error_code,
        error_message, created_at_us, started_at_us, finished_at_us, number)
      SELECT run_id, 'task-' || a, '', 'task-' || a, '', 'SUCCEEDED', '', 0, '', 1, 1, 1,
        {RUNS + RUNS_LEFT} + r.number * {ARTIFACTS} + a
      FROM runs r, (WITH RECURSIVE t(a) AS (SELECT 0 UNION ALL SELECT a + 1 FROM t WHERE a < {ARTIFACTS - 1})
        SELECT a FROM t);
    INSERT INTO artifacts (artifact_id, uuid, run_id, namespace, name, description, schema_title, schema_version, uri,
        custom_path, metadata, size_bytes, content_sha256, content_stat, import_key, created_at_us)
      SELECT number, 'uuid-' || number, run_id, '', 'out', '', 'system.Dataset', '',
        'penstock://artifacts/bench/' || run_id || '/' || task_id || '/attempt/out', '', '{{}}', {BYTES}, '', '', '', 1
      FROM tasks;
    INSERT INTO artifact_tasks (run_id, task_id, direction, name, position, artifact_id, link_id, io_type,
        producer_task, role)
      SELECT run_id, task_id, 'OUTPUT', 'out', 0, number, number, 'OUTPUT', '', 'OWN' FROM tasks;
    INSERT INTO run_counts (scope, storage_state, state, runs)
      SELECT scope, storage_state, state, COUNT(*) FROM (SELECT 'all' AS scope, storage_state, state FROM runs
        UNION ALL SELECT 'experiment/' || experiment_id, storage_state, state FROM runs
        UNION ALL SELECT 'namespace/', storage_state, state FROM runs) GROUP BY scope, storage_state, state;
    INSERT INTO counters (name, value) VALUES ('artifacts', (SELECT COUNT(*) FROM artifacts));
    UPDATE counters SET value = 10000000 WHERE name = 'task_numbers';
"""


class Lists:
    """Lists runs until it is stopped, and notes how long each call took."""

    def __init__(self, port: int) -> None:
        self.times: List[float] = []
        self._connection = http.client.HTTPConnection('127.0.0.1', port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            self._connection.request('GET', '/apis/v2beta1/runs?page_size=20&sort_by=created_at%20desc')
            answer = self._connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f'ListRuns answers {answer.status}')
            self.times.append(time.monotonic() - begun)

    def __enter__(self) -> 'Lists':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()


def fill(server: Server) -> None:
    connection = sqlite3.connect(server.database)
    connection.executescript(f'PRAGMA cache_size = -1000000; BEGIN; {FILL} COMMIT; PRAGMA wal_checkpoint(TRUNCATE);')
    ids = [row[0] for row in connection.execute('SELECT run_id FROM runs')]
    connection.close()
    for run_id in ids:
        logs = server.data_dir / 'logs' / run_id
        logs.mkdir()
        for i in range(ARTIFACTS):
            folder = server.data_dir / 'artifacts/bench' / run_id / f'task-{i}' / 'attempt'
            folder.mkdir(parents=True)
            (folder / 'out').write_bytes(b'x' * BYTES)
            (logs / f'task-{i}-1.log').write_bytes(b'x')


def delete_all(server: Server) -> Tuple[float, float]:
    """Seconds of the calls, and until all is removed, from the first call on."""
    body = json.dumps({'action': 'DELETE', 'filter': json.dumps(
        {'predicates': [{'key': 'storage_state', 'operation': 'EQUALS', 'string_value': 'ARCHIVED'}]})})
    connection = http.client.HTTPConnection('127.0.0.1', server.http_port)
    begun, changed, token = time.monotonic(), 0, ''
    while changed < RUNS:
        path = '/apis/penstock/v1/runs:apply'
        request = json.dumps({**json.loads(body), 'page_token': token})
        connection.request('POST', path, request, {'Content-Type': 'application/json'})
        answer = json.loads(connection.getresponse().read())
        if not answer.get('changed'):
            raise RuntimeError(f'no run was deleted: {answer}')
        changed += int(answer['changed'])
        token = answer.get('next_page_token', '')
    calls = time.monotonic() - begun
    connection.close()
    reader = sqlite3.connect(f'file:{server.database}?mode=ro', uri=True)
    while reader.execute('SELECT COUNT(*) FROM content_removals WHERE due_at_us IS NOT NULL').fetchone()[0]:
        time.sleep(POLL_SECONDS)
    reader.close()
    return calls, time.monotonic() - begun


def raw_removal(folder: pathlib.Path) -> float:
    """Runs a second of shutil.rmtree on folders as those of the runs: the limit of the file system."""
    for run in range(RUNS // 10):
        for i in range(ARTIFACTS):
            inner = folder / 'artifacts' / str(run) / str(i) / 'attempt'
            inner.mkdir(parents=True)
            (inner / 'out').write_bytes(b'x' * BYTES)
            (folder / 'logs' / str(run)).mkdir(parents=True, exist_ok=True)
            (folder / 'logs' / str(run) / f'{i}.log').write_bytes(b'x')
    begun = time.monotonic()
    for run in range(RUNS // 10):
        shutil.rmtree(folder / 'artifacts' / str(run))
        shutil.rmtree(folder / 'logs' / str(run))
    return RUNS / 10 / (time.monotonic() - begun)


def deletions(bench: Bench) -> None:
    """Runs with 10 artifacts and 10 logs each are deleted, their files removed, and runs listed meanwhile."""
    raw = raw_removal(bench.fresh('raw'))
    folder = bench.fresh('runs')
    with Server(folder) as server:
        server.upload('noop', container_pipeline(1, '/bin/true'))
    fill(server)
    with Server(folder) as server:
        with Lists(server.http_port) as alone:
            time.sleep(LIST_SECONDS)
        with Lists(server.http_port) as beside:
            calls, removal = delete_all(server)
        left = len(list((server.data_dir / 'artifacts/bench').iterdir()))
        if left != RUNS_LEFT:
            raise RuntimeError(f'folders of {left} runs are left, not of {RUNS_LEFT}')
    bench.figure('calls that delete', RUNS / calls, 'runs/s', versus=f'{RATE} runs/s', ratio=RUNS / calls / RATE,
                 at_least=1)
    bench.figure('removal on disk, with the calls', RUNS / removal, 'runs/s', versus='shutil.rmtree',
                 ratio=RUNS / removal / raw, at_least=0.5, aim=0.9)
    bench.figure('ListRuns beside it, p99', p99(sorted(beside.times)) * 1e3, 'ms', versus='without',
                 ratio=p99(sorted(beside.times)) / p99(sorted(alone.times)))
    bench.figure('ListRuns beside it, median', median(beside.times) * 1e3, 'ms', versus='without',
                 ratio=median(beside.times) / median(alone.times))
