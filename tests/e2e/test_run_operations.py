"""What penstock.v1 adds for runs, over HTTP: one run for one request, tags, changes of many runs, watches."""

import json
from typing import Any, Dict, Iterator

import pytest
import requests

import specs
from penstock import Server
from specs import Shell


def call(server: Server, method: str, path: str, **arguments: Any) -> requests.Response:
    return requests.request(method, f'{server.url}/apis/penstock/v1{path}', timeout=30, **arguments)


def ok(server: Server, method: str, path: str, **arguments: Any) -> Any:
    answer = call(server, method, path, **arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


def tagged(name: str, value: str) -> str:
    return json.dumps({'predicates': [{'operation': 'EQUALS', 'key': f'tags.{name}', 'string_value': value}]})


def create(server: Server, request_id: str, name: str = 'run', **tags: str) -> Dict[str, Any]:
    return ok(server, 'POST', '/runs', json={
        'request_id': request_id, 'run': {'display_name': name, 'pipeline_spec': specs.noop()}, 'tags': tags})


def watched(server: Server, path: str, **params: str) -> Iterator[Dict[str, Any]]:
    with call(server, 'GET', path, params=params, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        for line in answer.iter_lines():
            if line:
                yield json.loads(line)['result']


def test_a_request_that_is_sent_again_creates_no_second_run(server, unique):
    request = unique('request')
    run = create(server, request)
    assert create(server, request)['run_id'] == run['run_id']
    answer = call(server, 'POST', '/runs', json={'request_id': request, 'run': {'display_name': 'another'}})
    assert answer.status_code == 409 and request in answer.json()['message']
    assert call(server, 'POST', '/runs', json={'run': {'display_name': 'r'}}).status_code == 400


def test_a_request_survives_the_server(own_server):
    run = create(own_server, 'the-request')
    own_server.kill()
    own_server.start()
    assert create(own_server, 'the-request')['run_id'] == run['run_id']
    assert own_server.ok('GET', '/runs')['total_size'] == 1


def test_description_and_tags(server, unique):
    team = unique('team')
    run_id = create(server, unique('request'), team=team)['run_id']
    assert ok(server, 'GET', f'/runs/{run_id}') == {'run_id': run_id, 'tags': {'team': team}}
    assert server.ok('GET', '/runs', params={'filter': tagged('team', team)})['runs'][0]['run_id'] == run_id
    changed = ok(server, 'PATCH', f'/runs/{run_id}', json={'description': 'why'})
    assert changed == {'run_id': run_id, 'description': 'why', 'tags': {'team': team}}
    assert server.run(run_id)['description'] == 'why'
    assert 'tags' not in ok(server, 'PATCH', f'/runs/{run_id}', json={'tags': {}})
    assert call(server, 'PATCH', '/runs/nobody', json={'description': 'x'}).status_code == 404
    assert call(server, 'PATCH', f'/runs/{run_id}', json={'tags': {'tags': {'a.b': ''}}}).status_code == 400


def test_many_runs_are_archived_and_deleted(server, unique):
    batch = unique('batch')
    ids = {create(server, unique('request'), batch=batch)['run_id'] for _ in range(5)}
    request = {'action': 'ARCHIVE', 'filter': tagged('batch', batch), 'dry_run': True}
    assert set(ok(server, 'POST', '/runs:apply', json=request)['run_ids']) == ids
    assert all(server.run(run_id)['storage_state'] == 'AVAILABLE' for run_id in ids)
    assert ok(server, 'POST', '/runs:apply', json={**request, 'dry_run': False})['changed'] == '5'
    assert all(server.run(run_id)['storage_state'] == 'ARCHIVED' for run_id in ids)
    assert ok(server, 'POST', '/runs:apply', json={**request, 'action': 'DELETE', 'dry_run': False})['changed'] == '5'
    assert server.ok('GET', '/runs', params={'filter': tagged('batch', batch)}) == {}


@pytest.mark.parametrize('request_', [
    {}, {'action': 'DELETE'}, {'action': 'DELETE', 'all': True, 'filter': tagged('a', 'b')},
    {'action': 'TAG', 'all': True}, {'action': 'TAG', 'all': True, 'tags': {'a': '1'}, 'remove_tags': ['a']},
    {'action': 'ARCHIVE', 'all': True, 'dry_run': True, 'page_token': 'of another request'},
    {'action': 'ARCHIVE', 'filter': 'no filter'}, {'action': 'NOTHING', 'all': True},
])
def test_many_runs_have_to_be_meant(server, request_):
    assert call(server, 'POST', '/runs:apply', json=request_).status_code == 400


@pytest.mark.parametrize('filter_', ['{}', '{"predicates": []}'])
def test_a_filter_of_nothing_means_no_runs(server, filter_):
    answer = call(server, 'POST', '/runs:apply', json={'action': 'DELETE', 'filter': filter_, 'dry_run': True})
    assert answer.status_code == 400 and 'all' in answer.json()['message']


def test_what_is_misspelt_beside_the_body_is_refused(server):
    answer = call(server, 'POST', '/runs:apply', params={'dry_run': 'true'}, json={'action': 'DELETE', 'all': True})
    assert answer.status_code == 400 and 'query' in answer.json()['message']
    answer = call(server, 'GET', '/runs:watch', params={'pagesize': '1'})
    assert answer.status_code == 400 and 'pagesize' in answer.text


def test_an_experiment_that_is_not_there(server):
    answer = call(server, 'POST', '/runs:apply', json={'action': 'DELETE', 'experiment_id': 'nobody', 'dry_run': True})
    assert answer.status_code == 404 and 'nobody' in answer.json()['message']


def test_a_dry_run_knows_what_will_fail(server, unique):
    experiment = server.ok('POST', '/experiments', json={'display_name': unique('archived')})['experiment_id']
    server.ok('POST', '/runs', json={'display_name': 'r', 'pipeline_spec': specs.noop(), 'experiment_id': experiment})
    server.ok('POST', f'/experiments/{experiment}:archive')
    request = {'action': 'UNARCHIVE', 'experiment_id': experiment}
    dry = ok(server, 'POST', '/runs:apply', json={**request, 'dry_run': True})
    assert dry == ok(server, 'POST', '/runs:apply', json=request)
    assert dry['failed'] == '1'


def test_a_run_is_watched_to_its_end(server, journal):
    run_id = server.create_run(specs.shell_pipeline({'a': Shell(journal.writes('a', gate='open'))}))
    states = []
    for run in watched(server, f'/runs/{run_id}:watch'):
        states.append(run['state'])
        if states[-1] == 'RUNNING':
            journal.open('open')
    assert states[-1] == 'SUCCEEDED' and 'RUNNING' in states
    assert run == server.run(run_id)
    answer = call(server, 'GET', '/runs/nobody:watch')
    assert answer.status_code == 404 and answer.json()['code'] == 5 and 'nobody' in answer.json()['message']
    answer = call(server, 'GET', '/runs:watch', params={'filter': 'x'})
    assert answer.status_code == 400 and answer.json()['code'] == 3 and 'filter' in answer.json()['message']


def test_the_status_of_a_run_is_watched_to_its_end(server, journal):
    tasks = {'a': specs.Shell(journal.writes('a', gate='open')), 'b': specs.Shell('exit 0', ['a'])}
    run_id = server.create_run(specs.shell_pipeline(tasks))
    known = {}
    for message in watched(server, f'/runs/{run_id}/status:watch'):
        state = message['status']['state']
        known.update({task['task_id']: task for task in message['status'].get('tasks', [])})
        states = {task['name']: task['state'] for task in known.values()}
        if states.get('a') == 'RUNNING':
            journal.open('open')
    assert state == 'SUCCEEDED' and states == {'a': 'SUCCEEDED', 'b': 'SUCCEEDED'}
    brief = call(server, 'GET', f'/runs/{run_id}/status', params={'brief': True}).json()
    assert sorted(known.values(), key=lambda task: task['task_id']) == brief['tasks']
    assert call(server, 'GET', '/runs/nobody/status:watch').status_code == 404


def test_who_watches_a_run_is_told_of_its_deletion(server, journal):
    run_id = server.create_run(specs.shell_pipeline({'a': Shell(journal.writes('a', gate='open'))}))
    with call(server, 'GET', f'/runs/{run_id}:watch', stream=True) as answer:
        lines = (json.loads(line) for line in answer.iter_lines() if line)
        assert next(lines)['result']['run_id'] == run_id
        server.ok('DELETE', f'/runs/{run_id}')
        last = list(lines)[-1]
    assert last['error']['code'] == 5 and run_id in last['error']['message']


def test_a_list_is_watched(server, unique):
    team = unique('team')
    first = create(server, unique('request'), team=team)['run_id']
    changes = watched(server, '/runs:watch', filter=tagged('team', team))
    assert [run['run_id'] for run in next(changes)['changed']] == [first]
    second = create(server, unique('request'), team=team)['run_id']
    assert any(run['run_id'] == second for change in changes for run in change.get('changed', []))
    server.ok('DELETE', f'/runs/{first}')
    assert any(first in change.get('removed_run_ids', []) for change in changes)
    changes.close()
