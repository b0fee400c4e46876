"""Programs that the benches start: private servers on free ports, and what /proc says of them."""

import json
import os
import pathlib
import signal
import subprocess
import time
from typing import Any, Dict, List, Optional

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build/release'
PROGRAMS = pathlib.Path(os.environ.get('PENSTOCK_PROGRAMS', BUILD / 'bin'))
BENCHES = BUILD / 'bench'
CLIENT = BENCHES / 'penstock_bench_client'
STORE = BENCHES / 'penstock_bench_store'
PLAN = BENCHES / 'penstock_bench_plan'
START_TIME = BENCHES / 'penstock_bench_start_time'
KFP_PYTHON = ROOT / '.venv/bin/python'

READY_SECONDS = 30
STOP_SECONDS = 60
READY_POLL_SECONDS = 0.0005
POLL_SECONDS = 0.02
CPUCLOCK_SCHED = 2


def measure(program: pathlib.Path, *arguments: object) -> Dict[str, Any]:
    """Runs one of our programs, which prints its result as JSON."""
    result = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f'{program.name} {arguments[0]} failed: {result.stderr.strip()}')
    return json.loads(result.stdout)


def kfp(*words: object) -> Dict[str, Any]:
    """What kfp_pipelines.py says: it needs the SDK, which is not in this interpreter."""
    if not KFP_PYTHON.exists():
        raise RuntimeError(f'{KFP_PYTHON} is missing: deploy/install_deps.sh --tests makes it')
    result = subprocess.run([str(KFP_PYTHON), str(ROOT / 'tests/bench/kfp_pipelines.py'), *map(str, words)],
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f'kfp_pipelines.py {words[0]} failed: {result.stderr.strip()[-500:]}')
    return json.loads(result.stdout)


def resident_mb(pid: int, field: str = 'VmRSS') -> float:
    """Resident memory, in units of 1024 * 1024 bytes; with VmHWM the most that it was."""
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(f'{field}:'):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f'process {pid} has gone')


def cpu_seconds(pid: int) -> float:
    """Of all threads of the process, in its own code and in the kernel: utime and stime, to the nanosecond."""
    return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)  # the id that clock_getcpuclockid(3) gives


def _command_line(pid: int) -> List[str]:
    try:
        return pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().decode(errors='replace').split('\0')[:-1]
    except OSError:
        return []


class Server:
    """A server with a data directory of its own in `folder`; ends with the `with` block."""

    def __init__(self, folder: pathlib.Path, *flags: str) -> None:
        self.folder = folder
        self.data_dir = folder / 'data'
        self.flags = flags
        self.ready_seconds = 0.0
        self.http_port = 0
        self.process: Optional['subprocess.Popen[bytes]'] = None
        (folder / 'home').mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> 'Server':
        ready = self.folder / 'ready.json'
        ready.unlink(missing_ok=True)
        command = [str(PROGRAMS / 'penstock'), f'--data_dir={self.data_dir}', '--grpc_listen=127.0.0.1:0',
                   '--http_listen=127.0.0.1:0', '--log_level=warn', f'--ready_file={ready}', *self.flags]
        environment = {'PATH': os.environ['PATH'], 'HOME': str(self.folder / 'home'), 'LANG': 'C.UTF-8'}
        with (self.folder / 'server.log').open('ab') as log:
            begun = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            start_new_session=True)
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > begun + READY_SECONDS:
                self.__exit__()
                raise RuntimeError(f'the server does not start: {self._log_tail()}')
            time.sleep(READY_POLL_SECONDS)
        self.ready_seconds = time.monotonic() - begun
        ports = json.loads(ready.read_text())
        self.http_port = ports['http_port']
        self.tcp_target = f'127.0.0.1:{ports["grpc_port"]}'
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the server, which ends its gateway, and then what it would leave behind for its next start."""
        self._end(self.process, signal.SIGTERM)
        for pid in self.runner_pids():
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.runner_pids():
            if time.monotonic() > deadline:
                for pid in self.runner_pids():
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)

    @staticmethod
    def _end(process: 'subprocess.Popen[bytes]', number: int) -> None:
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def target(self) -> str:
        return f'unix:{self.data_dir}/penstock.sock'

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def database(self) -> pathlib.Path:
        return self.data_dir / 'penstock.db'

    def runner_pids(self) -> List[int]:
        """Supervisors of this data directory, which are not the server's children."""
        found = []
        for entry in pathlib.Path('/proc').iterdir():
            words = _command_line(int(entry.name)) if entry.name.isdigit() else []
            if words and words[0].endswith('penstock-runner') and any(str(self.data_dir) in word for word in words):
                found.append(int(entry.name))
        return found

    def gateway_pid(self) -> int:
        children = pathlib.Path(f'/proc/{self.pid}/task/{self.pid}/children')
        for text in [children.read_text()] if children.exists() else []:
            for pid in text.split():
                if _command_line(int(pid))[0].endswith('penstock-gateway'):
                    return int(pid)
        raise RuntimeError('the server has no gateway')

    def upload(self, name: str, pipeline: Dict[str, Any]) -> str:
        """The id of the version that the pipeline is stored as."""
        path = self.folder / f'{name}.json'
        path.write_text(json.dumps(pipeline))
        return measure(CLIENT, 'upload', self.target, name, path)['version_id']

    def _log_tail(self) -> str:
        return '\n'.join((self.folder / 'server.log').read_text(errors='replace').splitlines()[-10:])


def container_pipeline(tasks: int, *command: str) -> Dict[str, Any]:
    """Tasks that all run the same command and wait for nothing."""
    return {
        'pipelineInfo': {'name': 'bench'}, 'schemaVersion': '2.1.0', 'sdkVersion': 'kfp-2.17.0',
        'components': {'comp-one': {'executorLabel': 'exec-one'}},
        'deploymentSpec': {'executors': {'exec-one': {'container': {'image': 'none', 'command': list(command)}}}},
        'root': {'dag': {'tasks': {
            f'task-{i}': {'taskInfo': {'name': f'task-{i}'}, 'componentRef': {'name': 'comp-one'}, 'cachingOptions': {}}
            for i in range(tasks)}}}}


def cached_pipeline(tasks: int, *command: str) -> Dict[str, Any]:
    """The same, but no two tasks are equal: each has a number as its input. They ask for the cache."""
    pipeline = container_pipeline(tasks, *command)
    pipeline['components']['comp-one']['inputDefinitions'] = {
        'parameters': {'number': {'parameterType': 'NUMBER_INTEGER'}}}
    for i, task in enumerate(pipeline['root']['dag']['tasks'].values()):
        task['cachingOptions'] = {'enableCache': True}
        task['inputs'] = {'parameters': {'number': {'runtimeValue': {'constant': i}}}}
    return pipeline
