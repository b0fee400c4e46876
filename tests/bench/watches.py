"""Watches of runs: what they cost while nothing happens, and how soon a change is told."""

import json
import selectors
import socket
import subprocess
import time
import urllib.request
from typing import Dict, List

from figures import Bench
from servers import KFP_PYTHON, ROOT, Server, container_pipeline, cpu_seconds

PAGES = 100
WATCHERS = 1000
QUIET_SECONDS = 20
CHANGES = 60
TASKS = 40  # one after the other, each of which a browser sees end
WAITS_SECONDS = 120


class Watches:
    """Open streams of one address each, and when each has got something last."""

    def __init__(self, server: Server, paths: List[str]) -> None:
        self.selector = selectors.DefaultSelector()
        self.last: Dict[socket.socket, float] = {}
        for path in paths:
            stream = socket.create_connection(('127.0.0.1', server.http_port), 30)
            stream.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
            self.selector.register(stream, selectors.EVENT_READ)
            self.last[stream] = 0.0

    def hear(self, seconds: float) -> None:
        """Takes in what comes until nothing has come for that long."""
        while True:
            ready = self.selector.select(seconds)
            if not ready:
                return
            now = time.monotonic()
            for key, _ in ready:
                if not key.fileobj.recv(1 << 20):
                    raise RuntimeError('the server has ended a watch')
                self.last[key.fileobj] = now

    def close(self) -> None:
        for stream in self.last:
            stream.close()


def percentile(values: List[float], part: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * part // 100)]


def cpu(server: Server) -> float:
    return cpu_seconds(server.pid) + cpu_seconds(server.gateway_pid())


def call(server: Server, method: str, path: str, body: object = None) -> Dict:
    request = urllib.request.Request(f'http://127.0.0.1:{server.http_port}/apis/{path}', method=method,
                                     data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b'{}')


def start(server: Server, pipeline: Dict) -> str:
    return call(server, 'POST', 'v2beta1/runs', {'display_name': 'watched', 'pipeline_spec': pipeline})['run_id']


def waiting_run(server: Server) -> str:
    """A run that waits longer than the bench takes."""
    return start(server, container_pipeline(1, '/bin/sleep', str(WAITS_SECONDS)))


def quiet(bench: Bench, server: Server, run_id: str) -> None:
    watches = Watches(server, [f'/apis/penstock/v1/runs/{run_id}/status:watch'] * (PAGES // 2)
                      + ['/apis/penstock/v1/runs:watch?page_size=20'] * (PAGES // 2))
    watches.hear(2)
    before = cpu(server)
    time.sleep(QUIET_SECONDS)
    spent = (cpu(server) - before) / QUIET_SECONDS * 100
    watches.close()
    bench.figure(f'{PAGES}_quiet_pages', spent, '% of a CPU', versus='5 %', ratio=spent / 5, at_most=1)


def told(bench: Bench, server: Server, run_id: str, count: int) -> None:
    watches = Watches(server, [f'/apis/penstock/v1/runs/{run_id}:watch'] * count)
    watches.hear(3)
    first, all_of_them = [], []
    spent = cpu(server)
    for number in range(CHANGES):
        call(server, 'PATCH', f'penstock/v1/runs/{run_id}', {'description': f'change {number}'})
        committed = time.monotonic()
        watches.hear(0.3)
        first.append(1000 * (min(watches.last.values()) - committed))
        all_of_them.append(1000 * (max(watches.last.values()) - committed))
    spent = cpu(server) - spent
    watches.close()
    bench.figure(f'{count}_told_p95', percentile(all_of_them, 95), 'ms', versus='100 ms',
                 ratio=percentile(all_of_them, 95) / 100, at_most=1 if count <= PAGES else None)
    bench.figure(f'{count}_first_told_p95', percentile(first, 95), 'ms')
    bench.figure(f'{count}_cpu_a_change', 1000 * spent / CHANGES, 'ms')


def on_the_screen(bench: Bench, server: Server) -> None:
    chain = container_pipeline(TASKS, '/bin/sleep', '0.1')
    for number in range(1, TASKS):
        chain['root']['dag']['tasks'][f'task-{number}']['dependentTasks'] = [f'task-{number - 1}']
    run_id = start(server, chain)
    script = ROOT / 'tests/bench/dashboard_live.py'
    done = subprocess.run([str(KFP_PYTHON), str(script), f'http://127.0.0.1:{server.http_port}', run_id],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'dashboard_live.py failed: {done.stderr.strip()[-500:]}')
    late = json.loads(done.stdout)
    p95 = percentile(late, 95)
    bench.figure('on_the_screen_p95', p95, 'ms', versus='100 ms', ratio=p95 / 100, at_most=1)
    bench.figure('on_the_screen_median', percentile(late, 50), 'ms')


def watches(bench: Bench) -> None:
    """Streams of changes through the gateway: of pages where nothing happens, of 100 and 1,000 who watch one run, and
    until a browser shows it."""
    with Server(bench.fresh('server'), '--max_parallel_tasks=8') as server:
        run_id = waiting_run(server)
        quiet(bench, server, run_id)
        told(bench, server, run_id, PAGES)
        told(bench, server, run_id, WATCHERS)
        if subprocess.run([str(KFP_PYTHON), '-c', 'import playwright'], capture_output=True, check=False).returncode:
            bench.missing('on_the_screen', 'playwright is not installed: deploy/install_deps.sh --tests')
        else:
            on_the_screen(bench, server)
