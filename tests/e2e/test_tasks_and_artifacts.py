"""The API of tasks and artifacts of KFP 3.0, with a client generated from our own protos and over HTTP."""

import concurrent.futures

import grpc
import pytest

import every_kind
import specs
from protos import API, Client

RUN_PROTO = 'kubeflow/pipelines/v2beta1/run.proto'
ARTIFACT_PROTO = 'kubeflow/pipelines/v2beta1/artifact.proto'


@pytest.fixture(scope='module')
def run(server, tmp_path_factory):
    """Two equal runs, so that the tasks of the second come from the cache; ids of both."""
    data = tmp_path_factory.mktemp('data') / 'data.csv'
    data.write_text('a,b\n')
    spec = specs.compiled(every_kind.every_kind)
    ids = []
    for _ in range(2):
        ids.append(server.create_run(spec, uri=str(data)))
        server.succeed(ids[-1], 120)
    return ids


@pytest.fixture
def runs(server):
    return Client(f'127.0.0.1:{server.grpc_port}', f'{API}.RunService', RUN_PROTO)


@pytest.fixture
def artifacts(server):
    return Client(f'127.0.0.1:{server.grpc_port}', f'{API}.ArtifactService', ARTIFACT_PROTO)


def all_tasks(server, run_id, size=4):
    """By scope path and iteration, over HTTP as the UI reads them."""
    tasks, token = [], ''
    while True:
        page = server.ok('GET', f'/runs/{run_id}/tasks?page_size={size}&page_token={token}&filter='
                                '&order_by=create_time%20asc')
        tasks += page['tasks']
        token = page.get('next_page_token', '')
        if not token:
            assert page['total_size'] == len(tasks)
            return tasks


def test_the_tasks_of_a_run(server, run):
    tasks = all_tasks(server, run[0])
    root = tasks[0]
    assert root['type'] == 'ROOT' and root['task_id'] == run[0] and 'parent_task_id' not in root
    assert root['state'] == 'SUCCEEDED' and root['scope_path'] == 'root'
    kinds = {}
    for task in tasks:
        kinds.setdefault(task['type'], []).append(task)
    assert {kind: len(found) for kind, found in kinds.items()} == {
        'ROOT': 1, 'EXIT_HANDLER': 1, 'LOOP': 1, 'CONDITION_BRANCH': 1, 'CONDITION': 2, 'DAG': 1, 'IMPORTER': 1,
        'RUNTIME': 8}
    by_id = {task['task_id']: task for task in tasks}
    for task in tasks[1:]:
        assert task['scope_path'] == by_id[task['parent_task_id']]['scope_path'] + '.' + task['name']
        assert {'task_id': task['task_id'], 'name': task['name']} in by_id[task['parent_task_id']]['child_tasks']
    (loop,) = kinds['LOOP']
    assert loop['type_attributes']['iteration_count'] == '3'
    used = [task for task in tasks if task.get('parent_task_id') == loop['task_id']]
    assert [task['type_attributes']['iteration_index'] for task in used] == ['0', '1', '2']
    assert sorted(task['state'] for task in kinds['CONDITION']) == ['SKIPPED', 'SUCCEEDED']
    children = server.ok('GET', f'/runs/{run[0]}/tasks?parent_id={loop["task_id"]}')['tasks']
    assert children == used
    assert server.ok('GET', f'/runs/{run[0]}/tasks/{loop["task_id"]}') == loop


def test_inputs_outputs_and_where_they_come_from(server, run):
    tasks = {task['name']: task for task in all_tasks(server, run[0], 200) if 'type_attributes' not in task}
    made = tasks['produce']
    (given,) = made['inputs']['parameters']
    assert given['parameter_key'] == 'n' and given['value'] == 2 and given['type'] == 'COMPONENT_INPUT'
    (put,) = made['outputs']['parameters']
    assert put['value'] == 3 and put['type'] == 'OUTPUT' and put['producer']['task_name'] == 'produce'
    outputs = {one['artifact_key']: one['artifacts'] for one in made['outputs']['artifacts']}
    assert {one['name']: one['number_value'] for one in outputs['metrics']} == {'loss': 0.5, 'accuracy': 0.75}
    assert all(one['type'] == 'Metric' for one in outputs['metrics'])
    assert outputs['roc'][0]['type'] == 'ClassificationMetric'
    assert outputs['data'][0]['metadata']['columns'] == ['a', 'b']
    assert made['pods'][0]['type'] == 'EXECUTOR' and made['pods'][0]['name']
    assert [one['state'] for one in made['state_history']][-1] == 'SUCCEEDED'
    again = {task['name']: task for task in all_tasks(server, run[1], 200)}['produce']
    assert again['state'] == 'CACHED' and again['cache_fingerprint'] == made['cache_fingerprint']
    assert [pod['name'] for pod in again['pods']] == [again['task_id']], 'where there was none, the reason is found'


def test_views_of_runs(server, run):
    plain = server.ok('GET', f'/runs/{run[0]}')
    assert plain['task_count'] == 16 and 'tasks' not in plain and plain['run_details']['task_details']
    full = server.ok('GET', f'/runs/{run[0]}?view=FULL')
    assert full['tasks'] == all_tasks(server, run[0])
    listed = server.ok('GET', '/runs?view=FULL&page_size=2&sort_by=created_at%20desc')['runs']
    assert all(one['tasks'] for one in listed if one['run_id'] in run)
    assert 'tasks' not in server.ok('GET', '/runs?page_size=1')['runs'][0]


def test_artifacts_and_the_tasks_of_one(server, run):
    listed = server.ok('GET', '/artifacts?page_size=200&sort_by=created_at%20desc&filter=&page_token=')['artifacts']
    data = next(one for one in listed if one.get('metadata', {}).get('columns'))
    assert server.ok('GET', f'/artifacts/{data["artifact_id"]}') == data
    loss = next(one for one in listed if one['type'] == 'Metric' and one['name'] == 'loss')
    assert server.ok('GET', f'/artifacts/{loss["artifact_id"]}')['number_value'] == 0.5
    links = server.ok('GET', f'/artifact_tasks?artifact_ids={data["artifact_id"]}&type=OUTPUT&sort_by=id%20asc')
    names = {server.ok('GET', f'/runs/{one["run_id"]}/tasks/{one["task_id"]}')['name']
             for one in links['artifact_tasks']}
    assert 'produce' in names
    assert server.request('GET', '/artifact_tasks').status_code == 400
    assert server.request('GET', '/artifacts/none').status_code == 404


def test_a_client_records_what_it_executes(server, runs, artifacts, run):
    run_id = server.create_run(specs.noop())
    server.succeed(run_id)
    step = runs('CreateTask', run_id=run_id, task={'name': 'outside', 'state': 'RUNNING', 'cache_fingerprint': run_id})
    data = artifacts('CreateArtifact', run_id=run_id, task_id=step.task_id, producer_key='model', artifact={
        'name': 'model', 'type': 'Model', 'uri': 's3://bucket/model'})
    assert not runs('FindCachedTask', cache_fingerprint=run_id).task_id
    with concurrent.futures.ThreadPoolExecutor(8) as threads:  # their outputs are merged
        list(threads.map(lambda n: runs('UpdateTask', run_id=run_id, task_id=step.task_id, task={
            'outputs': {'parameters': [{'parameter_key': f'out{n}', 'value': {'number_value': n}}]}}), range(16)))
    runs('UpdateTasksBulk', run_id=run_id, tasks={step.task_id: {'state': 'SUCCEEDED'}})
    found = runs('FindCachedTask', cache_fingerprint=run_id)
    assert found.task_id == step.task_id
    assert sorted(one.value.number_value for one in found.outputs.parameters) == list(range(16))
    assert found.outputs.artifacts[0].artifacts[0].artifact_id == data.artifact_id
    # Other doors see it, too.
    details = server.run(run_id)['run_details']['task_details']
    assert [one['state'] for one in details if one['task_id'] == step.task_id] == ['SUCCEEDED']
    with pytest.raises(grpc.RpcError) as error:
        runs('UpdateTask', run_id=run[0], task_id=server.tasks(run[0])['produce']['task_id'], task={'state': 'FAILED'})
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION and 'state' in error.value.details()


def test_the_same_artifact_is_one_however_many_make_it_at_once(artifacts):
    given = {'name': 'shared', 'type': 'Dataset', 'uri': 's3://bucket/shared', 'metadata': {'a': {'number_value': 1}}}
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        made = threads.map(lambda _: artifacts('CreateArtifact', artifact=given, reuse_if_exists=True), range(16))
    assert len({one.artifact_id for one in made}) == 1


def test_writes_over_http(server, run):
    task = server.ok('POST', f'/runs/{run[0]}/tasks', json={'name': 'by-http', 'state': 'RUNNING'})
    failed = {'state': 'FAILED', 'status_metadata': {'message': 'why', 'custom_properties': {'score': 0.5}}}
    changed = server.ok('PATCH', f'/runs/{run[0]}/tasks/{task["task_id"]}', json=failed)
    assert changed['state'] == 'FAILED' and changed['status_metadata']['message'] == 'why'
    assert changed['status_metadata']['custom_properties'] == {'score': 0.5}
    made = server.ok('POST', '/artifacts:batchCreate', json={'artifacts': [
        {'artifact': {'name': 'x', 'type': 'Metric', 'number_value': 0}, 'run_id': run[0], 'task_id': task['task_id'],
         'producer_key': 'x'}]})['artifacts']
    assert made[0]['number_value'] == 0
    link = server.ok('POST', '/artifact_tasks', json={
        'artifact_id': made[0]['artifact_id'], 'run_id': run[0], 'task_id': run[0], 'type': 'OUTPUT', 'key': 'x'})
    assert link['id']
    server.ok('POST', '/artifact_tasks:batchCreate', json={'artifact_tasks': [link]})
    assert server.ok('POST', '/tasks:findCached', json={'cache_fingerprint': 'none'}) == {}
