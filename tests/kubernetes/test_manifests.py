"""deploy/kubernetes, installed in a cluster with a real node."""

import json
import os
import pathlib
import re
import subprocess
import textwrap
import urllib.error
import urllib.request
import uuid
from typing import Any, Dict, Iterator, List

import pytest
import yaml

import images
from cluster import Cluster
from machine import free_ports, wait_until
from penstock import PROGRAMS

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / 'deploy/kubernetes'
OWNER = 10001  # the user of the image
START_SECONDS = 120

# A task whose output the next one prints, after a while.
PIPELINE = f'''
pipelineInfo: {{name: two}}
schemaVersion: 2.1.0
sdkVersion: kfp-2.17.0
components:
  comp-make:
    executorLabel: exec-make
    outputDefinitions: {{parameters: {{word: {{parameterType: STRING}}}}}}
  comp-use:
    executorLabel: exec-use
    inputDefinitions: {{parameters: {{word: {{parameterType: STRING}}, seconds: {{parameterType: NUMBER_INTEGER}}}}}}
deploymentSpec:
  executors:
    exec-make:
      container:
        image: python:3.11
        command: [sh, -c, 'mkdir -p "$(dirname "$0")" && printf penstock > "$0"']
        args: ["{{{{$.outputs.parameters['word'].output_file}}}}"]
    exec-use:
      container:
        image: python:3.11
        command: [sh, -c, 'echo begins; sleep "$1"; echo "a $0 feeds a turbine"']
        args: ["{{{{$.inputs.parameters['word']}}}}", "{{{{$.inputs.parameters['seconds']}}}}"]
root:
  inputDefinitions: {{parameters: {{seconds: {{parameterType: NUMBER_INTEGER, defaultValue: 0}}}}}}
  dag:
    tasks:
      make: {{taskInfo: {{name: make}}, componentRef: {{name: comp-make}}, cachingOptions: {{}}}}
      use:
        taskInfo: {{name: use}}
        componentRef: {{name: comp-use}}
        cachingOptions: {{}}
        dependentTasks: [make]
        inputs:
          parameters:
            word: {{taskOutputParameter: {{producerTask: make, outputParameterKey: word}}}}
            seconds: {{componentInputParameter: seconds}}
'''


def version() -> str:
    return re.findall(r'project\(penstock VERSION (\S+)', (ROOT / 'CMakeLists.txt').read_text())[0]


class Installed:
    """The base, as an overlay has it for a node whose pods reach nothing but the machine itself: the server is in the
    machine's network, and its volume a folder."""

    def __init__(self, cluster: Cluster, folder: pathlib.Path) -> None:
        self.cluster = cluster
        self.namespace = _namespace('ml')
        self.overlay = folder / 'overlay'
        self.overlay.mkdir()
        self.data = folder / 'data'
        self.data.mkdir()
        os.chown(self.data, OWNER, OWNER)
        self.http = free_ports(3)
        self.grpc, self.report = self.http + 1, self.http + 2
        self._write('volume.yaml', {
            'apiVersion': 'v1', 'kind': 'PersistentVolume', 'metadata': {'name': self.namespace},
            'spec': {'accessModes': ['ReadWriteOnce'], 'capacity': {'storage': '20Gi'}, 'storageClassName': '',
                     'persistentVolumeReclaimPolicy': 'Retain',
                     'claimRef': {'namespace': self.namespace, 'name': 'penstock-data'},
                     'hostPath': {'path': str(self.data)}}})
        self._write('server.yaml', {
            'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'penstock'},
            'spec': {'template': {'spec': {'hostNetwork': True, 'containers': [self._server(), self._gateway()]}}}})
        settings = yaml.safe_load((MANIFESTS / 'base/settings.yaml').read_text())
        settings['report'] = {'listen': f'0.0.0.0:{self.report}', 'url': f'http://{self._machine()}:{self.report}'}
        self._write('settings.yaml', settings)
        self._write('kustomization.yaml', {
            'namespace': self.namespace,
            'resources': [os.path.relpath(MANIFESTS / 'base', self.overlay), 'volume.yaml'],
            'patches': [{'path': 'server.yaml'}],
            'configMapGenerator': [{'name': 'penstock-settings', 'behavior': 'replace', 'files': ['settings.yaml']}]})

    def _write(self, name: str, content: Any) -> None:
        (self.overlay / name).write_text(yaml.safe_dump(content))

    def _machine(self) -> str:
        """As pods of the node see it."""
        return f'10.244.{self.cluster.record["port"] % 250}.1'

    def _server(self) -> Dict[str, Any]:
        probe = {'grpc': {'port': self.grpc}}
        return {'name': 'server', 'ports': _ports(grpc=self.grpc, report=self.report),
                'startupProbe': probe, 'readinessProbe': probe, 'livenessProbe': probe,
                'env': _variables(PENSTOCK_GRPC_LISTEN=f'0.0.0.0:{self.grpc}', KUBERNETES_SERVICE_HOST='127.0.0.1',
                                  KUBERNETES_SERVICE_PORT=str(self.cluster.record['port']))}

    def _gateway(self) -> Dict[str, Any]:
        return {'name': 'gateway', 'ports': _ports(http=self.http), 'env': _variables(
            PENSTOCK_GATEWAY_SERVER=f'127.0.0.1:{self.grpc}', PENSTOCK_GATEWAY_LISTEN=f'0.0.0.0:{self.http}')}

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.http}'

    def kubectl(self, *words: object, check: bool = True) -> str:
        return self.cluster.kubectl('--namespace', self.namespace, *words, check=check)

    def install(self) -> None:
        self.cluster.kubectl('create', 'namespace', self.namespace)
        self.kubectl('apply', '-k', self.overlay)
        self.await_ready()

    def remove(self) -> None:
        """For good, as docs/KUBERNETES.md says it."""
        self.kubectl('delete', 'deployment', 'penstock', '--timeout=60s')
        self.kubectl('delete', 'pods', '-l', 'penstock.dev/server', '--wait=false')
        for pod in self.task_pods():
            self.kubectl('patch', 'pod', pod['metadata']['name'], '--type=merge', '--patch',
                         '{"metadata": {"finalizers": null}}')
        self.cluster.kubectl('delete', 'namespace', self.namespace, '--timeout=60s')
        self.cluster.kubectl('delete', 'persistentvolume', self.namespace, '--timeout=60s')

    def await_ready(self) -> None:
        try:
            wait_until('the server', self._is_ready, START_SECONDS)
        except TimeoutError as error:
            raise TimeoutError(f'{error}\n{self.kubectl("describe", "pod", "-l", "app.kubernetes.io/name=penstock")}'
                               f'\n{self.logs()}') from error

    def logs(self) -> str:
        return self.kubectl('logs', '--all-containers', '--prefix', 'deployment/penstock', check=False)

    def _is_ready(self) -> bool:
        pods = [pod for pod in self.server_pods() if 'deletionTimestamp' not in pod['metadata']]
        return len(pods) == 1 and {'type': 'Ready', 'status': 'True'} in [
            {'type': condition['type'], 'status': condition['status']} for condition in pods[0]['status']['conditions']]

    def server_pods(self) -> List[Dict[str, Any]]:
        return json.loads(self.kubectl('get', 'pods', '-l', 'app.kubernetes.io/name=penstock', '-o', 'json'))['items']

    def task_pods(self) -> List[Dict[str, Any]]:
        return json.loads(self.kubectl('get', 'pods', '-l', 'penstock.dev/server', '-o', 'json'))['items']

    def penstock(self, *words: object) -> str:
        done = subprocess.run([str(PROGRAMS / 'penstock'), *map(str, words), f'--server={self.url}'], timeout=300,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout + done.stderr

    def get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            return None

    def state(self, run: str) -> str:
        return (self.get(f'/apis/v2beta1/runs/{run}') or {}).get('state', '')


def _namespace(name: str) -> str:
    """Nobody else's."""
    return f'{name}-{uuid.uuid4().hex[:6]}'


def _ports(**ports: int) -> List[Any]:
    return [{'$patch': 'replace'}, *({'name': name, 'containerPort': port} for name, port in ports.items())]


def _variables(**variables: str) -> List[Dict[str, str]]:
    return [{'name': name, 'value': value} for name, value in variables.items()]


@pytest.fixture(scope='module')
def installed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    cluster.import_image(images.server(PROGRAMS, f'docker.io/library/penstock:{version()}'))
    made = Installed(cluster, tmp_path_factory.mktemp('installed'))
    made.install()
    yield made
    made.remove()


@pytest.fixture
def pipeline(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / 'two.yaml'
    path.write_text(PIPELINE)
    return path


def test_the_images_have_the_version_of_the_programs() -> None:
    wanted = f'penstock:{version()}'
    deployment = yaml.safe_load((MANIFESTS / 'base/server.yaml').read_text())
    containers = deployment['spec']['template']['spec']['containers']
    assert [container['image'] for container in containers] == [wanted, wanted]
    for path in MANIFESTS.glob('**/settings.yaml'):
        assert yaml.safe_load(path.read_text())['launcher']['image'] == wanted, path


def test_a_pipeline_runs_in_pods(installed: Installed, pipeline: pathlib.Path) -> None:
    said = installed.penstock('run', pipeline, '--wait', '-f')
    assert 'a penstock feeds a turbine' in said
    run = installed.get('/apis/v2beta1/runs')['runs'][0]
    assert run['state'] == 'SUCCEEDED'
    attempts = installed.get(f'/apis/penstock/v1/runs/{run["run_id"]}/tasks/use/attempts')['attempts']
    assert len(attempts) == 1
    wait_until('the pods of what succeeded to be gone', lambda: not installed.task_pods(), 30)
    # The log is kept where the pod is no more.
    assert 'a penstock feeds a turbine' in installed.penstock('logs', run['run_id'], 'use')


def test_pods_have_the_account_that_has_no_rights(installed: Installed, pipeline: pathlib.Path) -> None:
    installed.penstock('run', pipeline, '--param', 'seconds=5')
    pod = wait_until('the pods', installed.task_pods, 60)[0]
    assert pod['spec']['serviceAccountName'] == 'pipeline-runner'
    assert not [volume for volume in pod['spec']['volumes'] if 'projected' in volume]
    assert {'name': 'MLFLOW_TRACKING_URI', 'value': 'http://ml-pipeline:8888'} in pod['spec']['containers'][0]['env']
    account = f'system:serviceaccount:{installed.namespace}:pipeline-runner'
    for what in ('get pods', 'create pods', 'get secrets', 'list persistentvolumeclaims'):
        assert installed.kubectl('auth', 'can-i', *what.split(), f'--as={account}', check=False).strip() == 'no', what


def test_a_run_goes_on_when_its_server_dies(installed: Installed, pipeline: pathlib.Path) -> None:
    installed.penstock('run', pipeline, '--param', 'seconds=15', '--name', 'outlives')
    run = installed.get('/apis/v2beta1/runs?sort_by=created_at%20desc')['runs'][0]['run_id']
    wait_until('the second task', lambda: [pod for pod in installed.task_pods() if pod['status']['phase'] == 'Running'
                                           and pod['metadata']['labels']['penstock.dev/task-name'] == 'use'], 60)
    before, = installed.server_pods()
    installed.kubectl('delete', 'pod', before['metadata']['name'], '--grace-period=0', '--force')
    installed.await_ready()
    after, = [pod for pod in installed.server_pods() if 'deletionTimestamp' not in pod['metadata']]
    assert after['metadata']['uid'] != before['metadata']['uid']
    wait_until('the end of the run', lambda: installed.state(run) == 'SUCCEEDED', 90)
    attempts = installed.get(f'/apis/penstock/v1/runs/{run}/tasks/use/attempts')['attempts']
    assert len(attempts) == 1, attempts
    assert 'a penstock feeds a turbine' in installed.penstock('logs', run, 'use')


def test_the_server_has_the_rights_that_it_needs_and_no_others(installed: Installed) -> None:
    said = installed.kubectl('exec', 'deployment/penstock', '-c', 'server', '--', 'penstock-kube', 'check',
                             '--settings=/etc/penstock/settings.yaml')
    rights = [line.split() for line in said.splitlines()]
    assert len(rights) == 14 and all(words[-1] == 'yes' for words in rights), said
    account = f'system:serviceaccount:{installed.namespace}:penstock'
    for what in ('get secrets', 'create pods --subresource=exec', 'list namespaces', 'create deployments.apps',
                 'get configmaps', 'list pods --namespace default'):
        assert installed.kubectl('auth', 'can-i', *what.split(), f'--as={account}', check=False).strip() == 'no', what


def test_only_the_server_has_a_token(installed: Installed) -> None:
    containers = installed.server_pods()[0]['spec']['containers']
    mounts = {container['name']: [mount['mountPath'] for mount in container['volumeMounts']]
              for container in containers}
    token = '/var/run/secrets/kubernetes.io/serviceaccount'
    assert token in mounts['server'] and token not in mounts['gateway']


def test_names_that_the_gateway_answers_to(installed: Installed) -> None:
    def code(host: str) -> int:
        request = urllib.request.Request(f'{installed.url}/apis/v2beta1/healthz', headers={'Host': host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
    in_namespace = f'ml-pipeline.{installed.namespace}'
    for host in ('ml-pipeline', in_namespace, f'{in_namespace}.svc', f'{in_namespace}.svc.cluster.local:8888'):
        assert code(host) == 200, host
    assert code('evil.example') != 200


@pytest.mark.parametrize('what', ['base', 'overlays/postgres-s3'])
def test_strict_namespaces_take_it(cluster: Cluster, what: str, tmp_path: pathlib.Path) -> None:
    """All of it is let in, and nothing is warned of."""
    namespace = _namespace('strict')
    cluster.api('POST', '/api/v1/namespaces', {'metadata': {'name': namespace, 'labels': {
        'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted'}}})
    overlay = tmp_path / 'overlay'
    overlay.mkdir()
    (overlay / 'kustomization.yaml').write_text(yaml.safe_dump({
        'namespace': namespace, 'resources': [os.path.relpath(MANIFESTS / what, overlay)]}))
    said = cluster.kubectl('apply', '-k', overlay, '--dry-run=server', '--warnings-as-errors')
    assert said.count('created (server dry run)') == len(said.splitlines()) == 11, said


def test_the_guide_has_every_key_of_the_settings() -> None:
    guide = (ROOT / 'docs/KUBERNETES.md').read_text()
    named = set(re.findall(r'`([a-z_.A-Z]+)`', '\n'.join(re.findall(r'^\| (`.*?) \|', guide, re.MULTILINE))))
    source = (ROOT / 'executor/kube/settings/settings.go').read_text()
    keys = set(re.findall(r'json:"(\w+)"', source))
    assert keys - {name for path in named for name in path.split('.')} == set()


def test_the_guides_kustomization_names_the_image_once(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    guide = (ROOT / 'docs/KUBERNETES.md').read_text()
    blocks = [textwrap.dedent(block) for block in re.findall(r'```yaml\n(.*?)```', guide, re.DOTALL)]
    sample, = [block for block in blocks if 'kind: Kustomization' in block]
    for more in ('', 'configMapGenerator:\n- {name: penstock-settings, behavior: replace, files: [settings.yaml]}\n'):
        assert more in blocks + ['']
        (tmp_path / 'kustomization.yaml').write_text(more + sample.replace(
            '../penstock/deploy', os.path.relpath(ROOT / 'deploy', tmp_path)).replace('newTag: 0.1.0', 'newTag: 9.9.9'))
        (tmp_path / 'settings.yaml').write_text((MANIFESTS / 'overlays/postgres-s3/settings.yaml').read_text())
        made = cluster.kubectl('kustomize', tmp_path)
        assert re.findall(r'image: "?([^"\n]*)', made) == ['REGISTRY/penstock:9.9.9'] * 3
        assert 's3://team-ml/penstock' in made and 'namespace: ml\n' in made


def _check(cluster: Cluster, settings: pathlib.Path, namespace: str) -> str:
    return subprocess.run([PROGRAMS / 'penstock-kube', 'check', f'--settings={settings}', f'--namespace={namespace}',
                           f'--kubeconfig={cluster.kubeconfig}'], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize('level, is_taken', [('baseline', True), ('restricted', False)])
def test_what_strict_namespaces_say_of_tasks(cluster: Cluster, level: str, is_taken: bool,
                                             tmp_path: pathlib.Path) -> None:
    namespace = _namespace('tasks')
    cluster.api('POST', '/api/v1/namespaces', {'metadata': {'name': namespace, 'labels': {
        'pod-security.kubernetes.io/enforce': level}}})
    cluster.api('POST', f'/api/v1/namespaces/{namespace}/serviceaccounts', {'metadata': {'name': 'pipeline-runner'}})
    text = (MANIFESTS / 'base/settings.yaml').read_text()
    said = _check(cluster, MANIFESTS / 'base/settings.yaml', namespace)
    assert ('a pod in' in said.splitlines()[-1]) and said.strip().endswith('yes') == is_taken, said
    if not is_taken:  # what the file says that is needed besides
        other = tmp_path / 'settings.yaml'
        other.write_text(text.replace('#   securityContext:', '    securityContext:'))
        assert _check(cluster, other, namespace).strip().endswith('yes')
