"""Pipelines used as components: what flows in and out of them, and how they end."""

import json
from typing import NamedTuple

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Output

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.component
def write(text: str, data: Output[Dataset]) -> str:
    with open(data.path, 'w') as file:
        file.write(text)
    return text.upper()


@dsl.component
def join(left: str, data: Input[Dataset], suffix: str = '!') -> str:
    with open(data.path) as file:
        return f'{left}-{file.read()}{suffix}'


@dsl.component
def keep(folder: str, text: str, data: Input[Dataset]):
    import json
    with open(data.path) as file, open(f'{folder}/kept', 'w') as out:
        json.dump([text, file.read(), data.uri], out)


@dsl.component
def fail():
    raise SystemExit('this one always fails')


@dsl.pipeline(name='leaf')
def leaf(text: str, suffix: str = '?') -> NamedTuple('Leaf', [('joined', str), ('data', Dataset)]):
    written = write(text=text)
    joined = join(left=written.outputs['Output'], data=written.outputs['data'], suffix=suffix)
    outputs = NamedTuple('Leaf', [('joined', str), ('data', Dataset)])
    return outputs(joined.output, written.outputs['data'])


@dsl.pipeline(name='middle')
def middle(text: str) -> NamedTuple('Middle', [('joined', str), ('data', Dataset)]):
    first = leaf(text=text)
    second = leaf(text=first.outputs['joined'], suffix='.')
    outputs = NamedTuple('Middle', [('joined', str), ('data', Dataset)])
    return outputs(second.outputs['joined'], first.outputs['data'])


@dsl.pipeline(name='outer')
def outer(folder: str, text: str = 'a'):
    inner = middle(text=text)
    keep(folder=folder, text=inner.outputs['joined'], data=inner.outputs['data'])


@dsl.pipeline(name='broken')
def broken():
    fail()
    write(text='goes on')


@dsl.pipeline(name='with-broken')
def with_broken():
    inner = broken()
    write(text='never').after(inner)


def test_values_flow_through_levels(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(outer, arguments={'folder': str(tmp_path)})
    detail = run.wait_for_run_completion(timeout=600)
    assert detail.state == 'SUCCEEDED', server.succeed(run.run_id)
    text, content, uri = json.loads((tmp_path / 'kept').read_text())
    assert (text, content) == ('A-A?-A-a?.', 'a')

    tasks = {task.task_id: task for task in detail.run_details.task_details}
    names = sorted(task.display_name for task in tasks.values())
    assert names == sorted(['middle', 'keep', 'leaf', 'leaf-2', 'write', 'write', 'join', 'join'])
    graph, = [task for task in tasks.values() if task.display_name == 'middle']
    assert not graph.parent_task_id and not graph.pod_name
    leaves = [tasks[child.task_id] for child in graph.child_tasks]
    assert [task.display_name for task in leaves] == ['leaf', 'leaf-2']
    assert all(task.parent_task_id == graph.task_id and task.state == 'SUCCEEDED' for task in leaves)
    # What a graph puts out is what a task in it made.
    write_task, = [tasks[child.task_id] for child in leaves[0].child_tasks
                   if tasks[child.task_id].display_name == 'write']
    assert graph.outputs['data'].artifact_ids == write_task.outputs['data'].artifact_ids != []
    assert 'write' in server.log_of(run.run_id, write_task.task_id)


def test_a_failure_within_goes_up_to_the_run(server, client):
    run = client.create_run_from_pipeline_func(with_broken, arguments={})
    detail = server.finish(run.run_id)
    assert detail['state'] == 'FAILED'
    assert detail['error']['message'].startswith("Task 'broken' failed: Task 'fail' failed: "), detail['error']
    states = [(task['display_name'], task['state']) for task in detail['run_details']['task_details']]
    assert sorted(states) == [('broken', 'FAILED'), ('fail', 'FAILED'), ('write', 'SKIPPED'), ('write', 'SUCCEEDED')]
