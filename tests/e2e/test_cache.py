"""The cache: an equal task is taken from the one that ran, any other runs and says what differs."""

import json
import pathlib
import time
from typing import Any, Dict, List

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Output

import specs
from penstock import Server
from waiting import wait_until

pytestmark = pytest.mark.sqlite('what is kept is tried on both databases by storage_contract_test and engine_test')

PLUGIN = 'penstock_cache'


@dsl.component
def make(journal: str, text: str, data: Output[Dataset]) -> int:
    with open(journal, 'a') as file:
        file.write('make\n')
    with open(data.path, 'w') as file:
        file.write(text)
    data.metadata['length'] = len(text)
    return len(text)


@dsl.component
def use(journal: str, length: int, data: Input[Dataset]) -> str:
    with open(journal, 'a') as file:
        file.write('use\n')
    with open(data.path) as file:
        return f'{file.read()} {length} {data.metadata["length"]}'


@dsl.pipeline(name='make-and-use')
def make_and_use(journal: str, text: str = 'hello'):
    made = make(journal=journal, text=text)
    use(journal=journal, length=made.outputs['Output'], data=made.outputs['data'])


@dsl.pipeline(name='inner')
def inner(journal: str):
    make(journal=journal, text='inner')


@dsl.pipeline(name='outer')
def outer(journal: str):
    inner(journal=journal)


class Journal:
    """What ran, in a file that tasks append to."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / 'ran'
        self.path.touch()

    def take(self) -> List[str]:
        ran = sorted(self.path.read_text().split())
        self.path.write_text('')
        return ran


@pytest.fixture
def ran(tmp_path: pathlib.Path) -> Journal:
    return Journal(tmp_path)


def run(server: Server, pipeline: Any, ran: Journal, **more: Any) -> str:
    """Runs it with the SDK; the run's id. `more` are options of the SDK and arguments of the pipeline."""
    options = {name: more.pop(name) for name in ('enable_caching', 'cache_key') if name in more}
    arguments = {'journal': str(ran.path), **more}
    made = server.client().create_run_from_pipeline_func(pipeline, arguments=arguments, **options)
    server.succeed(made.run_id, 120)
    return made.run_id


def decisions(server: Server, run_id: str) -> Dict[str, Dict[str, str]]:
    """What the cache said, by the name of the task."""
    answer = server.run(run_id)
    entries = answer.get('plugins_output', {}).get(PLUGIN, {}).get('entries', {})
    names = {task['task_id']: task['display_name'] for task in answer['run_details']['task_details']}
    return {names[task_id]: entry['value'] for task_id, entry in entries.items()}


def said(server: Server, run_id: str, task: str) -> str:
    decision = decisions(server, run_id)[task]
    return ' '.join(decision[key] for key in ('result', 'reason', 'field') if key in decision)


def run_spec(server: Server, spec: Dict[str, Any], ran: Journal, **more: Any) -> str:
    body = {'display_name': 'run', 'pipeline_spec': spec,
            'runtime_config': {'parameters': {'journal': str(ran.path)}}, **more}
    run_id = server.ok('POST', '/runs', json=body)['run_id']
    server.succeed(run_id, 120)
    return run_id


def test_the_second_run_starts_no_process(server, client, ran):
    first = run(server, make_and_use, ran)
    assert ran.take() == ['make', 'use']
    assert {name: decision['result'] for name, decision in decisions(server, first).items()} == {
        'make': 'MISS', 'use': 'MISS'}
    second = run(server, make_and_use, ran)
    assert ran.take() == []
    tasks, origin = server.tasks(second), server.tasks(first)
    for name, task in tasks.items():
        decision = decisions(server, second)[name]
        assert (decision['result'], decision['run_id'], decision['task_id']) == (
            'HIT', first, origin[name]['task_id'])
        assert [entry['state'] for entry in task['state_history']] == ['PENDING', 'SUCCEEDED']
        assert 'pod_name' not in task and 'executor_detail' not in task
        assert task['start_time'] >= task['create_time']
        log = server.request('GET', f'/runs/{second}/nodes/{task["task_id"]}/log')
        assert log.status_code == 404 and 'taken from the cache' in log.text
    assert tasks['make']['outputs'] == origin['make']['outputs']
    assert tasks['use']['inputs'] == origin['use']['inputs']
    content = [server.ok('GET', f'/runs/{run_id}/nodes/make/artifacts/data:read') for run_id in (first, second)]
    assert content[0] == content[1] and content[0]['data']
    # The unmodified client reads all of it.
    entries = client.get_run(second).plugins_output[PLUGIN].entries
    assert set(entries) == {task['task_id'] for task in tasks.values()}


def test_what_differs_is_named(server, ran):
    spec = specs.compiled(make_and_use)
    run_spec(server, spec, ran)
    ran.take()
    changed = run(server, make_and_use, ran, text='other')
    assert ran.take() == ['make', 'use']
    assert said(server, changed, 'make') == 'MISS FIELD_DIFFERS inputs.parameters.text'
    assert said(server, changed, 'use') == 'MISS FIELD_DIFFERS inputs.artifacts.data'

    container = spec['deploymentSpec']['executors']['exec-make']['container']
    for field, change in (('image', lambda: container.update(image='python:3.12')),
                          ('command', lambda: container['command'].append('# another')),
                          ('env.MODE', lambda: container.update(env=[{'name': 'MODE', 'value': 'a'}])),
                          ('env.MODE', lambda: container['env'][0].update(value='b'))):
        change()
        run_id = run_spec(server, spec, ran)
        assert said(server, run_id, 'make') == f'MISS FIELD_DIFFERS {field}'
        # It puts out the same, so what comes after it need not run.
        assert said(server, run_id, 'use') == 'HIT'
        assert ran.take() == ['make']


def artifact_path(server: Server, run_id: str) -> pathlib.Path:
    path, = server.data_dir.glob(f'artifacts/*/{run_id}/make/*/data')
    return path


def test_artifacts_by_hand(server, ran):
    first = run(server, make_and_use, ran)
    artifact_path(server, first).write_text('edited')
    second = run(server, make_and_use, ran)
    assert said(server, second, 'make') == 'MISS ARTIFACT_CHANGED data'
    assert said(server, second, 'use') == 'HIT', 'the content is the same again'
    artifact_path(server, second).unlink()
    third = run(server, make_and_use, ran)
    assert said(server, third, 'make') == 'MISS ARTIFACT_GONE data'
    fourth = run(server, make_and_use, ran)
    assert said(server, fourth, 'make') == said(server, fourth, 'use') == 'HIT'
    assert ran.take() == ['make', 'make', 'make', 'use']


def test_options_of_a_task(server, ran):
    @dsl.pipeline(name='options')
    def options(journal: str, text: str = 'a'):
        make(journal=journal, text=text).set_caching_options(False)
        make(journal=journal, text=text).set_caching_options(True, cache_key='v1').set_display_name('keyed')
    run(server, options, ran)
    run_id = run(server, options, ran, text='b')
    assert ran.take() == ['make'] * 3
    assert set(decisions(server, run_id)) == {'keyed'} and said(server, run_id, 'keyed') == 'HIT'


def test_off_for_a_run(server, ran):
    run(server, outer, ran)
    run(server, outer, ran)
    assert ran.take() == ['make']
    run(server, outer, ran, enable_caching=False)
    assert ran.take() == ['make'], 'tasks within a pipeline that is used as a component too'
    run(server, outer, ran, enable_caching=True)
    assert ran.take() == []


def test_settings_of_a_run(server, ran):
    spec = specs.compiled(make_and_use)
    first = run_spec(server, spec, ran)
    off = run_spec(server, spec, ran, plugins_input={PLUGIN: {'enabled': False}})
    assert said(server, off, 'make') == 'NOT_ASKED RUN_OFF'
    assert server.run(off)['plugins_input'] == {PLUGIN: {'enabled': False}}
    assert ran.take() == ['make', 'make', 'use', 'use']
    again = run_spec(server, spec, ran, plugins_input={PLUGIN: {'max_age_s': 86400}})
    assert decisions(server, again)['make']['run_id'] == first and ran.take() == []
    for wrong, word in (({'max_age_s': 0}, 'max_age_s'), ({'max_age_s': 1.5}, 'max_age_s'), ({'enabled': 1}, 'enabled'),
                        ({'size': 1}, 'max_age_s')):
        answer = server.request('POST', '/runs', json={
            'display_name': 'run', 'pipeline_spec': spec, 'plugins_input': {PLUGIN: wrong},
            'runtime_config': {'parameters': {'journal': 'x'}}})
        assert answer.status_code == 400 and word in answer.json()['message'], answer.text
    answer = server.request('POST', '/runs', json={
        'display_name': 'run', 'pipeline_spec': spec, 'plugins_input': {'other': {}},
        'runtime_config': {'parameters': {'journal': 'x'}}})
    assert answer.status_code == 200, answer.text  # not the cache's


def test_off_and_age_of_the_server(own_server, ran):
    run(own_server, make_and_use, ran)
    ran.take()
    own_server.stop()
    own_server.start('--cache=off')
    off = run(own_server, make_and_use, ran)
    assert ran.take() == ['make', 'use'] and said(own_server, off, 'make') == 'NOT_ASKED SERVER_OFF'
    own_server.stop()
    own_server.start('--cache_max_age_s=3600')
    run(own_server, make_and_use, ran)
    assert ran.take() == []
    own_server.stop()
    made = time.monotonic()
    own_server.start('--cache_max_age_s=1')
    wait_until('the results to be older than a second', lambda: time.monotonic() - made > 1.1)
    old = run(own_server, make_and_use, ran)
    assert said(own_server, old, 'make') == 'MISS TOO_OLD' and ran.take() == ['make', 'use']


def test_a_deleted_run_is_not_used(server, ran):
    first = run(server, make_and_use, ran)
    second = run(server, make_and_use, ran)
    ran.take()
    listed = server.tasks(second)['make']['outputs']
    server.ok('DELETE', f'/runs/{first}')
    assert server.tasks(second)['make']['outputs'] == listed, 'what was taken stays'
    assert server.ok('GET', f'/runs/{second}/nodes/make/artifacts/data:read')['data']
    third = run(server, make_and_use, ran)
    assert ran.take() == ['make', 'use'] and said(server, third, 'make').startswith('MISS')


def test_failures_are_not_kept(server, ran):
    @dsl.component
    def fails_once(journal: str):
        import pathlib
        path = pathlib.Path(journal)
        path.write_text(path.read_text() + 'tried\n')
        assert path.read_text().count('tried') > 1, 'not yet'

    @dsl.pipeline(name='fails-once')
    def pipeline(journal: str):
        fails_once(journal=journal)
    client = server.client()
    failed = client.create_run_from_pipeline_func(pipeline, arguments={'journal': str(ran.path)})
    assert server.finish(failed.run_id)['state'] == 'FAILED'
    run(server, pipeline, ran)
    assert ran.take() == ['tried', 'tried']
    run(server, pipeline, ran)
    assert ran.take() == []


def test_it_survives_the_server(own_server, ran):
    run(own_server, make_and_use, ran)
    own_server.kill()
    own_server.start()
    run_id = run(own_server, make_and_use, ran)
    assert ran.take() == ['make', 'use']
    assert said(own_server, run_id, 'use') == 'HIT'
    assert json.dumps(own_server.run(run_id)).count('"HIT"') == 2
