"""Every method of the SDK's client and of the generated client: here those that no other file drives."""

import json
import pathlib
import re

import kfp
import kfp_server_api
import pytest
import yaml
from kfp import compiler
from kfp_server_api import ApiException

import specs
from test_pipelines import adding


@pytest.fixture
def api(server):
    return kfp_server_api.ApiClient(kfp_server_api.Configuration(host=server.url))


def refused(code, call, *arguments, **more):
    with pytest.raises(ApiException) as error:
        call(*arguments, **more)
    assert error.value.status == code, error.value.body


def test_experiments(api, unique):
    experiments = kfp_server_api.ExperimentServiceApi(api)
    name = unique('experiment')
    made = experiments.experiment_service_create_experiment(
        kfp_server_api.V2beta1Experiment(display_name=name, description='What for.'))
    experiment_id = made.experiment_id
    assert experiments.experiment_service_get_experiment(experiment_id).description == 'What for.'
    listed = experiments.experiment_service_list_experiments(filter=json.dumps(
        {'predicates': [{'key': 'name', 'operation': 'EQUALS', 'string_value': name}]}))
    assert [one.experiment_id for one in listed.experiments] == [experiment_id] and listed.total_size == 1
    experiments.experiment_service_archive_experiment(experiment_id)
    assert experiments.experiment_service_get_experiment(experiment_id).storage_state == 'ARCHIVED'
    experiments.experiment_service_unarchive_experiment(experiment_id)
    assert experiments.experiment_service_get_experiment(experiment_id).storage_state == 'AVAILABLE'
    experiments.experiment_service_delete_experiment(experiment_id)
    refused(404, experiments.experiment_service_get_experiment, experiment_id)


def test_pipelines(api, unique, tmp_path):
    pipelines = kfp_server_api.PipelineServiceApi(api)
    package = tmp_path / 'pipeline.yaml'
    package.write_text(yaml.safe_dump(specs.noop('generated')))
    name = unique('pipeline')
    pipeline_id = kfp_server_api.PipelineUploadServiceApi(api).upload_pipeline(str(package), name=name).pipeline_id
    assert pipelines.pipeline_service_get_pipeline(pipeline_id).name == name
    version, = pipelines.pipeline_service_list_pipeline_versions(pipeline_id).pipeline_versions
    version_id = version.pipeline_version_id
    changed = pipelines.pipeline_service_update_pipeline_version(
        pipeline_id, version_id, kfp_server_api.V2beta1PipelineVersion(display_name='new', tags={'a': 'b'}))
    assert (changed.display_name, changed.tags) == ('new', {'a': 'b'})
    seen = pipelines.pipeline_service_get_pipeline_version(pipeline_id, version_id)
    assert seen.display_name == 'new' and seen.pipeline_spec['pipelineInfo']['name'] == 'generated'
    pipelines.pipeline_service_delete_pipeline_version(pipeline_id, version_id)
    refused(404, pipelines.pipeline_service_get_pipeline_version, pipeline_id, version_id)
    # The shared server has no host to fetch from but those of the internet; see test_package_urls.
    refused(400, pipelines.pipeline_service_create_pipeline_and_version,
            kfp_server_api.V2beta1CreatePipelineAndVersionRequest(
                pipeline=kfp_server_api.V2beta1Pipeline(name=name),
                pipeline_version=kfp_server_api.V2beta1PipelineVersion(
                    package_url=kfp_server_api.V2beta1Url(pipeline_url='https://127.0.0.1/p.yaml'))))


def test_runs(api, server, unique):
    runs = kfp_server_api.RunServiceApi(api)
    experiment_id = server.ok('POST', '/experiments', json={'display_name': unique('e')})['experiment_id']
    run_id = runs.run_service_create_run(kfp_server_api.V2beta1Run(
        display_name='r', experiment_id=experiment_id, pipeline_spec=specs.noop(), service_account='me',
        plugins_input={'mlflow': {'experiment': 'e', 'nested': {'list': [1, None, 'x']}}})).run_id
    server.succeed(run_id)
    run = runs.run_service_get_run(run_id)
    assert (run.state, run.service_account) == ('SUCCEEDED', 'me')
    assert run.plugins_input == {'mlflow': {'experiment': 'e', 'nested': {'list': [1, None, 'x']}}}
    assert [one.run_id for one in runs.run_service_list_runs(experiment_id=experiment_id).runs] == [run_id]
    runs.run_service_archive_run(run_id)
    assert runs.run_service_get_run(run_id).storage_state == 'ARCHIVED'
    runs.run_service_unarchive_run(run_id)
    runs.run_service_terminate_run(run_id)
    assert runs.run_service_get_run(run_id).state == 'SUCCEEDED'
    runs.run_service_delete_run(run_id)
    refused(404, runs.run_service_get_run, run_id)


def test_the_rest_of_the_generated_client(api):
    health = kfp_server_api.HealthzServiceApi(api).healthz_service_get_healthz()
    assert (health.multi_user, health.pipeline_store) == (False, 'database')
    reports = kfp_server_api.ReportServiceApi(api)
    refused(400, reports.report_service_report_workflow, '{}')
    refused(400, reports.report_service_report_scheduled_workflow, '{}')
    refused(404, kfp_server_api.AuthServiceApi(api).auth_service_authorize)
    refused(404, kfp_server_api.DummyFilterServiceApi(api).dummy_filter_service_get_filter)
    refused(404, kfp_server_api.VisualizationServiceApi(api).visualization_service_create_visualization_v1,
            'n', kfp_server_api.V2beta1Visualization())


def test_recurring_runs(api, server, client, unique):
    schedules = kfp_server_api.RecurringRunServiceApi(api)
    experiment_id = server.ok('POST', '/experiments', json={'display_name': unique('e')})['experiment_id']
    recurring_id = schedules.recurring_run_service_create_recurring_run(kfp_server_api.V2beta1RecurringRun(
        display_name='r', experiment_id=experiment_id, pipeline_spec=specs.noop(), mode='DISABLE', max_concurrency='1',
        trigger=kfp_server_api.V2beta1Trigger(
            cron_schedule=kfp_server_api.V2beta1CronSchedule(cron='0 0 3 1 1 *')))).recurring_run_id
    assert schedules.recurring_run_service_get_recurring_run(recurring_id).status == 'DISABLED'
    listed = schedules.recurring_run_service_list_recurring_runs(experiment_id=experiment_id)
    assert [one.recurring_run_id for one in listed.recurring_runs] == [recurring_id]
    schedules.recurring_run_service_enable_recurring_run(recurring_id)
    assert schedules.recurring_run_service_get_recurring_run(recurring_id).status == 'ENABLED'
    schedules.recurring_run_service_disable_recurring_run(recurring_id)
    # The old names in the SDK.
    client.enable_job(recurring_id)
    assert client.get_recurring_run(recurring_id).status == 'ENABLED'
    client.disable_job(recurring_id)
    assert client.get_recurring_run(recurring_id).status == 'DISABLED'
    client.delete_job(recurring_id)
    refused(404, schedules.recurring_run_service_get_recurring_run, recurring_id)
    refused(404, schedules.recurring_run_service_delete_recurring_run, recurring_id)


def test_the_rest_of_the_sdk_client(server, client, unique, tmp_path):
    assert client.get_kfp_healthz().multi_user is False
    package = tmp_path / 'adding.yaml'
    compiler.Compiler().compile(adding, str(package))
    experiment = unique('experiment')
    run = client.create_run_from_pipeline_package(str(package), arguments={'a': 1, 'b': 2}, run_name='from a package',
                                                  experiment_name=experiment, service_account='me')
    server.succeed(run.run_id)
    detail = client.get_run(run.run_id)
    assert (detail.display_name, detail.service_account) == ('from a package', 'me')
    client.set_user_namespace('mine')
    assert client.get_user_namespace() == 'mine'
    listed = client.list_runs(experiment_id=detail.experiment_id, namespace='mine')
    assert [one.run_id for one in listed.runs] == [run.run_id]
    client.set_user_namespace('')


def test_each_method_is_driven_by_a_test():
    text = '\n'.join(path.read_text() for path in pathlib.Path(__file__).parent.glob('test_*.py'))
    driven = set(re.findall(r'\.(\w+)[(),\n]', text))
    classes = [kfp.Client] + [kind for name, kind in vars(kfp_server_api).items() if name.endswith('ServiceApi')]
    assert len(classes) > 8
    for kind in classes:
        methods = {name for name, value in vars(kind).items() if callable(value) and not name.startswith('_')
                   and not name.endswith('_with_http_info')}
        assert methods <= driven, f'{kind.__name__}: {sorted(methods - driven)}'
