"""Section 4 of docs/PIPELINE_FORMAT.md: what a program is started with, and what is made of what it leaves. Python
components are in test_python_contract.py."""

import json
import pathlib
import re
from typing import Any, Dict, List, Optional

import pytest
import yaml
from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output, OutputPath

import specs
from parts import APPEND, giver, read, record, record_dict, record_int, record_list, recorder, write

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')

REPORT = dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER


def shell(script: str, *arguments: Any) -> dsl.ContainerSpec:
    """The arguments are $0, $1, ..."""
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=list(arguments))


# --- How a program is started ---

@dsl.container_component
def starts(to: str, text: OutputPath(str), data: Output[Dataset]):
    return shell('for where in "$(dirname "$2")" "$(dirname "$3")"; do [ -d "$where" ] || exit 1; done; '
                 'input=$(cat); printf "%s\\0%s\\0" stdin "$input" folder "$(ls -A)" >> "$0"; '
                 'printf x > "$2"; printf y > "$3"; echo to stdout; echo to stderr >&2', to, '', text, data.path)


@dsl.pipeline(name='starting')
def starting(to: str):
    starts(to=to)


def test_how_a_program_is_started(run):
    """Folders of its outputs are there, standard input is empty, both streams are in the log."""
    ran = run(starting)
    seen = ran.once()
    assert seen['stdin'] == ''
    assert ran.log('starts').splitlines() == ['to stdout', 'to stderr']


@dsl.container_component
def signals(to: str):
    return shell('kill -TERM $$')


@dsl.container_component
def missing():
    return dsl.ContainerSpec(image='alpine', command=['no-such-program-of-penstock'])


@dsl.container_component
def image_only():
    return dsl.ContainerSpec(image='alpine')


@dsl.container_component
def only_args():
    return dsl.ContainerSpec(image='alpine', args=['echo', 'x'])


@dsl.container_component
def exits(code: int, text: OutputPath(str)):
    return shell('printf x > "$1"; exit "$0"', code, text)


@dsl.pipeline(name='not-succeeding')
def not_succeeding(to: str):
    signals(to=to)
    missing()
    image_only()
    only_args()
    taken = exits(code=3)
    record(to=to, name='never', value=taken.outputs['text'])


def test_programs_that_do_not_succeed(run):
    """Each fails its task by a sentence; of a task that failed nothing is taken."""
    ran = run(not_succeeding, ends='FAILED')
    assert ran.journal == [] and ran.states() == {
        'signals': 'FAILED', 'missing': 'FAILED', 'image-only': 'FAILED', 'only-args': 'FAILED', 'exits': 'FAILED',
        'record': 'SKIPPED'}
    assert 'SIGTERM' in ran.error('signals') and 'code 3' in ran.error('exits')
    assert 'no-such-program-of-penstock' in ran.error('missing')
    for name in ('image-only', 'only-args'):
        assert 'command' in ran.error(name) and 'image' in ran.error(name), ran.error(name)


# --- Placeholders ---

@dsl.container_component
def describes(metadata: str, model: Output[Model]):
    report = '{"artifacts":{"model":{"artifacts":[{"metadata":%s}]}}}'
    return shell(f'printf weights > "$0"; printf \'{report}\' "$1" > "$2"', model.path, metadata, REPORT)


@dsl.container_component
def templated(to: str, s: str, i: int, opt: Optional[str], model: Input[Model], none: Input[Artifact] = None,
              text: OutputPath(str) = None, data: Output[Dataset] = None):
    return shell('true')
@dsl.container_component
def templated(to: str, name: str, model: Input[Model], data: Output[Dataset], out: OutputPath(str),
              text: str = 'x', number: int = 5, none: Optional[str] = None, gone: Input[Artifact] = None):
    """Its third argument is the template that a test puts in."""
    return shell(APPEND + '; printf written > "$3"', to, name, 'TEMPLATE', out)


@dsl.pipeline(name='placeholders')
def placeholders(to: str, text: str):
    made = describes(metadata='{"rows": 10, "it": {"b": 1.0}}')
    templated(to=to, name='seen', model=made.outputs['model'], text=text)


def with_template(template: str) -> Dict[str, Any]:
    spec = specs.compiled(placeholders)
    args = spec['deploymentSpec']['executors']['exec-templated']['container']['args']
    args[args.index('TEMPLATE')] = template
    return spec


TEMPLATES = {
    "{{$.inputs.parameters['text']}}": r'TEXT', "<{{$.inputs.parameters['text']}}{{$.inputs.parameters['number']}}>":
    r'<TEXT5>', "{{$.inputs.parameters['none']}}|": r'\|',
    "{{$.inputs.artifacts['model'].metadata['rows']}}": '10',
    "{{$.inputs.artifacts['model'].metadata}}": r'\{"it":\{"b":1\},"rows":10\}',
    "{{$.inputs.artifacts['model'].name}}": 'model',
    "{{$.inputs.artifacts['model'].uri}}": r'(/|s3:/).*/describes/[^/]+/model',
    "{{$.inputs.artifacts['model'].path}}": r'/.*/(describes/[^/]+|inputs/model/0)/model',
    "{{$.inputs.artifacts['model']}}": r'\[\{.*"name":"model".*\}\]', "{{$.inputs.artifacts['gone'].path}}": '',
    "{{$.outputs.artifacts['data'].uri}}": r'(/|s3:/).*/placeholders/RUN/templated/[^/]+/data',
    "{{$.outputs.artifacts['data'].path}}": r'/.*/placeholders/RUN/templated/[^/]+/data',
    "{{$.outputs.artifacts['data'].metadata}}": r'\{\}', "{{$.outputs.parameters['out'].output_file}}": '/.*/out',
    '{{$.outputs.output_file}}': '/.*output.json', '{{$.pipeline_job_name}}': 'named run',
    '{{$.pipeline_job_uuid}}': 'RUN', '{{$.pipeline_task_name}}': 'templated',
    '{{$.pipeline_job_resource_name}}': '.*placeholders.*',
    '{{$.pipeline_job_create_time_utc}}': r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ',
    '{{$.pipeline_root}}|': r'file:///.*/given\|', "{{$.inputs.parameters['text'].json_escape[1]}}": 'ESCAPED',
    '{{$.Values.helm}} {{ x }} {{$var}}': r'\{\{\$.Values.helm\}\} \{\{ x \}\} \{\{\$var\}\}',
}
VALUE = 'a "b"\\\n{{$.pipeline_job_name}} $HOME `x`'


@pytest.mark.parametrize('template', TEMPLATES)
def test_placeholders_in_arguments(run, server, template):
    """Values go in as they are and are not read again; text that is no placeholder stays."""
    root = {'pipeline_root': f'file://{server.file_root}/given'} if 'pipeline_root' in template else {}
    ran = run(with_template(template), options={'run_name': 'named run', **root}, text=VALUE)
    pattern = TEMPLATES[template].replace('RUN', re.escape(ran.run_id)).replace('TEXT', re.escape(VALUE))
    pattern = pattern.replace('ESCAPED', re.escape(json.dumps(VALUE)[1:-1]))
    assert re.fullmatch(pattern, ran.once()['seen'], re.DOTALL), ran.once()['seen']


@pytest.mark.parametrize('template', ["{{$.inputs.parameters['other']}}", "{{$.outputs.artifacts['other'].uri}}",
                                      '{{$.pipeline_something}}', "{{$.inputs.artifacts['model'].metadata['no']}}",
                                      '{{$.workspace_path}}'])
def test_placeholders_that_stand_for_nothing(run, template):
    """KFP leaves most of them as text."""
    ran = run(with_template(template), ends='FAILED', text='')
    assert ran.journal == [] and 'args[2]' in ran.error('templated'), ran.error('templated')


def test_a_placeholder_as_the_program_itself(run):
    """KFP leaves that one as it is."""
    spec = with_template('x')
    spec['deploymentSpec']['executors']['exec-templated']['container']['command'][0] = "{{$.inputs.parameters['text']}}"
    assert run(spec, text='sh').once() == {'seen': 'x'}


# --- Concat and IfPresent ---

@dsl.container_component
def structured(to: str, text: Optional[str] = None, flag: str = 'default', data: Input[Artifact] = None):
    flagged = dsl.IfPresentPlaceholder('flag', then=dsl.ConcatPlaceholder(['+', flag]), else_='-')
    concat = dsl.ConcatPlaceholder(['a=', text, flagged])
    return dsl.ContainerSpec(
        image='alpine', command=['sh', '-c', 'to=$0; for a; do printf "%s\\0\\0" "$a" >> "$to"; done'],
        args=[to, dsl.IfPresentPlaceholder('text', then=['--text', concat], else_=['--none']),
              dsl.IfPresentPlaceholder('flag', then='flagged'),
              dsl.IfPresentPlaceholder('data', then=['--data', data.path], else_='no data'),
              dsl.ConcatPlaceholder(['{', '"x": ', '1}']), 'end'])


@dsl.pipeline(name='structures')
def structures(to: str, which: str):
    with dsl.If(which == 'nothing'):
        structured(to=to)
    with dsl.If(which == 'all'):
        structured(to=to, text='t"\n', flag='f', data=write(text='x').outputs['data'])
    with dsl.If(which == 'empty'):
        structured(to=to, text='', flag='')


@pytest.mark.parametrize('which, arguments', [
    ('nothing', ['--none', 'no data', '{"x": 1}', 'end']),
    ('all', ['--text', 'a=t"\n+f', 'flagged', '--data', 'PATH', '{"x": 1}', 'end']),
    ('empty', ['--text', 'a=+', 'flagged', 'no data', '{"x": 1}', 'end'])])
def test_concat_and_if_present(run, which, arguments):
    """Within each other; a list becomes several arguments, what is absent none. A default that nobody passed is no
    presence, and an artifact is one."""
    seen = [re.sub(r'^/.*/data$', 'PATH', name) for name in run(structures, which=which).order]
    assert seen == arguments


# --- Texts of values ---

@dsl.pipeline(name='texts')
def texts(to: str, d: List[float], li: list, o: Dict[str, Any], s: str, i: int, b: bool):
    with dsl.ParallelFor(d) as item:
        record(to=to, name='double', value=f'{item}')
    record_list(to=to, name='list', value=li)
    record_dict(to=to, name='struct', value=o)
    record(to=to, name='s', value=s)
    record_int(to=to, name='i', value=i)
    record(to=to, name='mixed', value=f'{i}{b}{s}')


def test_texts_of_values_in_arguments(run):
    numbers = [0.00001, 1e20, 1.0, 0.1, -2.5, 1e-7, 123456789.125]
    ran = run(texts, d=numbers, li=['<&>', 1.0, None, {'b': 1, 'a': []}], o={'é': 'ü', 'a': {'n': 1e2}}, s='',
              i=-7, b=True)
    assert sorted(ran.values('double')) == sorted(
        ['0.00001', '100000000000000000000', '1', '0.1', '-2.5', '0.0000001', '123456789.125'])
    others = {name: value for name, value in ran.journal if name != 'double'}
    assert others == {'list': '["<&>",1,null,{"a":[],"b":1}]', 'struct': '{"a":{"n":100},"é":"ü"}', 's': '',
                      'i': '-7', 'mixed': '-7true'}


# --- Environment, image and resources ---

@dsl.container_component
def surroundings(to: str, tag: str = '3.19'):
    script = ('printf "%s\\0%s\\0" a "$A" b "$B" c "$C" tmp "$TMPDIR" pod "$KFP_POD_NAME" uid "$KFP_POD_UID" '
              'retry "$KFP_RETRY_INDEX" >> "$0"')
    return dsl.ContainerSpec(image=f'alpine:{tag}', command=['sh', '-c', script], args=[to])


@dsl.pipeline(name='environment')
def environment(to: str, cpu: str = '100m', tag: str = '3.20', kind: str = 'nvidia.com/gpu', count: str = '1'):
    task = surroundings(to=to, tag=tag).set_env_variable('A', 'one').set_env_variable('B', '$(A)-$(NONE)-$$(A)')
    task.set_env_variable('C', "{{$.inputs.parameters['tag']}}").set_cpu_limit(cpu).set_memory_request('16Mi')
    task.set_accelerator_type(kind).set_accelerator_limit(count)


def test_environment_image_and_resources(run):
    """Variables expand as on Kubernetes, placeholders in them do not; image and resources take parameters."""
    ran = run(environment)
    seen = ran.once()
    assert (seen['a'], seen['b'], seen['c']) == ('one', 'one-$(NONE)-$(A)', "{{$.inputs.parameters['tag']}}")
    assert seen['pod'] == seen['uid'] == ran.task('surroundings').pod_name
    assert seen['retry'] == '0' and pathlib.PurePath(seen['tmp']).is_absolute()
    wrong = run(environment, ends='FAILED', cpu='a lot')
    assert 'a lot' in wrong.error('surroundings')


@pytest.mark.on_host('no node has as much')
def test_resources_in_the_old_form(run):
    """Numbers, which give way to texts."""
    spec = specs.compiled(environment)
    spec['deploymentSpec']['executors']['exec-surroundings']['container']['resources'] = {
        'cpuLimit': 0.5, 'memoryLimit': 0.1, 'resourceMemoryLimit': '64Mi', 'accelerator': {'type': 'x', 'count': '1'}}
    run(spec)


# --- What a program is told ---

@dsl.container_component
def told(to: str, name: str, s: str, i: int, d: float, b: bool, li: list, o: Dict[str, Any], data: Input[Dataset],
         model: Output[Model], out: OutputPath(int), left: Optional[str] = None, by_default: str = 'z'):
    return shell(APPEND + '; printf 1 > "$3"', to, name, dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER, out)


@dsl.pipeline(name='telling')
def telling(to: str):
    data = write(text='x').outputs['data']
    told(to=to, name='seen', s='a"b', i=5, d=2.0, b=False, li=[1, {}], o={'k': 'v'}, data=data)


@pytest.mark.on_host('it shows paths of this machine')
def test_the_executor_input(run, server):
    """Its exact shape: defaults are in it, what is absent is not; paths are absolute."""
    ran = run(telling, options={'enable_caching': False})
    told_input = json.loads(ran.once()['seen'])
    to = told_input['inputs']['parameterValues'].pop('to')
    assert pathlib.Path(to).exists()
    assert told_input['inputs']['parameterValues'] == {
        'name': 'seen', 's': 'a"b', 'i': 5, 'd': 2, 'b': False, 'li': [1, {}], 'o': {'k': 'v'}, 'by_default': 'z'}
    assert '"i":5' in ran.once()['seen'] and '"d":2,' in ran.once()['seen']
    data, = told_input['inputs']['artifacts'].pop('data')['artifacts']
    assert told_input['inputs']['artifacts'] == {}
    left = f'{server.artifacts_path}/telling/{ran.run_id}'
    fetched = re.escape(f'{server.data_dir}/work/') + '.*/inputs/data/0/data'
    seen_at = fetched if server.root.startswith('s3://') else f'{left}/write/[^/]+/data'
    assert re.fullmatch(seen_at, data.pop('uri'))
    assert data == {'name': 'data', 'type': {'schemaTitle': 'system.Dataset', 'schemaVersion': '0.0.1'}, 'metadata': {}}
    outputs = told_input['outputs']
    assert set(told_input) == {'inputs', 'outputs'} and set(outputs) == {'parameters', 'artifacts', 'outputFile'}
    assert pathlib.PurePath(outputs['parameters']['out']['outputFile']).is_absolute()
    model, = outputs['artifacts']['model']['artifacts']
    assert re.fullmatch(f'{left}/told/[^/]+/model', model.pop('uri'))
    assert model == {'name': 'model', 'type': {'schemaTitle': 'system.Model', 'schemaVersion': '0.0.1'}, 'metadata': {}}


# --- What a program leaves ---

@dsl.container_component
def reports(report: str, file: str, out: OutputPath(str), data: Output[Dataset]):
    return shell('printf %s "$0" > "$2"; [ -z "$1" ] || printf %s "$1" > "$3"', report, file, REPORT, out)


@dsl.container_component
def sees(to: str, name: str, text: str, data: Input[Dataset]):
    return shell(APPEND, to, name, f"{text}|{data.uri}|{{{{$.inputs.artifacts['data'].metadata}}}}")


def reporting(report: Any, file: str) -> Any:
    text = report if isinstance(report, str) else json.dumps(report)

    @dsl.pipeline(name='reporting')
    def pipeline(to: str):
        made = reports(report=text, file=file)
        sees(to=to, name='seen', text=made.outputs['out'], data=made.outputs['data'])
    return pipeline


def artifact(**fields: Any) -> Dict[str, Any]:
    return {'artifacts': {'data': {'artifacts': [fields]}}}


REPORTS = [
    ({'parameterValues': {'out': 'reported'}}, 'written', r'reported\|(/|s3:/).*/data\|\{\}'),
    ({}, 'written\n', r'written\n\|(/|s3:/).*/data\|\{\}'),
    ({'parameterValues': {'out': 'a', 'other': 1}, 'artifacts': {'other': {}}}, '', r'a\|(/|s3:/).*/data\|\{\}'),
    (artifact(uri='gs://bucket/x', metadata={'k': [1]}, name='mine'), 'w', r'w\|gs://bucket/x\|\{"k":\[1\]\}'),
    (artifact(uri='', metadata={}), 'w', r'w\|(/|s3:/).*/reports/[^/]+/data\|\{\}')]


@pytest.mark.parametrize('report, file, seen', REPORTS, ids=range(len(REPORTS)))
def test_reports_and_files(run, report, file, seen):
    """A report wins over a file, merges with what is declared, and what nobody declared counts for nothing. An artifact
    that was not written is recorded all the same."""
    assert re.fullmatch(seen, run(reporting(report, file)).once()['seen'], re.DOTALL)


@pytest.mark.parametrize('report, file, words', [
    ('{"parameterValues": {', 'written', 'executor output'), ('[]', 'written', 'not an object'),
    ({'parameterValues': {'out': 5}}, 'written', 'its type is STRING'), ({}, '', "output parameter 'out'")])
def test_reports_that_cannot_be(run, report, file, words):
    ran = run(reporting(report, file), ends='FAILED')
    assert ran.states() == {'reports': 'FAILED', 'sees': 'SKIPPED'} and words in ran.error('reports')


PARSED = [('int', ' 12\n', '12'), ('int', '-9007199254740993', '-9007199254740993'), ('float', '1e2\n', '100'),
          ('float', '.5', '0.5'), *[('bool', text, 'true') for text in ('1', 't', 'T', 'TRUE', 'true', 'True\n')],
          *[('bool', text, 'false') for text in ('0', 'f', 'F', 'FALSE', 'false', 'False')],
          ('list', ' [1, "a"]\n', '[1,"a"]'), ('dict', '{"b": 1, "a": null}', '{"a":null,"b":1}'),
          ('str', ' a\n', ' a\n')]
UNREADABLE = [('int', '1.0'), ('int', ''), ('int', '9223372036854775808'), ('float', 'a'), ('float', 'nan'),
              ('bool', 'yes'), ('list', '{}'), ('list', '[1'), ('dict', '[]'), ('dict', 'x')]
KINDS = {'int': int, 'float': float, 'bool': bool, 'list': list, 'dict': Dict[str, Any], 'str': str}


def parsing(rows: List[Any], passed_on: bool) -> Any:
    givers = {name: giver(kind) for name, kind in KINDS.items()}
    recorders = {name: recorder(kind) for name, kind in KINDS.items()}

    @dsl.pipeline(name='parsing')
    def pipeline(to: str):
        for number, (kind, text, *_) in enumerate(rows):
            made = givers[kind](text=text).set_display_name(f'give {number}')
            if passed_on:
                recorders[kind](to=to, name=str(number), value=made.outputs['out'])
    return pipeline


def test_texts_that_are_read_as_values(run):
    ran = run(parsing(PARSED, True))
    assert ran.once() == {str(number): seen for number, (_, _, seen) in enumerate(PARSED)}


def test_texts_that_cannot_be_read(run):
    ran = run(parsing(UNREADABLE, False), ends='FAILED')
    assert set(ran.states().values()) == {'FAILED'} and len(ran.tasks) == len(UNREADABLE)
    for number in range(len(UNREADABLE)):
        assert "output parameter 'out'" in ran.error(f'give {number}')


@dsl.container_component
def makes_folder(data: Output[Dataset]):
    return shell('mkdir "$0"; echo a > "$0/one"; mkdir "$0/deep"; echo b > "$0/deep/two"', data.path)


@dsl.container_component
def lists_folder(to: str, name: str, data: Input[Dataset]):
    return shell('printf "%s\\0%s\\0" "$1" "$(cd "$2"; find . -type f | sort)" >> "$0"', to, name, data.path)


@dsl.pipeline(name='folders')
def folders(to: str):
    lists_folder(to=to, name='files', data=makes_folder().outputs['data'])


def test_an_artifact_may_be_a_folder(recorded):
    assert recorded(folders) == {'files': './deep/two\n./one'}


@dsl.container_component
def elsewhere(place: str, data: Output[Dataset]):
    report = '{"artifacts":{"data":{"artifacts":[{"custom_path":"%s"}]}}}'
    return shell(f'printf moved > "$0"; printf \'{report}\' "$0" > "$1"', place, REPORT)


@dsl.pipeline(name='custom-paths')
def custom_paths(to: str, place: str):
    read(to=to, name='content', data=elsewhere(place=place).outputs['data'])


def test_custom_paths(recorded, tmp_path):
    assert recorded(custom_paths, place=str(tmp_path / 'my data')) == {'content': 'moved'}


@pytest.mark.on_host('pods heed them')
def test_settings_for_kubernetes_change_nothing(run):
    """They are kept, and the run says that they had no effect."""
    spec = specs.compiled(starting)
    platform = {'platforms': {'kubernetes': {'deploymentSpec': {'executors': {'exec-starts': {
        'secretAsEnv': [{'secretName': 's', 'keyToEnv': [{'secretKey': 'k', 'envVar': 'V'}]}],
        'imagePullPolicy': 'Always', 'activeDeadlineSeconds': '5'}}}}}}
    run({'pipeline_spec': yaml.safe_load(yaml.safe_dump(spec)), 'platform_spec': platform})


class Forecast(Artifact):
    schema_title = 'google.Forecast'
    schema_version = '1.2.3'


@dsl.container_component
def forecasts(out: Output[Forecast]):
    return shell('echo rain > "$0"', out.path)


@dsl.container_component
def takes_forecast(to: str, name: str, data: Input[Forecast]):
    return shell(APPEND, to, name, "{{$.inputs.artifacts['data']}}")


@dsl.pipeline(name='own-types')
def own_types(to: str):
    takes_forecast(to=to, name='made', data=forecasts().outputs['out'])
    imported = dsl.importer(artifact_uri='gs://bucket/forecast', artifact_class=Forecast)
    takes_forecast(to=to, name='imported', data=imported.output)


def test_artifact_types_of_ones_own(recorded):
    """The SDK wants them to begin with `google.`; nothing else is asked of them."""
    for text in recorded(own_types).values():
        assert json.loads(text)[0]['type'] == {'schemaTitle': 'google.Forecast', 'schemaVersion': '1.2.3'}
