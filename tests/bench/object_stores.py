"""What it costs that artifacts lie in an object store: the launcher against programs that copy and do nothing else."""

import hashlib
import http.client
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import time
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from figures import Bench, median, median_ratio
from s3_server import BUCKET, S3, Copier, Proxy, Run, copiers, replay_seconds, run, scratch, variables
from servers import PROGRAMS, Server

LAUNCHER = PROGRAMS / 'penstock-launch'
LARGE_BYTES, LARGE_ROUNDS = 1 << 30, 5
FILES, FILE_BYTES, FILES_ROUNDS = 10_000, 4096, 3
FOLDERS = 100          # that the files lie in
HOPELESS = 2           # a peer so many times as slow as another, both ways, is not asked again
SMALL_BYTES, SMALL_ROUNDS = 1000, 31
MEMORY_MB = 100
OWN_COST_MS = 30
CALLS_BYTES = 64 << 10  # of requests and their headers alone
LOCAL_BYTES, LOCAL_ROUNDS = 10 * 1000 ** 3, 11
CHUNK, HASH_CHUNK = 1 << 20, 256 << 10
RUN_SECONDS = 120
POLL_SECONDS = 0.05


# --- attempts ---

class Attempts:
    """Runs attempts of `true`, each in a work directory of its own."""

    def __init__(self, folder: pathlib.Path, port: int) -> None:
        self.folder, self.port, self._count = folder, port, 0

    def attempt(self, **request: Any) -> Tuple[Run, List[Dict[str, Any]]]:
        """What it took, and what became of outputs."""
        self._count += 1
        work = self.folder / f'work-{self._count}'
        work.mkdir(parents=True)
        # As the executor writes it: credentials come with the request, and the command is not to see them.
        text = json.dumps({'environment': variables(self.port), 'command': ['true'], 'group_signals': True, **request})
        (work / 'request.json').write_text(text)
        environment = {'PATH': os.environ['PATH'], 'HOME': str(self.folder), 'LANG': 'C.UTF-8'}
        took = run([LAUNCHER, 'attempt', work / 'request.json'], environment, work)
        result = work / '.penstock-result'
        outputs = json.loads(result.read_text())['outputs'] if result.exists() else []
        shutil.rmtree(work)
        return took, outputs

    def keep(self, outputs: pathlib.Path, name: str) -> Tuple[Run, List[Dict[str, Any]]]:
        """Has all of a directory kept; `name` is the attempt's."""
        return self.attempt(outputs=self.outputs(outputs, name))

    @staticmethod
    def outputs(folder: pathlib.Path, name: str) -> Dict[str, str]:
        root = f's3://{BUCKET}/root'
        return {'directory': str(folder), 'uri': f'{root}/pipeline/run/task/{name}', 'root_uri': root}

    def bring(self, path: pathlib.Path, name: str, sha256: str) -> Run:
        uri = f's3://{BUCKET}/root/pipeline/run/task/{name}'
        return self.attempt(inputs=[{'name': 'in', 'need': 'fetched', 'uri': uri, 'path': str(path),
                                     'sha256': sha256}])[0]


def make_file(path: pathlib.Path, size: int) -> None:
    with path.open('wb') as out:
        for offset in range(0, size, CHUNK):
            out.write(os.urandom(min(CHUNK, size - offset)))


def remove(path: pathlib.Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


# --- up and down ---

class Rounds:
    """Times of each program, one way."""

    def __init__(self) -> None:
        self.ours: List[Run] = []
        self.theirs: List[Dict[str, Run]] = []
        self.checks: List[float] = []  # seconds that a hash of what came takes

    def behind(self) -> Set[str]:
        """Peers that were far behind another in the last round."""
        last = self.theirs[-1]
        fastest = min((one.seconds for one in last.values()), default=0)
        return {name for name, one in last.items() if one.seconds > HOPELESS * fastest}

    def show(self, bench: Bench, metric: str, amount: float, unit: str, at_least: float) -> None:
        """Rates, against the better peer of each round."""
        rates = [amount / one.seconds for one in self.ours]
        best = [max(amount / one.seconds for one in theirs.values()) for theirs in self.theirs if theirs]
        if best:
            bench.figure(metric, median(rates), unit, versus='the better of s5cmd and AWS CLI',
                         ratio=median_ratio(rates, best), at_least=at_least)
        else:
            bench.missing(metric, 'neither s5cmd nor AWS CLI can be installed')
        if self.checks and best:
            checked = [1 / (1 / rate + seconds / amount) for rate, seconds in zip(best, self.checks)]
            bench.figure(f'{metric}_checked', median(rates), unit, versus='the same, and then SHA-256 of the file',
                         ratio=median_ratio(rates, checked))
        for name in {name: None for theirs in self.theirs for name in theirs}:
            seen = [amount / theirs[name].seconds for theirs in self.theirs if name in theirs]
            bench.figure(f'{metric}_by_{name.replace(" ", "_").lower()}', median(seen), unit)
        memory = max(one.memory_mb for one in self.ours)
        bench.figure(f'{metric}_memory', memory, 'MiB', versus=f'{MEMORY_MB} MiB', ratio=memory / MEMORY_MB, at_most=1)


def copies(store: S3, folder: pathlib.Path, rounds: int, source: pathlib.Path) -> Tuple[Rounds, Rounds]:
    """Up and down of `source`, the only entry of its directory. The order of the programs goes around."""
    attempts = Attempts(folder / 'attempts', store.port)
    peers = copiers()
    up, down = Rounds(), Rounds()
    back, home = folder / 'back', folder / 'home'
    home.mkdir(exist_ok=True)
    for number in range(rounds):
        up.theirs.append({})
        down.theirs.append({})
        everyone: List[Optional[Copier]] = [None, *peers]  # None: the launcher
        first = number % len(everyone)
        for peer in everyone[first:] + everyone[:first]:
            store.empty()
            if peer is None:
                name = f'attempt-{number}'
                took, outputs = attempts.keep(source.parent, name)
                up.ours.append(took)
                down.ours.append(attempts.bring(back, f'{name}/{source.name}', outputs[0]['sha256']))
            else:
                uri, is_folder = f's3://{BUCKET}/peer/{source.name}', source.is_dir()
                up.theirs[-1][peer.name] = peer.copy(str(source), uri, is_folder, store.port, home)
                down.theirs[-1][peer.name] = peer.copy(uri, str(back), is_folder, store.port, home)
            check(source, back)
            if peer is None and back.is_file():
                down.checks.append(hash_seconds(back))
            remove(back)
        store.empty()
        peers = [peer for peer in peers if peer.name not in up.behind() & down.behind()]
    return up, down


def hash_seconds(path: pathlib.Path) -> float:
    begun = time.monotonic()
    with path.open('rb') as file:
        own = hashlib.sha256()
        while piece := file.read(HASH_CHUNK):
            own.update(piece)
    return time.monotonic() - begun


def check(source: pathlib.Path, back: pathlib.Path) -> None:
    """That all came back, by its size: that the bytes are right is for tests."""
    def size(path: pathlib.Path) -> Tuple[int, int]:
        sizes = [one.stat().st_size for one in ([path] if path.is_file() else path.rglob('*')) if one.is_file()]
        return len(sizes), sum(sizes)
    if size(source) != size(back):
        raise RuntimeError(f'{size(back)} came back, not {size(source)} (files, bytes)')


def large_file(bench: Bench, store: S3, folder: pathlib.Path) -> None:
    source = folder / 'large/file'
    source.parent.mkdir()
    make_file(source, LARGE_BYTES)
    up, down = copies(store, folder, LARGE_ROUNDS, source)
    for name, rounds in (('up', up), ('down', down)):
        rounds.show(bench, f'large_{name}', LARGE_BYTES / 1e6, 'MB/s', 0.9)
    equal_content(bench, store, folder, source)
    remove(source.parent)


def many_files(bench: Bench, store: S3, folder: pathlib.Path) -> None:
    source = folder / 'many/files'
    for i in range(FILES):
        path = source / f'folder-{i % FOLDERS}' / f'file-{i}'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(FILE_BYTES))
    up, down = copies(store, folder, FILES_ROUNDS, source)
    for name, rounds in (('up', up), ('down', down)):
        rounds.show(bench, f'files_{name}', FILES, 'files/s', 0.8)
    remove(source.parent)


def equal_content(bench: Bench, store: S3, folder: pathlib.Path, source: pathlib.Path) -> None:
    """The second upload of the same file, by another attempt."""
    with Proxy(store.port) as proxy:
        attempts = Attempts(folder / 'equal', proxy.port)
        attempts.keep(source.parent, 'first')
        first, proxy.up = proxy.up, 0
        took, outputs = attempts.keep(source.parent, 'second')
        up = proxy.up
    if first < LARGE_BYTES:
        raise RuntimeError(f'the proxy saw {first} bytes of {LARGE_BYTES}')
    store.empty()
    bench.figure('equal_moved', outputs[0]['moved_bytes'], 'bytes', versus='the size of the content',
                 ratio=outputs[0]['moved_bytes'] / LARGE_BYTES, at_most=0)
    bench.figure('equal_sent', up, 'bytes', versus=f'{CALLS_BYTES} bytes, of calls without content',
                 ratio=up / CALLS_BYTES, at_most=1)
    bench.figure('equal_seconds', took.seconds, 's')


# --- the launcher's own cost ---

def own_cost(bench: Bench, store: S3, folder: pathlib.Path) -> None:
    """An attempt with one small input, output and log, less the bare command and less what the store needs."""
    outputs = folder / 'own/outputs'
    outputs.mkdir(parents=True)
    log = folder / 'own/log'
    log.write_bytes(b'x' * SMALL_BYTES)
    source = folder / 'own/source'
    source.mkdir()
    make_file(source / 'in', SMALL_BYTES)
    with Proxy(store.port) as proxy:
        direct, seen = Attempts(folder / 'own/a', store.port), Attempts(folder / 'own/b', proxy.port)
        sha256 = direct.keep(source, 'source')[1][0]['sha256']
        parts = {'inputs': [{'name': 'in', 'need': 'fetched', 'path': str(folder / 'own/in'), 'sha256': sha256,
                             'uri': f's3://{BUCKET}/root/pipeline/run/task/source/in'}]}
        environment = {'PATH': os.environ['PATH']}
        costs: List[float] = []
        alone: List[float] = []
        for number in range(SMALL_ROUNDS):
            make_file(outputs / 'out', SMALL_BYTES)
            request = {**parts, 'outputs': Attempts.outputs(outputs, f'attempt-{number}'),
                       'log': {'path': str(log), 'uri': f's3://{BUCKET}/root/@logs/run/task-{number}.log'}}
            proxy.requests, proxy.keeps = [], True
            seen.attempt(**request)
            bare = run(['true'], environment, folder).seconds
            whole = direct.attempt(**request)[0].seconds
            store_seconds = replay_seconds(store.port, [bytes(one) for one in proxy.requests])
            costs.append(1e3 * (whole - bare - store_seconds))
            alone.append(1e3 * store_seconds)
    bench.figure('own_cost', median(costs), 'ms', versus=f'{OWN_COST_MS} ms', ratio=median(costs) / OWN_COST_MS,
                 at_most=1)
    bench.figure('own_cost_store', median(alone), 'ms')
    bench.figure('own_cost_requests', len(proxy.requests), 'requests')
    store.empty()


# --- nothing remote ---

class Pair(NamedTuple):
    """A run of two tasks, of which the second reads what the first leaves."""
    between: float   # seconds from the end of the first to the start of the second
    launchers: int   # among what both tasks' processes come from
    allocated: int   # bytes on disk of all artifacts


ANCESTORS = 'p=$$; while [ "$p" -gt 1 ]; do cat /proc/$p/comm; p=$(awk "{print \\$4}" /proc/$p/stat); done >"$0"'


def pair_pipeline(size: int, notes: pathlib.Path) -> Dict[str, Any]:
    first = f'truncate -s {size} "$1"; {ANCESTORS}'
    second = f'test -e "$1" || exit 1; {ANCESTORS}'
    artifact = {'artifacts': {'data': {'artifactType': {'schemaTitle': 'system.Artifact', 'schemaVersion': '0.0.1'}}}}

    def executor(script: str, path: str) -> Dict[str, Any]:
        return {'container': {'image': 'none', 'command': ['sh', '-c', script, str(notes / path.split('.')[0]),
                                                           '{{$.' + path + "['data'].path}}"]}}
    return {
        'pipelineInfo': {'name': 'pair'}, 'schemaVersion': '2.1.0', 'sdkVersion': 'kfp-2.17.0',
        'components': {'comp-first': {'executorLabel': 'exec-first', 'outputDefinitions': artifact},
                       'comp-second': {'executorLabel': 'exec-second', 'inputDefinitions': artifact}},
        'deploymentSpec': {'executors': {'exec-first': executor(first, 'outputs.artifacts'),
                                         'exec-second': executor(second, 'inputs.artifacts')}},
        'root': {'dag': {'tasks': {
            'first': {'taskInfo': {'name': 'first'}, 'componentRef': {'name': 'comp-first'}, 'cachingOptions': {}},
            'second': {'taskInfo': {'name': 'second'}, 'componentRef': {'name': 'comp-second'}, 'cachingOptions': {},
                       'dependentTasks': ['first'], 'inputs': {'artifacts': {'data': {'taskOutputArtifact': {
                           'producerTask': 'first', 'outputArtifactKey': 'data'}}}}}}}}}


def call(server: Server, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    connection = http.client.HTTPConnection('127.0.0.1', server.http_port, timeout=30)
    connection.request(method, path, None if body is None else json.dumps(body), {'Content-Type': 'application/json'})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f'{method} {path} answers {answer.status}: {text[:300]!r}')
    return json.loads(text)


def allocated(folder: pathlib.Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob('*'))


def run_pair(server: Server, size: int) -> Pair:
    notes = server.folder / 'notes'
    shutil.rmtree(notes, ignore_errors=True)
    notes.mkdir()
    artifacts = server.data_dir / 'artifacts'
    before = allocated(artifacts)
    created = call(server, 'POST', '/apis/v2beta1/runs',
                   {'display_name': 'pair', 'pipeline_spec': pair_pipeline(size, notes)})
    deadline = time.monotonic() + RUN_SECONDS
    while (state := call(server, 'GET', f'/apis/v2beta1/runs/{created["run_id"]}')['state']) in ('PENDING', 'RUNNING'):
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    if state != 'SUCCEEDED':
        raise RuntimeError(f'the run of two tasks is {state}')
    with sqlite3.connect(f'file:{server.database}?mode=ro', uri=True) as database:
        (_, ended), (begun, _) = database.execute('SELECT started_at_us, finished_at_us FROM task_attempts'
                                                  ' WHERE run_id = ? ORDER BY started_at_us', (created['run_id'],))
    names = [name for note in notes.iterdir() for name in note.read_text().splitlines()]
    if sum(name.startswith('penstock-runner') for name in names) < 2:
        raise RuntimeError(f'the tasks come from {names}, in which there is no runner')
    launchers = sum(name.startswith('penstock-launch') for name in names)
    return Pair((begun - ended) / 1e6, launchers, allocated(artifacts) - before)


def local_artifact(bench: Bench) -> None:
    """10 GB, with holes alone, from one task to the next, and nothing from one to the next, in turn."""
    large: List[Pair] = []
    empty: List[Pair] = []
    with Server(bench.fresh('server'), '--cache=off') as server:
        run_pair(server, 0)
        for _ in range(LOCAL_ROUNDS):
            empty.append(run_pair(server, 0))
            large.append(run_pair(server, LOCAL_BYTES))
    times = [1e3 * one.between for one in large]
    bench.figure('local_10_gb', median(times), 'ms', versus='the same with an empty artifact',
                 ratio=median_ratio(times, [1e3 * one.between for one in empty]))
    copied = max(one.allocated - other.allocated for one, other in zip(large, empty))
    bench.figure('local_10_gb_copied', copied, 'bytes', versus='its size', ratio=copied / LOCAL_BYTES, at_most=0)
    launchers = sum(one.launchers for one in large + empty)
    bench.figure('local_launchers', launchers, 'processes', versus='tasks', ratio=launchers / (4 * LOCAL_ROUNDS),
                 at_most=0)


def object_stores(bench: Bench) -> None:
    """The launcher against s5cmd and AWS CLI with an S3 server on this machine; artifacts that stay on it."""
    if not LAUNCHER.exists():
        raise RuntimeError(f'{LAUNCHER} is missing')
    subprocess.run([str(LAUNCHER), 'version'], check=True, stdout=subprocess.DEVNULL)
    with scratch(bench.fresh('scratch')) as folder, S3(folder / 's3') as store:
        own_cost(bench, store, folder)
        many_files(bench, store, folder)
        large_file(bench, store, folder)
    local_artifact(bench)
