"""Pipelines that take an artifact themselves: KFP stores them and has no way to run one; here a run is given the
artifact by its id, by a URI or a path, or through penstock.v1."""

import json

import pytest
from kfp import compiler, dsl
from kfp.dsl import Dataset, Input, Output

import specs


@dsl.container_component
def copy(data: Input[Dataset], result: str):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'cp "$0" "$1"'], args=[data.path, result])


@dsl.component
def make(data: Output[Dataset]):
    with open(data.path, 'w') as file:
        file.write('made')


@dsl.pipeline(name='takes-data')
def takes_data(data: Input[Dataset], result: str):
    copy(data=data, result=result)


@dsl.pipeline(name='makes-data')
def makes_data():
    make()


@pytest.fixture
def given(tmp_path):
    path = tmp_path / 'given.csv'
    path.write_text('given')
    return path


def test_it_is_stored_and_says_what_a_run_needs(server, client, unique, tmp_path):
    package = tmp_path / 'package.yaml'
    compiler.Compiler().compile(takes_data, str(package))
    pipeline = client.upload_pipeline(str(package), pipeline_name=unique('takes'))
    assert client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    answer = server.request('POST', '/runs', json={
        'display_name': 'x', 'pipeline_version_reference': {'pipeline_id': pipeline.pipeline_id},
        'runtime_config': {'parameters': {'result': 'r'}}})
    assert answer.status_code == 400
    for words in ("takes the artifact 'data' (system.Dataset)", "runtime_config.parameters['data']", 'a URI'):
        assert words in answer.json()['message']


def test_by_path_with_the_sdk(server, client, given, tmp_path):
    package = tmp_path / 'package.yaml'
    compiler.Compiler().compile(takes_data, str(package))
    result = tmp_path / 'result'
    run = client.create_run_from_pipeline_package(
        str(package), arguments={'data': str(given), 'result': str(result)}, enable_caching=False)
    server.succeed(run.run_id)
    assert result.read_text() == 'given'


@pytest.mark.parametrize('form', [int, str, lambda number: {'artifact_id': number}])
def test_by_id(server, tmp_path, form):
    maker = server.create_run(specs.compiled(makes_data))
    server.succeed(maker)
    (number,) = server.tasks(maker)['make']['outputs']['data']['artifact_ids']
    result = tmp_path / 'result'
    run = server.create_run(specs.compiled(takes_data), data=form(number), result=str(result))
    server.succeed(run)
    assert result.read_text() == 'made'
    assert server.tasks(run)['copy']['inputs']['data']['artifact_ids'] == [number]


def test_through_penstock_v1(server, given, tmp_path, unique):
    result = tmp_path / 'result'
    body = {'request_id': unique('request'),
            'run': {'display_name': 'x', 'pipeline_spec': specs.compiled(takes_data),
                    'runtime_config': {'parameters': {'result': str(result)}}},
            'artifacts': {'data': {'artifacts': [{'uri': given.as_uri(), 'metadata': {'rows': 1}}]}}}
    run = server.ok('POST', '/apis/penstock/v1/runs', json=body)
    server.succeed(run['run_id'])
    assert result.read_text() == 'given'
    assert server.run(run['run_id'])['runtime_config']['parameters']['data'] == {
        'uri': given.as_uri(), 'metadata': {'rows': 1}}
    # The same again is the same artifact.
    again = server.create_run(specs.compiled(takes_data), data={'uri': given.as_uri(), 'metadata': {'rows': 1}},
                              result=str(result))
    server.succeed(again)
    first, second = (server.tasks(one)['copy']['inputs']['data'] for one in (run['run_id'], again))
    assert first == second and first['artifact_ids']


@pytest.mark.parametrize('value, words', [
    (987654321, 'there is no artifact 987654321'), ('rows.csv', 'expected the id of an artifact, a URI'),
    ({'uri': 's3://a/b', 'id': 1}, 'expected the id of an artifact'), ([1, 2], 'expected one artifact, found a list'),
    (True, 'expected the id')])
def test_what_is_no_artifact_is_refused(server, value, words):
    answer = server.request('POST', '/runs', json={
        'display_name': 'x', 'pipeline_spec': specs.compiled(takes_data),
        'runtime_config': {'parameters': {'data': value, 'result': 'r'}}})
    assert answer.status_code == 400 and words in answer.json()['message'], json.dumps(answer.json())
