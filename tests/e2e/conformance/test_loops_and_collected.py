"""Section 3 of docs/PIPELINE_FORMAT.md: loops and what is collected from them."""

import json
from typing import Any, Dict, List

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Output

from parts import (fail, give, give_dict, give_ints, give_list, read, record, record_artifacts, record_dict, record_int,
                   record_list, write)

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.container_component
def hold(to: str, letter: str, number: int, others: int):
    """Records its start, waits until as many have started as asked for, and records its end."""
    script = ('printf "%s\\0start\\0" "$1$2" >> "$0"; '
              'while [ "$(tr "\\0" "\\n" < "$0" | grep -c "^start$")" -lt "$3" ]; do sleep 0.01; done; '
              'printf "%s\\0end\\0" "$1$2" >> "$0"')
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=[to, letter, number, others])


@dsl.container_component
def copy_int(number: int, out: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'echo "$0" > "$1"'], args=[number, out])


@dsl.container_component
def copy_list(values: List[int], out: dsl.OutputPath(List[int])):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'echo "$0" > "$1"'], args=[values, out])


# --- Items ---

@dsl.pipeline(name='items')
def items(to: str, texts: List[str], numbers: List[int], mixed: list, structs: List[Dict[str, str]]):
    with dsl.ParallelFor([1, 2]) as item:
        record_int(to=to, name='raw ints', value=item)
    with dsl.ParallelFor(['a', 'b"c']) as item:
        record(to=to, name='raw texts', value=item)
    with dsl.ParallelFor([{'k': 'x', 'n': 1}, {'k': 'y', 'n': 2}]) as item:
        record(to=to, name='raw keys', value=item.k)
        record(to=to, name='raw numbers', value=item.n)
    with dsl.ParallelFor([{'deep': {'list': [1]}}]) as item:
        record_dict(to=to, name='raw struct', value=item)
    with dsl.ParallelFor(texts) as item:
        record(to=to, name='texts', value=item)
    with dsl.ParallelFor(numbers) as item:
        record_int(to=to, name='numbers', value=item)
    with dsl.ParallelFor(mixed) as item:
        record(to=to, name='mixed', value=item)
    with dsl.ParallelFor(structs) as item:
        record(to=to, name='keys', value=item.k)
    with dsl.ParallelFor(give_ints(text='[7, 8]').outputs['out']) as item:
        record_int(to=to, name='outputs', value=item)
    with dsl.ParallelFor(give_list(text='[1, "x", {"b": 1, "a": [true, null]}]').outputs['out']) as item:
        record(to=to, name='mixed outputs', value=item)


def test_items_of_every_kind_and_origin(run):
    """Each iteration gets its item in the type that its component declares; of an untyped list, as text."""
    ran = run(items, texts=['t', ''], numbers=[3, 4], mixed=[1, 'x', True, {'b': 1, 'a': 2}, [1]],
              structs=[{'k': 'one'}, {'k': 'two', 'more': 1}])
    seen = {name: sorted(ran.values(name)) for name in set(ran.order)}
    assert seen == {
        'raw ints': ['1', '2'], 'raw texts': ['a', 'b"c'], 'raw keys': ['x', 'y'], 'raw numbers': ['1', '2'],
        'raw struct': ['{"deep":{"list":[1]}}'], 'texts': ['', 't'], 'numbers': ['3', '4'],
        'mixed': ['1', '[1]', 'true', 'x', '{"a":2,"b":1}'], 'keys': ['one', 'two'], 'outputs': ['7', '8'],
        'mixed outputs': ['1', 'x', '{"a":[true,null],"b":1}']}
    loops = [task for task in ran.tasks if task.display_name.startswith('for-loop') and not task.parent_task_id]
    assert len(loops) == 10 and sorted(len(loop.child_tasks) for loop in loops) == [1, 2, 2, 2, 2, 2, 2, 2, 3, 5]


@dsl.pipeline(name='parts-of-items')
def parts_of_items(to: str, given: List[Dict[str, list]]):
    with dsl.ParallelFor([{'label': 'a', 'parts': [{'p': 1, 'q': [10, 11]}, {'p': 2, 'q': []}]}]) as outer:
        with dsl.ParallelFor(outer.parts) as part:
            record(to=to, name='part of an item', value=part.p)
            with dsl.ParallelFor(part.q) as number:
                record(to=to, name='part of a part', value=number)
    with dsl.ParallelFor(given) as outer:
        with dsl.ParallelFor(outer.list) as inner:
            record(to=to, name='part of a given item', value=inner)


def test_loops_over_parts_of_items(run):
    """KFP applies the selector a second time to what was selected."""
    ran = run(parts_of_items, given=[{'list': ['x', 'y']}, {'list': ['z']}])
    assert {name: sorted(ran.values(name)) for name in set(ran.order)} == {
        'part of an item': ['1', '2'], 'part of a part': ['10', '11'], 'part of a given item': ['x', 'y', 'z']}


@dsl.container_component
def joined(to: str, a: str, b: int, c: str, out: dsl.OutputPath(str)):
    script = 'printf "leaf\\0%s%s%s\\0" "$1" "$2" "$3" >> "$0"; printf "%s%s%s" "$1" "$2" "$3" > "$4"'
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=[to, a, b, c, out])


@dsl.pipeline(name='three-levels')
def three_levels(to: str, first: List[str]):
    with dsl.ParallelFor(first) as a:
        with dsl.ParallelFor([1, 2]) as b:
            with dsl.ParallelFor(['x', 'y']) as c:
                made = joined(to=to, a=a, b=b, c=c).set_display_name('leaf')
    record_list(to=to, name='collected', value=dsl.Collected(made.outputs['out']))


def test_loops_within_loops(run):
    """As many iterations as there are combinations; what is collected has a level for each loop."""
    ran = run(three_levels, first=['a', 'b'])
    assert sorted(ran.values('leaf')) == sorted(f'{a}{b}{c}' for a in 'ab' for b in '12' for c in 'xy')
    assert json.loads(ran.values('collected')[0]) == [
        [['a1x', 'a1y'], ['a2x', 'a2y']], [['b1x', 'b1y'], ['b2x', 'b2y']]]
    assert len(ran.named('leaf')) == 8 and {task.state for task in ran.tasks} == {'SUCCEEDED'}


@dsl.pipeline(name='empty')
def empty(to: str, given: List[str]):
    with dsl.ParallelFor(given, name='nothing to do') as item:
        made = give(text=item)
        data = write(text=item)
    record_list(to=to, name='values', value=dsl.Collected(made.outputs['out']))
    record_artifacts(to=to, name='artifacts', data=dsl.Collected(data.outputs['data']))


def test_loops_without_items(run):
    """They succeed at once, and empty lists are collected from them; KFP fails whoever collects."""
    ran = run(empty, given=[])
    assert ran.once() == {'values': '[]', 'artifacts': '[]'}
    assert ran.states()['nothing to do'] == 'SUCCEEDED' and not ran.task('nothing to do').child_tasks


# --- Order and number ---

def most_at_once(ran: Any) -> int:
    running = most = 0
    for _, what in ran.journal:
        running += 1 if what == 'start' else -1
        most = max(most, running)
    return most


@pytest.mark.parametrize('limit', [1, 2, 3])
def test_parallelism(run, limit):
    """As many iterations at a time as allowed, and never more."""
    @dsl.pipeline(name='limited')
    def limited(to: str):
        with dsl.ParallelFor([1, 2, 3, 4, 5, 6], parallelism=limit) as item:
            hold(to=to, letter='', number=item, others=limit)
    ran = run(limited)
    assert len(ran.journal) == 12 and most_at_once(ran) == limit
    starts = [name for name, what in ran.journal if what == 'start']
    assert sorted(starts[:limit]) == [str(number + 1) for number in range(limit)], 'in the order of the items'


def test_parallelism_of_a_loop_is_for_each_time_it_runs(run):
    """A loop within another has its limit for each of the outer iterations; the outer one counts its own."""
    @dsl.pipeline(name='limits-within-limits')
    def limits_within_limits(to: str):
        with dsl.ParallelFor(['a', 'b', 'c'], parallelism=2) as outer:
            with dsl.ParallelFor([1, 2], parallelism=1) as inner:
                hold(to=to, letter=outer, number=inner, others=2)
    ran = run(limits_within_limits)
    assert len(ran.journal) == 12 and most_at_once(ran) == 2
    for letter in 'abc':
        own = [(name, what) for name, what in ran.journal if name.startswith(letter)]
        assert own == [(f'{letter}{number}', what) for number in (1, 2) for what in ('start', 'end')]


@dsl.pipeline(name='order-around-loops')
def order_around_loops(to: str):
    before = give(text='from outside')
    with dsl.ParallelFor([1, 2]) as item:
        first = record(to=to, name='first loop', value=f'{item} {before.outputs["out"]}')
    with dsl.ParallelFor([3, 4]) as item:
        second = record(to=to, name='second loop', value=f'{item}').after(first)
    record(to=to, name='end', value='').after(second)


def test_tasks_and_loops_after_loops(run):
    """`after` a task of another loop is after all of that loop; a loop may take what tasks outside put out."""
    ran = run(order_around_loops)
    assert ran.order == ['first loop'] * 2 + ['second loop'] * 2 + ['end']
    assert sorted(ran.values('first loop')) == ['1 from outside', '2 from outside']


def test_an_iteration_that_fails(run):
    """All others run to their end; the loop fails, and what waits for it is skipped."""
    @dsl.pipeline(name='one-fails')
    def one_fails(to: str, numbers: List[int]):
        with dsl.ParallelFor(numbers, name='the loop') as number:
            record_int(to=to, name='started', value=number)
            with dsl.If(number == 2):
                fail()
            made = copy_int(number=number)
        record_list(to=to, name='never', value=dsl.Collected(made.outputs['out'])).set_display_name('collecting')
    ran = run(one_fails, ends='FAILED', numbers=[1, 2, 3])
    assert sorted(ran.values('started')) == ['1', '2', '3'] and ran.values('never') == []
    assert ran.states()['the loop'] == ['FAILED', 'FAILED', 'SUCCEEDED', 'SUCCEEDED']  # the loop and its iterations
    assert ran.states()['collecting'] == 'SKIPPED'
    assert ran.states()['copy-int'] == ['SUCCEEDED'] * 3
    loop, = [task for task in ran.named('the loop') if task.child_tasks and not task.parent_task_id]
    assert loop.error.message.startswith('Iteration 1')


# --- Collected ---

@dsl.pipeline(name='taking-a-list')
def taking_a_list(to: str, values: List[int]) -> List[int]:
    with dsl.ParallelFor(values) as value:
        record_int(to=to, name='again', value=value)
    return copy_list(values=values).outputs['out']


@dsl.pipeline(name='collecting')
def collecting(to: str):
    with dsl.ParallelFor([3, 1, 2]) as number:
        made = copy_int(number=number)
        with dsl.If(made.outputs['out'] > 1):
            some = copy_int(number=number)
        struct = give_dict(text='{"n": 1}')
        data = write(text='content')
    record_list(to=to, name='all', value=dsl.Collected(made.outputs['out']))
    record_list(to=to, name='some', value=dsl.Collected(some.outputs['out']))
    record_list(to=to, name='structs', value=dsl.Collected(struct.outputs['out']))
    passed = taking_a_list(to=to, values=dsl.Collected(made.outputs['out']))
    record_list(to=to, name='passed on', value=passed.output)
    record_artifacts(to=to, name='artifacts', data=dsl.Collected(data.outputs['data']))


def test_what_is_collected_and_where_it_may_go(run):
    """In the order of the items, without the iterations that were skipped; into tasks, pipelines and their loops."""
    ran = run(collecting)
    seen = {name: ran.values(name) for name in set(ran.order)}
    uris = [artifact['uri'] for artifact in json.loads(seen.pop('artifacts')[0])]
    assert {name: values[0] for name, values in seen.items() if len(values) == 1} == {
        'all': '[3,1,2]', 'some': '[3,2]', 'structs': '[{"n":1},{"n":1},{"n":1}]', 'passed on': '[3,1,2]'}
    assert sorted(seen['again']) == ['1', '2', '3']
    assert len(set(uris)) == 3


@dsl.container_component
def write_both(first: str, second: str, data: Output[Dataset]):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s%s "$0" "$1" > "$2"'],
                             args=[first, second, data.path])


@dsl.pipeline(name='write-all')
def write_all() -> List[Dataset]:
    with dsl.ParallelFor(['a', 'b']) as outer:
        with dsl.ParallelFor(['1', '2']) as inner:
            made = write_both(first=outer, second=inner)
    return dsl.Collected(made.outputs['data'])


@dsl.pipeline(name='artifacts-of-loops')
def artifacts_of_loops(to: str):
    written = write_all()
    record_artifacts(to=to, name='list', data=written.output)
    with dsl.ParallelFor(written.output) as data:
        read(to=to, name='content', data=data)


@pytest.mark.on_host('the test opens what a task saw')
def test_artifacts_of_loops_are_one_list(run):
    """Flat, in order, and a loop can go over them; KFP has no loops over artifacts."""
    ran = run(artifacts_of_loops)
    uris = [artifact['uri'] for artifact in json.loads(ran.values('list')[0])]
    contents = []
    for uri in uris:
        with open(uri) as file:
            contents.append(file.read())
    assert contents == ['a1', 'a2', 'b1', 'b2'] and sorted(ran.values('content')) == contents
