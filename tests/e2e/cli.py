"""The commands that a user types: penstock run, penstock logs and so on, as processes of a test's own."""

import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import threading
from typing import Any, Dict, List, Optional

import yaml

from penstock import SERVER, Server, environment
from waiting import PATIENCE, wait_until

SECONDS = 60 * PATIENCE


class Cli:
    """Types commands for a server; `folder` is a home of its own."""

    def __init__(self, folder: pathlib.Path, server: Optional[Server], **variables: str) -> None:
        self.folder = folder
        self.variables = {**environment(folder), 'PENSTOCK_PYTHON': sys.executable, **variables}
        if server:
            self.variables['PENSTOCK_SERVER'] = server.url

    def __call__(self, *words: object, code: int = 0, given: Optional[str] = None,
                 **variables: str) -> 'subprocess.CompletedProcess[str]':
        command = [str(SERVER), *map(str, words)]
        done = subprocess.run(command, env={**self.variables, **variables}, cwd=self.folder, input=given,
                              stdin=subprocess.DEVNULL if given is None else None, capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        assert done.returncode == code, f'{command}: {done.returncode}\n{done.stdout}\n{done.stderr}'
        # Never what only a programmer of it can read.
        assert 'goroutine' not in done.stderr and 'Traceback' not in done.stderr, done.stderr
        return done

    def says(self, *words: object, code: int = 0, **variables: str) -> str:
        return self(*words, code=code, **variables).stdout

    def json(self, *words: object, code: int = 0) -> Any:
        return json.loads(self.says(*words, '--json', code=code))

    def lines(self, *words: object, code: int = 0) -> List[Dict[str, Any]]:
        return [json.loads(line) for line in self.says(*words, '--json', code=code).splitlines()]

    def refused(self, *words: object, code: int = 2) -> str:
        done = self(*words, code=code)
        assert done.stderr.startswith('penstock: '), done
        return done.stderr

    def start(self, *words: object, terminal: bool = False) -> 'Running':
        return Running([str(SERVER), *map(str, words)], self.variables, self.folder, terminal)


class Running:
    """A command that goes on."""

    def __init__(self, command: List[str], variables: Dict[str, str], folder: pathlib.Path, terminal: bool) -> None:
        self.text = ''
        out = subprocess.PIPE
        if terminal:
            ours, out = pty.openpty()
            variables = {**variables, 'TERM': 'xterm', 'COLUMNS': '100', 'LINES': '30'}
        self.process = subprocess.Popen(command, env=variables, cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        if terminal:
            os.close(out)
        self._source = ours if terminal else self.process.stdout.fileno()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._source, 1 << 16)
            except OSError:  # what a terminal says when nobody writes to it any more
                return
            if not part:
                return
            self.text += part.decode(errors='replace')

    def until(self, word: str) -> str:
        wait_until(f'{word!r} of {self.process.args}', lambda: word in self.text or not self.runs())
        assert word in self.text, self.text
        return self.text

    def runs(self) -> bool:
        return self.process.poll() is None

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self, code: int = 0) -> str:
        """All that it said; it has to end by itself."""
        assert self.process.wait(SECONDS) == code, self.text
        self._reader.join(SECONDS)
        return self.text

    def close(self) -> None:
        if self.runs():
            self.process.kill()
        self.process.wait()


def package(folder: pathlib.Path, spec: Dict[str, Any], name: str = 'pipeline.yaml') -> pathlib.Path:
    path = folder / name
    path.write_text(yaml.safe_dump(spec))
    return path
