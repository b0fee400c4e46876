"""Section 4 of docs/PIPELINE_FORMAT.md: Python components, which the SDK's own executor runs on both ends."""

import json
import pathlib
import re
from typing import Any, Dict, List, NamedTuple, Optional

import pytest
from kfp import dsl
from kfp.dsl import (HTML, Artifact, ClassificationMetrics, Dataset, Input, InputPath, Markdown, Metrics, Model, Output,
                     OutputPath)

import specs
from parts import APPEND, record, write

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.component
def every_output(to: str, folder: str, data: Output[Dataset], model: Output[Model], page: Output[HTML],
                 text: Output[Markdown], metrics: Output[Metrics], scores: Output[ClassificationMetrics],
                 moved: Output[Dataset], plain: OutputPath(str)) -> NamedTuple(
                     'Outputs', [('i', int), ('d', float), ('b', bool), ('s', str), ('li', list), ('o', dict)]):
    for artifact, content in ((data, 'data'), (model, 'model'), (page, '<p>'), (text, '# text')):
        with open(artifact.path, 'w') as file:
            file.write(content)
    data.metadata.update({'yes': True, 'none': None, 'list': [1, {'a': 'b'}], 'struct': {'x': {'y': 0.5}}})
    model.framework = 'torch'
    model.metadata['layers'] = 3
    metrics.log_metric('accuracy', 0.75)
    scores.log_confusion_matrix(['a', 'b'], [[1, 2], [3, 4]])
    scores.log_roc_curve([0.0, 1.0], [0.0, 1.0], [float('inf'), 0.5])
    moved.custom_path = folder + '/moved'
    with open(moved.custom_path, 'w') as file:
        file.write('moved')
    with open(plain, 'w') as file:
        file.write('plain {{$.pipeline_job_name}}\n')
    outputs = NamedTuple('Outputs', [('i', int), ('d', float), ('b', bool), ('s', str), ('li', list), ('o', dict)])
    return outputs(3, 2.5, True, 'é "q"\n', [1, None, 'a'], {'k': {'n': 1.5}})


@dsl.component
def every_input(to: str, data: Input[Dataset], raw: InputPath('Dataset'), model: Input[Model], page: Input[HTML],
                metrics: Input[Metrics], scores: Input[ClassificationMetrics], moved: Input[Dataset], plain: str,
                i: int, d: float, b: bool, s: str, li: list, o: dict, default: int = 7,
                absent: Optional[str] = None, none: Input[Artifact] = None):
    import json

    def content(path):
        with open(path) as file:
            return file.read()
    seen = {'data': [content(data.path), data.metadata, type(data).__name__, data.name], 'raw': content(raw),
            'model': [content(model.path), model.metadata, model.framework, type(model).__name__],
            'page': [content(page.path), type(page).__name__], 'metrics': metrics.metadata, 'scores': scores.metadata,
            'moved': content(moved.path), 'plain': plain, 'parameters': [i, d, b, s, li, o, default, absent, none],
            'types': [type(value).__name__ for value in (i, d, b, s, li, o)]}
    with open(to, 'a') as file:
        file.write('seen\0' + json.dumps(seen) + '\0')


@dsl.pipeline(name='whole-contract')
def whole_contract(to: str, folder: str):
    made = every_output(to=to, folder=folder).outputs
    every_input(to=to, data=made['data'], raw=made['data'], model=made['model'], page=made['page'],
                metrics=made['metrics'], scores=made['scores'], moved=made['moved'], plain=made['plain'], i=made['i'],
                d=made['d'], b=made['b'], s=made['s'], li=made['li'], o=made['o'])


def test_every_kind_of_output_reaches_the_next_function(recorded, tmp_path):
    """Values keep their types, artifacts their class, name, content and metadata; KFP changes some of the metadata."""
    seen = json.loads(recorded(whole_contract, folder=str(tmp_path))['seen'])
    assert seen['data'] == ['data', {'yes': True, 'none': None, 'list': [1, {'a': 'b'}], 'struct': {'x': {'y': 0.5}}},
                            'Dataset', 'data']
    assert seen['model'] == ['model', {'framework': 'torch', 'layers': 3}, 'torch', 'Model']
    assert seen['page'] == ['<p>', 'HTML'] and seen['raw'] == 'data' and seen['moved'] == 'moved'
    assert seen['metrics'] == {'accuracy': 0.75}
    assert seen['scores']['confusionMatrix'] == {
        'annotationSpecs': [{'displayName': 'a'}, {'displayName': 'b'}], 'rows': [{'row': [1, 2]}, {'row': [3, 4]}]}
    assert len(seen['scores']['confidenceMetrics']) == 2
    assert seen['plain'] == 'plain {{$.pipeline_job_name}}\n'
    assert seen['parameters'] == [3, 2.5, True, 'é "q"\n', [1, None, 'a'], {'k': {'n': 1.5}}, 7, None, None]
    assert seen['types'] == ['int', 'float', 'bool', 'str', 'list', 'dict']


@dsl.component
def text_as_artifact() -> Dataset:
    return dsl.Dataset(uri='gs://bucket/mine', metadata={'of': 'the function'})


@dsl.component
def artifact_at_its_place() -> Model:
    model = dsl.Model(uri=dsl.get_uri('model'), metadata={'k': 1})
    with open(model.path, 'w') as file:
        file.write('content')
    return model


@dsl.component
def two_artifacts() -> NamedTuple('Both', [('first', Dataset), ('count', int)]):
    return NamedTuple('Both', [('first', Dataset), ('count', int)])(dsl.Dataset(uri='s3://b/c', metadata={'n': 2}), 4)


@dsl.container_component
def told(to: str, name: str, data: Input[Artifact], count: int = 0):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND],
                             args=[to, name, "{{$.inputs.artifacts['data']}}"])


@dsl.container_component
def read_model(to: str, name: str, data: Input[Model]):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf "%s\\0%s\\0" "$1" "$(cat "$2")" >> "$0"'],
                             args=[to, name, data.path])


@dsl.pipeline(name='returned')
def returned(to: str):
    told(to=to, name='uri', data=text_as_artifact().output)
    placed = artifact_at_its_place()
    told(to=to, name='placed', data=placed.output)
    read_model(to=to, name='content', data=placed.output)
    both = two_artifacts()
    told(to=to, name='tuple', data=both.outputs['first'], count=both.outputs['count'])


def test_artifacts_that_are_returned(recorded, server):
    """With the URI that they were given, or at the place that `dsl.get_uri` names."""
    seen = recorded(returned)
    assert seen.pop('content') == 'content'
    artifacts = {name: json.loads(text)[0] for name, text in seen.items()}
    assert (artifacts['uri']['uri'], artifacts['uri']['metadata']) == ('gs://bucket/mine', {'of': 'the function'})
    assert (artifacts['tuple']['uri'], artifacts['tuple']['metadata']) == ('s3://b/c', {'n': 2})
    place = f'{server.artifacts_path}/returned/.*' if not server.root.startswith('s3://') else '(/.*/inputs|s3:/).*'
    assert re.fullmatch(place, artifacts['placed']['uri']), artifacts['placed']
    assert artifacts['placed']['type']['schemaTitle'] == 'system.Model'


@dsl.component
def gives_nothing() -> str:
    pass


@dsl.component
def gives_another_type() -> int:
    return 'text'


@dsl.component
def other_worker() -> str:
    return 'x'


@dsl.pipeline(name='wrong-returns')
def wrong_returns():
    gives_nothing()
    gives_another_type()
    other_worker().set_env_variable('CLUSTER_SPEC', '{"task": {"type": "worker"}}')


def test_functions_that_return_nothing_or_another_type(run):
    """The SDK writes no report for the former, nor for a worker that is not the first; the latter it raises."""
    ran = run(wrong_returns, ends='FAILED')
    for name in ('gives-nothing', 'other-worker'):
        assert "output parameter 'Output'" in ran.error(name), ran.error(name)
    assert ran.states()['gives-another-type'] == 'FAILED' and 'int' in ran.log('gives-another-type')


@dsl.component
def with_braces(to: str) -> str:
    text = '{{$.inputs.parameters["none"]}} {{$}} {{$.outputs.artifacts["x"].path}}'
    with open(to, 'a') as file:
        file.write(f'source\0{text}\0')
    return text


@dsl.pipeline(name='source')
def source(to: str):
    record(to=to, name='output', value=with_braces(to=to).output)


def test_source_text_and_values_are_no_templates(recorded):
    """KFP replaces placeholders in both."""
    text = '{{$.inputs.parameters["none"]}} {{$}} {{$.outputs.artifacts["x"].path}}'
    assert recorded(source) == {'source': text, 'output': text}


def make_embedding(folder: pathlib.Path) -> Any:
    (folder / 'assets').mkdir()
    (folder / 'assets' / 'config.txt').write_text('embedded')

    @dsl.component(embedded_artifact_path=str(folder / 'assets'))
    def with_assets(to: str, assets: dsl.EmbeddedInput[dsl.Dataset]):
        import os
        with open(os.path.join(assets.path, 'config.txt')) as file, open(to, 'a') as out:
            out.write('asset\0' + file.read() + '\0')

    @dsl.pipeline(name='embedding')
    def embedding(to: str):
        with_assets(to=to)
    return embedding


def test_embedded_artifacts(recorded, tmp_path):
    assert recorded(make_embedding(tmp_path)) == {'asset': 'embedded'}


@dsl.component
def environment_of(to: str):
    import os
    import sys
    with open(to, 'a') as file:
        file.write(f'runtime\0{os.environ.get("_KFP_RUNTIME")}\0version\0{sys.version_info[0]}\0'
                   f'name\0{__name__}\0')


@dsl.pipeline(name='bootstrap')
def bootstrap(to: str):
    environment_of(to=to)


def test_the_image_of_a_function(run):
    """It is not looked at: the server's own Python runs the function."""
    spec = specs.compiled(bootstrap)
    container = spec['deploymentSpec']['executors']['exec-environment-of']['container']
    container['image'] = 'python:3.9'
    ran = run(spec)
    assert ran.once()['version'] == '3' and ran.once()['runtime'] == 'true'


def test_a_containerized_component_needs_its_image(run):
    """Its module is in the image, which nobody unpacks here; the task fails and its log says why."""
    spec = specs.compiled(bootstrap)
    container = spec['deploymentSpec']['executors']['exec-environment-of']['container']
    container['command'] = ['python3', '-m', 'kfp.dsl.executor_main']
    ran = run(spec, ends='FAILED')
    assert 'exited with code' in ran.error('environment-of')


@dsl.component
def many_lists(to: str, data: Input[List[Dataset]], numbers: List[int], table: Dict[str, List[int]]):
    import json
    contents = []
    for one in data:
        with open(one.path) as file:
            contents.append(file.read())
    with open(to, 'a') as file:
        file.write('lists\0' + json.dumps([contents, numbers, table]) + '\0')


@dsl.pipeline(name='lists')
def lists(to: str):
    with dsl.ParallelFor(['a', 'b']) as item:
        made = write(text=item)
    many_lists(to=to, data=dsl.Collected(made.outputs['data']), numbers=[], table={'k': [1, 2]})


def test_lists_reach_a_function(recorded):
    assert json.loads(recorded(lists)['lists']) == [['a', 'b'], [], {'k': [1, 2]}]
