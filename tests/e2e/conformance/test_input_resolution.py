"""Section 2 of docs/PIPELINE_FORMAT.md: where the inputs of a task come from, and what they become."""

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional

import kfp_server_api
import pytest
from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

import specs
from parts import (APPEND, fail, give, give_bool, give_dict, give_float, give_int, give_list, read, record,
                   record_artifacts, record_bool, record_dict, record_float, record_int, record_list, write)

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')

# --- Where a value comes from ---


@dsl.pipeline(name='deep')
def deep(text: str, number: int) -> NamedTuple('Deep', [('text', str), ('number', int), ('data', Dataset)]):
    made = NamedTuple('Deep', [('text', str), ('number', int), ('data', Dataset)])
    return made(give(text=text).outputs['out'], give_int(text=f'{number}').outputs['out'],
                write(text=text).outputs['data'])


@dsl.pipeline(name='middle')
def middle(text: str, number: int = 8) -> NamedTuple('Middle', [('text', str), ('number', int), ('data', Dataset)]):
    inner = deep(text=text, number=number)
    made = NamedTuple('Middle', [('text', str), ('number', int), ('data', Dataset)])
    return made(inner.outputs['text'], inner.outputs['number'], inner.outputs['data'])


@dsl.pipeline(name='sources')
def sources(to: str, text: str = 'of the run'):
    record(to=to, name='input of the graph', value=text)
    record(to=to, name='constant', value='a constant')
    record(to=to, name='output of a task', value=give(text='of a task').outputs['out'])
    below = middle(text='from below')
    record(to=to, name='output from two graphs below', value=below.outputs['text'])
    record_int(to=to, name='default of the graph', value=below.outputs['number'])
    read(to=to, name='artifact from two graphs below', data=below.outputs['data'])


def test_each_source_of_a_value(recorded):
    assert recorded(sources) == {
        'input of the graph': 'of the run', 'constant': 'a constant', 'output of a task': 'of a task',
        'output from two graphs below': 'from below', 'default of the graph': '8',
        'artifact from two graphs below': 'from below'}


@dsl.pipeline(name='selecting')
def selecting(to: str, o: Dict[str, Any], li: List[Any], s: str):
    record(to=to, name='struct', value=s)
    record(to=to, name='list', value=s)
    record(to=to, name='text', value=s)
    record_int(to=to, name='number', value=1)


SELECTORS = [
    ('struct', 'o', 'struct_value.a', '7'), ('struct', 'o', 'parseJson(string_value)["b"]["c"]', '[1,2]'),
    ('struct', 'o', 'parseJson(string_value)["b"]', '{"c":[1,2]}'), ('list', 'li', 'list_value[1]', 'x'),
    ('list', 'li', 'parseJson(string_value)[2]', '{"k":true}'), ('text', 's', 'string_value', '[5, 6]'),
    ('text', 's', 'parseJson(string_value)[1]', '6'), ('number', 'o', 'struct_value.a', '7')]


@pytest.mark.parametrize('name, source, selector, value', SELECTORS)
def test_selectors(run, name, source, selector, value):
    """Of the source's value, before it is converted. The SDK writes one form, for keys of loop items."""
    spec = specs.compiled(selecting)
    for task in spec['root']['dag']['tasks'].values():
        inputs = task['inputs']['parameters']
        if inputs['name']['runtimeValue']['constant'] == name:
            inputs['value'] = {'componentInputParameter': source, 'parameterExpressionSelector': selector}
    ran = run(spec, o={'a': 7, 'b': {'c': [1, 2]}}, li=[1, 'x', {'k': True}], s='[5, 6]')
    assert ran.once()[name] == value


# --- Constants ---

@dsl.pipeline(name='facts-of-the-run')
def facts_of_the_run(to: str):
    for name, value in {
            'job name': dsl.PIPELINE_JOB_NAME_PLACEHOLDER, 'resource': dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
            'job id': dsl.PIPELINE_JOB_ID_PLACEHOLDER, 'created': dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER,
            'scheduled': dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER, 'root': dsl.PIPELINE_ROOT_PLACEHOLDER,
            'within': f'run {dsl.PIPELINE_JOB_ID_PLACEHOLDER}!'}.items():
        record(to=to, name=name, value=value)
    record(to=to, name='task name', value=dsl.PIPELINE_TASK_NAME_PLACEHOLDER).set_display_name('named')
    record(to=to, name='task id', value=dsl.PIPELINE_TASK_ID_PLACEHOLDER).set_display_name('identified')
    record_list(to=to, name='list', value=[dsl.PIPELINE_JOB_ID_PLACEHOLDER, 1])
    record_dict(to=to, name='dict', value={'id': dsl.PIPELINE_JOB_ID_PLACEHOLDER})


def test_placeholders_of_the_run(run, server):
    root = f'file://{server.file_root}/somewhere'
    ran = run(facts_of_the_run, options={'run_name': 'My run', 'pipeline_root': root})
    seen = ran.once()
    assert seen['job name'] == 'My run' and seen['job id'] == ran.run_id and seen['root'] == root
    assert 'facts-of-the-run' in seen['resource'] and ran.run_id in seen['resource']
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', seen['created'])
    assert seen['scheduled'] == seen['created']
    assert seen['created'][:19] == ran.detail.created_at.strftime('%Y-%m-%dT%H:%M:%S')
    # KFP replaces them only where they are the whole text, and never within lists and dictionaries.
    assert seen['within'] == f'run {ran.run_id}!'
    assert json.loads(seen['list']) == [ran.run_id, 1] and json.loads(seen['dict']) == {'id': ran.run_id}
    # The key of the task, not its display name; and its own id, where KFP gives that of the graph around it.
    assert re.fullmatch(r'record-\d+', seen['task name'])
    assert seen['task id'] == ran.task('identified').task_id


TRICKY = 'a "quoted"\n\\ {{$.pipeline_job_name}} {x} é'


@dsl.pipeline(name='embedding')
def embedding(to: str, text: str, number: int, yes: bool):
    made = give(text=text)
    record(to=to, name='f-string', value=f'<{text}|{made.outputs["out"]}|{number}>')
    record(to=to, name='alone', value=f'{made.outputs["out"]}')
    record_list(to=to, name='list', value=[text, number, yes, 'end'])
    record_dict(to=to, name='dict', value={'text': made.outputs['out'], 'deep': {'list': [number]}, 'plain': 1})


def test_constants_that_hold_other_values(recorded):
    """Values go in as they are, whatever is in them, and are not read again."""
    seen = recorded(embedding, text=TRICKY, number=9312, yes=True)
    assert seen['f-string'] == f'<{TRICKY}|{TRICKY}|9312>' and seen['alone'] == TRICKY
    # Within lists and dictionaries they are texts, as in KFP.
    assert json.loads(seen['list']) == [TRICKY, '9312', 'true', 'end']
    assert json.loads(seen['dict']) == {'text': TRICKY, 'deep': {'list': ['9312']}, 'plain': 1}


def test_a_loop_variable_of_an_outer_loop_in_a_text(conform):
    """The compiler passes it under a name that is not there. KFP finds out in the middle of the run."""
    @dsl.pipeline(name='outer-variable')
    def outer_variable(to: str):
        with dsl.ParallelFor([{'a': 'x'}]) as outer:
            with dsl.ParallelFor([1]):
                record(to=to, name='text', value=f'<{outer.a}>')
    with pytest.raises(kfp_server_api.ApiException) as caught:
        conform.start(outer_variable)
    assert caught.value.status == 400 and 'the kfp compiler writes this for an f-string' in caught.value.body


# --- Conversion ---

def converting(values: Dict[str, Any], declared: str) -> Dict[str, Any]:
    """A pipeline of one task for each value, whose input is of that type."""
    tasks = {f'take-{key}': specs.Shell(f'printf "%s\\0%s\\0" "{key}" "$1" >> "$2"', takes=[f'v{key}', 'to'])
             for key in values}
    spec = specs.shell_pipeline(tasks, to='s', **{f'v{key}': kind_of(value) for key, value in values.items()})
    for key in values:
        definitions = spec['components'][f'comp-take-{key}']['inputDefinitions']['parameters']
        definitions[f'v{key}'] = {'parameterType': declared}
    return spec


def kind_of(value: Any) -> str:
    for kind, types in (('b', bool), ('i', int), ('d', float), ('s', str), ('l', list), ('o', dict)):
        if isinstance(value, types):
            return kind
    raise TypeError(value)


TO_TEXT = {'0': (5, '5'), '1': (0.1, '0.1'), '2': (100000000.0, '100000000'), '3': (1e-7, '0.0000001'),
           '4': (-2.50, '-2.5'), '5': (True, 'true'), '6': (False, 'false'), '7': ([1, 'a', None], '[1,"a",null]'),
           '8': ({'b': 1, 'a': {'d': 2.0, 'c': '<&>'}}, '{"a":{"c":"<&>","d":2},"b":1}'), '9': ('5', '5'),
           '10': (2 ** 53, '9007199254740992'), '11': ([], '[]')}


def test_conversion_to_text(run):
    """Numbers are decimals without exponent, lists and dictionaries compact JSON with sorted keys."""
    ran = run(converting({key: given for key, (given, _) in TO_TEXT.items()}, 'STRING'),
              **{f'v{key}': given for key, (given, _) in TO_TEXT.items()})
    assert ran.once() == {key: text for key, (_, text) in TO_TEXT.items()}


@dsl.pipeline(name='taking')
def taking(to: str, values: Dict[str, Any]):
    record(to=to, name='good', value='')
    record(to=to, name='bad', value='').set_display_name('bad')


@pytest.mark.parametrize('declared, good, bad', [
    ('NUMBER_INTEGER', 5, ['5', True, [1], {}]), ('NUMBER_DOUBLE', 2, ['0.5', False, []]),
    ('BOOLEAN', True, [1, 'true', 0.0]), ('LIST', [1], ['[1]', {'a': 1}, 1]), ('STRUCT', {'a': 1}, ['{}', [1], 1])])
def test_no_other_conversion(run, declared, good, bad):
    """Texts are never read as something else: such a task fails before it starts, and says what came."""
    spec = specs.compiled(taking)
    spec['components']['comp-record']['inputDefinitions']['parameters']['value']['parameterType'] = declared
    spec['components']['comp-record-2'] = spec['components']['comp-record']
    for task, key in (('record', 'good'), ('record-2', 'bad')):
        spec['root']['dag']['tasks'][task]['inputs']['parameters']['value'] = {
            'componentInputParameter': 'values', 'parameterExpressionSelector': f'struct_value.{key}'}
    for wrong in bad:
        ran = run(spec, ends='FAILED', values={'good': good, 'bad': wrong})
        assert ran.order == ['good'] and ran.states() == {'record': 'SUCCEEDED', 'bad': 'FAILED'}
        assert f'its type is {declared}' in ran.error('bad') and not ran.task('bad').pod_name


def test_types_that_cannot_fit(conform):
    """What is plain from the package is refused when it arrives; KFP finds out in the middle of the run."""
    spec = specs.compiled(taking)
    spec['components']['comp-record']['inputDefinitions']['parameters']['value']['parameterType'] = 'LIST'
    spec['root']['dag']['tasks']['record']['inputs']['parameters']['value'] = {'componentInputParameter': 'to'}
    with pytest.raises(kfp_server_api.ApiException) as caught:
        conform.start(spec, values={})
    assert caught.value.status == 400 and 'is a LIST' in caught.value.body and 'is a STRING' in caught.value.body


@dsl.pipeline(name='outputs-keep-their-types')
def outputs_keep_their_types(to: str):
    record(to=to, name='s', value=give(text=' two\n').outputs['out'])
    record_int(to=to, name='i', value=give_int(text='12').outputs['out'])
    record_float(to=to, name='d', value=give_float(text='1e2').outputs['out'])
    record_bool(to=to, name='b', value=give_bool(text='True').outputs['out'])
    record_list(to=to, name='l', value=give_list(text='[1, {"b": [], "a": null}]').outputs['out'])
    record_dict(to=to, name='o', value=give_dict(text='{"k": "v"}').outputs['out'])


def test_values_from_task_to_task(recorded):
    assert recorded(outputs_keep_their_types) == {
        's': ' two\n', 'i': '12', 'd': '100', 'b': 'true', 'l': '[1,{"a":null,"b":[]}]', 'o': '{"k":"v"}'}


# --- Inputs that are absent ---

@dsl.container_component
def inputs_of(to: str, name: str, text: str = 'of the component', number: Optional[int] = None,
              data: Input[Artifact] = None):
    """Records what the program is told of its inputs, and what its arguments say."""
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND], args=[
        to, name, "{{$.inputs.parameters['text']}}|{{$.inputs.parameters['number']}}|{{$}}"])


@dsl.pipeline(name='below')
def below(to: str, text: Optional[str] = None, number: Optional[int] = 4, none: Optional[int] = None):
    inputs_of(to=to, name='null from the graph', text=text, number=none)
    inputs_of(to=to, name='default of the graph', number=number)


@dsl.pipeline(name='absent')
def absent(to: str, nothing: Optional[str] = None):
    inputs_of(to=to, name='nothing passed')
    inputs_of(to=to, name='null of the run', text=nothing)
    inputs_of(to=to, name='passed', text='', number=0)
    below(to=to, text=nothing)


def test_absent_inputs(recorded):
    """Passed null or nothing: the default, else no such key. An artifact that nobody passed has none either."""
    seen = {name: value.split('|', 2) for name, value in recorded(absent).items()}
    texts = {name: (text, number) for name, (text, number, _) in seen.items()}
    default = 'of the component'
    assert texts == {'nothing passed': (default, ''), 'null of the run': (default, ''), 'passed': ('', '0'),
                     'null from the graph': (default, ''), 'default of the graph': (default, '4')}
    for name, (_, _, text) in seen.items():
        inputs = json.loads(text)['inputs']
        assert ('number' in inputs['parameterValues']) == (name in ('passed', 'default of the graph'))
        assert inputs.get('artifacts', {}) == {}


@dsl.pipeline(name='null-for-what-is-needed')
def null_for_what_is_needed(to: str, nothing: Optional[str] = None):
    record(to=to, name='other', value='runs')
    record(to=to, name='never', value=nothing).set_display_name('needy')


def test_null_for_what_is_required(run):
    ran = run(null_for_what_is_needed, ends='FAILED')
    assert ran.once() == {'other': 'runs'} and ran.states()['needy'] == 'FAILED'
    assert "input 'value'" in ran.error('needy') and 'null' in ran.error('needy')


# --- Dependencies ---

@dsl.pipeline(name='implied')
def implied(to: str):
    limit = give(text='64Mi')
    record(to=to, name='limited', value='x').set_memory_limit(limit.outputs['out'])
    record(to=to, name='second', value=give(text='made').outputs['out'])
    read(to=to, name='third', data=write(text='written').outputs['data'])


def test_dependencies_that_nobody_wrote_down(run):
    """What a task takes from another makes it wait for it, also where only its resources come from there."""
    spec = specs.compiled(implied)
    for task in spec['root']['dag']['tasks'].values():
        task.pop('dependentTasks', None)
    ran = run(spec)
    assert ran.once() == {'limited': 'x', 'second': 'made', 'third': 'written'}


@dsl.pipeline(name='ordered')
def ordered(to: str):
    last = record(to=to, name='c', value='')
    last.after(record(to=to, name='b', value='').after(record(to=to, name='a', value='')))


def test_after(run):
    assert run(ordered).order == ['a', 'b', 'c']


# --- Artifacts ---

@dsl.container_component
def described(kind: str, model: Output[Model]):
    script = ('echo x > "$0"; printf \'{"artifacts":{"model":{"artifacts":[{"metadata":%s}]}}}\' "$1" > "$2"')
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script],
                             args=[model.path, kind, dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER])


@dsl.container_component
def told_of(to: str, name: str, data: Input[Artifact], more: Input[Artifact] = None):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND], args=[to, name, '{{$}}'])


METADATA = {'text': 'a', 'yes': True, 'none': None, 'list': [1, {'a': 2}], 'struct': {'deep': {'x': 0.5}}, 'n': 3}


@dsl.pipeline(name='within')
def within(to: str, data: Input[Artifact], more: Input[Artifact] = None):
    told_of(to=to, name='within', data=data, more=more)


@dsl.pipeline(name='artifacts')
def artifacts(to: str, kind: str):
    made = described(kind=kind)
    told_of(to=to, name='from a task', data=made.outputs['model'], more=made.outputs['model'])
    within(to=to, data=made.outputs['model'])


def test_artifacts_as_inputs(recorded, server):
    """With their own type, name, and metadata as they were written; KFP loses the first two and changes the last."""
    seen = {name: json.loads(text)['inputs']['artifacts']
            for name, text in recorded(artifacts, kind=json.dumps(METADATA)).items()}
    assert set(seen['from a task']) == {'data', 'more'} and set(seen['within']) == {'data'}
    for inputs in seen.values():
        artifact, = inputs['data']['artifacts']
        assert artifact['type'] == {'schemaTitle': 'system.Model', 'schemaVersion': '0.0.1'}
        assert artifact['metadata'] == METADATA and artifact['name'] == 'model'
        # What is brought from a store lies in a directory of each attempt's own.
        if not server.root.startswith('s3://'):
            assert artifact['uri'] == seen['within']['data']['artifacts'][0]['uri']


@dsl.pipeline(name='lists')
def lists(to: str):
    with dsl.ParallelFor(['a', 'b', 'c']) as item:
        made = write(text=item)
    record_artifacts(to=to, name='list', data=dsl.Collected(made.outputs['data']))


def test_lists_of_artifacts_and_their_first(run):
    """A task that is compiled for one artifact takes the first of a list."""
    seen = json.loads(run(lists).once()['list'])
    assert len(seen) == 3
    spec = specs.compiled(lists)
    spec['components']['comp-record-artifacts']['inputDefinitions']['artifacts']['data'].pop('isArtifactList')
    container = spec['deploymentSpec']['executors']['exec-record-artifacts']['container']
    container['command'][2] = 'printf "%s\\0%s\\0" "$1" "$(cat "$2")" >> "$0"'
    container['args'][2] = "{{$.inputs.artifacts['data'].path}}"
    assert run(spec).once() == {'list': 'a'}


# --- Mistakes ---

@dsl.pipeline(name='not-a-list')
def not_a_list(to: str, items: List[str]):
    with dsl.ParallelFor(items) as item:
        record(to=to, name='item', value=item)
    record(to=to, name='beside', value='runs')


def test_a_loop_over_what_is_no_list(run):
    spec = specs.compiled(not_a_list)
    spec['root']['inputDefinitions']['parameters']['items']['parameterType'] = 'STRING'
    loop, = [key for key in spec['root']['dag']['tasks'] if key.startswith('for-loop')]
    spec['components'][f'comp-{loop}']['inputDefinitions']['parameters']['pipelinechannel--items'] = {
        'parameterType': 'STRING'}
    assert run(spec, items='["a", "b"]').values('item') in (['a', 'b'], ['b', 'a'])
    ran = run(spec, ends='FAILED', items='{"a": 1}')
    assert ran.once() == {'beside': 'runs'}
    loop, = [name for name in ran.states() if name.startswith('for-loop')]
    assert 'a loop goes over a list' in ran.error(loop)


@dsl.pipeline(name='literals')
def literals(to: str, text: str):
    record(to=to, name='value', value=text)


def test_literals_of_a_component(run):
    spec = specs.compiled(literals)
    spec['components']['comp-record']['inputDefinitions']['parameters']['value']['literals'] = ['a', 'b']
    assert run(spec, text='b').once() == {'value': 'b'}
    ran = run(spec, ends='FAILED', text='c')
    assert 'not one of those allowed' in ran.error('record') and ran.journal == []


@dsl.pipeline(name='after-a-failure')
def after_a_failure(to: str):
    first = fail()
    record(to=to, name='never', value='x').after(first)
    record(to=to, name='beside', value='runs')


def test_nothing_starts_without_its_inputs(run):
    ran = run(after_a_failure, ends='FAILED')
    assert ran.once() == {'beside': 'runs'}
    assert ran.states() == {'fail': 'FAILED', 'record': 'SKIPPED', 'record-2': 'SUCCEEDED'}
