"""MLflow's runs through the unmodified client: their life, names, tags and nesting."""

import time

import pytest

from mlflow_peer import needed, refusal

mlflow = needed()
from mlflow.entities import ViewType  # noqa: E402

HEX = set('0123456789abcdef')


def test_a_run_from_start_to_end(tracking, unique):
    mlflow.set_experiment(unique('experiment'))
    before = time.time() * 1000 - 1
    with mlflow.start_run(run_name='first', description='What for.', tags={'team': 'vision'}) as run:
        live = tracking.client.get_run(run.info.run_id)
        assert (live.info.status, live.info.end_time, live.info.lifecycle_stage) == ('RUNNING', None, 'active')
    assert len(run.info.run_id) == 32 and set(run.info.run_id) <= HEX
    ended = tracking.client.get_run(run.info.run_id)
    assert (ended.info.status, ended.info.run_name) == ('FINISHED', 'first')
    assert before <= ended.info.start_time <= ended.info.end_time <= time.time() * 1000 + 1
    assert ended.info.artifact_uri == f'mlflow-artifacts:/{run.info.experiment_id}/{run.info.run_id}/artifacts'
    tags = ended.data.tags
    assert tags['team'] == 'vision' and tags['mlflow.note.content'] == 'What for.'
    assert tags['mlflow.runName'] == 'first' and tags['mlflow.user'] == ended.info.user_id
    assert tags['mlflow.source.type'] == 'LOCAL'
    assert ended.data.metrics == {} and ended.data.params == {}


def test_an_exception_fails_the_run(tracking, unique):
    mlflow.set_experiment(unique('experiment'))
    with pytest.raises(ZeroDivisionError):
        with mlflow.start_run() as run:
            1 / 0
    assert tracking.client.get_run(run.info.run_id).info.status == 'FAILED'


@pytest.mark.parametrize('status', ['FINISHED', 'FAILED', 'KILLED', 'SCHEDULED', 'RUNNING'])
def test_statuses(tracking, unique, status):
    mlflow.set_experiment(unique('experiment'))
    run = mlflow.start_run()
    mlflow.end_run(status)
    assert tracking.client.get_run(run.info.run_id).info.status == status
    found = tracking.client.search_runs([run.info.experiment_id], f"attributes.status = '{status}'")
    assert [one.info.run_id for one in found] == [run.info.run_id]


def test_resume_by_id(tracking, unique):
    mlflow.set_experiment(unique('experiment'))
    with mlflow.start_run(run_name='first') as run:
        mlflow.log_metric('m', 1, step=1)
    start = tracking.client.get_run(run.info.run_id).info.start_time
    with mlflow.start_run(run_id=run.info.run_id) as again:
        assert again.info.run_id == run.info.run_id
        seen = tracking.client.get_run(run.info.run_id).info
        assert (seen.status, seen.start_time, seen.run_name) == ('RUNNING', start, 'first')
        mlflow.log_metric('m', 2, step=2)
    seen = tracking.client.get_run(run.info.run_id)
    assert seen.info.status == 'FINISHED' and seen.data.metrics == {'m': 2}
    with mlflow.start_run(run_id=run.info.run_id, run_name='second'):
        pass
    assert tracking.client.get_run(run.info.run_id).data.tags['mlflow.runName'] == 'second'


def test_names_and_their_tag_are_one(tracking):
    run = tracking.run(run_name='first')

    def seen():
        one = tracking.client.get_run(run)
        return one.info.run_name, one.data.tags['mlflow.runName']
    assert seen() == ('first', 'first')
    tracking.client.update_run(run, name='second')
    assert seen() == ('second', 'second')
    tracking.client.set_tag(run, 'mlflow.runName', 'third')
    assert seen() == ('third', 'third')
    tracking.client.log_batch(run, tags=[mlflow.entities.RunTag('other', 'x')])
    assert seen() == ('third', 'third')
    tracking.ok('POST', '/runs/log-batch', json={'run_id': run, 'tags': [{'key': 'mlflow.runName', 'value': 'fourth'}]})
    assert seen() == ('fourth', 'fourth')
    tracking.ok('POST', '/runs/update', json={'run_id': run, 'status': 'FINISHED', 'end_time': 5})
    assert seen() == ('fourth', 'fourth')


def test_name_by_tag_and_without_a_name(tracking):
    experiment = tracking.experiment()
    by_tag = tracking.client.create_run(experiment, tags={'mlflow.runName': 'of the tag'})
    assert by_tag.info.run_name == 'of the tag'
    nameless = tracking.client.create_run(experiment)
    assert nameless.info.run_name and nameless.data.tags['mlflow.runName'] == nameless.info.run_name
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.create_run(experiment, run_name='a', tags={'mlflow.runName': 'b'})
    long = tracking.client.create_run(experiment, run_name='ü' * 250)
    assert tracking.client.get_run(long.info.run_id).info.run_name == 'ü' * 250


def test_create_with_all(tracking):
    experiment = tracking.experiment()
    tags = {'mlflow.user': 'user one', 'mlflow.source.name': 'train.py', 'mlflow.source.type': 'NOTEBOOK',
            'mlflow.source.git.commit': 'abc', 'own': 'x'}
    run = tracking.client.create_run(experiment, start_time=456, tags=tags, run_name='my name')
    for one in (run, tracking.client.get_run(run.info.run_id)):
        assert (one.info.experiment_id, one.info.start_time, one.info.run_name) == (experiment, 456, 'my name')
        assert one.info.user_id == 'user one' and one.info.status == 'RUNNING' and one.info.end_time is None
        assert one.data.tags == {**tags, 'mlflow.runName': 'my name'}


def test_raw_create_and_update(tracking):
    """As clients in other languages write it: without a start, with both ids, with fields that nobody knows."""
    experiment = tracking.experiment()
    made = tracking.ok('POST', '/runs/create', json={'experiment_id': experiment, 'unknown_field': {'a': [1]}})['run']
    info = made['info']
    assert info['run_id'] == info['run_uuid'] and info['status'] == 'RUNNING' and 'end_time' not in info
    assert info['experiment_id'] == experiment and info['lifecycle_stage'] == 'active'
    answer = tracking.ok('POST', '/runs/update', json={
        'run_uuid': info['run_id'], 'run_id': info['run_id'], 'status': 'KILLED', 'end_time': '1700000000123'})
    assert (answer['run_info']['status'], answer['run_info']['end_time']) == ('KILLED', 1700000000123)
    seen = tracking.ok('GET', '/runs/get', params={'run_uuid': info['run_id']})['run']
    assert seen['info'] == answer['run_info'] and seen['data']['tags']
    # Only the name: the rest stays.
    renamed = tracking.ok('POST', '/runs/update', json={'run_id': info['run_id'], 'run_name': 'n'})['run_info']
    assert (renamed['status'], renamed['end_time'], renamed['run_name']) == ('KILLED', 1700000000123, 'n')


def test_nested_runs(tracking, unique):
    experiment = mlflow.set_experiment(unique('experiment')).experiment_id
    with mlflow.start_run(run_name='parent') as parent:
        with pytest.raises(Exception, match='already active'):
            mlflow.start_run()
        with mlflow.start_run(run_name='child', nested=True) as child:
            with mlflow.start_run(run_name='grandchild', nested=True) as grandchild:
                mlflow.log_metric('m', 1)
        with mlflow.start_run(run_name='second', nested=True):
            pass
    with mlflow.start_run(run_name='later', parent_run_id=parent.info.run_id):
        pass
    assert tracking.client.get_parent_run(grandchild.info.run_id).info.run_id == child.info.run_id
    assert tracking.client.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert tracking.client.get_parent_run(parent.info.run_id) is None
    of_parent = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    assert set(tracking.found(experiment, of_parent)) == {'child', 'second', 'later'}
    assert set(tracking.found(experiment, 'tags.mlflow.parentRunId IS NULL')) == {'parent'}
    assert tracking.client.get_run(parent.info.run_id).data.metrics == {}


def test_tags(tracking):
    run = tracking.run()
    tracking.client.set_tag(run, 'a', 'first')
    tracking.client.set_tag(run, 'a', 'second')
    tracking.client.set_tag(run, 'number', 3.5)
    tracking.client.set_tag(run, 'empty', '')
    tracking.client.set_tag(run, 'mlflow.note.content', '# Markdown\n\n| a | b |\nüß → 実')
    with mlflow.start_run(run_id=run):
        mlflow.set_tags({'of/many': 1, 'a b.c-d_e:f': 'x'})
    tags = tracking.client.get_run(run).data.tags
    assert (tags['a'], tags['number'], tags['empty'], tags['of/many']) == ('second', '3.5', '', '1')
    assert tags['mlflow.note.content'] == '# Markdown\n\n| a | b |\nüß → 実' and tags['a b.c-d_e:f'] == 'x'
    tracking.client.delete_tag(run, 'a')
    assert 'a' not in tracking.client.get_run(run).data.tags
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        tracking.client.delete_tag(run, 'a')
    for key in ('', '/a', 'a/../b', './a', 'a//b', 'a$b', 'k' * 251):
        with refusal('INVALID_PARAMETER_VALUE'):
            tracking.client.set_tag(run, key, 'x')
    tracking.client.set_tag(run, 'k' * 250, 'x')


def test_delete_and_restore(tracking, unique):
    experiment = mlflow.set_experiment(unique('experiment')).experiment_id
    with mlflow.start_run(run_name='kept') as run:
        mlflow.log_metric('m', 1)
        mlflow.log_param('p', 1)
    with mlflow.start_run(run_name='other'):
        pass
    mlflow.delete_run(run.info.run_id)
    assert tracking.client.get_run(run.info.run_id).info.lifecycle_stage == 'deleted'
    assert tracking.found(experiment) == ['other']
    assert tracking.found(experiment, run_view_type=ViewType.DELETED_ONLY) == ['kept']
    assert set(tracking.found(experiment, run_view_type=ViewType.ALL)) == {'kept', 'other'}
    tracking.client.delete_run(run.info.run_id)  # again is fine
    tracking.client.restore_run(run.info.run_id)
    seen = tracking.client.get_run(run.info.run_id)
    assert seen.info.lifecycle_stage == 'active' and seen.info.status == 'FINISHED'
    assert seen.data.metrics == {'m': 1} and seen.data.params == {'p': '1'}
    tracking.client.restore_run(run.info.run_id)
    assert set(tracking.found(experiment)) == {'kept', 'other'}


def test_a_deleted_run_takes_nothing(tracking):
    run = tracking.run()
    tracking.client.set_tag(run, 'there', 'x')
    tracking.client.delete_run(run)
    client = tracking.client
    for write in (lambda: client.log_metric(run, 'm', 1), lambda: client.log_param(run, 'p', 1),
                  lambda: client.set_tag(run, 't', 1), lambda: client.delete_tag(run, 'there'),
                  lambda: client.set_terminated(run), lambda: client.update_run(run, name='x'),
                  lambda: client.log_batch(run, metrics=[mlflow.entities.Metric('m', 1, 1, 1)]),
                  lambda: client.log_inputs(run, datasets=[])):
        with refusal('INVALID_PARAMETER_VALUE', 'active'):
            write()
    with pytest.raises(mlflow.exceptions.MlflowException, match='deleted'):
        mlflow.start_run(run_id=run)
    seen = client.get_run(run)
    assert seen.data.metrics == {} and seen.data.params == {} and seen.info.status == 'RUNNING'


def test_unknown_runs(tracking):
    unknown, client = 'f' * 32, tracking.client
    for call in (client.get_run, client.delete_run, client.restore_run, client.set_terminated,
                 lambda one: client.log_metric(one, 'm', 1), lambda one: client.log_param(one, 'p', 1),
                 lambda one: client.set_tag(one, 't', 1), lambda one: client.delete_tag(one, 't'),
                 lambda one: client.log_batch(one, metrics=[mlflow.entities.Metric('m', 1, 1, 1)])):
        with refusal('RESOURCE_DOES_NOT_EXIST', 'Run'):
            call(unknown)
    tracking.refused(404, 'RESOURCE_DOES_NOT_EXIST', 'GET', '/runs/get', params={'run_id': unknown})
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'GET', '/runs/get')
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'POST', '/runs/log-metric', json={'key': 'm', 'value': 1})


def test_a_run_that_ended_takes_more(tracking):
    """Metrics of an evaluation come after the training."""
    run = tracking.run()
    tracking.client.set_terminated(run, 'FINISHED', end_time=77)
    tracking.client.log_metric(run, 'later', 1)
    tracking.client.set_tag(run, 't', 'x')
    seen = tracking.client.get_run(run)
    assert (seen.info.status, seen.info.end_time) == ('FINISHED', 77)
    assert seen.data.metrics == {'later': 1} and seen.data.tags['t'] == 'x'
    tracking.client.update_run(run, status='RUNNING')
    assert tracking.client.get_run(run).info.status == 'RUNNING'
    # MLflow passes over a status that it does not know; to refuse it is as good.
    answer = tracking.request('POST', '/runs/update', json={'run_id': run, 'status': 'NO_SUCH'})
    assert answer.status_code in (200, 400) and tracking.client.get_run(run).info.status == 'RUNNING'


def test_the_data_frame_of_search_runs(tracking, unique):
    mlflow.set_experiment(unique('experiment'))
    for i in range(3):
        with mlflow.start_run(run_name=f'run {i}'):
            mlflow.log_metric('m', i / 2)
            mlflow.log_param('p', i)
    frame = mlflow.search_runs(filter_string='metrics.m >= 0.5', order_by=['metrics.m DESC'])
    assert list(frame['metrics.m']) == [1.0, 0.5] and list(frame['params.p']) == ['2', '1']
    assert list(frame['tags.mlflow.runName']) == ['run 2', 'run 1'] and set(frame['status']) == {'FINISHED'}
    assert frame['start_time'].dt.year.min() >= 2024 and (frame['end_time'] >= frame['start_time']).all()
    assert [run.info.run_name for run in mlflow.search_runs(output_format='list')] == ['run 2', 'run 1', 'run 0']
    assert mlflow.last_active_run().info.run_name == 'run 2'
