"""A PostgreSQL server of a test's own: on a Unix socket and loopback only, from Debian's package, gone afterwards.

As a program it serves whoever started it: it prints {"url": ..., "folder": ...} as one line once the server is ready,
and ends the server when its standard input is closed, however its parent ended. With `--find` it only says whether
PostgreSQL is installed.

    private_postgres.py [--durable]      --durable: syncs to disk, as for benchmarks
"""

import argparse
import glob
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from typing import List, Optional

START_SECONDS = 60
MEMORY_BYTES = 8 << 30
STOP_SECONDS = 30
SUPERUSER = 'penstock'


def binaries() -> Optional[pathlib.Path]:
    """The folder of the newest installed server's programs."""
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin/postgres'), key=lambda path: int(path.split('/')[4]))
    if found:
        return pathlib.Path(found[-1]).parent
    on_path = shutil.which('postgres')
    return pathlib.Path(on_path).resolve().parent if on_path and shutil.which('initdb') else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def scratch() -> str:
    """In memory if there is much of it: many databases are made, and removed again."""
    memory = pathlib.Path('/dev/shm')
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_BYTES else '/tmp'


class PrivatePostgres:
    """The server may be stopped, killed and started again at will; close() removes it."""

    def __init__(self, durable: bool = False) -> None:
        self.bin = binaries()
        if self.bin is None:
            raise RuntimeError('PostgreSQL is not installed: apt-get install postgresql')
        # Not in the caller's folder: the server runs as another user if we are root, and sockets need short paths.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='penstock-pg-', dir='/tmp' if durable else scratch()))
        self.folder.chmod(0o755)
        self.data = self.folder / 'data'
        self.port = free_port()
        self.user: Optional[pwd.struct_passwd] = None
        if os.geteuid() == 0:
            self.user = pwd.getpwnam('postgres')
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.process: Optional['subprocess.Popen[bytes]'] = None
        durability = [] if durable else ['--no-sync']
        self._run('initdb', '-D', str(self.data), '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8',
                  *durability)
        settings = ["listen_addresses = '127.0.0.1'", f'port = {self.port}', 'max_connections = 60',
                    f"unix_socket_directories = '{self.folder}'", 'autovacuum_naptime = 10s', 'max_wal_size = 4GB']
        if not durable:
            settings += ['fsync = off', 'synchronous_commit = on', 'full_page_writes = off']
        with (self.data / 'postgresql.conf').open('a') as config:
            config.write('\n'.join(settings) + '\n')

    def _as_user(self) -> dict:
        if self.user is None:
            return {}
        return {'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []}

    def _run(self, program: str, *arguments: str) -> None:
        answer = subprocess.run([str(self.bin / program), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, cwd=self.folder, timeout=120, **self._as_user())
        if answer.returncode != 0:
            raise RuntimeError(f'{program} failed: {answer.stderr.strip() or answer.stdout.strip()}')

    def start(self, *settings: str) -> 'PrivatePostgres':
        command: List[str] = [str(self.bin / 'postgres'), '-D', str(self.data)]
        for setting in settings:
            command += ['-c', setting]
        with (self.folder / 'server.log').open('ab') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            start_new_session=True, **self._as_user())
        self._wait()
        return self

    def _is_ready(self) -> bool:
        return subprocess.run([str(self.bin / 'pg_isready'), '-h', str(self.folder), '-p', str(self.port), '-q'],
                              stdin=subprocess.DEVNULL).returncode == 0

    def _wait(self) -> None:
        for _ in range(START_SECONDS * 20):
            if self._is_ready():
                return
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f'PostgreSQL ended:\n{(self.folder / "server.log").read_text()}')
        raise RuntimeError(f'PostgreSQL is not ready in {START_SECONDS} s')

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends sessions and stops cleanly, SIGQUIT is a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(STOP_SECONDS)
        self.process = None

    def close(self) -> None:
        try:
            self.stop(signal.SIGQUIT)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = 'postgres', tcp: bool = False) -> str:
        host = '127.0.0.1' if tcp else str(self.folder).replace('/', '%2F')
        return f'postgresql://{SUPERUSER}@{host}:{self.port}/{database}'

    def sql(self, statement: str, database: str = 'postgres', timeout: float = 60) -> str:
        """The rows that psql prints, unaligned; several statements are one transaction."""
        answer = subprocess.run([str(self.bin / 'psql'), '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', statement,
                                 self.url(database)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=timeout)
        if answer.returncode != 0:
            raise RuntimeError(answer.stderr.strip())
        return answer.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--durable', action='store_true')
    parser.add_argument('--find', action='store_true')
    arguments = parser.parse_args()
    if arguments.find:
        return 0 if binaries() else 1
    server = PrivatePostgres(arguments.durable)
    try:
        server.start()
        print(json.dumps({'url': server.url(), 'folder': str(server.folder)}), flush=True)
        sys.stdin.read()
    finally:
        server.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
