"""What is logged to a run with MLflow's unmodified client: params, metrics, batches, and their bounds."""

import concurrent.futures
import json
import math

import pytest

from mlflow_peer import needed, refusal

mlflow = needed()
from mlflow.entities import Metric, Param, RunTag  # noqa: E402

NAN, INFINITY, GREATEST = float('nan'), float('inf'), 1.7976931348623157e308
GOOD_KEYS = ('loss', 'val/loss', 'a b', 'a.b', 'a-b', 'a_b', 'a:b', 'ümläut', '損失', 'k' * 250)
BAD_KEYS = ('', 'a$b', 'a,b', 'a*b', 'a(b)', '/a', 'a/', 'a//b', './a', '..', 'a/../b', 'a\nb', 'k' * 251)


def history(tracking, run, key):
    return [(point.step, point.timestamp, point.value) for point in tracking.client.get_metric_history(run, key)]


def params(tracking, run):
    return tracking.client.get_run(run).data.params


def metrics(tracking, run):
    return tracking.client.get_run(run).data.metrics


# --- Params ---

def test_params(tracking, unique):
    mlflow.set_experiment(unique('experiment'))
    with mlflow.start_run() as run:
        assert mlflow.log_param('rate', 0.1) == 0.1
        mlflow.log_params({'layers': [1, 2], 'none': None, 'flag': True, 'text': 'üß → 実', 'empty': ''})
    assert params(tracking, run.info.run_id) == {'rate': '0.1', 'layers': '[1, 2]', 'none': 'None', 'flag': 'True',
                                                 'text': 'üß → 実', 'empty': ''}


def test_a_param_is_kept_as_it_was(tracking):
    run, client = tracking.run(), tracking.client
    client.log_param(run, 'p', 1)
    client.log_param(run, 'p', 1)
    client.log_param(run, 'p', '1')
    with refusal('INVALID_PARAMETER_VALUE'):
        client.log_param(run, 'p', 2)
    with refusal('INVALID_PARAMETER_VALUE'):
        client.log_batch(run, params=[Param('new', 'x'), Param('p', '2')])
    assert params(tracking, run) == {'p': '1'}, 'nothing of a refused batch is kept'
    client.log_batch(run, params=[Param('new', 'x'), Param('p', '1')])
    assert params(tracking, run) == {'p': '1', 'new': 'x'}
    with refusal('INVALID_PARAMETER_VALUE'):
        client.log_batch(run, params=[Param('twice', 'x'), Param('twice', 'y')])


def test_keys(tracking):
    run, client = tracking.run(), tracking.client
    for key in GOOD_KEYS:
        client.log_param(run, key, 'x')
        client.log_metric(run, key, 1)
    assert set(params(tracking, run)) == set(metrics(tracking, run)) == set(GOOD_KEYS)
    assert history(tracking, run, '損失')[0][2] == 1


@pytest.mark.parametrize('key', BAD_KEYS, ids=repr)
def test_refused_keys(tracking, key):
    """The client would refuse them itself, so they come from another one."""
    run = tracking.run()
    point = {'key': key, 'value': 1, 'timestamp': 1, 'step': 0}
    for path, body in (('log-metric', point), ('log-parameter', {'key': key, 'value': 'x'}),
                       ('set-tag', {'key': key, 'value': 'x'}), ('log-batch', {'metrics': [point]}),
                       ('log-batch', {'params': [{'key': key, 'value': 'x'}]}),
                       ('log-batch', {'tags': [{'key': key, 'value': 'x'}]})):
        tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'POST', f'/runs/{path}', json={'run_id': run, **body})
    seen = tracking.client.get_run(run).data
    assert seen.metrics == {} and seen.params == {} and key not in seen.tags


def test_long_values_are_cut(tracking):
    """Unless one's own client says no, MLflow keeps what it has room for."""
    run, client = tracking.run(), tracking.client
    client.log_param(run, 'fits', 'p' * 6000)
    client.log_param(run, 'long', 'p' * 6001)
    client.set_tag(run, 'fits', 't' * 8000)
    client.set_tag(run, 'long', 't' * 8001)
    client.log_batch(run, params=[Param('batch', 'ü' * 6500)], tags=[RunTag('batch', 'ü' * 8500)])
    seen = client.get_run(run).data
    assert {key: len(value) for key, value in seen.params.items()} == {'fits': 6000, 'long': 6000, 'batch': 6000}
    assert [len(seen.tags[key]) for key in ('fits', 'long', 'batch')] == [8000, 8000, 8000]
    client.log_param(run, 'long', 'p' * 7000)  # cut, it is the same value


# --- Metrics ---

def test_metrics(tracking, unique):
    mlflow.set_experiment(unique('experiment'))
    with mlflow.start_run() as run:
        for step in range(5):
            mlflow.log_metric('loss', 1 / (step + 1), step=step)
        mlflow.log_metrics({'accuracy': 0.5, 'f1': 1}, step=3)
        mlflow.log_metric('plain', 2)
    seen = metrics(tracking, run.info.run_id)
    assert seen == {'loss': 0.2, 'accuracy': 0.5, 'f1': 1, 'plain': 2}
    points = history(tracking, run.info.run_id, 'loss')
    assert [(step, value) for step, _, value in points] == [(step, 1 / (step + 1)) for step in range(5)]
    start = run.info.start_time
    assert all(start - 1000 <= timestamp <= start + 600_000 for _, timestamp, _ in points)
    assert history(tracking, run.info.run_id, 'none') == []
    assert history(tracking, run.info.run_id, 'accuracy')[0][0] == 3


def test_the_latest_goes_by_step_time_and_value(tracking):
    run, client = tracking.run(), tracking.client
    for value, timestamp, step in ((1, 500, 10), (2, 900, 9), (3, 400, 10), (4, 500, 10), (3.5, 500, 10), (9, 1, -3)):
        client.log_metric(run, 'm', value, timestamp=timestamp, step=step)
    assert metrics(tracking, run) == {'m': 4}
    raw = tracking.ok('GET', '/runs/get', params={'run_id': run})['run']['data']['metrics']
    assert [(one['key'], one['value'], one['timestamp'], one['step']) for one in raw] == [('m', 4, 500, 10)]
    # The history is in the order of times.
    assert history(tracking, run, 'm') == [(-3, 1, 9), (10, 400, 3), (10, 500, 1), (10, 500, 3.5), (10, 500, 4),
                                           (9, 900, 2)]


def test_duplicates_collapse(tracking):
    run, client = tracking.run(), tracking.client
    for _ in range(3):
        client.log_metric(run, 'm', 1, timestamp=5, step=1)
        client.log_metric(run, 'n', NAN, timestamp=5, step=1)
    client.log_batch(run, metrics=[Metric('m', 1, 5, 1), Metric('m', 1, 5, 1), Metric('m', 2, 5, 1),
                                   Metric('n', NAN, 5, 1)])
    assert history(tracking, run, 'm') == [(1, 5, 1), (1, 5, 2)]
    assert len(history(tracking, run, 'n')) == 1


def test_numbers_that_are_none(tracking):
    run, client = tracking.run(), tracking.client
    client.log_metric(run, 'nan', NAN, timestamp=1)
    client.log_metric(run, 'infinite', INFINITY, timestamp=1)
    client.log_batch(run, metrics=[Metric('less', -INFINITY, 1, 0), Metric('nan', NAN, 2, 1),
                                   Metric('tiny', 5e-324, 1, 0), Metric('exact', 0.1 + 0.2, 1, 0),
                                   Metric('negative', -0.0, 1, 0), Metric('greatest', GREATEST, 1, 0)])
    seen = metrics(tracking, run)
    assert math.isnan(seen['nan']) and seen['infinite'] >= GREATEST and seen['less'] <= -GREATEST
    assert (seen['tiny'], seen['exact'], seen['negative']) == (5e-324, 0.1 + 0.2, 0)
    assert seen['greatest'] == GREATEST
    assert [math.isnan(value) for _, _, value in history(tracking, run, 'nan')] == [True, True]
    assert history(tracking, run, 'infinite')[0][2] >= GREATEST
    # A number behind NaN is the latest when its step is.
    client.log_metric(run, 'nan', 3, timestamp=3, step=2)
    assert metrics(tracking, run)['nan'] == 3


def test_numbers_on_the_wire(tracking):
    run = tracking.run()
    for key, value in (('number', 1.5), ('integer', 2), ('nan', 'NaN'), ('infinity', 'Infinity'),
                       ('minus', '-Infinity'), ('text', '2.5')):
        body = {'run_id': run, 'key': key, 'value': value, 'timestamp': '1700000000000', 'step': '7'}
        tracking.ok('POST', '/runs/log-metric', json=body)
    data = tracking.ok('GET', '/runs/get', params={'run_id': run})['run']['data']
    seen = {one['key']: one for one in data['metrics']}
    assert seen['number'] == {'key': 'number', 'value': 1.5, 'timestamp': 1700000000000, 'step': 7}
    assert seen['nan']['value'] == 'NaN' and seen['text']['value'] == 2.5 and seen['integer']['value'] == 2
    assert float(seen['infinity']['value']) >= GREATEST and float(seen['minus']['value']) <= -GREATEST


@pytest.mark.parametrize('point', [
    {'value': 'x'}, {'value': None}, {'value': 1, 'step': 'x'}, {'value': 1, 'timestamp': 'x'},
    {'value': 1, 'timestamp': -1}, {'value': {'a': 1}}, {'value': 1, 'timestamp': None}], ids=json.dumps)
def test_refused_points(tracking, point):
    run = tracking.run()
    one = {'key': 'm', 'timestamp': 1, 'step': 0, **point}
    single = tracking.request('POST', '/runs/log-metric', json={'run_id': run, **one})
    batch = tracking.request('POST', '/runs/log-batch', json={'run_id': run, 'metrics': [one]})
    if tracking.peer == 'mlflow':  # which stores 0 in place of what it cannot read in a batch, and says 500 of others
        assert single.status_code in (400, 500) and batch.status_code in (200, 400)
        return
    for answer in (single, batch):
        assert (answer.status_code, answer.json()['error_code']) == (400, 'INVALID_PARAMETER_VALUE'), answer.text
    assert metrics(tracking, run) == {}


def test_steps_to_the_edge(tracking):
    run, client = tracking.run(), tracking.client
    steps = (-2**63, -1, 0, 2**53 + 1, 2**63 - 1)
    client.log_batch(run, metrics=[Metric('m', 1, i, step) for i, step in enumerate(steps)])
    assert [step for step, _, _ in history(tracking, run, 'm')] == list(steps)


# --- Batches ---

def test_a_batch_of_everything(tracking):
    run = tracking.run()
    points = [Metric(f'm{i % 8}', i, 1_700_000_000_000 + i, i // 8) for i in range(800)]
    tracking.client.log_batch(run, metrics=points, params=[Param(f'p{i}', str(i)) for i in range(100)],
                              tags=[RunTag(f't{i}', str(i)) for i in range(100)])
    seen = tracking.client.get_run(run).data
    assert seen.metrics == {f'm{i}': 792 + i for i in range(8)} and len(seen.params) == 100
    assert {f't{i}': str(i) for i in range(100)}.items() <= seen.tags.items()
    assert [value for _, _, value in history(tracking, run, 'm3')] == list(range(3, 800, 8))


def test_a_batch_of_1000(tracking):
    run = tracking.run()
    points = [{'key': 'm', 'value': i, 'timestamp': i, 'step': i} for i in range(1001)]
    tracking.ok('POST', '/runs/log-batch', json={'run_id': run, 'metrics': points[:1000]})
    assert len(history(tracking, run, 'm')) == 1000
    for body in ({'metrics': points}, {'params': [{'key': f'p{i}', 'value': ''} for i in range(101)]},
                 {'tags': [{'key': f't{i}', 'value': ''} for i in range(101)]},
                 {'metrics': points[:1000], 'params': [{'key': 'p', 'value': 'x'}]}):
        tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'POST', '/runs/log-batch', json={'run_id': run, **body})
    assert len(history(tracking, run, 'm')) == 1000 and params(tracking, run) == {}


def test_the_client_splits_what_is_more(tracking, unique):
    mlflow.set_experiment(unique('experiment'))
    with mlflow.start_run() as run:
        mlflow.log_params({f'p{i}': i for i in range(250)})
        mlflow.log_metrics({f'm{i}': i for i in range(1500)})
        mlflow.set_tags({f't{i}': i for i in range(250)})
    seen = tracking.client.get_run(run.info.run_id).data
    assert len(seen.params) == 250 and len(seen.metrics) == 1500
    assert sum(key.startswith('t') for key in seen.tags) == 250


def test_the_largest_batch(tracking):
    """1.4 MB of what is allowed: no bound on the body is below what the bounds of its parts add up to."""
    run = tracking.run()
    body = {'run_id': run, 'params': [{'key': f'p{i}', 'value': 'x' * 6000} for i in range(100)],
            'tags': [{'key': f't{i}', 'value': 'x' * 8000} for i in range(100)]}
    assert tracking.ok('POST', '/runs/log-batch', json=body) == {}
    assert {len(value) for value in params(tracking, run).values()} == {6000} and len(params(tracking, run)) == 100


def test_empty_batches(tracking):
    run = tracking.run()
    for body in ({}, {'metrics': []}, {'params': [], 'unknown': 1}):
        assert tracking.ok('POST', '/runs/log-batch', json={'run_id': run, **body}) == {}
    if tracking.peer != 'mlflow':  # which says 500; clients in Go write an empty list so
        body = {'run_id': run, 'metrics': None, 'params': None, 'tags': None}
        assert tracking.ok('POST', '/runs/log-batch', json=body) == {}


def test_a_batch_sent_twice_counts_once(tracking):
    """The client sends a batch again when the answer does not reach it."""
    run = tracking.run()
    body = {'run_id': run, 'metrics': [{'key': f'm{i % 3}', 'value': i, 'timestamp': i, 'step': i} for i in range(600)],
            'params': [{'key': 'p', 'value': 'x'}], 'tags': [{'key': 't', 'value': 'x'}]}
    assert tracking.ok('POST', '/runs/log-batch', json=body) == {}
    assert tracking.ok('POST', '/runs/log-batch', json=body) == {}
    assert [len(history(tracking, run, f'm{i}')) for i in range(3)] == [200, 200, 200]
    assert metrics(tracking, run) == {'m0': 597, 'm1': 598, 'm2': 599} and params(tracking, run) == {'p': 'x'}
    again = {**body, 'metrics': [*body['metrics'], {'key': 'm0', 'value': 600, 'timestamp': 600, 'step': 600}]}
    tracking.ok('POST', '/runs/log-batch', json=again)
    assert len(history(tracking, run, 'm0')) == 201 and metrics(tracking, run)['m0'] == 600


def test_batches_at_the_same_time(tracking):
    """Threads that log to one run, each its own metric and all the same one."""
    run, threads, batches = tracking.run(), 8, 5

    def log(thread):
        for batch in range(batches):
            points = [Metric(f'own{thread}', batch * 50 + i, i, batch * 50 + i) for i in range(50)]
            points.append(Metric('shared', thread, batch, batch))
            tracking.client.log_batch(run, metrics=points, params=[Param(f'p{thread}-{batch}', 'x')],
                                      tags=[RunTag('shared', str(thread))])
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(log, range(threads)))
    seen = tracking.client.get_run(run).data
    assert {key: value for key, value in seen.metrics.items() if key != 'shared'} == {
        f'own{thread}': 249 for thread in range(threads)}
    assert seen.metrics['shared'] == threads - 1 and len(seen.params) == threads * batches
    assert len(history(tracking, run, 'shared')) == threads * batches
    assert all(len(history(tracking, run, f'own{thread}')) == 250 for thread in range(threads))


# --- Histories ---

def test_pages_of_a_history(tracking):
    run = tracking.run()
    for first in range(0, 2500, 1000):
        points = [Metric('m', i, i, i) for i in range(first, min(first + 1000, 2500))]
        tracking.client.log_batch(run, metrics=points)
    seen, token, pages = [], None, 0
    while True:
        query = {'run_id': run, 'metric_key': 'm', 'max_results': 700, **({'page_token': token} if token else {})}
        page = tracking.ok('GET', '/metrics/get-history', params=query)
        seen += [(one['step'], one['timestamp'], one['value']) for one in page['metrics']]
        token, pages = page.get('next_page_token'), pages + 1
        if not token:
            break
    assert seen == [(i, i, i) for i in range(2500)] and pages == 4
    assert history(tracking, run, 'm') == seen
    whole = tracking.ok('GET', '/metrics/get-history', params={'run_uuid': run, 'metric_key': 'm'})
    assert len(whole['metrics']) == 2500 and not whole.get('next_page_token')
    assert tracking.ok('GET', '/metrics/get-history', params={'run_id': run, 'metric_key': 'none'}) == {}
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'GET', '/metrics/get-history', params={'run_id': run})
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'GET', '/metrics/get-history',
                     params={'run_id': run, 'metric_key': 'm', 'max_results': 0})
    # MLflow has no points of a run that is not there; to say that it is not there is as good.
    answer = tracking.request('GET', '/metrics/get-history', params={'run_id': 'f' * 32, 'metric_key': 'm'})
    assert answer.status_code in (200, 404) and 'metrics' not in answer.json()


def test_histories_of_several_runs(tracking):
    """What MLflow's web page draws its curves from."""
    experiment = tracking.experiment()
    runs = [tracking.run(experiment) for _ in range(3)]
    for n, run in enumerate(runs):
        tracking.client.log_batch(run, metrics=[Metric('m', i + n, i, i) for i in range(300)])
    path = '/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval'
    query = {'run_ids': runs, 'metric_key': 'm', 'max_results': 1000}
    seen = tracking.ok('GET', path, params=query)['metrics']
    for n, run in enumerate(runs):
        points = [(one['step'], one['value']) for one in seen if one['run_id'] == run]
        assert points == [(i, i + n) for i in range(300)] and all(one['key'] == 'm' for one in seen)
    # Between two steps, and no more than asked for, the ends among them.
    part = tracking.ok('GET', path, params={**query, 'start_step': 100, 'end_step': 199})['metrics']
    assert len(part) == 300 and {one['step'] for one in part} == set(range(100, 200))
    few = tracking.ok('GET', path, params={**query, 'run_ids': runs[:1], 'max_results': 10})['metrics']
    steps = [one['step'] for one in few]
    assert len(steps) <= 10 and steps == sorted(steps) and steps[0] == 0 and steps[-1] == 299
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'GET', path, params={**query, 'start_step': 5})
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'GET', path, params={'metric_key': 'm'})
