"""Runs through the unmodified kfp.Client, with Python components that pass parameters and artifacts."""

import json
import pathlib
from typing import Dict, List, NamedTuple

import pytest
from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, InputPath, Metrics, Model, Output, OutputPath

import processes
import specs
from specs import Shell
from test_pipelines import adding, refused
from waiting import wait_until


@dsl.component
def note(folder: str, text: str = 'note', number: int = 1, ratio: float = 0.5, flag: bool = False,
         items: List[int] = [1, 2], table: Dict[str, int] = {'a': 1}):
    import json
    with open(f'{folder}/noted', 'w') as file:
        json.dump([text, number, ratio, flag, items, table], file, sort_keys=True)


@dsl.pipeline(name='all-types')
def all_types(folder: str, text: str = 'default', number: int = 7, ratio: float = 0.25, flag: bool = True,
              items: List[int] = [3, 4], table: Dict[str, int] = {'b': 2}):
    note(folder=folder, text=text, number=number, ratio=ratio, flag=flag, items=items, table=table)


@dsl.pipeline(name='component-defaults')
def component_defaults(folder: str):
    note(folder=folder)


@dsl.component
def make(data: Output[Dataset], model: Output[Model], lines: OutputPath(str)) -> \
        NamedTuple('Made', [('count', int), ('name', str), ('ratio', float), ('good', bool), ('all', List[str])]):
    from collections import namedtuple
    with open(data.path, 'w') as file:
        file.write('one\ntwo\n')
    data.metadata['rows'] = 2
    with open(model.path, 'w') as file:
        file.write('weights')
    model.metadata['framework'] = 'none'
    with open(lines, 'w') as file:
        file.write('first\n')
    outputs = namedtuple('Made', ['count', 'name', 'ratio', 'good', 'all'])
    return outputs(2, 'two "quoted" \n lines', 1.5, True, ['x', 'y'])


@dsl.component
def take(folder: str, data: Input[Dataset], model: Input[Model], raw: InputPath('Dataset'), lines: str, count: int,
         name: str, ratio: float, good: bool, items: List[str], metrics: Output[Metrics]):
    import json
    metrics.log_metric('count', count)
    with open(data.path) as file, open(raw) as again, open(model.path) as weights:
        seen = {'data': file.read(), 'raw': again.read(), 'model': weights.read(), 'rows': data.metadata['rows'],
                'framework': model.metadata['framework'], 'lines': lines, 'count': count, 'name': name,
                'ratio': ratio, 'good': good, 'items': items, 'uri': data.uri, 'path': data.path}
    with open(f'{folder}/taken', 'w') as file:
        json.dump(seen, file)


@dsl.pipeline(name='hand-over')
def hand_over(folder: str):
    made = make()
    take(folder=folder, data=made.outputs['data'], raw=made.outputs['data'], model=made.outputs['model'],
         lines=made.outputs['lines'], count=made.outputs['count'], name=made.outputs['name'],
         ratio=made.outputs['ratio'], good=made.outputs['good'], items=made.outputs['all'])


def test_run_from_a_function(server, client, unique):
    experiment = unique('experiment')
    run = client.create_run_from_pipeline_func(adding, arguments={'a': 20, 'b': 22}, run_name='sum',
                                               experiment_name=experiment)
    detail = run.wait_for_run_completion(timeout=60)
    assert detail.state == 'SUCCEEDED' and detail.display_name == 'sum'
    assert detail.runtime_config.parameters == {'a': 20, 'b': 22}
    assert detail.experiment_id == client.get_experiment(experiment_name=experiment).experiment_id
    assert detail.finished_at >= detail.created_at
    assert [entry.state for entry in detail.state_history] == ['PENDING', 'RUNNING', 'SUCCEEDED']
    task, = detail.run_details.task_details
    assert (task.display_name, task.state) == ('add', 'SUCCEEDED')
    assert task.end_time >= task.start_time >= task.create_time
    assert list(task.outputs or {}) in ([], ['Output'])


def test_parameters_of_all_types(server, client, tmp_path):
    given = {'folder': str(tmp_path), 'text': 'naïve "text" with $HOME', 'number': -3, 'ratio': 2.0, 'flag': False,
             'items': [], 'table': {'k': 5}}
    run = client.create_run_from_pipeline_func(all_types, arguments=given)
    server.succeed(run.run_id)
    assert json.loads((tmp_path / 'noted').read_text()) == [given[key] for key in list(given)[1:]]


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_defaults_of_the_pipeline(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(all_types, arguments={'folder': str(tmp_path)})
    server.succeed(run.run_id)
    assert json.loads((tmp_path / 'noted').read_text()) == ['default', 7, 0.25, True, [3, 4], {'b': 2}]
    assert client.get_run(run.run_id).runtime_config.parameters == {'folder': str(tmp_path)}


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_defaults_of_the_component(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(component_defaults, arguments={'folder': str(tmp_path)})
    server.succeed(run.run_id)
    assert json.loads((tmp_path / 'noted').read_text()) == ['note', 1, 0.5, False, [1, 2], {'a': 1}]


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_outputs_and_artifacts_reach_the_next_task(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(hand_over, arguments={'folder': str(tmp_path)})
    server.succeed(run.run_id)
    taken = json.loads((tmp_path / 'taken').read_text())
    uri, path = taken.pop('uri'), taken.pop('path')
    assert taken == {'data': 'one\ntwo\n', 'raw': 'one\ntwo\n', 'model': 'weights', 'rows': 2, 'framework': 'none',
                     'lines': 'first\n', 'count': 2, 'name': 'two "quoted" \n lines', 'ratio': 1.5, 'good': True,
                     'items': ['x', 'y']}
    assert uri == path and pathlib.Path(path).is_absolute()

    tasks = server.tasks(run.run_id)
    artifacts = {name: [int(one) for one in listed['artifact_ids']]
                 for name, listed in tasks['make']['outputs'].items() if name in ('data', 'model')}
    assert set(artifacts) == {'data', 'model'}
    taken_in = tasks['take'].get('inputs', {})
    assert [int(one) for one in taken_in['data']['artifact_ids']] == artifacts['data']
    assert [int(one) for one in taken_in['model']['artifact_ids']] == artifacts['model']
    assert 'metrics' in tasks['take']['outputs']


def test_run_of_an_uploaded_version(server, client, unique):
    pipeline = client.upload_pipeline_from_pipeline_func(adding, pipeline_name=unique('pipeline'))
    version = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions[0]
    experiment = client.create_experiment(unique('experiment'))
    run = client.run_pipeline(experiment.experiment_id, 'by-version', params={'a': 1, 'b': 1},
                              pipeline_id=pipeline.pipeline_id, version_id=version.pipeline_version_id,
                              service_account='somebody')
    server.succeed(run.run_id)
    seen = client.get_run(run.run_id)
    assert seen.pipeline_version_reference.pipeline_id == pipeline.pipeline_id
    assert seen.pipeline_version_reference.pipeline_version_id == version.pipeline_version_id
    assert seen.pipeline_spec is None and seen.service_account == 'somebody'

    # A reference to the pipeline alone means its latest version, resolved now.
    latest = client.upload_pipeline_version_from_pipeline_func(adding, pipeline_version_name='newer',
                                                               pipeline_id=pipeline.pipeline_id)
    made = server.ok('POST', '/runs', json={
        'display_name': 'latest', 'pipeline_version_reference': {'pipeline_id': pipeline.pipeline_id}})
    assert made['pipeline_version_reference'] == {'pipeline_id': pipeline.pipeline_id,
                                                  'pipeline_version_id': latest.pipeline_version_id}
    # A stored run outlives the version it was made of.
    for listed in client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions:
        client.delete_pipeline_version(pipeline.pipeline_id, listed.pipeline_version_id)
    assert client.get_run(run.run_id).pipeline_version_reference.pipeline_version_id == version.pipeline_version_id
    server.succeed(made['run_id'])


def test_list_runs(server, client, unique):
    experiment = client.create_experiment(unique('experiment'))
    names = [f'run{number}' for number in range(5)]
    for name in names:
        server.ok('POST', '/runs', json={'display_name': name, 'experiment_id': experiment.experiment_id,
                                         'pipeline_spec': specs.noop()})
    page = client.list_runs(experiment_id=experiment.experiment_id, page_size=3, sort_by='created_at desc')
    assert [run.display_name for run in page.runs] == names[:1:-1] and page.total_size == 5
    rest = client.list_runs(experiment_id=experiment.experiment_id, page_token=page.next_page_token, page_size=3,
                            sort_by='created_at desc')
    assert [run.display_name for run in rest.runs] == names[1::-1] and not rest.next_page_token
    only = client.list_runs(experiment_id=experiment.experiment_id,
                            filter='{"predicates": [{"operation": 1, "key": "name", "stringValue": "run3"}]}')
    assert [run.display_name for run in only.runs] == ['run3']
    assert client.list_runs().total_size >= 5
    assert client.list_runs(namespace='anything').total_size >= 5  # one user: the namespace does not matter


def test_runs_of_a_pipeline(server, client, unique):
    made = [client.upload_pipeline_from_pipeline_func(adding, pipeline_name=unique('of')) for _ in range(2)]
    pipeline, other = (one.pipeline_id for one in made)
    version, second = (client.list_pipeline_versions(one).pipeline_versions[0].pipeline_version_id
                       for one in (pipeline, other))
    experiment = client.create_experiment(unique('of')).experiment_id
    run = client.run_pipeline(experiment, unique('run'), pipeline_id=pipeline, version_id=version).run_id
    client.run_pipeline(experiment, unique('run'), pipeline_id=other, version_id=second)
    for key, value in (('pipeline_id', pipeline), ('pipeline_version_id', version),
                       ('pipeline_version_reference.pipeline_version_id', version)):
        found = client.list_runs(filter=json.dumps({'predicates': [
            {'operation': 'EQUALS', 'key': key, 'string_value': value}]}))
        assert [one.run_id for one in found.runs] == [run] and found.total_size == 1


def test_archive_unarchive_delete(server, client):
    run_id = server.create_run(specs.noop())
    server.succeed(run_id)
    client.archive_run(run_id)
    run = client.get_run(run_id)
    assert (run.storage_state, run.state) == ('ARCHIVED', 'SUCCEEDED')
    client.archive_run(run_id)
    client.unarchive_run(run_id)
    assert client.get_run(run_id).storage_state == 'AVAILABLE'
    client.delete_run(run_id)
    for call in (client.get_run, client.delete_run, client.archive_run, client.unarchive_run, client.terminate_run):
        with refused(404):
            call(run_id)


def test_terminate_ends_the_processes(server, client, journal):
    """The wait of the SDK only returns on a state that it knows, so a terminated run ends FAILED."""
    spec = specs.shell_pipeline({
        'first': Shell(journal.writes('first')),
        'held': Shell(f'sleep 600 & echo $! > "{journal.folder}/child.pid"; {journal.writes("held", gate="never")}',
                      after=['first']),
        'never': Shell(journal.writes('never'), after=['held'])})
    run_id = server.create_run(spec)
    wait_until('the task to start', lambda: journal.started('held'))
    pids = [journal.pid('held'), journal.pid('child')]
    assert all(processes.alive(pid) for pid in pids)

    client.terminate_run(run_id)
    run = client.wait_for_run_completion(run_id, timeout=30, sleep_duration=0.1)
    assert run.state == 'FAILED' and run.error.code == 1
    for pid in pids:
        wait_until('the process of the task to end', lambda pid=pid: not processes.alive(pid), 10)
    assert server.task_states(run_id) == {'first': 'SUCCEEDED', 'held': 'CANCELED', 'never': 'CANCELED'} or \
        server.task_states(run_id) == {'first': 'SUCCEEDED', 'held': 'CANCELED', 'never': 'SKIPPED'}
    assert 'CANCELING' in [entry.state for entry in run.state_history]
    with refused(400):
        client.terminate_run(run_id)  # it has ended
    assert not journal.started('never')


def test_delete_of_a_running_run_ends_its_processes(server, client, journal):
    run_id = server.create_run(specs.shell_pipeline({'held': Shell(journal.writes('held', gate='never'))}))
    wait_until('the task to start', lambda: journal.started('held'))
    client.delete_run(run_id)
    wait_until('the process of the task to end', lambda: not processes.alive(journal.pid('held')), 30)
    with refused(404):
        client.get_run(run_id)


def test_failure_skips_what_depends_on_it_only(server, journal):
    spec = specs.shell_pipeline({
        'good': Shell(journal.writes('good', gate='later')),
        'good-next': Shell(journal.writes('good-next'), after=['good']),
        'bad': Shell('echo the reason is here >&2; exit 3'),
        'bad-next': Shell(journal.writes('bad-next'), after=['bad']),
        'bad-last': Shell(journal.writes('bad-last'), after=['bad-next']),
        'both': Shell(journal.writes('both'), after=['good', 'bad'])})
    run_id = server.create_run(spec)
    wait_until('the failed branch to be skipped', lambda: server.task_states(run_id).get('bad-last') == 'SKIPPED')
    journal.open('later')
    run = server.finish(run_id)
    assert run['state'] == 'FAILED'
    assert server.task_states(run_id) == {
        'good': 'SUCCEEDED', 'good-next': 'SUCCEEDED', 'bad': 'FAILED', 'bad-next': 'SKIPPED', 'bad-last': 'SKIPPED',
        'both': 'SKIPPED'}
    journal.each_once(['good', 'good-next'])
    failed = server.tasks(run_id)['bad']
    assert '3' in failed['error']['message']
    assert 'the reason is here' in server.log_of(run_id, failed['task_id'])


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_python_exception_fails_the_task(server, client):
    @dsl.component
    def broken():
        raise ValueError('on purpose')

    @dsl.pipeline(name='broken')
    def pipeline():
        broken()
    run = client.create_run_from_pipeline_func(pipeline)
    assert server.finish(run.run_id)['state'] == 'FAILED'
    task = server.tasks(run.run_id)['broken']
    assert 'ValueError: on purpose' in server.log_of(run.run_id, task['task_id'])


@dsl.component
def size_of(text: str, more: dict) -> str:
    import sys
    assert sys.argv[0].endswith('executor_main.py') and __name__ == 'ephemeral_component'
    return f'{len(text)} {len(more["text"])} {text[:3]!r}'


@dsl.component
def make_long(size: int) -> str:
    return '"\n\u00fc' + 'y' * (size - 3)


@dsl.container_component
def show_long(text: str):
    return dsl.ContainerSpec(image='alpine', command=['echo'], args=['a', text])


@dsl.pipeline(name='long-inputs')
def long_inputs(size: int, more: dict):
    size_of(text=make_long(size=size).output, more=more)
    show_long(text=make_long(size=size).output)


@pytest.mark.parametrize('size', [300_000, 4_000_000])
def test_long_inputs_of_python_components(server, size):
    """More than one argument of a process may have. What is no Python component cannot take them, and is told so."""
    run_id = server.create_run(specs.compiled(long_inputs), size=size, more={'text': 'x' * (size - 100_000)})
    assert server.finish(run_id, timeout=120)['state'] == 'FAILED'
    tasks = server.tasks(run_id)
    assert tasks['size-of']['state'] == 'SUCCEEDED', tasks['size-of'].get('error')
    status = server.ok('GET', f'/apis/penstock/v1/runs/{run_id}/status?task=show-long')
    assert f"Its input 'text' has {size + 1} bytes: pass it as an artifact" in status['tasks'][0]['error']['message']


@dsl.component(base_image='example.com/mine:1')
def raises_in_a_function(why: str):
    def inner():
        import no_such_module_of_mine

    if why == 'module':
        inner()
    print('said before')
    raise ValueError(why)


@dsl.pipeline(name='raises')
def raises(why: str):
    raises_in_a_function(why=why)


def test_an_error_begins_with_its_cause(server):
    def error(why: str) -> List[str]:
        run_id = server.create_run(specs.compiled(raises), why=why)
        run = server.finish(run_id)
        message = server.tasks(run_id)['raises-in-a-function']['error']['message']
        assert run['error']['message'].endswith(message)
        return message.splitlines()

    first, place, end, *_ = error('not this')
    assert first == 'ValueError: not this'
    assert place.startswith('Raised in line ') and place.endswith(
        ' of ephemeral_component.py, in raises_in_a_function: raise ValueError(why)')
    assert end == 'The program exited with code 1.'
    first, place, end, note, *_ = error('module')
    assert first == "ModuleNotFoundError: No module named 'no_such_module_of_mine'" and ', in inner: ' in place
    assert note.startswith("The image 'example.com/mine:1' was not used: tasks run on this machine, with ")


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_missing_output_parameter_fails_the_task(server):
    spec = specs.shell_pipeline({'silent': Shell('exit 0')})
    spec['components']['comp-silent']['outputDefinitions'] = {'parameters': {'answer': {'parameterType': 'STRING'}}}
    run_id = server.create_run(spec)
    assert server.finish(run_id)['state'] == 'FAILED'
    assert 'answer' in server.tasks(run_id)['silent']['error']['message']


@dsl.container_component
def greet(name: str, greeting: dsl.OutputPath(str), shout: bool = False, title: str = None):
    return dsl.ContainerSpec(
        image='alpine', command=['sh', '-c', 'printf "%s" "$*" > "$0"', greeting],
        args=[dsl.ConcatPlaceholder(['hello-', name]),
              dsl.IfPresentPlaceholder('title', then=['--title', title], else_=['--no-title']), shout])


@dsl.container_component
def write_file(text: str, out: Output[Artifact]):
    script = 'mkdir -p "$(dirname "$1")" && printf %s "$0" > "$1"'
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=[text, out.path])


@dsl.container_component
def copy_file(source: Input[Artifact], folder: str, name: str):
    return dsl.ContainerSpec(image='alpine', command=['cp'], args=[source.path, f'{folder}/{name}'])


@dsl.pipeline(name='containers')
def containers(folder: str, name: str = 'world'):
    plain = greet(name=name)
    titled = greet(name='you', title='Dr', shout=True)
    for number, greeting in enumerate((plain, titled)):
        written = write_file(text=greeting.outputs['greeting'])
        copy_file(source=written.outputs['out'], folder=folder, name=f'greeting{number}')


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_container_components_run_on_the_host(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(containers, arguments={'folder': str(tmp_path)})
    server.succeed(run.run_id)
    assert (tmp_path / 'greeting0').read_text() == 'hello-world --no-title false'
    assert (tmp_path / 'greeting1').read_text() == 'hello-you --title Dr true'


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_tasks_without_order_run_at_the_same_time(server, journal):
    spec = specs.shell_pipeline({key: Shell(journal.writes(key, gate='open')) for key in 'abc'})
    run_id = server.create_run(spec)
    wait_until('three tasks at once', lambda: len(journal.lines()) == 3)
    journal.open('open')
    server.succeed(run_id)
    journal.each_once('abc')


@pytest.mark.sqlite('it is about the task; what is stored of it is the same')
def test_environment_of_a_task_is_its_own(server, tmp_path, monkeypatch):
    spec = specs.shell_pipeline({'show': Shell('env > "$1"; pwd >> "$1"', takes=['out'])}, out='s')
    spec['deploymentSpec']['executors']['exec-show']['container']['env'] = [{'name': 'MINE', 'value': 'a b'}]
    run_id = server.create_run(spec, out=str(tmp_path / 'env'))
    server.succeed(run_id)
    seen = (tmp_path / 'env').read_text()
    assert 'MINE=a b\n' in seen and 'PATH=' in seen
    assert not seen.splitlines()[-1] == str(pathlib.Path.cwd())


@pytest.mark.slow
def test_wide_and_deep_graphs(server, journal):
    tasks = {'root': Shell(journal.writes('root'))}
    for lane in range(10):
        before = 'root'
        for step in range(6):
            key = f'l{lane}s{step}'
            tasks[key] = Shell(journal.writes(key), after=[before])
            before = key
    tasks['join'] = Shell(journal.writes('join'), after=[f'l{lane}s5' for lane in range(10)])
    run_id = server.create_run(specs.shell_pipeline(tasks))
    server.succeed(run_id, timeout=120)
    journal.each_once(list(tasks))
    assert journal.lines()[-1] == 'end join'
