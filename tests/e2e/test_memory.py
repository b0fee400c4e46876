"""What is in work takes memory within bounds, and gives it back."""

import collections
import concurrent.futures
import json
import pathlib
import threading
from typing import Any, Callable, Dict, List

import pytest
import requests

from penstock import API, Server
from specs import Shell, shell_pipeline
from waiting import wait_until

pytestmark = pytest.mark.sqlite('memory is that of the processes')

MIB = 1 << 20
SETTLED_BYTES = 128 * MIB
SETTLED_SECONDS = 60


def resident(server: Server) -> int:
    """What server and gateway hold together."""
    pids = (server.pid, server.gateway_pid)
    return sum(int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]) * 4096 for pid in pids)


class Peak:
    """The most that they held meanwhile."""

    def __init__(self, server: Server) -> None:
        self.bytes = 0
        self._server, self._ended = server, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.bytes = max(self.bytes, resident(self._server))

    def __enter__(self) -> 'Peak':
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()


def at_once(count: int, call: Callable[[int], int]) -> Dict[int, int]:
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return dict(collections.Counter(pool.map(call, range(count))))


def upload(server: Server, name: str, text: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f'{server.url}{API}/pipelines/upload', params={'name': name}, timeout=300,
                            files={'uploadfile': ('p.yaml', text)}).status_code


def settles(server: Server, what: str, peak: Peak) -> None:
    wait_until(f'the memory after {what} to be given back', lambda: resident(server) < SETTLED_BYTES, SETTLED_SECONDS)
    print(f'{what}: {peak.bytes / MIB:.0f} MiB at most, {resident(server) / MIB:.0f} MiB after')


def with_aliases(number: int) -> str:
    """A small text of 10**5 values when its aliases are expanded."""
    levels = [f'k0: &k0 [{", ".join([str(number)] * 10)}]']
    levels += [f'k{level}: &k{level} [{", ".join([f"*k{level - 1}"] * 10)}]' for level in range(1, 5)]
    spec = shell_pipeline({'a': Shell('exit 0')}, name=f'aliases-{number}')
    root = spec.pop('root')
    return '\n'.join([
        f'{{{json.dumps(spec)[1:-1]}, "root": {{"dag": {json.dumps(root["dag"])}, "inputDefinitions": {{"parameters":',
        '{"p": {"parameterType": "STRUCT", "isOptional": true, "defaultValue": {', ',\n'.join(levels), '}}}}}}'])


def of_size(number: int, size: int) -> str:
    spec = shell_pipeline({'a': Shell('exit 0')}, name='large')
    lines: List[str] = [f'{number}-{line}-' + 'x' * 1000 for line in range(size // 1010)]
    spec['deploymentSpec']['executors']['exec-a']['container']['args'] = lines
    return json.dumps(spec)


def test_uploads_with_aliases(own_server: Server) -> None:
    with Peak(own_server) as peak:
        assert at_once(64, lambda n: upload(own_server, f'aliases-{n}', with_aliases(n))) == {200: 64}
    assert peak.bytes < 300 * MIB
    settles(own_server, '64 uploads with aliases', peak)


def test_large_uploads(own_server: Server) -> None:
    with Peak(own_server) as peak:
        assert at_once(50, lambda n: upload(own_server, f'large-{n}', of_size(n, 8 * MIB))) == {200: 50}
    assert peak.bytes < 400 * MIB
    settles(own_server, '50 uploads of 8 MiB', peak)


def test_answers_of_large_runs(make_server: Callable[..., Server], tmp_path: pathlib.Path) -> None:
    server, goes_on = make_server('--max_parallel_tasks=1').start(), tmp_path / 'end'
    tasks = {'gate': Shell(f'until [ -e {goes_on} ]; do sleep 0.1; done')}
    tasks.update({f't{number}': Shell('exit 0', after=['gate']) for number in range(19_998)})
    run_id = server.create_run(shell_pipeline(tasks))
    wait_until('the tasks of the run', lambda: len(server.tasks(run_id)) > 19_000, interval=1)

    def get(_: int) -> int:
        with requests.Session() as session, session.get(f'{server.url}{API}/runs/{run_id}', stream=True,
                                                        timeout=300) as answer:
            for _ in answer.iter_content(MIB):
                pass
            return answer.status_code
    with Peak(server) as peak:
        assert at_once(16, get) == {200: 16}
    assert peak.bytes < 600 * MIB
    print(f'16 answers of 20,000 tasks: {peak.bytes / MIB:.0f} MiB at most')
