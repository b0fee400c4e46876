"""A Penstock server of a test's own: private data directory, free ports, loopback only."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import Any, Dict, List, Optional

import kfp
import requests

import processes
from databases import Sqlite
from waiting import PATIENCE, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get('PENSTOCK_PROGRAMS', ROOT / 'build/release/bin'))
SERVER = PROGRAMS / 'penstock'
API = '/apis/v2beta1'
FINAL = ('SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELED')
READY_SECONDS = 30
STOP_SECONDS = 30 * PATIENCE


def environment(folder: pathlib.Path) -> Dict[str, str]:
    """What the server and the CLI see: nothing of the user's own settings."""
    home = folder / 'home'
    home.mkdir(parents=True, exist_ok=True)
    return {'PATH': os.environ['PATH'], 'HOME': str(home), 'LANG': 'C.UTF-8'}


class Server:
    # What all servers use that do not name a database themselves; set by the option --database.
    databases: Any = Sqlite()
    warm_python = 'on'  # likewise; set by the option --warm-python

    def __init__(self, folder: pathlib.Path, *flags: str) -> None:
        """`folder` holds the data directory and the server's log; `flags` come after the usual ones."""
        self.folder = folder
        self.data_dir = folder / 'data'
        self.log = folder / 'server.log'
        self.flags = list(flags)
        self.root = ''  # the pipeline root of runs that name none; empty: the data directory
        self.file_root: Optional[pathlib.Path] = None  # a directory in which runs may have their pipeline root
        self.variables: Dict[str, str] = {}  # of its environment, over the usual ones
        self.http_port = 0
        self.grpc_port = 0
        self.process: Optional['subprocess.Popen[bytes]'] = None
        folder.mkdir(parents=True, exist_ok=True)

    def command(self, *flags: str) -> List[str]:
        if not any(flag.startswith('--database_url=') for flag in (*self.flags, *flags)):
            url = self.databases.url_of(self.folder)
            flags = (*flags, f'--database_url={url}') if url else flags
        if not any(flag.startswith('--warm_python=') for flag in (*self.flags, *flags)):
            flags = (*flags, f'--warm_python={self.warm_python}')
        return [str(SERVER), f'--data_dir={self.data_dir}', f'--http_listen=127.0.0.1:{self.http_port}',
                f'--grpc_listen=127.0.0.1:{self.grpc_port}', f'--python={sys.executable}',
                f'--ready_file={self.folder / "ready.json"}', *self.flags, *flags]

    def launch(self, *flags: str) -> None:
        """Starts the process without waiting for it."""
        assert SERVER.exists(), f'{SERVER} is not built: run tests/run.sh e2e'
        (self.folder / 'ready.json').unlink(missing_ok=True)
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(self.command(*flags), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**environment(self.folder), **self.variables},
                                            start_new_session=True)

    def start(self, *flags: str) -> 'Server':
        self.launch(*flags)
        ready = wait_until(f'the server to be ready, log {self.log}', self._ready, READY_SECONDS)
        self.http_port, self.grpc_port = ready['http_port'], ready['grpc_port']
        assert ready['pid'] == self.pid
        return self

    def _ready(self) -> Optional[Dict[str, Any]]:
        assert self.process.poll() is None, f'the server ended with {self.process.returncode}:\n{self.log_tail()}'
        path = self.folder / 'ready.json'
        return json.loads(path.read_text()) if path.exists() else None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.http_port}'

    @property
    def gateway_pid(self) -> Optional[int]:
        return processes.child_named(self.pid, 'penstock-gateway')

    @property
    def artifacts_path(self) -> str:
        """A regular expression for where tasks leave artifacts: under the root, or what is uploaded to it from."""
        if self.root.startswith('s3://'):
            return re.escape(f'{self.data_dir}/work/runs/') + '[^/]+/[^/]+/artifacts'
        return re.escape(self.root[len('file://'):] or f'{self.data_dir}/artifacts')

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """The exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'the server did not end in {timeout:g} s:\n{self.log_tail()}') from None

    def stop(self) -> None:
        """Stops it as Ctrl-C does; it has to end by itself, and well."""
        gateway = self.gateway_pid
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.log_tail()
        if gateway:
            wait_until('the gateway to end with its server', lambda: not processes.alive(gateway), 10)

    def kill(self) -> None:
        """kill -9; returns when the server and the gateway, which must not stay alone, are gone."""
        gateway = self.gateway_pid
        self.signal(signal.SIGKILL)
        self.process.wait()
        if gateway:
            wait_until('the gateway to end after its server was killed', lambda: not processes.alive(gateway), 10)

    def close(self) -> None:
        """Ends everything that was started, however the test went."""
        if self.running():
            self.process.kill()
            self.process.wait()
        processes.end_mentioning(str(self.folder))

    def log_tail(self, lines: int = 40) -> str:
        text = self.log.read_text(errors='replace') if self.log.exists() else ''
        return '\n'.join(text.splitlines()[-lines:])

    # --- Talking to it ---

    def client(self) -> kfp.Client:
        return kfp.Client(host=self.url)

    def request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """A call below /apis/v2beta1, or from the root if the path says so."""
        arguments.setdefault('timeout', 30 * PATIENCE)
        full = path if path.startswith(('/apis/', '/metrics', '/openapi.json')) else API + path
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + full, **arguments)

    def ok(self, method: str, path: str, **arguments: Any) -> Any:
        """The JSON of an answer that has to be 200."""
        answer = self.request(method, path, **arguments)
        assert answer.status_code == 200, f'{method} {path}: {answer.status_code} {answer.text}'
        return answer.json()

    def create_run(self, spec: Dict[str, Any], name: str = 'run', **parameters: Any) -> str:
        body = {'display_name': name, 'pipeline_spec': spec, 'runtime_config': {'parameters': parameters}}
        return self.ok('POST', '/runs', json=body)['run_id']

    def run(self, run_id: str) -> Dict[str, Any]:
        return self.ok('GET', f'/runs/{run_id}')

    def tasks(self, run_id: str) -> Dict[str, Dict[str, Any]]:
        """The tasks of a run by display name."""
        details = self.run(run_id).get('run_details', {}).get('task_details', [])
        return {task['display_name']: task for task in details}

    def task_states(self, run_id: str) -> Dict[str, str]:
        return {name: task.get('state', '') for name, task in self.tasks(run_id).items()}

    def log_of(self, run_id: str, task_id: str) -> str:
        return self.request('GET', f'/runs/{run_id}/nodes/{task_id}/log').text

    def finish(self, run_id: str, timeout: float = 60) -> Dict[str, Any]:
        """The run when it has ended."""
        def ended() -> Optional[Dict[str, Any]]:
            run = self.run(run_id)
            return run if run.get('state') in FINAL else None
        try:
            return wait_until(f'run {run_id} to end', ended, timeout)
        except AssertionError as error:
            raise AssertionError(f'{error}; tasks {self.task_states(run_id)}') from None

    def succeed(self, run_id: str, timeout: float = 60) -> Dict[str, Any]:
        """The run, which has to succeed; what its failed tasks said otherwise."""
        run = self.finish(run_id, timeout)
        if run['state'] != 'SUCCEEDED':
            said = [f'{name} {task.get("state")}: {task.get("error", {}).get("message", "")}\n'
                    f'{self.log_of(run_id, task["task_id"])[-2000:]}'
                    for name, task in self.tasks(run_id).items() if task.get('state') != 'SUCCEEDED']
            raise AssertionError(f'the run is {run["state"]} {run.get("error", "")}\n' + '\n'.join(said))
        return run
