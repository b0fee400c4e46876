"""What a Python component costs beside what it does, and what is kept in memory for that."""

import contextlib
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence

from figures import Bench, median, median_ratio
from peers import DAGSTER, PREFECT, NotMeasured, Peer, RunningPeer
from servers import CLIENT, KFP_PYTHON, PROGRAMS, ROOT, Server, kfp, measure, resident_mb

CHAIN = 40
FAN = 200
CORES = 2
ROUNDS = 3
RETRAIN_ROUNDS = 5
FIRST_LINES = 30
LOCAL_CHAIN = 3
PROCESS_OPS = 4     # of Dagster with a process each, which takes seconds
COUNTS = {'chain': CHAIN, 'fan': FAN, 'chain_kept': CHAIN, 'fan_kept': FAN, 'chain_processes': PROCESS_OPS,
          'fan_processes': PROCESS_OPS}
RAW_ROUNDS = 11
FORKS = 200
SETTLE_SECONDS = 3
FLAG = '--warm_python'
WARM = 'penstock-warm'
IMPORT = 'import kfp.dsl.executor_main'


# --- raw limits ---

def started_ms(code: str) -> float:
    """Of an interpreter that runs the code and ends."""
    begun = time.monotonic()
    # In a session of its own, as a task: Linux shares out a busy machine by session.
    subprocess.run([str(KFP_PYTHON), '-c', code], env={**os.environ, '_KFP_RUNTIME': 'true'}, check=True,
                   stdin=subprocess.DEVNULL, start_new_session=True)
    return 1e3 * (time.monotonic() - begun)


def fork_ms() -> float:
    script = ROOT / 'tests/bench/fork_times.py'
    result = subprocess.run([str(KFP_PYTHON), str(script), str(FORKS)], env={**os.environ, '_KFP_RUNTIME': 'true'},
                            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    return median(json.loads(result.stdout))


# --- runs ---

class Pipelines:
    """The bench's pipelines on one server. Made by a run of each that is not measured."""

    def __init__(self, server: Server, specs: Dict[str, Any]) -> None:
        self.server = server
        self._versions = {name: server.upload(name, spec) for name, spec in specs.items()}
        for name in specs:
            self.seconds(name)

    def seconds(self, name: str) -> float:
        """From CreateRun's answer to the end of a run."""
        return measure(CLIENT, 'run', self.server.target, self._versions[name])['seconds']

    def first_line_ms(self, times: pathlib.Path) -> float:
        """From CreateRun's answer to what the component wrote first of all."""
        seconds = self.seconds('first_line')
        with contextlib.closing(sqlite3.connect(self.server.database)) as database:
            finished_us = database.execute('SELECT max(finished_at_us) FROM runs').fetchone()[0]
        written_ns = int(times.read_text().splitlines()[-1])
        return written_ns / 1e6 - (finished_us / 1e3 - 1e3 * seconds)


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method='inclusive')[percent - 1]


def knows_flag() -> bool:
    told = subprocess.run([str(PROGRAMS / 'penstock'), '--help'], capture_output=True, text=True, check=False)
    return FLAG in told.stdout + told.stderr


def server_in(folder: pathlib.Path, *flags: str) -> Server:
    return Server(folder, f'--python={KFP_PYTHON}', '--gateway=off', '--cache=off', f'--max_parallel_tasks={CORES}',
                  *flags)


def run_rounds(bench: Bench, warm: Pipelines, cold: Optional[Pipelines]) -> None:
    """The chain and the fan-out, on both servers in turn, and what starting Python costs by itself."""
    fork: List[float] = []
    start: List[float] = []
    ours: Dict[str, List[float]] = {'chain': [], 'fan': []}
    colds: Dict[str, List[float]] = {'chain': [], 'fan': []}
    for _ in range(ROUNDS):
        fork.append(fork_ms())
        start.append(median([started_ms(IMPORT) for _ in range(RAW_ROUNDS)]))
        for name, values in ours.items():
            values.append(1e3 * warm.seconds(name) / COUNTS[name])
            if cold:
                colds[name].append(1e3 * cold.seconds(name) / COUNTS[name])
    for name, values in ours.items():
        bench.figure(name, median(values), 'ms each', versus='fork and exit of a Python with the executor',
                     ratio=median_ratio(values, fork))
        bench.figure(f'{name}_to_start', median(values), 'ms each', versus=f'python3 -c "{IMPORT}"',
                     ratio=median_ratio(values, start))
        if cold:
            bench.figure(f'{name}_cold', median(colds[name]), 'ms each', versus=f'{name}; this with {FLAG}=off',
                         ratio=median_ratio(colds[name], values))
        else:
            bench.missing(f'{name}_cold', f'this server does not know {FLAG}')
    bench.figure('bare_start', median([started_ms('pass') for _ in range(RAW_ROUNDS)]), 'ms')
    bench.figure('import_start', median(start), 'ms')
    bench.figure('fork', median(fork), 'ms')


def latency(bench: Bench, warm: Pipelines, times: pathlib.Path) -> None:
    lines = [warm.first_line_ms(times) for _ in range(FIRST_LINES)]
    bare = median([started_ms('pass') for _ in range(RAW_ROUNDS)])
    for percent in (50, 95):
        value = percentile(lines, percent)
        bench.figure(f'first_line_p{percent}', value, 'ms', versus='python3 -c pass', ratio=value / bare)


def retrain(bench: Bench, warm: Pipelines, cold: Optional[Pipelines]) -> None:
    ours, colds = [], []
    for _ in range(RETRAIN_ROUNDS):
        ours.append(warm.seconds('retrain'))
        if cold:
            colds.append(cold.seconds('retrain'))
    if cold:
        bench.figure('retrain', median(ours), 's', versus=f'the same with {FLAG}=off', ratio=median_ratio(ours, colds))
    else:
        bench.figure('retrain', median(ours), 's')


# --- memory ---

def parents() -> Dict[int, int]:
    found = {}
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                found[int(entry.name)] = int((entry / 'stat').read_text().rpartition(')')[2].split()[1])
    return found


def warm_pids(server: Server) -> List[int]:
    """Processes below a supervisor of this server that wait for components."""
    above, supervisors, found = parents(), set(server.runner_pids()), []
    for pid in above:
        parent = pid
        while parent in above and parent not in supervisors:
            parent = above[parent]
        if parent not in supervisors or pid in supervisors:
            continue
        with contextlib.suppress(OSError):
            if WARM.encode() in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes():
                found.append(pid)
    return found


def memory_of(pid: int) -> Dict[str, float]:
    """MiB of a process that are its own, and with its share of what it has in common with others."""
    found = {'private': 0.0, 'pss': 0.0}
    for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
        name, _, rest = line.partition(':')
        if name.startswith('Private_'):
            found['private'] += int(rest.split()[0]) / 1024
        elif name == 'Pss':
            found['pss'] += int(rest.split()[0]) / 1024
    return found


def kept_memory(bench: Bench, server: Server, before: Dict[str, float]) -> None:
    time.sleep(SETTLE_SECONDS)
    for name, pid in (('server', server.pid), ('supervisor', server.runner_pids()[0])):
        now = resident_mb(pid)
        bench.figure(f'{name}_resident', now, 'MiB', versus='before any Python ran', ratio=now / before[name])
    warm: List[Dict[str, float]] = []
    for pid in warm_pids(server):
        with contextlib.suppress(OSError):
            warm.append(memory_of(pid))
    if not warm:
        for name in ('warm_processes', 'warm_private', 'warm_pss'):
            bench.missing(name, f'no process below penstock-runner is called {WARM}')
        return
    bench.figure('warm_processes', len(warm), 'processes')
    for part in ('private', 'pss'):
        total = sum(one[part] for one in warm)
        bench.figure(f'warm_{part}', total, 'MiB', versus='server_resident', ratio=total / resident_mb(server.pid))


# --- peers ---

def peer_rounds(bench: Bench, warm: Pipelines, peer: Peer, name: str, metrics: Dict[str, str],
                *words: int) -> None:
    """`metrics` are those of the peer's script, and which of ours each is compared with."""
    told: Dict[str, List[float]] = {metric: [] for metric in metrics}
    ours: Dict[str, List[float]] = {mine: [] for mine in metrics.values()}
    try:
        with RunningPeer(peer, bench.fresh(f'home-{name}'), *words) as running:
            for metric in metrics:
                running.seconds(metric)
            for _ in range(ROUNDS):
                for mine, values in ours.items():
                    values.append(1e3 * warm.seconds(mine) / COUNTS[mine])
                for metric, values in told.items():
                    values.append(1e3 * running.seconds(metric) / COUNTS[metric])
    except NotMeasured as error:
        for metric in metrics:
            bench.missing(f'{name}_{metric}', str(error))
        return
    for metric, mine in metrics.items():
        bench.figure(f'{name}_{metric}', median(told[metric]), 'ms each', versus=f'{mine}; this is {peer.requirement}',
                     ratio=median_ratio(told[metric], ours[mine]))


def peers(bench: Bench, warm: Pipelines) -> None:
    """The ratios are how many times as long as ours each takes; ours is measured anew beside each."""
    peer_rounds(bench, warm, PREFECT, 'prefect', {'chain': 'chain', 'fan': 'fan'}, CHAIN, FAN)
    metrics = {f'{shape}{how}': shape for how in ('', '_kept', '_processes') for shape in ('chain', 'fan')}
    peer_rounds(bench, warm, DAGSTER, 'dagster', metrics, CHAIN, FAN, PROCESS_OPS)
    ours, local = [], []
    for _ in range(ROUNDS):
        ours.append(1e3 * warm.seconds('chain') / CHAIN)
        local.append(1e3 * kfp('local_chain', LOCAL_CHAIN)['seconds'] / LOCAL_CHAIN)
    bench.figure('kfp_local_chain', median(local), 'ms each', versus='chain; this without a venv',
                 ratio=median_ratio(local, ours))


@contextlib.contextmanager
def cold_pipelines(folder: pathlib.Path, specs: Dict[str, Any]) -> Iterator[Optional[Pipelines]]:
    if not knows_flag():
        yield None
        return
    with server_in(folder, f'{FLAG}=off') as server:
        yield Pipelines(server, specs)


def python(bench: Bench) -> None:
    """Python components that do next to nothing: chain, fan-out, first line, memory; Prefect, Dagster and kfp.local."""
    folder = bench.fresh('warm')
    times = folder / 'times'
    specs = {'chain': kfp('chain', CHAIN), 'fan': kfp('fan', FAN), 'retrain': kfp('retrain')}
    with server_in(folder) as server, cold_pipelines(bench.fresh('cold'), specs) as cold:
        time.sleep(SETTLE_SECONDS)
        before = {'server': resident_mb(server.pid), 'supervisor': resident_mb(server.runner_pids()[0])}
        warm = Pipelines(server, {**specs, 'first_line': kfp('first_line', times)})
        run_rounds(bench, warm, cold)
        latency(bench, warm, times)
        retrain(bench, warm, cold)
        kept_memory(bench, server, before)
        peers(bench, warm)
