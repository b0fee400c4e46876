"""`penstock check` finds what rows and files do not have in common, and mends what may be mended."""

import json
import sqlite3
import subprocess
from typing import Any, Dict, Tuple

import pytest

import penstock
from penstock import Server
from test_content_removals import delete, left, removed, run

pytestmark = pytest.mark.sqlite('it plants wrong rows in the file of the database')

GONE = '00000000-0000-7000-8000-000000000000'


def check(server: Server, *flags: str) -> Tuple[int, Dict[str, Any]]:
    command = [flag for flag in server.command() if flag.startswith(('--data_dir', '--database_url'))]
    done = subprocess.run([str(penstock.SERVER), 'check', '--json', *flags, *command], capture_output=True, text=True,
                          env=penstock.environment(server.folder), check=False)
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_planted_orphans_and_missing_files(own_server):
    gone, whole = run(own_server, 'x'), run(own_server, 'y', enable_caching=False)
    assert check(own_server)[0] == 0, 'beside a server'
    artifact = next(own_server.data_dir.glob(f'artifacts/*/{gone}/*/*/data'))
    artifact.unlink()
    planted = [own_server.data_dir / 'logs' / GONE / 'a.log', artifact.parents[3] / GONE / 't/a/out',
               own_server.data_dir / 'artifacts/@mlflow/0' / GONE / 'artifacts/model']
    for path in planted:
        path.parent.mkdir(parents=True)
        path.write_text('12345')
    by_hand = own_server.data_dir / 'artifacts/data/mine/x'
    elsewhere = own_server.data_dir / 'artifacts/@mlflow/team/x/model'
    for path in (by_hand, elsewhere):
        path.parent.mkdir(parents=True)
        path.write_text('1')
    own_server.stop()
    with sqlite3.connect(own_server.data_dir / 'penstock.db') as database:
        database.execute("UPDATE run_counts SET runs = runs + 7 WHERE scope = 'all' AND state = 'SUCCEEDED'")
        database.execute("UPDATE counters SET value = 99 WHERE name = 'artifacts'")
    code, found = check(own_server)
    assert code == 1 and not found['clean'] and not found['repaired']
    assert {one['run_id'] for one in found['orphans']['named']} == {GONE, 'mine'}
    assert found['orphans']['count'] == 4 and found['orphans']['size_bytes'] == 16
    assert [gone in one['uri'] for one in found['missing_artifacts']['named']] == [True]
    assert found['counters']['count'] == 2 and found['cache_entries'] == 1
    code, repaired = check(own_server, '--repair')
    assert code == 1 and repaired['removals_noted'] == 1
    assert all(path.exists() for path in planted), 'it removes nothing itself'
    code, after = check(own_server)
    assert after['counters']['count'] == 0 and after['cache_entries'] == 0 and after['orphans']['count'] == 1
    assert code == 1 and after['missing_artifacts']['count'] == 1, 'what is gone stays gone'
    own_server.start()
    assert removed(own_server, GONE)['state'] == 'DONE'
    assert left(own_server, GONE) == [] and left(own_server, whole)
    assert by_hand.exists() and elsewhere.exists(), 'they are nobody\'s to remove'
    by_hand.unlink()
    by_hand.parent.rmdir()
    delete(own_server, gone)
    removed(own_server, gone)
    assert check(own_server)[0] == 0


def test_it_does_not_mend_beside_a_server(own_server):
    command = [flag for flag in own_server.command() if flag.startswith(('--data_dir', '--database_url'))]
    done = subprocess.run([str(penstock.SERVER), 'check', '--repair', *command], capture_output=True, text=True,
                          env=penstock.environment(own_server.folder), check=False)
    assert done.returncode == 1 and 'in use by another Penstock server' in done.stderr
    lines = subprocess.run([str(penstock.SERVER), 'check', *command], capture_output=True, text=True,
                           env=penstock.environment(own_server.folder), check=False)
    assert lines.returncode == 0 and 'nothing is wrong' in lines.stdout
