"""Python components that ask for packages: each task gets what it asks for, and none disturbs another."""

import subprocess
import sys

import pytest
from kfp import dsl

import specs

pytestmark = pytest.mark.sqlite('pip takes its time, and knows nothing of the database')

PACKAGES = ['colorama==0.4.6']


@pytest.fixture(scope='module')
def registry(tmp_path_factory):
    """Skips where pip cannot get the package at all."""
    folder = tmp_path_factory.mktemp('download')
    result = subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', str(folder),
                             *PACKAGES], capture_output=True, text=True, timeout=170, check=False)
    if result.returncode:
        pytest.skip(f'NOT TESTED, no Python package registry can be reached: {result.stderr.strip().splitlines()[-1]}')


@dsl.component(packages_to_install=PACKAGES)
def with_package(folder: str, name: str):
    import colorama
    with open(f'{folder}/{name}', 'w') as file:
        file.write(f'{colorama.__version__} {colorama.__file__}')


@dsl.component(packages_to_install=['no-such-package-of-penstock==1.2.3'])
def with_missing_package():
    pass


@dsl.pipeline(name='packages')
def packages(folder: str):
    first = with_package(folder=folder, name='first')
    with_package(folder=folder, name='second').after(first)


@dsl.pipeline(name='missing-package')
def missing_package():
    with_missing_package()


@pytest.mark.network
def test_packages_are_there_and_each_task_has_its_own(server, registry, tmp_path):
    run_id = server.create_run(specs.compiled(packages), folder=str(tmp_path))
    server.succeed(run_id, timeout=170)
    places = set()
    for name in ('first', 'second'):
        version, place = (tmp_path / name).read_text().split(' ')
        assert version == '0.4.6' and place.startswith(f'{server.data_dir}/work/')
        places.add(place)
    assert len(places) == 2


@pytest.mark.network
def test_missing_package_fails_the_task_and_says_so(server, registry):
    run_id = server.create_run(specs.compiled(missing_package))
    assert server.finish(run_id, timeout=120)['state'] == 'FAILED'
    task = server.tasks(run_id)['with-missing-package']
    said = task['error']['message'] + server.log_of(run_id, task['task_id'])
    assert 'no-such-package-of-penstock' in said


def test_plain_components_need_no_registry(make_server, tmp_path):
    """The SDK comes from the server's own Python, so a task without packages runs where nothing can be fetched."""
    from test_runs import component_defaults
    server = make_server()
    server.start()
    spec = specs.compiled(component_defaults)
    container = spec['deploymentSpec']['executors']['exec-note']['container']
    container['env'] = [{'name': name, 'value': 'http://127.0.0.1:9'} for name in ('PIP_INDEX_URL', 'HTTPS_PROXY')]
    run_id = server.create_run(spec, folder=str(tmp_path))
    server.succeed(run_id)
