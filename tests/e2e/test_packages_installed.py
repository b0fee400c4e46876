"""The wheel and the Debian package on a Debian that has next to nothing: installed, used, upgraded, removed."""

import importlib.util
import json
import pathlib
import re
import shutil
import signal
import subprocess
import time
import zipfile
from typing import Any, Dict, Iterator

import pytest
import requests

import debian_roots
import specs
from debian_roots import DebianRoot, run
from penstock import API, FINAL, ROOT
from waiting import PATIENCE, wait_until

pytestmark = [
    pytest.mark.sqlite('it is about installing'),
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.xdist_group('build'),  # the packages are made of build/release; one at a time
]
needs_root = pytest.mark.skipif(bool(debian_roots.missing()), reason=f'NOT TESTED: {debian_roots.missing()}')
VERSION = re.search(r'^project\(penstock VERSION ([\d.]+)', (ROOT / 'CMakeLists.txt').read_text(), re.M).group(1)
FREE = ('--port', '0', '--grpc_port', '0')
PENSTOCK = '/opt/venv/bin/penstock'
PIP_OFFLINE = ('/opt/venv/bin/python', '-m', 'pip', 'install', '--no-index', '--find-links=/wheels')
PIPELINE = '''
from kfp import dsl

@dsl.component
def greet(name: str) -> str:
    print(f'Hello, {name}')
    return f'Hello, {name}'

@dsl.pipeline(name='greeting')
def pipeline(name: str = 'root'):
    greet(name=name)
'''


def get(url: str, accept: str = '*/*') -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, headers={'Accept': accept}, timeout=30 * PATIENCE)
    assert answer.status_code == 200, f'{url}: {answer.status_code} {answer.text}'
    return answer


def assert_dashboard(url: str) -> None:
    page = get(f'{url}/', accept='text/html')
    assert page.headers['content-type'].startswith('text/html') and '<title>Penstock' in page.text


def ended(url: str, run_id: str) -> Dict[str, Any]:
    """The run, when it has."""
    def look() -> Any:
        found = get(f'{url}{API}/runs/{run_id}').json()
        return found if found.get('state') in FINAL else None
    return wait_until(f'run {run_id} to end', look)


def say_time(what: str, begun: float) -> None:
    """For people; the bench `install` measures it."""
    print(f'{what}: {time.monotonic() - begun:.1f} s')


def packed(script: str, ending: str, folder: pathlib.Path) -> pathlib.Path:
    """The package that a script of deploy/ makes."""
    run(ROOT / 'deploy' / script, '--output', folder)
    made, = folder.glob(f'*{ending}')
    return made


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return packed('wheel.sh', '.whl', tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def debian_package(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return packed('debian.sh', '.deb', tmp_path_factory.mktemp('debian'))


@pytest.fixture(scope='module')
def root_with_wheel(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRoot]:
    root = DebianRoot(tmp_path_factory.mktemp('roots') / 'wheel', debian_roots.base())
    try:
        run('cp', '-r', debian_roots.wheelhouse(), root.path('/wheels'))
        run('cp', wheel, root.path('/wheels'))
        shutil.rmtree(root.path('/usr/share/zoneinfo'))  # as where tzdata is not installed
        yield root
    finally:
        root.close()


def install(root: DebianRoot) -> None:
    begun = time.monotonic()
    root('python3', '-m', 'venv', '/opt/venv')
    root(*PIP_OFFLINE, 'penstock', network=False)
    say_time('pip install', begun)


def up(root: DebianRoot) -> str:
    return json.loads(root(PENSTOCK, 'up', '--detach', '--json', *FREE))['url']


@needs_root
def test_from_pip_install_to_a_run(root_with_wheel):
    root = root_with_wheel
    assert not list(root.path('/usr/lib').glob('*/libcurl.so*'))
    install(root)
    assert root(PENSTOCK, '--version') == f'penstock {VERSION}\n'
    assert root('/opt/venv/bin/python', '-m', 'penstock', '--version') == f'penstock {VERSION}\n'

    begun = time.monotonic()
    url = up(root)
    say_time('penstock up', begun)
    assert_dashboard(url)

    root.path('/greet.py').write_text(PIPELINE)
    begun = time.monotonic()
    made = json.loads(root(PENSTOCK, 'run', '/greet.py', '--param', 'name=wheel', '--wait', '--json'))
    say_time('penstock run', begun)
    seen = get(f'{url}{API}/runs/{made["run_id"]}').json()
    assert seen['state'] == 'SUCCEEDED'
    assert 'Hello, wheel' in root(PENSTOCK, 'logs', made['run_id'])
    # The machine has no time zones; the wheel brought them along.
    answer = requests.post(f'{url}/apis/penstock/v1/recurringruns:preview', timeout=30 * PATIENCE, json={
        'trigger': {'cron_schedule': {'cron': '30 2 * * *'}}, 'time_zone': 'Europe/Berlin', 'count': 1})
    assert answer.status_code == 200 and answer.json()['time_zone'] == 'Europe/Berlin', answer.text
    root(PENSTOCK, 'down')


@needs_root
def test_tasks_outlive_an_upgrade(root_with_wheel):
    root = root_with_wheel
    if not root.path(PENSTOCK).exists():
        install(root)
        root.path('/greet.py').write_text(PIPELINE)
    url = up(root)
    script = 'until [ -e /go ]; do sleep 0.05; done; echo went on'
    root.path('/waits.json').write_text(json.dumps(specs.shell_pipeline({'only': specs.Shell(script)})))
    run_id = json.loads(root(PENSTOCK, 'run', '/waits.json', '--json'))['run_id']
    wait_until('the task to run', lambda: 'sleep' in ' '.join(
        pathlib.Path(f'/proc/{pid}/cmdline').read_text().replace('\0', ' ') for pid in root.processes()
        if pathlib.Path(f'/proc/{pid}').exists()))
    root(*PIP_OFFLINE, '--force-reinstall', '--no-deps', 'penstock', network=False)
    # The old server answers still, and runs what comes.
    again = json.loads(root(PENSTOCK, 'run', '/greet.py', '--param', 'name=upgrade', '--wait', '--json'))
    assert get(f'{url}{API}/runs/{again["run_id"]}').json()['state'] == 'SUCCEEDED'
    root(PENSTOCK, 'down')
    url = up(root)
    root.path('/go').touch()
    assert ended(url, run_id)['state'] == 'SUCCEEDED'
    assert 'went on' in root(PENSTOCK, 'logs', run_id)
    root(PENSTOCK, 'down')
    root('/opt/venv/bin/python', '-m', 'pip', 'uninstall', '--yes', 'penstock')
    left = [path for path in root.path('/opt/venv').rglob('*penstock*')]
    assert not left


def test_the_wheel_says_what_it_is(wheel):
    size = wheel.stat().st_size / 1e6
    print(f'{wheel.name}: {size:.1f} MB')
    assert size < 60
    *names, platform = wheel.stem.split('-')
    assert names == ['penstock', VERSION, 'py3', 'none']
    assert re.fullmatch(r'manylinux_2_34_(x86_64|aarch64)', platform), platform
    with zipfile.ZipFile(wheel) as archive:
        said = archive.read(f'penstock-{VERSION}.dist-info/METADATA').decode()
        inside = archive.namelist()
    assert 'Requires-Python: >=3.9\n' in said
    requires = re.search(r'^Requires-Dist: kfp<([\d.]+),>=([\d.]+)$', said, re.MULTILINE)
    below, lowest = [tuple(map(int, one.split('.'))) for one in requires.groups()]
    tested = {}
    for path in ('deploy/requirements.txt', 'tests/requirements-kfp-newest.txt'):
        version = re.search(r'^kfp==([\d.]+)', (ROOT / path).read_text(), re.MULTILINE).group(1)
        tested[path] = tuple(map(int, version.split('.')))
    assert lowest == min(tested.values()) and max(tested.values())[:2] < below, tested
    licenses = {path.rsplit('/', 1)[1] for path in inside if '/licenses/' in path}
    assert {'debian-libcurl4', 'debian-libssl3', 'debian-libgrpc29', 'go-go', 'go-google.golang.org-grpc'} <= licenses
    assert not [path for path in inside if 'libicu' in path or 'libxml2' in path]


def launcher() -> Any:
    spec = importlib.util.spec_from_file_location('launcher', ROOT / 'deploy/wheel/penstock/__init__.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_launcher_fills_in_what_a_machine_has_not(tmp_path):
    started = launcher()
    started.ZONES = started.CERTIFICATES = str(tmp_path / 'none')
    started.OTHER_CERTIFICATES = (str(tmp_path / 'none'), str(tmp_path / 'bundle.pem'))
    found: Dict[str, str] = {}
    started._set_environment(found)
    assert found['SSL_CERT_FILE'].endswith('certifi/cacert.pem') and pathlib.Path(found['SSL_CERT_FILE']).exists()
    assert pathlib.Path(found['TZDIR'], 'Europe/Berlin').exists()
    (tmp_path / 'bundle.pem').touch()
    own: Dict[str, str] = {'TZDIR': '/zones', 'PENSTOCK_PYTHON': '/python'}
    started._set_environment(own)
    assert own == {'TZDIR': '/zones', 'PENSTOCK_PYTHON': '/python', 'SSL_CERT_FILE': str(tmp_path / 'bundle.pem')}
    folder = {'SSL_CERT_DIR': '/certificates', 'TZDIR': '/zones', 'PENSTOCK_PYTHON': '/python'}
    before = dict(folder)
    started._set_environment(folder)
    assert folder == before


# --- The Debian package ---

@pytest.fixture
def root_with_package(debian_package: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[DebianRoot]:
    depends = run('dpkg-deb', '--field', debian_package, 'Depends')
    root = DebianRoot(tmp_path / 'root', debian_roots.with_packages('with-libraries', depends))
    try:
        run('cp', debian_package, root.path('/penstock.deb'))
        yield root
    finally:
        root.close()


def as_penstock(*words: str) -> tuple:
    return ('setpriv', '--reuid=penstock', '--regid=penstock', '--init-groups', '--', *words)


@needs_root
def test_the_debian_package(root_with_package):
    root = root_with_package
    root('dpkg', '--install', '/penstock.deb')
    assert root('penstock', '--version') == f'penstock {VERSION}\n'
    assert root('dpkg', '--verify', 'penstock') == ''
    # The user that the unit names is there, and nothing is enabled.
    service = root.path('/lib/systemd/system/penstock.service').read_text()
    assert 'User=penstock\n' in service
    assert 'ExecStart=/usr/bin/penstock --config=/etc/penstock/penstock.conf\n' in service
    assert ':/var/lib/penstock:' in root('getent', 'passwd', 'penstock')
    assert not list(root.path('/etc/systemd/system').rglob('penstock*'))

    root('install', '-d', '-m', '700', '-o', 'penstock', '-g', 'penstock', '/var/lib/penstock')  # as systemd does
    configured = ('penstock', '--config=/etc/penstock/penstock.conf')
    refused = subprocess.run(root.command(*as_penstock(*configured)), capture_output=True, text=True, check=False,
                             timeout=60 * PATIENCE, env=debian_roots.ENVIRONMENT)
    assert refused.returncode == 2 and '/opt/penstock/.venv/bin/python' in refused.stderr, refused.stderr
    server = root.start(*as_penstock(
        *configured, '--python=/usr/bin/python3', '--grpc_listen=127.0.0.1:0', '--http_listen=127.0.0.1:0',
        '--ready_file=/var/lib/penstock/ready.json'))
    try:
        ready = root.path('/var/lib/penstock/ready.json')
        wait_until(f'the server, log {root.folder}/server.log', ready.exists)
        url = f'http://127.0.0.1:{json.loads(ready.read_text())["http_port"]}'
        root.path('/noop.json').write_text(json.dumps(specs.noop()))
        made = json.loads(root('penstock', f'--server={url}', 'run', '/noop.json', '--wait', '--json'))
        assert get(f'{url}{API}/runs/{made["run_id"]}').json()['state'] == 'SUCCEEDED'
        assert_dashboard(url)
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30 * PATIENCE) == 0
    root('dpkg', '--purge', 'penstock')
    assert root.path('/var/lib/penstock/penstock.db').exists() and not root.path('/etc/penstock').exists()


def test_lintian_has_nothing_to_say(debian_package):
    if not shutil.which('lintian'):
        pytest.skip('lintian is not installed')
    said = subprocess.run(['lintian', '--no-cfg', str(debian_package)], capture_output=True, text=True, check=False)
    # The maintainer is whoever makes the package.
    assert not [line for line in said.stdout.splitlines() if 'bogus-mail-host' not in line], said.stdout
