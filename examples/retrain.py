"""Retrain a small classifier and deploy it only if it is good enough.

A pipeline in the kfp DSL: fetch_data makes labelled readings of pumps (generated, no network), train fits a
logistic regression, evaluate measures it, and deploy releases it if its accuracy reaches the threshold.

    python examples/retrain.py --host http://127.0.0.1:8888
    python examples/retrain.py --threshold 0.99          # the model is then not deployed
    python examples/retrain.py --compile-only retrain.yaml

The components use the standard library alone, so a task is ready as soon as Python is.
"""

import argparse
import base64
import contextlib
import datetime
import io
import json
import logging
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any, Dict, List, NamedTuple, Optional

# Said by the SDK to every reader of every script; nothing that a user of this one can act on.
warnings.filterwarnings('ignore', category=FutureWarning)

import kfp_server_api  # noqa: E402
import urllib3  # noqa: E402
from kfp import client, compiler, dsl  # noqa: E402
from kfp.dsl import ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output  # noqa: E402

API = '/apis/v2beta1'
FINISHED = ('SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELED')
POLL_SECONDS = 0.5
VALUE_WIDTH = 32  # of a value in a table


@dsl.component
def fetch_data(rows: int, seed: int, training: Output[Dataset], holdout: Output[Dataset]):
    """Makes readings of pumps, 1 for those that failed, and keeps a quarter of them for the evaluation."""
    import csv
    import random

    source = random.Random(seed)

    def reading():
        failed = source.random() < 0.5
        temperature = source.gauss(72.0 if failed else 60.0, 6.0)
        vibration = source.gauss(3.4 if failed else 2.0, 0.7)
        hours = source.uniform(0, 2000) + (400 if failed else 0)
        return [round(temperature, 2), round(vibration, 3), round(hours), int(failed)]

    readings = [reading() for _ in range(rows)]
    cut = rows * 3 // 4
    for artifact, part in ((training, readings[:cut]), (holdout, readings[cut:])):
        with open(artifact.path, 'w', newline='') as file:
            writer = csv.writer(file)
            writer.writerow(['temperature', 'vibration', 'hours', 'failed'])
            writer.writerows(part)
        artifact.metadata['rows'] = len(part)
    print(f'{rows} readings: {cut} to train on, {rows - cut} held out')


@dsl.component
def train(training: Input[Dataset], epochs: int, learning_rate: float, model: Output[Model]):
    """Fits a logistic regression by gradient descent on standardised features."""
    import csv
    import json
    import math

    with open(training.path, newline='') as file:
        table = list(csv.reader(file))
    names = table[0][:-1]
    features = [[float(value) for value in row[:-1]] for row in table[1:]]
    labels = [int(row[-1]) for row in table[1:]]
    count = len(labels)

    means = [sum(column) / count for column in zip(*features)]
    spreads = [math.sqrt(sum((value - mean) ** 2 for value in column) / count) or 1.0
               for column, mean in zip(zip(*features), means)]
    scaled = [[(value - mean) / spread for value, mean, spread in zip(row, means, spreads)] for row in features]

    weights, bias = [0.0] * len(names), 0.0
    for epoch in range(1, epochs + 1):
        slopes, bias_slope, loss = [0.0] * len(names), 0.0, 0.0
        for row, label in zip(scaled, labels):
            score = bias + sum(weight * value for weight, value in zip(weights, row))
            guess = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))
            loss -= math.log(guess if label else 1.0 - guess)
            bias_slope += guess - label
            slopes = [slope + (guess - label) * value for slope, value in zip(slopes, row)]
        weights = [weight - learning_rate * slope / count for weight, slope in zip(weights, slopes)]
        bias -= learning_rate * bias_slope / count
        if epoch % max(1, epochs // 5) == 0:
            print(f'epoch {epoch}: loss {loss / count:.4f}')

    with open(model.path, 'w') as file:
        json.dump({'features': names, 'means': means, 'spreads': spreads, 'weights': weights, 'bias': bias}, file)
    model.metadata['framework'] = 'none, logistic regression by hand'


@dsl.component
def evaluate(holdout: Input[Dataset], model: Input[Model], metrics: Output[Metrics],
             classification: Output[ClassificationMetrics], report: Output[Markdown],
             scores: Output[dsl.Artifact]) -> float:
    """Measures the model on the held-out readings; returns its accuracy."""
    import csv
    import json
    import math

    with open(model.path) as file:
        fitted = json.load(file)
    with open(holdout.path, newline='') as file:
        table = list(csv.reader(file))[1:]
    labels = [int(row[-1]) for row in table]

    def probability(row):
        scaled = ((float(value) - mean) / spread
                  for value, mean, spread in zip(row, fitted['means'], fitted['spreads']))
        score = fitted['bias'] + sum(weight * value for weight, value in zip(fitted['weights'], scaled))
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))

    guesses = [probability(row[:-1]) for row in table]

    def confusion(threshold):
        cells = [[0, 0], [0, 0]]
        for label, guess in zip(labels, guesses):
            cells[label][int(guess >= threshold)] += 1
        return cells

    cells = confusion(0.5)
    (healthy, false_alarms), (missed, caught) = cells
    accuracy = (healthy + caught) / len(labels)
    precision = caught / max(1, caught + false_alarms)
    recall = caught / max(1, caught + missed)

    false_rates, true_rates, thresholds = [], [], []
    for step in range(20, -1, -1):
        (true_negatives, false_positives), (false_negatives, true_positives) = confusion(step / 20)
        false_rates.append(false_positives / max(1, false_positives + true_negatives))
        true_rates.append(true_positives / max(1, true_positives + false_negatives))
        thresholds.append(step / 20)
    area = sum((right - left) * (low + high) / 2 for left, right, low, high in
               zip(false_rates, false_rates[1:], true_rates, true_rates[1:]))

    results = {'accuracy': accuracy, 'precision': precision, 'recall': recall, 'auc': area}
    for name, value in results.items():
        metrics.log_metric(name, round(value, 4))
    classification.log_confusion_matrix(['healthy', 'failed'], cells)
    classification.log_roc_curve(false_rates, true_rates, thresholds)
    with open(scores.path, 'w') as file:
        json.dump({'metrics': results, 'confusion_matrix': cells, 'rows': len(labels)}, file)
    with open(report.path, 'w') as file:
        file.write('# Evaluation\n\n| metric | value |\n|---|---|\n')
        file.writelines(f'| {name} | {value:.4f} |\n' for name, value in results.items())
        file.write(f'\nOf {missed + caught} failures {caught} were caught; {false_alarms} alarms were false.\n')
    print(f'accuracy {accuracy:.4f} on {len(labels)} readings')
    return accuracy


@dsl.component
def deploy(model: Input[Model], accuracy: float, threshold: float, release: Output[Model],
           record: Output[dsl.Artifact]) -> NamedTuple('Decision', [('deployed', bool), ('reason', str)]):
    """Releases the model if it is good enough, and records the decision either way."""
    import json
    import shutil
    from collections import namedtuple

    deployed = accuracy >= threshold
    reason = f'accuracy {accuracy:.4f} is {"at least" if deployed else "below"} the threshold {threshold:g}'
    if deployed:
        shutil.copyfile(model.path, release.path)
    release.metadata['deployed'] = deployed
    with open(record.path, 'w') as file:
        json.dump({'deployed': deployed, 'reason': reason, 'accuracy': accuracy, 'threshold': threshold}, file)
    print(('deployed: ' if deployed else 'not deployed: ') + reason)
    return namedtuple('Decision', ['deployed', 'reason'])(deployed, reason)


@dsl.pipeline(name='retrain', description='Retrain a classifier and deploy it if it is good enough.')
def retrain(rows: int = 2000, seed: int = 7, epochs: int = 60, learning_rate: float = 0.5, threshold: float = 0.9):
    data = fetch_data(rows=rows, seed=seed)
    fitted = train(training=data.outputs['training'], epochs=epochs, learning_rate=learning_rate)
    measured = evaluate(holdout=data.outputs['holdout'], model=fitted.outputs['model'])
    deploy(model=fitted.outputs['model'], accuracy=measured.outputs['Output'], threshold=threshold)


def node_url(host: str, run_id: str, task_id: str, tail: str) -> str:
    return f'{host}{API}/runs/{run_id}/nodes/{urllib.parse.quote(task_id, safe="")}/{tail}'


def artifact_url(host: str, run_id: str, task_id: str, name: str) -> str:
    return node_url(host, run_id, task_id, f'artifacts/{urllib.parse.quote(name, safe="")}:read')


def read_artifact(host: str, run_id: str, task_id: str, name: str) -> Optional[bytes]:
    """The content of an artifact; of one without a file, its metadata as JSON. None if there is neither."""
    try:
        with urllib.request.urlopen(artifact_url(host, run_id, task_id, name), timeout=30) as answer:
            return base64.b64decode(json.load(answer)['data'])
    except urllib.error.HTTPError:
        return None


def seconds(start: Optional[datetime.datetime], end: Optional[datetime.datetime]) -> str:
    # A time that is not set yet arrives as the epoch.
    if not start or not end or start.year <= 1970 or end < start:
        return '-'
    return f'{(end - start).total_seconds():.1f} s'


def tasks_of(run: Any) -> List[Any]:
    details = run.run_details.task_details if run.run_details else None

    def begun(task: Any) -> Any:
        # A task that has not started yet has the epoch as its start; it comes last.
        return (task.start_time is None or task.start_time.year <= 1970, task.start_time or task.create_time,
                task.display_name or '')
    return sorted(details or [], key=begun)


def watch(kfp_client: client.Client, run_id: str, timeout: float) -> Any:
    """Prints every change of state until the run ends; returns the ended run."""
    deadline = time.monotonic() + timeout
    seen: Dict[str, str] = {}
    while True:
        run = kfp_client.get_run(run_id)
        states = {task.display_name: task.state for task in tasks_of(run)}
        for name, state in list(states.items()) + [('run', run.state)]:
            if state and seen.get(name) != state:
                print(f'  {datetime.datetime.now():%H:%M:%S}  {name:<12} {state.lower()}', flush=True)
                seen[name] = state
        if run.state in FINISHED:
            return run
        if time.monotonic() > deadline:
            raise TimeoutError(f'run {run_id} is still {run.state} after {timeout:g} s; look at {run_id} again later, '
                               'or give a longer --timeout.')
        time.sleep(POLL_SECONDS)


def print_table(header: List[str], rows: List[List[str]]) -> None:
    widths = [max(len(row[column]) for row in [header] + rows) for column in range(len(header))]
    for row in [header, ['-' * width for width in widths]] + rows:
        print('  ' + '  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def print_results(host: str, run: Any) -> None:
    tasks = {task.display_name: task for task in tasks_of(run)}

    def content(task_name: str, artifact: str) -> Dict[str, Any]:
        task = tasks.get(task_name)
        raw = read_artifact(host, run.run_id, task.task_id, artifact) if task else None
        return json.loads(raw) if raw else {}

    scores = content('evaluate', 'scores')
    metrics = content('evaluate', 'metrics') or scores.get('metrics', {})
    if metrics:
        print('\nMetrics')
        print_table(['metric', 'value'], [[name, f'{value:.4f}'] for name, value in metrics.items()
                                          if isinstance(value, (int, float))])
    if scores.get('confusion_matrix'):
        print('\nConfusion matrix')
        print_table(['actual', 'said healthy', 'said failed'],
                    [[label, *map(str, row)] for label, row in zip(['healthy', 'failed'], scores['confusion_matrix'])])
    decision = content('deploy', 'record')
    if decision:
        print(f"\n{'Deployed' if decision['deployed'] else 'Not deployed'}: {decision['reason']}")


def print_places(host: str, run: Any, data_dir: Optional[str]) -> None:
    print('\nLook at')
    print(f'  run        {host}/#/runs/details/{run.run_id}')
    print(f'  all runs   {host}/#/runs')
    for task in tasks_of(run):
        print(f'  {task.display_name:<10} log  {node_url(host, run.run_id, task.task_id, "log")}')
        for name in sorted(task.outputs or {}):
            print(f'  {"":<10} {name:<14} {artifact_url(host, run.run_id, task.task_id, name)}')
    if not data_dir:
        return
    print('\nOn this machine')
    for folder in ('artifacts', 'logs'):
        base = pathlib.Path(data_dir).expanduser() / folder
        found = next((path for pattern in ('*', '*/*', '*/*/*') for path in base.glob(pattern)
                      if path.name == run.run_id), base)
        print(f'  {folder:<10} {found}')


def run_before(kfp_client: client.Client, run: Any) -> Optional[str]:
    """The id of the run of this experiment that succeeded before this one; None if there is none."""
    earlier = kfp_client.list_runs(experiment_id=run.experiment_id, sort_by='created_at desc', page_size=20).runs or []
    return next((one.run_id for one in earlier if one.run_id != run.run_id and one.state == 'SUCCEEDED'
                 and one.created_at <= run.created_at), None)


def print_comparison(host: str, before: str, run_id: str) -> None:
    """What differs from the run before. Only Penstock compares runs."""
    query = urllib.parse.urlencode({'run_ids': [before, run_id]}, doseq=True)
    try:
        with urllib.request.urlopen(f'{host}/apis/penstock/v1/runs:compare?{query}', timeout=30) as answer:
            comparison = json.load(answer)
    except urllib.error.HTTPError:
        return
    rows = []
    for section in comparison.get('sections', []):
        for row in section.get('rows', []):
            values = [str(value.get('value', '-'))[:VALUE_WIDTH] for value in row['values']]
            rows.append([section['name'], ': '.join(filter(None, (row.get('task'), row['key']))), *values])
    print(f'\nCompared with the run before, {before}')
    if rows:
        print_table(['what', 'of', 'before', 'now'], rows)
    else:
        print('  Nothing differs.')


def run_example(options: argparse.Namespace) -> int:
    host = options.host.rstrip('/')
    kfp_client = client.Client(host=host)
    arguments = {'rows': options.rows, 'threshold': options.threshold}
    # The SDK prints links into KFP's web UI, which need not be there; print_places shows what the API itself serves.
    with contextlib.redirect_stdout(io.StringIO()):
        submitted = kfp_client.create_run_from_pipeline_func(
            retrain, arguments=arguments, experiment_name='retrain',
            run_name=f'retrain {datetime.datetime.now():%Y-%m-%d %H:%M:%S}')
    print(f'Run {submitted.run_id} of the pipeline "retrain" on {host}')
    started = time.monotonic()
    run = watch(kfp_client, submitted.run_id, options.timeout)
    print(f'\nThe run {run.state.lower()} in {time.monotonic() - started:.1f} s\n')
    print_table(['task', 'state', 'duration'], [[task.display_name, task.state, seconds(task.start_time, task.end_time)]
                                                for task in tasks_of(run)])
    for task in tasks_of(run):
        if task.error and task.error.message:
            print(f'\n{task.display_name}: {task.error.message}')
    print_results(host, run)
    before = run_before(kfp_client, run)
    if before:
        print_comparison(host, before, run.run_id)
    print_places(host, run, options.data_dir)
    return 0 if run.state == 'SUCCEEDED' else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Run the retrain pipeline on a Kubeflow Pipelines API and show its results.")
    parser.add_argument('--host', default=os.environ.get('KF_PIPELINES_ENDPOINT', 'http://127.0.0.1:8888'),
                        help='base URL of the API (default: KF_PIPELINES_ENDPOINT or http://127.0.0.1:8888)')
    parser.add_argument('--threshold', type=float, default=0.9, help='least accuracy to deploy (default: 0.9)')
    parser.add_argument('--rows', type=int, default=2000, help='readings to generate (default: 2000)')
    parser.add_argument('--timeout', type=float, default=600, help='seconds to wait for the run (default: 600)')
    parser.add_argument('--data_dir', help="the server's data directory, if it is on this machine: its paths are shown")
    parser.add_argument('--compile-only', metavar='FILE', help='write the compiled pipeline to FILE and stop')
    options = parser.parse_args()
    if options.rows < 8:
        parser.error(f'--rows {options.rows}: at least 8 are needed to train and to evaluate.')
    if options.compile_only:
        compiler.Compiler().compile(retrain, options.compile_only)
        print(f'Compiled to {options.compile_only}')
        return 0
    # The SDK repeats the failed call in its log; the sentence below is enough.
    logging.disable(logging.ERROR)
    try:
        return run_example(options)
    except KeyboardInterrupt:
        print('\nStopped waiting; the run goes on.', file=sys.stderr)
        return 130
    except TimeoutError as error:
        print(f'retrain: {error}', file=sys.stderr)
    except kfp_server_api.ApiException as error:
        print(f'retrain: {options.host} answered {error.status}: {error.body}', file=sys.stderr)
    except urllib3.exceptions.HTTPError as error:
        print(f'retrain: cannot reach {options.host} ({type(error).__name__}): start the server, or give its address '
              'with --host.', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main())
