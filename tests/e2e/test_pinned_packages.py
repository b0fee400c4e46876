"""Packages in the versions that a run names, or that another run had: whatever tasks install, they install in these."""

import subprocess
from typing import Any, Dict, Iterator, List

import pytest
from kfp import dsl

import specs
from package_index import PackageIndex
from penstock import SERVER, Server, environment

pytestmark = pytest.mark.sqlite('pip takes its time, and knows nothing of the database')

API = '/apis/penstock/v1'
PLUGIN = 'penstock_packages'


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    served = PackageIndex()
    yield served
    served.close()


def asking_and_installing(index: PackageIndex) -> Dict[str, Any]:
    """A task whose component asks for a package, and one in a loop whose body installs another, without versions."""
    @dsl.component(packages_to_install=['penstock_one'], pip_index_urls=[index.url], pip_trusted_hosts=['127.0.0.1'])
    def asks(version: dsl.Output[dsl.Artifact]):
        import penstock_one
        with open(version.path, 'w') as file:
            file.write(penstock_one.__version__)

    @dsl.component
    def installs(url: str) -> str:
        import importlib
        import subprocess
        import sys
        subprocess.run([sys.executable, '-m', 'pip', 'install', '--index-url', url, '--trusted-host', '127.0.0.1',
                        'penstock_two'], check=True)
        importlib.invalidate_caches()
        return importlib.import_module('penstock_two').__version__

    @dsl.pipeline(name='packages')
    def pipeline(url: str):
        asks()
        with dsl.ParallelFor([1]):
            installs(url=url)
    return specs.compiled(pipeline)


def create(server: Server, spec: Dict[str, Any], plugin: Dict[str, Any], **parameters: Any) -> str:
    return server.ok('POST', '/runs', json={
        'display_name': 'run', 'pipeline_spec': spec, 'plugins_input': {PLUGIN: plugin},
        'runtime_config': {'parameters': parameters}})['run_id']


def packages(server: Server, run_id: str, task: str) -> List[str]:
    if task == 'installs':  # in an iteration, which only its id names
        details = server.run(run_id)['run_details']['task_details']
        task = next(detail['task_id'] for detail in details if detail['display_name'] == task)
    record = server.ok('GET', f'{API}/runs/{run_id}/tasks/{task}/attempts/0')
    return [package.replace('_', '-') for package in record['packages']]


def rerun(server: Server, run_id: str, **fields: Any) -> str:
    made = server.ok('POST', f'{API}/runs/{run_id}:rerun', json=fields)['run_id']
    server.succeed(made, timeout=120)
    return made


def report(server: Server, run_id: str) -> Dict[str, Any]:
    return server.ok('GET', f'{API}/runs/{run_id}/rerun_report')


def penstock(server: Server, *words: str) -> str:
    done = subprocess.run([str(SERVER), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=environment(server.folder), timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_rerun_has_the_packages_of_the_run(own_server, index):
    for name in ('penstock_one', 'penstock_two'):
        index.add(name, '1.0')
    run_id = own_server.create_run(asking_and_installing(index), url=index.url)
    own_server.succeed(run_id, timeout=120)
    assert packages(own_server, run_id, 'asks') == ['penstock-one==1.0']
    assert packages(own_server, run_id, 'installs') == ['penstock-two==1.0']
    for name in ('penstock_one', 'penstock_two'):
        index.add(name, '2.0')
    penstock(own_server, 'envs', 'prune', f'--data_dir={own_server.data_dir}')

    free = rerun(own_server, run_id)
    assert packages(own_server, free, 'asks') == ['penstock-one==2.0']
    assert packages(own_server, free, 'installs') == ['penstock-two==2.0']
    differs = report(own_server, free)
    assert differs['verdict'] == 'DIFFERENT' and differs['different'] == 2
    surroundings = {part['name']: part for part in differs['surroundings']}
    rows = surroundings['packages']['rows']
    assert {(row['key'], *(value['value'] for value in row['values'])) for row in rows} == {
        ('penstock-one', '1.0', '2.0'), ('penstock-two', '1.0', '2.0')}

    pinned = rerun(own_server, run_id, pin_packages=True)
    assert packages(own_server, pinned, 'asks') == ['penstock-one==1.0']
    assert packages(own_server, pinned, 'installs') == ['penstock-two==1.0']
    same = report(own_server, pinned)
    assert same['verdict'] == 'IDENTICAL', same
    assert not any(part.get('rows') for part in same['surroundings'] if part['name'] == 'packages')
    plugin = own_server.run(pinned)['plugins_input'][PLUGIN]
    assert 'penstock-two==1.0' in sum(plugin['sets'].values(), []) and '*' in plugin['constraints']

    # A rerun of that one is pinned too, also after another start of the server, and so is one by the command line.
    own_server.stop()
    own_server.start()
    assert report(own_server, rerun(own_server, pinned))['verdict'] == 'IDENTICAL'
    by_hand = penstock(own_server, 'runs', 'rerun', run_id, '--pin_packages',
                       f'--server={own_server.url}').strip()
    own_server.succeed(by_hand, timeout=120)
    assert report(own_server, by_hand)['verdict'] == 'IDENTICAL'


def test_a_run_that_names_versions(server, index):
    for version in ('1.0', '2.0', '3.0'):
        index.add('penstock_one', version)
        index.add('penstock_two', version)
    spec = asking_and_installing(index)
    loop = next(name for name in spec['root']['dag']['tasks'] if name != 'asks')
    constraints = {'asks': ['penstock_one==1.0'], f'{loop}/installs': '@two', '*': ['penstock_one==3.0']}
    given = {'constraints': constraints, 'sets': {'two': ['penstock-two==2.0']}}
    run_id = create(server, spec, given, url=index.url)
    server.succeed(run_id, timeout=120)
    assert server.run(run_id)['plugins_input'] == {PLUGIN: given}
    assert packages(server, run_id, 'asks') == ['penstock-one==1.0']
    assert packages(server, run_id, 'installs') == ['penstock-two==2.0']

    run_id = create(server, spec, {'constraints': {'*': ['penstock_one==9.0']}}, url=index.url)
    assert server.finish(run_id, timeout=120)['state'] == 'FAILED'
    asks = server.tasks(run_id)['asks']
    assert 'in the versions that the run pins, could not be made' in asks['error']['message']
    assert '(constraint) penstock-one==9.0' in server.log_of(run_id, asks['task_id'])


def test_what_the_author_sets_goes_before(server, index, tmp_path):
    for version in ('1.0', '2.0', '3.0'):
        index.add('penstock_one', version)
        index.add('penstock_two', version)
    mine = tmp_path / 'mine.txt'
    mine.write_text('penstock_one==2.0\n')
    spec = asking_and_installing(index)
    container = spec['deploymentSpec']['executors']['exec-asks']['container']
    container['env'] = [{'name': 'PIP_CONSTRAINT', 'value': str(mine)}]
    run_id = create(server, spec, {'constraints': {'*': ['penstock_one==1.0']}}, url=index.url)
    server.succeed(run_id, timeout=120)
    assert packages(server, run_id, 'asks') == ['penstock-one==2.0']


@pytest.mark.parametrize('wrong, words', [
    ({}, 'run.plugins_input.penstock_packages must be an object with "constraints"'),
    ({'constraints': {'only': ['numpy>=1']}}, "'numpy>=1' must be a package in one version"),
    ({'constraints': {'only': '@none'}}, "names the set 'none', which is not in"),
    ({'constraints': {'onyl': ['numpy==1.26.4']}}, "the pipeline has no such task"),
    ({'constraints': {'only': ['x==1.0+' + 'a' * 512]}}, 'kPackagePinBytes'),
], ids=['form', 'range', 'set', 'task', 'size'])
def test_a_wrong_plugin_is_refused(server, wrong, words):
    answer = server.request('POST', '/runs', json={
        'display_name': 'run', 'pipeline_spec': specs.noop(), 'plugins_input': {PLUGIN: wrong}})
    assert answer.status_code == 400 and words in answer.json()['message'], answer.text


def test_a_run_without_records_cannot_be_pinned(server):
    @dsl.pipeline(name='imports')
    def pipeline():
        dsl.importer(artifact_uri='s3://bucket/key', artifact_class=dsl.Dataset)
    run_id = server.create_run(specs.compiled(pipeline))
    server.succeed(run_id)
    answer = server.request('POST', f'{API}/runs/{run_id}:rerun', json={'pin_packages': True})
    assert answer.status_code == 400 and 'no attempt with a record of its packages' in answer.text
    server.succeed(server.ok('POST', f'{API}/runs/{run_id}:rerun', json={})['run_id'])
