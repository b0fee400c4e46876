"""The build of the dashboard, which needs Go and no Node."""

import fcntl
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / 'dashboard'


def build(*arguments: str) -> None:
    environment = {**os.environ, 'PATH': f'{os.environ["PATH"]}:/usr/local/go/bin', 'HOME': str(pathlib.Path.home())}
    environment.setdefault('GOPATH', str(ROOT / 'build/go'))
    environment.setdefault('GOCACHE', str(ROOT / 'build/go/cache'))
    # One at a time: each fetches what is missing.
    lock = (ROOT / 'build/dashboard.lock').open('w')
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = subprocess.run(['go', 'run', '.', *arguments], cwd=SOURCES / 'build', capture_output=True, text=True,
                          env=environment, stdin=subprocess.DEVNULL, timeout=300)
    lock.close()
    away = ('dial tcp', 'lookup', 'timeout', 'connection refused', 'no registry')
    if done.returncode and any(word in done.stderr for word in away):
        pytest.skip(f'the registry of npm or of Go modules is not reached: {done.stderr[-300:]}')
    assert done.returncode == 0, done.stderr
