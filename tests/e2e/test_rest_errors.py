"""What a client's mistake is answered with: the right status, KFP's error body, and words that help."""

import json

import pytest
import yaml

import specs
from specs import Shell

UNKNOWN = '01234567-0123-0123-0123-0123456789ab'


def refused(server, status, code, method, path, *words, **arguments):
    """Sends it, and checks status, code, the form of the body, and that the message has the words."""
    answer = server.request(method, path, **arguments)
    assert answer.status_code == status, answer.text
    assert answer.headers['Content-Type'].split(';')[0] == 'application/json'
    body = answer.json()
    assert body['code'] == code and body['message'], body
    for detail in body.get('details', []):
        assert detail['@type'] == 'type.googleapis.com/google.rpc.Status'
        assert detail['code'] == code and detail['message']
    for word in words:
        assert word.lower() in body['message'].lower(), body
    assert 'Stack trace' not in answer.text and '.cc:' not in answer.text
    return body


def invalid(server, method, path, *words, **arguments):
    return refused(server, 400, 3, method, path, *words, **arguments)


def missing(server, method, path, **arguments):
    return refused(server, 404, 5, method, path, **arguments)


@pytest.mark.parametrize('method, path', [
    ('GET', f'/pipelines/{UNKNOWN}'), ('DELETE', f'/pipelines/{UNKNOWN}'), ('PATCH', f'/pipelines/{UNKNOWN}'),
    ('GET', '/pipelines/names/nothing-has-this-name'), ('GET', f'/pipelines/{UNKNOWN}/versions'),
    ('GET', f'/pipelines/{UNKNOWN}/versions/{UNKNOWN}'), ('DELETE', f'/pipelines/{UNKNOWN}/versions/{UNKNOWN}'),
    ('PATCH', f'/pipelines/{UNKNOWN}/versions/{UNKNOWN}'),
    ('GET', f'/experiments/{UNKNOWN}'), ('DELETE', f'/experiments/{UNKNOWN}'),
    ('POST', f'/experiments/{UNKNOWN}:archive'), ('POST', f'/experiments/{UNKNOWN}:unarchive'),
    ('GET', f'/runs/{UNKNOWN}'), ('DELETE', f'/runs/{UNKNOWN}'), ('POST', f'/runs/{UNKNOWN}:archive'),
    ('POST', f'/runs/{UNKNOWN}:unarchive'), ('POST', f'/runs/{UNKNOWN}:terminate'),
    ('GET', f'/runs?experiment_id={UNKNOWN}'), ('GET', '/runs/not-an-id'), ('GET', '/runs/!@%23$%25'),
    ('GET', '/nothing-here'), ('GET', '/apis/v3/runs')])
def test_unknown_things_are_404(server, method, path):
    body = {'display_name': 'x'} if method == 'PATCH' else None
    missing(server, method, path, json=body)


@pytest.mark.parametrize('path', ['/pipelines', '/experiments', '/runs', '/pipelines/{pipeline_id}/versions'])
@pytest.mark.parametrize('query, word', [
    ('page_size=-1', 'page_size'), ('page_size=x', 'page_size'), ('page_size=', 'page_size'),
    ('page_token=nonsense', 'page'), ('page_token=eyJhIjoxfQ==', 'page'),
    ('sort_by=unknownfield', 'unknownfield'), ('sort_by=created_at sideways', 'sideways'),
    ('sort_by=created_at desc please', 'sort'), ('filter=nonsense', 'filter'), ('filter={"a":1}', 'filter'),
    ('filter={"predicates":[{"key":"nope","operation":"EQUALS","string_value":"x"}]}', 'nope'),
    ('filter={"predicates":[{"key":"name","string_value":"x"}]}', 'operation'),
    ('filter={"predicates":[{"key":"name","operation":"EQUALS"}]}', 'value'),
    ('filter={"predicates":[{"key":"name","operation":"IN","string_value":"x"}]}', 'IN'),
    ('filter={"predicates":[{"key":"name","operation":"EQUALS","string_values":{"values":["x"]}}]}', 'IN'),
    ('filter={"predicates":[{"key":"name","operation":"IS_SUBSTRING","int_value":1}]}', 'IS_SUBSTRING')])
def test_bad_lists(server, path, query, word):
    if '{' in path:
        pipelines = server.ok('GET', '/pipelines').get('pipelines')
        pipeline = pipelines[0] if pipelines else server.ok('POST', '/pipelines', json={'name': 'for-bad-lists'})
        path = path.format(**pipeline)
    name, value = query.split('=', 1)
    invalid(server, 'GET', path, word, params={name: value})


def test_page_tokens_from_elsewhere(server, unique):
    for number in range(3):
        server.ok('POST', '/experiments', json={'display_name': unique('token')})
        server.ok('POST', '/pipelines', json={'name': unique('token')})
    token = server.ok('GET', '/experiments', params={'page_size': 1})['next_page_token']
    invalid(server, 'GET', '/pipelines', 'page', params={'page_token': token})
    invalid(server, 'GET', '/experiments', 'page', params={'page_token': token, 'sort_by': 'name desc'})
    invalid(server, 'GET', '/experiments', 'page', params={'page_token': token, 'filter': json.dumps(
        {'predicates': [{'key': 'name', 'operation': 'EQUALS', 'string_value': 'x'}]})})
    middle = len(token) // 2
    forged = token[:middle] + ('A' if token[middle] != 'A' else 'B') + token[middle + 1:]
    invalid(server, 'GET', '/experiments', 'page', params={'page_token': forged})
    invalid(server, 'GET', '/experiments', 'page', params={'page_token': 'A' * 20000})


@pytest.mark.parametrize('body', ['{', '[]', '"text"', '{"display_name": 5}', '{"display_name": {"a": 1}}',
                                  '{"no_such_field": 1}', 'nul', '\xff',
                                  '{"display_name": "a", "name": "a"}}', '{} more'])
@pytest.mark.parametrize('path', ['/experiments', '/pipelines', '/runs'])
def test_malformed_json(server, path, body):
    invalid(server, 'POST', path, 'request body', data=body.encode('latin-1'),
            headers={'Content-Type': 'application/json'})


def test_json_of_wrong_types(server):
    for runtime in ({'parameters': []}, {'parameters': 'x'}, 'x', {'parameter': {}}):
        invalid(server, 'POST', '/runs',
                json={'display_name': 'r', 'pipeline_spec': specs.noop(), 'runtime_config': runtime})
    invalid(server, 'POST', '/runs', json={'display_name': 'r', 'pipeline_spec': 'text'})
    invalid(server, 'POST', '/runs',
            json={'display_name': 'r', 'created_at': 'yesterday', 'pipeline_spec': specs.noop()})


def test_deeply_nested_json(server):
    nested = '[' * 5000 + ']' * 5000
    invalid(server, 'POST', '/runs', data='{"display_name": "r", "runtime_config": {"parameters": {"a": %s}}}' % nested,
            headers={'Content-Type': 'application/json'})
    server.ok('GET', '/healthz')


def test_wrong_method(server):
    refused(server, 501, 12, 'PUT', '/experiments', json={})
    refused(server, 501, 12, 'DELETE', '/runs')


def test_names_are_required(server):
    invalid(server, 'POST', '/experiments', 'name', json={})
    invalid(server, 'POST', '/experiments', 'name', json={'display_name': ''})
    invalid(server, 'POST', '/experiments', 'name')
    invalid(server, 'POST', '/pipelines', 'name', json={'description': 'd'})
    invalid(server, 'POST', '/runs', 'name', json={'pipeline_spec': specs.noop()})


def test_names_have_bounds(server):
    invalid(server, 'POST', '/experiments', '128', json={'display_name': 'x' * 129})
    invalid(server, 'POST', '/pipelines', '128', json={'name': 'x' * 129})
    invalid(server, 'POST', '/pipelines', '128', json={'name': 'é' * 65})  # bytes, not letters
    server.ok('POST', '/pipelines', json={'name': 'é' * 64})


def test_duplicate_pipeline(server, unique):
    name = unique('pipeline')
    server.ok('POST', '/pipelines', json={'name': name})
    refused(server, 409, 6, 'POST', '/pipelines', name, json={'name': name})


@pytest.mark.parametrize('tags, word', [
    ({f'k{number}': 'v' for number in range(21)}, '20'), ({'': 'v'}, 'tag'), ({'k' * 64: 'v'}, '63'),
    ({'k': 'v' * 64}, '63'), ({'a.b': 'v'}, '.')], ids=['many', 'empty', 'long key', 'long value', 'dot'])
def test_tags_have_bounds(server, unique, tags, word):
    name = unique('tags')
    invalid(server, 'POST', '/pipelines', word, json={'name': name, 'tags': tags})
    pipeline = server.ok('POST', '/pipelines', json={'name': name, 'tags': {'k' * 63: 'v' * 63, 'empty': ''}})
    invalid(server, 'PATCH', f'/pipelines/{pipeline["pipeline_id"]}', word, json={'tags': tags})
    assert server.ok('GET', f'/pipelines/{pipeline["pipeline_id"]}')['tags'] == {'k' * 63: 'v' * 63, 'empty': ''}


def test_tag_filters_are_for_equality(server):
    invalid(server, 'GET', '/pipelines', 'tags', params={'filter': json.dumps(
        {'predicates': [{'key': 'tags.a', 'operation': 'IS_SUBSTRING', 'string_value': 'x'}]})})


def test_pipeline_with_versions_stays(server, unique):
    content = yaml.safe_dump(specs.noop()).encode()
    made = server.ok('POST', '/pipelines/upload', params={'name': unique('p')},
                     files={'uploadfile': ('a.yaml', content)})
    invalid(server, 'DELETE', f'/pipelines/{made["pipeline_id"]}', 'cascade')
    server.ok('DELETE', f'/pipelines/{made["pipeline_id"]}', params={'cascade': 'true'})


def test_default_experiment_stays(server):
    listed = server.ok('GET', '/experiments', params={'filter': json.dumps(
        {'predicates': [{'key': 'name', 'operation': 'EQUALS', 'string_value': 'Default'}]})})
    refused(server, 409, 10, 'DELETE', f'/experiments/{listed["experiments"][0]["experiment_id"]}', 'default')


def test_runs_need_a_pipeline(server, unique):
    content = yaml.safe_dump(specs.noop()).encode()
    first, second = (server.ok('POST', '/pipelines/upload', params={'name': unique('p')},
                               files={'uploadfile': ('a.yaml', content)}) for _ in range(2))
    version = server.ok('GET', f'/pipelines/{first["pipeline_id"]}/versions')['pipeline_versions'][0]
    empty = server.ok('POST', '/pipelines', json={'name': unique('p')})
    invalid(server, 'POST', '/runs', 'pipeline', json={'display_name': 'r'})
    invalid(server, 'POST', '/runs', 'pipeline',
            json={'display_name': 'r', 'pipeline_version_id': version['pipeline_version_id']})
    invalid(server, 'POST', '/runs', json={'display_name': 'r', 'pipeline_spec': specs.noop(),
                                           'pipeline_version_reference': {'pipeline_id': first['pipeline_id']}})

    def by_reference(**reference):
        return {'json': {'display_name': 'r', 'pipeline_version_reference': reference}}
    missing(server, 'POST', '/runs', **by_reference(pipeline_id=UNKNOWN))
    missing(server, 'POST', '/runs', **by_reference(pipeline_id=first['pipeline_id'], pipeline_version_id=UNKNOWN))
    missing(server, 'POST', '/runs', **by_reference(pipeline_id=empty['pipeline_id']))
    invalid(server, 'POST', '/runs', **by_reference(pipeline_id=second['pipeline_id'],
                                                    pipeline_version_id=version['pipeline_version_id']))
    missing(server, 'POST', '/runs',
            json={'display_name': 'r', 'experiment_id': UNKNOWN, 'pipeline_spec': specs.noop()})
    server.ok('DELETE', f'/pipelines/{first["pipeline_id"]}/versions/{version["pipeline_version_id"]}')
    missing(server, 'POST', '/runs', **by_reference(pipeline_id=first['pipeline_id'],
                                                    pipeline_version_id=version['pipeline_version_id']))


@pytest.mark.parametrize('given, word', [
    ({}, 'need'), ({'need': 'x', 'other': 1}, 'other'), ({'need': 5}, 'need'), ({'need': None}, 'need'),
    ({'need': 'x', 'count': '5'}, 'count'), ({'need': 'x', 'flag': 1}, 'flag'), ({'need': 'x', 'items': {}}, 'items'),
    ({'need': 'x', 'table': []}, 'table'), ({'need': 'x', 'kind': 'green'}, 'kind')],
    ids=['missing', 'unknown', 'number for text', 'null', 'text for number', 'number for bool', 'struct for list',
         'list for struct', 'not a literal'])
def test_run_parameters_are_checked(server, given, word):
    spec = specs.shell_pipeline({'only': Shell('true')}, need='s', count='i', flag='b', items='l', table='o', kind='s')
    inputs = spec['root']['inputDefinitions']['parameters']
    for name, default in (('count', 1), ('flag', True), ('items', []), ('table', {})):
        inputs[name].update(defaultValue=default, isOptional=True)
    inputs['kind'].update(defaultValue='red', isOptional=True, literals=['red', 'blue'])
    invalid(server, 'POST', '/runs', word,
            json={'display_name': 'r', 'pipeline_spec': spec, 'runtime_config': {'parameters': given}})
    server.succeed(server.create_run(spec, need='x', kind='blue'))


def test_fields_that_only_the_server_writes(server):
    refused(server, 409, 10, 'POST', '/runs', 'plugins_output',
            json={'display_name': 'r', 'pipeline_spec': specs.noop(),
                  'plugins_output': {'a': {'state': 'PLUGIN_RUNNING'}}})
    missing(server, 'POST', '/runs',
            json={'display_name': 'r', 'pipeline_spec': specs.noop(), 'recurring_run_id': UNKNOWN})
