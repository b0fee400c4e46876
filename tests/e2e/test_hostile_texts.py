"""Texts that would mean something to SQL, a path, a header, a terminal or a page: kept as they are, or refused as a
whole, and never more than text."""

import json
import urllib.parse

import pytest

import specs
from specs import Shell

TEXTS = {
    'sql': "'; DROP TABLE runs; --", 'sql_quotes': '"a" OR ""=""', 'sql_parameter': '$1 ?1 :name @p',
    'wildcards': '%_\\%', 'path': '../../../etc/passwd', 'absolute_path': '/dev/zero', 'shell': '$(id) `id` ; id | id',
    'header': 'a\r\nSet-Cookie: x=1\r\n\r\n<html>', 'tab': 'a\tb', 'page': '<script>alert(1)</script>',
    'template': '{{$.inputs.parameters["x"]}} ${jndi:ldap://a}', 'format': '%s%n{0}', 'json': '{"a": [1, "]',
    'right_to_left': '\u202egnp.exe', 'combining': 'e\u0301', 'composed': 'é', 'wide': '日本語😀', 'zero_width': 'a\u200bb',
    'bom': '\ufeffa', 'escape': '\x1b[31mred', 'percent': '%2e%2e%2f%00', 'plus': 'a+b c%20d'}


@pytest.fixture(params=sorted(TEXTS))
def text(request):
    return TEXTS[request.param]


def created(server, path, name_field, body):
    """What was made and reads back the same; None if the text was refused by a sentence."""
    answer = server.request('POST', path, json=body)
    if answer.status_code == 400:
        assert answer.json()['message']
        return None
    assert answer.status_code == 200, answer.text
    assert 'Set-Cookie' not in answer.headers
    assert answer.json()[name_field] == body[name_field]
    return answer.json()


def found_by_name(server, path, key, value, listed):
    """Those that an equality filter finds; as a client sends it, and encoded once more as KFP's web UI does."""
    filter_text = json.dumps({'predicates': [{'key': key, 'operation': 'EQUALS', 'string_value': value}]})
    plain = server.ok('GET', path, params={'filter': filter_text}).get(listed, [])
    again = server.ok('GET', path, params={'filter': urllib.parse.quote(filter_text)}).get(listed, [])
    assert plain == again
    return plain


def test_names_of_experiments(server, unique, text):
    name = f'{unique("x")} {text}'
    made = created(server, '/experiments', 'display_name', {'display_name': name, 'description': text})
    if made is None:
        return
    assert made.get('description', '') == text
    assert server.ok('GET', f'/experiments/{made["experiment_id"]}') == made
    assert found_by_name(server, '/experiments', 'name', name, 'experiments') == [made]


def test_names_of_pipelines(server, unique, text):
    name = f'{unique("x")} {text}'
    made = created(server, '/pipelines', 'name', {'name': name, 'display_name': name, 'description': text})
    if made is None:
        return
    assert server.ok('GET', f'/pipelines/{made["pipeline_id"]}') == made
    assert found_by_name(server, '/pipelines', 'name', name, 'pipelines') == [made]
    by_name = server.request('GET', '/pipelines/names/' + urllib.parse.quote(name, safe=''))
    assert by_name.status_code == 200 and by_name.json() == made


def test_names_and_parameters_of_runs(server, unique, text):
    """A parameter reaches the command of the task as one word."""
    spec = specs.shell_pipeline({'only': Shell('printf "<%s>" "$1"', takes=['said'])}, said='s')
    made = created(server, '/runs', 'display_name', {
        'display_name': f'{unique("x")} {text}', 'description': text, 'pipeline_spec': spec,
        'runtime_config': {'parameters': {'said': text}}})
    if made is None:
        return
    server.succeed(made['run_id'])
    task = server.tasks(made['run_id'])['only']
    assert server.log_of(made['run_id'], task['task_id']) == f'<{text}>'
    listed = found_by_name(server, '/runs', 'name', made['display_name'], 'runs')
    assert [one['run_id'] for one in listed] == [made['run_id']]


@pytest.mark.parametrize('path', ['/runs', '/experiments', '/pipelines', '/recurringruns'])
def test_orders_tokens_and_filters(server, path, text):
    """An order, a token or a key of a filter that is no such thing is 400, whatever it is."""
    for parameter in ('sort_by', 'page_token', 'filter'):
        answer = server.request('GET', path, params={parameter: text})
        assert answer.status_code == 400, (parameter, answer.text)
        assert answer.json()['message'] and 'Set-Cookie' not in answer.headers
    key = json.dumps({'predicates': [{'key': text, 'operation': 'EQUALS', 'string_value': 'x'}]})
    assert server.request('GET', path, params={'filter': key}).status_code == 400
    value = json.dumps({'predicates': [{'key': 'name', 'operation': 'IS_SUBSTRING', 'string_value': text}]})
    assert server.request('GET', path, params={'filter': value}).status_code == 200


@pytest.mark.parametrize('kind', ['runs', 'experiments', 'pipelines', 'recurringruns'])
def test_ids(server, kind, text):
    answer = server.request('GET', f'/{kind}/' + urllib.parse.quote(text, safe=''))
    assert answer.status_code in (400, 404), answer.text
    assert 'Set-Cookie' not in answer.headers
    body = answer.json()
    assert body['message'] and body['code'] in (3, 5)


def test_a_text_that_is_no_utf8(server):
    answer = server.request('POST', '/experiments', data=b'{"display_name": "\xff\xfe"}',
                            headers={'Content-Type': 'application/json'})
    assert answer.status_code == 400 and answer.json()['message']
    for path in ('/experiments?sort_by=%ff%fe', '/experiments/%ff%fe', '/pipelines/names/%ff', '/runs/%c0%80:archive'):
        answer = server.request('POST' if path.endswith('archive') else 'GET', path)
        assert answer.status_code == 400 and answer.json()['message'], path


def test_a_text_with_a_zero(server):
    for body in ({'display_name': 'a\0b'}, {'display_name': 'a', 'description': 'a\0b'}):
        answer = server.request('POST', '/experiments', json=body)
        assert answer.status_code == 400 and answer.json()['message'], answer.text
