"""The files of deploy/, as far as they can be checked without a container engine."""

import ast
import configparser
import pathlib
import re
import shlex
import shutil
import subprocess
from typing import List, Set

import pytest

from deploy_files import DEPLOY, compose, environment_of, ignored, output, packages_of, settings_of, stages
from penstock import PROGRAMS, ROOT, SERVER

pytestmark = pytest.mark.sqlite('it is about files')

SECRET = re.compile(r'PASSW|SECRET|TOKEN|PRIVATE_KEY', re.IGNORECASE)


def project_files() -> List[str]:
    if not (ROOT / '.git').exists():
        pytest.skip('this is no git checkout, so what belongs to the project is not known')
    return output('git', '-C', str(ROOT), 'ls-files', '--cached', '--others', '--exclude-standard').splitlines()


# --- The Dockerfile ---

def test_what_the_dockerfile_copies_is_there():
    sent = [path for path in project_files() if not ignored(path)]
    earlier: List[str] = []
    for stage in stages():
        for words in stage.all('COPY'):
            *sources, target = shlex.split(words)
            origin = [source for source in sources if source.startswith('--from=')]
            if origin:
                assert origin[0].split('=')[1] in earlier, words
                continue
            for source in sources:
                assert source == '.' or source in sent, f'COPY {words}: {source} is not sent to the build'
            assert len(sources) == 1 or target.endswith('/'), words
        earlier.append(stage.name)


def test_the_build_gets_what_cmake_reads_and_no_more():
    sent = {path for path in project_files() if not ignored(path)}
    folders = re.findall(r'^ *add_subdirectory\((\w+)\)', (DEPLOY.parent / 'CMakeLists.txt').read_text(), re.MULTILINE)
    for folder in set(folders) - {'tests'}:
        assert f'{folder}/CMakeLists.txt' in sent
    assert {'CMakeLists.txt', 'CMakePresets.json', 'cmake/Dependencies.cmake', 'gateway/go.sum',
            'proto/requirements.txt', 'migrations/postgres/0001_initial.up.sql'} <= sent
    assert not [path for path in sent if path.startswith(('docs/', 'tests/', 'build/', 'examples/', '.git', '.venv'))]
    for secret in ('deploy/.env', '.env', 'deploy/penstock.env'):
        assert ignored(secret), secret


def test_cmake_takes_the_options_of_the_build(tmp_path):
    builds = [words for stage in stages() for words in stage.all('RUN') if words.startswith('cmake --preset')]
    options = [word for word in shlex.split(builds[0]) if word.startswith('-DPENSTOCK_')]
    assert options
    googleapis, = [path for path in (ROOT / 'build').glob('googleapis-*') if path.is_dir()]
    made = subprocess.run(
        ['cmake', '-S', str(ROOT), '-B', str(tmp_path), '-G', 'Ninja', f'-DPENSTOCK_GOOGLEAPIS_DIR={googleapis}',
         *options], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr


def test_images_and_the_version_of_go():
    images = [stage.image for stage in stages()]
    assert images == ['golang:' + images[0].split(':')[1], 'debian:12', 'debian:12-slim']
    needed = re.search(r'^go (\d+\.\d+)', (ROOT / 'gateway/go.mod').read_text(), re.MULTILINE).group(1)
    assert images[0] == f'golang:{needed}-bookworm'


def test_the_image_runs_as_somebody_without_rights_and_can_be_asked():
    last = stages()[-1]
    names = [each.name for each in last.instructions]
    assert last.all('USER') == ['penstock']
    assert 'RUN' not in names[names.index('USER'):] and 'COPY' not in names[names.index('USER'):]
    assert 'useradd --system --uid 10001' in last.all('RUN')[0]
    environment = environment_of(last)
    assert last.all('VOLUME') == [environment['PENSTOCK_DATA_DIR']] == [environment['HOME']]
    # Before the volume is declared: what is done to the folder afterwards is thrown away.
    assert f'--owner=penstock --group=penstock {environment["HOME"]}' in last.all('RUN')[0]
    assert last.all('EXPOSE') == ['8887 8888']
    assert last.all('STOPSIGNAL') == ['SIGTERM']
    assert ast.literal_eval(last.all('ENTRYPOINT')[0]) == ['penstock']
    check = last.all('HEALTHCHECK')[0].split('CMD ', 1)[1]
    assert ast.literal_eval(check)[0] in packages_of(last)


def test_runs_leave_no_package_lists_and_no_recommended_packages():
    for stage in stages():
        for run in stage.all('RUN'):
            for part in re.findall(r'apt-get install[^&]*', run):
                assert '--yes' in part and '--no-install-recommends' in part, part
                assert run.index('apt-get update') < run.index(part) < run.index('rm -rf /var/lib/apt/lists/*'), run


def test_no_secret_is_in_the_image():
    for stage in stages():
        for name in ('ARG', 'ENV', 'LABEL'):
            for words in stage.all(name):
                assert not SECRET.search(words), f'{name} {words}'


def test_the_variables_of_the_image_are_settings():
    """A variable that no program knows would be passed over in silence."""
    server, gateway = settings_of('penstock'), settings_of('penstock-gateway')
    for name, value in environment_of(stages()[-1]).items():
        if name.startswith('PENSTOCK_GATEWAY_'):
            assert name[len('PENSTOCK_GATEWAY_'):].lower() in gateway, name
        elif name.startswith('PENSTOCK_'):
            assert name[len('PENSTOCK_'):].lower() in server, name
        if name.endswith('_LISTEN'):
            assert value in ('0.0.0.0:8887', '0.0.0.0:8888'), value


def listed_in_install_deps() -> List[str]:
    text = (DEPLOY / 'install_deps.sh').read_text()
    return re.search(r'^readonly packages=\((.*?)^\)', text, re.MULTILINE | re.DOTALL).group(1).split()


@pytest.mark.parametrize('source', ['Dockerfile', 'install_deps.sh'])
def test_the_packages_exist(source):
    if not shutil.which('apt-cache'):
        pytest.skip('apt-cache is not installed, so the names of packages cannot be checked')
    named = listed_in_install_deps() if source == 'install_deps.sh' else packages_of(stages()[-1])
    assert len(named) > 10
    if 'Candidate' not in output('apt-cache', 'policy', 'libabsl-dev'):
        pytest.skip('apt has no package lists here: apt-get update')
    known = set(re.findall(r'^(\S+):\n(?: .*\n)*?  Candidate: (?!\(none\))', output('apt-cache', 'policy', *named),
                           re.MULTILINE))
    assert known == set(named), f'apt knows no {sorted(set(named) - known)}'


def libraries_of(program: pathlib.Path) -> Set[str]:
    """The packages whose libraries the program names itself; what those need comes with them."""
    needed = set(re.findall(r'NEEDED.*\[(.*)\]', output('readelf', '--dynamic', str(program))))
    found = set()
    for name, path in re.findall(r'^\s*(\S+) => (\S+)', output('ldd', str(program)), re.MULTILINE) if needed else []:
        if name in needed:
            # dpkg knows a library by the folder it was installed to, which may be a link by now.
            answer = subprocess.run(['dpkg-query', '--search', path, f'/usr{path}'], capture_output=True, text=True)
            assert answer.stdout, f'no package has {path}'
            found.add(answer.stdout.split(':')[0])
    return found


def test_the_image_has_the_libraries_of_the_programs_and_no_others():
    release = pathlib.Path('/etc/os-release').read_text()
    if 'ID=debian' not in release or 'VERSION_ID="12"' not in release:
        pytest.skip('the programs were not built on Debian 12, so their libraries are other packages')
    needed = set().union(*(libraries_of(PROGRAMS / name) for name in
                           ('penstock', 'penstock-cli', 'penstock-env', 'penstock-gateway', 'penstock-kube',
                            'penstock-launch', 'penstock-runner')))
    named = {package for package in packages_of(stages()[-1]) if package.startswith('lib')}
    assert named == needed - {'libc6', 'libgcc-s1'}  # those two are in every Debian


# --- compose.yaml ---

# https://docs.docker.com/reference/compose-file/services/: those that may be used here.
SERVICE_KEYS = {'build', 'cap_drop', 'command', 'depends_on', 'entrypoint', 'environment', 'healthcheck', 'image',
                'init', 'ports', 'read_only', 'restart', 'security_opt', 'shm_size', 'stop_grace_period', 'tmpfs',
                'volumes'}
HEALTH_KEYS = {'test', 'interval', 'timeout', 'retries', 'start_period'}


def test_compose_has_the_three_services_and_only_known_keys():
    document = compose()
    assert set(document) == {'name', 'services', 'volumes'}
    assert set(document['services']) == {'postgres', 'server', 'gateway'}
    for name, service in document['services'].items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get('healthcheck', {})) <= HEALTH_KEYS, name
        assert service['restart'] == 'unless-stopped', name
        for volume in service.get('volumes', []):
            assert volume.split(':')[0] in document['volumes'], f'{name}: {volume}'
    assert document['services']['postgres']['image'] == 'postgres:15'
    assert document['services']['server']['image'] == document['services']['gateway']['image']
    build = document['services']['server']['build']
    assert (DEPLOY / build['context']).resolve() == ROOT and (ROOT / build['dockerfile']).is_file()


def test_compose_starts_in_order_and_keeps_its_data():
    services = compose()['services']
    assert services['server']['depends_on'] == {'postgres': {'condition': 'service_healthy'}}
    assert services['gateway']['depends_on'] == {'server': {'condition': 'service_healthy'}}
    assert services['postgres']['healthcheck']['test'][1] == 'pg_isready'
    data_dir = environment_of(stages()[-1])['PENSTOCK_DATA_DIR']
    assert services['server']['volumes'] == [f'penstock-data:{data_dir}']
    assert services['postgres']['volumes'] == ['postgres-data:/var/lib/postgresql/data']
    assert services['server']['init'] is True


def test_compose_is_reached_from_this_machine_only_and_has_no_password():
    services = compose()['services']
    assert 'ports' not in services['postgres']
    for name in ('server', 'gateway'):
        for published in services[name]['ports']:
            assert re.fullmatch(r'127\.0\.0\.1:(\d+):\1', published), published
    for name, service in services.items():
        for variable, value in service.get('environment', {}).items():
            if SECRET.search(variable):
                assert re.fullmatch(r'\$\{POSTGRES_PASSWORD:\?[^{}]+\}', value), f'{name}: {variable}'
    url = services['server']['environment']['PENSTOCK_DATABASE_URL']
    assert url == '${PENSTOCK_DATABASE_URL:-postgresql://penstock@postgres:5432/penstock}'
    assert '/deploy/.env' in (ROOT / '.gitignore').read_text().splitlines()


def test_compose_gives_settings_that_the_programs_know():
    services = compose()['services']
    for service, program in (('server', 'penstock'), ('gateway', 'penstock-gateway')):
        known = settings_of(program)
        for flag in services[service]['command']:
            assert re.match(r'--(\w+)', flag).group(1) in known, flag
        for variable in services[service].get('environment', {}):
            name = variable.replace('PENSTOCK_GATEWAY_', 'PENSTOCK_')
            assert not name.startswith('PENSTOCK_') or name[len('PENSTOCK_'):].lower() in known, variable
    assert services['gateway']['entrypoint'] == ['penstock-gateway']


def test_compose_itself_reads_it():
    plugin = subprocess.run(['docker', 'compose', 'version'], capture_output=True, text=True) \
        if shutil.which('docker') else None
    if plugin is None or plugin.returncode != 0:
        pytest.skip('docker compose is not installed; only our own checks looked at deploy/compose.yaml')
    command = ['docker', 'compose', '--file', str(DEPLOY / 'compose.yaml'), 'config', '--quiet']
    output('env', 'POSTGRES_PASSWORD=x', *command)


# --- The unit ---

def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=True, comment_prefixes=('#',))
    found.optionxform = str
    found.read(DEPLOY / 'penstock.service')
    return found


def test_the_unit_lets_tasks_outlive_the_server():
    service = unit()['Service']
    assert service['KillMode'] == 'process'
    assert service['OOMPolicy'] == 'continue'
    assert service['Type'] == 'exec'
    # These would take away what tasks of an earlier server still use, or hide what every task may need.
    for name in ('PrivateTmp', 'RuntimeDirectory', 'PrivateDevices', 'PrivateNetwork', 'MemoryDenyWriteExecute',
                 'DynamicUser', 'ProcSubset', 'ProtectClock', 'DeviceAllow'):
        assert name not in service
    assert service['User'] not in ('root', '0', '')
    assert service['Restart'] == 'on-failure' and service['RestartPreventExitStatus'] == '2'


INSTALL = 'cmake --install build/release --component runtime --strip --prefix '


def test_an_installation_has_all_programs(tmp_path):
    """The image, the packages and who follows the unit's steps get what this installs."""
    for name in ('penstock.service', 'Dockerfile', 'wheel.sh', 'debian.sh'):
        assert INSTALL in (DEPLOY / name).read_text(), name
    output(*shlex.split(INSTALL.replace('build/release', str(PROGRAMS.parent))), str(tmp_path))
    installed = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert {path.relative_to(tmp_path).as_posix() for path in installed} == {
        f'bin/{name}' for name in ('penstock', 'penstock-cli', 'penstock-env', 'penstock-gateway', 'penstock-kube',
                                   'penstock-launch', 'penstock-runner')}
    for path in installed:
        assert '.symtab' not in output('readelf', '--wide', '--sections', str(path)), f'{path.name} is not stripped'
        assert path.stat().st_mode & 0o777 == 0o755


def test_the_unit_and_its_sample_fit_each_other():
    service = unit()['Service']
    program, *flags = shlex.split(service['ExecStart'])
    assert pathlib.Path(program).name == 'penstock'
    assert [pathlib.Path(flag.split('=')[1]).name for flag in flags] == ['penstock.conf']
    lines = (DEPLOY / 'penstock.conf').read_text().splitlines()
    values = dict(re.match(r'#?(\w+) = (.*)', line).groups() for line in lines if re.match(r'#?\w+ = ', line))
    assert set(values) <= settings_of('penstock')
    assert values['data_dir'] == f'/var/lib/{service["StateDirectory"]}' == service['WorkingDirectory']
    assert values['python'] == environment_of(stages()[-1])['PENSTOCK_PYTHON']


def test_systemd_accepts_the_unit(tmp_path):
    if not shutil.which('systemd-analyze'):
        pytest.skip('systemd-analyze is not installed; only our own checks looked at deploy/penstock.service')
    copy = tmp_path / 'penstock.service'
    text = (DEPLOY / 'penstock.service').read_text()
    copy.write_text(text.replace('ExecStart=/usr/local/bin/penstock ', f'ExecStart={SERVER} '))
    assert str(SERVER) in copy.read_text()
    command = ['systemd-analyze', 'verify', '--man=no', str(copy)]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    # It also tells of units of this machine, which are not ours; an unknown name is told and passed over.
    said = [line for line in answer.stderr.splitlines() if 'penstock.service' in line]
    assert answer.returncode == 0 and not said, answer.stderr
