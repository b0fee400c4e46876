"""Runs as files: exported by one server, imported by another, and refused when they are not whole."""

import hashlib
import json
import subprocess
from typing import Any, Dict, Tuple

import pytest
from kfp import dsl

import specs
from bundles import API, bring, export, members, packed, rebuilt, unpacked
from penstock import SERVER, Server, environment
from specs import Shell


@dsl.component
def train(rate: float, model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics]) -> float:
    import os
    print('training with', rate)
    os.makedirs(model.path)
    for name in ('weights', 'shape'):
        with open(os.path.join(model.path, name), 'w') as file:
            file.write(f'{name} {rate}')
    metrics.log_metric('loss', 0.5)
    return rate * 2


@dsl.component
def evaluate(model: dsl.Input[dsl.Model], report: dsl.Output[dsl.Artifact]):
    import os
    with open(report.path, 'w') as file:
        file.write(' '.join(sorted(os.listdir(model.path))))


@dsl.pipeline(name='training')
def pipeline(rate: float = 0.5):
    evaluate(model=train(rate=rate).outputs['model'])


@pytest.fixture(scope='module')
def done(server) -> Tuple[str, bytes]:
    """A run, and its bundle."""
    run_id = server.create_run(specs.compiled(pipeline), name='exported', rate=0.25)
    server.succeed(run_id)
    server.ok('PATCH', f'{API}/runs/{run_id}', json={'description': 'the best', 'tags': {'tags': {'team': 'x'}}})
    return run_id, export(server, run_id)


def without_places(run: Dict[str, Any]) -> Dict[str, Any]:
    """What has to be the same where a run was imported."""
    tasks = {task['display_name']: (task['task_id'], task['state'], task['start_time'], task['end_time'])
             for task in run['run_details']['task_details']}
    return {'name': run['display_name'], 'state': run['state'], 'created_at': run['created_at'],
            'finished_at': run['finished_at'], 'parameters': run['runtime_config'], 'history': run['state_history'],
            'spec': run.get('pipeline_spec'), 'tasks': tasks}


def test_another_server_has_the_same_run(server, done, make_server):
    run_id, bundle = done
    other = make_server().start()
    answer = bring(other, bundle)
    assert answer.status_code == 200, answer.text
    assert answer.json()['run_id'] == run_id and answer.json()['contents'] >= 3
    here, there = server.run(run_id), other.run(run_id)
    assert without_places(here) == without_places(there)
    assert other.ok('GET', f'{API}/runs/{run_id}')['tags'] == {'team': 'x'}
    task_id = there['run_details']['task_details'][0]['task_id']
    for task in there['run_details']['task_details']:
        assert other.log_of(run_id, task['task_id']) == server.log_of(run_id, task['task_id']), task_id
    assert 'training with 0.25' in other.log_of(run_id, 'train')
    read = f'/runs/{run_id}/nodes/evaluate/artifacts/report:read'
    assert other.ok('GET', read) == server.ok('GET', read)
    path = f'{API}/runs/{run_id}/tasks/train/attempts'
    ours, theirs = server.ok('GET', path)['attempts'], other.ok('GET', path)['attempts']
    assert ours[0]['setup'] == theirs[0]['setup'] and ours[0]['place'] == theirs[0]['place']
    # It is only recorded, but all is there to do it again.
    rerun = other.ok('POST', f'{API}/runs/{run_id}:rerun', json={})['run_id']
    other.succeed(rerun)
    report = other.ok('GET', f'{API}/runs/{rerun}/rerun_report')
    assert report['verdict'] == 'IDENTICAL' and report['identical'] == 4, report
    other.stop()
    again = other.start()
    assert again.run(run_id)['state'] == 'SUCCEEDED'
    # And what was imported can be exported.
    assert members(export(again, run_id))['metrics.jsonl'] == members(bundle)['metrics.jsonl']


def test_a_run_of_that_id_is_not_replaced(server, done):
    run_id, bundle = done
    answer = bring(server, bundle)
    assert answer.status_code == 409 and run_id in answer.text and 'new_id' in answer.text
    copy = bring(server, bundle, new_id='true').json()
    assert copy['run_id'] != run_id and copy['exported_run_id'] == run_id
    comparison = server.ok('GET', f'{API}/runs:compare', params={'run_ids': [run_id, copy['run_id']]})
    assert not comparison.get('differ'), comparison
    server.ok('DELETE', f'/runs/{copy["run_id"]}')
    unknown = bring(server, bundle, new_id='true', experiment_id='none')
    assert unknown.status_code == 404 and 'none' in unknown.text


def test_without_contents_artifacts_are_elsewhere(server, done):
    run_id, bundle = done
    small = export(server, run_id, contents=False)
    assert not [name for name in members(small) if name.startswith('contents/')]
    assert [name for name in members(bundle) if name.startswith('contents/')]
    copy = bring(server, small, new_id='true').json()['run_id']
    answer = server.request('GET', f'/runs/{copy}/nodes/evaluate/artifacts/report:read')
    assert answer.status_code in (400, 404) and 'bundle://' in answer.text
    server.ok('DELETE', f'/runs/{copy}')


def test_the_manifest_names_what_is_there(done):
    _, bundle = done
    parts = members(bundle)
    manifest = json.loads(parts.pop('manifest.json'))
    assert manifest['format'] == 1 and [member['name'] for member in manifest['members']] == list(parts)
    for member in manifest['members']:
        content = parts[member['name']]
        assert member['size'] == len(content) and member['sha256'] == hashlib.sha256(content).hexdigest()


def test_what_is_not_whole_is_refused_and_leaves_nothing(make_server, done):
    run_id, bundle = done
    other = make_server().start()
    tasks = members(bundle)['tasks.jsonl']
    states = members(bundle)['states.jsonl']
    wrong = {
        'cut': bundle[:len(bundle) // 2], 'longer': bundle + b'x', 'nothing': b'', 'text': b'no bundle',
        'changed': packed(unpacked(bundle).replace(b'training with', b'training WITH')),
        'reordered': packed(unpacked(bundle).replace(b'"format":1', b'"format":2')),
        'task': rebuilt(bundle, tasks=tasks.replace(b'SUCCEEDED', b'RUNNING')),
        'moves': rebuilt(bundle, states=states.replace(b'RUNNING', b'CANCELED')),
        'spec': rebuilt(bundle, spec=b'{}'),
    }
    for kind, bytes_ in wrong.items():
        answer = bring(other, bytes_)
        assert answer.status_code == 400, f'{kind}: {answer.status_code} {answer.text}'
        assert 'bundle' in answer.text, f'{kind}: {answer.text}'
        assert other.request('GET', f'/runs/{run_id}').status_code == 404, kind
    left = [path for folder in ('artifacts', 'logs') for path in (other.data_dir / folder).rglob('*') if path.is_file()]
    assert not left, left
    assert bring(other, rebuilt(bundle)).status_code == 200


def test_only_runs_that_have_ended_are_exported(server, journal):
    spec = specs.shell_pipeline({'waits': Shell(journal.writes('waits', gate='gate'))})
    run_id = server.create_run(spec)
    answer = server.request('GET', f'{API}/runs/{run_id}:export')
    assert answer.status_code == 400 and 'ended' in answer.text, answer.text
    journal.open('gate')
    server.succeed(run_id)
    assert members(export(server, run_id))
    assert server.request('GET', f'{API}/runs/none:export').status_code == 404


def test_the_command_line_exports_and_imports(server, done, make_server, tmp_path):
    run_id, _ = done
    other = make_server().start()

    def penstock(of: Server, *words: str) -> 'subprocess.CompletedProcess[str]':
        return subprocess.run([str(SERVER), 'runs', *words, f'--server={of.url}'],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              env=environment(of.folder))
    file = tmp_path / 'run.tar.zst'
    assert penstock(server, 'export', run_id, str(file)).returncode == 0
    brought = penstock(other, 'import', str(file))
    assert brought.returncode == 0 and brought.stdout.strip() == run_id, brought
    assert penstock(other, 'import', str(file)).returncode == 1
    missing = penstock(server, 'export', 'none', str(tmp_path / 'none'))
    assert missing.returncode == 1 and not (tmp_path / 'none').exists()
