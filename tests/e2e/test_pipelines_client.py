"""PipelinesClient of the kubeflow SDK, which is a part of kfp."""

from kfp import dsl, kubeflow_client


@dsl.component
def add(a: int, b: int) -> int:
    return a + b


@dsl.pipeline
def adding(x: int = 1):
    add(a=x, b=2)


def test_a_day_with_the_client(server, unique):
    config = kubeflow_client.KubernetesBackendConfig(base_url=server.url)
    client = kubeflow_client.PipelinesClient(config)
    experiment, name = unique('experiment'), unique('adding')
    client.create_experiment(experiment)
    client.upload_pipeline(adding, name=name)
    client.upload_pipeline(adding, name=name, version='two')
    assert client.get_pipeline(name).display_name == name
    for pipeline, arguments in [(name, {'params': {'x': 5}, 'experiment': experiment}), (adding, {})]:
        run = client.wait_for_run_status(client.run(pipeline, **arguments), timeout=60, polling_interval=1)
        assert run.state == 'SUCCEEDED'
    assert client.get_run(run.run_id).run_id == run.run_id
    client.delete_pipeline(name, force=True)
    client.delete_experiment(experiment)
