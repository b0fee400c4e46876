"""The wheel in a fresh virtual environment: from pip install to the end of the first run."""

import os
import pathlib
import re
import subprocess
import time
from typing import Dict, List

from figures import Bench, median, median_ratio
from servers import KFP_PYTHON, PROGRAMS, ROOT

ROUNDS = 3
STARTS = 101
WANTED = 30  # s
WHEELS = ROOT / 'build/bench/wheels'


def example() -> str:
    """The pipeline of docs/FIRST_STEPS.md."""
    text = (ROOT / 'docs/FIRST_STEPS.md').read_text()
    block = re.search(r'^## A pipeline$.*?^(    .*?)^## ', text, re.MULTILINE | re.DOTALL).group(1)
    return re.sub('^    ', '', block, flags=re.MULTILINE)


def seconds(environment: Dict[str, str], *command: object) -> float:
    begun = time.monotonic()
    done = subprocess.run([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'{command[:4]} failed: {done.stdout[-500:]}{done.stderr[-500:]}')
    return time.monotonic() - begun


def files_at_hand(folder: pathlib.Path) -> pathlib.Path:
    """The wheel; what it needs is put below build/bench, once."""
    requirements = ROOT / 'deploy/requirements.txt'
    stamp = WHEELS / '.made-of'
    wanted = subprocess.run([str(KFP_PYTHON), '-VV'], capture_output=True, text=True, check=True).stdout
    wanted += requirements.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        WHEELS.mkdir(parents=True, exist_ok=True)
        seconds(dict(os.environ), KFP_PYTHON, '-m', 'pip', 'wheel', '--quiet', '--use-pep517', '--wheel-dir', WHEELS,
                '--requirement', requirements, 'certifi', 'tzdata')
        stamp.write_text(wanted)
    seconds(dict(os.environ), ROOT / 'deploy/wheel.sh', '--output', folder)
    return next(folder.glob('*.whl'))


def one_round(folder: pathlib.Path, wheel: pathlib.Path) -> Dict[str, float]:
    """As somebody types it, who has nothing yet."""
    environment = {'PATH': os.environ['PATH'], 'HOME': str(folder / 'home'), 'LANG': 'C.UTF-8'}
    (folder / 'home').mkdir()
    (folder / 'train.py').write_text(example())
    programs = folder / 'environment/bin'
    found = {'venv': seconds(environment, KFP_PYTHON, '-m', 'venv', folder / 'environment')}
    offline = ('--no-index', '--find-links', WHEELS)
    found['pip'] = seconds(environment, programs / 'python', '-m', 'pip', 'install', *offline, wheel)
    found['up'] = seconds(environment, programs / 'penstock', 'up', '--detach', '--port', '0', '--grpc_port', '0')
    try:
        words = (folder / 'train.py', '--param', 'lr=0.1', '-f')
        found['run'] = seconds(environment, programs / 'penstock', 'run', *words)
    finally:
        seconds(environment, programs / 'penstock', 'down')
    return found


def install(bench: Bench) -> None:
    """pip install of the wheel in a fresh venv, offline, penstock up, and the run of docs/FIRST_STEPS.md to its end."""
    wheel = files_at_hand(bench.fresh('wheel'))
    rounds: List[Dict[str, float]] = [one_round(bench.fresh(f'round-{i}'), wheel) for i in range(ROUNDS)]
    whole = median([sum(one.values()) for one in rounds])
    bench.figure('whole', whole, 's', versus=f'{WANTED} s', ratio=whole / WANTED, at_most=1)
    for part in rounds[0]:
        bench.figure(part, median([one[part] for one in rounds]), 's')
    size = wheel.stat().st_size / 1e6
    bench.figure('wheel', size, 'MB', versus='60 MB', ratio=size / 60, at_most=1)

    installed = bench.folder / f'round-{ROUNDS - 1}/environment/bin/penstock'
    environment = {'PATH': os.environ['PATH'], 'HOME': str(bench.folder)}
    script, program = [], []
    for _ in range(STARTS):
        script.append(seconds(environment, installed, '--version'))
        program.append(seconds(environment, PROGRAMS / 'penstock', '--version'))
    bench.figure('penstock_version', 1e3 * median(script), 'ms', versus='the program itself',
                 ratio=median_ratio(script, program))
    bench.figure('penstock_version_itself', 1e3 * median(program), 'ms')
