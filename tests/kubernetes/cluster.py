"""A Kubernetes cluster of a test's own on this machine: a control plane, and a node that is real, or any number that
are simulated.

    with Cluster(directory, kubelet=True) as cluster:
        cluster.import_image(images.task())
        print(cluster.kubectl('get', 'nodes'))

Pods that must reach servers on 127.0.0.1 have hostNetwork. A real node is called localhost.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from typing import Any, Dict, Iterator, List, Optional, Type

import images
import machine
from machine import wait_until

HERE = pathlib.Path(__file__).resolve().parent
READY_SECONDS = 120
NODE = 'localhost'  # by that name the API server finds the kubelet; a kubelet refuses a loopback address of its own
RECORD = 'cluster.json'


def program() -> str:
    """Where build.sh puts the program; empty without Go."""
    return machine.run('env', f'PENSTOCK_CACHE={machine.cache()}', HERE / 'build.sh', '--path', check=False).strip()


def missing(kubelet: bool = True) -> Optional[str]:
    """Why there can be no cluster here; None if there can."""
    if os.geteuid() != 0:
        return 'a cluster needs root: run this test as root'
    path = program()
    if not path or not os.path.exists(path):
        return f'the program of the cluster is not built: {HERE / "build.sh"} does that'
    if not kubelet:
        return None
    for name, package in (('containerd', 'containerd'), ('runc', 'runc')):
        if not shutil.which(name):
            return f'{name} is missing: apt-get install {package}'
    if not os.path.exists('/usr/lib/cni/ptp'):
        return 'the CNI plugins are missing: apt-get install containernetworking-plugins'
    return images.missing()


class Cluster:
    """Runs until it is closed, also if this process ends before: `attach` finds it again."""

    def __init__(self, directory: pathlib.Path, kubelet: bool = True) -> None:
        self.directory = pathlib.Path(directory).resolve()
        self.logs = self.directory / 'log'
        self.record: Dict[str, Any] = {}
        if (self.directory / RECORD).exists():
            raise RuntimeError(f'{self.directory} has a cluster already')
        self.logs.mkdir(parents=True, exist_ok=True)
        # etcd is quick in memory; and the path of a socket has to be short.
        memory = tempfile.mkdtemp(prefix='penstock-kube-', dir='/dev/shm')
        self.record.update(program=program(), memory=memory, kubelet=kubelet, port=machine.free_ports(5),
                           cgroup=pathlib.Path(memory).name, processes={})
        self._save()
        if kubelet:
            machine.keep_sysctls(self.memory)
        try:
            self.start_api_server()
            if kubelet:
                self._start_containerd()
                self.start_kubelet()
        except BaseException:
            self.close()
            raise

    @classmethod
    def attach(cls, directory: pathlib.Path) -> 'Cluster':
        """The cluster that another process has made in the directory."""
        self = cls.__new__(cls)
        self.directory = pathlib.Path(directory).resolve()
        self.logs = self.directory / 'log'
        self.record = json.loads((self.directory / RECORD).read_text())
        return self

    def __enter__(self) -> 'Cluster':
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Any) -> None:
        self.close()

    def _save(self) -> None:
        draft = self.directory / f'{RECORD}.new'
        draft.write_text(json.dumps(self.record, indent=1))
        draft.rename(self.directory / RECORD)

    def _start(self, name: str, *command: object) -> None:
        self.record['processes'][name] = machine.start(command, self.logs / f'{name}.log', self.directory,
                                                       self._environment())
        self._save()

    def _environment(self) -> Dict[str, str]:
        """Nothing of the user's: no proxies, no cache of kubectl's."""
        return {'PATH': os.environ.get('PATH', os.defpath), 'HOME': str(self.directory)}

    def _runs(self, name: str) -> bool:
        if not machine.runs(self.record['processes'][name]):
            end = (self.logs / f'{name}.log').read_text(errors='replace')[-3000:]
            raise RuntimeError(f'the {name} of the cluster has ended: {end}')
        return True

    def _kill(self, name: str) -> None:
        process = self.record['processes'][name]
        os.kill(process['pid'], signal.SIGKILL)
        wait_until(f'the end of the {name}', lambda: not machine.runs(process), 10)

    # --- The control plane ---

    @property
    def memory(self) -> pathlib.Path:
        return pathlib.Path(self.record['memory'])

    @property
    def plane(self) -> pathlib.Path:
        """Keys, kubeconfig files and etcd's data."""
        return self.memory / 'plane'

    @property
    def kubeconfig(self) -> pathlib.Path:
        """The administrator's."""
        return self.plane / 'admin.kubeconfig'

    @property
    def server(self) -> str:
        return f'https://127.0.0.1:{self.record["port"]}'

    def start_api_server(self) -> None:
        """etcd, the API server, the controller manager and the scheduler, which are one process."""
        ready = self.plane / 'ready'
        ready.unlink(missing_ok=True)
        self._start('control-plane', self.record['program'], 'control-plane', '--dir', self.plane, '--port',
                    self.record['port'], '--node', NODE)
        wait_until('the API server', lambda: self._runs('control-plane') and ready.exists(), READY_SECONDS)
        # Pods are refused until their namespace has it.
        account = '/api/v1/namespaces/default/serviceaccounts/default'
        wait_until('the default service account', lambda: self.find(account), READY_SECONDS)

    def kill_api_server(self) -> None:
        """At once; `start_api_server` goes on with what etcd has."""
        self._kill('control-plane')

    def api(self, method: str, path: str, body: Any = None, timeout: float = 30) -> Any:
        """One call as administrator; raises urllib.error.HTTPError."""
        request = urllib.request.Request(self.server + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header('Content-Type', 'application/merge-patch+json' if method == 'PATCH' else 'application/json')
        context = ssl.create_default_context(cafile=str(self.plane / 'ca.crt'))
        context.load_cert_chain(str(self.plane / 'admin.crt'), str(self.plane / 'admin.key'))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=timeout) as answer:
            return json.load(answer)

    def watch(self, path: str) -> Iterator[bytes]:
        """The lines of a watch as administrator, until it ends."""
        request = urllib.request.Request(self.server + path)
        context = ssl.create_default_context(cafile=str(self.plane / 'ca.crt'))
        context.load_cert_chain(str(self.plane / 'admin.crt'), str(self.plane / 'admin.key'))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=context))
        with opener.open(request) as answer:
            yield from answer

    def find(self, path: str) -> Any:
        """An object; None while there is none, or nobody who answers."""
        try:
            return self.api('GET', path)
        except (urllib.error.URLError, OSError):
            return None

    def kubectl(self, *arguments: object, check: bool = True, stdin: str = '') -> str:
        """What kubectl prints."""
        command = [self.record['program'], 'kubectl', f'--kubeconfig={self.kubeconfig}', *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False,
                              env=self._environment())
        if check and done.returncode:
            raise RuntimeError(f'kubectl {" ".join(map(str, arguments))} ended with {done.returncode}: {done.stderr}')
        return done.stdout

    def pod(self, name: str, namespace: str = 'default') -> Any:
        """None if there is none."""
        return self.find(f'/api/v1/namespaces/{namespace}/pods/{name}')

    def create_pod(self, pod: Dict[str, Any], namespace: str = 'default') -> Any:
        return self.api('POST', f'/api/v1/namespaces/{namespace}/pods', {'apiVersion': 'v1', 'kind': 'Pod', **pod})

    def await_pod(self, name: str, namespace: str = 'default', seconds: float = 60) -> Any:
        """The pod once it has ended; the error has its status."""
        def look() -> Any:
            found = self.pod(name, namespace) or {}
            status[:] = [found.get('status')]
            return found if found.get('status', {}).get('phase') in ('Succeeded', 'Failed') else None
        status: List[Any] = []
        try:
            return wait_until(f'the end of pod {name}', look, seconds)
        except TimeoutError as error:
            raise TimeoutError(f'{error}; its status is {json.dumps(status)}') from error

    # --- A real node ---

    @property
    def _socket(self) -> pathlib.Path:
        return self.memory / 'containerd.sock'

    def _start_containerd(self) -> None:
        folder = self.directory / 'containerd'
        (folder / 'cni').mkdir(parents=True, exist_ok=True)
        subnet = f'10.244.{self.record["port"] % 250}.0/24'
        (folder / 'cni/10-ptp.conflist').write_text(json.dumps({
            'cniVersion': '0.4.0', 'name': 'penstock', 'plugins': [{'type': 'ptp', 'ipMasq': False, 'ipam': {
                'type': 'host-local', 'dataDir': str(folder / 'cni-data'), 'ranges': [[{'subnet': subnet}]],
                'routes': [{'dst': '0.0.0.0/0'}]}}]}))
        text = (HERE / 'containerd.toml').read_text()
        for name, value in (('FOLDER', folder), ('SOCKET', self._socket), ('PAUSE', images.PAUSE)):
            text = text.replace(f'@{name}@', str(value))
        (folder / 'config.toml').write_text(text)
        self._start('containerd', 'containerd', '-c', folder / 'config.toml')
        wait_until('containerd', lambda: self._runs('containerd') and self._ctr('version', check=False), READY_SECONDS)
        self.import_image(images.pause())

    def _ctr(self, *arguments: object, check: bool = True) -> str:
        return machine.run('ctr', '-a', self._socket, '-n', 'k8s.io', *arguments, check=check)

    def import_image(self, tar: pathlib.Path) -> None:
        """Brings an archive that `images` has made to the node."""
        self._ctr('images', 'import', tar)

    def start_kubelet(self) -> None:
        machine.make_cgroup(self.record['cgroup'])
        folder = self.directory / 'kubelet'
        folder.mkdir(exist_ok=True)
        text = (HERE / 'kubelet.yaml').read_text()
        for name, value in (('PLANE', self.plane), ('SOCKET', self._socket), ('FOLDER', folder),
                            ('PORT', self.record['port'] + 3), ('CGROUP', self.record['cgroup'])):
            text = text.replace(f'@{name}@', str(value))
        (folder / 'config.yaml').write_text(text)
        before = self._renewed(NODE)
        self._start('kubelet', self.record['program'], 'kubelet', f'--config={folder / "config.yaml"}',
                    f'--kubeconfig={self.plane / "kubelet.kubeconfig"}', f'--root-dir={folder}',
                    f'--hostname-override={NODE}', '--v=1')
        wait_until('the node', lambda: self._runs('kubelet') and self._renewed(NODE) != before and
                   self.node_is_ready(NODE), READY_SECONDS)

    def kill_kubelet(self) -> None:
        """At once; its pods run on, and `start_kubelet` finds them again."""
        self._kill('kubelet')

    def _renewed(self, node: str) -> str:
        """When its kubelet last said that it is there; empty: never."""
        lease = self.find(f'/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}') or {}
        return str(lease.get('spec', {}).get('renewTime', ''))

    def node_is_ready(self, name: str) -> bool:
        node = self.find(f'/api/v1/nodes/{name}') or {}
        conditions = {entry['type']: entry['status'] for entry in node.get('status', {}).get('conditions', [])}
        return conditions.get('Ready') == 'True' and not any(
            taint['key'] == 'node.kubernetes.io/not-ready' for taint in node['spec'].get('taints', []))

    # --- Simulated nodes ---

    def add_nodes(self, count: int) -> List[str]:
        """Nodes whose pods only seem to run: for the annotation penstock.test/seconds ("2s"), and with the exit code
        penstock.test/exit-code. Pods get there by the nodeSelector type: kwok and a toleration."""
        if 'kwok' not in self.record['processes']:
            (self.directory / 'kwok.yaml').write_text(
                (HERE / 'kwok.yaml').read_text().replace('@LOG@', str(self.directory / 'kwok-pods.log')))
            (self.directory / 'kwok-pods.log').write_text('')
            address = f'127.0.0.1:{self.record["port"] + 4}'
            self._start('kwok', self.record['program'], 'kwok', f'--kubeconfig={self.kubeconfig}',
                        f'--config={self.directory / "kwok.yaml"}', '--manage-all-nodes=false',
                        '--manage-nodes-with-label-selector=type=kwok', '--node-ip=127.0.0.1',
                        f'--node-port={self.record["port"] + 4}', f'--server-address={address}',
                        f'--tls-cert-file={self.plane / "kubelet-serving.crt"}',
                        f'--tls-private-key-file={self.plane / "kubelet-serving.key"}',
                        '--node-lease-duration-seconds=40')
        first = self.record.setdefault('nodes', 0)
        names = [f'simulated-{first + i}' for i in range(count)]
        for name in names:
            self.api('POST', '/api/v1/nodes', {
                'apiVersion': 'v1', 'kind': 'Node',
                'metadata': {'name': name, 'labels': {'type': 'kwok', 'kubernetes.io/hostname': name}},
                'spec': {'taints': [{'key': 'kwok', 'value': 'simulated', 'effect': 'NoSchedule'}]}})
        self.record['nodes'] += count
        self._save()
        for name in names:
            wait_until(f'the node {name}', lambda node=name: self._runs('kwok') and self.node_is_ready(node),
                       READY_SECONDS)
        return names

    # --- The end ---

    def close(self) -> None:
        """Ends all that was started, and takes back what was changed on this machine. Logs stay."""
        processes = self.record['processes']
        if self.record['kubelet'] and machine.runs(processes.get('kubelet', {'pid': 0, 'started': ''})):
            with contextlib.suppress(Exception):
                self._delete_pods()
        for name in ('kwok', 'kubelet', 'control-plane'):
            machine.end(processes.get(name))
        if 'containerd' in processes:
            self._end_containerd()
        machine.unmount_below(self.directory)
        machine.unmount_below(self.memory)
        machine.remove_cgroup(self.record['cgroup'])
        if self.record['kubelet']:
            machine.give_back_sysctls(self.memory)
        shutil.rmtree(self.memory, ignore_errors=True)
        for name in ('containerd', 'kubelet', '.kube'):
            shutil.rmtree(self.directory / name, ignore_errors=True)
        for link in pathlib.Path('/var/log/containers').glob('*.log'):  # the kubelet's, if it could not remove them
            if link.is_symlink() and os.readlink(link).startswith(f'{self.directory}/'):
                link.unlink(missing_ok=True)
        (self.directory / RECORD).unlink(missing_ok=True)

    def _delete_pods(self) -> None:
        """So that the kubelet takes down their networks and volumes. Finalizers would hold them."""
        for pod in self.api('GET', '/api/v1/pods')['items']:
            path = f'/api/v1/namespaces/{pod["metadata"]["namespace"]}/pods/{pod["metadata"]["name"]}'
            if pod['metadata'].get('finalizers'):
                self.api('PATCH', path, {'metadata': {'finalizers': None}})
            self.api('DELETE', path, {'gracePeriodSeconds': 1})
        wait_until('the end of all pods', lambda: not self.api('GET', '/api/v1/pods')['items'], 30)

    def _end_containerd(self) -> None:
        process = self.record['processes']['containerd']
        if machine.runs(process):
            for task in self._ctr('tasks', 'ls', '-q', check=False).split():
                self._ctr('tasks', 'kill', '-s', 'KILL', task, check=False)
            with contextlib.suppress(TimeoutError):
                wait_until('the end of all tasks', lambda: ' RUNNING' not in self._ctr('tasks', 'ls', check=False), 10)
            for container in self._ctr('containers', 'ls', '-q', check=False).split():
                self._ctr('tasks', 'rm', '-f', container, check=False)
                self._ctr('containers', 'rm', container, check=False)
        machine.end(process)
        machine.kill_mentioning(str(self._socket))  # the shims, which live on
