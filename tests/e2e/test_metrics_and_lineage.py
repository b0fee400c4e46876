"""What went into a result, over HTTP: metrics as series, lineage over runs, and a user's own metadata."""

import math
from typing import Any, Dict, List

import pytest
from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from penstock import Server

V1 = '/apis/penstock/v1'


@dsl.component
def prepare(rows: int, data: Output[Dataset]):
    with open(data.path, 'w') as file:
        file.write('x' * rows)
    data.metadata['rows'] = rows


@dsl.component
def train(data: Input[Dataset], rate: float, model: Output[Model], metrics: Output[Metrics],
          scores: Output[ClassificationMetrics]):
    with open(model.path, 'w') as file:
        file.write(f'{rate}')
    metrics.log_metric('accuracy', 1 - rate)
    metrics.log_metric('note', 'text')
    scores.log_confusion_matrix(['cat', 'dog'], [[3, 1], [0, 4]])
    scores.log_roc_curve([0.0, 1.0], [0.5, 1.0], [0.9, 0.1])


@dsl.component
def use(model: Input[Model]):
    with open(model.path) as file:
        print(file.read())


@dsl.pipeline
def training(rate: float = 0.25, rows: int = 4):
    data = prepare(rows=rows)
    train(data=data.outputs['data'], rate=rate)


@dsl.pipeline
def importing(uri: str):
    model = dsl.importer(artifact_uri=uri, artifact_class=Model)
    use(model=model.output)


def started(server: Server, pipeline: Any, **arguments: Any) -> str:
    run = server.client().create_run_from_pipeline_func(pipeline, arguments=arguments, enable_caching=True)
    server.succeed(run.run_id)
    return run.run_id


@pytest.fixture(scope='module')
def trained(server: Server) -> List[str]:
    """Two trainings on the same data, which the second takes from the cache."""
    return [started(server, training, rate=0.25, rows=77), started(server, training, rate=0.125, rows=77)]


def artifacts_of(server: Server, run_id: str, kind: str) -> List[Dict[str, Any]]:
    answer = server.ok('GET', f'{V1}/runs/{run_id}/artifacts', params={'type': kind, 'only_outputs': 'true'})
    return answer.get('artifacts', [])


def only(things: List[Any]) -> Any:
    assert len(things) == 1, things
    return things[0]


# --- Metrics ---

def test_metrics_artifacts_become_series(server, trained):
    series = only(server.ok('GET', f'{V1}/runs/{trained[0]}/metrics')['series'])
    assert series['name'] == 'accuracy' and series['latest']['value'] == 0.75 and series['points'] == '1'
    assert series['task_id'] == server.tasks(trained[0])['train']['task_id']


def test_runs_are_sorted_by_a_metric(server, trained):
    for direction, expected in [('desc', [0.875, 0.75]), ('asc', [0.75, 0.875])]:
        runs = server.ok('GET', '/runs', params={'sort_by': f'metric:accuracy {direction}', 'page_size': '100'})['runs']
        places = [trained.index(run['run_id']) for run in runs if run['run_id'] in trained]
        assert places == ([1, 0] if direction == 'desc' else [0, 1])


def test_confusion_matrix_and_roc(server, trained):
    scores = only(server.ok('GET', f'{V1}/runs/{trained[0]}/classification_metrics')['metrics'])
    assert scores['name'] == 'scores'
    assert scores['confusion_matrix'] == {
        'labels': ['cat', 'dog'], 'rows': [{'values': [3, 1]}, {'values': [0, 4]}]}
    assert scores['roc'][0] == {'threshold': 0.9, 'true_positive_rate': 0.5}


def test_points_are_logged_once_whatever_their_order(server, trained):
    run = trained[0]
    points = [{'name': 'loss', 'value': 1 / (step + 1), 'step': str(step), 'time': '2026-01-01T00:00:00Z'}
              for step in range(500)]
    for batch in (points[250:], points[:250], points):
        server.ok('POST', f'{V1}/runs/{run}/metrics', json={'points': batch})
    series = only(server.ok('GET', f'{V1}/runs/{run}/metrics', params={'name': 'loss', 'task_id': '-'})['series'])
    assert series['points'] == '500'
    assert series['first']['value'] == 1 and series['latest']['step'] == '499'
    assert series['least']['step'] == '499' and 'step' not in series['greatest']
    read, token = [], ''
    while True:
        page = server.ok('GET', f'{V1}/runs/{run}/metrics:read',
                         params={'name': 'loss', 'page_size': '120', 'page_token': token})
        read += page['points']
        token = page.get('next_page_token', '')
        if not token:
            break
    assert [int(point.get('step', 0)) for point in read] == list(range(500))
    sample = server.ok('GET', f'{V1}/runs/{run}/metrics:read', params={'name': 'loss', 'sample': '11'})['points']
    assert len(sample) == 11 and int(sample[-1]['step']) == 499
    part = server.ok('GET', f'{V1}/runs/{run}/metrics:read',
                     params={'name': 'loss', 'from_step': '490', 'to_step': '491'})['points']
    assert [point['step'] for point in part] == ['490', '491']


def test_nan_and_infinities_are_kept(server, trained):
    values = ['NaN', 'Infinity', '-Infinity']
    server.ok('POST', f'{V1}/runs/{trained[0]}/metrics', json={'points': [
        {'name': 'odd', 'value': value, 'step': str(step)} for step, value in enumerate(values)]})
    read = server.ok('GET', f'{V1}/runs/{trained[0]}/metrics:read', params={'name': 'odd'})['points']
    assert [point['value'] for point in read] == values
    series = only(server.ok('GET', f'{V1}/runs/{trained[0]}/metrics', params={'name': 'odd'})['series'])
    assert series['least']['value'] == '-Infinity' and math.isnan(float(series['greatest']['value']))


@pytest.mark.parametrize('body, code, word', [
    ({'points': [{'name': '', 'value': 1}]}, 400, 'points[0].name'),
    ({'points': [{'name': 'n' * 251, 'value': 1}]}, 400, '250'),
    ({'points': [{'name': 'n', 'value': 1}] * 1001}, 400, '1000'),
    ({'task_id': 'nobody', 'points': [{'name': 'n', 'value': 1}]}, 404, 'nobody'),
])
def test_bad_points_leave_nothing(server, trained, body, code, word):
    answer = server.request('POST', f'{V1}/runs/{trained[1]}/metrics', json=body)
    assert answer.status_code == code and word in answer.json()['message'], answer.text
    names = [one['name'] for one in server.ok('GET', f'{V1}/runs/{trained[1]}/metrics')['series']]
    assert names == ['accuracy']


def test_metrics_of_archived_and_unknown_runs(server, unique):
    run = started(server, training, rate=0.5)
    server.ok('POST', f'/runs/{run}:archive')
    answer = server.request('POST', f'{V1}/runs/{run}/metrics', json={'points': [{'name': 'n', 'value': 1}]})
    assert answer.status_code == 400 and 'archived' in answer.json()['message']
    assert server.request('GET', f'{V1}/runs/{unique("none")}/metrics').status_code == 404
    answer = server.request('GET', f'{V1}/runs/{run}/metrics:read', params={'name': 'never'})
    assert answer.status_code == 404 and 'never' in answer.json()['message']


# --- Lineage ---

def test_an_artifact_has_type_size_and_hash(server, trained):
    data = only(artifacts_of(server, trained[0], 'system.Dataset'))['artifact']
    assert data['size_bytes'] == '77' and len(data['sha256']) == 64 and data['metadata'] == {'rows': 77}
    assert data['run_id'] == trained[0]


def test_a_model_is_traced_to_its_data_and_the_data_to_its_models(server, trained):
    models = [only(artifacts_of(server, run, 'system.Model'))['artifact'] for run in trained]
    data = only(artifacts_of(server, trained[0], 'system.Dataset'))['artifact']
    for model in models:
        up = server.ok('GET', f'{V1}/artifacts/{model["artifact_id"]}/lineage', params={'direction': 'UP'})
        assert [one['artifact_id'] for one in up['artifacts']] == [model['artifact_id'], data['artifact_id']]
        assert sorted(task['name'] for task in up['tasks']) == ['prepare', 'train']
    down = server.ok('GET', f'{V1}/artifacts/{data["artifact_number"]}/lineage', params={'direction': 'DOWN'})
    made = {one['artifact_id'] for one in down['artifacts']}
    assert {model['artifact_id'] for model in models} <= made


def test_which_runs_used_a_data_set(server, trained):
    data = only(artifacts_of(server, trained[0], 'system.Dataset'))['artifact']
    uses = server.ok('GET', f'{V1}/artifacts/{data["artifact_id"]}/runs')['uses']
    assert {(use['run_id'], use['task_name']) for use in uses if not use.get('is_output')} == {
        (trained[0], 'train'), (trained[1], 'train')}
    from_cache = only([use for use in uses if use.get('from_cache')])
    assert from_cache['run_id'] == trained[1] and from_cache['task_name'] == 'prepare'


def test_lineage_goes_through_imports(server, trained):
    model = only(artifacts_of(server, trained[0], 'system.Model'))['artifact']
    run = started(server, importing, uri=model['uri'])
    answer = server.ok('GET', f'{V1}/runs/{run}/artifacts', params={'type': 'system.Model'})
    imported = answer['artifacts'][0]['artifact']
    assert imported['artifact_id'] != model['artifact_id']
    up = server.ok('GET', f'{V1}/artifacts/{imported["artifact_id"]}/lineage', params={'direction': 'UP'})
    assert only(up['imports'])['imported_artifact_id'] == model['artifact_id']
    assert 'prepare' in {task['name'] for task in up['tasks']}


def test_lineage_is_bounded_and_says_so(server, trained):
    model = only(artifacts_of(server, trained[0], 'system.Model'))['artifact']
    path = f'{V1}/artifacts/{model["artifact_id"]}/lineage'
    cut = server.ok('GET', path, params={'direction': 'UP', 'max_tasks': '1'})
    assert cut['truncated'] and len(cut['tasks']) == 1
    for params in ({}, {'direction': 'UP', 'max_tasks': '10001'}):
        assert server.request('GET', path, params=params).status_code == 400
    assert server.request('GET', f'{V1}/artifacts/none/lineage', params={'direction': 'UP'}).status_code == 404


def test_artifacts_outlive_their_run_while_another_uses_them(server):
    first = started(server, training, rate=0.4, rows=41)
    second = started(server, training, rate=0.3, rows=41)
    data = only(artifacts_of(server, first, 'system.Dataset'))['artifact']
    server.ok('DELETE', f'/runs/{first}')
    kept = only(artifacts_of(server, second, 'system.Dataset'))['artifact']
    assert kept['artifact_id'] == data['artifact_id'] and kept['run_id'] == second
    model = only(artifacts_of(server, second, 'system.Model'))['artifact']
    up = server.ok('GET', f'{V1}/artifacts/{model["artifact_id"]}/lineage', params={'direction': 'UP'})
    assert [one['artifact_id'] for one in up['artifacts']] == [model['artifact_id'], data['artifact_id']]
    server.ok('DELETE', f'/runs/{second}')
    assert server.request('GET', f'{V1}/artifacts/{data["artifact_id"]}/runs').status_code == 404


# --- A user's own metadata ---

def owners(server: Server, run: str) -> List[Dict[str, str]]:
    task = server.tasks(run)['train']['task_id']
    model = only(artifacts_of(server, run, 'system.Model'))['artifact']['artifact_id']
    return [{'run_id': run}, {'run_id': run, 'task_id': task}, {'artifact_id': model},
            {'experiment_id': server.run(run)['experiment_id']}]


def test_typed_values_and_notes_of_everything(server, trained, unique):
    key = unique('key')
    for kind, owner in zip(['RUN', 'TASK', 'ARTIFACT', 'EXPERIMENT'], owners(server, trained[0])):
        values = {key: 1.5, 'text': 'ä', 'yes': True, 'list': [1, {'a': None}]}
        answer = server.ok('PATCH', f'{V1}/user_metadata', json={'owner': owner, 'set': values, 'note': 'a note'})
        assert answer['values'].items() >= values.items() and answer['note'] == 'a note'
        assert answer['owner'] == owner
        answer = server.ok('PATCH', f'{V1}/user_metadata', json={
            'owner': owner, 'set': {'text': 'b'}, 'remove': ['list', 'yes']})
        assert answer['values']['text'] == 'b' and 'list' not in answer['values'] and answer['note'] == 'a note'
        params = {f'owner.{name}': value for name, value in owner.items()}
        assert server.ok('GET', f'{V1}/user_metadata', params=params) == answer
        for comparison, value in [('EQUALS', 1.5), ('LESS', 2), ('GREATER', -1)]:
            found = server.ok('POST', f'{V1}/user_metadata:find', json={
                'kind': kind, 'key': key, 'comparison': comparison, 'value': value})
            assert found['owners'] == [owner]
        assert server.ok('POST', f'{V1}/user_metadata:find', json={
            'kind': kind, 'key': key, 'comparison': 'LESS', 'value': 1.5}) == {}


@pytest.mark.parametrize('change, code, word', [
    ({'set': {'': 1}}, 400, 'key'),
    ({'set': {'k' * 251: 1}}, 400, '250'),
    ({'set': {'k': 'v' * 65537}}, 400, '65536'),
    ({'set': {'k': None}}, 400, 'set.k'),
    ({'set': {'k': 'a\x00b'}}, 400, 'set.k'),
    ({'set': {'k': [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}, 400, '32'),
    ({'set': {'k': 1}, 'remove': ['k']}, 400, 'once'),
    ({'set': {f'k{i}': i for i in range(501)}}, 429, '500'),
])
def test_bad_metadata_changes_nothing(server, trained, change, code, word):
    owner = {'run_id': trained[1]}
    before = server.ok('GET', f'{V1}/user_metadata', params={'owner.run_id': trained[1]})
    answer = server.request('PATCH', f'{V1}/user_metadata', json={'owner': owner, **change})
    assert answer.status_code == code and word in answer.json()['message'], answer.text
    assert server.ok('GET', f'{V1}/user_metadata', params={'owner.run_id': trained[1]}) == before


def test_metadata_needs_one_owner(server, trained):
    for owner in ({}, {'run_id': trained[0], 'artifact_id': 'x'}, {'task_id': 'x'}):
        assert server.request('PATCH', f'{V1}/user_metadata', json={'owner': owner}).status_code == 400
    assert server.request('PATCH', f'{V1}/user_metadata', json={'owner': {'run_id': 'none'}}).status_code == 404
