"""Loops: over lists of every origin and over artifacts, within each other, and what is collected from them."""

import json
import re
from typing import List

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Output

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.component
def numbers(count: int) -> List[int]:
    return list(range(count))


@dsl.component
def double(number: int) -> int:
    return 2 * number


@dsl.component
def add(left: int, right: int) -> int:
    return left + right


@dsl.component
def keep(path: str, values: list):
    import json
    with open(path, 'w') as file:
        json.dump(values, file)


@dsl.component
def write(text: str, data: Output[Dataset]):
    with open(data.path, 'w') as file:
        file.write(text)


@dsl.component
def read(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.component
def join(path: str, parts: Input[List[Dataset]]):
    texts = []
    for part in parts:
        with open(part.path) as file:
            texts.append(file.read())
    with open(path, 'w') as file:
        file.write('+'.join(texts))


@dsl.component
def fail_at(number: int, bad: int):
    assert number != bad, 'this one'


@dsl.pipeline(name='collecting')
def collecting(folder: str, count: int):
    with dsl.ParallelFor(numbers(count=count).output, parallelism=2) as number:
        doubled = double(number=number)
    keep(path=f'{folder}/kept', values=dsl.Collected(doubled.output))


@dsl.pipeline(name='nested-loops')
def nested_loops(folder: str, rows: List[int]):
    with dsl.ParallelFor(rows) as row:
        with dsl.ParallelFor([10, 20]) as column:
            sums = add(left=row, right=column)
    keep(path=f'{folder}/kept', values=dsl.Collected(sums.output))


@dsl.pipeline(name='write-all')
def write_all() -> List[Dataset]:
    with dsl.ParallelFor(['a', 'b', 'c']) as text:
        written = write(text=text)
    return dsl.Collected(written.outputs['data'])


@dsl.pipeline(name='artifacts')
def artifacts(folder: str):
    written = write_all()
    join(path=f'{folder}/joined', parts=written.output)
    with dsl.ParallelFor(written.output) as part:
        texts = read(data=part)
    keep(path=f'{folder}/kept', values=dsl.Collected(texts.output))


@dsl.pipeline(name='failing-loop')
def failing_loop():
    with dsl.ParallelFor([0, 1, 2]) as number:
        fail_at(number=number, bad=1)


def kept(folder):
    return json.loads((folder / 'kept').read_text())


def test_collected_in_the_order_of_the_items(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(collecting, arguments={'folder': str(tmp_path), 'count': 5})
    server.succeed(run.run_id, 120)
    assert kept(tmp_path) == [0, 2, 4, 6, 8]
    details = server.run(run.run_id)['run_details']['task_details']
    loop, = [task for task in details if 'for-loop' in task['display_name'] and not task.get('parent_task_id')]
    iterations = [task for task in details if task.get('parent_task_id') == loop['task_id']]
    assert [child['task_id'] for child in loop['child_tasks']] == [task['task_id'] for task in iterations]
    assert [len(task['child_tasks']) for task in iterations] == [1] * 5


def test_an_empty_loop_collects_an_empty_list(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(collecting, arguments={'folder': str(tmp_path), 'count': 0})
    server.succeed(run.run_id)
    assert kept(tmp_path) == []


def test_nested_loops_collect_nested_lists(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(nested_loops, arguments={'folder': str(tmp_path), 'rows': [1, 2]})
    server.succeed(run.run_id, 120)
    assert kept(tmp_path) == [[11, 21], [12, 22]]


def test_lists_of_artifacts(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(artifacts, arguments={'folder': str(tmp_path)})
    server.succeed(run.run_id, 120)
    assert (tmp_path / 'joined').read_text() == 'a+b+c'
    assert kept(tmp_path) == ['a', 'b', 'c']


def test_a_failed_iteration_does_not_stop_the_others(server, client):
    run = client.create_run_from_pipeline_func(failing_loop, arguments={})
    ended = server.finish(run.run_id)
    assert ended['state'] == 'FAILED'
    # The SDK numbers the loops of all pipelines in one module.
    assert re.match(r"Task 'for-loop-\d+' failed: Iteration 1: Task 'fail-at' failed", ended['error']['message'])
    states = [task['state'] for task in ended['run_details']['task_details'] if task['display_name'] == 'fail-at']
    assert sorted(states) == ['FAILED', 'SUCCEEDED', 'SUCCEEDED']
