"""Section 3 of docs/PIPELINE_FORMAT.md: exit tasks, tasks that ignore failures, retries, the cache, importers and
workspaces, as far as the tests of those features do not show it already."""

import json
import pathlib
from typing import List

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Model

import specs
from parts import APPEND, fail, give, record, record_status, write

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')

# --- Exit tasks ---


@dsl.container_component
def work(to: str, name: str, code: int):
    script = 'printf "%s\\0ran\\0" "$1" >> "$0"; echo "the words of $1" >&2; exit "$2"'
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=[to, name, code])


@dsl.pipeline(name='with-status')
def with_status(to: str, code: int):
    last = record_status(to=to, name='status').set_display_name('The last')
    with dsl.ExitHandler(last, name='The body'):
        work(to=to, name='body', code=code)


@pytest.mark.parametrize('code, state', [(0, 'COMPLETE'), (3, 'FAILED')])
def test_the_final_status_as_the_program_gets_it(run, code, state):
    """JSON with keys in camelCase, after everything that it is about."""
    ran = run(with_status, ends='FAILED' if code else 'SUCCEEDED', code=code)
    assert ran.order == ['body', 'status']
    status = json.loads(ran.once()['status'])
    assert status['state'] == state and status['pipelineTaskName'].startswith('exit-handler-')
    assert 'with-status' in status['pipelineJobResourceName']
    error = status.get('error', {})
    if code:
        assert error['code'] != 0 and "Task 'work' failed" in error['message']
        assert 'the words of body' in error['message']
    else:
        assert not error
    assert ran.states() == {'The body': 'FAILED' if code else 'SUCCEEDED', 'work': 'FAILED' if code else 'SUCCEEDED',
                            'The last': 'SUCCEEDED'}


@dsl.pipeline(name='failing-exit')
def failing_exit(to: str):
    with dsl.ExitHandler(work(to=to, name='exit', code=1)):
        record(to=to, name='body', value='')


def test_an_exit_task_that_fails_fails_the_run(run):
    ran = run(failing_exit, ends='FAILED')
    assert ran.order == ['body', 'exit'] and ran.states()['record'] == 'SUCCEEDED'


@dsl.pipeline(name='exits-of-groups')
def exits_of_groups(to: str, on: bool):
    with dsl.ExitHandler(record_status(to=to, name='after a loop'), name='loop'):
        with dsl.ParallelFor(['a', 'b']) as item:
            record(to=to, name='loop', value=item)
    with dsl.ExitHandler(record_status(to=to, name='after an importer'), name='importer'):
        dsl.importer(artifact_uri='gs://bucket/x', artifact_class=Dataset)
    with dsl.ExitHandler(record_status(to=to, name='after what was skipped'), name='skipped'):
        with dsl.If(on == True):  # noqa: E712
            record(to=to, name='skipped', value='')


def test_exit_tasks_of_loops_importers_and_conditions(run):
    """In KFP they do not run after loops and importers, or see that these are running still."""
    ran = run(exits_of_groups, on=False)
    assert ran.order.count('loop') == 2 and 'skipped' not in ran.order
    for name in ('after a loop', 'after an importer', 'after what was skipped'):
        status, = ran.values(name)
        assert json.loads(status)['state'] == 'COMPLETE', name
    assert max(index for index, name in enumerate(ran.order) if name == 'loop') < ran.order.index('after a loop')


def test_what_waits_for_an_exit_task(run):
    """The SDK lets nothing wait for one. In KFP such a task waits for what is not there."""
    spec = specs.compiled(with_status)
    tasks = spec['root']['dag']['tasks']
    exit_task, = [key for key in tasks if key.startswith('record-status')]
    group, = [key for key in tasks if key.startswith('exit-handler')]
    second = json.loads(json.dumps(tasks[exit_task]))
    second['inputs']['parameters']['name']['runtimeValue']['constant'] = 'second exit task'
    second['taskInfo']['name'] = 'second'
    after = json.loads(json.dumps(second))
    after['inputs']['parameters']['name']['runtimeValue']['constant'] = 'after the exit task'
    after.update(dependentTasks=[exit_task], taskInfo={'name': 'after'}, triggerPolicy={})
    after['inputs']['parameters']['status'] = {'taskFinalStatus': {'producerTask': exit_task}}
    tasks.update({'second-exit': second, 'after-exit': after})
    ran = run(spec, ends='FAILED', code=1)
    assert sorted(ran.order) == ['after the exit task', 'body', 'second exit task', 'status']
    assert json.loads(ran.once()['after the exit task'])['state'] == 'COMPLETE'
    assert ran.order.index('status') < ran.order.index('after the exit task')


# --- Ignoring failures ---

@dsl.container_component
def take(to: str, name: str, text: str = 'the default', data: Input[Dataset] = None):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND], args=[
        to, name, dsl.ConcatPlaceholder([text, dsl.IfPresentPlaceholder('data', then=' with', else_=' without')])])


@dsl.pipeline(name='ignoring')
def ignoring(to: str):
    failed = fail().set_display_name('first')
    text, data = give(text='text').after(failed), write(text='data').after(failed)
    other_text, other_data = give(text='text'), write(text='data')
    after_failure = take(to=to, name='of what was skipped', text=text.outputs['out'], data=data.outputs['data'])
    after_failure.ignore_upstream_failure()
    take(to=to, name='of what ran', text=other_text.outputs['out'],
         data=other_data.outputs['data']).ignore_upstream_failure()
    take(to=to, name='of both', text=other_text.outputs['out'],
         data=data.outputs['data']).after(failed).ignore_upstream_failure()
    take(to=to, name='after it').after(after_failure)
    record(to=to, name='without upstream', value='runs').ignore_upstream_failure()


def test_ignoring_what_failed_and_what_was_skipped(run):
    """Once, when all have ended: defaults stand for what is not there. KFP runs it once for each of them."""
    ran = run(ignoring, ends='FAILED')
    assert ran.once() == {
        'of what was skipped': 'the default without', 'of what ran': 'text with', 'of both': 'text without',
        'after it': 'the default without', 'without upstream': 'runs'}
    assert ran.states()['give'] == 'SKIPPED' and ran.states()['give-2'] == 'SUCCEEDED'


def test_ignoring_without_a_default(run):
    """The SDK asks for a default. Without one the task fails and says what is missing."""
    spec = specs.compiled(ignoring)
    for component in spec['components'].values():
        parameters = component.get('inputDefinitions', {}).get('parameters', {})
        if 'defaultValue' in parameters.get('text', {}):
            parameters['text'] = {'parameterType': 'STRING'}
    tasks = spec['root']['dag']['tasks']
    for key, task in list(tasks.items()):
        if key.startswith('take') and 'text' not in task['inputs']['parameters']:
            del tasks[key]
    ran = run(spec, ends='FAILED')
    assert ran.once() == {'of what ran': 'text with', 'of both': 'text without', 'without upstream': 'runs'}
    assert "input 'text'" in ran.error('take') and "task 'give'" in ran.error('take')


# --- Retries ---

@dsl.container_component
def flaky(to: str, name: str, failures: int, out: dsl.OutputPath(str)):
    """Records each attempt by the number that it was told, and fails as often as asked for."""
    script = ('printf "%s\\0%s\\0" "$1" "$KFP_RETRY_INDEX" >> "$0"; printf %s "$KFP_RETRY_INDEX" > "$3"; '
              '[ "$KFP_RETRY_INDEX" -ge "$2" ]')
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=[to, name, failures, out])


@dsl.pipeline(name='flaky-below')
def flaky_below(to: str):
    flaky(to=to, name='below', failures=1)
    flaky(to=to, name='own policy', failures=2).set_retry(2, backoff_duration='0s')


@dsl.pipeline(name='retrying')
def retrying(to: str):
    tried = flaky(to=to, name='task', failures=2).set_retry(3, backoff_duration='0s', backoff_factor=1.5)
    record(to=to, name='output', value=tried.outputs['out'])
    with dsl.ParallelFor([0, 1]) as failures:
        flaky(to=to, name='in a loop', failures=failures).set_retry(1, backoff_duration='0s')
    flaky_below(to=to).set_retry(1, backoff_duration='0s').set_display_name('pipeline')


def test_retries_of_tasks_in_loops_and_pipelines(run):
    """What counts is what the last attempt did. The policy of a pipeline is that of the tasks in it without one."""
    ran = run(retrying)
    assert {name: sorted(ran.values(name)) for name in set(ran.order)} == {
        'task': ['0', '1', '2'], 'output': ['2'], 'in a loop': ['0', '0', '1'], 'below': ['0', '1'],
        'own policy': ['0', '1', '2']}
    assert {task.state for task in ran.tasks} == {'SUCCEEDED'}


@dsl.pipeline(name='giving-up')
def giving_up(to: str):
    with dsl.ExitHandler(record_status(to=to, name='status')):
        flaky(to=to, name='task', failures=9).set_retry(2, backoff_duration='0s')


def test_as_many_attempts_as_allowed(run):
    ran = run(giving_up, ends='FAILED')
    assert ran.values('task') == ['0', '1', '2']
    assert 'Attempt 3 of 3' in json.loads(ran.values('status')[0])['error']['message']


# --- The cache ---

@dsl.pipeline(name='cached-below')
def cached_below(to: str, text: str) -> str:
    record(to=to, name='graph', value='')
    return give(text=text).outputs['out']


@dsl.pipeline(name='cached')
def cached(to: str, text: str):
    with dsl.ParallelFor(['a', 'b']) as item:
        record(to=to, name='loop', value=item)
    below = cached_below(to=to, text=text)
    record(to=to, name='after', value=below.output)
    with dsl.If(below.output == 'x'):
        record(to=to, name='condition', value='')


def test_cache_hits_within_loops_conditions_and_pipelines(conform, tmp_path):
    """Each task is taken from the cache by itself, loops and graphs are not; what is taken feeds what comes after."""
    journal = str(tmp_path / 'shared')
    first = conform.run(cached, to=journal, text='x')
    before = pathlib.Path(journal).read_text()
    assert sorted(before.split('\0')[::2][:-1]) == ['after', 'condition', 'graph', 'loop', 'loop']
    again = conform.run(cached, to=journal, text='x')
    assert pathlib.Path(journal).read_text() == before
    assert again.states() == first.states() and not [task for task in again.tasks if task.pod_name]
    conform.run(cached, to=journal, text='y')
    assert pathlib.Path(journal).read_text()[len(before):].split('\0') == ['after', 'y', '']


# --- Importers ---

@dsl.container_component
def told_of(to: str, name: str, data: Input[Model]):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND],
                             args=[to, name, "{{$.inputs.artifacts['data']}}"])


@dsl.pipeline(name='importing')
def importing(to: str, uri: str, names: List[str]):
    with dsl.If(uri != '', name='wanted'):
        taken = dsl.importer(artifact_uri=uri, artifact_class=Model, metadata={'of': uri, 'fixed': [1, True]})
        told_of(to=to, name='in a condition', data=taken.output)
    with dsl.ParallelFor(names) as name:
        looped = dsl.importer(artifact_uri=f's3://bucket/{name}', artifact_class=Model, reimport=True)
        told_of(to=to, name=name, data=looped.output)


def test_importers_in_conditions_and_loops(run):
    ran = run(importing, uri='gs://bucket/model', names=['a', 'b'])
    seen = {name: json.loads(text)[0] for name, text in ran.once().items()}
    assert seen['in a condition']['uri'] == 'gs://bucket/model'
    assert seen['in a condition']['metadata'] == {'of': 'gs://bucket/model', 'fixed': [1, True]}
    assert seen['in a condition']['type'] == {'schemaTitle': 'system.Model', 'schemaVersion': '0.0.1'}
    assert [seen[name]['uri'] for name in 'ab'] == ['s3://bucket/a', 's3://bucket/b']
    assert not run(importing, uri='', names=[]).journal


# --- The workspace ---

WITH_WORKSPACE = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(
    size='1Gi', kubernetes=dsl.KubernetesWorkspaceConfig(pvcSpecPatch={'accessModes': ['ReadWriteMany']})))


@dsl.pipeline(name='workspace-below')
def workspace_below(to: str, place: str):
    record(to=to, name='passed on', value=place)


@dsl.pipeline(name='workspace', pipeline_config=WITH_WORKSPACE)
def workspace(to: str):
    record(to=to, name='whole', value=dsl.WORKSPACE_PATH_PLACEHOLDER)
    record(to=to, name='within', value=f'--in={dsl.WORKSPACE_PATH_PLACEHOLDER}/a')
    workspace_below(to=to, place=f'{dsl.WORKSPACE_PATH_PLACEHOLDER}/b')
    with dsl.ParallelFor(['x']) as item:
        record(to=to, name='in a loop', value=f'{dsl.WORKSPACE_PATH_PLACEHOLDER}/{item}')


def test_the_workspace_placeholder(run):
    """One directory for all tasks, wherever they are; size and volume have no effect."""
    ran = run(workspace)
    seen = ran.once()
    place = seen['whole']
    assert pathlib.Path(place).is_dir() and ran.run_id in place
    assert seen == {'whole': place, 'within': f'--in={place}/a', 'passed on': f'{place}/b', 'in a loop': f'{place}/x'}
