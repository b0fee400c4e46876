"""Section 1 of docs/PIPELINE_FORMAT.md: the files a pipeline comes in, and what a run is given."""

import copy
import io
import json
import pathlib
import tarfile
import zipfile
from typing import Any, Dict, List, NamedTuple, Optional

import kfp_server_api
import pytest
import yaml
from kfp import compiler, components, dsl
from kfp.compiler.compiler_utils import KubernetesManifestOptions
from kfp.dsl import Artifact, Dataset, Input, OutputPath

import specs
from parts import (APPEND, give, give_int, nothing, record, record_bool, record_dict, record_float, record_int,
                   record_list)

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.pipeline(name='packaged', description='A pipeline in a file.')
def packaged(to: str, text: str = 'as compiled'):
    record(to=to, name='text', value=text)


def zip_of(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def tar_of(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def compile_to(folder: pathlib.Path, name: str, pipeline: Any = packaged, **options: Any) -> str:
    compiler.Compiler().compile(pipeline, str(folder / name), **options)
    return (folder / name).read_text()


def as_manifest(folder: pathlib.Path) -> bytes:
    options = KubernetesManifestOptions(pipeline_name='packaged', pipeline_version_name='packaged-1',
                                        namespace='kubeflow', include_pipeline_manifest=True)
    return compile_to(folder, 'manifest.yaml', kubernetes_manifest_format=True,
                      kubernetes_manifest_options=options).encode()


FORMS = {
    'pipeline.yaml': lambda folder: compile_to(folder, 'compiled.yaml').encode(),
    'pipeline.yml': lambda folder: compile_to(folder, 'compiled.yaml').encode(),
    'pipeline.json': lambda folder: compile_to(folder, 'compiled.json').encode(),
    'archive.zip': lambda folder: zip_of(**{'readme.txt': 'not it', 'pipeline.yaml': compile_to(folder, 'a.yaml')}),
    'first entry.zip': lambda folder: zip_of(**{'any.yml': compile_to(folder, 'a.yaml'), 'other.yaml': 'a: 1'}),
    'archive.tar.gz': lambda folder: tar_of(**{'notes.md': '', 'pipeline.yaml': compile_to(folder, 'a.yaml')}),
    'manifest.yaml': as_manifest,
}


@pytest.mark.parametrize('form', FORMS)
def test_a_pipeline_in_each_form_of_a_file(conform, unique, tmp_path, form):
    """What was uploaded runs, and is the same whatever it came in."""
    path = tmp_path / form
    path.write_bytes(FORMS[form](tmp_path))
    client = conform.client
    pipeline = client.upload_pipeline(str(path), unique('packaged'))
    version, = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    assert version.pipeline_spec == specs.compiled(packaged)
    journal = tmp_path / 'journal'
    made = client.run_pipeline(client.create_experiment('conformance').experiment_id, form,
                               pipeline_id=pipeline.pipeline_id, version_id=version.pipeline_version_id,
                               params={'to': str(journal)})
    assert conform.wait((made.run_id, journal)).once() == {'text': 'as compiled'}


def uploaded(conform, unique, tmp_path: pathlib.Path, text: str, name: str = 'package.yaml') -> Dict[str, Any]:
    (tmp_path / name).write_text(text)
    pipeline = conform.client.upload_pipeline(str(tmp_path / name), unique('package'))
    return conform.client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions[0].pipeline_spec


PLATFORM = {'platforms': {'kubernetes': {'deploymentSpec': {'executors': {
    'exec-record': {'nodeSelector': {'labels': {'disk': 'ssd'}}}}}}}}


def test_documents_of_a_package(conform, unique, tmp_path):
    """Comments, order of keys and empty documents mean nothing; the platform document is kept beside the pipeline."""
    spec = specs.compiled(packaged)
    reversed_keys = dict(sorted(spec.items(), reverse=True))
    text = '# PIPELINE DEFINITION\n# Inputs:\n#   wrong: int\n' + yaml.safe_dump(reversed_keys, sort_keys=False)
    assert uploaded(conform, unique, tmp_path, text) == spec
    assert uploaded(conform, unique, tmp_path, f'---\n---\n{text}\n---\nnull\n') == spec
    for documents in ([spec, PLATFORM], [PLATFORM, spec]):
        seen = uploaded(conform, unique, tmp_path, yaml.safe_dump_all(documents))
        assert seen == {'pipeline_spec': spec, 'platform_spec': PLATFORM}


def test_yaml_of_other_writers(conform, unique, tmp_path):
    """Anchors and aliases, flow style, and names of fields in snake_case."""
    spec = specs.compiled(packaged)
    shared = spec['components']['comp-record']['inputDefinitions']['parameters']['name']
    spec['components']['comp-record']['inputDefinitions']['parameters']['value'] = shared
    text = yaml.dump(spec)
    assert '&id001' in text and '*id001' in text
    assert uploaded(conform, unique, tmp_path, text) == spec
    assert uploaded(conform, unique, tmp_path, yaml.safe_dump(spec, default_flow_style=True)) == spec
    snake = text
    for camel in ('deploymentSpec', 'pipelineInfo', 'schemaVersion', 'sdkVersion', 'componentRef', 'parameterType',
                  'inputDefinitions', 'executorLabel', 'componentInputParameter', 'runtimeValue', 'isOptional'):
        snake = snake.replace(camel, ''.join(f'_{c.lower()}' if c.isupper() else c for c in camel))
    assert uploaded(conform, unique, tmp_path, snake) == spec
    journal = tmp_path / 'snake'
    conform.run(yaml.safe_load(snake), to=str(journal))
    assert journal.read_text() == 'text\0as compiled\0'


def edited(change: Any) -> str:
    spec = copy.deepcopy(specs.compiled(packaged))
    return yaml.safe_dump(change(spec) or spec)


NO_PACKAGES = {
    'two pipelines': (lambda: yaml.safe_dump_all([specs.compiled(packaged)] * 2), 'two pipeline specs'),
    'another document': (lambda: yaml.safe_dump_all([specs.compiled(packaged), {'a': 1}]), 'document 2'),
    'only a platform': (lambda: yaml.safe_dump(PLATFORM), 'pipeline'),
    'a PipelineJob': (lambda: json.dumps({'pipelineSpec': specs.compiled(packaged), 'runtimeConfig': {}}), ''),
    'schema version': (lambda: edited(lambda spec: spec.update(schemaVersion='2.0.0')), '2.1.0'),
    'a key that is not known': (lambda: edited(lambda spec: spec['root'].update(dog={})), 'dog'),
    'a key that is there twice': (lambda: edited(lambda spec: None) + 'schemaVersion: 2.1.0\n', 'schemaVersion'),
}


@pytest.mark.parametrize('what', NO_PACKAGES)
def test_what_is_no_package(conform, unique, tmp_path, what):
    make, word = NO_PACKAGES[what]
    with pytest.raises(kfp_server_api.ApiException) as caught:
        uploaded(conform, unique, tmp_path, make())
    assert caught.value.status == 400 and word in caught.value.body, caught.value.body


def test_what_is_for_information_only(run):
    """The version of the SDK and the default root in the pipeline; and fields of executors that are not known."""
    spec = specs.compiled(packaged)
    spec['sdkVersion'] = 'kfp-2.1.3'
    spec['defaultPipelineRoot'] = 's3://change/me'
    spec['deploymentSpec']['executors']['exec-record']['container']['fromTheFuture'] = {'a': 1}
    assert run(spec).once() == {'text': 'as compiled'}
    del spec['sdkVersion']
    run(spec)


# --- Names that the SDK gives ---

@dsl.container_component
def two_outputs(first: OutputPath(str), second: OutputPath(int)):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf one > "$0"; printf 2 > "$1"'],
                             args=[first, second])


@dsl.component
def one_output() -> int:
    return 7


@dsl.pipeline(name='inner')
def inner() -> NamedTuple('Outputs', [('Some_Name', str), ('count', int)]):
    made = two_outputs()
    return NamedTuple('Outputs', [('Some_Name', str), ('count', int)])(made.outputs['first'], made.outputs['second'])


@dsl.pipeline(name='naming')
def naming(to: str):
    record(to=to, name='a', value='1')
    record(to=to, name='b', value='2')
    record_int(to=to, name='c', value=one_output().output)
    used = inner()
    record(to=to, name='d', value=used.outputs['Some_Name'])
    record_int(to=to, name='e', value=used.outputs['count'])
    dsl.importer(artifact_uri='gs://bucket/a', artifact_class=Dataset)
    dsl.importer(artifact_uri='gs://bucket/b', artifact_class=Dataset)


def test_names_of_tasks_components_and_outputs(run):
    """A second use of a component is another task, equal components are shared, and outputs keep their names."""
    spec = specs.compiled(naming)
    assert {'comp-record', 'comp-record-2', 'comp-record-3', 'comp-inner', 'comp-importer'} <= set(spec['components'])
    assert 'Output' in spec['components']['comp-one-output']['outputDefinitions']['parameters']
    ran = run(spec)
    assert ran.once() == {'a': '1', 'b': '2', 'c': '7', 'd': 'one', 'e': '2'}
    assert set(ran.states()) == {'record', 'record-2', 'record-3', 'record-4', 'record-5', 'one-output', 'inner',
                                 'two-outputs', 'importer', 'importer-2'}
    assert set(ran.states().values()) == {'SUCCEEDED'}


@dsl.container_component
def alone(to: str, text: Optional[str] = None, number: int = 3):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND],
                             args=[to, dsl.IfPresentPlaceholder('text', then='given', else_='absent'), number])


def test_a_component_compiled_alone(recorded):
    """It is a pipeline of one task, to which optional inputs go as null."""
    assert recorded(alone) == {'absent': '3'}
    assert recorded(alone, text='a', number=4) == {'given': '4'}


OLD_COMPONENT = """
name: Old component
inputs:
- {name: to, type: String}
- {name: Some text, type: String, default: 'by default'}
- {name: extra, type: String, optional: true}
outputs:
- {name: copy, type: String}
implementation:
  container:
    image: alpine
    command: [sh, -c, 'printf %s "$1" > "$2"; printf "%s\\0%s\\0" "$3" "$1" >> "$0"']
    args:
    - {inputValue: to}
    - {inputValue: Some text}
    - {outputPath: copy}
    - if: {cond: {isPresent: extra}, then: [{concat: [with-, {inputValue: extra}]}], else: [without]}
"""


@dsl.pipeline(name='with-old')
def with_old(to: str):
    old = components.load_component_from_text(OLD_COMPONENT)
    first = old(to=to)
    old(to=to, some_text=first.outputs['copy'], extra='more')


def test_components_of_version_1(recorded):
    assert recorded(with_old) == {'without': 'by default', 'with-more': 'by default'}


# --- What a run is given ---

@dsl.pipeline(name='typed')
def typed(to: str, s: str, i: int, d: float, b: bool, li: List[int], o: Dict[str, int], ds: str = 'x', di: int = 1,
          dd: float = 0.5, db: bool = False, dl: List[int] = [1], do: Dict[str, int] = {'a': 1}):
    for name, value, default in (('s', s, ds), ('i', i, di), ('d', d, dd), ('b', b, db), ('l', li, dl), ('o', o, do)):
        component = {'s': record, 'i': record_int, 'd': record_float, 'b': record_bool, 'l': record_list,
                     'o': record_dict}[name]
        component(to=to, name=name, value=value)
        component(to=to, name=f'default {name}', value=default)


GIVEN = {'s': 'text', 'i': 5, 'd': 0.25, 'b': True, 'li': [1], 'o': {'k': 1}}


def test_parameters_of_a_run_and_defaults(recorded):
    assert recorded(typed, **GIVEN) == {
        's': 'text', 'i': '5', 'd': '0.25', 'b': 'true', 'l': '[1]', 'o': '{"k":1}', 'default s': 'x',
        'default i': '1', 'default d': '0.5', 'default b': 'false', 'default l': '[1]', 'default o': '{"a":1}'}
    # A number is a number: KFP does not look whether it is whole.
    seen = recorded(typed, **{**GIVEN, 'd': 3, 'ds': '', 'dl': []})
    assert (seen['d'], seen['default s'], seen['default l']) == ('3', '', '[]')


WRONG = [({'s': 5}, 's'), ({'i': '5'}, 'i'), ({'i': True}, 'i'), ({'d': '0.5'}, 'd'), ({'b': 'true'}, 'b'),
         ({'b': 1}, 'b'), ({'li': {}}, 'li'), ({'li': '[1]'}, 'li'), ({'o': []}, 'o'), ({'o': '{}'}, 'o'),
         ({'s': None}, 's'), ({'other': 1}, 'other')]


@pytest.mark.parametrize('wrong, name', WRONG, ids=[str(wrong) for wrong, _ in WRONG])
def test_parameters_that_are_refused(conform, wrong, name):
    """Of another kind, not known, or null without a default: no run is made."""
    with pytest.raises(kfp_server_api.ApiException) as caught:
        conform.start(typed, **{**GIVEN, **wrong})
    assert caught.value.status == 400 and f"'{name}'" in json.loads(caught.value.body)['message']


def test_a_required_parameter_that_is_missing(conform):
    with pytest.raises(kfp_server_api.ApiException) as caught:
        conform.start(typed, **{key: value for key, value in GIVEN.items() if key != 'b'})
    assert caught.value.status == 400 and "'b'" in json.loads(caught.value.body)['message']


def test_literals_of_a_run(conform, run):
    """The SDK writes none, others may."""
    spec = specs.compiled(packaged)
    spec['root']['inputDefinitions']['parameters']['text']['literals'] = ['as compiled', 'other']
    assert run(spec, text='other').once() == {'text': 'other'}
    with pytest.raises(kfp_server_api.ApiException) as caught:
        conform.start(spec, text='third')
    assert caught.value.status == 400 and 'third' in caught.value.body


@dsl.component
def note_optional(to: str, name: str, text: Optional[str] = 'own default', number: Optional[int] = None):
    with open(to, 'a') as file:
        file.write(f'{name}\0{text} {number}\0')


@dsl.pipeline(name='optional')
def optional(to: str, text: Optional[str] = None, number: Optional[int] = None):
    note_optional(to=to, name='passed on', text=text, number=number)


def test_optional_parameters_of_the_pipeline(recorded):
    """Without a value they are null, and the component's own default counts."""
    assert recorded(optional) == {'passed on': 'own default None'}
    assert recorded(optional, text='', number=0) == {'passed on': ' 0'}


@dsl.container_component
def has_artifact(to: str, data: Input[Artifact] = None):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND],
                             args=[to, 'data', dsl.IfPresentPlaceholder('data', then='present', else_='absent')])


@dsl.pipeline(name='optional-artifact')
def optional_artifact(to: str, data: Input[Artifact] = None):
    has_artifact(to=to, data=data)


def test_an_optional_artifact_of_the_pipeline(recorded):
    """No request can give one; KFP fails the task that would take it."""
    assert recorded(optional_artifact) == {'data': 'absent'}


@dsl.pipeline(name='rooted', pipeline_root='s3://from/the-pipeline')
def rooted(to: str):
    record(to=to, name='root', value=dsl.PIPELINE_ROOT_PLACEHOLDER)


def test_pipeline_root(run, server):
    """That of the run; the one in the pipeline has no effect, as in KFP, where this server knows no such place."""
    spec = specs.compiled(rooted)
    assert spec['defaultPipelineRoot'] == 's3://from/the-pipeline'
    root = f'file://{server.file_root}/of the run'
    ran = run(spec, options={'pipeline_root': root})
    assert ran.once() == {'root': root}
    assert ran.detail.runtime_config.pipeline_root == root


def test_fields_that_are_null(run):
    """A null is an absent field."""
    spec = specs.compiled(packaged)
    spec['root']['dag']['outputs'] = None
    spec['root']['dag']['tasks']['record']['triggerPolicy'] = None
    assert run(spec).once() == {'text': 'as compiled'}


def test_numbers_enums_and_durations(run):
    """As protobuf's JSON has them: 64-bit numbers also as texts, enums by name or number, durations in seconds."""
    @dsl.pipeline(name='retried')
    def retried(to: str):
        record(to=to, name='a', value='b').set_retry(2, backoff_duration='0s')
    spec = specs.compiled(retried)
    policy = spec['root']['dag']['tasks']['record']['retryPolicy']
    assert policy['maxRetryCount'] == 2 and policy['backoffMaxDuration'] == '3600s'
    policy.update(maxRetryCount='1', backoffDuration='0.5s', backoffFactor='2')
    spec['root']['inputDefinitions']['parameters']['to']['parameterType'] = 3
    assert run(spec).once() == {'a': 'b'}


@dsl.pipeline(name='old-types')
def old_types(to: str, number: int, text: str):
    record_int(to=to, name='number', value=give_int(text=text).outputs['out'])
    record_float(to=to, name='ratio', value=0.5)
    with dsl.ParallelFor([1, 2]) as item:
        record_int(to=to, name=text, value=item)
    record_int(to=to, name='given', value=number)


def test_types_in_the_form_of_older_pipelines(run):
    """`type: INT` for `parameterType: NUMBER_INTEGER`, of inputs and outputs. KFP takes no values for them."""
    old = {'NUMBER_INTEGER': 'INT', 'NUMBER_DOUBLE': 'DOUBLE', 'STRING': 'STRING'}
    spec = specs.compiled(old_types)
    for component in [spec['root'], *spec['components'].values()]:
        for side in ('inputDefinitions', 'outputDefinitions'):
            for definition in component.get(side, {}).get('parameters', {}).values():
                definition['type'] = old[definition.pop('parameterType')]
    ran = run(spec, number=3, text='7')
    assert sorted(ran.journal) == [('7', '1'), ('7', '2'), ('given', '3'), ('number', '7'), ('ratio', '0.5')]


@dsl.pipeline(name='empty-tasks')
def silent():
    nothing()
    give(text='x')
    give_int(text='1')


def test_a_pipeline_without_inputs(run):
    assert set(run(silent).states().values()) == {'SUCCEEDED'}
