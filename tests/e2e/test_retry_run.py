"""Runs that are retried: what did not succeed runs again, through REST and the generated client."""

import pathlib

import kfp_server_api
import pytest
from kfp import dsl

import specs
from specs import Shell
from waiting import wait_until


@dsl.component
def count(folder: str, name: str) -> str:
    with open(f'{folder}/{name}', 'a') as file:
        file.write('x')
    return name


@dsl.component
def needs(folder: str, name: str, after: str) -> str:
    import os
    with open(f'{folder}/tried-{name}', 'a') as file:
        file.write('x')
    if not os.path.exists(f'{folder}/may-{name}'):
        raise SystemExit(f'{name} is not allowed yet')
    return f'{name} after {after}'


@dsl.component
def note(folder: str, status: dsl.PipelineTaskFinalStatus):
    with open(f'{folder}/states', 'a') as file:
        file.write(status.state + '\n')


@dsl.component
def write(folder: str, texts: list):
    with open(f'{folder}/written', 'w') as file:
        file.write(' | '.join(sorted(texts)))


@dsl.pipeline(name='inner')
def inner(folder: str, name: str) -> str:
    first = count(folder=folder, name=name)
    return needs(folder=folder, name=name, after=first.output).output


@dsl.pipeline(name='looping')
def looping(folder: str, names: list = ['a', 'b', 'c']):
    with dsl.ParallelFor(names) as name:
        done = inner(folder=folder, name=name)
    write(folder=folder, texts=dsl.Collected(done.output))


@dsl.pipeline(name='with-exit')
def with_exit(folder: str):
    with dsl.ExitHandler(note(folder=folder)):
        needs(folder=folder, name='it', after='nothing')


def retry(server, run_id):
    assert server.ok('POST', f'/runs/{run_id}:retry', json={}) == {}


def test_only_what_did_not_succeed_runs_again(server, journal):
    spec = specs.shell_pipeline({
        'first': Shell(journal.writes('first')),
        'bad': Shell(f'echo try >> {journal.folder}/tries; test -e {journal.folder}/good', after=['first']),
        'next': Shell(journal.writes('next'), after=['bad']),
        'other': Shell(journal.writes('other'))})
    run_id = server.create_run(spec)
    assert server.finish(run_id)['state'] == 'FAILED'
    retry(server, run_id)
    run = server.finish(run_id)  # a retry may fail, and be retried
    assert run['state'] == 'FAILED' and "'bad'" in run['error']['message']
    journal.open('good')
    retry(server, run_id)
    run = server.succeed(run_id)
    assert 'error' not in run
    assert [entry['state'] for entry in run['state_history']] == [
        'PENDING', 'RUNNING', 'FAILED', 'PENDING', 'RUNNING', 'FAILED', 'PENDING', 'RUNNING', 'SUCCEEDED']
    journal.each_once(['first', 'other', 'next'])
    assert (journal.folder / 'tries').read_text().split() == ['try'] * 3
    task = server.tasks(run_id)['bad']
    assert len(task['executor_detail']['failed_main_jobs']) == 2
    assert server.request('GET', f'/runs/{run_id}/nodes/bad/log?attempt=3').status_code == 200


@pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')
def test_loops_and_nested_pipelines_go_on(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(looping, arguments={'folder': str(tmp_path)})
    (tmp_path / 'may-b').touch()
    if server.finish(run.run_id)['state'] == 'FAILED':  # 'b' may have been too early
        (tmp_path / 'may-a').touch()
        retry(server, run.run_id)
    assert server.finish(run.run_id)['state'] == 'FAILED'
    (tmp_path / 'may-c').touch()
    retry(server, run.run_id)
    server.succeed(run.run_id)
    assert (tmp_path / 'written').read_text() == 'a after a | b after b | c after c'
    assert [(tmp_path / name).read_text() for name in 'abc'] == ['x'] * 3, 'what succeeded ran once'
    assert (tmp_path / 'tried-c').read_text() == 'xxx'


@pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')
def test_exit_handlers_see_the_new_end(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(with_exit, arguments={'folder': str(tmp_path)})
    assert server.finish(run.run_id)['state'] == 'FAILED'
    (tmp_path / 'may-it').touch()
    retry(server, run.run_id)
    server.succeed(run.run_id)
    assert (tmp_path / 'states').read_text().split() == ['FAILED', 'COMPLETE']


def test_a_terminated_run_is_retried_with_the_generated_client(server, client, journal):
    run_id = server.create_run(specs.shell_pipeline({'a': Shell(journal.writes('a', gate='open')),
                                                     'b': Shell(journal.writes('b'), after=['a'])}))
    wait_until('the task to run', lambda: journal.started('a'))
    client.terminate_run(run_id)
    assert server.finish(run_id)['state'] == 'FAILED'
    journal.open('open')
    runs = kfp_server_api.RunServiceApi(client._run_api.api_client)
    runs.run_service_retry_run(run_id)
    server.succeed(run_id)
    assert journal.lines() == ['start a', 'start a', 'end a', 'start b', 'end b']
    with pytest.raises(kfp_server_api.ApiException) as refused:
        runs.run_service_retry_run(run_id)
    assert refused.value.status == 409 and 'SUCCEEDED' in refused.value.body


def test_a_retry_survives_the_server(own_server, tmp_path: pathlib.Path):
    journal = specs.Journal(tmp_path / 'journal')
    spec = specs.shell_pipeline({
        'a': Shell(journal.writes('a')),
        'b': Shell(f'test -e {journal.folder}/good || exit 1; {journal.writes("b", gate="open")}', after=['a'])})
    run_id = own_server.create_run(spec)
    assert own_server.finish(run_id)['state'] == 'FAILED'
    journal.open('good')
    retry(own_server, run_id)
    own_server.kill()
    own_server.start()
    wait_until('the task to run again', lambda: journal.started('b'))
    own_server.kill()
    own_server.start()
    journal.open('open')
    own_server.succeed(run_id)
    journal.each_once(['a', 'b'])
