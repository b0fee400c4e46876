"""Runs as pods on a real node: what a user does in a day, and what goes wrong in it."""

import os
import signal
from typing import Any, Callable, Dict

import kfp
from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

import processes
import specs
from conftest import PodServer
from specs import Shell
from waiting import wait_until


def shell_pipeline(tasks: Dict[str, Shell]) -> Dict[str, Any]:
    """Its tasks run in an image that the node has."""
    spec = specs.shell_pipeline(tasks)
    for executor in spec['deploymentSpec']['executors'].values():
        executor['container']['image'] = 'python:3.11'
    return spec


@dsl.component
def prepare(rows: int, data: Output[Dataset]) -> int:
    with open(data.path, 'w') as file:
        file.write('\n'.join(str(i) for i in range(rows)))
    print('prepared', rows)
    return rows


@dsl.component
def train(data: Input[Dataset], model: Output[Model], metrics: Output[Metrics]):
    import os
    with open(data.path) as file:
        numbers = [int(line) for line in file]
    os.makedirs(model.path)
    with open(f'{model.path}/weights', 'w') as file:
        file.write(str(sum(numbers)))
    metrics.log_metric('sum', float(sum(numbers)))


@dsl.component
def weigh(model: Input[Model]) -> str:
    with open(f'{model.path}/weights') as file:
        return file.read()


@dsl.pipeline(name='training')
def training(rows: int = 10):
    prepared = prepare(rows=rows)
    trained = train(data=prepared.outputs['data'])
    weighed = weigh(model=trained.outputs['model'])
    with dsl.If(weighed.output == '45'):
        prepare(rows=1).set_display_name('again')
    with dsl.ParallelFor([1, 2]) as rows_of_loop:
        prepare(rows=rows_of_loop).set_display_name('looped')


def test_components_pass_artifacts_through_the_store(server: PodServer, s3: Any) -> None:
    client: kfp.Client = server.client()
    run = client.create_run_from_pipeline_func(training, arguments={'rows': 10}, enable_caching=True)
    client.wait_for_run_completion(run.run_id, timeout=300)
    server.succeed(run.run_id)
    tasks = server.status(run.run_id)
    assert tasks['weigh']['state'] == 'SUCCEEDED'
    keys = s3.objects('pods')
    assert any(key.endswith('/model/weights') for key in keys), keys
    assert any('@logs/' in key for key in keys), 'logs are kept in the store'
    wait_until('the pods to go', lambda: not server.pods(run.run_id))
    # Nothing of it is a pod again, and neither are conditions and loops.
    again = client.create_run_from_pipeline_func(training, arguments={'rows': 10}, enable_caching=True)
    server.succeed(again.run_id)
    assert {task['cache']['result'] for task in server.status(again.run_id).values() if 'cache' in task} == {'HIT'}
    assert not server.pods(again.run_id)


def test_a_log_is_read_while_it_is_written_and_when_its_pod_has_gone(server: PodServer) -> None:
    run_id = server.create_run(shell_pipeline({'talk': Shell('echo first; sleep 4; echo last')}))
    wait_until('the task to run', lambda: server.status(run_id).get('talk', {}).get('attempts'))
    task_id = server.status(run_id)['talk']['task_id']
    log = wait_until('the first line', lambda: server.log_of(run_id, task_id) or None)
    assert log == 'first\n', log
    server.succeed(run_id)
    wait_until('the pod to go', lambda: not server.pod_of('talk'))
    assert server.log_of(run_id, task_id) == 'first\nlast\n'


def test_a_failure_says_why(server: PodServer) -> None:
    spec = shell_pipeline({'oom': Shell('echo begun; exec python3 -c "bytearray(300 << 20)"; echo no'),
                           'broken': Shell('echo about to fail; exit 7'), 'lost': Shell('no-such-program')})
    spec['deploymentSpec']['executors']['exec-oom']['container'].update(
        resources={'resourceMemoryLimit': '64Mi'})
    run_id = server.create_run(spec)
    assert server.finish(run_id)['state'] == 'FAILED'
    attempts = {name: task['attempts'][-1] for name, task in server.status(run_id).items()}
    assert 'OOMKilled' in attempts['oom']['message'] or 'memory' in attempts['oom']['message'], attempts['oom']
    assert attempts['broken']['exit_code'] == 7 and attempts['broken']['log_tail'] == 'about to fail\n'
    assert attempts['lost']['exit_code'] == 127


def test_a_task_that_waits_says_for_what(server: PodServer) -> None:
    spec = shell_pipeline({'greedy': Shell('true'), 'imageless': Shell('true'), 'secretless': Shell('true')})
    executors = spec['deploymentSpec']['executors']
    executors['exec-greedy']['container']['resources'] = {'resourceCpuRequest': '1000'}
    executors['exec-imageless']['container']['image'] = 'localhost:1/nobody/has-this:1'
    platform = {'platforms': {'kubernetes': {'deploymentSpec': {'executors': {
        'exec-secretless': {'secretAsVolume': [{'secretName': 'not-there', 'mountPath': '/s'}]}}}}}}
    run_id = server.create_run({'pipeline_spec': spec, 'platform_spec': platform})

    def reason(task: str) -> str:
        return server.status(run_id).get(task, {}).get('wait', {}).get('reason', '')

    for task, word in (('greedy', 'WAITING_FOR_NODE'), ('imageless', 'WAITING_FOR_IMAGE'),
                       ('secretless', 'WAITING_FOR_VOLUME')):
        wait_until(f'{task} to say {word}', lambda name=task, expected=word: reason(name) == expected)
    messages = {name: task['wait']['message'] for name, task in server.status(run_id).items()}
    assert 'Insufficient cpu' in messages['greedy'], messages
    assert 'not-there' in messages['secretless'], messages
    server.ok('POST', f'/runs/{run_id}:terminate')
    server.finish(run_id)
    wait_until('the pods to go', lambda: not server.pods(run_id))


def test_what_never_begins_ends(new_server: Callable[..., PodServer]) -> None:
    server = new_server('impatient', '--pending_timeout_s=3').start()
    spec = shell_pipeline({'greedy': Shell('true')})
    spec['deploymentSpec']['executors']['exec-greedy']['container']['resources'] = {'resourceCpuRequest': '1000'}
    run_id = server.create_run(spec)
    assert server.finish(run_id)['state'] == 'FAILED'
    message = server.status(run_id)['greedy']['attempts'][-1]['message']
    assert 'Insufficient cpu' in message, message


def test_a_pod_that_somebody_deletes_begins_again(server: PodServer) -> None:
    run_id = server.create_run(shell_pipeline({'work': Shell('sleep 3; echo done')}))
    first = wait_until('the pod to run', lambda: _running(server, 'work'))
    server.cluster.api('DELETE', f'/api/v1/namespaces/{server.namespace}/pods/{first}', {'gracePeriodSeconds': 1})
    server.succeed(run_id)
    attempts = server.status(run_id)['work']['attempts']
    assert [attempt['outcome'] for attempt in attempts] == ['DISRUPTED', 'SUCCEEDED'], attempts
    assert 'deleted' in attempts[0]['message'], attempts[0]


def _running(server: PodServer, task: str) -> str:
    """The name of the task's pod, once its program runs."""
    pod = server.pod_of(task)
    states = pod.get('status', {}).get('containerStatuses', [{}])
    return pod['metadata']['name'] if states[0].get('state', {}).get('running') else ''


def test_a_terminated_run_leaves_no_pod(server: PodServer) -> None:
    script = 'trap "echo bye; exit 0" TERM; while :; do sleep 0.1; done'
    run_id = server.create_run(shell_pipeline({'work': Shell(script)}))
    wait_until('the pod to run', lambda: _running(server, 'work'))
    server.ok('POST', f'/runs/{run_id}:terminate')
    server.finish(run_id)
    assert server.status(run_id)['work']['state'] == 'CANCELED'
    wait_until('the pod to go', lambda: not server.pod_of('work'))


def test_deaths_of_all_that_watch_leave_a_run_as_it_is(new_server: Callable[..., PodServer]) -> None:
    server = new_server('deaths').start()
    run_id = server.create_run(shell_pipeline({
        'first': Shell('echo ran; sleep 6; echo done'), 'then': Shell('echo $0', after=['first'])}))
    pod = wait_until('the pod to run', lambda: _running(server, 'first'))
    kube = processes.child_named(server.pid, 'penstock-kube')
    os.kill(kube, signal.SIGKILL)
    wait_until('another to take its place',
               lambda: processes.child_named(server.pid, 'penstock-kube') not in (None, kube))
    server.kill()
    server.start()
    assert _running(server, 'first') in ('', pod)
    server.succeed(run_id)
    assert [len(task['attempts']) for task in server.status(run_id).values()] == [1, 1]


def test_an_api_server_that_goes_away_holds_up_and_loses_nothing(new_server: Callable[..., PodServer]) -> None:
    server = new_server('outage').start()
    run_id = server.create_run(shell_pipeline({
        'first': Shell('sleep 3; echo done'), 'then': Shell('echo $0', after=['first'])}))
    wait_until('the pod to run', lambda: _running(server, 'first'))
    server.cluster.kill_api_server()
    reason: Callable[[], str] = lambda: server.status(run_id).get('then', {}).get('wait', {}).get('reason', '')
    wait_until('the next task to say that the cluster does not answer', lambda: reason() == 'WAITING_FOR_PLATFORM', 60)
    server.cluster.start_api_server()
    server.succeed(run_id)
    assert [len(task['attempts']) for task in server.status(run_id).values()] == [1, 1]


def test_a_run_may_have_tasks_here_and_there(server: PodServer) -> None:
    spec = shell_pipeline({'here': Shell('cat /etc/os-release'), 'there': Shell('cat /etc/os-release', after=['here'])})
    spec['deploymentSpec']['executors']['exec-here']['container']['env'] = [
        {'name': 'PENSTOCK_EXECUTOR', 'value': 'local'}]
    run_id = server.create_run(spec)
    server.succeed(run_id)
    logs = {name: server.log_of(run_id, task['task_id']) for name, task in server.tasks(run_id).items()}
    assert 'An image of tests' in logs['there'] and 'An image of tests' not in logs['here'], logs
    body = {'display_name': 'local', 'pipeline_spec': shell_pipeline({'here': Shell('cat /etc/os-release')}),
            'runtime_config': {}, 'plugins_input': {'penstock_executor': {'name': 'local'}}}
    run_id = server.ok('POST', '/runs', json=body)['run_id']
    server.succeed(run_id)
    assert 'An image of tests' not in server.log_of(run_id, server.tasks(run_id)['here']['task_id'])
    body['plugins_input'] = {'penstock_executor': {'name': 'slurm'}}
    answer = server.request('POST', '/runs', json=body)
    assert answer.status_code == 400 and 'kubernetes, local' in answer.text, answer.text


def test_large_outputs_come_however_they_can(server: PodServer) -> None:
    @dsl.component
    def produce() -> str:
        import random
        return ''.join(random.choice('abcdefghijklmnop') for _ in range(3_000_000))

    @dsl.pipeline(name='large')
    def large():
        produce()
    run_id = server.create_run(specs.compiled(large))
    server.succeed(run_id)
    task = server.ok('GET', f'/runs/{run_id}')['run_details']['task_details'][0]
    assert task['state'] == 'SUCCEEDED'


def test_secrets_claims_and_the_like(server: PodServer) -> None:
    server.create('secrets', {'metadata': {'name': 'password'}, 'stringData': {'word': 'open sesame'}})
    server.create('configmaps', {'metadata': {'name': 'letters'}, 'data': {'a': 'alpha'}})
    spec = shell_pipeline({'look': Shell('echo $WORD; cat /letters/a; echo; echo $NODE; df /scratch | tail -n 1')})
    settings: Dict[str, Any] = {
        'secretAsEnv': [{'secretName': 'password', 'keyToEnv': [{'secretKey': 'word', 'envVar': 'WORD'}]}],
        'configMapAsVolume': [{'configMapName': 'letters', 'mountPath': '/letters'}],
        'fieldPathAsEnv': [{'name': 'NODE', 'fieldPath': 'spec.nodeName'}],
        'emptyDirMounts': [{'volumeName': 'scratch', 'mountPath': '/scratch', 'medium': 'Memory', 'sizeLimit': '8Mi'}]}
    platform = {'platforms': {'kubernetes': {'deploymentSpec': {'executors': {'exec-look': settings}}}}}
    run_id = server.create_run({'pipeline_spec': spec, 'platform_spec': platform})
    server.succeed(run_id)
    log = server.log_of(run_id, server.tasks(run_id)['look']['task_id'])
    assert log.splitlines()[:3] == ['open sesame', 'alpha', 'localhost'] and '/scratch' in log, log
