"""search_runs through MLflow's unmodified client: filters, orders, pages."""

import base64
import types

import pytest

from mlflow_peer import needed, refusal

mlflow = needed()
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType  # noqa: E402

NAN, INFINITY = float('nan'), float('inf')
START = 1_700_000_000_000


def dataset(name, digest, context):
    source = {'source_type': 'local', 'source': '{"uri": "data.csv"}'}
    return DatasetInput(Dataset(name=name, digest=digest, **source), [InputTag('mlflow.data.context', context)])


@pytest.fixture(scope='module')
def many(tracking_url):
    """Two experiments with runs that differ in what one searches by; nobody changes them. `a` began first."""
    client = mlflow.MlflowClient(tracking_url)
    name = f'search-{mlflow.utils.time.get_current_time_millis()}'
    first, second = client.create_experiment(name), client.create_experiment(f'{name}-second')

    def add(letter, start, metrics, params, tags, experiment=first, status='FINISHED', datasets=()):
        run = client.create_run(experiment, start_time=START + start, run_name=letter).info.run_id
        client.log_batch(run, [Metric(key, value, START, step) for step, (key, value) in enumerate(metrics)],
                         [Param(*pair) for pair in params.items()], [RunTag(*pair) for pair in tags.items()])
        if datasets:
            client.log_inputs(run, list(datasets))
        client.set_terminated(run, status, end_time=START + start + 1000)
        return run
    runs = {
        'a': add('a', 1, [('m', 1), ('n', 2)], {'p': '1', 'kind': 'Ridge'}, {'t': 'x', 'mlflow.user': 'rita'},
                 datasets=[dataset('iris', '123', 'training')]),
        'b': add('b', 2, [('m', 2), ('n', 2)], {'p': '2', 'kind': 'Lasso'}, {'t': 'X', 'a key.with dots': 'y'},
                 datasets=[dataset('iris', '124', 'evaluation'), dataset('wine', '9', 'training')]),
        'c': add('c', 3, [('m', 0.5)], {'p': '10', 'kind': 'ridge'}, {'t': "it's"}, status='FAILED'),
        'd': add('d', 4, [('m', NAN), ('n', 1)], {'kind': '50%_off'}, {'t': '50%_off'}),
        'e': add('e', 5, [('m', 9), ('m', -3)], {'p': '1', 'with blank': 'z'}, {}),
        'f': add('f', 6, [('m', INFINITY)], {}, {'t': ''}, status='KILLED'),
        'g': add('g', 7, [], {}, {}, experiment=second),
    }
    return types.SimpleNamespace(first=first, second=second, runs=runs)


def found(tracking, many, condition, **more):
    """Letters in the order in which they began, which is not the order of the answer."""
    text = condition.format(**{f'id_{letter}': run for letter, run in many.runs.items()})
    return ''.join(sorted(tracking.found(many.first, text, **more)))


@pytest.mark.parametrize('condition, expected', [
    ('', 'abcdef'),
    # Metrics: of the latest value. NaN is unlike every number, infinity is greater than each.
    ('metrics.m > 1', 'bf'), ('metrics.m >= 1', 'abf'), ('metrics.m < 1', 'ce'), ('metrics.m <= 1.0', 'ace'),
    ('metrics.m = 2', 'b'), ('metrics.m != 2', 'acdef'), ('metric.m = 0.5', 'c'), ('metric.m<1', 'ce'),
    ('metrics.`m` >= 1 AND metrics.n = 2', 'ab'), ('metrics."m" > 1e0', 'bf'),
    ('metrics.m > -5 and metrics.m < 0', 'e'), ('metrics.m = -3', 'e'),
    ('metrics.none > 0', ''), ('metrics.m != 0', 'abcdef'), ('metrics.m < 1e300', 'abce'),
    # Params
    ("params.p = '1'", 'ae'), ('params.p = "1"', 'ae'), ("param.p != '1'", 'bc'), ("parameter.p = '10'", 'c'),
    ("parameters.p LIKE '1%'", 'ace'), ("params.kind = 'ridge'", 'c'), ("params.kind LIKE 'ridge'", 'c'),
    ("params.kind ILIKE 'RIDGE'", 'ac'), ("params.kind LIKE '%idge'", 'ac'), ("params.kind LIKE '_asso'", 'b'),
    ("params.`with blank` = 'z'", 'e'), ('params."with blank" = \'z\'', 'e'), ('params.p IS NULL', 'df'),
    ('params.p IS NOT NULL', 'abce'), ('params.none IS NULL', 'abcdef'), ("params.p like '1'", 'ae'),
    # Tags
    ("tags.t = 'x'", 'a'), ("tag.t = 'X'", 'b'), ("tags.t ILIKE 'x'", 'ab'), ("tags.t != 'x'", 'bcdf'),
    ("tags.t = ''", 'f'), ("tags.`a key.with dots` = 'y'", 'b'), ('tags."a key.with dots" = \'y\'', 'b'),
    ("tags.mlflow.user = 'rita'", 'a'), ("tags.`mlflow.user` ILIKE 'R%'", 'a'), ("tags.mlflow.runName = 'c'", 'c'),
    ('tags.t is null', 'e'), ('tags.t IS NOT NULL', 'abcdf'), ("tags.t LIKE '50%'", 'd'), ('tags.t = "it\'s"', 'c'),
    # Attributes
    ("attributes.status = 'FINISHED'", 'abde'), ("status != 'FINISHED'", 'cf'), ("attr.status LIKE 'F%'", 'abcde'),
    ("run.status = 'KILLED'", 'f'), ("attribute.run_name = 'd'", 'd'), ("run_name LIKE 'D'", ''),
    ("run_name ILIKE 'D'", 'd'), ("attributes.`run name` = 'd'", 'd'), ("`Run Name` = 'e'", 'e'),
    ("run_id = '{id_c}'", 'c'), ("run_id != '{id_c}'", 'abdef'), ("run_id IN ('{id_a}','{id_c}')", 'ac'),
    ("attributes.run_id IN ('{id_b}')", 'b'), ("run_id IN ('{id_b}',)", 'b'),  # as Python writes a tuple
    ('run_id IN ("{id_b}", "{id_c}")', 'bc'), ("attributes.run_id NOT IN ('{id_a}', '{id_b}', '{id_g}')", 'cdef'),
    ("user_id != 'nobody'", 'abcdef'), ("attributes.artifact_uri LIKE '%{id_a}%'", 'a'),
    (f'start_time > {START + 3}', 'def'), (f'attributes.start_time <= {START + 2}', 'ab'),
    (f'start_time = {START + 5}', 'e'), (f'end_time >= {START + 1005}', 'ef'), (f'created > {START + 4}', 'ef'),
    (f'attribute.Created != {START + 1}', 'bcdef'),
    # Data sets
    ("dataset.name = 'iris'", 'ab'), ("datasets.name = 'wine'", 'b'), ("dataset.digest = '123'", 'a'),
    ("dataset.context = 'training'", 'ab'), ("datasets.context='evaluation'", 'b'), ("dataset.name LIKE 'i%'", 'ab'),
    ("dataset.name ILIKE 'IRIS'", 'ab'), ("dataset.digest IN ('123', '9')", 'ab'),
    # Several
    ("metrics.m > 0 AND params.p = '1' AND tags.t = 'x' AND status = 'FINISHED'", 'a'),
    ("metrics.m > 0 and params.kind LIKE 'R%' aNd run_name = 'a'", 'a'), ("tags.t = 'x' AND tags.t = 'X'", ''),
    ("params.p IS NOT NULL AND tags.t IS NULL", 'e'),
])
def test_filters(tracking, many, condition, expected):
    assert found(tracking, many, condition) == expected


@pytest.mark.parametrize('condition', [
    "name = 'x'", "nokey = '1'", "inputs.name = 'x'", "metrics.m = 'x'", "params.p > '1'", 'params.p = 1',
    "start_time > '1'", "status IN ('a')", 'a or b', 'metrics.m = 1 OR metrics.m = 2', 'metrics.m', 'metrics.m =',
    "= 'x'", "metrics.m LIKE '1'", "tags.t > 'x'", "tags.t = x", 'metrics.m IS NULL', "start_time IS NOT NULL",
    '(metrics.m = 1)', "dataset.none = 'x'", "dataset.name = 1", "params.p = '1", "run_id IN ()", "run_id IN (1, 2)",
    "tags.t IN ('a')", "metrics.m = 1; metrics.m = 2", "experiment_id = '1'",
    "lifecycle_stage = 'active'", 'status = FINISHED', 'attributes.status'])
def test_refused_filters(tracking, many, condition):
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.search_runs([many.first], condition)


@pytest.mark.parametrize('order, expected', [
    ([], 'fedcba'),  # the latest first
    (['metrics.m'], 'ecabfd'), (['metrics.m ASC'], 'ecabfd'), (['metrics.m DESC'], 'fbaced'),
    (['metric.`m` desc'], 'fbaced'),
    # NaN stands before what is missing, whatever the direction; equal ones go by their start, latest first.
    (['metrics.n'], 'dbafec'), (['metrics.n DESC'], 'badfec'),
    (['metrics.n DESC', 'start_time ASC'], 'abdcef'), (['metrics.n', 'metrics.m DESC'], 'dbafce'),
    (['params.p'], 'eacbfd'), (['params.p DESC'], 'bceafd'), (["params.p ASC", 'run_name'], 'aecbdf'),
    (['tags.t'], 'fdbcae'), (['tags.t DESC', 'start_time'], 'acbdfe'), (['tags.`a key.with dots`'], 'bfedca'),
    (['attributes.status', 'start_time'], 'cabdef'), (['start_time ASC'], 'abcdef'), (['start_time'], 'abcdef'),
    (['attribute.start_time DESC'], 'fedcba'), (['end_time DESC'], 'fedcba'), (['created ASC'], 'abcdef'),
    (['run_name DESC'], 'fedcba'), (['metrics.none', 'run_name'], 'abcdef'),
])
def test_orders(tracking, many, order, expected):
    assert ''.join(tracking.found(many.first, order_by=order)) == expected
    # In pages it is the same.
    seen, token = [], None
    while True:
        page = tracking.client.search_runs([many.first], order_by=order, max_results=2, page_token=token)
        seen += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break
    assert ''.join(seen) == expected


@pytest.mark.parametrize('order', ['foo', 'metrics.m DES', 'dataset.name', 'metrics.m ASC DESC', 'start_time, run_name',
                                   '', 'metrics.m > 1', 'inputs.x'])
def test_refused_orders(tracking, many, order):
    if tracking.peer == 'mlflow' and order == '':
        pytest.skip('MLflow says 500')
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.search_runs([many.first], order_by=[order])


@pytest.mark.parametrize('more', [
    {'max_results': 0}, {'max_results': -1}, {'max_results': 50_001}, {'page_token': 'no token'},
    {'page_token': base64.b64encode(b'{"offset": "x"}').decode()}], ids=str)
def test_refused_options(tracking, many, more):
    body = {'experiment_ids': [many.first], **more}
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'POST', '/runs/search', json=body)


def test_several_experiments(tracking, many):
    assert set(tracking.found([many.first, many.second])) == set('abcdefg')
    assert tracking.found([many.first, many.second]) == list('gfedcba')
    assert tracking.found([many.second]) == ['g'] and tracking.found([]) == []
    assert tracking.found([many.second, '987654321']) == ['g'], 'one that is not there has no runs'
    assert tracking.found([many.second, many.second]) == ['g']
    page = tracking.client.search_runs([many.first], 'metrics.m > 1e308')
    assert [run.info.run_name for run in page] == ['f'] and page.token is None


def test_what_a_search_gives(tracking, many):
    """Runs as get_run gives them, with all that was logged."""
    for run in tracking.client.search_runs([many.first]):
        alone = tracking.client.get_run(run.info.run_id)
        assert dict(run.info) == dict(alone.info) and run.data.params == alone.data.params
        assert run.data.tags == alone.data.tags and repr(run.data.metrics) == repr(alone.data.metrics)
        assert [one.to_dictionary() for one in run.inputs.dataset_inputs] == [
            one.to_dictionary() for one in alone.inputs.dataset_inputs]
    (b,) = tracking.client.search_runs([many.first], "run_name = 'b'")
    assert b.data.metrics == {'m': 2, 'n': 2} and b.data.params == {'p': '2', 'kind': 'Lasso'}
    assert {one.dataset.name for one in b.inputs.dataset_inputs} == {'iris', 'wine'}


def test_pages_to_the_end(tracking):
    """Every run once, in one order, though many are equal in what they are ordered by."""
    experiment = tracking.experiment()
    runs = [tracking.client.create_run(experiment, start_time=START).info.run_id for _ in range(25)]
    for i, run in enumerate(runs):
        tracking.client.log_batch(run, metrics=[Metric('m', i % 3, 0, 0)] if i % 5 else [])
    whole = [run.info.run_id for run in tracking.client.search_runs([experiment], order_by=['metrics.m DESC'])]
    assert sorted(whole) == sorted(runs)
    for size in (1, 7, 25):
        seen, token, pages = [], None, 0
        while True:
            page = tracking.client.search_runs([experiment], order_by=['metrics.m DESC'], max_results=size,
                                               page_token=token)
            seen += [run.info.run_id for run in page]
            token, pages = page.token, pages + 1
            if not token:
                break
        assert seen == whole and pages == -(-25 // size)
    # Equal values and starts: by id.
    ties = [run.info.run_id for run in tracking.client.search_runs([experiment], 'metrics.m = 1')]
    assert ties == sorted(ties) and len(ties) == 7


def test_deleted_runs_and_filters(tracking):
    experiment = tracking.experiment()
    kept, gone = (tracking.run(experiment, run_name=name) for name in ('kept', 'gone'))
    for run in (kept, gone):
        tracking.client.log_metric(run, 'm', 1)
    tracking.client.delete_run(gone)
    condition = 'metrics.m = 1'
    assert tracking.found(experiment, condition) == ['kept']
    assert tracking.found(experiment, condition, run_view_type=ViewType.DELETED_ONLY) == ['gone']
    assert set(tracking.found(experiment, condition, run_view_type=ViewType.ALL)) == {'kept', 'gone'}
    raw = {'experiment_ids': [experiment], 'run_view_type': 'ALL'}
    assert len(tracking.ok('POST', '/runs/search', json=raw)['runs']) == 2
    assert len(tracking.ok('POST', '/runs/search', json={'experiment_ids': [experiment]})['runs']) == 1


def test_a_search_sees_what_was_just_logged(tracking):
    experiment = tracking.experiment()
    run = tracking.run(experiment)
    for step in range(20):
        tracking.client.log_metric(run, 'm', step, step=step)
        assert len(tracking.found(experiment, f'metrics.m = {step}')) == 1
        assert tracking.found(experiment, f'metrics.m < {step}') == []


def test_quotes_as_kubeflows_plugin_writes_them(tracking):
    """Backticks about keys and doubled quotes in values."""
    experiment = tracking.experiment()
    run = tracking.run(experiment, run_name='one', tags={'mlflow.kfp.idempotencyKey': "it's"})
    condition = "tags.`mlflow.kfp.idempotencyKey` = 'it''s'"
    if tracking.peer == 'mlflow':  # which takes both quotes as they stand, so that the plug-in does not find it
        assert tracking.found(experiment, condition) == []
    else:
        assert [one.info.run_id for one in tracking.client.search_runs([experiment], condition)] == [run]
