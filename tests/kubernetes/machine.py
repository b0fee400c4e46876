"""What a cluster starts and changes on this machine, and how that is taken back."""

import contextlib
import fcntl
import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

CGROUPS = pathlib.Path('/sys/fs/cgroup')
# The kubelet sets the first three, the CNI plugin ptp the last.
SYSCTLS = ('vm.overcommit_memory', 'kernel.panic', 'kernel.panic_on_oops', 'net.ipv4.ip_forward')

KEPT_SYSCTLS = pathlib.Path('/dev/shm/penstock-kube-sysctls')


def wait_until(what: str, probe: Callable[[], Any], seconds: float) -> Any:
    """The first true value of `probe`; the error says what was waited for and what came last."""
    deadline = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f'waited {seconds:g} s for {what}; last seen: {seen!r}')
        time.sleep(0.05)


def run(*command: object, timeout: float = 120, check: bool = True) -> str:
    """What a program prints; the error has what it says."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False)
    if check and done.returncode:
        words = ' '.join(str(word) for word in command)[:500]
        raise RuntimeError(f'{words} ended with {done.returncode}: {(done.stdout + done.stderr)[-4000:]}')
    return done.stdout


def cache() -> pathlib.Path:
    """Where build.sh and images keep what they have made; a test's own HOME does not change it."""
    home = pathlib.Path(pwd.getpwuid(os.getuid()).pw_dir)
    return pathlib.Path(os.environ.get('PENSTOCK_CACHE') or home / '.cache/penstock')


# --- Processes ---

def start_time(pid: int) -> str:
    """Tells a process from a later one with its number; empty if there is none, or it only waits to be collected."""
    try:
        words = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    except (OSError, IndexError):
        return ''
    return '' if words[0] in 'ZX' else words[19]


def start(command: Sequence[object], log: pathlib.Path, folder: pathlib.Path,
          environment: Optional[Dict[str, str]] = None) -> Dict[str, Any]:
    """A process that outlives this one, as what `end` takes."""
    with log.open('ab') as out:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   cwd=folder, start_new_session=True, env=environment)
    return {'pid': process.pid, 'started': start_time(process.pid)}


def runs(record: Dict[str, Any]) -> bool:
    try:
        os.waitpid(record['pid'], os.WNOHANG)  # collects it if it is this process' own
    except ChildProcessError:
        pass
    return bool(record['started']) and start_time(record['pid']) == record['started']


def end(record: Optional[Dict[str, Any]], seconds: float = 10) -> None:
    """Ends a process politely, and by force after a while."""
    if not record:
        return
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
        if not runs(record):
            return
        if patience > 0:
            os.kill(record['pid'], number)
        try:
            wait_until(f'the end of process {record["pid"]}', lambda: not runs(record), patience)
        except TimeoutError:
            if number == signal.SIGKILL:
                raise


def kill_mentioning(text: str) -> None:
    """Kills processes with `text`, a private path, in their command line."""
    for entry in pathlib.Path('/proc').iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / 'cmdline').read_bytes().decode(errors='replace').split('\0')
        except OSError:
            continue
        if text in words:
            _kill(int(entry.name))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


# --- Ports, mounts, control groups, settings ---

def free_ports(count: int) -> int:
    """The first of that many ports in a row, below those that the kernel gives to clients."""
    first = int(pathlib.Path('/proc/sys/net/ipv4/ip_local_port_range').read_text().split()[0])
    for port in range(first - 1000 - os.getpid() % 5000, 10_000, -count):
        if all(_is_free(port + i) for i in range(count)):
            return port
    raise RuntimeError(f'there are no {count} free ports in a row')


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


def mounts_below(folder: pathlib.Path) -> List[str]:
    """Deepest first."""
    places = [line.split()[1] for line in pathlib.Path('/proc/mounts').read_text().splitlines()]
    return sorted((place for place in places if place.startswith(f'{folder}/')), reverse=True)


def unmount_below(folder: pathlib.Path) -> None:
    for place in mounts_below(folder):
        run('umount', place, check=False)
    for place in mounts_below(folder):
        run('umount', '--lazy', place, check=False)


def hierarchies() -> List[pathlib.Path]:
    """One of version 2, or those of version 1."""
    if (CGROUPS / 'cgroup.controllers').exists():
        return [CGROUPS]
    return [entry for entry in sorted(CGROUPS.iterdir()) if (entry / 'cgroup.procs').exists()]


def make_cgroup(name: str) -> None:
    """In each hierarchy, so that clusters have their own."""
    for hierarchy in hierarchies():
        folder = hierarchy / name
        folder.mkdir(exist_ok=True)
        for file in ('cpuset.cpus', 'cpuset.mems'):  # of version 1, where new ones are empty
            if (hierarchy / file).exists() and (folder / file).exists():
                (folder / file).write_text((hierarchy / file).read_text())
        if (hierarchy / 'cgroup.controllers').exists():
            all_of_them = ' '.join(f'+{name}' for name in (hierarchy / 'cgroup.controllers').read_text().split())
            for place in (hierarchy, folder):
                if all_of_them:
                    (place / 'cgroup.subtree_control').write_text(all_of_them)


def remove_cgroup(name: str) -> None:
    """With all below it, and what runs there."""
    for hierarchy in hierarchies():
        folders = [pathlib.Path(place) for place, _, _ in os.walk(hierarchy / name, topdown=False)]
        for folder in folders:
            for pid in (folder / 'cgroup.procs').read_text().split():
                _kill(int(pid))
        for folder in folders:
            wait_until(f'{folder} to be removed', lambda place=folder: _removed(place), 10)


def _removed(folder: pathlib.Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def keep_sysctls(memory: pathlib.Path) -> None:
    """Remembers the settings until the last of the clusters, each with a folder in memory, has given them back."""
    with _kept_sysctls() as kept:
        if not kept:
            kept['before'] = {name: _sysctl(name).read_text().strip() for name in SYSCTLS}
        kept['of'] = [*kept.get('of', []), str(memory)]


def give_back_sysctls(memory: pathlib.Path) -> None:
    with _kept_sysctls() as kept:
        if str(memory) not in kept.get('of', []):
            return
        kept['of'] = [other for other in kept['of'] if other != str(memory) and os.path.isdir(other)]
        if kept['of']:
            return
        for name, value in kept['before'].items():
            if _sysctl(name).read_text().strip() != value:
                _sysctl(name).write_text(value)
        kept.clear()


@contextlib.contextmanager
def _kept_sysctls() -> Iterator[Dict[str, Any]]:
    """What is remembered, for one cluster at a time; nothing is left when there is nothing to remember."""
    while True:
        with KEPT_SYSCTLS.open('a+') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not KEPT_SYSCTLS.exists() or KEPT_SYSCTLS.stat().st_ino != os.fstat(file.fileno()).st_ino:
                continue  # another one has removed it meanwhile
            file.seek(0)
            kept: Dict[str, Any] = json.loads(file.read() or '{}')
            yield kept
            file.truncate(0)
            file.write(json.dumps(kept))
            if not kept:
                KEPT_SYSCTLS.unlink()
            return


def _sysctl(name: str) -> pathlib.Path:
    return pathlib.Path('/proc/sys') / name.replace('.', '/')
