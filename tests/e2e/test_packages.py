"""Python components and their packages: environments are built once and shared; without packages there is no pip."""

import json
import pathlib
import subprocess
import sys
import venv
from typing import Any, Callable, Dict, Iterator

import pytest
from kfp import dsl

import specs
from package_index import PackageIndex, wheel
from penstock import SERVER, Server, environment
from waiting import wait_until

pytestmark = pytest.mark.sqlite('pip takes its time, and knows nothing of the database')


def asking(index: PackageIndex, requirement: str, **options: Any) -> Callable[..., Any]:
    """The component `look` with this requirement. Without hosts the SDK makes one of the URL, which pip cannot read."""
    return dsl.component(packages_to_install=[requirement], pip_index_urls=[index.url],
                         pip_trusted_hosts=['127.0.0.1'], **options)(look)


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    served = PackageIndex()
    yield served
    served.close()


def look(folder: str, name: str):
    """The function of most components here: notes where it runs, and on what."""
    import importlib
    import json
    import os
    import shutil
    import subprocess
    import sys
    import kfp
    seen = {'prefix': sys.prefix, 'version': '', 'place': '', 'program': '', 'sdk': kfp.__file__,
            'quiet_pip': os.environ.get('PIP_DISABLE_PIP_VERSION_CHECK')}
    try:
        module = importlib.import_module('penstock_one')
        seen.update(version=module.__version__, place=module.__file__)
    except ImportError:
        pass
    if shutil.which('run-penstock_one'):
        seen['program'] = subprocess.run(['run-penstock_one'], capture_output=True, text=True, check=True).stdout
    with open(f'{folder}/{name}', 'w') as file:
        json.dump(seen, file)


def pipeline_of(component: Callable[..., Any], *names: str) -> Dict[str, Any]:
    """Tasks of one component, one after the other."""
    @dsl.pipeline(name='packages')
    def packages(folder: str):
        last = None
        for name in names:
            task = component(folder=folder, name=name).set_display_name(name)
            last = task.after(last) if last else task
    return specs.compiled(packages)


def seen(folder: pathlib.Path, name: str) -> Dict[str, str]:
    return json.loads((folder / name).read_text())


def log(server: Server, run_id: str, name: str) -> str:
    return server.log_of(run_id, server.tasks(run_id)[name]['task_id'])


def envs(server: Server, what: str) -> str:
    result = subprocess.run([str(SERVER), 'envs', what, f'--data_dir={server.data_dir}'], capture_output=True,
                            text=True, env=environment(server.folder), stdin=subprocess.DEVNULL, timeout=60, check=True)
    return result.stdout


def test_an_environment_is_built_once_and_shared(own_server, index, tmp_path):
    component = asking(index, index.add('penstock_one'))
    run_id = own_server.create_run(pipeline_of(component, 'first', 'second'), folder=str(tmp_path))
    own_server.succeed(run_id, timeout=120)
    first, second = seen(tmp_path, 'first'), seen(tmp_path, 'second')
    assert first['version'] == second['version'] == '1.0'
    assert first['place'] == second['place'] and first['place'].startswith(f'{own_server.data_dir}/envs/')
    assert first['program'] == second['program'] == 'penstock_one 1.0\n'
    assert first['prefix'] != second['prefix'] and second['prefix'].startswith(f'{own_server.data_dir}/work/')
    key = pathlib.Path(first['place']).relative_to(own_server.data_dir / 'envs').parts[0]
    said = log(own_server, run_id, 'first')
    assert 'building the Python environment' in said and 'Successfully installed' in said
    assert log(own_server, run_id, 'second').startswith(
        f'penstock: Python environment {key[:12]} (penstock_one==1.0): penstock_one==1.0\n')
    assert (own_server.data_dir / 'envs' / key / 'packages.txt').read_text() == 'penstock_one==1.0\n'

    # The rows of the attempts name it.
    tasks = own_server.ok('GET', f'/apis/penstock/v1/runs/{run_id}/status')['tasks']
    assert [(attempt['environment'], attempt['packages']) for task in tasks for attempt in task['attempts']] == [
        (key, ['penstock_one==1.0'])] * 2

    # Another run, after another start of the server, and no word to the index.
    asked = len(index.requests)
    own_server.stop()
    own_server.start()
    run_id = own_server.create_run(pipeline_of(component, 'third'), folder=str(tmp_path))
    own_server.succeed(run_id)
    assert seen(tmp_path, 'third')['place'] == first['place'] and len(index.requests) == asked


@pytest.mark.parametrize('options', [
    {'use_venv': True}, {'install_kfp_package': False}], ids=lambda options: '-'.join(options))
def test_forms_of_the_bootstrap(server, index, tmp_path, options):
    component = asking(index, index.add('penstock_one'), **options)
    run_id = server.create_run(pipeline_of(component, 'only'), folder=str(tmp_path))
    server.succeed(run_id, timeout=120)
    found = seen(tmp_path, 'only')
    assert found['version'] == '1.0' and f'{server.data_dir}/envs/' in found['place']
    assert found['quiet_pip'] == ('1' if 'use_venv' in options else None)


def test_what_is_not_shareable_is_installed_for_each_attempt(server, index, tmp_path):
    """What lies at a path may be another tomorrow."""
    for version in ('1.0', '2.0'):
        path = tmp_path / f'penstock_one-{version}-py3-none-any.whl'
        path.write_bytes(wheel('penstock_one', version))
        component = dsl.component(packages_to_install=[str(path)])(look)
        run_id = server.create_run(pipeline_of(component, version), folder=str(tmp_path))
        server.succeed(run_id, timeout=120)
        assert seen(tmp_path, version)['version'] == version
        assert seen(tmp_path, version)['place'].startswith(f'{server.data_dir}/work/')


def test_missing_package_fails_the_task_with_pips_own_words(server, index, tmp_path):
    component = asking(index, 'no-such-package-of-penstock==1.2.3')
    run_id = server.create_run(pipeline_of(component, 'only'), folder=str(tmp_path))
    assert server.finish(run_id, timeout=120)['state'] == 'FAILED'
    task = server.tasks(run_id)['only']
    said = 'No matching distribution found for no-such-package-of-penstock==1.2.3'
    assert task['error']['message'].startswith(
        'The Python environment for no-such-package-of-penstock==1.2.3 could not be made: pip said: ERROR: ')
    assert said in task['error']['message'].splitlines()[0]
    assert said in log(server, run_id, 'only')


def test_a_build_outlives_the_server(own_server, index, tmp_path):
    """kill -9 in the middle: the task goes on with its build, and nobody builds a second time."""
    component = asking(index, index.add('penstock_one'))
    index.gate.clear()
    run_id = own_server.create_run(pipeline_of(component, 'only'), folder=str(tmp_path))
    wait_until('pip to ask for the wheel', lambda: any('.whl' in path for path in index.requests), 60)
    assert own_server.ok('GET', '/healthz') is not None, 'a build holds nobody else up'
    own_server.kill()
    index.gate.set()
    own_server.start()
    own_server.succeed(run_id, timeout=120)
    assert seen(tmp_path, 'only')['version'] == '1.0'
    assert log(own_server, run_id, 'only').count('building the Python environment') == 1


def test_terminate_ends_a_build(own_server, index, tmp_path):
    component = asking(index, index.add('penstock_one'))
    index.gate.clear()
    run_id = own_server.create_run(pipeline_of(component, 'only'), folder=str(tmp_path))
    wait_until('pip to ask for the wheel', lambda: any('.whl' in path for path in index.requests), 60)
    own_server.ok('POST', f'/runs/{run_id}:terminate')
    own_server.finish(run_id, timeout=30)
    assert own_server.tasks(run_id)['only']['state'] == 'CANCELED'
    assert ' broken ' in envs(own_server, 'list')
    index.gate.set()
    run_id = own_server.create_run(pipeline_of(component, 'again'), folder=str(tmp_path))
    own_server.succeed(run_id, timeout=120)


def test_environments_are_listed_and_pruned(own_server, index, tmp_path):
    assert '0 in ' in envs(own_server, 'list')
    component = asking(index, index.add('penstock_one'))
    run_id = own_server.create_run(pipeline_of(component, 'only'), folder=str(tmp_path))
    own_server.succeed(run_id, timeout=120)
    listed = envs(own_server, 'list')
    assert ' idle ' in listed and 'penstock_one==1.0' in listed and '1 in ' in listed
    assert envs(own_server, 'prune').startswith('removed 1, ')
    assert list((own_server.data_dir / 'envs').iterdir()) == []


@pytest.mark.parametrize('options', [{}, {'install_kfp_package': False}, {'use_venv': True}],
                         ids=lambda options: '-'.join(options) or 'plain')
def test_plain_components_need_no_registry(server, tmp_path, options):
    """The SDK comes from the server's own Python, so a task without packages runs where nothing can be fetched."""
    spec = pipeline_of(dsl.component(**options)(look), 'only')
    container = spec['deploymentSpec']['executors']['exec-look']['container']
    container['env'] = [{'name': name, 'value': 'http://127.0.0.1:9'} for name in ('PIP_INDEX_URL', 'HTTPS_PROXY')]
    run_id = server.create_run(spec, folder=str(tmp_path))
    server.succeed(run_id)
    assert seen(tmp_path, 'only')['prefix'].startswith(f'{server.data_dir}/work/')
    assert seen(tmp_path, 'only')['quiet_pip'] == ('1' if 'use_venv' in options else None)


def test_plain_components_start_without_pip(make_server, tmp_path):
    """On an interpreter whose pip cannot run."""
    base = tmp_path / 'base'
    venv.create(base, with_pip=False, symlinks=True)
    site = next((base / 'lib').glob('python*')) / 'site-packages'
    (site / 'sdk.pth').write_text('\n'.join(path for path in sys.path if path.endswith('site-packages')) + '\n')
    (site / 'pip.py').write_text('raise SystemExit("pip was run")\n')
    server = make_server(f'--python={base}/bin/python')
    server.start()
    run_id = server.create_run(pipeline_of(dsl.component(look), 'only'), folder=str(tmp_path))
    server.succeed(run_id)
    found = seen(tmp_path, 'only')
    assert found['prefix'].startswith(f'{server.data_dir}/work/') and found['sdk'].startswith(sys.prefix)


@dsl.component
def installs_in_its_body(folder: str, name: str, how: str, arguments: list):
    import importlib
    import json
    import shutil
    import subprocess
    import sys
    import kfp
    command = {'pip': ['pip'], 'module': ['python', '-m', 'pip'], 'own': [sys.executable, '-m', 'pip']}[how]
    subprocess.run([*command, *arguments], check=True)
    importlib.invalidate_caches()
    module = importlib.import_module('penstock_one')
    program = subprocess.run(['run-penstock_one'], capture_output=True, text=True, check=True).stdout
    subprocess.run([*command, 'uninstall', '--yes', 'penstock_two'], check=True)
    with open(f'{folder}/{name}', 'w') as file:
        json.dump({'place': module.__file__, 'program': program, 'which': shutil.which('run-penstock_one'),
                   'kfp': kfp.__file__}, file)


@pytest.mark.parametrize('how', ['pip', 'module', 'own'])
def test_what_a_task_installs_is_seen_by_no_other(make_server, index, tmp_path, how):
    """Neither in the base interpreter, which has an older version and another package, nor in the next task."""
    base = tmp_path / 'base'
    venv.create(base, with_pip=True, symlinks=True)
    site = next((base / 'lib').glob('python*')) / 'site-packages'
    (site / 'sdk.pth').write_text('\n'.join(path for path in sys.path if path.endswith('site-packages')) + '\n')
    arguments = ['install', '--quiet', '--index-url', index.url, '--trusted-host', '127.0.0.1']
    for older in (index.add('penstock_one', '0.9'), index.add('penstock_two')):
        subprocess.run([base / 'bin/python', '-m', 'pip', *arguments, older], check=True, stdin=subprocess.DEVNULL)
    before = sorted(path for path in base.rglob('*') if '__pycache__' not in path.parts)
    server = make_server(f'--python={base}/bin/python')
    server.start()

    @dsl.pipeline(name='body')
    def body(folder: str, arguments: list):
        installs_in_its_body(folder=folder, name='first', how=how, arguments=arguments)
    run_id = server.create_run(specs.compiled(body), folder=str(tmp_path),
                               arguments=[*arguments, index.add('penstock_one', '1.0')])
    server.succeed(run_id, timeout=120)
    found = seen(tmp_path, 'first')
    assert found['place'].startswith(f'{server.data_dir}/work/') and found['program'] == 'penstock_one 1.0\n'
    assert found['which'].startswith(f'{server.data_dir}/work/') and found['kfp'].startswith(sys.prefix)
    assert sorted(path for path in base.rglob('*') if '__pycache__' not in path.parts) == before
    run_id = server.create_run(pipeline_of(dsl.component(look), 'after'), folder=str(tmp_path))
    server.succeed(run_id)
    assert seen(tmp_path, 'after')['version'] == '0.9' and seen(tmp_path, 'after')['place'].startswith(str(base))
