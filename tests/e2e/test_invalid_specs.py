"""Pipelines that cannot work are refused when they arrive, with the place in the document and what would be right."""

import copy

import pytest
import yaml
from kfp import dsl
from kfp.dsl import Dataset, Input

import specs
from specs import Shell

pytestmark = pytest.mark.sqlite('they are refused before they reach the database')


@dsl.component
def consume(data: Input[Dataset]):
    print(data.uri)


@dsl.pipeline(name='with-artifact')
def with_artifact(data: Input[Dataset]):
    consume(data=data)


FEATURES = [(with_artifact, ('artifact',))]


@pytest.mark.parametrize('pipeline, words', FEATURES, ids=lambda value: getattr(value, 'name', ''))
def test_features_to_come_are_named(server, unique, pipeline, words):
    """Never half-run: neither a run nor a version of such a pipeline starts anything."""
    spec = specs.compiled(pipeline)
    before = server.ok('GET', '/runs').get('total_size', 0)
    answer = server.request('POST', '/runs', json={'display_name': 'r', 'pipeline_spec': spec})
    assert answer.status_code in (400, 501), answer.text
    assert any(word in answer.json()['message'].lower() for word in words), answer.text

    upload = server.request('POST', '/pipelines/upload', params={'name': unique('p')},
                            files={'uploadfile': ('a.yaml', yaml.safe_dump(spec).encode())})
    if upload.status_code == 200:
        version = {'pipeline_id': upload.json()['pipeline_id']}
        answer = server.request('POST', '/runs', json={'display_name': 'r', 'pipeline_version_reference': version})
        message = answer.json()['message']
    else:
        answer, message = upload, upload.json()['error_message']
    assert answer.status_code in (400, 501) and any(word in message.lower() for word in words), answer.text
    assert server.ok('GET', '/runs').get('total_size', 0) == before


def base():
    spec = specs.shell_pipeline({'first': Shell('true'), 'second': Shell('true', after=['first'], takes=['x'])}, x='s')
    spec['components']['comp-first']['outputDefinitions'] = {'parameters': {'out': {'parameterType': 'STRING'}}}
    return spec


def edit(*path, to=None):
    """A change of the spec: the value at the path becomes `to`, or is removed."""
    def change(spec):
        for key in path[:-1]:
            spec = spec[key]
        if to is None:
            del spec[path[-1]]
        else:
            spec[path[-1]] = to
    return change


def both(*changes):
    def change(spec):
        for one in changes:
            one(spec)
    return change


SECOND = ('root', 'dag', 'tasks', 'second')
BROKEN = {
    'no name': (edit('pipelineInfo', 'name'), ['name']),
    'no root': (edit('root'), ['root']),
    'no dag': (edit('root', 'dag'), ['root']),
    'wrong schema version': (edit('schemaVersion', to='2.0.0'), ['schemaVersion', '2.1.0']),
    'unknown key on top': (edit('surprise', to=1), ['surprise']),
    'unknown key below': (edit(*SECOND, 'surprise', to=1), ['surprise', 'second']),
    'wrong type': (edit(*SECOND, 'dependentTasks', to='first'), ['dependentTasks', 'second']),
    'unknown component': (edit(*SECOND, 'componentRef', to={'name': 'comp-none'}), ['comp-none', 'second']),
    'unknown executor': (edit('components', 'comp-first', 'executorLabel', to='exec-none'),
                         ['exec-none', 'comp-first']),
    'unknown dependency': (edit(*SECOND, 'dependentTasks', to=['none']), ['none', 'second']),
    'cycle': (edit('root', 'dag', 'tasks', 'first', 'dependentTasks', to=['second']), ['cycle', 'first', 'second']),
    'self': (edit('root', 'dag', 'tasks', 'first', 'dependentTasks', to=['first']), ['itself', 'first']),
    'unknown run parameter': (edit(*SECOND, 'inputs', 'parameters', 'x', to={'componentInputParameter': 'none'}),
                              ['none', 'second']),
    'unknown producer': (edit(*SECOND, 'inputs', 'parameters', 'x', to={
        'taskOutputParameter': {'producerTask': 'none', 'outputParameterKey': 'out'}}), ['none', 'second']),
    'unknown output': (edit(*SECOND, 'inputs', 'parameters', 'x', to={
        'taskOutputParameter': {'producerTask': 'first', 'outputParameterKey': 'none'}}), ['none', 'second']),
    'missing argument': (edit(*SECOND, 'inputs'), ['x', 'second']),
    'constant of the wrong type': (both(
        edit('components', 'comp-second', 'inputDefinitions', 'parameters', 'x', 'parameterType', to='NUMBER_INTEGER'),
        edit(*SECOND, 'inputs', 'parameters', 'x', to={'runtimeValue': {'constant': 'text'}})), ['x', 'second']),
    'condition': (edit(*SECOND, 'triggerPolicy', to={'condition': "inputs.parameter_values['x'] ="}),
                  ['triggerPolicy.condition', 'column', 'second']),
    'unknown function in a condition': (edit(*SECOND, 'triggerPolicy', to={'condition': 'matches(1)'}),
                                        ['triggerPolicy.condition', 'matches', 'second']),
    'selector': (edit(*SECOND, 'inputs', 'parameters', 'x', to={
        'componentInputParameter': 'x', 'parameterExpressionSelector': 'parseJson(string_value'}),
        ['parameterExpressionSelector', 'column', 'second']),
    'no executor body': (edit('deploymentSpec', 'executors', 'exec-first', to={}), ['exec-first']),
    'unknown parameter type': (edit('root', 'inputDefinitions', 'parameters', 'x', 'parameterType', to='COLOUR'),
                               ['COLOUR']),
    'default of the wrong type': (edit('root', 'inputDefinitions', 'parameters', 'y', to={
        'parameterType': 'NUMBER_INTEGER', 'defaultValue': 'text', 'isOptional': True}), ['y', 'text']),
}


@pytest.mark.parametrize('change, words', BROKEN.values(), ids=BROKEN.keys())
def test_broken_pipelines(server, unique, change, words):
    spec = copy.deepcopy(base())
    change(spec)
    run = server.request('POST', '/runs', json={'display_name': 'r', 'pipeline_spec': spec,
                                                'runtime_config': {'parameters': {'x': 'given'}}})
    assert run.status_code == 400 and run.json()['code'] == 3, run.text
    upload = server.request('POST', '/pipelines/upload', params={'name': unique('p')},
                            files={'uploadfile': ('a.yaml', yaml.safe_dump(spec).encode())})
    assert upload.status_code == 400, upload.text
    for word in words:
        assert word in run.json()['message'], run.text
        assert word in upload.json()['error_message'], upload.text


@pytest.mark.parametrize('name', ['No Spaces', 'UPPER', 'under_score', '-dash', 'x' * 129, 'é'])
def test_names_inside_the_package(server, unique, name):
    """Only what is stored is held to the pattern; KFP is not so strict with a run's own spec."""
    spec = specs.noop()
    spec['pipelineInfo']['name'] = name
    upload = server.request('POST', '/pipelines/upload', params={'name': unique('p')},
                            files={'uploadfile': ('a.yaml', yaml.safe_dump(spec).encode())})
    assert upload.status_code == 400 and 'pipelineInfo.name' in upload.json()['error_message'], upload.text


def test_the_unbroken_one_works(server):
    """What the cases above are made of is itself fine, but for the output that `first` does not write."""
    spec = base()
    del spec['components']['comp-first']['outputDefinitions']
    server.succeed(server.create_run(spec, x='given'))
