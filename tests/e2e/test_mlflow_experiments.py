"""MLflow's experiments through the unmodified client."""

import time

import pytest

from mlflow_peer import needed, refusal

mlflow = needed()
from mlflow.entities import ViewType  # noqa: E402


def names(tracking, **search):
    return [one.name for one in tracking.client.search_experiments(**search)]


def test_set_experiment_creates_and_finds(tracking, unique):
    name = unique('experiment')
    made = mlflow.set_experiment(name)
    assert made.name == name and made.lifecycle_stage == 'active' and made.tags.keys() <= {'mlflow.experimentKind'}
    assert abs(made.creation_time - time.time() * 1000) < 600_000 and made.last_update_time >= made.creation_time
    assert mlflow.set_experiment(name).experiment_id == made.experiment_id
    assert mlflow.set_experiment(experiment_id=made.experiment_id).name == name
    with mlflow.start_run() as run:
        assert run.info.experiment_id == made.experiment_id
    assert run.info.artifact_uri.startswith(made.artifact_location)


def test_the_default_experiment(tracking):
    default = tracking.client.get_experiment('0')
    assert default.name == 'Default' and default.lifecycle_stage == 'active'
    assert tracking.client.get_experiment_by_name('Default').experiment_id == '0'
    with mlflow.start_run() as run:  # nobody set an experiment
        assert run.info.experiment_id == '0'


def test_create_and_get(tracking, unique):
    name = unique('experiment')
    made = tracking.client.create_experiment(name, tags={'team': 'vision', 'empty': ''})
    seen = tracking.client.get_experiment(made)
    assert (seen.name, seen.tags) == (name, {'team': 'vision', 'empty': ''})
    assert seen.artifact_location.endswith(f'/{made}') and seen.artifact_location.startswith('mlflow-artifacts:')
    assert dict(tracking.client.get_experiment_by_name(name)) == dict(seen)


def test_duplicate_name(tracking, unique):
    name = unique('experiment')
    made = tracking.client.create_experiment(name)
    with refusal('RESOURCE_ALREADY_EXISTS'):
        tracking.client.create_experiment(name)
    tracking.client.delete_experiment(made)
    with refusal('RESOURCE_ALREADY_EXISTS'):
        tracking.client.create_experiment(name)  # a deleted one keeps its name
    tracking.refused(400, 'RESOURCE_ALREADY_EXISTS', 'POST', '/experiments/create', json={'name': name})


def test_names(tracking, unique):
    for name in ('mit Leerzeichen und Umläuten äöü', '実験', "with 'quotes' and \"more\"", 'a/b', 'n' * 400):
        name = f'{name} {unique("x")}'
        made = tracking.client.create_experiment(name)
        assert tracking.client.get_experiment(made).name == name
        assert tracking.client.get_experiment_by_name(name).experiment_id == made
    tracking.client.create_experiment((unique('long') + 'n' * 500)[:500])
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.create_experiment((unique('long') + 'n' * 501)[:501])
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'POST', '/experiments/create', json={'name': ''})
    tracking.refused(400, 'INVALID_PARAMETER_VALUE', 'POST', '/experiments/create', json={})


def test_unknown(tracking, unique):
    assert tracking.client.get_experiment_by_name(unique('none')) is None
    for call in (tracking.client.get_experiment, tracking.client.delete_experiment,
                 tracking.client.restore_experiment, tracking.client.create_run,
                 lambda one: tracking.client.rename_experiment(one, unique('other')),
                 lambda one: tracking.client.set_experiment_tag(one, 'k', 'v')):
        with refusal('RESOURCE_DOES_NOT_EXIST'):
            call('987654321')
    tracking.refused(404, 'RESOURCE_DOES_NOT_EXIST', 'GET', '/experiments/get', params={'experiment_id': '987654321'})


def test_rename(tracking, unique):
    old, new = unique('experiment'), unique('renamed')
    made = tracking.client.create_experiment(old)
    before = tracking.client.get_experiment(made)
    tracking.client.rename_experiment(made, new)
    after = tracking.client.get_experiment(made)
    assert after.name == new and after.last_update_time >= before.last_update_time
    assert after.creation_time == before.creation_time
    assert tracking.client.get_experiment_by_name(old) is None
    assert tracking.client.create_experiment(old) != made, 'the old name is free'
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.rename_experiment(made, '')
    if tracking.peer != 'mlflow':  # which answers its database's error, with 500
        with refusal('RESOURCE_ALREADY_EXISTS'):
            tracking.client.rename_experiment(made, old)


def test_delete_takes_the_runs_along_and_restore_brings_them_back(tracking, unique):
    name = unique('experiment')
    made = tracking.client.create_experiment(name)
    run = tracking.run(made)
    tracking.client.delete_experiment(made)
    assert tracking.client.get_experiment(made).lifecycle_stage == 'deleted'
    assert tracking.client.get_experiment_by_name(name).lifecycle_stage == 'deleted'
    assert tracking.client.get_run(run).info.lifecycle_stage == 'deleted'
    with refusal('INVALID_PARAMETER_VALUE', 'active'):
        tracking.client.create_run(made)
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.set_experiment_tag(made, 'k', 'v')
    with pytest.raises(mlflow.exceptions.MlflowException, match='deleted experiment'):
        mlflow.set_experiment(name)
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        tracking.client.delete_experiment(made)  # it counts as gone

    tracking.client.restore_experiment(made)
    assert tracking.client.get_experiment(made).lifecycle_stage == 'active'
    assert tracking.client.get_run(run).info.lifecycle_stage == 'active'
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        tracking.client.restore_experiment(made)
    tracking.run(made)


def test_tags(tracking):
    made = tracking.experiment(tags={'a': '1'})
    tracking.client.set_experiment_tag(made, 'b', '2')
    tracking.client.set_experiment_tag(made, 'a', 'other')
    tracking.client.set_experiment_tag(made, 'dots.and/slashes', 'ü' * 1000)
    assert tracking.client.get_experiment(made).tags == {'a': 'other', 'b': '2', 'dots.and/slashes': 'ü' * 1000}
    tracking.client.delete_experiment_tag(made, 'a')
    assert set(tracking.client.get_experiment(made).tags) == {'b', 'dots.and/slashes'}
    with refusal('RESOURCE_DOES_NOT_EXIST'):
        tracking.client.delete_experiment_tag(made, 'a')
    tracking.client.set_experiment_tag(made, 'k' * 250, 'v' * 20_000)
    for key, value in (('k' * 251, 'v'), ('k', 'v' * 20_001)):
        with refusal('INVALID_PARAMETER_VALUE'):
            tracking.client.set_experiment_tag(made, key, value)


def test_description(tracking, unique):
    """What the web page shows of an experiment is a tag."""
    name = unique('experiment')
    mlflow.set_experiment(name)
    mlflow.set_experiment_tag('mlflow.note.content', 'What for.\n\n- a list')
    assert tracking.client.get_experiment_by_name(name).tags['mlflow.note.content'] == 'What for.\n\n- a list'


# --- Search ---

@pytest.fixture
def family(tracking, unique):
    """Three experiments, the last one deleted, and the beginning of their names."""
    prefix = unique('family')
    ids = [tracking.client.create_experiment(f'{prefix}-{one}', tags={'prefix': prefix, 'one': one})
           for one in ('alpha', 'Beta', 'gamma')]
    tracking.client.delete_experiment(ids[2])
    return prefix, ids


def test_search_by_view(tracking, family):
    prefix, _ = family
    filter_string = f"tags.prefix = '{prefix}'"
    alive, gone = {f'{prefix}-alpha', f'{prefix}-Beta'}, {f'{prefix}-gamma'}
    assert set(names(tracking, filter_string=filter_string)) == alive
    assert set(names(tracking, filter_string=filter_string, view_type=ViewType.DELETED_ONLY)) == gone
    assert set(names(tracking, filter_string=filter_string, view_type=ViewType.ALL)) == alive | gone


@pytest.mark.parametrize('condition, expected', [
    ("name = '{p}-alpha'", {'alpha'}),
    ("attribute.name = '{p}-alpha'", {'alpha'}),
    ("name != '{p}-alpha' AND tags.prefix = '{p}'", {'Beta'}),
    ("name LIKE '{p}%'", {'alpha', 'Beta'}),
    ("name LIKE '{p}-b%'", set()),
    ("name ILIKE '{p}-b%'", {'Beta'}),
    ("attribute.name ILIKE '{p}-BETA'", {'Beta'}),
    ("tags.one = 'alpha' and tags.prefix = '{p}'", {'alpha'}),
    ("tags.`one` = \"alpha\" and tags.prefix = '{p}'", {'alpha'}),
    ("tags.one LIKE '%et%' and tags.prefix = '{p}'", {'Beta'}),
    ("tags.one != 'alpha' and tags.prefix = '{p}'", {'Beta'}),
    ("tags.prefix = '{p}' AND tags.none IS NULL", {'alpha', 'Beta'}),
    ("tags.prefix = '{p}' AND tags.none IS NOT NULL", set()),
    ("tags.prefix = '{p}' AND creation_time > 0 AND last_update_time >= 1", {'alpha', 'Beta'}),
    ("tags.prefix = '{p}' AND creation_time < 1", set()),
    ("experiment_id = '{first}'", {'alpha'}),
    ("experiment_id IN ('{first}', '0') AND name LIKE '{p}%'", {'alpha'}),
])
def test_search_filters(tracking, family, condition, expected):
    prefix, ids = family
    seen = names(tracking, filter_string=condition.format(p=prefix, first=ids[0]))
    assert {name[len(prefix) + 1:] for name in seen} == expected


@pytest.mark.parametrize('condition', [
    "name IN ('a')", "nokey = 'a'", 'name = 1', "name > 'a'", "name = 'a' OR name = 'b'", "creation_time > 'x'",
    "metrics.m > 1", "tags.a > '1'", 'name', "name = 'a", "(name = 'a')", "experiment_id LIKE '1%'"])
def test_search_refuses(tracking, condition):
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.search_experiments(filter_string=condition)


def test_search_order_and_pages(tracking, unique):
    prefix = unique('paged')
    made = [f'{prefix}-{i:02}' for i in range(7)]
    for name in made:
        tracking.client.create_experiment(name)
    condition = f"name LIKE '{prefix}%'"
    assert names(tracking, filter_string=condition, order_by=['name']) == made
    assert names(tracking, filter_string=condition, order_by=['name DESC']) == made[::-1]
    assert names(tracking, filter_string=condition, order_by=['attribute.name desc']) == made[::-1]
    assert len(names(tracking, filter_string=condition, order_by=['last_update_time DESC', 'experiment_id'])) == 7
    # Without an order the newest come first.
    times = [one.creation_time for one in tracking.client.search_experiments(filter_string=condition)]
    assert times == sorted(times, reverse=True)

    seen, token, pages = [], None, 0
    while True:
        page = tracking.client.search_experiments(filter_string=condition, order_by=['name'], max_results=3,
                                                  page_token=token)
        seen += [one.name for one in page]
        token, pages = page.token, pages + 1
        if not token:
            break
    assert seen == made and pages == 3


@pytest.mark.parametrize('more', [
    {'order_by': ['foo']}, {'order_by': ['name DES']}, {'order_by': ['tags.a']}, {'max_results': 0},
    {'max_results': 50_001}, {'page_token': 'no token'}], ids=str)
def test_search_refuses_options(tracking, more):
    with refusal('INVALID_PARAMETER_VALUE'):
        tracking.client.search_experiments(**more)


def test_search_by_get(tracking, family):
    """The client sends POST; the older ones and other programs send GET."""
    prefix, ids = family
    body = {'filter': f"tags.prefix = '{prefix}'", 'max_results': 10, 'order_by': ['name ASC'], 'view_type': 'ALL'}
    posted = tracking.ok('POST', '/experiments/search', json=body)
    assert posted == tracking.ok('GET', '/experiments/search', params=body)
    assert {one['experiment_id'] for one in posted['experiments']} == set(ids)
    assert tracking.ok('POST', '/experiments/search', json={**body, 'filter': "name = 'no such one'"}) == {}
