"""penstock run, as a user types it."""

import re

import pytest

import specs
from cli import Cli, package
from specs import Shell

pytestmark = pytest.mark.sqlite('the commands speak HTTP, as the other tests do')

PIPELINES = '''
from kfp import dsl

@dsl.component
def add(a: int, b: int) -> int:
    print(f'{a} and {b}', flush=True)
    return a + b

@dsl.pipeline(name='adding')
def adding(a: int, b: int = 2):
    add(a=a, b=b)

if __name__ == '__main__':
    raise SystemExit('this file was run')
'''


@pytest.fixture
def cli(server, tmp_path):
    return Cli(tmp_path, server)


def run_id_in(text):
    return re.search(r'^Run ([0-9a-f-]{36}) ', text, re.MULTILINE).group(1)


def test_a_package_runs_without_any_python(server, cli, tmp_path, unique):
    spec = specs.shell_pipeline({'say': Shell('echo "got $1"', takes=['text'])}, text='s')
    path, name = package(tmp_path, spec), unique('package')
    said = cli.says('run', path, '--param', 'text=a word', '--name', name, '--wait', PATH='/nonexistent',
                    PENSTOCK_PYTHON='/nonexistent')
    run_id = run_id_in(said)
    assert f'{server.url}/#/runs/details/{run_id}\n' in said
    assert '✓ say succeeded in ' in said and 'Succeeded in ' in said and '\x1b' not in said
    run = server.run(run_id)
    assert run['display_name'] == name and run['runtime_config']['parameters'] == {'text': 'a word'}


def test_json_is_the_answer_of_the_api(server, cli, tmp_path):
    path = package(tmp_path, specs.noop())
    created = cli.json('run', path)
    assert created['state'] == 'PENDING' and created['display_name'].startswith('noop-')
    ended = cli.json('run', path, '--wait')
    assert ended['state'] == 'SUCCEEDED' and ended == {**server.run(ended['run_id']), **ended}
    events = cli.lines('run', package(tmp_path, specs.shell_pipeline({'a': Shell('echo hello')})), '--follow')
    assert [event['event'] for event in events][0] == 'created' and events[-1]['run']['state'] == 'SUCCEEDED'
    assert ('log', 'a', 'hello') in [(event['event'], event.get('task'), event.get('line')) for event in events]


def test_a_python_file_is_compiled_and_not_run(server, cli, tmp_path):
    path = tmp_path / 'adding.py'
    path.write_text(PIPELINES)
    said = cli.says('run', path, '-p', 'a=40', '--follow')
    assert 'add | 40 and 2\n' in said and '[KFP Executor' not in said and 'Succeeded' in said
    assert server.run(run_id_in(said))['runtime_config']['parameters'] == {'a': 40}
    # What the SDK says of the inputs is in the log all the same.
    assert '[KFP Executor' in cli.says('logs', run_id_in(said), 'add')


def test_one_of_several_pipelines_is_chosen(server, cli, tmp_path):
    path = tmp_path / 'two.py'
    path.write_text(PIPELINES + '\n@dsl.pipeline(name="other-one")\ndef other():\n    add(a=1, b=1)\n')
    assert 'choose one with --pipeline: adding, other' in cli.refused('run', path, '-p', 'a=1')
    assert "has no pipeline 'othr'; did you mean 'other'?" in cli.refused('run', path, '--pipeline', 'othr')
    for name in ('other', 'other-one'):
        run = cli.json('run', path, '--pipeline', name, '--wait')
        assert run['state'] == 'SUCCEEDED' and run['pipeline_spec']['pipelineInfo']['name'] == 'other-one'
    (tmp_path / 'component.py').write_text(
        'from kfp import dsl\n\n@dsl.component\ndef alone(a: int) -> int:\n    return a\n')
    assert cli.json('run', tmp_path / 'component.py', '-p', 'a=1', '-w')['state'] == 'SUCCEEDED'


@pytest.mark.parametrize('text, said', [
    ('x = 1\n', 'has no pipeline'),
    ('import nothing_of_that_name\n', "line 1: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    ('def broken(:\n', 'broken.py line 1: SyntaxError'),
    ('import sys\nsys.exit(3)\n', 'ends the program (exit code 3) when it is imported'),
    ('import os\nos._exit(4)\n', 'exit status 4'),
])
def test_files_that_cannot_be_compiled(cli, tmp_path, text, said):
    (tmp_path / 'broken.py').write_text(text)
    refused = cli.refused('run', 'broken.py')
    assert 'broken.py' in refused and said in refused, refused


def test_an_interpreter_without_kfp_is_named(cli, tmp_path):
    (tmp_path / 'adding.py').write_text(PIPELINES)
    bare = tmp_path / 'bare-python'
    bare.write_text(f'#!/bin/sh\nexec {cli.variables["PENSTOCK_PYTHON"]} -S "$@"\n')
    bare.chmod(0o755)
    refused = cli.refused('run', 'adding.py', '--python', bare)
    assert f'{bare} has no kfp' in refused and f'{bare} -m pip install kfp' in refused


def test_a_failed_run_says_why(cli, tmp_path):
    spec = specs.shell_pipeline({
        'fine': Shell('echo fine'),
        'breaks': Shell('for i in $(seq 100); do echo "line $i"; done; echo "the reason" >&2; exit 3', after=['fine']),
        'after': Shell('true', after=['breaks'])})
    path = package(tmp_path, spec)
    said = cli.says('run', path, '--wait', code=1)
    assert '✗ breaks failed' in said and 'Task breaks failed: ' in said and 'exited with code 3' in said
    assert said.count('the reason') >= 1 and 'line 100' in said and 'line 1\n' not in said
    assert f'penstock logs {run_id_in(said)} breaks' in said
    followed = cli.says('run', path, '--follow', '--cache=false', code=1)
    assert 'breaks | the reason\n' in followed and 'The end of its log' not in followed
    assert cli.json('run', path, '--wait', code=1)['state'] == 'FAILED'


def test_parameters_are_checked_before_anything_is_sent(server, cli, tmp_path, unique):
    spec = specs.shell_pipeline({'say': Shell('echo "$1 $2"', takes=['rate', 'on'])}, rate='d', on='b')
    path, name = package(tmp_path, spec), unique('refused')
    refused = cli.refused('run', path, '--name', name, '-p', 'rte=1', '-p', 'on=perhaps')
    assert "no parameter 'rte'; did you mean 'rate'?" in refused
    assert "'on': it has to be true or false, and is 'perhaps'" in refused
    assert "'rate' is missing; give it with --param rate=VALUE (number)" in refused
    assert 'It takes on (true or false), rate (number).' in refused
    for words, said in ((['-p', 'rate'], 'NAME=VALUE'), (['-p', 'on=true', '-p', 'on=false'], 'given twice'),
                        (['--params', 'none.yaml'], 'none.yaml cannot be read')):
        assert said in cli.refused('run', path, '--name', name, *words)
    listed = cli.json('list', '--filter', f"run_name = '{name}'")
    assert listed['runs'] == []


def test_parameters_of_a_file_and_an_experiment(server, cli, tmp_path, unique):
    spec = specs.shell_pipeline({'say': Shell('echo "$1"', takes=['items'])}, items='l', rate='d', word='s')
    (tmp_path / 'values.yaml').write_text('items: [1, two]\nrate: 1\nword: 2026-01-02\n')
    experiment = unique('experiment')
    words = ['run', package(tmp_path, spec), '--params', 'values.yaml', '-p', 'rate=0.5', '-e', experiment, '--wait']
    runs = [cli.json(*words) for _ in range(2)]
    assert runs[0]['runtime_config']['parameters'] == {'items': [1, 'two'], 'rate': 0.5, 'word': '2026-01-02'}
    assert runs[0]['experiment_id'] == runs[1]['experiment_id']
    assert [run['experiment_display_name'] for run in cli.json('list', '-e', experiment)['runs']] == [experiment] * 2


def test_the_cache_can_be_left_aside(server, cli, tmp_path, unique):
    spec = specs.shell_pipeline({'say': Shell(f'echo {unique("text")}')})
    spec['root']['dag']['tasks']['say']['cachingOptions'] = {'enableCache': True}
    path = package(tmp_path, spec)
    assert '✓ say succeeded' in cli.says('run', path, '--wait')
    assert '≡ say cached' in cli.says('run', path, '--wait')
    assert '✓ say succeeded' in cli.says('run', path, '--wait', '--cache=false')


def test_an_uploaded_pipeline_runs_in_its_latest_version(server, cli, tmp_path, unique):
    name = unique('uploaded')
    path = package(tmp_path, specs.shell_pipeline({'say': Shell('echo "$1"', takes=['text'])}, text='s'))
    client = server.client()
    pipeline = client.upload_pipeline(str(path), pipeline_name=name)
    newer = client.upload_pipeline_version(str(path), pipeline_version_name='second', pipeline_id=pipeline.pipeline_id)
    for what in (name, pipeline.pipeline_id):
        run = cli.json('run', what, '--param', 'text=x', '--wait')
        assert run['pipeline_version_reference'] == {'pipeline_id': pipeline.pipeline_id,
                                                     'pipeline_version_id': newer.pipeline_version_id}
    assert "'text' is missing" in cli.refused('run', name)
    assert f"did you mean '{name}'?" in cli.refused('run', name + 'x', code=1)
    assert 'there is no file nothing.yaml' in cli.refused('run', 'nothing.yaml')


def test_packages_of_two_documents(server, cli, tmp_path):
    path = package(tmp_path, specs.noop())
    path.write_text(path.read_text() + '---\nplatforms:\n  kubernetes:\n    deploymentSpec: {executors: {}}\n')
    spec = cli.json('run', path, '--wait')['pipeline_spec']
    assert set(spec) == {'pipeline_spec', 'platform_spec'}


def test_ctrl_c_leaves_the_run_alone(server, cli, tmp_path, journal):
    spec = specs.shell_pipeline({'waits': Shell(journal.writes('waits', gate='gate'))})
    waiting = cli.start('run', package(tmp_path, spec), '--wait')
    try:
        run_id = run_id_in(waiting.until('● waits running'))
        waiting.interrupt()
        said = waiting.end(130)
    finally:
        waiting.close()
    assert 'The run goes on.' in said and f'penstock runs terminate {run_id}' in said
    assert server.run(run_id)['state'] == 'RUNNING'
    journal.open('gate')
    server.succeed(run_id)


@pytest.mark.parametrize('how', ['--wait', '--follow'])
def test_a_server_that_is_gone_for_a_while(own_server, tmp_path, journal, how):
    cli = Cli(tmp_path, own_server)
    script = f'echo before; {journal.writes("waits", gate="gate")}; echo after'
    waiting = cli.start('run', package(tmp_path, specs.shell_pipeline({'waits': Shell(script)})), how)
    try:
        waiting.until('● waits running' if how == '--wait' else 'waits | before')
        own_server.kill()
        waiting.until('The server does not answer')
        own_server.start()
        waiting.until('The server answers again')
        journal.open('gate')
        said = waiting.end()
    finally:
        waiting.close()
    assert 'Succeeded' in said
    if how == '--follow':
        assert said.count('waits | before\n') == 1 and said.count('waits | after\n') == 1, said


def test_a_terminal_is_drawn_anew_and_obeys_no_task(server, cli, tmp_path, journal):
    hostile = r'printf "\033]0;title\007\033[2Jgone \033[31mred\033[0m\n"; '
    spec = specs.shell_pipeline({'draws': Shell(hostile + journal.writes('draws', gate='gate') + '; exit 1')})
    path = package(tmp_path, spec)
    waiting = cli.start('run', path, '--wait', terminal=True)
    try:
        waiting.until('●')
        waiting.until('\x1b[A')
        journal.open('gate')
        said = waiting.end(1)
    finally:
        waiting.close()
    assert '\x1b[32m' not in said and '\x1b[31m' in said and ']0;' not in said and '\x1b[2J' not in said
    assert 'gone red' in said
    # Colours of a log stay on a terminal, and go where NO_COLOR is set.
    log = cli.start('logs', run_id_in(re.sub(r'\x1b\[[0-9;]*m', '', said)), 'draws', terminal=True).end()
    assert 'gone \x1b[31mred\x1b[0m' in log and ']0;' not in log and '\x1b[2J' not in log
    cli.variables['NO_COLOR'] = '1'
    assert 'gone red' in cli.start('logs', '@last', 'draws', terminal=True).end()


def test_no_server_is_said_at_once(tmp_path):
    cli = Cli(tmp_path, None, PENSTOCK_SERVER='http://127.0.0.1:9')
    refused = cli.refused('run', package(tmp_path, specs.noop()), code=1)
    assert 'no server answers at http://127.0.0.1:9' in refused and 'penstock up' in refused
    assert 'it must be like http://' in cli.refused('list', '--server', 'ftp://x')
