"""Looking at processes through /proc, and ending those of one test by id."""

import os
import pathlib
import signal
from typing import Dict, List, Optional

from waiting import wait_until


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    try:
        state = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ('Z', 'X')


def command_line(pid: int) -> List[str]:
    try:
        return pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().decode(errors='replace').split('\0')[:-1]
    except OSError:
        return []


def children(parent: int) -> Dict[int, List[str]]:
    """Direct children with their command lines."""
    found = {}
    for entry in pathlib.Path('/proc').iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent_id = int((entry / 'stat').read_text().rsplit(')', 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if parent_id == parent:
            found[int(entry.name)] = command_line(int(entry.name))
    return found


def child_named(parent: int, name: str) -> Optional[int]:
    return next((pid for pid, words in children(parent).items() if words and os.path.basename(words[0]) == name), None)


def mentioning(text: str) -> List[int]:
    """Processes other than this one whose command line, environment or working directory has `text`."""
    found = []
    for entry in pathlib.Path('/proc').iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            seen = (entry / 'cmdline').read_bytes() + (entry / 'environ').read_bytes()
            place = os.readlink(entry / 'cwd')
        except OSError:
            continue
        if text.encode() in seen or text in place:
            found.append(int(entry.name))
    return [pid for pid in found if alive(pid)]


def end_mentioning(text: str) -> None:
    """Kills what a test left behind. `text` is its private directory, so nothing else is hit."""
    for pid in mentioning(text):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_until(f'the end of all processes of {text}', lambda: not mentioning(text), timeout=10)
