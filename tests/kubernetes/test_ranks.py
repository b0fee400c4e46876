"""Tasks of several pods, which train together, on a real node."""

import os
import signal
from typing import Any, Dict, List

import pytest

import images
import processes
import specs
from conftest import PodServer
from machine import free_ports
from specs import Shell
from waiting import wait_until

# Each rank but 0 says its rank to rank 0, which waits for all of them.
MEET = '''
import os, pathlib, socket, sys, time
rank, size = int(os.environ['RANK']), int(os.environ['WORLD_SIZE'])
address = (os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']))
if rank:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(address, timeout=20) as connection:
                connection.sendall(f'{rank}\\n'.encode())
            break
        except ConnectionRefusedError:  # rank 0 does not listen yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
else:
    with socket.create_server(('', address[1])) as listener:
        listener.settimeout(20)
        said = []
        while len(said) < size - 1:
            connection, _ = listener.accept()
            said.append(connection.makefile().readline().strip())
    print('met', *sorted(said))
print('rank', rank, 'of', size)
pathlib.Path(sys.argv[1]).write_text(f'of rank {rank}')
'''


def shell_pipeline(tasks: Dict[str, Shell], **parameters: str) -> Dict[str, Any]:
    spec = specs.shell_pipeline(tasks, **parameters)
    for executor in spec['deploymentSpec']['executors'].values():
        executor['container']['image'] = 'python:3.11'
    return spec


def ranks(script: str, size: int) -> Dict[str, Any]:
    """A pipeline of one task, "train"."""
    spec = shell_pipeline({'train': Shell(script)})
    container = spec['deploymentSpec']['executors']['exec-train']['container']
    container['env'] = [{'name': 'MASTER_PORT', 'value': str(free_ports(1))}]
    # As kubernetes.add_pod_annotation(task, 'penstock.dev/pods', '3') writes it.
    settings = {'podMetadata': {'annotations': {'penstock.dev/pods': str(size)}}}
    platform = {'platforms': {'kubernetes': {'deploymentSpec': {'executors': {'exec-train': settings}}}}}
    return {'pipeline_spec': spec, 'platform_spec': platform}


def pods_of(server: PodServer) -> List[Dict[str, Any]]:
    """By rank."""
    ranked = [pod for pod in server.pods() if 'penstock.dev/rank' in pod['metadata'].get('labels', {})]
    return sorted(ranked, key=lambda pod: int(pod['metadata']['labels']['penstock.dev/rank']))


def two_fifths(server: PodServer) -> str:
    """Of the node's processors: there is room for two pods that ask for as much."""
    cores = server.cluster.find('/api/v1/nodes/localhost')['status']['allocatable']['cpu']
    return f'{int(float(cores) * 1000 * 0.4)}m'


def running(server: PodServer) -> List[str]:
    return [pod['metadata']['name'] for pod in pods_of(server) if pod['status']['phase'] == 'Running']


def kill_program(server: PodServer) -> None:
    before = processes.child_named(server.pid, 'penstock-kube')
    os.kill(before, signal.SIGKILL)
    wait_until('another to take its place',
               lambda: processes.child_named(server.pid, 'penstock-kube') not in (None, before))


@pytest.fixture(scope='module')
def server(new_server: Any) -> PodServer:
    return new_server('ranks', settings='pods: {failed: delete}\n').start()


def test_pods_of_a_task_find_each_other(server: PodServer, s3: Any) -> None:
    spec = ranks('', 3)
    pipeline = spec['pipeline_spec']
    executor = pipeline['deploymentSpec']['executors']['exec-train']['container']
    executor.update(command=['python3', '-c', MEET], args=["{{$.outputs.parameters['out'].output_file}}"])
    pipeline['components']['comp-train']['outputDefinitions'] = {'parameters': {'out': {'parameterType': 'STRING'}}}
    reader = shell_pipeline({'read': Shell('echo "$1"', takes=['out'])}, out='s')
    pipeline['components'].update(reader['components'])
    pipeline['deploymentSpec']['executors'].update(reader['deploymentSpec']['executors'])
    pipeline['root']['dag']['tasks']['read'] = {
        **reader['root']['dag']['tasks']['read'], 'dependentTasks': ['train'],
        'inputs': {'parameters': {
            'out': {'taskOutputParameter': {'producerTask': 'train', 'outputParameterKey': 'out'}}}}}
    run_id = server.create_run(spec)
    pods = wait_until('three pods', lambda: pods_of(server) if len(pods_of(server)) == 3 else None, 60)
    first = pods[0]['metadata']['name']
    assert [pod['metadata']['name'] for pod in pods] == [first, f'{first}-1', f'{first}-2']
    server.succeed(run_id, 120)
    task = server.tasks(run_id)['train']
    log = server.log_of(run_id, task['task_id'])
    assert log.endswith('met 1 2\nrank 0 of 3\n'), log
    assert server.log_of(run_id, server.tasks(run_id)['read']['task_id']) == 'of rank 0\n'
    logs = [key.rpartition('/')[2] for key in s3.objects('pods') if run_id in key and 'rank-' in key]
    assert sorted(logs) == ['train-1.rank-1.log', 'train-1.rank-2.log'], logs
    wait_until('the pods to go', lambda: not server.pods())


def test_one_that_fails_ends_all(server: PodServer) -> None:
    run_id = server.create_run(ranks('[ $RANK = 1 ] && { sleep 1; echo cannot go on; exit 5; }; sleep 1000', 3))
    assert server.finish(run_id, 120)['state'] == 'FAILED'
    attempt = server.status(run_id)['train']['attempts'][-1]
    assert 'rank 1: ' in attempt['message'] and 'exit code 5' in attempt['message'], attempt
    assert attempt['exit_code'] == 5 and 'cannot go on' in attempt['log_tail'], attempt
    wait_until('the pods to go', lambda: not server.pods())


def test_none_begins_before_all_can(server: PodServer) -> None:
    spec = ranks('echo begun; sleep 1000', 3)
    container = spec['pipeline_spec']['deploymentSpec']['executors']['exec-train']['container']
    container['resources'] = {'resourceCpuRequest': two_fifths(server)}
    run_id = server.create_run(spec)

    def wait() -> Dict[str, Any]:
        return server.status(run_id).get('train', {}).get('wait', {})

    wait_until('a rank without a node', lambda: wait().get('reason') == 'WAITING_FOR_NODE', 60)
    assert wait()['message'].startswith('rank ') and 'Insufficient cpu' in wait()['message'], wait()

    wait_until('two that run', lambda: len(running(server)) == 2, 60)
    for name in running(server):
        said = server.cluster.kubectl('logs', '-n', server.namespace, name, check=False)
        assert 'begun' not in said, said
    server.ok('POST', f'/runs/{run_id}:terminate')
    server.finish(run_id)
    wait_until('the pods to go', lambda: not server.pods())


def test_deaths_of_the_program_lose_nothing(server: PodServer) -> None:
    """Once while a pod waits for the other, and once while both run."""
    share = two_fifths(server)
    server.cluster.create_pod({'metadata': {'name': 'in-the-way'}, 'spec': {
        'terminationGracePeriodSeconds': 0, 'automountServiceAccountToken': False, 'containers': [
            {'name': 'main', 'image': images.TASK, 'imagePullPolicy': 'Never', 'command': ['sleep', '1000'],
             'resources': {'requests': {'cpu': share}}}]}}, server.namespace)
    at = f'/api/v1/namespaces/{server.namespace}/pods/in-the-way'
    wait_until('what is in the way', lambda: server.cluster.find(at)['status']['phase'] == 'Running', 60)
    spec = ranks('echo begun; sleep 6; echo ended', 2)
    container = spec['pipeline_spec']['deploymentSpec']['executors']['exec-train']['container']
    container['resources'] = {'resourceCpuRequest': share}
    run_id = server.create_run(spec)
    first = wait_until('one that waits', lambda: running(server), 60)
    wait_until('it to say so', lambda: 'waits for the others' in server.cluster.kubectl(
        'logs', '-n', server.namespace, first[0], check=False), 60)
    kill_program(server)
    server.cluster.api('DELETE', at)
    wait_until('both to begin', lambda: all('begun' in server.cluster.kubectl(
        'logs', '-n', server.namespace, pod['metadata']['name'], check=False) for pod in pods_of(server)), 60)
    kill_program(server)
    server.succeed(run_id, 120)
    attempts = server.status(run_id)['train']['attempts']
    assert [attempt['outcome'] for attempt in attempts] == ['SUCCEEDED'], attempts
    wait_until('the pods to go', lambda: not server.pods())
