"""What a run says of itself: why something waits, was skipped or failed, where it ran, what had no effect."""

import json

from kfp import dsl

import specs
from specs import Journal, Shell
from waiting import wait_until


def status(server, run_id, **query):
    return server.ok('GET', f'/apis/penstock/v1/runs/{run_id}/status', params=query)


def by_name(answer):
    return {task['name']: task for task in answer['tasks']}


def test_what_waits_says_why(make_server, tmp_path):
    server = make_server('--max_parallel_tasks=1', '--active_runs_max=1').start()
    journal = Journal(tmp_path / 'journal')
    pair = ('first', 'beside')
    run_id = server.create_run(specs.shell_pipeline({
        **{name: Shell(journal.writes(name, gate='gate')) for name in pair}, 'last': Shell('true', after=pair)}))
    wait_until('a task to start', lambda: any(journal.started(name) for name in pair), 60)
    waiting = server.create_run(specs.noop())
    tasks = by_name(status(server, run_id))
    # One of the two holds the only slot; which one is the engine's choice.
    running, blocked = sorted(pair, key=lambda name: tasks[name]['state'] != 'RUNNING')
    assert len(tasks[running]['attempts']) == 1 and not tasks[running]['attempts'][0].get('outcome')
    assert tasks[blocked]['state'] == 'PENDING' and tasks[blocked]['wait']['reason'] == 'WAITING_FOR_CAPACITY'
    wait = tasks['last']['wait']
    assert wait['reason'] == 'WAITING_FOR_UPSTREAM' and {task['name'] for task in wait['tasks']} == set(pair)
    assert "'first'" in wait['message']
    other = status(server, waiting)
    assert other['state'] == 'PENDING' and other['wait']['reason'] == 'WAITING_FOR_OTHER_RUNS', other
    assert '--active_runs_max' in other['wait']['message']

    assert {task['name'] for task in status(server, run_id, unfinished_only='true')['tasks']} >= {'first', 'last'}
    assert [task['name'] for task in status(server, run_id, task='last')['tasks']] == ['last']
    missing = server.request('GET', f'/apis/penstock/v1/runs/{run_id}/status', params={'task': 'none'})
    assert missing.status_code == 404 and "no task 'none'" in missing.text
    assert server.request('GET', '/apis/penstock/v1/runs/none/status').status_code == 404
    journal.open('gate')
    server.succeed(run_id)
    server.succeed(waiting)


@dsl.container_component
def fails():
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'echo the last words >&2; exit 7'])


@dsl.container_component
def dies():
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'kill -KILL $$'])


@dsl.component
def follow():
    print('never')


@dsl.pipeline(name='inner')
def inner():
    failed = fails().set_retry(num_retries=1)
    follow().after(failed)


@dsl.pipeline(name='failing')
def failing():
    with dsl.ParallelFor([1]):
        inner()
    killed = dies()
    after = follow().after(killed)
    follow().after(after).set_display_name('later')


def test_a_failure_is_told_from_its_process_up_to_the_run(server):
    run_id = server.create_run(specs.compiled(failing))
    run = server.finish(run_id)
    answer = status(server, run_id)
    failed = [task for task in answer['tasks'] if task['name'] == 'fails'][0]
    attempts = failed['attempts']
    assert [attempt['exit_code'] for attempt in attempts] == [7, 7]
    assert all('the last words' in attempt['log_tail'] and attempt['outcome'] == 'FAILED' for attempt in attempts)
    assert all(attempt['started_at'] and attempt['finished_at'] for attempt in attempts)
    message = failed['error']['message']
    assert message.startswith('Attempt 2 of 2: The program exited with code 7.') and 'the last words' in message
    # Up through the pipeline, the iteration and the loop.
    loop = [task for task in answer['tasks'] if task['name'].startswith('for-loop') and 'iteration' not in task][0]
    assert "Iteration 0: Task 'inner' failed: Task 'fails' failed: Attempt 2 of 2" in loop['error']['message']

    tasks = by_name({'tasks': [task for task in answer['tasks'] if not task.get('parent_task_id')]})
    assert tasks['dies']['attempts'][0]['signal'] == 9 and 'SIGKILL' in tasks['dies']['error']['message']
    for name in ('follow', 'follow-2'):
        cause = tasks[name]['skipped_because_of']
        assert tasks[name]['state'] == 'SKIPPED' and (cause['name'], cause['state']) == ('dies', 'FAILED')
    inside = [task for task in answer['tasks'] if task['name'] == 'follow' and task.get('parent_task_id')]
    assert inside[0]['skipped_because_of']['name'] == 'fails'
    assert run['error']['message'] and answer['error']['message'] == run['error']['message']


def test_settings_for_kubernetes_are_named_once(server):
    spec = specs.noop()
    platform = {'platforms': {'kubernetes': {
        'deploymentSpec': {'executors': {'exec-only': {'nodeSelector': {'labels': {'disk': 'ssd'}}}}},
        'pipelineConfig': {'resourceTtlOnCompletion': 60}}}}
    run_id = server.create_run({'pipeline_spec': spec, 'platform_spec': platform})
    run = server.succeed(run_id)
    (note,) = status(server, run_id)['notes']
    assert "nodeSelector ('exec-only')" in note and 'resourceTtlOnCompletion' in note
    assert run['pipeline_spec']['platform_spec']['platforms']['kubernetes']['deploymentSpec']  # kept, and shown
    assert f'run has a note run={run_id}' in server.log.read_text()
    assert not status(server, server.create_run(spec)).get('notes')


@dsl.component(task_config_passthroughs=[dsl.TaskConfigField.RESOURCES,
                                         dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.ENV, apply_to_task=True)])
def configured(result: str, task_config: dsl.TaskConfig):
    import json
    import os
    with open(result, 'w') as file:
        json.dump({'resources': task_config.resources, 'env': task_config.env, 'own': os.environ.get('LEVEL'),
                   'node_selector': task_config.node_selector}, file)


@dsl.pipeline(name='configuring')
def configuring(result: str):
    task = configured(result=result)
    task.set_cpu_limit('2').set_memory_request('1Gi').set_env_variable('LEVEL', 'high')


def test_task_config_is_passed_on(server, tmp_path):
    result = tmp_path / 'result'
    server.succeed(server.create_run(specs.compiled(configuring), result=str(result)))
    assert json.loads(result.read_text()) == {
        'resources': {'limits': {'cpu': '2'}, 'requests': {'memory': '1Gi'}},
        'env': [{'name': 'LEVEL', 'value': 'high'}], 'own': 'high', 'node_selector': None}


def test_macros_in_run_parameters(server, tmp_path):
    spec = specs.shell_pipeline({'only': Shell('printf "%s" "$1" > "$2"', takes=['text', 'result'])},
                                text='s', result='s')
    result = tmp_path / 'result'
    run_id = server.create_run(spec, text='[[RunUUID]] [[CurrentTime.2006]] [[Unknown]]', result=str(result))
    run = server.succeed(run_id)
    assert run['runtime_config']['parameters']['text'] == '[[RunUUID]] [[CurrentTime.2006]] [[Unknown]]'
    assert result.read_text() == f'{run_id} {run["created_at"][:4]} [[Unknown]]'


def test_a_task_has_the_time_that_set_timeout_gives_it(server):
    spec = specs.shell_pipeline({'slow': specs.Shell('sleep 100'), 'quick': specs.Shell('exit 0')})
    platform = {'platforms': {'kubernetes': {'deploymentSpec': {'executors': {
        'exec-slow': {'activeDeadlineSeconds': '1'}, 'exec-quick': {'activeDeadlineSeconds': '0'}}}}}}
    run_id = server.create_run({'pipeline_spec': spec, 'platform_spec': platform})
    assert server.finish(run_id)['state'] == 'FAILED'
    answer = status(server, run_id)
    tasks = by_name(answer)
    assert tasks['quick']['state'] == 'SUCCEEDED'
    assert 'time-out of 1s' in tasks['slow']['attempts'][0]['message']
    assert not answer.get('notes')
