"""MLflow's REST API as other programs write it, and its errors as the client shows them."""

import json
import re

import pytest
import requests

from mlflow_peer import TRACKING, needed

mlflow = needed()

AJAX = '/ajax-api/2.0/mlflow'


def test_errors_have_code_and_message(tracking):
    body = tracking.refused(404, 'RESOURCE_DOES_NOT_EXIST', 'GET', '/runs/get', params={'run_id': 'f' * 32})
    assert 'f' * 32 in body['message']
    with pytest.raises(mlflow.exceptions.RestException) as error:
        tracking.client.get_run('f' * 32)
    assert error.value.error_code == 'RESOURCE_DOES_NOT_EXIST' and error.value.get_http_status_code() == 404
    assert str(error.value).startswith('RESOURCE_DOES_NOT_EXIST: ')


@pytest.mark.parametrize('body', [
    '', '{', 'null', '{}', '{"run_id": 1}', '[]', '"x"', '{"run_id": null}', '\0', '{"a":' * 2000],
    ids=lambda body: repr(body[:12]))
def test_bodies_that_are_none(tracking, body):
    answer = tracking.request('POST', '/runs/log-metric', data=body, headers={'Content-Type': 'application/json'})
    if tracking.peer == 'mlflow' and answer.status_code == 500:
        pytest.skip('MLflow says 500')
    assert (answer.status_code, answer.json()['error_code']) == (400, 'INVALID_PARAMETER_VALUE')


@pytest.mark.parametrize('kind', ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
def test_only_json_is_read(tracking, kind):
    """A page of another site can make a browser send the others without asking."""
    answer = tracking.request('POST', '/experiments/create', data=json.dumps({'name': tracking.unique('forged')}),
                              headers={'Content-Type': kind})
    assert answer.status_code in (400, 415), answer.text
    name = tracking.unique('asked')
    answer = tracking.request('POST', '/experiments/create', data=json.dumps({'name': name}),
                              headers={'Content-Type': 'application/json; charset=utf-8'})
    assert answer.status_code == 200, answer.text


def test_unknown_paths_and_methods(tracking):
    answer = tracking.request('GET', '/no/such')
    assert answer.status_code == 404
    assert tracking.request('DELETE', '/runs/get').status_code in (404, 405)
    assert tracking.request('GET', '/runs/create').status_code in (404, 405)
    if tracking.peer != 'mlflow':  # whose errors of this kind are pages
        assert answer.json()['error_code'] == 'ENDPOINT_NOT_FOUND'


def test_fields_that_nobody_knows(tracking, unique):
    """Newer clients, and the plug-in of Kubeflow Pipelines, send more than the messages have."""
    name = unique('experiment')
    made = tracking.ok('POST', '/experiments/create', json={'name': name, 'description': 'x', 'more': {'a': [1, {}]}})
    body = {'experiment_id': made['experiment_id'], 'start_time': '5', 'x': None}
    run = tracking.ok('POST', '/runs/create', json=body)
    seen = tracking.ok('GET', '/runs/get', params={'run_id': run['run']['info']['run_id'], 'more': 'x'})
    assert seen['run']['info']['start_time'] == 5


def test_a_run_on_the_wire(tracking):
    """Numbers are numbers, ids come twice, lists that are empty are left out."""
    run = tracking.run(start_time=1_700_000_000_000)
    bare = tracking.ok('GET', '/runs/get', params={'run_id': run})['run']
    assert bare['info']['start_time'] == 1_700_000_000_000 and bare['info']['run_id'] == bare['info']['run_uuid'] == run
    assert not bare['data'].get('metrics') and not bare['data'].get('params')
    tracking.client.log_metric(run, 'm', 0, timestamp=0, step=0)
    tracking.client.log_param(run, 'p', 'x')
    seen = tracking.ok('GET', '/runs/get', params={'run_id': run})['run']
    assert seen['data']['metrics'] == [{'key': 'm', 'value': 0, 'timestamp': 0, 'step': 0}]
    assert seen['data']['params'] == [{'key': 'p', 'value': 'x'}]
    (found,) = tracking.ok('POST', '/runs/search', json={'experiment_ids': [seen['info']['experiment_id']]})['runs']
    assert found['info'] == seen['info'] and found['data']['metrics'] == seen['data']['metrics']


def test_the_web_pages_addresses(tracking):
    """MLflow's page, and tools that are made after it, call the same below /ajax-api."""
    experiment = tracking.experiment()
    run = tracking.run(experiment)
    for path, query in (('/runs/get', {'run_id': run}), ('/experiments/get', {'experiment_id': experiment})):
        assert tracking.ok('GET', AJAX + path, params=query) == tracking.ok('GET', TRACKING + path, params=query)
    assert len(tracking.ok('POST', f'{AJAX}/runs/search', json={'experiment_ids': [experiment]})['runs']) == 1
    assert tracking.ok('POST', f'{AJAX}/runs/set-tag', json={'run_id': run, 'key': 'a', 'value': 'b'}) == {}


def test_both_ids_and_either(tracking):
    run = tracking.run()
    point = {'key': 'm', 'value': 1, 'timestamp': 1}
    for ids in ({'run_id': run}, {'run_uuid': run}, {'run_id': run, 'run_uuid': run}):
        assert tracking.ok('POST', '/runs/log-metric', json={**ids, **point}) == {}
        assert tracking.ok('POST', '/runs/log-parameter', json={**ids, 'key': 'p', 'value': 'x'}) == {}
        assert tracking.ok('POST', '/runs/set-tag', json={**ids, 'key': 't', 'value': 'x'}) == {}
    assert tracking.client.get_run(run).data.metrics == {'m': 1}
    assert len(tracking.client.get_metric_history(run, 'm')) == 1


def test_what_the_client_asks_of_the_server(tracking):
    version = tracking.request('GET', '/version')
    assert version.status_code == 200 and re.fullmatch(r'\d+\.\d+\.\d+\S*', version.text)
    health = tracking.request('GET', '/health')
    assert (health.status_code, health.text) == (200, 'OK')
    info = tracking.request('GET', '/api/3.0/mlflow/server-info')
    assert info.status_code == 200 and info.json()['workspaces_enabled'] is False


def test_answers_can_be_sent_again(tracking):
    """Each call that a client sends a second time when the answer got lost, in one session that stays open."""
    run = tracking.run()
    dataset = {'dataset': {'name': 'n', 'digest': 'd', 'source_type': 's', 'source': '{}'},
               'tags': [{'key': 'mlflow.data.context', 'value': 'training'}]}
    calls = [('/runs/log-metric', {'key': 'm', 'value': 1, 'timestamp': 1, 'step': 1}),
             ('/runs/log-parameter', {'key': 'p', 'value': 'x'}), ('/runs/set-tag', {'key': 't', 'value': 'x'}),
             ('/runs/log-batch', {'metrics': [{'key': 'm', 'value': 2, 'timestamp': 2, 'step': 2}]}),
             ('/runs/update', {'status': 'FINISHED', 'end_time': 9}),
             ('/runs/log-inputs', {'datasets': [dataset]})]
    for path, body in calls * 2:
        tracking.ok('POST', path, json={'run_id': run, **body})
    seen = tracking.client.get_run(run)
    assert seen.data.metrics == {'m': 2} and seen.data.params == {'p': 'x'} and seen.info.end_time == 9
    assert len(tracking.client.get_metric_history(run, 'm')) == 2 and len(seen.inputs.dataset_inputs) == 1


def test_a_page_of_another_site_is_refused(tracking):
    """It may neither write nor read."""
    headers = {'Origin': 'http://evil.example', 'Sec-Fetch-Site': 'cross-site'}
    name = tracking.unique('forged')
    answer = requests.post(f'{tracking.url}{TRACKING}/experiments/create', json={'name': name}, headers=headers,
                           timeout=60)
    assert answer.status_code == 403 or answer.headers.get('Access-Control-Allow-Origin') not in (
        '*', 'http://evil.example'), answer.headers


def test_values_that_look_like_code(tracking):
    """Nothing of them reaches SQL or a format."""
    run = tracking.run()
    values = ["'; DROP TABLE runs; --", '%s %n {0} ${jndi:x}', '<script>', '\\u0000 \\" \x01', '🙂' * 50, ' ', '\n']
    for i, value in enumerate(values):
        tracking.client.log_param(run, f'p{i}', value)
        tracking.client.set_tag(run, f't{i}', value)
    seen = tracking.client.get_run(run).data
    assert [seen.params[f'p{i}'] for i in range(len(values))] == values
    assert [seen.tags[f't{i}'] for i in range(len(values))] == values
    experiment = tracking.client.get_run(run).info.experiment_id
    found = tracking.client.search_runs([experiment], 'params.p0 = "\'; DROP TABLE runs; --"')
    assert [one.info.run_id for one in found] == [run]
