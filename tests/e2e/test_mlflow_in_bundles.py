"""What MLflow's clients, those of KFP 3.0 and users record of runs: in bundles, and in the comparison of runs."""

import json
import pathlib
import re
import types
from typing import Any, Dict, List

import pytest
import requests

import specs
from bundles import API, bring, export, members, rebuilt
from mlflow_peer import ARTIFACTS, needed

mlflow = needed()
from mlflow.entities import (  # noqa: E402
    Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, LoggedModelStatus)

LATER = ('typed_tags', 'datasets', 'input_tags', 'logged_parameters', 'models', 'model_parameters', 'model_metrics',
         'model_links', 'task_records', 'mlflow_files')
CONTEXT = 'mlflow.data.context'


@pytest.fixture(scope='session', autouse=True)
def only_penstock(mlflow_peer):
    """Before the server of the session, which need not be built to try the tests on MLflow's."""
    if mlflow_peer != 'penstock':
        pytest.skip('MLflow has no bundles, and compares no data sets')


def client_of(server) -> 'mlflow.MlflowClient':
    return mlflow.MlflowClient(tracking_uri=server.url, registry_uri=server.url)


def dataset(name: str, digest: str, context: str = '') -> DatasetInput:
    return DatasetInput(Dataset(name, digest, 'local', '{"uri": "data/' + name + '.csv"}', '{"s": 1}', '{"rows": 3}'),
                        [InputTag(CONTEXT, context)] if context else [])


def owners_of(run_id: str, task_id: str, artifact_id: str) -> List[Dict[str, str]]:
    return [{'run_id': run_id}, {'run_id': run_id, 'task_id': task_id}, {'artifact_id': artifact_id}]


@pytest.fixture(scope='module')
def recorded(server, tmp_path_factory):
    """A run of a pipeline of which everything is recorded that clients can record, and its bundle."""
    folder = tmp_path_factory.mktemp('files')
    client = client_of(server)
    run_id = server.create_run(specs.noop(), name='recorded')
    server.succeed(run_id)
    (task,) = server.tasks(run_id).values()
    of_task = f'{run_id}_{task["task_id"]}'
    client.log_inputs(run_id, [dataset('wine', 'abc', 'training')])
    client.log_inputs(of_task, [dataset('wine', 'abc', 'evaluation'), dataset('beer', 'def')])
    client.log_batch(of_task, params=[mlflow.entities.Param('rate', '0.1')])
    client.log_text(run_id, 'of the run', 'notes/run.txt')
    client.log_text(of_task, 'of the task', 'task.txt')
    (folder / 'weights').write_text('1 2 3')
    model = client.create_logged_model('0', name='net', source_run_id=of_task, model_type='torch',
                                       tags={'stage': 'dev'}, params={'layers': '3'}).model_id
    client.log_model_artifact(model, str(folder / 'weights'))
    client.finalize_logged_model(model, LoggedModelStatus.READY)
    client.log_outputs(of_task, [LoggedModelOutput(model, 7)])
    client.log_metric(of_task, 'acc', 0.75, step=2, model_id=model, dataset_name='wine', dataset_digest='abc')
    base = client.create_logged_model('0', name='base').model_id
    client.log_inputs(run_id, models=[LoggedModelInput(base)])
    step = server.ok('POST', f'/runs/{run_id}/tasks', json={
        'name': 'outside', 'type': 'RUNTIME', 'cache_fingerprint': run_id, 'pods': [{'name': 'pod', 'uid': 'u'}],
        'inputs': {'parameters': [{'parameter_key': 'n', 'value': 3, 'type': 'COMPONENT_INPUT'}]}})['task_id']
    server.ok('PATCH', f'/runs/{run_id}/tasks/{step}', json={
        'state': 'SUCCEEDED', 'status_metadata': {'custom_properties': {'good': True, 'of': ['a', {'b': 1}]}}})
    artifact = server.ok('POST', '/artifacts', json={
        'artifact': {'name': 'x', 'type': 'Model', 'uri': 's3://bucket/x'}, 'run_id': run_id, 'task_id': step,
        'producer_key': 'x'})['artifact_id']
    for owner in owners_of(run_id, task['task_id'], artifact):
        server.ok('PATCH', f'{API}/user_metadata', json={'owner': owner, 'note': 'a note', 'set': {
            'text': 'x', 'score': 0.5, 'reviewed': True, 'parts': ['a', {'b': None}]}})
    return types.SimpleNamespace(run_id=run_id, task_id=task['task_id'], of_task=of_task, model=model, base=base,
                                 step=step, artifact=artifact, bundle=export(server, run_id))


def seen_of(client, id_: str) -> Dict[str, Any]:
    """What MLflow's client sees of a run, but for what says whether an engine has run it."""
    run = client.get_run(id_)
    files = [one.path for one in client.list_artifacts(id_)]
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith('mlflow.source.')}
    return {'params': run.data.params, 'metrics': run.data.metrics, 'tags': tags, 'inputs': run.inputs.to_dictionary(),
            'outputs': run.outputs.to_dictionary(), 'files': files, 'status': run.info.status}


def model_of(client, model_id: str) -> Dict[str, Any]:
    files = {one.path for one in client.list_logged_model_artifacts(model_id)}
    return {**client.get_logged_model(model_id).to_dictionary(), 'files': files}


def weights_of(server, model_id: str) -> str:
    path = f'{server.url}{ARTIFACTS}/0/models/{model_id}/artifacts/weights'
    answer = requests.get(path, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def recorded_members(bundle: bytes) -> Dict[str, bytes]:
    """Without the numbers of artifacts, which each server gives out itself."""
    return {name: re.sub(rb'"artifact_id":[1-9][0-9]*', b'"artifact_id":N', text)
            for name, text in members(bundle).items() if name.split('.')[0] in LATER}


def test_another_server_shows_the_same(server, recorded, make_server, tmp_path):
    other = make_server(name='other').start()
    answer = bring(other, recorded.bundle)
    assert answer.status_code == 200, answer.text
    here, there = client_of(server), client_of(other)
    for id_ in (recorded.run_id, recorded.of_task):
        assert seen_of(there, id_) == seen_of(here, id_), id_
    assert seen_of(there, recorded.of_task)['params'] == {'rate': '0.1'}
    assert {one.dataset.digest for one in there.get_run(recorded.run_id).inputs.dataset_inputs} == {'abc', 'def'}
    for model in (recorded.model, recorded.base):
        assert model_of(there, model) == model_of(here, model)
    made = there.get_logged_model(recorded.model)
    assert made.params == {'layers': '3'} and made.source_run_id == recorded.of_task and made.tags['stage'] == 'dev'
    for id_, path, text in ((recorded.run_id, 'notes/run.txt', 'of the run'),
                            (recorded.of_task, 'task.txt', 'of the task')):
        assert pathlib.Path(there.download_artifacts(id_, path, str(tmp_path))).read_text() == text
    assert weights_of(other, recorded.model) == '1 2 3'
    for owner in owners_of(recorded.run_id, recorded.task_id, recorded.artifact):
        query = {f'owner.{key}': value for key, value in owner.items()}
        theirs = other.ok('GET', f'{API}/user_metadata', params=query)
        assert theirs == server.ok('GET', f'{API}/user_metadata', params=query)
        assert theirs['values']['score'] == 0.5 and theirs['values']['parts'] == ['a', {'b': None}], theirs
    found = other.ok('POST', f'{API}/user_metadata:find', json={
        'kind': 'TASK', 'key': 'score', 'comparison': 'GREATER', 'value': 0.25})
    assert [one['task_id'] for one in found['owners']] == [recorded.task_id]
    path = f'/runs/{recorded.run_id}/tasks'
    tasks = {task['task_id']: task for task in other.ok('GET', path)['tasks']}
    assert tasks[recorded.step]['pods'][0]['name'] == 'pod' and tasks[recorded.step]['type'] == 'RUNTIME'
    # URIs of artifacts begin with where a server is reached.
    for task in json.loads(json.dumps(server.ok('GET', path)['tasks']).replace(server.url, other.url)):
        for of_server in (task, tasks[task['task_id']]):
            of_server.pop('pods' if task['task_id'] == recorded.task_id else 'none', None)  # where the log lies
        assert tasks[task['task_id']] == task
    # It may have been made of what did not come along.
    assert not other.ok('POST', '/tasks:findCached', json={'cache_fingerprint': recorded.run_id})
    assert recorded_members(export(other, recorded.run_id)) == recorded_members(recorded.bundle)


def test_what_is_there_is_not_doubled_nor_taken(server, recorded, make_server):
    other = make_server(name='other').start()
    client = client_of(other)
    own = client.create_run('0').info.run_id
    client.log_inputs(own, [dataset('wine', 'abc')])
    first = bring(other, recorded.bundle).json()['run_id']
    second = bring(other, recorded.bundle, new_id='true').json()['run_id']
    assert first == recorded.run_id and second != first
    summaries = requests.post(f'{other.url}/ajax-api/2.0/mlflow/experiments/search-datasets', timeout=60,
                              json={'experiment_ids': ['0']}).json()['dataset_summaries']
    assert {(one['name'], one.get('context')) for one in summaries} == {
        ('wine', 'training'), ('wine', 'evaluation'), ('wine', None), ('beer', None)}
    artifacts = other.ok('GET', '/artifacts?page_size=200')['artifacts']
    assert sorted(one['name'] for one in artifacts if one['name'] in ('wine', 'beer')) == ['beer', 'wine']
    nets = {one.model_id: one for one in client.search_logged_models(['0'], "name = 'net'")}
    assert len(nets) == 2 and recorded.model in nets
    (copy,) = set(nets) - {recorded.model}
    task = next(one['task_id'] for one in other.run(second)['run_details']['task_details']
                if one['display_name'] != 'outside' and one['task_id'] != second)
    assert nets[copy].source_run_id == f'{second}_{task}' and nets[copy].params == {'layers': '3'}
    assert nets[copy].tags['stage'] == 'dev' and nets[copy].metrics[0].run_id == nets[copy].source_run_id
    outputs = client.get_run(f'{second}_{task}').outputs.model_outputs
    assert [(one.model_id, one.step) for one in outputs] == [(copy, 7)]
    for model in (copy, recorded.model):
        assert weights_of(other, model) == '1 2 3'
    named = [one for one in other.ok('GET', '/artifacts?page_size=200')['artifacts'] if one['name'] == 'net']
    assert {one['metadata']['model_id'] for one in named} == {copy, recorded.model}
    comparison = other.ok('GET', f'{API}/runs:compare', params={'run_ids': [first, second]})
    assert not comparison.get('differ'), comparison


def test_bundles_without_these_members_are_read(recorded, make_server):
    other = make_server(name='other').start()
    old = rebuilt(recorded.bundle, **{name: None for name in LATER[:-1]}, mlflow_files=None, **{
        f'contents_{number}': None for number in files_of(recorded.bundle)})
    answer = bring(other, old)
    assert answer.status_code == 200, answer.text
    assert other.ok('GET', f'/runs/{recorded.run_id}')['state'] == 'SUCCEEDED'
    assert client_of(other).get_run(recorded.run_id).inputs.dataset_inputs == []


def files_of(bundle: bytes) -> List[str]:
    rows = members(bundle)['mlflow_files.jsonl'].splitlines()
    return [json.loads(row)['member'].split('/')[1] for row in rows]


def test_changed_rows_are_refused_and_leave_nothing(recorded, make_server):
    other = make_server(name='other').start()
    parts = members(recorded.bundle)

    def changed(member: str, old: str, new: str) -> bytes:
        text = parts[f'{member}.jsonl']
        assert old.encode() in text, text
        return rebuilt(recorded.bundle, **{member: text.replace(old.encode(), new.encode())})
    wrong = {
        'typed_tags.jsonl, line 3': changed('typed_tags', '"NUMBER"', '"BOOLEAN"'),
        'datasets.jsonl, line 1': changed('datasets', '"abc"', f'"{"d" * 37}"'),
        'models.jsonl, line': changed('models', '"READY"', '"DONE"'),
        'model_links.jsonl, line': changed('model_links', recorded.model, 'm-none'),
        'task_records.jsonl, line 1': changed('task_records', '"record":"', '"record":"AAAA'),
        'mlflow_files.jsonl, line': changed('mlflow_files', 'notes/run.txt', '../../run.txt'),
    }
    for where, bundle in wrong.items():
        answer = bring(other, bundle)
        assert answer.status_code == 400 and where in answer.text, f'{where}: {answer.status_code} {answer.text}'
        assert other.request('GET', f'/runs/{recorded.run_id}').status_code == 404
    left = [path for path in (other.data_dir / 'artifacts').rglob('*') if path.is_file()]
    assert not left, left
    # MLflow's files have to lie where its clients look for them.
    elsewhere = client_of(other).create_experiment('elsewhere', artifact_location='s3://bucket/path')
    answer = bring(other, recorded.bundle, experiment_id=elsewhere)
    assert answer.status_code == 400 and 's3://bucket/path' in answer.text, answer.text
    assert not [path for path in (other.data_dir / 'artifacts').rglob('*') if path.is_file()]
    assert bring(other, rebuilt(recorded.bundle)).status_code == 200


# --- Comparison ---

def test_data_sets_are_compared_by_their_digests(server, tracking):
    pandas = pytest.importorskip('pandas')
    experiment = tracking.experiment()
    mlflow.set_experiment(experiment_id=experiment)
    runs, digests = [], []
    for rows in (2, 3):
        frame = pandas.DataFrame({'a': range(rows)})
        data = mlflow.data.from_pandas(frame, source='train.csv', name='wine')
        same = mlflow.data.from_pandas(pandas.DataFrame({'b': [1]}), source='same.csv', name='same')
        with mlflow.start_run() as run:
            mlflow.log_input(data, context='training')
            mlflow.log_input(same, context='training')
            if rows == 3:
                mlflow.log_input(data, context='evaluation')
                mlflow.log_metric('acc', 1)
        runs.append(run.info.run_id)
        digests.append(data.digest)

    def inputs(**query: Any) -> Dict[str, List[Any]]:
        comparison = server.ok('GET', f'{API}/runs:compare', params={'run_ids': runs, **query})
        section = next(one for one in comparison['sections'] if one['name'] == 'inputs')
        return {row['key']: [value.get('value') for value in row['values']] for row in section.get('rows', [])}
    # A data set that a run takes again keeps its first link, and its latest context.
    context = [[tag.value for tag in one.tags] for one in tracking.client.get_run(runs[1]).inputs.dataset_inputs
               if one.dataset.name == 'wine']
    assert context == [['evaluation']], context
    assert inputs() == {'data set wine (training)': [digests[0], None],
                        'data set wine (evaluation)': [None, digests[1]]}
    assert 'data set same (training)' in inputs(all='true')


def test_data_sets_of_tasks_are_compared(server):
    client = client_of(server)
    runs = []
    for digest in ('one', 'two'):
        runs.append(server.create_run(specs.noop()))
        server.succeed(runs[-1])
        (task,) = server.tasks(runs[-1]).values()
        client.log_inputs(f'{runs[-1]}_{task["task_id"]}', [dataset('task-data', digest, 'training')])
    comparison = server.ok('GET', f'{API}/runs:compare', params={'run_ids': runs})
    section = next(one for one in comparison['sections'] if one['name'] == 'inputs')
    assert [(row['task'], row['key'], [value['value'] for value in row['values']]) for row in section['rows']] == [
        (task['display_name'], 'data set task-data (training)', ['one', 'two'])], section
