"""Tasks that log with MLflow and were told nothing: the server is in their environment. And what either SDK sees of the
runs of the other."""

import types

import pytest
from kfp import dsl

import specs
from mlflow_peer import needed
from waiting import wait_until

mlflow = needed()

VARIABLES = ('MLFLOW_TRACKING_URI', 'MLFLOW_RUN_ID', 'MLFLOW_EXPERIMENT_ID')


@pytest.fixture(scope='session', autouse=True)
def only_penstock(mlflow_peer):
    """Before the server of the session, which need not be built to try the tests on MLflow's."""
    if mlflow_peer != 'penstock':
        pytest.skip('MLflow runs no tasks')


@dsl.component
def train(accuracy: float, rate: float):
    import mlflow
    mlflow.log_param('rate', rate)
    for step in range(3):
        mlflow.log_metric('loss', 1 / (step + 1), step=step)
    mlflow.log_metric('accuracy', accuracy)
    mlflow.set_tag('stage', 'training')
    mlflow.log_text(f'accuracy {accuracy}', 'reports/report.txt')


@dsl.component
def own_run():
    import mlflow
    with mlflow.start_run():  # is the task's
        with mlflow.start_run(run_name='of its own', nested=True):
            mlflow.log_metric('inner', 1)


@dsl.component
def log_and_fail():
    import mlflow
    mlflow.log_metric('before', 1)
    raise ValueError('as it should')


@dsl.component
def variables() -> str:
    import os
    names = ('MLFLOW_TRACKING_URI', 'MLFLOW_RUN_ID', 'MLFLOW_EXPERIMENT_ID')
    return ' '.join(os.environ.get(name, '-') for name in names)


@dsl.container_component
def shell_variables(out: dsl.OutputPath(str)):
    script = 'printf "%s %s %s" "$MLFLOW_TRACKING_URI" "$MLFLOW_RUN_ID" "$MLFLOW_EXPERIMENT_ID" > "$0"'
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=[out])


def quiet(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """MLflow would tell its makers of its use, which takes time where there is no way to them."""
    return task.set_env_variable('MLFLOW_DISABLE_TELEMETRY', 'true').set_caching_options(False)


@dsl.pipeline(name='two-trainings')
def two_trainings(rate: float = 0.5, note: str = 'none'):
    quiet(train(accuracy=0.5, rate=rate)).set_display_name('first')
    quiet(train(accuracy=0.75, rate=0.25)).set_display_name('second')


def task_run(run_id, task_id):
    """The id of the MLflow run that stands for a task."""
    return f'{run_id}_{task_id}'


def run_of(server, spec, **parameters):
    run_id = server.create_run(spec, **parameters)
    server.succeed(run_id, timeout=120)
    return run_id


@pytest.fixture(scope='module')
def trained(server):
    """A run of two tasks that logged; nobody changes it. `tasks` are MLflow's ids of them, by name."""
    run_id = run_of(server, specs.compiled(two_trainings), name='trained', note='told')
    tasks = {name: task_run(run_id, task['task_id']) for name, task in server.tasks(run_id).items()}
    return types.SimpleNamespace(id=run_id, tasks=tasks, experiment='0')


def test_a_task_is_a_run(tracking, trained):
    first, second = (tracking.client.get_run(trained.tasks[name]) for name in ('first', 'second'))
    assert first.data.metrics == {'loss': 1 / 3, 'accuracy': 0.5} and first.data.params['rate'] == '0.5'
    assert second.data.metrics['accuracy'] == 0.75 and second.data.params['rate'] == '0.25'
    assert (first.info.status, first.info.run_name, first.info.lifecycle_stage) == ('FINISHED', 'first', 'active')
    assert first.info.start_time and first.info.end_time >= first.info.start_time
    assert first.data.tags['stage'] == 'training'
    points = tracking.client.get_metric_history(trained.tasks['first'], 'loss')
    assert [point.value for point in points] == [1, 1 / 2, 1 / 3]
    assert [one.path for one in tracking.client.list_artifacts(trained.tasks['first'], 'reports')] == [
        'reports/report.txt']
    path = tracking.client.download_artifacts(trained.tasks['second'], 'reports/report.txt')
    with open(path, encoding='utf-8') as file:
        assert file.read() == 'accuracy 0.75'


def test_tasks_are_nested_below_their_run(tracking, trained):
    for task in trained.tasks.values():
        assert tracking.client.get_run(task).data.tags['mlflow.parentRunId'] == trained.id
        assert tracking.client.get_parent_run(task).info.run_id == trained.id
    children = tracking.client.search_runs([trained.experiment], f"tags.mlflow.parentRunId = '{trained.id}'")
    assert {run.info.run_id for run in children} >= set(trained.tasks.values())
    assert all(run.info.experiment_id == trained.experiment for run in children)


def test_a_run_of_a_pipeline_is_a_run(tracking, trained):
    run = tracking.client.get_run(trained.id)
    assert (run.info.run_name, run.info.status, run.info.experiment_id) == ('trained', 'FINISHED', '0')
    assert run.info.start_time and run.info.end_time >= run.info.start_time
    assert run.data.params['note'] == 'told' and run.data.params.get('rate', '0.5') == '0.5'
    # What its tasks logged, the latest of each key.
    assert set(run.data.metrics) == {'loss', 'accuracy'} and run.data.metrics['loss'] == 1 / 3
    assert run.data.metrics['accuracy'] in (0.5, 0.75)
    assert run.data.tags['mlflow.runName'] == 'trained' and run.data.tags['mlflow.source.type'] == 'JOB'
    assert run.data.tags['mlflow.source.name'] == 'two-trainings'


def test_runs_of_pipelines_are_searched(tracking, trained):
    found = tracking.client.search_runs(['0'], "params.note = 'told' AND metrics.loss < 0.5 AND status = 'FINISHED'",
                                        order_by=['metrics.accuracy DESC'])
    assert trained.id in {run.info.run_id for run in found}
    assert not set(trained.tasks.values()) & {run.info.run_id for run in found}, 'tasks are found through their run'
    frame = mlflow.search_runs(experiment_ids=['0'], filter_string="attributes.run_name = 'trained'")
    assert trained.id in set(frame['run_id']) and set(frame['metrics.loss']) == {1 / 3}


def test_clients_may_add_to_a_run_of_a_pipeline(tracking, server):
    """An evaluation that comes later. Its state is the engine's, whatever a client says."""
    run_id = run_of(server, specs.noop('evaluated'))
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric('later', 3)
        mlflow.set_tag('reviewed', 'yes')
    tracking.client.set_terminated(run_id, 'FAILED')
    run = tracking.client.get_run(run_id)
    assert run.info.status == 'FINISHED' and server.run(run_id)['state'] == 'SUCCEEDED'
    assert run.data.metrics == {'later': 3} and run.data.tags['reviewed'] == 'yes'
    assert run_id in {one.info.run_id for one in tracking.client.search_runs(['0'], "tags.reviewed = 'yes'")}


def test_a_run_within_a_task(tracking, server):
    @dsl.pipeline(name='nested')
    def nested():
        quiet(own_run())
    run_id = run_of(server, specs.compiled(nested))
    (task,) = server.tasks(run_id).values()
    (inner,) = tracking.client.search_runs(['0'], f"tags.mlflow.parentRunId = '{task_run(run_id, task['task_id'])}'")
    assert inner.info.run_name == 'of its own' and inner.data.metrics == {'inner': 1}
    assert inner.info.status == 'FINISHED'


def test_a_task_that_fails_keeps_what_it_logged(tracking, server):
    @dsl.pipeline(name='failing')
    def failing():
        quiet(log_and_fail())
    run_id = server.create_run(specs.compiled(failing))
    assert server.finish(run_id, timeout=120)['state'] == 'FAILED'
    (task,) = server.tasks(run_id).values()
    seen = tracking.client.get_run(task_run(run_id, task['task_id']))
    assert seen.info.status == 'FAILED' and seen.data.metrics == {'before': 1}
    assert tracking.client.get_run(run_id).info.status == 'FAILED'


@pytest.mark.parametrize('component', [variables, shell_variables], ids=['python', 'container'])
def test_what_a_task_is_told(server, tmp_path, component):
    @dsl.component
    def keep(text: str, path: str):
        with open(path, 'a') as file:
            file.write(text + '\n')

    @dsl.pipeline(name='told')
    def told(path: str):
        one = component().set_caching_options(False).set_display_name('one')
        keep(text=one.output if component is variables else one.outputs['out'], path=path).set_caching_options(False)
    for _ in range(2):  # each fork of a warm Python has its own
        run_id = run_of(server, specs.compiled(told), path=str(tmp_path / 'told'))
        uri, run, experiment = (tmp_path / 'told').read_text().splitlines()[-1].split(' ')
        assert (uri, experiment) == (server.url, '0')
        assert run == task_run(run_id, server.tasks(run_id)['one']['task_id'])


def test_what_the_author_says_wins(server, tmp_path):
    script = f'env > {tmp_path}/seen'

    def seen(env):
        spec = specs.shell_pipeline({'only': specs.Shell(script)})
        spec['deploymentSpec']['executors']['exec-only']['container']['env'] = [
            {'name': name, 'value': value} for name, value in env.items()]
        run_of(server, spec)
        lines = (tmp_path / 'seen').read_text().splitlines()
        return {name: value for name, _, value in (line.partition('=') for line in lines) if name in VARIABLES}
    elsewhere = {'MLFLOW_TRACKING_URI': 'http://127.0.0.1:9', 'MLFLOW_RUN_ID': 'mine'}
    assert seen(elsewhere).items() >= elsewhere.items()
    assert set(seen({})) == set(VARIABLES)


def test_it_can_be_switched_off(make_server, tmp_path):
    server = make_server('--mlflow_in_tasks=off').start()
    run_of(server, specs.shell_pipeline({'only': specs.Shell(f'env > {tmp_path}/seen')}))
    assert 'MLFLOW' not in (tmp_path / 'seen').read_text()


def test_the_cache_does_not_look_at_it(server, tmp_path):
    """Another run is another MLFLOW_RUN_ID, and the same task."""
    @dsl.component
    def count(path: str) -> int:
        with open(path, 'a') as file:
            return file.write('x')

    @dsl.pipeline(name='cached')
    def cached(path: str):
        count(path=path)
    for _ in range(2):
        run_of(server, specs.compiled(cached), path=str(tmp_path / 'count'))
    assert (tmp_path / 'count').read_text() == 'x'


# --- One store, two doors ---

def test_kfp_sees_what_mlflow_made(tracking, client, unique):
    name = unique('experiment')
    made = tracking.client.create_experiment(name)
    run = tracking.client.create_run(made, run_name='by mlflow')
    tracking.client.log_param(run.info.run_id, 'p', 'x')
    experiment = client.get_experiment(experiment_name=name)
    (listed,) = client.list_runs(experiment_id=experiment.experiment_id).runs
    assert (listed.run_id, listed.display_name, listed.state) == (run.info.run_id, 'by mlflow', 'RUNNING')
    assert client.get_run(run.info.run_id).runtime_config.parameters == {'p': 'x'}
    # KFP's clients wait forever for what is CANCELED, so that a run that was stopped is FAILED to them.
    for status, state in (('FINISHED', 'SUCCEEDED'), ('FAILED', 'FAILED'), ('KILLED', 'FAILED'),
                          ('RUNNING', 'RUNNING')):
        tracking.client.set_terminated(run.info.run_id, status)
        assert client.get_run(run.info.run_id).state == state
    tracking.client.delete_run(run.info.run_id)
    assert client.get_run(run.info.run_id).storage_state == 'ARCHIVED'
    client.unarchive_run(run.info.run_id)
    assert tracking.client.get_run(run.info.run_id).info.lifecycle_stage == 'active'


def test_mlflow_sees_what_kfp_made(tracking, server, client, unique):
    name = unique('experiment')
    experiment = client.create_experiment(name, description='What for.')
    seen = tracking.client.get_experiment_by_name(name)
    assert seen.tags['mlflow.note.content'] == 'What for.' and seen.lifecycle_stage == 'active'
    body = {'display_name': 'by kfp', 'experiment_id': experiment.experiment_id, 'pipeline_spec': specs.noop()}
    run_id = server.ok('POST', '/runs', json=body)['run_id']
    assert tracking.found(seen.experiment_id) == ['by kfp']
    server.succeed(run_id)
    wait_until('MLflow to say that the run ended',
               lambda: tracking.client.get_run(run_id).info.status == 'FINISHED', 10)
    client.archive_run(run_id)
    assert tracking.client.get_run(run_id).info.lifecycle_stage == 'deleted'
    client.archive_experiment(experiment.experiment_id)
    assert tracking.client.get_experiment(seen.experiment_id).lifecycle_stage == 'deleted'
