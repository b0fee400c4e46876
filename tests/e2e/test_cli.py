"""The kfp command line on the server, as a user types it."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
from kfp import compiler

from penstock import environment
from test_pipelines import adding

pytestmark = pytest.mark.sqlite('each call of the CLI costs a second, and it speaks HTTP as the other tests do')

KFP = pathlib.Path(sys.executable).parent / 'kfp'


@pytest.fixture
def kfp(server, tmp_path):
    """Runs the CLI; gives its JSON, or the text of commands that print none."""
    def call(*words, output='json', given='', code=0):
        command = [str(KFP), '--endpoint', server.url, '--output', output, *map(str, words)]
        result = subprocess.run(command, env=environment(tmp_path), input=given, capture_output=True, text=True,
                                timeout=600, check=False)
        assert result.returncode == code, f'{command}\n{result.stdout}\n{result.stderr}'
        if output != 'json':
            return result.stdout
        # The SDK prints links of the web UI around the result.
        lines = [line for line in result.stdout.splitlines() if ' details: http' not in line]
        return json.loads('\n'.join(lines))
    return call


@pytest.fixture
def package(tmp_path):
    path = tmp_path / 'adding.yaml'
    compiler.Compiler().compile(adding, str(path))
    return path


def names(listed):
    return [one['display_name'] for one in listed]


def test_pipelines(kfp, package, unique):
    name = unique('cli')
    pipeline_id = kfp('pipeline', 'create', '-p', name, '-d', 'What for.', package)['pipeline_id']
    assert re.search(rf'^{pipeline_id} +{name} ', kfp('pipeline', 'list', output='table'), re.MULTILINE)
    assert name in names(kfp('pipeline', 'list'))
    assert kfp('pipeline', 'get', pipeline_id)['description'] == 'What for.'
    kfp('pipeline', 'create-version', '-v', 'second', '-n', name, package)
    versions = kfp('pipeline', 'list-versions', pipeline_id)
    assert names(versions) == ['second', name]  # newest first
    assert 'second' in kfp('pipeline', 'list-versions', pipeline_id, output='table')
    for version in versions:
        version_id = version['pipeline_version_id']
        assert kfp('pipeline', 'get-version', pipeline_id, version_id)['display_name'] == version['display_name']
        kfp('pipeline', 'delete-version', pipeline_id, version_id, given='y\n', output='table')
    assert kfp('pipeline', 'list-versions', pipeline_id) == []
    kfp('pipeline', 'delete', pipeline_id, given='y\n', output='table')
    assert name not in kfp('pipeline', 'list', output='table')


def test_experiments(kfp, unique):
    name = unique('cli')
    made = kfp('experiment', 'create', '-d', 'What for.', name)
    experiment_id = made['experiment_id']
    assert made['display_name'] == name and kfp('experiment', 'create', name)['experiment_id'] == experiment_id
    assert name in names(kfp('experiment', 'list'))
    assert re.search(rf'^{experiment_id} +{name} +\S+ +AVAILABLE', kfp('experiment', 'list', output='table'),
                     re.MULTILINE)
    assert kfp('experiment', 'get', experiment_id)['storage_state'] == 'AVAILABLE'
    assert kfp('experiment', 'archive', '--experiment-id', experiment_id)['storage_state'] == 'ARCHIVED'
    assert kfp('experiment', 'unarchive', '--experiment-name', name)['storage_state'] == 'AVAILABLE'
    kfp('experiment', 'delete', experiment_id, given='y\n', output='table')
    assert name not in names(kfp('experiment', 'list'))


def test_run_and_watch(kfp, package, unique):
    experiment = unique('cli')
    watched = kfp('run', 'create', '-e', experiment, '-r', 'watched', '-f', package, '-w', 'a=3', 'b=4', output='table')
    assert 'Run is finished with state SUCCEEDED.' in watched
    waited = kfp('run', 'create', '-e', experiment, '-r', 'waited', '-f', package, '-t', '60')
    assert waited['state'] == 'SUCCEEDED' and waited['run_details']['task_details'][0]['state'] == 'SUCCEEDED'
    run_id, experiment_id = waited['run_id'], waited['experiment_id']
    assert names(kfp('run', 'list', '-e', experiment_id)) == ['waited', 'watched']
    assert re.search(rf'^{run_id} +waited +\S+ +SUCCEEDED +AVAILABLE',
                     kfp('run', 'list', '-e', experiment_id, output='table'), re.MULTILINE)
    assert kfp('run', 'get', run_id)['state'] == 'SUCCEEDED'
    assert kfp('run', 'archive', run_id)['storage_state'] == 'ARCHIVED'
    assert kfp('run', 'unarchive', run_id)['storage_state'] == 'AVAILABLE'
    kfp('run', 'delete', run_id, given='y\n', output='table')
    assert names(kfp('run', 'list', '-e', experiment_id)) == ['watched']


def test_run_of_an_uploaded_pipeline(kfp, package, unique):
    name = unique('cli')
    pipeline_id = kfp('pipeline', 'create', '-p', name, package)['pipeline_id']
    version = kfp('pipeline', 'list-versions', pipeline_id)[0]
    run = kfp('run', 'create', '-e', name, '-n', name, '-v', version['pipeline_version_id'], '-t', '60')
    assert (run['display_name'], run['state']) == (name, 'SUCCEEDED')


def test_recurring_runs(kfp, package, unique):
    experiment = unique('cli')
    made = kfp('recurring-run', 'create', '--experiment-name', experiment, '--job-name', 'nightly', '--cron-expression',
               '0 0 3 * * *', '--pipeline-package-path', package, '--description', 'What for.', '--max-concurrency', 3)
    recurring_id, experiment_id = made['recurring_run_id'], made['experiment_id']
    assert (made['display_name'], made['max_concurrency']) == ('nightly', '3')
    assert names(kfp('recurring-run', 'list', '-e', experiment_id)) == ['nightly']
    assert recurring_id in kfp('recurring-run', 'list', '-e', experiment_id, output='table')
    assert kfp('recurring-run', 'enable', recurring_id)['status'] == 'ENABLED'
    assert kfp('recurring-run', 'disable', recurring_id)['status'] == 'DISABLED'
    assert kfp('recurring-run', 'get', recurring_id)['trigger']['cron_schedule']['cron'] == '0 0 3 * * *'
    kfp('recurring-run', 'delete', recurring_id, given='y\n', output='table')
    assert kfp('recurring-run', 'list', '-e', experiment_id) == []
    every = kfp('recurring-run', 'create', '--experiment-id', experiment_id, '--job-name', 'often', '--interval-second',
                3600, '--pipeline-package-path', package, '--enabled', '--catchup')
    assert every['trigger']['periodic_schedule']['interval_second'] == '3600' and every['status'] == 'ENABLED'
    kfp('recurring-run', 'delete', every['recurring_run_id'], given='y\n', output='table')


def test_errors_reach_the_user(kfp):
    kfp('run', 'get', '01234567-0123-0123-0123-0123456789ab', code=1, output='table')
    kfp('pipeline', 'get', '01234567-0123-0123-0123-0123456789ab', code=1, output='table')
