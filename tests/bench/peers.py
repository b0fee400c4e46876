"""Other programs that run Python steps, each as it ships, in a virtual environment and in processes of its own. pip
installs them when they are first asked for."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
from typing import Dict, NamedTuple, Optional

from servers import KFP_PYTHON, ROOT

INSTALLED = ROOT / 'build/bench/peers'
INSTALL_SECONDS = 900
ANSWER_SECONDS = 300
END_SECONDS = 30
ERROR_CHARACTERS = 120
NOWHERE = 'http://127.0.0.1:9'  # nothing listens to the port called discard


class Peer(NamedTuple):
    requirement: str  # another version is another figure: raise it with what is compared, never by itself
    script: str       # empty: it is a program of its own

    @property
    def folder(self) -> pathlib.Path:
        return INSTALLED / self.requirement


PREFECT = Peer('prefect==3.9.1', 'prefect_flows.py')
DAGSTER = Peer('dagster==1.13.29', 'dagster_jobs.py')


class NotMeasured(Exception):
    """Why a peer has no figures."""


def _kill(process: 'subprocess.Popen[str]') -> None:
    """With all that it started, which may hold its pipes open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _run(*command: object) -> None:
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   text=True, start_new_session=True)
        try:
            code = process.wait(INSTALL_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise NotMeasured(f'it takes more than {INSTALL_SECONDS} s') from late
        finally:
            _kill(process)
            process.wait()
        if code != 0:
            log.seek(0)
            raise NotMeasured(_last_line(log.read()))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines() or ['it says nothing']
    return lines[-1][:ERROR_CHARACTERS]


def install(peer: Peer) -> None:
    """Once; raises NotMeasured."""
    marker = peer.folder / 'installed'
    if marker.exists():
        return
    shutil.rmtree(peer.folder, ignore_errors=True)
    try:
        _run(KFP_PYTHON, '-m', 'venv', peer.folder)
        _run(peer.folder / 'bin/pip', 'install', '--quiet', '--disable-pip-version-check', peer.requirement)
    except NotMeasured as error:
        raise NotMeasured(f'pip cannot install {peer.requirement}: {error}') from error
    marker.touch()


def _environment(home: pathlib.Path) -> Dict[str, str]:
    """Nobody is told that a peer ran: each has its own word for that, and what does not listen to it meets a closed
    port instead of the network."""
    (home / 'dagster').mkdir(parents=True)
    (home / 'dagster/dagster.yaml').write_text('telemetry:\n  enabled: false\n')
    return {'PATH': os.environ['PATH'], 'HOME': str(home), 'LANG': 'C.UTF-8',
            'PREFECT_HOME': str(home / 'prefect'), 'PREFECT_SERVER_ANALYTICS_ENABLED': 'false', 'DO_NOT_TRACK': '1',
            'DAGSTER_HOME': str(home / 'dagster'), 'DAGSTER_DISABLE_TELEMETRY': 'yes',
            'http_proxy': NOWHERE, 'https_proxy': NOWHERE, 'no_proxy': '127.0.0.1,localhost'}


class RunningPeer:
    """The peer's script, which does what it is told while the `with` block lasts. `home` is a new folder of its own.
    What goes wrong raises NotMeasured."""

    def __init__(self, peer: Peer, home: pathlib.Path, *words: object) -> None:
        self._peer, self._home, self._words = peer, home, words
        self._process: Optional['subprocess.Popen[str]'] = None

    def __enter__(self) -> 'RunningPeer':
        install(self._peer)
        script = pathlib.Path(__file__).with_name(self._peer.script)
        # Isolated, for the peer is to find its own modules rather than those beside the script.
        command = [self._peer.folder / 'bin/python', '-I', script, *self._words]
        with self._log.open('w') as log:
            self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1,
                                             env=_environment(self._home), cwd=self._home, start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        """At the end of its input the script ends, and with it servers that it started in sessions of their own."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        _kill(self._process)
        self._process.wait()
        self._process.stdout.close()

    @property
    def _log(self) -> pathlib.Path:
        return self._home / 'log'

    def seconds(self, name: str) -> float:
        """How long it took the peer to do that once."""
        late = threading.Timer(ANSWER_SECONDS, _kill, [self._process])
        late.start()
        try:
            self._process.stdin.write(f'{name}\n')
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ''
        finally:
            late.cancel()
        if not answer:
            raise NotMeasured(f'{self._peer.requirement} fails: {_last_line(self._log.read_text(errors="replace"))}')
        return float(answer)
