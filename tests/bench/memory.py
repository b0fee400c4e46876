"""What many requests at once need in memory: server and gateway together."""

import concurrent.futures
import json
import threading
import time
from typing import Any, Callable, Dict, Optional
from urllib import request

from figures import Bench
from servers import Server, container_pipeline, resident_mb

API = '/apis/v2beta1'
ALIASES = 64
UPLOADS = 100
UPLOAD_BYTES = 8_000_000
ANSWERS = 32
TASKS = 20_000
SETTLED_MB = 100
SETTLE_SECONDS = 60
CALL_SECONDS = 600
BOUNDARY = 'bench-memory'


class Load:
    """The most that both processes held while something was done, and what they hold when all has settled."""

    def __init__(self, server: Server) -> None:
        self._pids = (server.pid, server.gateway_pid())
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self.peak_mb = 0.0

    def now_mb(self) -> float:
        return sum(resident_mb(pid, 'VmRSS') for pid in self._pids)

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.peak_mb = max(self.peak_mb, self.now_mb())

    def run(self, count: int, call: Callable[[int], Any]) -> None:
        self._watcher.start()
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            list(pool.map(call, range(count)))
        self._ended.set()
        self._watcher.join()

    def settled_mb(self) -> float:
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.now_mb() > SETTLED_MB and time.monotonic() < deadline:
            time.sleep(0.5)
        return self.now_mb()


def call(server: Server, path: str, body: Optional[bytes] = None, kind: str = 'application/json') -> bytes:
    """An answer that is not 200 ends the bench: all have to be answered."""
    url = f'http://127.0.0.1:{server.http_port}{API}{path}'
    asked = request.Request(url, data=body, headers={'Content-Type': kind})
    with request.urlopen(asked, timeout=CALL_SECONDS) as answer:
        if path.startswith('/runs/'):
            while answer.read(1 << 20):
                pass
            return b''
        return answer.read()


def upload(server: Server, name: str, text: str) -> None:
    body = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="uploadfile"; filename="p.yaml"\r\n\r\n{text}\r\n'
            f'--{BOUNDARY}--\r\n').encode()
    call(server, f'/pipelines/upload?name={name}', body, f'multipart/form-data; boundary={BOUNDARY}')


def with_aliases(number: int) -> str:
    """A few hundred bytes that are 100,000 values when the aliases are expanded."""
    spec = container_pipeline(1, 'true')
    root = spec.pop('root')
    levels = [f'k0: &k0 [{", ".join([str(number)] * 10)}]']
    levels += [f'k{level}: &k{level} [{", ".join([f"*k{level - 1}"] * 10)}]' for level in range(1, 5)]
    return ''.join([
        f'{{{json.dumps(spec)[1:-1]}, "root": {{"dag": {json.dumps(root["dag"])}, "inputDefinitions": {{"parameters": ',
        '{"p": {"parameterType": "STRUCT", "isOptional": true, "defaultValue": {', ', '.join(levels), '}}}}}}'])


def of_size(number: int) -> str:
    spec = container_pipeline(1, 'true')
    lines = [f'{number}-{line}-' + 'x' * 1000 for line in range(UPLOAD_BYTES // 1010)]
    spec['deploymentSpec']['executors']['exec-one']['container']['args'] = lines
    return json.dumps(spec)


def gated_pipeline(gate: str) -> Dict[str, Any]:
    """Tasks that all wait for one, which waits for a file."""
    pipeline = container_pipeline(TASKS, 'sh', '-c', f'until [ -e {gate} ]; do sleep 0.1; done')
    for name, task in pipeline['root']['dag']['tasks'].items():
        if name != 'task-0':
            task['dependentTasks'] = ['task-0']
    return pipeline


def figures(bench: Bench, name: str, load: Load, most_mb: int) -> None:
    bench.figure(f'{name}_peak', load.peak_mb, 'MiB', versus=f'{most_mb} MiB', ratio=load.peak_mb / most_mb, at_most=1)
    settled = load.settled_mb()
    bench.figure(f'{name}_settled', settled, 'MiB', versus=f'{SETTLED_MB} MiB', ratio=settled / SETTLED_MB, at_most=1)


def memory(bench: Bench) -> None:
    """64 uploads with aliases, 100 of 8 MB, and 32 GetRun of 20,000 tasks, each at once, against what they may need."""
    for name, count, text, most_mb in (('aliases', ALIASES, with_aliases, 300), ('uploads', UPLOADS, of_size, 400)):
        with Server(bench.fresh(name)) as server:
            load = Load(server)
            load.run(count, lambda number, text=text: upload(server, f'{name}-{number}', text(number)))
            figures(bench, name, load, most_mb)
    with Server(bench.fresh('answers')) as server:
        body = {'display_name': 'large', 'pipeline_spec': gated_pipeline(str(server.folder / 'gate'))}
        run_id = json.loads(call(server, '/runs', json.dumps(body).encode()))['run_id']
        while json.loads(call(server, '/runs?page_size=1'))['runs'][0]['state'] != 'RUNNING':
            time.sleep(0.5)
        load = Load(server)
        load.run(ANSWERS, lambda _: call(server, f'/runs/{run_id}'))
        figures(bench, 'answers', load, 600)
        call(server, f'/runs/{run_id}:terminate', b'')
