"""Attempts as pods: how fast they are made, how soon one follows another, and what many at once take."""

import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request
from typing import Any, Dict, Iterator, List, Tuple

from figures import Bench, median
from s3_server import ACCESS_KEY, BUCKET, S3, SECRET_KEY
from servers import ROOT, Server, container_pipeline, resident_mb

sys.path.insert(0, str(ROOT / 'tests/kubernetes'))

import cluster as clusters  # noqa: E402
import images  # noqa: E402

PODS, PODS_AT_ONCE, CHAIN, ROUNDS = 1_000, 10_000, 20, 3
SIMULATED_NODES = 10
RUN_SECONDS = 900
LAUNCHER = ROOT / 'build/release/bin/penstock-launch'
# As a launcher would leave it, since nothing runs on simulated nodes.
ENDED = json.dumps({'result': {'outputs': [], 'ended': {'exit_code': 0, 'finished_at_us': 1}}})


class Watch:
    """When the pods of a namespace were first seen, and when they were first seen to have ended, by name."""

    def __init__(self, cluster: clusters.Cluster, namespace: str = 'default') -> None:
        self.made: Dict[str, float] = {}
        self.ended: Dict[str, float] = {}
        self.run_of: Dict[str, str] = {}
        lines = cluster.watch(f'/api/v1/namespaces/{namespace}/pods?watch=1')
        threading.Thread(target=self._hear, args=(lines,), daemon=True).start()

    def _hear(self, lines: Iterator[bytes]) -> None:
        for line in lines:
            now = time.time()
            pod = json.loads(line)['object']
            name = pod.get('metadata', {}).get('name', '')
            self.run_of[name] = pod['metadata'].get('labels', {}).get('pipeline/runid', '')
            self.made.setdefault(name, now)
            if pod.get('status', {}).get('phase') in ('Succeeded', 'Failed'):
                self.ended.setdefault(name, now)


def _settings(folder: pathlib.Path, simulated: bool, seconds: str = '0s') -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    pod: Dict[str, Any] = {'spec': {'hostNetwork': True}}
    settings: Dict[str, Any] = {'launcher': {'image': images.LAUNCHER}, 'pod': pod, 'qps': 100_000, 'burst': 100_000}
    if simulated:
        pod['metadata'] = {'annotations': {'penstock.test/seconds': seconds, 'penstock.test/message': ENDED}}
        pod['spec'].update(nodeSelector={'type': 'kwok'}, tolerations=[{'operator': 'Exists'}])
    else:
        port = clusters.machine.free_ports(1)
        settings['report'] = {'listen': f'127.0.0.1:{port}', 'url': f'http://127.0.0.1:{port}'}
    path = folder / 'settings.yaml'
    path.write_text(json.dumps(settings))
    return path


def _store(s3: S3) -> List[str]:
    """Flags for a pipeline root in the store, where launchers keep logs; else the server reads them from each pod."""
    for name, text in (('key', ACCESS_KEY), ('secret', SECRET_KEY)):
        (s3.folder / name).write_text(text)
    settings = s3.folder / 'stores.yaml'
    settings.write_text(json.dumps({'stores': [{
        'prefix': f's3://{BUCKET}/', 'endpoint': f'http://127.0.0.1:{s3.port}', 'region': 'us-east-1',
        'path_style': True, 'credentials': {'access_key_id_file': str(s3.folder / 'key'),
                                            'secret_access_key_file': str(s3.folder / 'secret')}}]}))
    return [f'--pipeline_root=s3://{BUCKET}/root', f'--stores={settings}']


def _server(bench: Bench, cluster: clusters.Cluster, settings: pathlib.Path, *flags: str) -> Server:
    return Server(settings.parent, '--executors=kubernetes', f'--kubernetes_settings={settings}',
                  f'--kubeconfig={cluster.kubeconfig}', *flags)


def _create(server: Server, pipeline: Dict[str, Any]) -> str:
    body = json.dumps({'display_name': 'bench', 'pipeline_spec': pipeline}).encode()
    request = urllib.request.Request(f'http://127.0.0.1:{server.http_port}/apis/v2beta1/runs', body,
                                     {'Content-Type': 'application/json'})
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)['run_id'])


def _get(server: Server, path: str) -> Any:
    with urllib.request.urlopen(f'http://127.0.0.1:{server.http_port}{path}') as answer:
        return json.load(answer)


def _finish(server: Server, run_id: str) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        state = _get(server, f'/apis/v2beta1/runs/{run_id}')['state']
        if state == 'SUCCEEDED':
            return
        if state == 'FAILED' or time.monotonic() > deadline:
            raise RuntimeError(f'the run is {state}')
        time.sleep(0.02)


def _in_image(pipeline: Dict[str, Any]) -> Dict[str, Any]:
    for executor in pipeline['deploymentSpec']['executors'].values():
        executor['container']['image'] = images.TASK.rpartition('/')[2]
    return pipeline


def _chain(tasks: int) -> Dict[str, Any]:
    pipeline = _in_image(container_pipeline(tasks, 'true'))
    for i in range(1, tasks):
        pipeline['root']['dag']['tasks'][f'task-{i}']['dependentTasks'] = [f'task-{i - 1}']
    return pipeline


def _peer_rate(cluster: clusters.Cluster, pod: Dict[str, Any], folder: pathlib.Path) -> float:
    """Pods a second of a bare client that makes the same pods and watches them end."""
    metadata = pod['metadata']
    template = {'apiVersion': 'v1', 'kind': 'Pod', 'spec': {**pod['spec'], 'nodeName': None},
                'metadata': {name: metadata[name] for name in ('labels', 'annotations')}}
    path = folder / 'pod.yaml'
    path.write_text(json.dumps(template))
    done = subprocess.run([clusters.program(), 'bench', f'--kubeconfig={cluster.kubeconfig}', f'--file={path}',
                           f'--n={PODS}'], capture_output=True, text=True, check=True)
    # "ended 1000 in 25.00 s: 40.0/s; ..."
    line = next(line for line in done.stdout.splitlines() if line.startswith('ended'))
    return float(line.split(': ')[1].split('/s')[0])


def _scale(bench: Bench, cluster: clusters.Cluster, store: List[str]) -> None:
    ratios: List[float] = []
    rates: List[float] = []
    peers: List[float] = []
    for i in range(ROUNDS):
        folder = bench.folder / f'scale-{i}'
        with _server(bench, cluster, _settings(folder, simulated=True), *store) as server:
            begun = time.time()
            run_id = _create(server, _in_image(container_pipeline(PODS, 'true')))
            pod = None
            while pod is None:
                found = cluster.api('GET', '/api/v1/namespaces/default/pods?limit=1')['items']
                pod = found[0] if found else None
            _finish(server, run_id)
            rates.append(PODS / (time.time() - begun))
            _until_gone(cluster)
        peers.append(_peer_rate(cluster, pod, folder))
        _until_gone(cluster)
        ratios.append(rates[-1] / peers[-1])
    bench.figure(f'{PODS} tasks, from CreateRun to the end of the run', median(rates), 'pods/s',
                 versus=f'bare client-go, {median(peers):.0f}/s', ratio=median(ratios), at_least=0.8)


def _until_gone(cluster: clusters.Cluster) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while cluster.api('GET', '/api/v1/namespaces/default/pods?limit=1')['items']:
        if time.monotonic() > deadline:
            raise RuntimeError('pods stay')
        time.sleep(0.2)


def _latency(bench: Bench, cluster: clusters.Cluster) -> None:
    watch = Watch(cluster)
    with _server(bench, cluster, _settings(bench.folder / 'latency', simulated=True)) as server:
        run_id = _create(server, _chain(100))
        _finish(server, run_id)
        status = _get(server, f'/apis/penstock/v1/runs/{run_id}/status')
        names = [f'penstock-{task["attempts"][0]["attempt_id"]}' for task in
                 sorted(status['tasks'], key=lambda task: int(task['name'].split('-')[1]))]
        _until_gone(cluster)
    follow = sorted((watch.made[after] - watch.ended[before]) * 1000 for before, after in zip(names, names[1:]))
    bench.figure('from the end of a pod to its successor, median', follow[len(follow) // 2], 'ms', versus='50 ms',
                 ratio=follow[len(follow) // 2] / 50, at_most=1)
    bench.figure('the same, 95th percentile', follow[len(follow) * 95 // 100], 'ms')


def _memory(bench: Bench, cluster: clusters.Cluster, store: List[str]) -> None:
    settings = _settings(bench.folder / 'memory', simulated=True, seconds='90s')
    with _server(bench, cluster, settings, '--kubernetes_max_pods=10000', *store) as server:
        run_id = _create(server, _in_image(container_pipeline(PODS_AT_ONCE, 'true')))
        most: Tuple[float, float] = (0, 0)
        deadline = time.monotonic() + RUN_SECONDS
        while _get(server, f'/apis/v2beta1/runs/{run_id}')['state'] not in ('SUCCEEDED', 'FAILED'):
            most = max(most, _resident(server), key=sum)
            if time.monotonic() > deadline:
                break
            time.sleep(1)
        most = max(most, _resident(server), key=sum)
    bench.figure(f'{PODS_AT_ONCE} pods at once: server and penstock-kube', sum(most), 'MB', versus='300 MB',
                 ratio=sum(most) / 300, at_most=1)
    bench.figure('of that penstock-kube', most[1], 'MB')


def _resident(server: Server) -> Tuple[float, float]:
    pid = server.process.pid
    kube = [int(path.parent.name) for path in pathlib.Path('/proc').glob('[0-9]*/comm')
            if path.read_text().strip() == 'penstock-kube'
            and f'PPid:\t{pid}\n' in (path.parent / 'status').read_text()]
    return resident_mb(pid), sum(resident_mb(one) for one in kube)


def _bare_chain(cluster: clusters.Cluster, watch: Watch, round_: int) -> float:
    begun = time.monotonic()
    for i in range(CHAIN):
        name = f'bare-{round_}-{i}'
        cluster.create_pod({'metadata': {'name': name}, 'spec': {
            'restartPolicy': 'Never', 'hostNetwork': True, 'automountServiceAccountToken': False,
            'containers': [{'name': 'main', 'image': images.TASK, 'imagePullPolicy': 'Never', 'command': ['true']}]}})
        while name not in watch.ended:
            time.sleep(0.002)
    return time.monotonic() - begun


def _real_chain(bench: Bench, cluster: clusters.Cluster) -> None:
    watch = Watch(cluster)
    ours: List[float] = []
    bare: List[float] = []
    with _server(bench, cluster, _settings(bench.folder / 'chain', simulated=False)) as server:
        for i in range(ROUNDS):
            begun = time.monotonic()
            _finish(server, _create(server, _chain(CHAIN)))
            ours.append(time.monotonic() - begun)
            bare.append(_bare_chain(cluster, watch, i))
    cluster.kubectl('delete', 'pods', '--all', '--wait=false')
    _until_gone(cluster)
    bench.figure(f'a chain of {CHAIN} tasks on a real node, with an init container', median(ours), 's',
                 versus=f'{CHAIN} bare pods in a row, {median(bare):.1f} s',
                 ratio=median([a / b for a, b in zip(ours, bare)]), at_most=1.15)


def kubernetes(bench: Bench) -> None:
    """Tasks as pods, on a Kubernetes of this machine: simulated nodes for many, a real kubelet for the chain."""
    why_not = clusters.missing()
    if why_not:
        bench.figure('pods', None, '', versus=why_not)
        return
    bench.folder.mkdir(parents=True)
    (bench.folder / 's3').mkdir()
    with clusters.Cluster(bench.folder / 'cluster') as cluster, S3(bench.folder / 's3') as s3:
        for archive in (images.task(), images.launcher(LAUNCHER)):
            cluster.import_image(archive)
        _real_chain(bench, cluster)
        cluster.add_nodes(SIMULATED_NODES)
        _latency(bench, cluster)
        _scale(bench, cluster, _store(s3))
        _memory(bench, cluster, _store(s3))
