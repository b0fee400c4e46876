"""One cluster with a real node for all tests here, an object store, and servers that make pods there."""

import os
import pathlib
import sys
import sysconfig
import uuid
from typing import Any, Callable, Dict, Iterator, List

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'e2e')]

import images  # noqa: E402
import object_stores  # noqa: E402
from cluster import Cluster, missing  # noqa: E402
from machine import free_ports  # noqa: E402
from penstock import PROGRAMS, Server  # noqa: E402
from waiting import wait_until  # noqa: E402

LAUNCHER = pathlib.Path(os.environ.get('PENSTOCK_LAUNCH') or PROGRAMS / 'penstock-launch')
KFP_IN_PODS = ('kfp', 'pip')


def _required(why_not: str) -> None:
    """Skips loudly, but not where tests/run.sh has built everything."""
    if why_not and os.environ.get('PENSTOCK_TEST_KUBERNETES') == 'required':
        pytest.fail(why_not)
    if why_not:
        pytest.skip(f'NOT TESTED: {why_not}')


@pytest.fixture(scope='session')
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The one in the folder PENSTOCK_TEST_CLUSTER, or a new one."""
    _required(missing() or ('' if LAUNCHER.exists() else f'{LAUNCHER} is not built'))
    folder = os.environ.get('PENSTOCK_TEST_CLUSTER')
    made = Cluster.attach(pathlib.Path(folder)) if folder else Cluster(tmp_path_factory.mktemp('cluster'))
    try:
        site_packages = pathlib.Path(sysconfig.get_path('purelib'))
        for archive in (images.task(site_packages=site_packages, packages=KFP_IN_PODS), images.bare(),
                        images.launcher(LAUNCHER)):
            made.import_image(archive)
        yield made
    finally:
        if not folder:
            made.close()


@pytest.fixture(scope='session')
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object_stores.S3]:
    object_stores.required(object_stores.S3.missing())
    server = object_stores.S3(tmp_path_factory.mktemp('s3')).start()
    server.bucket('pods')
    yield server
    server.close()


class PodServer(Server):
    """A server whose tasks are pods of a namespace of its own, with artifacts in an object store."""

    def __init__(self, folder: pathlib.Path, cluster: Cluster, s3: object_stores.S3, namespace: str,
                 *flags: str, settings: str = '') -> None:
        namespace = f'{namespace}-{uuid.uuid4().hex[:6]}'
        self.cluster, self.namespace = cluster, namespace
        folder.mkdir(parents=True)
        port = free_ports(1)
        (folder / 'settings.yaml').write_text(
            f'launcher: {{image: "{images.LAUNCHER}"}}\n'
            f'stores_secret: stores\n'
            f'report: {{listen: "127.0.0.1:{port}", url: "http://127.0.0.1:{port}"}}\n'
            'pod: {spec: {hostNetwork: true}}\n' + settings)
        super().__init__(folder, '--executors=kubernetes,local', f'--kubernetes_settings={folder / "settings.yaml"}',
                         f'--kubeconfig={cluster.kubeconfig}', f'--kubernetes_namespace={namespace}',
                         f'--pipeline_root=s3://pods/{namespace}', *flags)
        self.variables = s3.variables()
        cluster.api('POST', '/api/v1/namespaces', {'metadata': {'name': namespace}})
        # Pods are refused until it has one.
        account = f'/api/v1/namespaces/{namespace}/serviceaccounts/default'
        wait_until('the default service account', lambda: cluster.find(account))
        self.create('secrets', {'metadata': {'name': 'stores'}, 'stringData': s3.variables()})

    def create(self, kind: str, body: Dict[str, Any]) -> Any:
        return self.cluster.api('POST', f'/api/v1/namespaces/{self.namespace}/{kind}', body)

    def pods(self, run_id: str = '') -> List[Dict[str, Any]]:
        """Those of a run, or all."""
        pods = self.cluster.api('GET', f'/api/v1/namespaces/{self.namespace}/pods')['items']
        return [pod for pod in pods if not run_id or pod['metadata']['labels'].get('pipeline/runid') == run_id]

    def pod_of(self, task: str) -> Dict[str, Any]:
        """The pod of a task by name that was made last; empty if there is none."""
        found = [pod for pod in self.pods() if pod['metadata']['labels'].get('penstock.dev/task-name') == task]
        return max(found, key=lambda pod: pod['metadata']['name']) if found else {}

    def status(self, run_id: str) -> Dict[str, Dict[str, Any]]:
        """What the server says of each task, by name."""
        answer = self.ok('GET', f'/apis/penstock/v1/runs/{run_id}/status')
        return {task['name']: task for task in answer.get('tasks', [])}


@pytest.fixture(scope='session')
def new_server(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster,
               s3: object_stores.S3) -> Iterator[Callable[..., PodServer]]:
    made: List[PodServer] = []

    def make(name: str, *flags: str, settings: str = '') -> PodServer:
        made.append(PodServer(tmp_path_factory.mktemp(name) / 'server', cluster, s3, name, *flags, settings=settings))
        return made[-1]
    yield make
    for server in made:
        server.close()


@pytest.fixture(scope='session')
def server(new_server: Callable[..., PodServer]) -> PodServer:
    return new_server('runs').start()
