"""penstock-launch as the first process of containers, on a real node."""

import base64
import gzip
import json
import os
import pathlib
from typing import Any, Dict, Iterator, List, Optional

import pytest

import images
from cluster import Cluster, missing
from machine import wait_until

PROGRAM = pathlib.Path(os.environ.get('PENSTOCK_LAUNCH') or
                       pathlib.Path(__file__).resolve().parents[2] / 'build/release/bin/penstock-launch')
# What namespaces for untrusted users ask of containers, and a root file system that nobody may write to.
RESTRICTED = {'allowPrivilegeEscalation': False, 'readOnlyRootFilesystem': True, 'capabilities': {'drop': ['ALL']},
              'runAsNonRoot': True, 'runAsUser': 12345, 'seccompProfile': {'type': 'RuntimeDefault'}}


@pytest.fixture(scope='module')
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    why_not = missing() or (None if PROGRAM.exists() else f'{PROGRAM} is not built')
    if why_not:
        pytest.skip(f'NOT TESTED: {why_not}')
    with Cluster(tmp_path_factory.mktemp('cluster')) as made:
        for archive in (images.task(), images.bare(), images.launcher(PROGRAM)):
            made.import_image(archive)
        yield made


class Attempt:
    """A pod whose init container brings the launcher, and what the launcher leaves."""

    def __init__(self, cluster: Cluster, name: str, command: List[str], image: str = images.TASK,
                 security: Optional[Dict[str, Any]] = None, more: Optional[Dict[str, Any]] = None) -> None:
        self.cluster, self.name = cluster, name
        self.state: Dict[str, Any] = {}
        request = {'command': command, 'log': {'path': '/penstock/log', 'uri': ''}, 'pod': {
            'state_dir': '/penstock/state', 'directories': ['/penstock/work/out'], 'log_bytes': 1 << 20,
            'grace_ms': 5000,
            'parameter_files': [{'name': 'p', 'path': '/penstock/work/out/p'}],
            'termination_path': '/dev/termination-log', **(more or {})}}
        chunks = base64.b64encode(gzip.compress(json.dumps(request).encode())).decode()
        mounts = [{'name': 'penstock', 'mountPath': '/penstock'}]
        cluster.create_pod({'metadata': {'name': name, 'finalizers': ['penstock.test/hold']}, 'spec': {
            'restartPolicy': 'Never', 'automountServiceAccountToken': False,
            'volumes': [{'name': 'penstock', 'emptyDir': {}}],
            'initContainers': [{
                'name': 'launcher', 'image': images.LAUNCHER, 'imagePullPolicy': 'Never', 'volumeMounts': mounts,
                'command': ['/usr/local/bin/penstock-launch', 'copy', '/penstock/launch']}],
            'containers': [{
                'name': 'main', 'image': image, 'imagePullPolicy': 'Never', 'volumeMounts': mounts,
                'command': ['/penstock/launch', 'pod', *(chunks[i:i + 100] for i in range(0, len(chunks), 100))],
                'resources': {'limits': {'cpu': '500m', 'memory': '256Mi'}}, 'securityContext': security or {}}]}})

    def log(self) -> str:
        return self.cluster.kubectl('logs', self.name, check=False)

    def end(self) -> Dict[str, Any]:
        """What the kubelet knows of the container, with what the launcher says of it as 'ended'."""
        pod = self.cluster.await_pod(self.name)
        self.state = pod['status']['containerStatuses'][0]['state']['terminated']
        return json.loads(self.state['message'])['result']['ended']


def text(encoded: Optional[str]) -> str:
    return base64.b64decode(encoded or '').decode()


def test_it_runs_a_task_under_the_first_process(cluster: Cluster) -> None:
    attempt = Attempt(cluster, 'plain', ['sh', '-c', 'test $PPID = 1 && echo out; echo err >&2; pwd; '
                                         'echo value > /penstock/work/out/p; setsid sleep 1000 &'])
    ended = attempt.end()
    assert attempt.state['exitCode'] == 0 and ended['exit_code'] == 0, ended
    assert attempt.log() == 'out\nerr\n/\n'
    assert text(ended['parameter_files']['p']) == 'value\n'
    assert ended['machine']['cpus'] == 1 and ended['machine']['memory_bytes'] == 256 << 20
    assert ended['machine']['hostname'] == 'plain' and ended['machine']['os'] == 'An image of tests'


def test_it_needs_no_rights(cluster: Cluster) -> None:
    attempt = Attempt(cluster, 'restricted', ['sh', '-c', 'id -u; touch /x; exit 7'], security=RESTRICTED)
    ended = attempt.end()
    assert attempt.state['exitCode'] == 7 and ended['exit_code'] == 7
    assert text(ended['log_tail']) == '12345\ntouch: /x: Read-only file system\n'


def test_it_needs_nothing_in_the_image(cluster: Cluster) -> None:
    attempt = Attempt(cluster, 'bare', ['/task', 'write', '/penstock/work/out/p', 'text', 'exit', '3'], images.BARE,
                      {**RESTRICTED, 'runAsUser': 65534})
    ended = attempt.end()
    assert attempt.state['exitCode'] == 3 and ended['exit_code'] == 3
    assert attempt.log() == text(ended['log_tail']) == 'user 65534, folder /\n'


def test_a_deleted_pod_tells_how_its_task_took_it(cluster: Cluster) -> None:
    attempt = Attempt(cluster, 'told', ['sh', '-c', 'trap "echo goodbye; exit 4" TERM; echo ready; '
                                        'while :; do sleep 0.1; done'])
    wait_until('the task to be ready', lambda: 'ready' in attempt.log(), 60)
    cluster.api('DELETE', '/api/v1/namespaces/default/pods/told')
    ended = attempt.end()
    assert ended['stopped'] and ended['exit_code'] == 4
    assert text(ended['log_tail']).endswith('goodbye\n')


def test_it_outlives_a_task_that_needs_too_much_memory(cluster: Cluster) -> None:
    if pathlib.Path('/sys/fs/cgroup/cgroup.controllers').exists():
        pytest.skip('NOT TESTED: with control groups of version 2 all of a container is killed')
    attempt = Attempt(cluster, 'memory', ['python3', '-c', 'bytearray(10 ** 9)'])
    ended = attempt.end()
    assert ended['signal'] == 9 and attempt.state['exitCode'] == 137 and attempt.state['reason'] == 'OOMKilled'


def test_a_launcher_of_another_version_says_so(cluster: Cluster) -> None:
    attempt = Attempt(cluster, 'version', ['true'], more={'new_field': 1})
    assert 'has the field "new_field", which this launcher does not know' in attempt.end()['error']
    assert attempt.state['exitCode'] == 125
