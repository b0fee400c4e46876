"""What KFP's web UI asks of ML Metadata, over gRPC-web as its browser code does."""

import re
import time

import pytest
import requests

import every_kind
import specs
from protos import WebClient, WebError
from waiting import wait_until

EVENT_INPUT, EVENT_OUTPUT = 3, 4
COMPLETE, CACHED, CANCELED = 3, 5, 6


@pytest.fixture(scope='module')
def run(server, tmp_path_factory):
    """Two equal runs, so that the tasks of the second come from the cache; ids of both."""
    data = tmp_path_factory.mktemp('data') / 'data.csv'
    data.write_text('a,b\n')
    spec = specs.compiled(every_kind.every_kind)
    ids = []
    for _ in range(2):
        ids.append(server.create_run(spec, uri=str(data), n=5))  # as no other test
        server.succeed(ids[-1], 120)
    return ids


@pytest.fixture(scope='module')
def metadata(server):
    return WebClient(server, 'ml_metadata.MetadataStoreService', 'ml_metadata/metadata_store.proto')


def context_of(metadata, run_id):
    return metadata('GetContextByTypeAndName', type_name='system.PipelineRun', context_name=run_id).context


def executions_of(metadata, run_id):
    return metadata('GetExecutionsByContext', context_id=context_of(metadata, run_id).id).executions


def text(thing, name):
    return thing.custom_properties[name].string_value


def number(thing, name):
    return thing.custom_properties[name].int_value


def test_the_graph_of_a_run(metadata, run):
    assert not metadata('GetContextByTypeAndName', type_name='system.PipelineRun', context_name='x').HasField('context')
    executions = executions_of(metadata, run[0])
    (root,) = [one for one in executions if 'task_name' in one.custom_properties and not text(one, 'task_name')]
    by_parent = {}
    for one in executions:
        if one.id != root.id:
            by_parent.setdefault(number(one, 'parent_dag_id'), []).append(one)
    top = {text(one, 'task_name'): one for one in by_parent[root.id]}
    assert set(top) == {'exit-handler-1', 'clean'}
    handled = {text(one, 'task_name'): one for one in by_parent[top['exit-handler-1'].id]}
    (loop_name,) = [name for name in handled if name.startswith('for-loop-')]
    loop = handled[loop_name]
    assert number(loop, 'iteration_count') == 3
    iterations = by_parent[loop.id]
    assert sorted(number(one, 'iteration_index') for one in iterations) == [0, 1, 2]
    for iteration in iterations:
        assert text(iteration, 'task_name') == loop_name
        assert iteration.type == 'system.DAGExecution'
        (used,) = by_parent[iteration.id]
        assert used.custom_properties['inputs'].struct_value['n'] == number(iteration, 'iteration_index') + 1
    (branches,) = [one for name, one in handled.items() if name.startswith('condition-branches-')]
    assert sorted(one.last_known_state for one in by_parent[branches.id]) == [COMPLETE, CANCELED]
    assert handled['importer'].type == 'system.ImporterExecution'
    assert text(handled['importer'], 'pod_name') == handled['importer'].name
    assert {text(one, 'run_id') for one in executions} == {run[0]}
    assert handled['inner'].type == 'system.DAGExecution'
    made = handled['produce']
    assert made.type == 'system.ContainerExecution' and made.last_known_state == COMPLETE
    assert text(made, 'pod_name') and text(made, 'image')
    assert made.custom_properties['outputs'].struct_value['Output'] == 6
    assert made.create_time_since_epoch <= made.last_update_time_since_epoch <= time.time() * 1000 + 1000


def test_what_comes_from_the_cache(metadata, run):
    first, second = (
        {text(one, 'task_name'): one for one in executions_of(metadata, run_id)} for run_id in run)
    assert second['produce'].last_known_state == CACHED
    assert text(second['produce'], 'cached_execution_id') == str(first['produce'].id)


def test_artifacts_and_events(server, metadata, run):
    context = context_of(metadata, run[0])
    executions = executions_of(metadata, run[0])
    artifacts = metadata('GetArtifactsByContext', context_id=context.id).artifacts
    types = {one.id: one.name for one in metadata('GetArtifactTypes').artifact_types}
    by_type = {}
    for artifact in artifacts:
        assert types[artifact.type_id] == artifact.type
        assert text(artifact, 'display_name') and artifact.state == 2
        by_type.setdefault(artifact.type, []).append(artifact)
    (metrics,) = by_type['system.Metrics']
    assert {name for name in metrics.custom_properties} == {'loss', 'accuracy', 'display_name'}
    assert metrics.custom_properties['loss'].double_value == 0.5
    (roc,) = by_type['system.ClassificationMetrics']
    rows = roc.custom_properties['confidenceMetrics'].struct_value['list']
    assert len(rows) == 2 and rows[0]['falsePositiveRate'] == 0
    columns = [one.custom_properties['columns'].struct_value['list'] for one in by_type['system.Dataset']
               if 'columns' in one.custom_properties]
    assert [list(one) for one in columns] == [['a', 'b']]

    events = metadata('GetEventsByExecutionIDs', execution_ids=[one.id for one in executions]).events
    made = {text(one, 'task_name'): one.id for one in executions}['produce']
    keys = {event.path.steps[0].key for event in events if event.execution_id == made and event.type == EVENT_OUTPUT}
    assert keys == {'metrics', 'roc', 'data'}
    (data,) = [one for one in by_type['system.Dataset'] if 'columns' in one.custom_properties]
    of_data = metadata('GetEventsByArtifactIDs', artifact_ids=[data.id]).events
    assert [event.type for event in of_data if event.execution_id == made] == [EVENT_OUTPUT]
    users = {text(one, 'task_name') for one in executions
             if any(event.execution_id == one.id and event.type == EVENT_INPUT for event in of_data)}
    assert 'use' in users
    assert run[0] in {one.name for one in metadata('GetContextsByArtifact', artifact_id=data.id).contexts}
    earlier = data.uri.replace(f'127.0.0.1:{server.http_port}/artifacts/http/penstock', 'penstock')
    for uri in (data.uri, earlier, earlier.replace('http:', 'penstock:').replace('//penstock/', '//')):
        assert data in metadata('GetArtifactsByURI', uris=[uri]).artifacts, uri


def test_the_pages_of_artifacts_and_executions(metadata, run):
    executions = executions_of(metadata, run[0])
    seen, token = [], ''
    while True:
        page = metadata('GetExecutions', options={'max_result_size': 5, 'next_page_token': token})
        assert len(page.executions) <= 5
        seen += [one.id for one in page.executions]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted(set(seen)) and {one.id for one in executions} <= set(seen)
    everything = {one.id for one in metadata('GetExecutions').executions}
    assert {one.id for one in executions} <= everything
    page = metadata('GetArtifacts', options={'max_result_size': 2})
    assert len(page.artifacts) == 2 and page.next_page_token
    everything = metadata('GetArtifacts').artifacts
    assert len(everything) > 2
    one = everything[0]
    assert list(metadata('GetArtifactsByID', artifact_ids=[one.id, 2**50]).artifacts) == [one]
    assert not metadata('GetArtifactsByID').artifacts
    (kind,) = metadata('GetArtifactTypesByID', type_ids=[one.type_id]).artifact_types
    assert kind.name == one.type
    last = executions[-1]
    assert list(metadata('GetExecutionsByID', execution_ids=[last.id]).executions) == [last]
    kinds = {kind.id: kind.name for kind in metadata('GetExecutionTypes').execution_types}
    assert kinds[last.type_id] == last.type
    (kind,) = metadata('GetExecutionTypesByID', type_ids=[last.type_id]).execution_types
    assert kind.name == last.type
    (context,) = metadata('GetContextsByExecution', execution_id=last.id).contexts
    assert context.name == run[0]
    assert metadata('GetContextType', type_name='system.PipelineRun').context_type.id == context.type_id
    with pytest.raises(WebError) as error:
        metadata('GetContextType', type_name='none')
    assert error.value.status == 5


def test_all_tasks_of_a_graph_are_there_when_it_starts(server, metadata, tmp_path):
    """The UI crashes on a layer that lacks the execution of one of its tasks."""
    spec = specs.shell_pipeline({
        'first': specs.Shell(f'while [ ! -e {tmp_path}/go ]; do sleep 0.05; done'),
        'then': specs.Shell('exit 0', after=['first'])})
    run_id = server.create_run(spec)
    wait_until('the run to have tasks', lambda: server.tasks(run_id), 30)
    states = {text(one, 'task_name'): one.last_known_state for one in executions_of(metadata, run_id)}
    assert states['then'] == 1 and states['first'] in (1, 2)
    pods = {text(one, 'task_name'): text(one, 'pod_name') for one in executions_of(metadata, run_id)}
    assert pods['then']
    (tmp_path / 'go').touch()
    server.succeed(run_id)


def test_what_the_pages_ask_their_own_server_for(server, metadata, run):
    """Content and logs by what the metadata says, as the browser code spells it; and what else is asked on the way."""
    executions = executions_of(metadata, run[0])
    by_type = {}
    for one in metadata('GetArtifactsByContext', context_id=context_of(metadata, run[0]).id).artifacts:
        by_type.setdefault(one.type, []).append(one)
    (data,) = [one for one in by_type['system.Dataset'] if 'columns' in one.custom_properties]
    # Bucket and key are what the UI takes from a URI.
    scheme, bucket, key = re.fullmatch('([a-z]+)://([^/]+)/(.+)', data.uri).groups()
    assert (scheme, bucket) == ('http', f'127.0.0.1:{server.http_port}')
    root = f'http://127.0.0.1:{server.http_port}'
    get = lambda path, **query: requests.get(root + path, params=query, timeout=30)  # noqa: E731
    whole = get('/artifacts/get', source=scheme, bucket=bucket, key=key)
    assert whole.status_code == 200 and whole.content, whole.text
    assert get('/artifacts/get', source=scheme, bucket=bucket, key=key, peek=2).content == whole.content[:2]
    assert get(f'/artifacts/{scheme}/{bucket}/{key}').content == whole.content
    own = 'artifacts/http/penstock/'
    for wrong in (f'{own}logs/x', f'{own}artifacts/../../etc/passwd', f'{own}artifacts/none', 'x'):
        assert get('/artifacts/get', source=scheme, bucket=bucket, key=wrong).status_code in (400, 404), wrong
    made = next(one for one in executions if text(one, 'task_name') == 'produce')
    log = get('/k8s/pod/logs', podname=text(made, 'pod_name'), runid=run[0], podnamespace='x', createdat='2026-11-29')
    assert log.status_code == 200 and log.headers['Content-Type'].startswith('text/plain')
    experiment = server.run(run[0])['experiment_id']
    answer = server.request('GET', f'/apis/v1beta1/experiments/{experiment}').json()
    assert answer['id'] == experiment and answer['name']
    assert get('/visualizations/allowed').text == 'false'
