"""From a cold shell to the first line of a user's code: `penstock run` of a package and of a .py file, beside what
`kfp` needs for the same."""

import json
import os
import pathlib
import subprocess
import time
from typing import Dict, List

from figures import Bench, median, median_ratio
from servers import KFP_PYTHON, PROGRAMS, Server, kfp

ROUNDS = 11
FAST = 500  # ms
SOURCE = '''
from kfp import dsl

@dsl.component
def first_line(path: str):
    from time import time_ns
    now = time_ns()
    with open(path, 'a') as file:
        file.write(f'{now}\\n')

@dsl.pipeline(name='first-line')
def pipeline():
    first_line(path={path!r})
'''


def first_line_ms(times: pathlib.Path, environment: Dict[str, str], *command: object) -> float:
    """From before the command is started, in a shell, to the time that the component wrote down."""
    begun = time.time_ns()
    done = subprocess.run(['sh', '-c', '"$@"', 'sh', *map(str, command)], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'{command[:3]} failed: {done.stdout[-300:]}{done.stderr[-300:]}')
    # kfp returns when the run is made.
    while not times.exists() or not times.read_text().endswith('\n'):
        time.sleep(0.001)
    said = int(times.read_text().split()[-1])
    times.unlink()
    return (said - begun) / 1e6


def command_line(bench: Bench) -> None:
    """Cold shell to the first line of a user's code: penstock run of a package and of a .py file, against kfp."""
    folder = bench.fresh('server')
    times, package, source = folder / 'times', folder / 'package.yaml', folder / 'pipeline.py'
    package.write_text(json.dumps(kfp('first_line', times)))
    source.write_text(SOURCE.replace('{path!r}', repr(str(times))))
    flags = (f'--python={KFP_PYTHON}', '--cache=off')
    found: Dict[str, List[float]] = {'package': [], 'python_file': [], 'kfp': []}
    with Server(folder, *flags) as server:
        url = f'http://127.0.0.1:{server.http_port}'
        environment = {'PATH': os.environ['PATH'], 'HOME': str(folder / 'home'), 'LANG': 'C.UTF-8',
                       'PENSTOCK_SERVER': url, 'PENSTOCK_PYTHON': str(KFP_PYTHON)}
        commands = {
            'package': (PROGRAMS / 'penstock', 'run', package, '--wait'),
            'python_file': (PROGRAMS / 'penstock', 'run', source, '--wait'),
            'kfp': (KFP_PYTHON.parent / 'kfp', '--endpoint', url, 'run', 'create', '-e', 'bench', '-r', 'first',
                    '-f', package)}
        for command in commands.values():
            first_line_ms(times, environment, *command)
        for _ in range(ROUNDS):
            for name, command in commands.items():
                found[name].append(first_line_ms(times, environment, *command))
    value = median(found['package'])
    bench.figure('package', value, 'ms', versus=f'{FAST} ms', ratio=value / FAST, at_most=1)
    bench.figure('package_to_kfp', value, 'ms', versus='kfp run create',
                 ratio=median_ratio(found['package'], found['kfp']))
    bench.figure('python_file', median(found['python_file']), 'ms', versus='kfp run create of the package',
                 ratio=median_ratio(found['python_file'], found['kfp']))
    bench.figure('kfp_run_create', median(found['kfp']), 'ms')
