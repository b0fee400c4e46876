"""Debian systems of a test's own, with almost nothing in them: debootstrap makes one once, and tests change copies."""

import fcntl
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
from typing import Callable, Dict, List, Optional

import pytest

from penstock import ROOT
from waiting import PATIENCE, wait_until

CACHE = ROOT / 'build/debian-roots'
PACKAGES = ('ca-certificates', 'python3', 'python3-venv')
MINUTES = 60 * PATIENCE
# What a command of the root sees: nothing of this machine's settings.
ENVIRONMENT = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root',
               'LANG': 'C.UTF-8', 'DEBIAN_FRONTEND': 'noninteractive'}
# /dev/shm is the root's own, since what a server keeps there has the user's number as its name.
INSIDE = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/dev/shm" && ' \
         'exec chroot "$0" "$@"'


def codename() -> str:
    """Of the Debian that this is; empty if it is none."""
    text = pathlib.Path('/etc/os-release').read_text()
    found = re.search(r'^VERSION_CODENAME=(\w+)', text, re.MULTILINE)
    return found.group(1) if found and re.search('^ID=debian$', text, re.MULTILINE) else ''


def mirror() -> str:
    """The archive that this machine's apt uses; empty if it has none."""
    asked = ['apt-get', 'indextargets', '--format', '$(CODENAME) $(COMPONENT) $(REPO_URI)', 'Created-By: Packages']
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return next((line.split()[2] for line in said.splitlines() if line.startswith(f'{codename()} main ')), '')


def missing() -> str:
    """Why there can be no such system here; empty if there can."""
    if os.geteuid() != 0:
        return 'a root of its own needs root: run this test as root'
    for program, package in (('debootstrap', 'debootstrap'), ('dpkg-shlibdeps', 'dpkg-dev')):
        if not shutil.which(program):
            return f'{program} is missing: deploy/install_deps.sh --tests installs {package}'
    if not codename():
        return 'this is no Debian, whose packages the programs need'
    if not mirror():
        return 'apt knows no archive of this Debian: apt-get update'
    if subprocess.run(['unshare', '--mount', 'true'], check=False, capture_output=True).returncode:
        return 'this machine allows no mounts, even to root'
    return ''


def run(*command: object, timeout: float = 10 * MINUTES, environment: Optional[Dict[str, str]] = None) -> str:
    """What a program prints; it has to succeed."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False, env=environment)
    assert done.returncode == 0, f'{command}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}'
    return done.stdout


def cached(name: str, description: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """A folder of that name that `make` fills once, and again when the description changes."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder, stamp, draft = CACHE / name, CACHE / f'{name}.made', CACHE / f'{name}.draft'
    with (CACHE / f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == description and folder.is_dir()):
            stamp.unlink(missing_ok=True)
            for old in (folder, draft):
                run('rm', '-rf', '--one-file-system', old)
            try:
                make(draft)
            except AssertionError as error:
                # Each of these needs the archive or the index of packages, which a machine may be without.
                if os.environ.get('CI'):
                    raise
                pytest.skip(f'NOT TESTED: {folder} cannot be made: {str(error)[-300:]}')
            draft.rename(folder)
            stamp.write_text(description)
    return folder


def base() -> pathlib.Path:
    """With Python and nothing else that Penstock could use."""
    def make(draft: pathlib.Path) -> None:
        run('debootstrap', '--variant=minbase', f'--include={",".join(PACKAGES)}', codename(), draft, mirror(),
            environment={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'})
        shutil.rmtree(draft / 'var/cache/apt/archives')
    return cached('base', f'{codename()} {PACKAGES}', make)


def with_packages(name: str, wanted: str) -> pathlib.Path:
    """The base with Debian packages, given as in the field Depends of a package."""
    packages = sorted(part.split()[0] for part in wanted.split(','))

    def make(draft: pathlib.Path) -> None:
        run('cp', '-a', base(), draft)
        root = DebianRoot(draft)
        # What this machine's apt says of proxies and mirrors of its own.
        for file in pathlib.Path('/etc/apt/apt.conf.d').glob('*proxy*'):
            shutil.copy(file, draft / 'etc/apt/apt.conf.d')
        shutil.copy('/etc/resolv.conf', draft / 'etc/resolv.conf')
        root('apt-get', 'update')
        root('apt-get', 'install', '--yes', '--no-install-recommends', *packages)
        root('apt-get', 'clean')
    return cached(name, f'{codename()} {packages}', make)


def wheelhouse() -> pathlib.Path:
    """Wheels of kfp and all that it needs, for the Python of the base, as deploy/requirements.txt has them."""
    requirements = ROOT / 'deploy/requirements.txt'
    version = run('/usr/bin/python3', '-V')
    assert version == DebianRoot(base())('python3', '-V'), 'the root has another Python than this machine'

    def make(draft: pathlib.Path) -> None:
        environment = CACHE / 'wheelhouse.venv'
        run('/usr/bin/python3', '-m', 'venv', '--clear', environment)
        # The tests have a home of their own, but what pip keeps in the user's is of use.
        kept = {'PIP_CACHE_DIR': f'{pwd.getpwuid(os.getuid()).pw_dir}/.cache/pip', **os.environ}
        run(environment / 'bin/python', '-m', 'pip', 'wheel', '--quiet', '--use-pep517', '--wheel-dir', draft,
            '--requirement', requirements, 'certifi', 'tzdata', environment=kept)
        shutil.rmtree(environment)
    return cached('wheelhouse', version + requirements.read_text(), make)


class DebianRoot:
    """Calls run a command in it. Its loopback is that of this machine, and its processes are this machine's."""

    def __init__(self, folder: pathlib.Path, template: Optional[pathlib.Path] = None) -> None:
        self.folder = folder
        if template:
            run('cp', '-a', '--reflink=auto', template, folder)

    def command(self, *words: object, network: bool = True) -> List[str]:
        separate = ['unshare', '--mount', '--propagation=private', *([] if network else ['--net'])]
        return [*separate, 'sh', '-c', INSIDE, str(self.folder), *map(str, words)]

    def __call__(self, *words: object, network: bool = True) -> str:
        return run(*self.command(*words, network=network), environment=ENVIRONMENT)

    def start(self, *words: object) -> 'subprocess.Popen[bytes]':
        """A process that goes on; its words are in server.log of the root."""
        with (self.folder / 'server.log').open('ab') as log:
            return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=ENVIRONMENT)

    def path(self, inside: str) -> pathlib.Path:
        return self.folder / inside.lstrip('/')

    def processes(self) -> List[int]:
        place, found = self.folder.stat(), []
        for entry in pathlib.Path('/proc').iterdir():
            try:
                if entry.name.isdigit() and os.path.samestat((entry / 'root').stat(), place):
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended
        return found

    def close(self) -> None:
        """Ends what runs in it, by process id, and removes it."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_until(f'the end of all processes in {self.folder}', lambda: not self.processes(), 10)
        run('rm', '-rf', '--one-file-system', self.folder)
