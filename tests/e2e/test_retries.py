"""Tasks that are tried again after a failure."""

import pathlib

import pytest
from kfp import dsl

from waiting import wait_until

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.component
def fails_at_first(counter: str, failures: int) -> str:
    import os
    attempt = os.environ['KFP_RETRY_INDEX']
    with open(counter, 'a') as file:
        file.write(attempt + '\n')
    with open(counter) as file:
        if len(file.readlines()) <= failures:
            raise SystemExit(f'attempt {attempt} gives up')
    return attempt


@dsl.component
def note(folder: str, text: str):
    with open(f'{folder}/noted', 'w') as file:
        file.write(text)


@dsl.pipeline(name='retrying')
def retrying(folder: str, counter: str, failures: int):
    tried = fails_at_first(counter=counter, failures=failures).set_retry(2, backoff_duration='1s', backoff_factor=1.5)
    note(folder=folder, text=tried.output)


@dsl.pipeline(name='slowly')
def slowly(counter: str):
    fails_at_first(counter=counter, failures=1).set_retry(1, backoff_duration='5s')


@dsl.pipeline(name='inner')
def inner(counter: str, failures: int):
    fails_at_first(counter=counter, failures=failures)


@dsl.pipeline(name='retrying-a-pipeline')
def retrying_a_pipeline(counter: str):
    inner(counter=counter, failures=1).set_retry(1)


def arguments(folder: pathlib.Path, **more):
    return {'folder': str(folder), 'counter': str(folder / 'counter'), **more}


def test_success_at_the_last_attempt(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(retrying, arguments=arguments(tmp_path, failures=2))
    assert run.wait_for_run_completion(timeout=60).state == 'SUCCEEDED', server.succeed(run.run_id)
    assert (tmp_path / 'counter').read_text().split() == ['0', '1', '2']
    assert (tmp_path / 'noted').read_text() == '2'
    task = server.tasks(run.run_id)['fails-at-first']
    assert len(task['executor_detail']['failed_main_jobs']) == 2
    assert [entry['state'] for entry in task['state_history']] == [
        'PENDING', 'RUNNING', 'PENDING', 'RUNNING', 'PENDING', 'RUNNING', 'SUCCEEDED']
    # Each attempt has a log of its own.
    logs = [server.request('GET', f'/runs/{run.run_id}/nodes/{task["task_id"]}/log?attempt={number}').text
            for number in (1, 2, 3)]
    assert ['attempt 0 gives up' in logs[0], 'attempt 1 gives up' in logs[1], 'gives up' in logs[2]] == [
        True, True, False], logs


def test_failure_when_no_attempt_is_left(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(retrying, arguments=arguments(tmp_path, failures=5))
    assert server.finish(run.run_id)['state'] == 'FAILED'
    assert (tmp_path / 'counter').read_text().split() == ['0', '1', '2']
    assert server.task_states(run.run_id) == {'fails-at-first': 'FAILED', 'note': 'SKIPPED'}


def test_policy_of_a_pipeline_is_that_of_its_tasks(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(retrying_a_pipeline, arguments={'counter': str(tmp_path / 'counter')})
    server.succeed(run.run_id)
    assert (tmp_path / 'counter').read_text().split() == ['0', '1']


def test_a_wait_survives_the_server(own_server, tmp_path):
    counter = tmp_path / 'counter'
    run = own_server.client().create_run_from_pipeline_func(slowly, arguments={'counter': str(counter)})

    def waits() -> bool:
        history = own_server.tasks(run.run_id).get('fails-at-first', {}).get('state_history', [])
        return [entry['state'] for entry in history] == ['PENDING', 'RUNNING', 'PENDING']
    wait_until('the task to wait for its second attempt', waits, 30)
    own_server.kill()
    own_server.start()
    own_server.succeed(run.run_id)
    assert counter.read_text().split() == ['0', '1']
