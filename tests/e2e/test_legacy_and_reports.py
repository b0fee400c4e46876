"""Routes of v1beta1 that current clients still call, what agents of a cluster report, and what KFP only declares."""

import json
import time

import grpc
import pytest
import yaml

import specs
from test_grpc import call  # noqa: F401, a fixture

pytestmark = pytest.mark.sqlite('routes and refusals are the same, whatever the server stores in')

V1 = '/apis/v1beta1'


def rfc3339(seconds: float) -> str:
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(seconds))


def workflow(run_id: str = '', **metadata) -> str:
    labels = {'pipeline/runid': run_id} if run_id else {}
    return json.dumps({'kind': 'Workflow', 'metadata': {
        'name': 'w', 'namespace': 'n', 'uid': 'u', 'labels': labels, **metadata}, 'status': {'phase': 'Failed'}})


def upload(server, path, **params):
    return server.ok('POST', f'{V1}/pipelines/{path}', params=params,
                     files={'uploadfile': ('p.yaml', yaml.safe_dump(specs.noop('legacy')).encode())})


def test_what_the_web_ui_asks_of_v1beta1(server, unique):
    name = unique('legacy')
    pipeline = upload(server, 'upload', name=name)
    first = pipeline['default_version']['id']
    second = upload(server, 'upload_version', name='second', pipelineid=pipeline['id'])['id']
    seen = server.ok('GET', f'{V1}/pipelines/{pipeline["id"]}')
    assert (seen['name'], seen['default_version']['id']) == (name, second)
    listed = server.ok('GET', f'{V1}/pipeline_versions', params={
        'resource_key.type': 'PIPELINE', 'resource_key.id': pipeline['id'], 'page_size': 50,
        'sort_by': 'created_at desc'})
    assert [one['id'] for one in listed['versions']] == [second, first] and listed['total_size'] == 2
    assert server.ok('GET', f'{V1}/pipeline_versions/{first}')['name'] == name
    for path in (f'pipelines/{pipeline["id"]}', f'pipeline_versions/{first}'):
        template = server.ok('GET', f'{V1}/{path}/templates')['template']
        assert yaml.safe_load(template)['pipelineInfo']['name'] == 'legacy'
    run_id = server.ok('POST', '/runs', json={'display_name': 'r', 'pipeline_version_reference': {
        'pipeline_id': pipeline['id'], 'pipeline_version_id': first}})['run_id']
    server.succeed(run_id)
    run = server.ok('GET', f'{V1}/runs/{run_id}')['run']
    assert (run['name'], run['status']) == ('r', 'Succeeded') and 'legacy' in run['pipeline_spec']['pipeline_manifest']
    assert server.ok('DELETE', f'{V1}/runs/{run_id}') == {}
    assert server.request('GET', f'{V1}/runs/{run_id}').status_code == 404
    assert server.ok('GET', f'{V1}/auth', params={'namespace': 'n', 'resources': 'VIEWERS', 'verb': 'GET'}) == {}
    for method, path, code in (('GET', 'runs', 404), ('GET', 'experiments', 404), ('GET', 'pipelines/none', 404),
                               ('POST', 'visualizations/n', 501)):
        assert server.request(method, f'{V1}/{path}').status_code == code, path


def test_reports_are_checked_and_change_nothing(server):
    run_id = server.create_run(specs.noop())
    run = server.succeed(run_id)
    assert server.ok('POST', '/workflows', json=workflow(run_id)) == {}
    assert server.run(run_id) == run, 'the engine drives its runs itself'
    for body, word in (('nonsense', 'JSON'), ('{}', 'metadata.name'), (workflow(run_id, uid=''), 'metadata.uid'),
                       (workflow(), 'pipeline/runid')):
        answer = server.request('POST', '/workflows', json=body)
        assert answer.status_code == 400 and word in answer.json()['message'], answer.text
    young, old = (workflow('unknown', creationTimestamp=rfc3339(time.time() - age)) for age in (10, 1000))
    assert server.request('POST', '/workflows', json=young).status_code == 503
    assert server.request('POST', '/workflows', json=old).status_code == 404
    assert server.request('POST', '/workflows', json=workflow('unknown')).status_code == 404
    answer = server.request('POST', '/scheduledworkflows', json=workflow())
    assert answer.status_code == 404 and 'Recurring run u' in answer.json()['message'], answer.text
    assert server.request('POST', '/scheduledworkflows', json=workflow(name='')).status_code == 400


@pytest.mark.parametrize('method', ['AuthService/Authorize', 'VisualizationService/CreateVisualizationV1'])
def test_what_kfp_only_declares(call, method):  # noqa: F811
    with pytest.raises(grpc.RpcError) as error:
        call(method)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED and 'as in Kubeflow' in error.value.details()


@pytest.mark.parametrize('path', ['/auth', '/filters', '/visualizations/n'])
def test_what_has_no_route_in_v2beta1(server, path):
    answer = server.request('GET', path)
    assert answer.status_code == 404 and answer.json() == {'code': 5, 'message': 'Not Found'}
