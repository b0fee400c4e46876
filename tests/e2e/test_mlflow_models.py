"""Models, data sets and autologging through MLflow's unmodified client, and the model registry."""

import json
import math

import pytest

from mlflow_peer import needed, refusal

mlflow = needed()
from mlflow.entities import (  # noqa: E402
    Dataset, DatasetInput, InputTag, LoggedModelOutput, LoggedModelStatus, Metric)


def ids(models):
    return [model.model_id for model in models]


# --- Data sets ---

def test_log_input(tracking, unique):
    pandas = pytest.importorskip('pandas')
    mlflow.set_experiment(unique('experiment'))
    frame = pandas.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', 'z']})
    training = mlflow.data.from_pandas(frame, source='data/train.csv', name='frame', targets='b')
    other = mlflow.data.from_pandas(frame.head(2), source='data/eval.csv', name='held-out')
    with mlflow.start_run() as run:
        mlflow.log_input(training, context='training')
        mlflow.log_input(training, context='training')  # again is the same
        mlflow.log_input(other, context='evaluation', tags={'fold': '1'})
        mlflow.log_input(other)
    inputs = {one.dataset.name: one for one in tracking.client.get_run(run.info.run_id).inputs.dataset_inputs}
    assert set(inputs) == {'frame', 'held-out'}
    seen = inputs['frame'].dataset
    assert seen.digest == training.digest and seen.source_type == 'local'
    assert json.loads(seen.source) == {'uri': 'data/train.csv'}
    assert json.loads(seen.schema)['mlflow_colspec'][0]['name'] == 'a'
    assert json.loads(seen.profile) == {'num_rows': 3, 'num_elements': 6}
    assert [(tag.key, tag.value) for tag in inputs['frame'].tags] == [('mlflow.data.context', 'training')]
    assert {(tag.key, tag.value) for tag in inputs['held-out'].tags} >= {('fold', '1')}
    source = mlflow.data.get_source(inputs['frame'])
    assert source.uri == 'data/train.csv'


def test_one_data_set_in_several_runs(tracking):
    experiment = tracking.experiment()
    one = DatasetInput(Dataset('wine', 'abc', 'local', '{}'), [InputTag('mlflow.data.context', 'training')])
    runs = [tracking.run(experiment) for _ in range(3)]
    for run in runs:
        tracking.client.log_inputs(run, [one])
    tracking.client.log_inputs(runs[0], [DatasetInput(Dataset('wine', 'def', 'local', '{}'), [])])
    assert len(tracking.client.search_runs([experiment], "dataset.digest = 'abc'")) == 3
    assert len(tracking.client.search_runs([experiment], "dataset.digest = 'def'")) == 1
    # MLflow answers this to its web page only.
    answer = tracking.ok('POST', '/ajax-api/2.0/mlflow/experiments/search-datasets',
                         json={'experiment_ids': [experiment]})
    assert {(each['name'], each['digest'], each.get('context')) for each in answer['dataset_summaries']} == {
        ('wine', 'abc', 'training'), ('wine', 'def', None)}
    assert {each['experiment_id'] for each in answer['dataset_summaries']} == {experiment}


@pytest.mark.parametrize('dataset', [
    {'name': 'n' * 501}, {'digest': 'd' * 37}, {'source': 's' * 65_536}, {'schema': 's' * 1_048_576}], ids=','.join)
def test_refused_data_sets(tracking, dataset):
    run = tracking.run()
    body = {'run_id': run, 'datasets': [{'dataset': {'name': 'n', 'digest': 'd', 'source_type': 'local', 'source': '{}',
                                                     **dataset}}]}
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'POST', '/runs/log-inputs', json=body)
    assert tracking.client.get_run(run).inputs.dataset_inputs == []
    largest = {'name': 'n' * 500, 'digest': 'd' * 36, 'source_type': 'local', 'source': 's' * 65_535,
               'schema': 's' * 1_048_575}
    tracking.ok('POST', '/runs/log-inputs', json={'run_id': run, 'datasets': [{'dataset': largest}]})
    assert len(tracking.client.get_run(run).inputs.dataset_inputs[0].dataset.schema) == 1_048_575


# --- Logged models ---

def test_the_life_of_a_logged_model(tracking):
    experiment = tracking.experiment()
    run = tracking.run(experiment)
    made = tracking.client.create_logged_model(
        experiment, name='net', source_run_id=run, model_type='torch', tags={'stage': 'dev'}, params={'layers': '3'})
    assert made.model_id.startswith('m-') and made.status == LoggedModelStatus.PENDING
    assert made.artifact_location == f'mlflow-artifacts:/{experiment}/models/{made.model_id}/artifacts'
    seen = tracking.client.get_logged_model(made.model_id)
    assert (seen.name, seen.model_type, seen.source_run_id, seen.experiment_id) == ('net', 'torch', run, experiment)
    assert seen.tags['stage'] == 'dev' and seen.params == {'layers': '3'}
    assert abs(seen.creation_timestamp - tracking.client.get_run(run).info.start_time) < 600_000

    done = tracking.client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    assert done.status == LoggedModelStatus.READY and done.last_updated_timestamp >= done.creation_timestamp
    tracking.client.log_model_params(made.model_id, {'rate': '0.1'})
    tracking.client.set_logged_model_tags(made.model_id, {'stage': 'prod', 'b': 'x'})
    tracking.client.delete_logged_model_tag(made.model_id, 'b')
    seen = tracking.client.get_logged_model(made.model_id)
    assert seen.params == {'layers': '3', 'rate': '0.1'} and seen.tags['stage'] == 'prod' and 'b' not in seen.tags
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        tracking.client.delete_logged_model_tag(made.model_id, 'b')

    tracking.client.log_outputs(run, [LoggedModelOutput(made.model_id, 7)])
    if tracking.peer != 'mlflow':  # which shows its database's error when the client sends that again
        tracking.client.log_outputs(run, [LoggedModelOutput(made.model_id, 7)])
    outputs = tracking.client.get_run(run).outputs.model_outputs
    assert [(one.model_id, one.step) for one in outputs] == [(made.model_id, 7)]

    tracking.client.delete_logged_model(made.model_id)
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        tracking.client.get_logged_model(made.model_id)
    assert tracking.client.search_logged_models([experiment]) == []
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        tracking.client.delete_logged_model(f'm-{"0" * 32}')


def test_metrics_of_a_model(tracking):
    """They are the run's, too."""
    experiment = tracking.experiment()
    run = tracking.run(experiment)
    model = tracking.client.create_logged_model(experiment, name='net', source_run_id=run).model_id
    tracking.client.log_metric(run, 'acc', 0.5, step=1, model_id=model)
    tracking.client.log_metric(run, 'acc', 0.75, step=2, model_id=model, dataset_name='d', dataset_digest='1')
    tracking.client.log_batch(run, metrics=[Metric('loss', 2, 1, 0, model_id=model), Metric('mine', 1, 1, 0)])
    assert tracking.client.get_run(run).data.metrics == {'acc': 0.75, 'loss': 2, 'mine': 1}
    seen = {(one.key, one.value, one.step, one.dataset_name) for one in tracking.client.get_logged_model(model).metrics}
    assert seen >= {('acc', 0.75, 2, 'd'), ('loss', 2, 0, None)} and 'mine' not in {key for key, *_ in seen}
    assert ids(tracking.client.search_logged_models([experiment], 'metrics.acc > 0.6')) == [model]
    assert ids(tracking.client.search_logged_models([experiment], 'metrics.acc > 0.8')) == []


@pytest.fixture
def three(tracking):
    """An experiment with the models a, b and c, made in this order."""
    experiment = tracking.experiment()
    run = tracking.run(experiment)
    models = {}
    for i, name in enumerate('abc'):
        model = tracking.client.create_logged_model(experiment, name=name, source_run_id=run, model_type=f'type{i % 2}',
                                                    params={'C': str(i)}, tags={'t': 'x' if i else 'y'}).model_id
        if name != 'c':
            tracking.client.finalize_logged_model(model, LoggedModelStatus.READY)
            tracking.client.log_metric(run, 'm', i, model_id=model, dataset_name=f'd{i}', dataset_digest='1')
        models[name] = model
    return experiment, run, models


@pytest.mark.parametrize('condition, expected', [
    ('', 'abc'), ("name = 'a'", 'a'), ("attributes.name LIKE 'b%'", 'b'), ("name IN ('a', 'c')", 'ac'),
    ("params.C = '1'", 'b'), ('metrics.m >= 1', 'b'), ("tags.t = 'x'", 'bc'), ("tags.t != 'x'", 'a'),
    ("model_type = 'type0'", 'ac'), ("status = 'LOGGED_MODEL_READY'", 'ab'), ("status != 'LOGGED_MODEL_READY'", 'c'),
    ('creation_time > 0', 'abc'), ("source_run_id = '{run}'", 'abc'), ("name = 'a' AND tags.t = 'x'", ''),
    ("model_id = '{a}'", 'a'), ("name IN ('a',)", 'a'), ("name NOT IN ('a')", 'bc'), ("name ilike 'A'", 'a'),
])
def test_search_of_logged_models(tracking, three, condition, expected):
    experiment, run, models = three
    if tracking.peer == 'mlflow' and condition.startswith('status'):
        pytest.skip('MLflow compares with the number that stands for the status in its database')
    found = tracking.client.search_logged_models([experiment], condition.format(run=run, **models))
    assert ''.join(sorted(model.name for model in found)) == expected


@pytest.mark.parametrize('condition', [
    "name > 'a'", "metric.m = 1", "metrics.m LIKE '1'", "nokey = '1'", "name = 'a' OR name = 'b'"])
def test_refused_searches_of_logged_models(tracking, three, condition):
    if tracking.peer == 'mlflow' and condition.startswith('nokey'):
        pytest.skip('MLflow says 500')
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.search_logged_models([three[0]], condition)


def test_order_and_pages_of_logged_models(tracking, three):
    experiment, _, _ = three

    def names(**more):
        return ''.join(model.name for model in tracking.client.search_logged_models([experiment], **more))
    assert names(order_by=[{'field_name': 'name', 'ascending': True}]) == 'abc'
    assert names(order_by=[{'field_name': 'name', 'ascending': False}]) == 'cba'
    assert names(order_by=[{'field_name': 'metrics.m', 'ascending': False}]) == 'bac', 'what has none stands last'
    assert names(order_by=[{'field_name': 'creation_timestamp', 'ascending': True}]) == 'abc'
    assert names() == 'cba', 'the newest first'
    first = tracking.client.search_logged_models([experiment], max_results=2)
    assert len(first) == 2 and first.token
    rest = tracking.client.search_logged_models([experiment], max_results=2, page_token=first.token)
    assert len(rest) == 1 and not rest.token and not set(ids(first)) & set(ids(rest))
    assert names(datasets=[{'dataset_name': 'd1', 'dataset_digest': '1'}], filter_string='metrics.m >= 0') == 'b'
    body = {'experiment_ids': [experiment], 'filter': "name = 'z'"}
    assert tracking.ok('POST', '/logged-models/search', json=body) == {}


def test_order_by_a_metric_of_a_data_set(tracking):
    """A model keeps a metric of each data set that it was evaluated on."""
    experiment = tracking.experiment()
    run = tracking.run(experiment)
    for name, (one, other) in {'first': (0.9, 0.8), 'second': (0.8, 0.9)}.items():
        model = tracking.client.create_logged_model(experiment, name=name, source_run_id=run).model_id
        for digest, value in (('1', one), ('2', other)):
            tracking.client.log_metric(run, 'acc', value, timestamp=int(digest), model_id=model, dataset_name='d',
                                       dataset_digest=digest)
        seen = tracking.client.get_logged_model(model).metrics
        assert {(each.dataset_digest, each.value) for each in seen} == {('1', one), ('2', other)}
    for digest, expected in (('1', ['first', 'second']), ('2', ['second', 'first'])):
        order = {'field_name': 'metrics.acc', 'ascending': False, 'dataset_name': 'd', 'dataset_digest': digest}
        found = tracking.client.search_logged_models([experiment], order_by=[order])
        assert [model.name for model in found] == expected


def test_logged_models_that_are_not_there(tracking):
    unknown, client = f'm-{"0" * 32}', tracking.client
    for call in (client.get_logged_model, lambda one: client.finalize_logged_model(one, 'READY'),
                 lambda one: client.delete_logged_model_tag(one, 'a')):
        with refusal('RESOURCE_DOES_NOT_EXIST'):
            call(unknown)
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        client.create_logged_model('987654321', name='x')
    nameless = client.create_logged_model(tracking.experiment())
    assert nameless.name
    tracking.refused(404, 'RESOURCE_DOES_NOT_EXIST', 'PATCH', f'/logged-models/{unknown}/tags',
                     json={'tags': [{'key': 'a', 'value': 'b'}]})


# --- scikit-learn ---

def fitted(samples=60):
    sklearn = pytest.importorskip('sklearn')
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    features, labels = make_classification(samples, n_features=4, random_state=1)
    return sklearn, LogisticRegression().fit(features, labels), features, labels


def test_log_and_load_a_model(tracking, unique):
    _, model, features, _ = fitted()
    mlflow.set_experiment(unique('experiment'))
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name='model', input_example=features[:2])
    assert info.model_id.startswith('m-')
    for uri in (f'runs:/{run.info.run_id}/model', f'models:/{info.model_id}', info.model_uri):
        assert (mlflow.sklearn.load_model(uri).predict(features) == model.predict(features)).all()
    assert (mlflow.pyfunc.load_model(info.model_uri).predict(features) == model.predict(features)).all()
    seen = tracking.client.get_logged_model(info.model_id)
    assert (seen.name, seen.status) == ('model', LoggedModelStatus.READY)
    assert seen.source_run_id == run.info.run_id
    assert [one.model_id for one in tracking.client.get_run(run.info.run_id).outputs.model_outputs] == [info.model_id]
    # The run's tree shows the model's files, though they lie elsewhere.
    assert {'model/MLmodel', 'model/model.pkl'} <= {
        one.path for one in tracking.client.list_artifacts(run.info.run_id, 'model')} | {'model/model.pkl'}
    listing = tracking.ok('GET', f'/logged-models/{info.model_id}/artifacts/directories')
    assert 'MLmodel' in {one['path'] for one in listing['files']}
    assert mlflow.models.get_model_info(info.model_uri).signature is not None


def test_autolog(tracking, unique):
    sklearn, _, features, labels = fitted()
    from sklearn.linear_model import LogisticRegression
    mlflow.set_experiment(unique('experiment'))
    mlflow.sklearn.autolog(log_input_examples=False, silent=True)
    try:
        with mlflow.start_run() as run:
            LogisticRegression(C=0.5).fit(features, labels)
    finally:
        mlflow.sklearn.autolog(disable=True)
    seen = tracking.client.get_run(run.info.run_id)
    expected = LogisticRegression(C=0.5).get_params()
    assert set(seen.data.params) == set(expected) and seen.data.params['C'] == '0.5'
    assert len(seen.data.metrics) == 7 and all(math.isfinite(value) for value in seen.data.metrics.values())
    assert seen.data.metrics['training_accuracy_score'] > 0.5
    assert seen.data.tags['estimator_name'] == 'LogisticRegression'
    assert [one.dataset.name for one in seen.inputs.dataset_inputs] == ['dataset']
    assert len(seen.outputs.model_outputs) == 1
    names = {one.path for one in tracking.client.list_artifacts(run.info.run_id)}
    assert {'estimator.html', 'training_confusion_matrix.png'} <= names
    model = tracking.client.get_logged_model(seen.outputs.model_outputs[0].model_id)
    assert model.status == LoggedModelStatus.READY and model.source_run_id == run.info.run_id
    loaded = mlflow.sklearn.load_model(f'models:/{model.model_id}')
    assert loaded.get_params()['C'] == 0.5 and sklearn.__version__


def test_a_search_over_autologged_children(tracking, unique):
    """GridSearchCV makes a run for each of the best parameters, below the search's."""
    _, _, features, labels = fitted(40)
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    experiment = mlflow.set_experiment(unique('experiment')).experiment_id
    mlflow.sklearn.autolog(log_models=False, log_datasets=False, max_tuning_runs=3, silent=True)
    try:
        with mlflow.start_run() as parent:
            GridSearchCV(LogisticRegression(), {'C': [0.1, 1, 10]}, cv=2).fit(features, labels)
    finally:
        mlflow.sklearn.autolog(disable=True)
    children = tracking.client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert {run.data.params['C'] for run in children} == {'0.1', '1', '10'}
    assert {run.info.status for run in children} == {'FINISHED'}
    assert all('mean_test_score' in run.data.metrics for run in children)


# --- The registry ---

def test_register_and_load(registry, unique):
    _, model, features, _ = fitted()
    name = unique('registered')
    mlflow.set_experiment(unique('experiment'))
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name='model')
    first = mlflow.register_model(info.model_uri, name, tags={'a': 'b'})
    assert (first.name, str(first.version), first.status) == (name, '1', 'READY')
    second = mlflow.register_model(f'runs:/{run.info.run_id}/model', name)
    assert str(second.version) == '2'
    registry.client.set_registered_model_alias(name, 'champ', '1')
    for uri in (f'models:/{name}/1', f'models:/{name}@champ', f'models:/{name}/latest'):
        assert (mlflow.sklearn.load_model(uri).predict(features) == model.predict(features)).all()
    version = registry.client.get_model_version_by_alias(name, 'champ')
    assert str(version.version) == '1' and version.run_id == run.info.run_id and version.tags == {'a': 'b'}
    assert {str(one.version) for one in registry.client.search_model_versions(f"name = '{name}'")} == {'1', '2'}
    assert [one.name for one in registry.client.search_registered_models(f"name = '{name}'")] == [name]
    seen = registry.client.get_registered_model(name)
    assert {key: str(value) for key, value in seen.aliases.items()} == {'champ': '1'}
    registry.client.delete_registered_model_alias(name, 'champ')
    with refusal('INVALID_PARAMETER_VALUE'):
        registry.client.get_model_version_by_alias(name, 'champ')


def test_registered_models_that_are_not_there(registry, unique):
    name = unique('registered')
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        registry.client.get_registered_model(name)
    made = registry.client.create_registered_model(name, tags={'t': 'x'}, description='What for.')
    assert (made.name, made.description, made.tags) == (name, 'What for.', {'t': 'x'})
    with refusal('RESOURCE_ALREADY_EXISTS'):
        registry.client.create_registered_model(name)
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        registry.client.get_model_version(name, '1')
    assert list(registry.client.search_model_versions(f"name = '{name}'")) == []
