"""penstock migrate and penstock copy, as an operator types them."""

import os
import pathlib
import subprocess

import pytest

import specs
from penstock import SERVER, environment
from specs import Shell

pytestmark = pytest.mark.sqlite('it names both databases itself')


def penstock(folder: pathlib.Path, *arguments: str) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run([str(SERVER), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=environment(folder), timeout=600)


def test_migrate_shows_and_changes_a_schema(tmp_path):
    url = f'--database_url=sqlite://{tmp_path}/some.db'

    def migrate(*words: str) -> str:
        answer = penstock(tmp_path, 'migrate', *words, url)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    assert 'to be applied: 1 initial' in migrate('plan')
    assert 'nothing is changed' in migrate('dry-run')
    assert 'to be applied: 1 initial' in migrate('plan')
    assert 'to be applied' not in migrate('apply')
    assert 'nothing is to be applied' in migrate('plan')
    assert "this program's" in migrate('validate')
    refused = penstock(tmp_path, 'migrate', 'revert', url)
    assert refused.returncode == 1 and '--yes' in refused.stderr, refused
    assert 'nothing is to be applied' in migrate('plan')
    assert migrate('revert', '--yes').count('taken back') == 1
    answer = penstock(tmp_path, 'migrate', 'validate', url)
    assert answer.returncode == 1 and 'penstock migrate apply' in answer.stderr


def test_reverting_takes_as_many_steps_as_it_is_told(tmp_path):
    url = f'--database_url=sqlite://{tmp_path}/some.db'
    assert penstock(tmp_path, 'migrate', url).returncode == 0
    taken = penstock(tmp_path, 'migrate', 'revert', '--yes', '--steps=3', url)
    assert taken.returncode == 0 and taken.stdout.count('taken back') == 3, taken
    assert penstock(tmp_path, 'migrate', 'plan', url).stdout.count('to be applied') == 3
    for flags, text in [(('--steps=0',), '--steps'), (('--steps=1000', '--yes'), 'cannot be taken back')]:
        refused = penstock(tmp_path, 'migrate', 'revert', *flags, url)
        assert refused.returncode in (1, 2) and text in refused.stderr, refused
    assert penstock(tmp_path, 'migrate', 'plan', '--yes', url).returncode == 2


@pytest.mark.parametrize('said, reverts', [(b'y\n', True), (b'\n', False)])
def test_a_terminal_is_asked_before_reverting(tmp_path, said, reverts):
    url = f'--database_url=sqlite://{tmp_path}/some.db'
    assert penstock(tmp_path, 'migrate', url).returncode == 0
    ours, theirs = os.openpty()
    os.write(ours, said)
    answer = subprocess.run([str(SERVER), 'migrate', 'revert', url], stdin=theirs, capture_output=True, text=True,
                            env=environment(tmp_path), timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    assert (answer.returncode == 0) == reverts and ('taken back: ' in answer.stdout) == reverts, answer
    assert 'Go on?' in answer.stdout


def test_a_schema_that_was_changed_by_hand_is_found(tmp_path, postgres):
    postgres.sql('CREATE DATABASE changed TEMPLATE template0')
    url = f'--database_url={postgres.url("changed")}'
    assert penstock(tmp_path, 'migrate', url).returncode == 0
    assert penstock(tmp_path, 'migrate', 'validate', url).returncode == 0
    postgres.sql('DROP INDEX runs_by_scheduled_at', 'changed')
    answer = penstock(tmp_path, 'migrate', 'validate', url)
    assert answer.returncode == 1 and 'runs_by_scheduled_at' in answer.stderr


@pytest.mark.parametrize('words, text', [
    (['migrate', 'sideways'], "'sideways' is no action"),
    (['migrate', 'plan', 'apply'], 'penstock migrate [plan'),
    (['copy', 'sqlite:///a.db'], 'penstock copy SOURCE_URL TARGET_URL'),
    (['copy', 'mysql://a', 'sqlite:///b.db'], 'is not served'),
    (['mirgate'], "did you mean 'migrate'"),
])
def test_wrong_words_are_explained(tmp_path, words, text):
    answer = penstock(tmp_path, *words, f'--data_dir={tmp_path}')
    assert answer.returncode == 2 and text in answer.stderr, answer.stderr


def test_a_store_moves_to_postgresql_and_back(tmp_path, make_server, postgres):
    server = make_server('--database_url=').start()
    run_id = server.create_run(specs.shell_pipeline({'a': Shell('echo moved')}), 'moved')
    server.succeed(run_id)
    before = server.run(run_id)
    server.stop()
    sqlite = f'sqlite://{server.data_dir}/penstock.db'
    postgres.sql('CREATE DATABASE moved TEMPLATE template0')
    answer = penstock(tmp_path, 'copy', sqlite, postgres.url('moved'))
    assert answer.returncode == 0, answer.stderr
    assert 'rows copied and compared' in answer.stdout and 'runs ' in answer.stdout

    server.start(f'--database_url={postgres.url("moved")}')
    assert server.run(run_id) == before
    assert 'moved' in server.log_of(run_id, before['run_details']['task_details'][0]['task_id'])
    server.succeed(server.create_run(specs.shell_pipeline({'b': Shell('true')}), 'after'))
    server.stop()

    answer = penstock(tmp_path, 'copy', sqlite, postgres.url('moved'))
    assert answer.returncode == 1 and 'not empty' in answer.stderr
    back = f'sqlite://{tmp_path}/back.db'
    assert penstock(tmp_path, 'copy', postgres.url('moved'), back).returncode == 0
    server.start(f'--database_url={back}')
    assert server.run(run_id) == before
    assert server.ok('GET', '/runs')['total_size'] == 2
