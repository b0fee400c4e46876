"""Workspaces: one directory that the tasks of a run share, and that goes with the run."""

import json
import pathlib

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input

import specs
from waiting import wait_until

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')

WITH_WORKSPACE = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size='1Gi'))


@dsl.component
def put(folder: str, text: str):
    import os
    os.makedirs(folder, exist_ok=True)
    with open(f'{folder}/text', 'w') as file:
        file.write(text)


@dsl.component
def get(folder: str, result: str):
    with open(f'{folder}/text') as file:
        text = file.read()
    with open(result, 'w') as file:
        file.write(f'{folder}\n{text}')


@dsl.container_component
def list_it(folder: str, result: str):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'ls "$0" > "$1"'], args=[folder, result])


@dsl.pipeline(name='sharing', pipeline_config=WITH_WORKSPACE)
def sharing(result: str):
    first = put(folder=f'{dsl.WORKSPACE_PATH_PLACEHOLDER}/made', text='shared')
    get(folder=f'{dsl.WORKSPACE_PATH_PLACEHOLDER}/made', result=result).after(first)
    list_it(folder=dsl.WORKSPACE_PATH_PLACEHOLDER, result=f'{result}-list').after(first)


def workspaces(server) -> set:
    folder = server.data_dir / 'workspaces'
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_tasks_of_a_run_share_a_directory_that_goes_with_the_run(server, tmp_path):
    result = tmp_path / 'result'
    run_ids = [server.create_run(specs.compiled(sharing), result=str(result)) for _ in range(2)]
    for run_id in run_ids:
        server.succeed(run_id)
    folder, text = result.read_text().split('\n')
    assert text == 'shared'
    assert pathlib.Path(folder).parent.name in run_ids
    assert (tmp_path / 'result-list').read_text() == 'made\n'
    # It stays with the run, so that one can look into it, and each run has its own.
    assert set(run_ids) <= workspaces(server)
    server.ok('DELETE', f'/runs/{run_ids[0]}')
    wait_until('the workspace to be removed', lambda: run_ids[0] not in workspaces(server), 30)
    assert run_ids[1] in workspaces(server)


def test_a_workspace_whose_run_was_deleted_unheard_goes_at_the_next_start(own_server, tmp_path):
    server = own_server
    run_id = server.create_run(specs.compiled(sharing), result=str(tmp_path / 'result'))
    server.succeed(run_id)
    server.stop()
    lost = server.data_dir / 'workspaces' / 'a-run-that-is-gone'
    lost.mkdir()
    server.start()
    wait_until('the lost workspace to be removed', lambda: not lost.exists(), 30)
    assert workspaces(server) == {run_id}


@dsl.component
def read_imported(data: Input[Dataset], result: str):
    import json
    with open(data.path) as file:
        text = file.read()
    with open(result, 'w') as file:
        json.dump({'text': text, 'path': data.path}, file)


@dsl.pipeline(name='bringing', pipeline_config=WITH_WORKSPACE)
def bringing(uri: str, result: str):
    imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset, download_to_workspace=True)
    read_imported(data=imported.output, result=result)


def test_importers_bring_content_to_the_workspace(server, tmp_path):
    data, result = tmp_path / 'data.csv', tmp_path / 'result'
    data.write_text('here')
    run_id = server.create_run(specs.compiled(bringing), uri=str(data), result=str(result))
    server.succeed(run_id)
    seen = json.loads(result.read_text())
    workspace = server.data_dir / 'workspaces' / run_id
    assert seen['text'] == 'here' and pathlib.Path(seen['path']).is_relative_to(workspace)

    for uri, words in ((f'{tmp_path}/none', 'there is no'), ('gs://bucket/object', 'there are no credentials')):
        run_id = server.create_run(specs.compiled(bringing), uri=uri, result=str(result))
        run = server.finish(run_id)
        assert server.task_states(run_id) == {'importer': 'FAILED', 'read-imported': 'SKIPPED'}
        assert words in run['error']['message']


def test_importers_bring_content_of_the_web_to_the_workspace(server, files, tmp_path):
    """Once, by the importer; who reads it finds it there, and what is passed on leads there too."""
    result = tmp_path / 'result'
    for name in ('data.csv?signature=secret', 'moved.csv'):
        asked = len(files.requests)
        run_id = server.create_run(specs.compiled(bringing), uri=f'{files.url}/{name}', result=str(result))
        server.succeed(run_id)
        seen = json.loads(result.read_text())
        assert seen['text'] == 'a,b\n1,2\n'
        assert pathlib.Path(seen['path']).is_relative_to(server.data_dir / 'workspaces' / run_id)
        assert len(files.requests) - asked == (2 if name == 'moved.csv' else 1), files.requests
        importer = server.tasks(run_id)['importer']
        assert importer['pod_name'] and 'fetched 8 bytes' in server.log_of(run_id, importer['task_id'])
        assert 'secret' not in server.log_of(run_id, importer['task_id'])

    for uri, words in ((f'{files.url}/none?signature=secret', 'status 404'), ('http://127.0.0.1:1/x', 'fetched')):
        run_id = server.create_run(specs.compiled(bringing), uri=uri, result=str(result))
        run = server.finish(run_id)
        assert server.task_states(run_id) == {'importer': 'FAILED', 'read-imported': 'SKIPPED'}
        assert words in run['error']['message'] and 'secret' not in run['error']['message'], run['error']


def test_without_a_workspace_the_task_says_so(server):
    """The SDK refuses such a pipeline, others may not."""
    spec = specs.noop()
    spec['deploymentSpec']['executors']['exec-only']['container']['args'] = ['{{$.workspace_path}}/x']
    run = server.finish(server.create_run(spec))
    assert run['state'] == 'FAILED' and 'no workspace' in run['error']['message']
