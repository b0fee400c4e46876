"""The dashboard in a browser: how soon a page is there, and whether it scrolls smoothly."""

import gzip
import json
import subprocess
import urllib.request
from typing import Dict, List

from figures import Bench, median
from fill import fill_sql, fill_sqlite
from servers import CLIENT, KFP_PYTHON, ROOT, Server, container_pipeline, measure

RUNS = 1_000_000
TASKS = 10_000
VISITS = 9
ROWS = 12  # that a screen shows at least
ASSETS = ROOT / 'gateway/dashboard/assets'
FIRST_PAGE = ('index', 'main', 'runs', 'chunk')  # what is loaded with it, or may be


def visits(server: Server, address: str) -> List[Dict[str, float]]:
    script = ROOT / 'tests/bench/dashboard_browser.py'
    done = subprocess.run([str(KFP_PYTHON), str(script), f'http://127.0.0.1:{server.http_port}', address, str(ROWS),
                           str(VISITS)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'dashboard_browser.py failed at {address}: {done.stderr.strip()[-500:]}')
    return json.loads(done.stdout)


def show(bench: Bench, name: str, found: List[Dict[str, float]]) -> None:
    def of(key: str) -> float:
        return median([one[key] for one in found])
    bench.figure(f'{name}_first_paint', of('paint_ms'), 'ms', versus='100 ms', ratio=of('paint_ms') / 100, at_most=1)
    bench.figure(f'{name}_usable', of('usable_ms'), 'ms', versus='500 ms', ratio=of('usable_ms') / 500, at_most=1)
    bench.figure(f'{name}_scrolling', of('frames'), 'frames/s', versus='60 frames/s', ratio=of('frames') / 60,
                 at_least=0.95)
    bench.figure(f'{name}_calls', of('calls'), 'calls')


def dashboard(bench: Bench) -> None:
    """The list of 1,000,000 runs and a run of 10,000 tasks, each in a browser that has nothing of it yet."""
    missing = subprocess.run([str(KFP_PYTHON), '-c', 'import playwright'], capture_output=True, check=False).returncode
    if missing:
        bench.missing('dashboard', 'playwright is not installed: deploy/install_deps.sh --tests')
        return
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) / 1000 for path in ASSETS.iterdir()}
    first = sum(size for name, size in sizes.items() if name.startswith(FIRST_PAGE))
    bench.figure('first_page_gzipped', first, 'kB', versus='150 kB', ratio=first / 150, at_most=1)
    bench.figure('all_gzipped', sum(sizes.values()), 'kB', versus='300 kB', ratio=sum(sizes.values()) / 300, at_most=1)
    folder = bench.fresh('runs')
    with Server(folder, '--role=server', '--gateway=off') as server:
        server.upload('noop', container_pipeline(1, '/bin/true'))
    fill_sqlite(folder / 'data/penstock.db', fill_sql(RUNS))
    with Server(folder, '--role=server') as server:
        show(bench, f'{RUNS}_runs', visits(server, 'runs'))
    with Server(bench.fresh('tasks'), '--max_parallel_tasks=8') as server:
        version = server.upload('noop', container_pipeline(TASKS, '/bin/true'))
        measure(CLIENT, 'run', server.target, version)
        with urllib.request.urlopen(f'http://127.0.0.1:{server.http_port}/apis/v2beta1/runs?page_size=1') as answer:
            run_id = json.load(answer)['runs'][0]['run_id']
        show(bench, f'{TASKS}_tasks', visits(server, f'runs/details/{run_id}'))
