"""Images for pods of tests, made without a registry, as OCI archives that `ctr images import`, podman and docker read.

Each is cached by what goes into it, in $PENSTOCK_CACHE (~/.cache/penstock)."""

import fcntl
import hashlib
import importlib.metadata
import io
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

import machine

HERE = pathlib.Path(__file__).resolve().parent
PAUSE = 'localhost/pause:1'
TASK = 'docker.io/library/python:3.11'
LAUNCHER = 'localhost/penstock-launch:test'
BARE = 'localhost/bare:1'
SERVER_PROGRAMS = ('penstock', 'penstock-cli', 'penstock-gateway', 'penstock-kube', 'penstock-launch')
BUSYBOX = pathlib.Path('/bin/busybox')
PYTHON = pathlib.Path('/usr/bin/python3')
MEDIA = 'application/vnd.oci.image'
# Of the standard library, what no task needs.
LEFT_OUT = {'test', '__pycache__', 'idlelib', 'EXTERNALLY-MANAGED', 'site-packages', 'dist-packages'}
PIP = '#!/usr/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n'


def missing() -> Optional[str]:
    """Why images cannot be made here; None if they can."""
    # ldd succeeds for what is linked with libraries.
    if not BUSYBOX.exists() or subprocess.run(['ldd', BUSYBOX], capture_output=True, check=False).returncode == 0:
        return f'{BUSYBOX} is missing or not static: apt-get install busybox-static'
    if not PYTHON.exists():
        return f'{PYTHON} is missing: apt-get install python3'
    return None if shutil.which('cc') else 'cc is missing: apt-get install gcc libc6-dev'


class Layer:
    """Files of an image, by their paths in it."""

    def __init__(self) -> None:
        self.files: Dict[str, Tuple[pathlib.Path, int]] = {}
        self.texts: Dict[str, Tuple[bytes, int]] = {}
        self.links: Dict[str, str] = {}
        self.folders: Dict[str, int] = {}

    def file(self, to: str, source: pathlib.Path, mode: Optional[int] = None) -> None:
        self.files[to.strip('/')] = (source, (source.stat().st_mode & 0o755) if mode is None else mode)

    def text(self, to: str, text: str, mode: int = 0o644) -> None:
        self.texts[to.strip('/')] = (text.encode(), mode)

    def tree(self, to: str, source: pathlib.Path, left_out: Iterable[str] = ()) -> None:
        for folder, folders, names in os.walk(source):
            folders[:] = sorted(set(folders) - set(left_out))
            for name in sorted(set(names) - set(left_out)):
                path = pathlib.Path(folder, name)
                if path.is_file() and not name.endswith('.pyc'):
                    self.file(f'{to}/{path.relative_to(source)}', path)

    def key(self) -> str:
        """Changes when what is in the layer does."""
        sums = hashlib.sha256()
        for to, (source, mode) in sorted(self.files.items()):
            info = source.stat()
            sums.update(f'{to} {mode} {source} {info.st_size} {info.st_mtime_ns}\n'.encode())
        sums.update(json.dumps([sorted((to, text.decode(), mode) for to, (text, mode) in self.texts.items()),
                                sorted(self.links.items()), sorted(self.folders.items())]).encode())
        return sums.hexdigest()

    def write(self, archive: pathlib.Path) -> None:
        """The same bytes for the same files."""
        every = set(self.files) | set(self.texts) | set(self.links) | set(self.folders)
        for to in list(every):
            every.update(str(parent) for parent in pathlib.PurePosixPath(to).parents if str(parent) != '.')
        with tarfile.open(archive, 'w', format=tarfile.GNU_FORMAT) as tar:
            for to in sorted(every):
                entry = tarfile.TarInfo(to)
                if to in self.links:
                    entry.type, entry.linkname = tarfile.SYMTYPE, self.links[to]
                    tar.addfile(entry)
                elif to in self.texts:
                    text, entry.mode = self.texts[to]
                    entry.size = len(text)
                    tar.addfile(entry, io.BytesIO(text))
                elif to in self.files:
                    source, entry.mode = self.files[to]
                    entry.size = source.stat().st_size
                    with source.open('rb') as content:
                        tar.addfile(entry, content)
                else:
                    entry.type, entry.mode = tarfile.DIRTYPE, self.folders.get(to, 0o755)
                    tar.addfile(entry)


def _digest(path: pathlib.Path) -> str:
    sums = hashlib.sha256()
    with path.open('rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            sums.update(block)
    return f'sha256:{sums.hexdigest()}'


def _architecture() -> str:
    return {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine())


def _pack(layer: Layer, name: str, config: Dict[str, object], archive: pathlib.Path) -> None:
    """One archive of an image with one layer."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        content = pathlib.Path(folder, 'layer.tar')
        layer.write(content)
        layer_digest = _digest(content)
        blobs: Dict[str, bytes] = {}

        def blob(value: object) -> Dict[str, object]:
            text = json.dumps(value, sort_keys=True).encode()
            digest = 'sha256:' + hashlib.sha256(text).hexdigest()
            blobs[digest] = text
            return {'digest': digest, 'size': len(text)}

        made_of = blob({'architecture': _architecture(), 'os': 'linux', 'config': config,
                        'rootfs': {'type': 'layers', 'diff_ids': [layer_digest]}})
        manifest = blob({
            'schemaVersion': 2, 'mediaType': f'{MEDIA}.manifest.v1+json',
            'config': {'mediaType': f'{MEDIA}.config.v1+json', **made_of},
            'layers': [{'mediaType': f'{MEDIA}.layer.v1.tar', 'digest': layer_digest, 'size': content.stat().st_size}]})
        index = {'schemaVersion': 2, 'manifests': [{
            'mediaType': f'{MEDIA}.manifest.v1+json', **manifest,
            'annotations': {'io.containerd.image.name': name,
                            'org.opencontainers.image.ref.name': name.rpartition(':')[2]}}]}
        texts = {'oci-layout': b'{"imageLayoutVersion":"1.0.0"}', 'index.json': json.dumps(index).encode(),
                 **{f'blobs/sha256/{digest[7:]}': text for digest, text in blobs.items()}}
        with tarfile.open(archive, 'w') as tar:
            for path, text in texts.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text))
            tar.add(content, f'blobs/sha256/{layer_digest[7:]}')


def _cache() -> pathlib.Path:
    folder = machine.cache() / 'images'
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _cached(name: str, key: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """The file that `make` has made once for the key and this module's text."""
    own = hashlib.sha256(pathlib.Path(__file__).read_bytes() + key.encode()).hexdigest()[:16]
    path = _cache() / f'{name}-{own}'
    with (_cache() / f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            draft = path.with_name(f'{path.name}.part')
            make(draft)
            draft.rename(path)
    return path


def _image(name: str, layer: Layer, config: Dict[str, object],
           finish: Optional[Callable[[Layer], None]] = None) -> pathlib.Path:
    """`finish` adds to the layer what takes long to find, and follows from what is there."""
    label = re.sub('[^a-z0-9.]+', '-', name)
    key = layer.key() + name + json.dumps(config, sort_keys=True)

    def make(draft: pathlib.Path) -> None:
        if finish:
            finish(layer)
        _pack(layer, name, config, draft)
    return _cached(label, key, make)


def _static_program(source: pathlib.Path) -> pathlib.Path:
    def make(draft: pathlib.Path) -> None:
        subprocess.run(['cc', '-O2', '-static', '-o', str(draft), str(source)], check=True)
    return _cached(source.stem, source.read_text(), make)


def _environment(path: str) -> List[str]:
    return [f'PATH={path}']


# --- Images ---

def pause() -> pathlib.Path:
    """What holds a pod together."""
    layer = Layer()
    layer.file('/pause', _static_program(HERE / 'pause.c'), 0o755)
    return _image(PAUSE, layer, {'Entrypoint': ['/pause']})


def bare(name: str = BARE) -> pathlib.Path:
    """Only /task (bare.c): no shell, no /tmp, no /etc/passwd, and its user has a number only."""
    layer = Layer()
    layer.file('/task', _static_program(HERE / 'bare.c'), 0o755)
    return _image(name, layer, {'Entrypoint': ['/task'], 'User': '65534'})


def launcher(program: pathlib.Path, name: str = LAUNCHER) -> pathlib.Path:
    """Only penstock-launch."""
    layer = Layer()
    layer.file('/usr/local/bin/penstock-launch', program, 0o755)
    return _image(name, layer, {'Entrypoint': ['/usr/local/bin/penstock-launch'], 'User': '65534',
                                'Env': _environment('/usr/local/bin')})


def server(programs: pathlib.Path, name: str) -> pathlib.Path:
    """What deploy/Dockerfile makes, as far as a server needs it whose tasks are pods: the programs of the folder with
    this machine's libraries, and no Python."""
    layer = Layer()
    for program in SERVER_PROGRAMS:
        layer.file(f'/usr/local/bin/{program}', programs / program, 0o755)
    for folder, mode in (('tmp', 0o1777), ('var/lib/penstock', 0o755), ('proc', 0o755), ('sys', 0o755), ('dev', 0o755),
                         ('etc', 0o755)):
        layer.folders[folder] = mode
    layer.text('/etc/passwd', 'root:x:0:0:root:/root:/bin/false\n'
               'penstock:x:10001:10001::/var/lib/penstock:/bin/false\n')
    layer.text('/etc/group', 'root:x:0:\npenstock:x:10001:\n')
    config: Dict[str, object] = {'Entrypoint': ['penstock'], 'User': '10001:10001', 'WorkingDir': '/var/lib/penstock',
                                 'Env': [*_environment('/usr/local/bin'), 'HOME=/var/lib/penstock', 'LANG=C.UTF-8']}
    return _image(name, layer, config, _add_libraries)


def task(name: str = TASK, site_packages: Optional[pathlib.Path] = None, packages: Sequence[str] = ()) -> pathlib.Path:
    """busybox and this machine's python3, with what of `packages` and all that they require is in `site_packages`,
    which is of the same version of Python. With pip among them, pip finds that all is there."""
    layer = Layer()
    layer.file('/bin/busybox', BUSYBOX, 0o755)
    for applet in subprocess.run([BUSYBOX, '--list'], capture_output=True, text=True, check=True).stdout.split():
        if applet != 'busybox':
            layer.links[f'bin/{applet}'] = 'busybox'
    python = PYTHON.resolve()
    layer.file(f'/usr/bin/{python.name}', python, 0o755)
    layer.links['usr/bin/python3'] = layer.links['usr/bin/python'] = python.name
    layer.tree(f'/usr/lib/{python.name}', pathlib.Path('/usr/lib', python.name), LEFT_OUT)
    if site_packages is not None:
        _add_packages(layer, site_packages, packages)
    for folder, mode in (('tmp', 0o1777), ('var/tmp', 0o1777), ('proc', 0o755), ('sys', 0o755), ('dev', 0o755),
                         ('root', 0o700), ('etc', 0o755), ('usr/local/bin', 0o755)):
        layer.folders[folder] = mode
    layer.text('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n')
    layer.text('/etc/group', 'root:x:0:\nnogroup:x:65534:\n')
    layer.text('/etc/os-release', 'PRETTY_NAME="An image of tests"\n')
    config: Dict[str, object] = {'Env': _environment('/usr/local/bin:/usr/bin:/bin'), 'Cmd': ['/bin/sh']}
    return _image(name, layer, config, _add_libraries)


def _name(text: str) -> str:
    return re.sub('[-_.]+', '-', text).lower()


def _closure(site_packages: pathlib.Path, packages: Sequence[str]) -> List[importlib.metadata.Distribution]:
    """What the packages require, as far as it is there: what an extra or a marker asks for may not be."""
    there = {_name(found.metadata['Name']): found
             for found in importlib.metadata.distributions(path=[str(site_packages)])}
    found: Dict[str, importlib.metadata.Distribution] = {}
    asked: List[str] = []
    for package in packages:
        if _name(package) not in there:
            raise ValueError(f'{site_packages} has no package {package}')
        asked.append(_name(package))
    seen: Set[str] = set()
    while asked:
        name = asked.pop()
        if name in seen or name not in there:
            continue
        seen.add(name)
        found[name] = there[name]
        for requirement in there[name].requires or []:
            match = re.match(r'[A-Za-z0-9][A-Za-z0-9._-]*', requirement)
            if match and 'extra ==' not in requirement:
                asked.append(_name(match.group()))
    return [found[name] for name in sorted(found)]


def _add_packages(layer: Layer, site_packages: pathlib.Path, packages: Sequence[str]) -> None:
    to = '/usr/lib/python3/dist-packages'  # on the path of Debian's Python
    for distribution in _closure(site_packages, packages):
        for file in distribution.files or []:
            path = site_packages / file
            if '..' not in file.parts and '__pycache__' not in file.parts and path.is_file():
                layer.file(f'{to}/{file}', path)
    if f'{to}/pip/__init__.py'.strip('/') in layer.files:
        layer.text('/usr/local/bin/pip', PIP, 0o755)
        layer.text('/usr/local/bin/pip3', PIP, 0o755)


def _add_libraries(layer: Layer) -> None:
    """Those of this machine that the programs and modules of the layer are linked with."""
    linked = [str(source) for to, (source, _) in layer.files.items()
              if to.startswith(('usr/bin/', 'usr/local/bin/')) or '.so' in source.suffixes]
    said = subprocess.run(['ldd', *linked], capture_output=True, text=True, check=False).stdout
    for path in sorted(set(re.findall(r'(?:=> |^\s+)(/\S+) \(0x', said, re.MULTILINE))):
        if str(path).startswith(('/lib', '/usr/lib')):
            layer.file(path, pathlib.Path(path), 0o755)
