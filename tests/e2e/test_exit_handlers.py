"""Exit handlers, tasks that ignore what failed before them, and the final status that such a task is given."""

import json
import pathlib

import pytest
from kfp import dsl
from kfp.dsl import PipelineTaskFinalStatus

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.component
def work(fails: bool) -> str:
    if fails:
        raise SystemExit('as asked')
    return 'done'


@dsl.component
def clean_up(folder: str, status: PipelineTaskFinalStatus):
    import json
    with open(f'{folder}/status', 'a') as file:
        json.dump([status.state, status.pipeline_task_name, status.pipeline_job_resource_name, status.error_code,
                   status.error_message], file)
        file.write('\n')


@dsl.component
def state_of(status: dict) -> str:
    return status['state']


@dsl.component
def note(folder: str, text: str = 'the default'):
    with open(f'{folder}/noted', 'a') as file:
        file.write(text + '\n')


@dsl.pipeline(name='with-exit')
def with_exit(folder: str, fails: bool):
    last = clean_up(folder=folder)
    with dsl.ExitHandler(last):
        first = work(fails=fails)
        note(folder=folder, text=first.output)


@dsl.pipeline(name='tell-state')
def tell_state(folder: str, status: PipelineTaskFinalStatus):
    note(folder=folder, text=state_of(status=status).output)


@dsl.pipeline(name='with-exit-pipeline')
def with_exit_pipeline(folder: str, fails: bool):
    last = tell_state(folder=folder)
    with dsl.ExitHandler(last):
        work(fails=fails)


@dsl.pipeline(name='with-several-exits')
def with_several_exits(folder: str):
    with dsl.ExitHandler(note(folder=folder, text='one'), name='First handler'):
        work(fails=True)
    with dsl.ExitHandler(note(folder=folder, text='two')):
        work(fails=False)


@dsl.pipeline(name='ignoring')
def ignoring(folder: str, fails: bool):
    first = work(fails=fails)
    note(folder=folder, text=first.output).ignore_upstream_failure()


@pytest.mark.parametrize('fails', [False, True])
def test_exit_task_runs_once_and_learns_the_end(server, client, tmp_path: pathlib.Path, fails: bool):
    run = client.create_run_from_pipeline_func(with_exit, arguments={'folder': str(tmp_path), 'fails': fails})
    detail = run.wait_for_run_completion(timeout=600)
    assert detail.state == ('FAILED' if fails else 'SUCCEEDED'), server.succeed(run.run_id)
    line, = (tmp_path / 'status').read_text().splitlines()
    state, task, job, code, message = json.loads(line)
    assert (state, task) == ('FAILED' if fails else 'COMPLETE', 'exit-handler-1')
    assert 'with-exit' in job and run.run_id in job
    assert bool(code) == fails and ("Task 'work' failed" in (message or '')) == fails
    assert (tmp_path / 'noted').exists() != fails
    if fails:
        assert "Task 'exit-handler-1' failed: Task 'work' failed" in detail.error.message


@pytest.mark.parametrize('fails', [False, True])
def test_a_pipeline_as_exit_task(server, client, tmp_path: pathlib.Path, fails: bool):
    run = client.create_run_from_pipeline_func(with_exit_pipeline,
                                               arguments={'folder': str(tmp_path), 'fails': fails})
    assert run.wait_for_run_completion(timeout=600).state == ('FAILED' if fails else 'SUCCEEDED')
    assert (tmp_path / 'noted').read_text() == ('FAILED\n' if fails else 'COMPLETE\n')


def test_several_exit_handlers(server, client, tmp_path: pathlib.Path):
    run = client.create_run_from_pipeline_func(with_several_exits, arguments={'folder': str(tmp_path)})
    assert run.wait_for_run_completion(timeout=600).state == 'FAILED'
    assert sorted((tmp_path / 'noted').read_text().splitlines()) == ['one', 'two']
    assert server.tasks(run.run_id)['First handler']['state'] == 'FAILED'


@pytest.mark.parametrize('fails, noted', [(False, 'done'), (True, 'the default')])
def test_ignoring_a_failure_takes_the_default(server, client, tmp_path: pathlib.Path, fails: bool, noted: str):
    run = client.create_run_from_pipeline_func(ignoring, arguments={'folder': str(tmp_path), 'fails': fails})
    assert run.wait_for_run_completion(timeout=600).state == ('FAILED' if fails else 'SUCCEEDED')
    assert (tmp_path / 'noted').read_text() == noted + '\n'
