"""The JSON of answers: keys, types and what is always there, as KFP's clients and web UI expect."""

import re

import pytest
import yaml

import specs
from specs import Shell

UUID = re.compile(r'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
MOMENT = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$')
EPOCH = '1970-01-01T00:00:00Z'


def upload(server, name, spec=None, path='/pipelines/upload', **query):
    content = yaml.safe_dump(spec or specs.noop()).encode()
    return server.ok('POST', path, params={'name': name, **query}, files={'uploadfile': ('pipeline.yaml', content)})


def test_answers_are_json(server):
    answer = server.request('GET', '/experiments')
    assert answer.headers['Content-Type'].split(';')[0] == 'application/json'


def test_pipeline(server, unique):
    name = unique('shape')
    bare = server.ok('POST', '/pipelines', json={'display_name': name})
    assert set(bare) == {'pipeline_id', 'name', 'display_name', 'created_at'}
    assert UUID.match(bare['pipeline_id']) and MOMENT.match(bare['created_at'])
    assert bare['name'] == bare['display_name'] == name

    full = {'name': unique('shape'), 'display_name': 'Shown', 'description': 'd', 'tags': {'a': 'b'}}
    made = server.ok('POST', '/pipelines', json={**full, 'namespace': 'ignored'})
    assert {key: made[key] for key in full} == full
    assert set(made) == {*full, 'pipeline_id', 'created_at'}  # one user: no namespace
    assert server.ok('GET', f'/pipelines/{made["pipeline_id"]}') == made
    assert server.ok('GET', f'/pipelines/names/{full["name"]}') == made
    listed = server.ok('GET', '/pipelines', params={'page_size': 200, 'sort_by': 'created_at desc'})
    assert made in listed['pipelines'] and isinstance(listed['total_size'], int)
    assert server.ok('DELETE', f'/pipelines/{made["pipeline_id"]}') == {}


def test_camel_case_and_enum_numbers_are_read(server, unique):
    name = unique('shape')
    made = server.ok('POST', '/pipelines', json={'displayName': name, 'description': None})
    assert made['display_name'] == name and 'description' not in made
    run = server.ok('POST', '/runs', json={'displayName': 'r', 'pipelineSpec': specs.noop(), 'storageState': 1})
    assert run['storage_state'] == 'AVAILABLE'


def test_pipeline_version(server, unique):
    spec = specs.shell_pipeline({'only': Shell('true', takes=['x'])}, x='d')
    spec['root']['inputDefinitions']['parameters']['x']['defaultValue'] = 0.1
    pipeline = upload(server, unique('shape'), spec, display_name='Shown', description='d')
    assert set(pipeline) == {'pipeline_id', 'name', 'display_name', 'description', 'created_at'}
    listed = server.ok('GET', f'/pipelines/{pipeline["pipeline_id"]}/versions')
    assert set(listed) == {'pipeline_versions', 'total_size'} and listed['total_size'] == 1
    version, = listed['pipeline_versions']
    assert set(version) == {'pipeline_id', 'pipeline_version_id', 'name', 'display_name', 'description', 'created_at',
                            'pipeline_spec'}
    assert version['pipeline_spec'] == spec
    assert (version['name'], version['display_name']) == (pipeline['name'], 'Shown')
    path = f'/pipelines/{pipeline["pipeline_id"]}/versions/{version["pipeline_version_id"]}'
    assert server.ok('GET', path) == version

    second = upload(server, 'second', spec, '/pipelines/upload_version', pipelineid=pipeline['pipeline_id'],
                    tags='{"a": "b"}', code_source_url='https://example.com/code')
    assert second['tags'] == {'a': 'b'} and second['code_source_url'] == 'https://example.com/code'
    changed = server.ok('PATCH', f'/pipelines/{pipeline["pipeline_id"]}/versions/{second["pipeline_version_id"]}',
                        json={'display_name': 'Renamed', 'tags': {}})
    assert changed['display_name'] == 'Renamed' and 'tags' not in changed
    # KFP lets a version be read through any pipeline.
    other = server.ok('POST', '/pipelines', json={'name': unique('shape')})
    seen = server.ok('GET', f'/pipelines/{other["pipeline_id"]}/versions/{second["pipeline_version_id"]}')
    assert seen['pipeline_version_id'] == second['pipeline_version_id']


@pytest.mark.parametrize('form', ['yaml', 'json', 'zip', 'tar.gz', 'yaml in a zip without a suffix'])
def test_package_forms(server, unique, form, tmp_path):
    import io
    import json
    import tarfile
    import zipfile
    text = yaml.safe_dump(specs.noop()).encode()
    name, content = f'pipeline.{form}', text
    if form == 'json':
        content = json.dumps(specs.noop()).encode()
    elif 'zip' in form:
        name = 'pipeline.zip' if form == 'zip' else 'package'
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('README.md', 'not it') if form == 'zip' else None
            archive.writestr('pipeline.yaml' if form == 'zip' else 'any-name.yml', text)
        content = buffer.getvalue()
    elif form == 'tar.gz':
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
            entry = tarfile.TarInfo('pipeline.yaml')
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        content = buffer.getvalue()
    made = server.ok('POST', '/pipelines/upload', params={'name': unique('form')},
                     files={'uploadfile': (name, content)})
    version, = server.ok('GET', f'/pipelines/{made["pipeline_id"]}/versions')['pipeline_versions']
    assert version['pipeline_spec'] == specs.noop()


def test_names_of_uploads(make_server):
    server = make_server().start()
    content = yaml.safe_dump(specs.noop()).encode()

    def names(**query):
        made = server.ok('POST', '/pipelines/upload', params=query, files={'uploadfile': ('my file.yaml', content)})
        return made['name'], made['display_name']
    assert names() == ('my file.yaml', 'my file.yaml')
    assert names(display_name='Shown') == ('Shown', 'Shown')
    assert names(name='named', display_name='Shown') == ('named', 'Shown')
    assert names(name='流水线 !@#$%') == ('流水线 !@#$%', '流水线 !@#$%')


def test_experiment(server, unique):
    made = server.ok('POST', '/experiments', json={'display_name': unique('shape'), 'namespace': 'ignored'})
    assert set(made) == {'experiment_id', 'display_name', 'created_at', 'last_run_created_at', 'storage_state'}
    assert UUID.match(made['experiment_id']) and MOMENT.match(made['created_at'])
    assert (made['last_run_created_at'], made['storage_state']) == (EPOCH, 'AVAILABLE')
    assert server.ok('GET', f'/experiments/{made["experiment_id"]}') == made
    assert server.ok('POST', f'/experiments/{made["experiment_id"]}:archive') == {}
    assert server.ok('POST', f'/experiments/{made["experiment_id"]}:unarchive', json={}) == {}
    assert server.ok('DELETE', f'/experiments/{made["experiment_id"]}') == {}


def test_fresh_run_and_its_end(server):
    spec = specs.shell_pipeline({'only': Shell('true', takes=['n', 's'])}, n='i', s='s')
    made = server.ok('POST', '/runs', json={'display_name': 'demo', 'pipeline_spec': spec, 'description': 'd',
                                            'runtime_config': {'parameters': {'n': 3, 's': 'x'}}})
    assert set(made) == {'experiment_id', 'run_id', 'display_name', 'description', 'storage_state', 'pipeline_spec',
                         'runtime_config', 'service_account', 'created_at', 'scheduled_at', 'finished_at', 'state',
                         'state_history'}
    assert UUID.match(made['run_id']) and UUID.match(made['experiment_id'])
    assert (made['state'], made['storage_state']) == ('PENDING', 'AVAILABLE')
    assert made['service_account'] == 'pipeline-runner'
    assert made['finished_at'] == EPOCH and made['scheduled_at'] == made['created_at']
    assert made['runtime_config'] == {'parameters': {'n': 3, 's': 'x'}}
    assert made['pipeline_spec'] == spec
    history, = made['state_history']
    assert history['state'] == 'PENDING' and MOMENT.match(history['update_time'])

    ended = server.succeed(made['run_id'])
    for key in ('experiment_id', 'created_at', 'scheduled_at', 'pipeline_spec', 'runtime_config', 'description'):
        assert ended[key] == made[key]
    assert MOMENT.match(ended['finished_at']) and ended['finished_at'] != EPOCH
    assert [entry['state'] for entry in ended['state_history']] == ['PENDING', 'RUNNING', 'SUCCEEDED']
    assert 'error' not in ended
    task, = ended['run_details']['task_details']
    assert task['run_id'] == made['run_id'] and task['display_name'] == 'only' and task['state'] == 'SUCCEEDED'
    assert all(MOMENT.match(task[key]) for key in ('create_time', 'start_time', 'end_time'))
    assert task['task_id']


def test_run_without_parameters_has_no_runtime_config(server):
    made = server.ok('POST', '/runs', json={'display_name': 'bare', 'pipeline_spec': specs.noop()})
    assert 'runtime_config' not in made and 'description' not in made and 'run_details' not in made


def test_run_without_experiment_is_in_the_default_one(server):
    made = server.ok('POST', '/runs', json={'display_name': 'bare', 'pipeline_spec': specs.noop()})
    experiment = server.ok('GET', f'/experiments/{made["experiment_id"]}')
    assert experiment['display_name'] == 'Default'


def test_run_keeps_the_id_that_the_client_chose(server):
    import uuid
    chosen = str(uuid.uuid4())
    body = {'display_name': 'mine', 'run_id': chosen, 'pipeline_spec': specs.noop()}
    assert server.ok('POST', '/runs', json=body)['run_id'] == chosen
    assert server.ok('GET', f'/runs/{chosen}')['display_name'] == 'mine'


def test_empty_lists_are_empty_objects(make_server):
    server = make_server().start()
    assert server.ok('GET', '/pipelines') == {}
    assert server.ok('GET', '/runs') == {}
    listed = server.ok('GET', '/experiments')
    assert listed['total_size'] == 1 and len(listed['experiments']) == 1
    # What the SDK sends for "not given".
    assert server.ok('GET', '/runs', params={'page_token': '', 'sort_by': '', 'filter': ''}) == {}


def test_filters(server, unique):
    mark = unique('mark')
    names = [f'{mark}-{number}' for number in range(4)]
    ids = [server.ok('POST', '/experiments', json={'display_name': name})['experiment_id'] for name in names]

    def found(*predicates, quote=False):
        import json
        import urllib.parse
        text = json.dumps({'predicates': list(predicates)})
        text = urllib.parse.quote(text) if quote else text
        listed = server.ok('GET', '/experiments', params={'filter': text, 'sort_by': 'name'})
        assert listed.get('total_size', 0) == len(listed.get('experiments', []))
        return [one['display_name'] for one in listed.get('experiments', [])]
    substring = {'key': 'name', 'operation': 'IS_SUBSTRING', 'string_value': mark}
    assert found(substring) == names
    assert found(substring, quote=True) == names  # as the web UI sends it
    assert found({'key': 'display_name', 'operation': 'EQUALS', 'stringValue': names[1]}) == [names[1]]
    assert found(substring, {'key': 'name', 'operation': 'NOT_EQUALS', 'string_value': names[0]}) == names[1:]
    assert found({'key': 'experiment_id', 'operation': 'IN', 'string_values': {'values': ids[:2]}}) == names[:2]
    assert found({'key': 'id', 'operation': 8, 'stringValues': {'values': ids[2:]}}) == names[2:]
    assert found(substring, {'key': 'storage_state', 'operation': 'EQUALS', 'string_value': 'ARCHIVED'}) == []
    assert found(substring, {'key': 'created_at', 'operation': 'GREATER_THAN',
                             'timestamp_value': '2000-01-01T00:00:00Z'}) == names
    assert found(substring, {'key': 'created_at', 'operation': 'LESS_THAN', 'string_value': '1000000000'}) == []
    assert found({'key': 'name', 'operation': 'IS_SUBSTRING', 'string_value': mark.replace('-', '_', 1)}) == []


def test_pages(server, unique):
    mark = unique('page')
    names = [f'{mark}-{number}' for number in range(5)]
    for name in names:
        server.ok('POST', '/experiments', json={'display_name': name})
    query = {'filter': '{"predicates": [{"key": "name", "operation": "IS_SUBSTRING", "string_value": "%s"}]}' % mark,
             'sort_by': 'name desc'}
    first = server.ok('GET', '/experiments', params={**query, 'page_size': 2})
    # The token alone carries the order and the filter; repeating them is fine too.
    for following in ({}, query):
        second = server.ok('GET', '/experiments',
                           params={**following, 'page_size': 2, 'page_token': first['next_page_token']})
        assert [one['display_name'] for one in second['experiments']] == names[2:0:-1]
        assert second['total_size'] == 5
    last = server.ok('GET', '/experiments', params={'page_size': 200, 'page_token': second['next_page_token']})
    assert [one['display_name'] for one in last['experiments']] == names[:1]
    assert 'next_page_token' not in last


def test_health(server):
    seen = server.ok('GET', '/healthz')
    assert seen['multi_user'] is False and seen['pipeline_store'] == 'database'
    assert {'commit_sha', 'tag_name'} <= set(seen)
    older = server.ok('GET', '/apis/v1beta1/healthz')
    assert older['multi_user'] is False and 'pipeline_store' not in older
