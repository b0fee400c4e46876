"""MLflow's unmodified client, for the bench `mlflow`: mlflow_client.py URL EXPERIMENT_ID. Lines of the input are what
to do and how often; for each it prints the seconds of every time as a list of JSON."""

import itertools
import json
import os
import pathlib
import sys
import time

# Behind the packages, for they are to find their own modules rather than those beside this one.
sys.path.append(str(pathlib.Path(__file__).parent))
os.environ.update(MLFLOW_DISABLE_TELEMETRY='true', GIT_PYTHON_REFRESH='quiet', MLFLOW_HTTP_REQUEST_TIMEOUT='3600')

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric  # noqa: E402

from mlflow_wire import METRICS_A_BATCH, SEARCH_FILTER, SEARCH_ORDER  # noqa: E402


def main() -> None:
    url, experiment = sys.argv[1:]
    client = MlflowClient(tracking_uri=url)
    run = client.create_run('0').info.run_id
    steps = itertools.count()

    def log_metric() -> None:
        client.log_metric(run, 'single', 0.5, step=next(steps))

    def batch():
        first = next(steps) * METRICS_A_BATCH
        return [Metric(f'curve{i % 10}', i / 7, 1_700_000_000_000 + i, first + i // 10) for i in range(METRICS_A_BATCH)]

    def search(page: int) -> None:
        found = client.search_runs([experiment], SEARCH_FILTER, order_by=[SEARCH_ORDER], max_results=page)
        assert 0 < len(found) <= page, len(found)
    print('ready', flush=True)
    for line in sys.stdin:
        name, count, *page = line.split()
        taken = []
        for _ in range(int(count)):
            points = batch() if name == 'log_batch' else None
            begun = time.perf_counter()
            if name == 'log_metric':
                log_metric()
            elif name == 'log_batch':
                client.log_batch(run, metrics=points)
            else:
                search(int(page[0]))
            taken.append(time.perf_counter() - begun)
        print(json.dumps(taken), flush=True)


main()
