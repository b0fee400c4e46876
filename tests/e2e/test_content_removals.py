"""What is deleted is gone: logs and artifacts of deleted runs, but for what other runs use."""

import json
import os
import pathlib
import shutil
import subprocess
import time
from typing import Any, Dict, List

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Output

import bundles
import specs
from penstock import Server
from specs import Shell
from waiting import stays, wait_until

pytestmark = pytest.mark.sqlite('rows are tried on both databases by storage_contract_test and engine_test')

REMOVALS = '/apis/penstock/v1/contentremovals'


@dsl.component
def make(text: str, data: Output[Dataset]):
    with open(data.path, 'w') as file:
        file.write(text)
    print('made', text)


@dsl.pipeline(name='make-one')
def make_one(text: str):
    make(text=text)


def run(server: Server, text: str, **options: Any) -> str:
    made = server.client().create_run_from_pipeline_func(make_one, arguments={'text': text}, **options)
    server.succeed(made.run_id, 120)
    return made.run_id


def delete(server: Server, run_id: str) -> None:
    server.ok('DELETE', f'/runs/{run_id}')


def removal(server: Server, run_id: str) -> Dict[str, Any]:
    return server.ok('GET', f'{REMOVALS}/{run_id}')


def removed(server: Server, run_id: str, timeout: float = 30) -> Dict[str, Any]:
    """The report when the removal has ended."""
    def ended() -> Any:
        report = removal(server, run_id)
        return report if report['state'] in ('DONE', 'FAILED') else None
    return wait_until(f'the content of run {run_id} to go', ended, timeout)


def left(server: Server, run_id: str) -> List[pathlib.Path]:
    """What lies under the id of a run. Working directories are the executor's, which takes its time."""
    return [path for kind in ('artifacts', 'logs', 'workspaces')
            for path in (server.data_dir / kind).rglob(f'*{run_id}*')]


def test_a_deleted_run_leaves_nothing(own_server):
    run_id, other = run(own_server, 'a', enable_caching=False), run(own_server, 'a', enable_caching=False)
    task = own_server.tasks(run_id)['make']
    before = len(left(own_server, run_id))
    assert before >= 2, 'a folder of logs and one of artifacts'
    delete(own_server, run_id)
    report = removed(own_server, run_id)
    assert report['state'] == 'DONE' and not report.get('kept')
    assert int(report['removed_files']) >= 2 and int(report['removed_bytes']) > 0
    assert left(own_server, run_id) == []
    assert len(left(own_server, other)) == before, 'another run lost something'
    assert own_server.request('GET', f'/runs/{run_id}/nodes/{task["task_id"]}/log').status_code == 404
    listed = own_server.ok('GET', REMOVALS, params={'filter': json.dumps(
        {'predicates': [{'key': 'state', 'operation': 'EQUALS', 'string_value': 'DONE'}]})})
    assert [one['run_id'] for one in listed['content_removals']] == [run_id]
    assert own_server.request('GET', f'{REMOVALS}/{other}').status_code == 404


def test_what_a_cache_hit_shares_goes_with_its_last_user(own_server):
    first = run(own_server, 'shared')
    second, third = run(own_server, 'shared'), run(own_server, 'shared')
    delete(own_server, first)
    report = removed(own_server, first)
    assert report['state'] == 'DONE' and report['kept_count'] == '1'
    assert 'uses it' in report['kept'][0]['reason'] and first in report['kept'][0]['uri']
    assert not (own_server.data_dir / 'logs' / first).exists(), 'nobody else has its logs'
    for user in (second, third):
        answer = own_server.ok('GET', f'/runs/{user}/nodes/make/artifacts/data:read')
        assert answer['data'], 'the artifact is still there for its users'
        delete(own_server, user)
        removed(own_server, user)
        assert bool(left(own_server, first)) == (user == second), left(own_server, first)


def test_runs_that_are_deleted_together(own_server):
    runs = [run(own_server, 'x', enable_caching=False) for _ in range(3)]
    answer = own_server.ok('POST', '/apis/penstock/v1/runs:apply', json={'action': 'DELETE', 'filter': json.dumps(
        {'predicates': [{'key': 'run_id', 'operation': 'IN', 'string_values': {'values': runs}}]})})
    assert int(answer['changed']) == 3
    for run_id in runs:
        assert removed(own_server, run_id)['state'] == 'DONE'
        assert left(own_server, run_id) == []


def test_a_run_that_is_deleted_while_it_runs(own_server, journal):
    run_id = own_server.create_run(specs.shell_pipeline({
        'talk': Shell('trap "" TERM; while true; do echo still here; sleep 0.05; done'),
        'held': Shell(journal.writes('held', gate='go'))}))
    wait_until('the tasks to run', lambda: journal.started('held'))
    delete(own_server, run_id)
    assert removed(own_server, run_id, 60)['state'] == 'DONE'
    assert left(own_server, run_id) == []
    stays('nothing is written again', lambda: left(own_server, run_id) == [], 2)


def test_a_run_that_is_deleted_while_it_runs_and_the_server_dies(own_server, journal):
    run_id = own_server.create_run(specs.shell_pipeline({
        'talk': Shell('while true; do echo still here; sleep 0.05; done'),
        'held': Shell(journal.writes('held', gate='go'))}))
    wait_until('the tasks to run', lambda: journal.started('held'))
    delete(own_server, run_id)
    own_server.kill()
    own_server.start()
    assert removed(own_server, run_id, 60)['state'] == 'DONE'
    stays('nothing is written again', lambda: left(own_server, run_id) == [], 2)


def fill(server: Server, run_id: str, files: int) -> None:
    """More content than one step removes."""
    folder = next(server.data_dir.glob(f'artifacts/*/{run_id}'))
    for i in range(files):
        part = folder / 'many' / str(i % 97)
        part.mkdir(parents=True, exist_ok=True)
        (part / str(i)).write_text('x')


def contents(server: Server, run_id: str) -> Dict[pathlib.Path, bytes]:
    return {path: path.read_bytes() for folder in left(server, run_id) for path in folder.rglob('*') if path.is_file()}


def test_kills_in_the_middle_of_removals(own_server):
    runs = [run(own_server, 'x', enable_caching=False) for _ in range(3)]
    kept = run(own_server, 'y', enable_caching=False)
    before = contents(own_server, kept)
    assert len(before) >= 2
    for run_id in runs:
        fill(own_server, run_id, 15_000)
    for run_id in runs:
        delete(own_server, run_id)
        time.sleep(0.05)
        own_server.kill()
        own_server.start()
    for run_id in runs:
        assert removed(own_server, run_id, 60)['state'] == 'DONE'
        assert left(own_server, run_id) == []
    trash = list(own_server.data_dir.glob('*/.penstock-trash/*'))
    assert trash == [], 'what was on its way out has gone'
    assert contents(own_server, kept) == before


def test_an_imported_run_goes_with_what_came_with_it(own_server):
    run_id = run(own_server, 'x', enable_caching=False)
    bundle = bundles.export(own_server, run_id)
    delete(own_server, run_id)
    removed(own_server, run_id)
    answer = bundles.bring(own_server, bundle)
    assert answer.status_code == 200, answer.text
    assert own_server.ok('GET', f'/runs/{run_id}/nodes/make/artifacts/data:read')['data']
    assert len(contents(own_server, run_id)) >= 2
    delete(own_server, run_id)
    removed(own_server, run_id)
    assert left(own_server, run_id) == []


def test_links_of_tasks_lead_nowhere(own_server, tmp_path):
    outside = tmp_path / 'outside'
    outside.mkdir()
    (outside / 'precious').write_text('1')
    run_id = run(own_server, 'x', enable_caching=False)
    folder = next(own_server.data_dir.glob(f'artifacts/*/{run_id}'))
    (folder / 'link').symlink_to(outside)
    (own_server.data_dir / 'logs' / run_id / 'link').symlink_to(outside / 'precious')
    delete(own_server, run_id)
    assert removed(own_server, run_id)['state'] == 'DONE'
    assert left(own_server, run_id) == []
    assert (outside / 'precious').read_text() == '1'


def test_folders_without_rights_go(own_server):
    run_id = run(own_server, 'x', enable_caching=False)
    folder = next(own_server.data_dir.glob(f'artifacts/*/{run_id}'))
    inner = next(path for path in folder.rglob('*') if path.is_dir())
    inner.chmod(0o500)
    folder.chmod(0o500)
    delete(own_server, run_id)
    assert removed(own_server, run_id)['state'] == 'DONE'
    assert left(own_server, run_id) == []


def test_what_cannot_be_removed_is_said(own_server):
    run_id = run(own_server, 'x', enable_caching=False)
    folder = next(own_server.data_dir.glob(f'artifacts/*/{run_id}'))
    file = next(path for path in folder.rglob('*') if path.is_file())
    if not shutil.which('chattr') or subprocess.run(['chattr', '+i', str(file)], check=False).returncode != 0:
        pytest.skip('files cannot be made immutable here')
    try:
        delete(own_server, run_id)
        report = removed(own_server, run_id)
        assert report['state'] == 'FAILED' and 'cannot be removed' in report['error']
        assert report['next_try_at'] > report['finished_at']
        assert not folder.exists(), 'nobody finds it by its name'
    finally:
        for path in [file, *own_server.data_dir.glob('artifacts/.penstock-trash/**/*')]:
            if path.is_file():
                subprocess.run(['chattr', '-i', str(path)], check=False)


def test_temporary_files_go_by_themselves(own_server):
    own_server.stop()
    draft = own_server.data_dir / 'artifacts/@mlflow/0/r/.penstock-draft-1'
    work = own_server.data_dir / 'work/runs/00000000-0000-0000-0000-000000000000/attempt/file'
    young = own_server.data_dir / 'artifacts/@mlflow/0/r/.penstock-draft-2'
    for path in (draft, work, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('x')
    old = time.time() - 2 * 86_400
    for path in (draft, work.parents[1]):
        os.utime(path, (old, old))
    own_server.start()
    wait_until('the old ones to go', lambda: not draft.exists() and not work.exists())
    assert young.exists()
