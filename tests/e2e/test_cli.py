"""The kfp command line on the server, as a user types it."""

import json
import pathlib
import subprocess
import sys

import pytest
from kfp import compiler

from penstock import environment
from test_pipelines import adding

KFP = pathlib.Path(sys.executable).parent / 'kfp'


@pytest.fixture
def kfp(server, tmp_path):
    """Runs the CLI; gives its JSON, or the text of commands that print none."""
    def call(*words, output='json', given='', code=0):
        command = [str(KFP), '--endpoint', server.url, '--output', output, *map(str, words)]
        result = subprocess.run(command, env=environment(tmp_path), input=given, capture_output=True, text=True,
                                timeout=120, check=False)
        assert result.returncode == code, f'{command}\n{result.stdout}\n{result.stderr}'
        if output != 'json':
            return result.stdout
        # The SDK prints links of the web UI before the result.
        starts = [position for position in (result.stdout.find('\n{'), result.stdout.find('\n['))
                  if position >= 0] or [-1 if result.stdout[:1] in '[{' else None]
        return json.loads(result.stdout[starts[0] + 1:]) if starts[0] is not None else result.stdout
    return call


@pytest.fixture
def package(tmp_path):
    path = tmp_path / 'adding.yaml'
    compiler.Compiler().compile(adding, str(path))
    return path


def test_pipelines(kfp, package, unique):
    name = unique('cli')
    made = kfp('pipeline', 'create', '-p', name, '-d', 'What for.', package)
    pipeline_id = made['id'] if 'id' in made else made['pipeline_id']
    assert name in kfp('pipeline', 'list', output='table')
    assert name in [one['name'] for one in kfp('pipeline', 'list')]
    assert kfp('pipeline', 'get', pipeline_id)['name'] == name
    kfp('pipeline', 'create-version', '-v', 'second', '-n', name, package)
    versions = kfp('pipeline', 'list-versions', pipeline_id)
    assert [version['name'] for version in versions] == ['second', name]  # newest first
    for version in versions:
        shown = kfp('pipeline', 'get-version', pipeline_id, version['id'])
        assert shown['name'] == version['name']
        kfp('pipeline', 'delete-version', pipeline_id, version['id'], given='y\n', output='table')
    assert kfp('pipeline', 'list-versions', pipeline_id) == []
    kfp('pipeline', 'delete', pipeline_id, given='y\n', output='table')
    assert name not in kfp('pipeline', 'list', output='table')


def test_experiments(kfp, unique):
    name = unique('cli')
    made = kfp('experiment', 'create', '-d', 'What for.', name)
    assert made['name'] == name and kfp('experiment', 'create', name)['id'] == made['id']
    assert name in [one['name'] for one in kfp('experiment', 'list')]
    assert kfp('experiment', 'get', made['id'])['storage_state'] == 'AVAILABLE'
    assert kfp('experiment', 'archive', '--experiment-id', made['id'])['storage_state'] == 'ARCHIVED'
    assert kfp('experiment', 'unarchive', '--experiment-name', name)['storage_state'] == 'AVAILABLE'
    kfp('experiment', 'delete', made['id'], given='y\n', output='table')
    assert name not in [one['name'] for one in kfp('experiment', 'list')]


def test_run_and_watch(kfp, package, unique):
    experiment = unique('cli')
    watched = kfp('run', 'create', '-e', experiment, '-r', 'watched', '-f', package, '-w', 'a=3', 'b=4', output='table')
    assert 'Run is finished with state SUCCEEDED.' in watched
    waited = kfp('run', 'create', '-e', experiment, '-r', 'waited', '-f', package, '-t', '60')
    assert waited['state'] == 'SUCCEEDED'
    experiment_id = next(one['id'] for one in kfp('experiment', 'list') if one['name'] == experiment)
    assert [run['name'] for run in kfp('run', 'list', '-e', experiment_id)] == ['waited', 'watched']
    assert kfp('run', 'get', waited['id'])['state'] == 'SUCCEEDED'
    assert kfp('run', 'archive', waited['id'])['storage_state'] == 'ARCHIVED'
    assert kfp('run', 'unarchive', waited['id'])['storage_state'] == 'AVAILABLE'
    kfp('run', 'delete', waited['id'], given='y\n', output='table')
    assert [run['name'] for run in kfp('run', 'list', '-e', experiment_id)] == ['watched']


def test_run_of_an_uploaded_pipeline(kfp, package, unique):
    name = unique('cli')
    made = kfp('pipeline', 'create', '-p', name, package)
    version = kfp('pipeline', 'list-versions', made['id'])[0]
    run = kfp('run', 'create', '-e', name, '-n', name, '-v', version['id'], '-t', '60')
    assert (run['name'], run['state']) == (name, 'SUCCEEDED')


def test_errors_reach_the_user(kfp):
    kfp('run', 'get', '01234567-0123-0123-0123-0123456789ab', code=1, output='table')
    kfp('pipeline', 'get', '01234567-0123-0123-0123-0123456789ab', code=1, output='table')
