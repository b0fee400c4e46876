"""What the pages of KFP's own UI ask for and read, of 2.17 with ML Metadata and of the later one without."""

import io
import json
import tarfile
from typing import Any, Dict, List

import pytest
import requests

import kfp_ui
import specs
from protos import WebClient

FOLDER_FILES = {'one.txt', 'sub/two.txt'}


@pytest.fixture(scope='module')
def content(server, tmp_path_factory):
    return kfp_ui.make_content(server, tmp_path_factory.mktemp('ui'), 'ui-walk')


@pytest.fixture(scope='module')
def pages(server, content):
    return kfp_ui.Pages(server, content)


@pytest.fixture(scope='module')
def metadata(server):
    return WebClient(server, 'ml_metadata.MetadataStoreService', 'ml_metadata/metadata_store.proto')


@pytest.mark.parametrize('state', kfp_ui.PAGES)
def test_pages_of_both(pages, state):
    pages.show(kfp_ui.PAGES[state])


def test_what_is_not_there(pages):
    pages.ids['none'] = '11111111-1111-4111-8111-111111111111'
    for path in kfp_ui.MISSING:
        answer = pages.get(path)
        assert answer.status_code == 404 and answer.json()['message'], path


@pytest.mark.parametrize('run', ['all', 'failed', 'spec', 'archived'])
def test_the_page_of_a_run(pages, run):
    pages.show(kfp_ui.run_page(run))
    found = pages.json(f'~/runs/{{r_{run}}}')
    pages.show([f'~/experiments/{found["experiment_id"]}', f'~1/experiments/{found["experiment_id"]}'])
    assert 'pipeline_spec' in found or 'pipeline_version_reference' in found
    legacy = pages.json(f'~1/runs/{{r_{run}}}')
    assert 'pipeline_manifest' in legacy['run']['pipeline_spec'] and legacy['pipeline_runtime'] == {}


# --- Tasks ---

def text(thing: Any, name: str) -> str:
    return thing.custom_properties[name].string_value


def graph_of(metadata: WebClient, run_id: str) -> Dict[str, Any]:
    """What the UI of 2.17 reads every ten seconds."""
    context = metadata('GetContextByTypeAndName', type_name='system.PipelineRun', context_name=run_id).context
    executions = metadata('GetExecutionsByContext', context_id=context.id).executions
    return {'executions': executions,
            'artifacts': metadata('GetArtifactsByContext', context_id=context.id).artifacts,
            'events': metadata('GetEventsByExecutionIDs', execution_ids=[one.id for one in executions]).events,
            'types': {one.id: one.name for one in metadata('GetArtifactTypes').artifact_types}}


@pytest.mark.parametrize('run', ['all', 'cached', 'failed', 'terminated', 'spec', 'archived'])
def test_tasks_with_metadata(pages, metadata, run):
    run_id = pages.ids[f'r_{run}']
    graph = graph_of(metadata, run_id)
    assert [one for one in graph['executions'] if 'task_name' in one.custom_properties and not text(one, 'task_name')]
    for one in graph['executions']:
        assert text(one, 'run_id') == run_id and one.last_known_state and one.create_time_since_epoch
        if one.type == 'system.DAGExecution':
            continue
        said = pages.log(f'r_{run}', text(one, 'pod_name'))
        assert said or one.last_known_state in (3, 4, 6), (text(one, 'task_name'), said)
    for artifact in graph['artifacts']:
        assert text(artifact, 'display_name') and graph['types'][artifact.type_id] == artifact.type
    made = {event.artifact_id for event in graph['events'] if event.type == 4}
    assert {artifact.id for artifact in graph['artifacts']} >= made


def tasks_of(pages: kfp_ui.Pages, run: str) -> List[Dict[str, Any]]:
    """As the later UI reads them."""
    found = pages.get(f'~/runs/{{r_{run}}}/tasks', page_size='200', order_by='create_time asc').json()
    assert not found.get('next_page_token')
    return found['tasks']


@pytest.mark.parametrize('run', ['all', 'cached', 'failed', 'terminated', 'spec', 'archived'])
def test_tasks_without_metadata(pages, run):
    tasks = tasks_of(pages, run)
    assert tasks[0]['type'] == 'ROOT'
    for task in tasks[1:]:
        assert {'task_id', 'name', 'display_name', 'scope_path', 'parent_task_id', 'type', 'create_time'} <= set(task)
        if task['type'] in ('RUNTIME', 'IMPORTER') and task.get('state') != 'CACHED':
            pages.log(f'r_{run}', task['pods'][-1]['name'])


def test_why_a_task_has_no_log(pages):
    def said(run: str, name: str) -> str:
        (task,) = [one for one in tasks_of(pages, run) if one['name'] == name]
        (pod,) = task['pods']
        return pages.log(f'r_{run}', pod['name']).strip()

    assert said('failed', 'double') == 'This task did not run: skipped, since fail failed.'
    assert said('terminated', 'then').startswith('This task did not run')
    imported = said('all', 'importer')
    assert imported.startswith('Imported from /') and imported.endswith('/imported.csv.')
    assert said('cached', kfp_ui.ODD_TASK).startswith('This task did not run: its outputs are those of task ')
    assert 'this task fails on purpose' in said('failed', 'fail')
    assert pages.get('/k8s/pod/logs', podname='none', runid=pages.ids['r_all']).status_code == 404


# --- Artifacts ---

def artifacts_of(pages: kfp_ui.Pages, run: str) -> Dict[str, Dict[str, Any]]:
    """Those that tasks of the run put out, by name."""
    found = {}
    for task in tasks_of(pages, run):
        for output in task.get('outputs', {}).get('artifacts', []):
            found.update({one['name']: one for one in output['artifacts']})
    return found


@pytest.mark.parametrize('asked', [kfp_ui.asked_by_2_17, kfp_ui.asked_without_mlmd])
def test_previews_and_downloads(pages, asked):
    found = artifacts_of(pages, 'all')

    def get(name: str, **more: str) -> requests.Response:
        answer = pages.get('/artifacts/get', **asked(found[name]['uri']), **more)
        assert answer.status_code == 200, f'{name}: {answer.text}'
        return answer

    assert get('html').text == '<h1>HTML of a task</h1>' and get('text').text == '# Markdown of a task\n'
    whole = get('data')
    assert get('data', peek='256').content == whole.content[:256] and whole.headers['Content-Type'].startswith('text/')
    assert get('model').content == bytes(range(256)) * 4
    for name in ('accuracy', 'loss', 'roc', 'matrix'):
        assert get(name, peek='256').content == b''
    told = get('folder', peek='256')
    assert told.text == 'folder is a folder with 2 files.\n' and told.headers['Content-Type'].startswith('text/plain')
    place = asked(found['data']['uri'])
    key = place.get('uriKey', place['key'])
    down = pages.get(f'/artifacts/{place["source"]}/{place["bucket"]}/{key.replace("{", "{{")}')
    assert down.content == whole.content


def test_a_folder_is_an_archive(server, pages):
    folder = artifacts_of(pages, 'all')['folder']
    by_id = f'{server.url}/apis/penstock/v1/artifacts/{folder["artifact_id"]}/content?view=tar'
    for url in (folder['uri'], by_id):
        answer = requests.get(url, timeout=60)
        assert answer.headers['Content-Type'] == 'application/gzip', answer.text
        assert answer.headers['Content-Disposition'].startswith('attachment')
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            members = {one.name: one for one in archive.getmembers()}
            files = {name for name, one in members.items() if one.isfile()}
            assert files == FOLDER_FILES and {name for name in members} == FOLDER_FILES | {'sub'}
            assert all(archive.extractfile(name).read().decode() == name for name in files)
    one = requests.get(folder['uri'] + '/sub/two.txt', timeout=60)
    assert one.text == 'sub/two.txt'


def test_a_uri_as_it_is(server, pages, metadata):
    """Whoever is told a URI can fetch it, at whichever door, and parts of it."""
    made = artifacts_of(pages, 'all')
    assert '%2520' in made['html']['uri'] and requests.get(made['html']['uri'], timeout=60).text.startswith('<h1>')
    data = made['data']
    assert data['uri'].startswith(f'{server.url}/artifacts/http/penstock/artifacts/everything/')
    seen = {one.external_id: one for one in graph_of(metadata, pages.ids['r_all'])['artifacts']}
    assert seen[data['artifact_id']].uri == data['uri']
    whole = requests.get(data['uri'], timeout=60)
    assert whole.status_code == 200 and whole.text == 'a,b\n1,2\n' * 100
    part = requests.get(data['uri'], timeout=60, headers={'Range': 'bytes=4-7'})
    assert part.status_code == 206 and part.text == '1,2\n'
    assert requests.head(data['uri'], timeout=60).headers['Content-Length'] == str(len(whole.content))
    for stranger in ('/artifacts/get?source=http&bucket=elsewhere&key=x', '/artifacts/http/elsewhere/etc/passwd'):
        assert requests.get(server.url + stranger, timeout=60).status_code == 404


def test_the_list_of_artifacts(pages):
    def page(token: str, size: int) -> Dict[str, Any]:
        found = pages.get('~/artifacts', page_token=token, page_size=str(size), sort_by='created_at desc',
                          filter='').json()
        assert len(found['artifacts']) <= size
        return found

    listed = page('', 200)['artifacts']
    for size in (1, 3, 10):
        seen: List[Dict[str, Any]] = []
        token = None
        while token != '' and len(seen) < len(listed):
            found = page(token or '', size)
            seen += found['artifacts']
            token = found.get('next_page_token', '')
        assert seen[:len(listed)] == listed, size
    for artifact in listed[:10]:
        assert pages.json(f'~/artifacts/{artifact["artifact_id"]}') == artifact
        links = pages.get('~/artifact_tasks', artifact_ids=artifact['artifact_id'], page_size='100', page_token='',
                          sort_by='id asc')
        assert links.status_code == 200


def test_lists_of_metadata(pages, metadata):
    types = {one.id: one.name for one in metadata('GetArtifactTypes').artifact_types}
    artifacts = metadata('GetArtifacts', options={'max_result_size': 10}).artifacts
    for artifact in artifacts:
        assert types[artifact.type_id]
        assert metadata('GetEventsByArtifactIDs', artifact_ids=[artifact.id]).events is not None
        assert list(metadata('GetArtifactsByID', artifact_ids=[artifact.id]).artifacts) == [artifact]
        assert metadata('GetArtifactTypesByID', type_ids=[artifact.type_id]).artifact_types
    assert not metadata('GetArtifactsByID', artifact_ids=[999999999]).artifacts
    kinds = {one.id: one.name for one in metadata('GetExecutionTypes').execution_types}
    for one in metadata('GetExecutions', options={'max_result_size': 10}).executions:
        assert kinds[one.type_id] and text(one, 'run_id')
        (context,) = metadata('GetContextsByExecution', execution_id=one.id).contexts
        assert context.name == text(one, 'run_id')


# --- What comes in ---

def test_urls_of_artifacts_are_taken_back(server, pages, metadata):
    data = artifacts_of(pages, 'all')['data']
    predicate = {'key': 'uri', 'operation': 'EQUALS', 'string_value': data['uri']}
    listed = server.ok('GET', '/artifacts', params={'filter': json.dumps({'predicates': [predicate]})})['artifacts']
    assert data in listed
    # An importer, and a run that is given it.
    run_id = server.create_run(kfp_ui.everything_spec(), uri=data['uri'], n=7)
    server.succeed(run_id, 180)
    tasks = {task['name']: task for task in server.ok('GET', f'/runs/{run_id}/tasks?page_size=200')['tasks']}
    (imported,) = tasks['importer']['outputs']['artifacts'][0]['artifacts']
    assert imported['uri'] == data['uri'] and imported['artifact_id'] != data['artifact_id']
    (read,) = tasks['use-2']['outputs']['parameters']
    assert read['value'] == 'a,b\n', 'it is read where it lies'
    lineage = server.ok('GET', f'/apis/penstock/v1/artifacts/{data["artifact_id"]}/lineage?direction=DOWN')
    assert imported['artifact_id'] in json.dumps(lineage['imports'])
    made = server.ok('POST', '/artifacts', json={'artifact': {'name': 'x', 'type': 'Dataset', 'uri': data['uri']}})
    assert made['uri'] == data['uri']
    assert server.ok('GET', f'/apis/penstock/v1/artifacts/{made["artifact_id"]}/lineage?direction=UP')[
        'artifacts'][0]['uri'].startswith('penstock://artifacts/')


# --- Buttons ---

def test_buttons(server, pages, unique):
    name = unique('ui-buttons')
    post = {'headers': {'Sec-Fetch-Site': 'same-origin', 'Origin': server.url}}
    spec = specs.compiled(kfp_ui.hello)
    made = kfp_ui.upload(server, 'upload', spec, name=name, display_name=name, description='d ä')
    pipeline = made['pipeline_id']
    more = kfp_ui.upload(server, 'upload_version', spec, name=f'{name}-2', pipelineid=pipeline)
    bad = server.request('POST', '/pipelines/upload', params={'name': f'{name}-bad', 'display_name': ''},
                         files={'uploadfile': ('bad.yaml', b'nonsense: 1\n')})
    assert bad.status_code == 400 and bad.json()['error_message']
    refused = server.request('POST', '/pipelines//versions', json={'package_url': {'pipeline_url': 'http://h/x'}})
    assert refused.status_code == 400
    run = server.ok('POST', '/runs', json={
        'display_name': name, 'experiment_id': pages.ids['experiment'], 'description': '', 'service_account': '',
        'pipeline_version_reference': {'pipeline_id': pipeline, 'pipeline_version_id': more['pipeline_version_id']},
        'runtime_config': {'parameters': {'n': 9}}})['run_id']
    server.succeed(run)
    for button in ('archive', 'unarchive', 'archive'):  # without body and content type
        assert server.ok('POST', f'/runs/{run}:{button}', **post) == {}
    assert server.ok('DELETE', f'/apis/v1beta1/runs/{run}', **post) == {}
    recurring = pages.ids['recurring']
    for button, status in (('disable', 'DISABLED'), ('enable', 'ENABLED')):
        server.ok('POST', f'/recurringruns/{recurring}:{button}', **post)
        assert pages.json('~/recurringruns/{recurring}')['status'] == status
    experiment = server.ok('POST', '/experiments', json={'display_name': name}, **post)['experiment_id']
    for button, state in (('archive', 'ARCHIVED'), ('unarchive', 'AVAILABLE')):
        server.ok('POST', f'/experiments/{experiment}:{button}', **post)
        assert server.ok('GET', f'/experiments/{experiment}')['storage_state'] == state
    server.ok('DELETE', f'/pipelines/{pipeline}/versions/{more["pipeline_version_id"]}', **post)
    assert server.ok('GET', f'/pipelines/{pipeline}/versions?page_size=1')['pipeline_versions']
    assert server.ok('DELETE', f'/pipelines/{pipeline}?cascade=true', **post) == {}
    server.ok('POST', f'/runs/{pages.ids["r_terminated"]}:retry', **post)
    server.ok('POST', f'/runs/{pages.ids["r_terminated"]}:terminate', **post)
    server.finish(pages.ids['r_terminated'])
