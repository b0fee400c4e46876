"""Experiments through the unmodified kfp.Client."""

import kfp_server_api
import pytest

import specs
from test_pipelines import refused


def test_create_get_list(client, unique):
    name = unique('experiment')
    made = client.create_experiment(name, description='What for.')
    assert made.display_name == name and made.description == 'What for.'
    assert made.storage_state == 'AVAILABLE'
    again = client.create_experiment(name)
    assert again.experiment_id == made.experiment_id

    assert client.get_experiment(experiment_id=made.experiment_id).display_name == name
    assert client.get_experiment(experiment_name=name).experiment_id == made.experiment_id
    listed = client.list_experiments(page_size=200)
    assert name in [experiment.display_name for experiment in listed.experiments]
    with pytest.raises(ValueError, match='No experiment is found with name'):
        client.get_experiment(experiment_name=unique('none'))


def test_the_default_experiment_is_there_and_stays(client):
    default = client.get_experiment(experiment_name='Default')
    with refused(409):
        client.delete_experiment(default.experiment_id)
    assert client.get_experiment(experiment_name='Default').experiment_id == default.experiment_id


def test_duplicate_name(server, unique):
    name = unique('experiment')
    server.ok('POST', '/experiments', json={'display_name': name})
    answer = server.request('POST', '/experiments', json={'display_name': name})
    assert answer.status_code == 409 and 'Please specify a new name' in answer.text


def test_archive_takes_the_runs_along(server, client, unique):
    experiment = client.create_experiment(unique('experiment'))
    body = {'display_name': 'r', 'experiment_id': experiment.experiment_id, 'pipeline_spec': specs.noop()}
    run_id = server.ok('POST', '/runs', json=body)['run_id']
    server.finish(run_id)

    client.archive_experiment(experiment.experiment_id)
    assert client.get_experiment(experiment.experiment_id).storage_state == 'ARCHIVED'
    assert client.get_run(run_id).storage_state == 'ARCHIVED'
    with refused(400) as error:
        client.unarchive_run(run_id)  # not while its experiment is archived
    assert 'archived' in error.value.body.lower()
    client.archive_experiment(experiment.experiment_id)  # again is fine

    client.unarchive_experiment(experiment.experiment_id)
    assert client.get_experiment(experiment.experiment_id).storage_state == 'AVAILABLE'
    assert client.get_run(run_id).storage_state == 'ARCHIVED'
    client.unarchive_run(run_id)
    assert client.get_run(run_id).storage_state == 'AVAILABLE'


def test_delete_keeps_the_runs(server, client, unique):
    experiment = client.create_experiment(unique('experiment'))
    body = {'display_name': 'r', 'experiment_id': experiment.experiment_id, 'pipeline_spec': specs.noop()}
    run_id = server.ok('POST', '/runs', json=body)['run_id']
    server.finish(run_id)
    client.delete_experiment(experiment.experiment_id)
    with refused(404):
        client.get_experiment(experiment.experiment_id)
    with refused(404):
        client.list_runs(experiment_id=experiment.experiment_id)
    assert client.get_run(run_id).experiment_id == experiment.experiment_id


def test_last_run_is_shown(server, client, unique):
    experiment = client.create_experiment(unique('experiment'))
    assert experiment.last_run_created_at.year == 1970
    body = {'display_name': 'r', 'experiment_id': experiment.experiment_id, 'pipeline_spec': specs.noop()}
    run = server.ok('POST', '/runs', json=body)
    shown = server.ok('GET', f'/experiments/{experiment.experiment_id}')
    assert shown['last_run_created_at'] == run['created_at']


def test_unknown_ids(client):
    unknown = '01234567-0123-0123-0123-0123456789ab'
    for call in (client.archive_experiment, client.unarchive_experiment, client.delete_experiment,
                 lambda one: client.get_experiment(experiment_id=one)):
        with pytest.raises(kfp_server_api.ApiException) as error:
            call(unknown)
        assert error.value.status == 404
