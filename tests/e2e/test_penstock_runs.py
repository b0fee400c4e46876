"""penstock list, status, logs, diff, open and runs, as a user types them."""

import shutil
import subprocess

import pytest

import specs
from cli import Cli
from penstock import SERVER, environment
from specs import Shell
from waiting import wait_until

pytestmark = pytest.mark.sqlite('the commands speak HTTP, as the other tests do')
API = '/apis/penstock/v1'


@pytest.fixture
def cli(server, tmp_path):
    return Cli(tmp_path, server)


@pytest.fixture
def say(server, unique):
    """Makes a run that says a text, which has ended; gives its id and name."""
    def make(text='hello', name=None):
        name = name or unique('says')
        spec = specs.shell_pipeline({'say': Shell('echo "$1"', takes=['text'])}, text='s')
        run_id = server.create_run(spec, name, text=text)
        server.succeed(run_id)
        return run_id, name
    return make


def break_one(server, name):
    spec = specs.shell_pipeline({'breaks': Shell('echo bad luck; exit 7'), 'after': Shell('true', after=['breaks'])})
    run_id = server.create_run(spec, name)
    server.finish(run_id)
    return run_id


@pytest.mark.parametrize('word', ['list', 'runs'])
def test_lists(server, cli, say, unique, word):
    experiment = server.ok('POST', '/experiments', json={'display_name': unique('listed')})
    body = {'pipeline_spec': specs.noop(), 'experiment_id': experiment['experiment_id']}
    ids = [server.ok('POST', '/runs', json={**body, 'display_name': f'run {i}'})['run_id'] for i in range(3)]
    for run_id in ids:
        server.succeed(run_id)
    name = experiment['display_name']
    lines = cli.says(word, '--experiment', name).splitlines()
    assert lines[0].split() == ['ID', 'NAME', 'STATE', 'EXPERIMENT', 'STARTED', 'TOOK']
    assert [line.split()[0] for line in lines[1:]] == ids[::-1] and 'run 2  ✓ succeeded' in lines[1]
    assert [run['run_id'] for run in cli.json(word, '-e', name, '--limit', '2')['runs']] == ids[:0:-1]
    assert cli.json(word, '-e', name, '--filter', "run_name = 'run 1'")['runs'][0]['run_id'] == ids[1]
    assert cli.json(word, '-e', name, '--state', 'failed')['runs'] == []
    assert 'No run matches.' in cli(word, '-e', name, '--state', 'Failed').stderr


def test_failures_are_told_in_the_list(server, cli, unique):
    name = unique('broken')
    break_one(server, name)
    said = cli.says('list', '--state', 'failed', '--filter', f"run_name = '{name}'")
    assert '✗ failed' in said and '\n  breaks: The program exited with code 7' in said


@pytest.mark.parametrize('words, code, said', [
    (['list', '--state', 'suceeded'], 2, "--state is 'suceeded'; did you mean 'succeeded'?"),
    (['list', '--limit', '0'], 2, '--limit is 0'),
    (['list', '--filter', 'metrics.loss <'], 1, 'filter'),
    (['list', '--experiment', 'none of this name'], 1, "no experiment 'none of this name'"),
    (['list', 'all'], 2, 'the form is: penstock list'),
    (['lst'], 2, "did you mean 'list'"),
    (['runs', 'rerunn', 'x'], 2, "did you mean 'rerun'?"),
    (['logs'], 2, 'the form is: penstock logs RUN [TASK]'),
    (['diff', '@last'], 2, 'the form is: penstock diff RUN RUN'),
    (['status', 'no-such-run'], 1, "there is no run 'no-such-run'"),
    (['status', '01234567-0123-0123-0123-0123456789ab'], 1, '01234567-0123-0123-0123-0123456789ab'),
    (['logs', '@last', '--tail', 'many'], 2, '--tail'),
    (['open', 'no-such-run'], 1, 'no run'),
    (['runs', 'delete', '@last', '--yes'], 1, 'no run whose id'),
    (['runs', 'import', 'none.tar.zst'], 2, 'none.tar.zst cannot be read'),
    (['status', '--jsn'], 2, '--jsn'),
])
def test_wrong_words_are_explained(cli, say, words, code, said):
    say()
    refused = cli.refused(*words, code=code)
    assert said in refused, refused


def test_a_run_is_named_in_many_ways(cli, own_server, tmp_path):
    cli = Cli(tmp_path, own_server)
    for name in ('alone', 'twice', 'twice'):
        own_server.succeed(own_server.create_run(specs.noop(), name))
    ids = {name: [run['run_id'] for run in cli.json('list')['runs'] if run['display_name'] == name]
           for name in ('alone', 'twice')}

    def found(reference):
        return cli.json('status', reference)['run_id']
    alone, (newest, older) = ids['alone'][0], ids['twice']
    assert found('alone') == found(alone) == found(alone.upper()) == found(alone[:-2]) == alone
    assert found('@last') == found('-') == newest
    for reference in ('twice', newest[:6]):
        refused = cli.refused('status', reference, code=1)
        assert 'may mean several runs' in refused and newest in refused and older in refused


def test_status_of_a_run(server, cli, unique, journal):
    spec = specs.shell_pipeline({'breaks': Shell(journal.writes('breaks', gate='gate') + '; exit 7'),
                                 'after': Shell('true', after=['breaks'])})
    run_id = server.create_run(spec, unique('status'))
    wait_until('the task to run', lambda: journal.started('breaks'))
    said = cli.says('status', run_id)
    assert '● running' in said and 'breaks' in said
    assert cli.json('status', run_id) == server.ok('GET', f'{API}/runs/{run_id}/status')
    ours = cli.says('status')
    assert server.url in ours and 'answers, and reads its database' in ours and 'WHO HAS THE ROOM' in ours
    work = cli.json('status')
    assert work['version'] and work['runs_running'] >= 1 and 'breaks' in [one['task'] for one in work['room']]
    journal.open('gate')
    server.finish(run_id)
    said = cli.says('status', run_id)
    assert 'The program exited with code 7' in said and '- skipped' in said and 'because breaks is failed' in said


def test_logs(server, cli, unique):
    spec = specs.shell_pipeline({'first': Shell('seq 5'), 'second': Shell('echo a; printf b', after=['first'])})
    run_id = server.create_run(spec, unique('logs'))
    server.succeed(run_id)
    assert cli.says('logs', run_id, 'first') == '1\n2\n3\n4\n5\n'
    for words in ([], ['--follow']):
        assert cli.says('logs', run_id, 'first', '--tail', '2', *words) == '4\n5\n'
    assert cli.says('logs', run_id, 'second', '--attempt', '1') == 'a\nb\n'
    whole = ''.join(f'first | {i}\n' for i in range(1, 6)) + 'second | a\nsecond | b\n'
    assert cli.says('logs', run_id) == whole
    followed = cli.says('logs', run_id, '--follow').replace('first  |', 'first |')
    assert sorted(followed.splitlines()) == sorted(whole.splitlines())
    assert cli.says('logs', run_id, '--tail', '1') == 'first | 5\nsecond | b\n'
    assert [line['line'] for line in cli.lines('logs', run_id, 'first')] == list('12345')
    assert "no task 'frist' with a log; did you mean 'first'?" in cli.refused('logs', run_id, 'frist', code=1)
    assert '--attempt is of one task' in cli.refused('logs', run_id, '--attempt', '1')
    cli.refused('logs', run_id, 'first', '--attempt', '2', code=1)


def test_logs_are_followed_to_the_end_of_the_run(server, cli, unique, journal):
    spec = specs.shell_pipeline({'first': Shell(f'echo one; {journal.writes("first", gate="gate")}'),
                                 'second': Shell('echo two', after=['first'])})
    run_id = server.create_run(spec, unique('followed'))
    follows, of_one = cli.start('logs', run_id, '-f'), None
    try:
        follows.until('first | one\n')
        of_one = cli.start('logs', run_id, 'first', '-f')
        of_one.until('one\n')
        journal.open('gate')
        assert follows.end().endswith('second | two\n') and of_one.end() == 'one\n'
    finally:
        follows.close()
        if of_one:
            of_one.close()


def test_all_attempts_are_followed(server, cli, unique, tmp_path):
    script = f'echo try >> {tmp_path}/tries; wc -l < {tmp_path}/tries; [ $(wc -l < {tmp_path}/tries) = 3 ]'
    spec = specs.shell_pipeline({'again': Shell(script)})
    spec['root']['dag']['tasks']['again']['retryPolicy'] = {'maxRetryCount': 4, 'backoffDuration': '0s'}
    run_id = server.create_run(spec, unique('attempts'))
    followed = cli.says('logs', run_id, '-f')
    server.succeed(run_id)
    assert followed == cli.says('logs', run_id) == 'again | 1\nagain | 2\nagain | 3\n'
    assert cli.says('logs', run_id, 'again') == '3\n' and cli.says('logs', run_id, 'again', '--attempt', '1') == '1\n'


@pytest.mark.parametrize('words', [['diff'], ['runs', 'compare']])
def test_what_differs(server, cli, say, words):
    (one, _), (two, _) = say('left'), say('right')
    said = cli.says(*words, one, two)
    assert 'parameters: 1 of 1 differ' in said and 'left' in said and 'right' in said
    assert one in said and two in said
    assert cli.json(*words, one, two) == server.ok('GET', f'{API}/runs:compare', params={'run_ids': [one, two]})
    assert len(cli.says(*words, one, two, '--all').splitlines()) > len(said.splitlines())
    assert 'Nothing differs.' in cli.says(*words, one, say('left', server.run(one)['display_name'])[0])


def test_open_prints_the_address(server, cli, say, tmp_path):
    run_id, _ = say()
    page = f'{server.url}/#/runs/details/{run_id}'
    assert cli.says('open') == f'{server.url}/\n' and cli.says('open', run_id) == f'{page}\n'
    opened = tmp_path / 'opened'
    browser = tmp_path / 'browser'
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.draft && mv {opened}.draft {opened}\n')
    browser.chmod(0o755)
    cli.variables['BROWSER'] = str(browser)
    assert cli.json('open', run_id) == {'url': page, 'opened': True}
    wait_until('the browser', opened.exists)
    assert opened.read_text() == f'{page}\n'


def test_runs_are_ended_archived_and_deleted(server, cli, unique, journal):
    spec = specs.shell_pipeline({'waits': Shell(journal.writes('waits', gate='gate'))})
    ids = [server.create_run(spec, unique('ended')) for _ in range(2)]
    assert cli.says('runs', 'terminate', *ids).split() == ids
    for run_id in ids:
        server.finish(run_id)
    assert cli.json('runs', 'archive', ids[0]) == {'run_ids': [ids[0]]}
    assert server.run(ids[0])['storage_state'] == 'ARCHIVED'
    cli('runs', 'unarchive', ids[0])
    assert server.run(ids[0])['storage_state'] == 'AVAILABLE'
    assert '--yes is needed' in cli.refused('runs', 'delete', ids[0])
    assert cli.says('runs', 'delete', ids[0], '--yes') == f'{ids[0]}\n'
    assert server.request('GET', f'/runs/{ids[0]}').status_code == 404
    # What can be done is done, and the rest is said.
    done = cli('runs', 'delete', ids[0], ids[1], '--yes', code=1)
    assert done.stdout == f'{ids[1]}\n' and ids[0] in done.stderr


def test_a_rerun_is_waited_for(server, cli, say):
    run_id, name = say()
    assert 'Succeeded' in cli.says('runs', 'rerun', run_id, '--wait')
    again = cli.says('runs', 'rerun', run_id, '--name', f'{name} again').strip()
    server.succeed(again)
    assert server.run(again)['display_name'] == f'{name} again'
    assert cli.json('runs', 'report', again)['verdict'] == 'IDENTICAL'


def test_shells_complete_runs_and_tasks(server, cli, say):
    run_id, name = say()
    offered = cli.says('__complete', 'logs', '')
    assert any(line.startswith(f'{run_id}\t{name}, succeeded') for line in offered.splitlines())
    assert 'say\tsucceeded' in cli.says('__complete', 'logs', run_id, '')
    for shell in ('bash', 'zsh', 'fish'):
        assert 'penstock' in cli.says('completion', shell)
    cli.variables['PENSTOCK_SERVER'] = 'http://127.0.0.1:9'
    assert cli.says('__complete', 'logs', '').startswith(':')


def test_texts_of_runs_are_no_orders(server, cli, tmp_path):
    run_id = server.create_run(specs.noop(), 'title \u202eright')
    server.succeed(run_id)
    other = server.create_run(specs.noop(), 'plain')
    server.succeed(other)
    for words in (['list'], ['diff', run_id, other], ['runs', 'rerun', run_id, '--wait']):
        said = cli.says(*words)
        assert '\u202e' not in said and '⟨202e⟩' in said, said


def test_a_program_that_is_missing(server, tmp_path):
    alone = tmp_path / 'penstock'
    shutil.copy(SERVER, alone)
    done = subprocess.run([str(alone), 'list'], env=environment(tmp_path), capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 2 and f'needs the program {tmp_path}/penstock-cli' in done.stderr, done
    whole = subprocess.run([str(SERVER), '--help'], capture_output=True, text=True, check=True, timeout=60).stdout
    assert f'{server.url}/\n' == Cli(tmp_path, None).says('--server', server.url, 'open')
    assert 'penstock run FILE|PIPELINE' in whole and '--http_listen=HOST:PORT' in whole
