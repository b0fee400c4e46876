"""What tasks printed and wrote, over HTTP; and the metrics of both processes."""

import base64
import json
import re
import threading

import pytest
from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Metrics, Output

import specs
from specs import Shell
from waiting import wait_until

pytestmark = pytest.mark.sqlite('logs and contents are files of the data directory')

UNKNOWN = '01234567-0123-0123-0123-0123456789ab'
SAMPLE = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eEInfNa]+( \d+)?$')


@dsl.component
def measure(data: Output[Dataset], metrics: Output[Metrics], scores: Output[ClassificationMetrics]):
    import os
    with open(data.path, 'wb') as file:
        file.write(bytes(range(256)))
    metrics.log_metric('accuracy', 0.75)
    metrics.log_metric('rows', 10)
    scores.log_confusion_matrix(['a', 'b'], [[1, 2], [3, 4]])
    scores.log_roc_curve([0.0, 1.0], [0.0, 1.0], [1.0, 0.0])
    print('measured')
    os.write(2, b'and said so\n')


@dsl.pipeline(name='measured')
def measured():
    measure()


@pytest.fixture(scope='module')
def run(server):
    run_id = server.create_run(specs.compiled(measured))
    server.succeed(run_id)
    return run_id, server.tasks(run_id)['measure']


@pytest.mark.parametrize('version', ['v1alpha1', 'v1beta1', 'v2beta1'])
def test_logs_in_every_spelling(server, run, version):
    run_id, task = run
    for node in (task['task_id'], 'measure'):
        answer = server.request('GET', f'/apis/{version}/runs/{run_id}/nodes/{node}/log')
        assert answer.status_code == 200, answer.text
        assert answer.headers['Content-Type'].startswith('text/plain')
        assert 'measured' in answer.text and 'and said so' in answer.text


@pytest.mark.parametrize('path', ['/runs/{unknown}/nodes/{task}/log', '/runs/{run}/nodes/{unknown}/log',
                                  '/runs/{run}/nodes/{task}/artifacts/none:read',
                                  '/runs/{unknown}/nodes/{task}/artifacts/data:read',
                                  '/runs/{run}/nodes/{unknown}/artifacts/data:read'])
def test_unknown_logs_and_artifacts(server, run, path):
    run_id, task = run
    answer = server.request('GET', path.format(run=run_id, task=task['task_id'], unknown=UNKNOWN))
    assert answer.status_code == 404, answer.text
    assert answer.json()['error_message'] and 'error_details' in answer.json()


def test_paths_out_of_the_data_directory(server, run):
    run_id, task = run
    for node, name in ((task['task_id'], '..%2F..%2Fpenstock.db'), ('..%2F..', 'data'), (task['task_id'], '%00')):
        for tail in ('log', f'artifacts/{name}:read'):
            answer = server.request('GET', f'/runs/{run_id}/nodes/{node}/{tail}')
            assert answer.status_code in (200, 400, 404)
            assert b'SQLite' not in answer.content


def test_a_log_can_be_followed(server, journal):
    run_id = server.create_run(specs.shell_pipeline({
        'talk': Shell(f'echo before; {journal.writes("talk", gate="go")}; echo after')}))
    wait_until('the task to start', lambda: journal.started('talk'))
    task = server.tasks(run_id)['talk']
    wait_until('the first line', lambda: 'before' in server.log_of(run_id, task['task_id']))
    received = []

    def read():
        with server.request('GET', f'/runs/{run_id}/nodes/{task["task_id"]}/log?follow=true', stream=True) as answer:
            for chunk in answer.iter_content(None):
                received.append(chunk.decode())
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    wait_until('the followed log to begin', lambda: 'before' in ''.join(received))
    assert reader.is_alive()
    journal.open('go')
    reader.join(20)
    assert not reader.is_alive(), 'the stream did not end with the task'
    assert ''.join(received).replace('\r', '').split() == ['before', 'after']


@pytest.mark.parametrize('version', ['v1beta1', 'v2beta1'])
def test_artifact_content(server, run, version):
    run_id, task = run
    answer = server.request('GET', f'/apis/{version}/runs/{run_id}/nodes/{task["task_id"]}/artifacts/data:read')
    assert answer.status_code == 200 and set(answer.json()) == {'data'}
    assert base64.b64decode(answer.json()['data']) == bytes(range(256))


def test_metrics_artifacts_are_their_metadata(server, run):
    run_id, task = run

    def content(name):
        answer = server.ok('GET', f'/runs/{run_id}/nodes/{task["task_id"]}/artifacts/{name}:read')
        return json.loads(base64.b64decode(answer['data']))
    assert content('metrics') == {'accuracy': 0.75, 'rows': 10}
    scores = content('scores')
    assert scores['confusionMatrix']['rows'] == [{'row': [1, 2]}, {'row': [3, 4]}]
    assert scores['confidenceMetrics'][0] == {'confidenceThreshold': 1, 'recall': 0, 'falsePositiveRate': 0}


@dsl.component
def leaves(how: str, data: Output[Dataset], metrics: Output[Metrics], never: Output[Dataset], linked: Output[Dataset]):
    import os
    import time
    with open(data.path, 'w') as file:
        file.write('partial')
    os.symlink(os.path.dirname(data.path), linked.path)
    print('wrote it')
    if how == 'fails':
        raise RuntimeError('boom')
    if how == 'hangs':
        time.sleep(1000)


@dsl.pipeline(name='leaves')
def leaving(how: str):
    leaves(how=how)


@pytest.mark.parametrize('how', ['fails', 'hangs', 'succeeds'])
def test_what_a_task_left_can_be_read_however_it_ended(server, how):
    run_id = server.create_run(specs.compiled(leaving), how=how)

    def read(name):
        return server.request('GET', f'/runs/{run_id}/nodes/leaves/artifacts/{name}:read')
    if how == 'hangs':
        wait_until('it to write', lambda: 'wrote it' in server.log_of(run_id, 'leaves'))
        assert read('data').status_code == 404, 'it has not ended'
        server.ok('POST', f'/runs/{run_id}:terminate')
    server.finish(run_id)
    assert base64.b64decode(read('data').json()['data']) == b'partial'
    never = read('never')
    assert never.status_code == 404 and 'never written' in never.json()['error_message']
    assert read('linked').status_code == 400 and read('none').status_code == 404
    if how != 'succeeds':
        assert not server.tasks(run_id)['leaves'].get('outputs', {}).get('artifacts'), 'nobody else may take them'
        assert read('..%2F..').status_code in (400, 404)


def test_large_artifact(server, tmp_path):
    spec = specs.shell_pipeline({'big': Shell('mkdir -p "$(dirname "$1")"; head -c 20000000 /dev/zero > "$1"')})
    spec['components']['comp-big']['outputDefinitions'] = {
        'artifacts': {'data': {'artifactType': {'schemaTitle': 'system.Dataset', 'schemaVersion': '0.0.1'}}}}
    spec['deploymentSpec']['executors']['exec-big']['container']['args'] = ["{{$.outputs.artifacts['data'].path}}"]
    run_id = server.create_run(spec)
    server.succeed(run_id)
    answer = server.ok('GET', f'/runs/{run_id}/nodes/big/artifacts/data:read')
    assert len(base64.b64decode(answer['data'])) == 20000000


def test_silent_task_has_an_empty_log(server):
    run_id = server.create_run(specs.noop())
    server.succeed(run_id)
    answer = server.request('GET', f'/runs/{run_id}/nodes/only/log')
    assert (answer.status_code, answer.text) == (200, '')


def test_long_output_is_kept_whole(server):
    run_id = server.create_run(specs.shell_pipeline({'long': Shell('seq 1 200000')}))
    server.succeed(run_id)
    lines = server.log_of(run_id, server.tasks(run_id)['long']['task_id']).splitlines()
    assert lines == [str(number) for number in range(1, 200001)]


def test_metrics_of_both_processes(server):
    server.ok('GET', '/experiments')
    answer = server.request('GET', '/metrics')
    assert answer.status_code == 200 and answer.headers['Content-Type'].startswith('text/plain')
    lines = answer.text.splitlines()
    samples = [line for line in lines if line and not line.startswith('#')]
    assert len(samples) > 10
    for line in samples:
        assert SAMPLE.match(line), line
    typed = [line.split()[2] for line in lines if line.startswith('# TYPE ')]
    assert len(typed) == len(set(typed)), 'a metric is declared twice'
    assert any('gateway' in name for name in typed) and any(
        name.startswith('penstock_') and 'gateway' not in name for name in typed), typed
