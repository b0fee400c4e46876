"""Section 3 of docs/PIPELINE_FORMAT.md: order, conditions, branches and graphs within graphs. Loops are in
test_loops_and_collected.py, exit tasks and retries in test_ends.py."""

from typing import Any, Dict, List, NamedTuple, Optional

import pytest
from kfp import dsl
from kfp.dsl import Dataset

import specs
from parts import (fail, give, give_bool, give_dict, give_float, give_int, nothing, read, record, record_dict,
                   record_int, write)

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')

# --- When a task starts, and how things end ---


@dsl.pipeline(name='skipping')
def skipping(to: str, on: bool):
    with dsl.If(on == True, name='off'):  # noqa: E712
        inside = record(to=to, name='inside', value='')
        record(to=to, name='inside, later', value='').after(inside)
    record(to=to, name='beside', value='')


def test_a_false_condition_skips_what_is_in_it(run):
    """The run succeeds, also if nothing is left; nothing within comes into being."""
    ran = run(skipping, on=False)
    assert ran.order == ['beside']
    assert ran.states() == {'off': 'SKIPPED', 'record-3': 'SUCCEEDED'}
    order = run(skipping, on=True).order
    assert sorted(order) == ['beside', 'inside', 'inside, later']
    assert order.index('inside') < order.index('inside, later')


@dsl.pipeline(name='all-skipped')
def all_skipped(on: bool):
    with dsl.If(on == True, name='off'):  # noqa: E712
        nothing()


def test_a_run_in_which_everything_is_skipped(run):
    assert run(all_skipped, on=False).states() == {'off': 'SKIPPED'}


@dsl.pipeline(name='failing-below')
def failing_below(to: str):
    fail()
    record(to=to, name='beside the failure', value='')


@dsl.pipeline(name='failing')
def failing(to: str):
    first = failing_below(to=to)
    second = record(to=to, name='never', value='').after(first).set_display_name('second')
    record(to=to, name='never', value='').after(second).set_display_name('third')
    other = record(to=to, name='unrelated', value='')
    record(to=to, name='unrelated, later', value='').after(other)
    record(to=to, name='never', value='').after(other, second).set_display_name('both')


def test_a_failure_fails_what_is_around_it_and_skips_what_waits(run):
    """Everything else goes on to its end."""
    ran = run(failing, ends='FAILED')
    assert sorted(ran.order) == ['beside the failure', 'unrelated', 'unrelated, later']
    states = ran.states()
    assert {name: states[name] for name in ('failing-below', 'fail', 'second', 'third', 'both')} == {
        'failing-below': 'FAILED', 'fail': 'FAILED', 'second': 'SKIPPED', 'third': 'SKIPPED', 'both': 'SKIPPED'}
    assert len(ran.tasks) == 8 and ran.detail.error.message.startswith("Task 'failing-below' failed: Task 'fail'")


# --- Conditions ---

# Each is recorded if it holds; the names of those that must not hold begin with "no".
@dsl.pipeline(name='comparing')
def comparing(to: str, i: int = 5, j: int = -5, d: float = 0.5, s: str = '5', t: str = 'true', b: bool = False,
              o: str = 'x'):
    whole, part, text, flag = (give_int(text=f'{i}').outputs['out'], give_float(text='1e-07').outputs['out'],
                               give(text=f'{o}').outputs['out'], give_bool(text='T').outputs['out'])
    with dsl.If(whole == 5):
        record(to=to, name='an output that is an int', value='')
    with dsl.If(whole >= i):
        record(to=to, name='an output and an input', value='')
    with dsl.If(part == 1e-07):
        record(to=to, name='a small number', value='')
    with dsl.If(part > whole):
        record(to=to, name='no: a double and an int', value='')
    with dsl.If(d < i):
        record(to=to, name='a double and an int', value='')
    with dsl.If(5 < i):
        record(to=to, name='no: turned round', value='')
    with dsl.If(-5 == j):
        record(to=to, name='a negative number', value='')
    with dsl.If(i == 5.0):
        record(to=to, name='an int and a double literal', value='')
    with dsl.If(d >= 0):
        record(to=to, name='a double and an int literal', value='')
    with dsl.If(s == 5):
        record(to=to, name='a text and a number', value='')
    with dsl.If(t == True):  # noqa: E712
        record(to=to, name='a text and a truth value', value='')
    with dsl.If(s == o):
        record(to=to, name='no: two texts', value='')
    with dsl.If(text != 'x'):
        record(to=to, name='no: unequal', value='')
    with dsl.If(flag == True):  # noqa: E712
        record(to=to, name='an output that is a bool', value='')
    with dsl.If(b == False):  # noqa: E712
        record(to=to, name='false is false', value='')
    with dsl.If(o >= 'w'):
        record(to=to, name='order of texts', value='')


def test_comparisons_of_all_kinds(run):
    ran = run(comparing)
    assert not [name for name in ran.order if name.startswith('no')]
    assert len(ran.once()) == 12
    assert sorted(ran.states().values(), key=str).count('SKIPPED') == 4


def test_a_truth_value_and_a_number(run):
    """The compiler writes `flag == 1` as `flag == false`, which nothing in the text shows. It is that here too."""
    @dsl.pipeline(name='inverted')
    def inverted(to: str, flag: bool):
        with dsl.If(flag == 1):
            record(to=to, name='as compiled', value='')
    task, = specs.compiled(inverted)['root']['dag']['tasks'].values()
    assert [task['triggerPolicy']['condition']] == ["inputs.parameter_values['pipelinechannel--flag'] == false"]
    assert run(inverted, flag=True).order == [] and run(inverted, flag=False).order == ['as compiled']


@pytest.mark.parametrize('condition, holds', [
    ("inputs.parameter_values['i'] == 5", True), ("inputs.parameter_values['i'] == 5.0", True),
    ("int(inputs.parameter_values['d']) == 1", True), ("double(int(inputs.parameter_values['i'])) > 4.5", True),
    ("inputs.parameter_values['s'] == 5", False), ("inputs.parameter_values['li'] == [1, 2]", True),
    ("inputs.parameter_values['o']['k'] == 'v'", True), ("inputs.parameter_values['o'].k == 'v'", True),
    ("inputs.parameter_values['li'][1] * 100.0 > 90.0", True),
    ("inputs.parameter_values['none'] == 1 && false", False), ("false && inputs.parameter_values['none'] == 1", False),
    ("!(inputs.parameter_values['i'] < 5) && !(inputs.parameter_values['i'] > 5)", True),
])
def test_conditions_of_other_writers(run, condition, holds):
    """CEL as the evaluator of KFP has it: numbers compare across kinds, texts and numbers are unequal, `&&` does not
    mind an error on a side that does not matter."""
    spec = specs.shell_pipeline({'only': specs.Shell('true', takes=['i', 'd', 's', 'li', 'o'])}, i='i', d='d', s='s',
                                li='l', o='o')
    spec['root']['dag']['tasks']['only']['triggerPolicy'] = {'condition': condition}
    ran = run(spec, i=5, d=1.9, s='5', li=[1, 2], o={'k': 'v'})
    assert ran.states() == {'only': 'SUCCEEDED' if holds else 'SKIPPED'}


@pytest.mark.parametrize('condition, word', [
    ("inputs.artifacts['data'].artifacts[0].metadata['score'] * 100.0 > 90.0", 'SUCCEEDED'),
    ("inputs.artifacts['data'].artifacts[0].metadata['score'] < 0.5", 'SKIPPED'),
    ("inputs.artifacts['data'].artifacts[0].metadata['none'] < 0.5", 'FAILED')])
def test_conditions_over_artifacts(run, condition, word):
    @dsl.pipeline(name='scored')
    def scored(to: str):
        read(to=to, name='read', data=write(text='x').outputs['data']).set_display_name('reader')
    spec = specs.compiled(scored)
    spec['components']['comp-write']['outputDefinitions']['artifacts']['data']['metadata'] = {'score': 0.95}
    spec['root']['dag']['tasks']['read']['triggerPolicy'] = {'condition': condition}
    ran = run(spec, ends='FAILED' if word == 'FAILED' else 'SUCCEEDED')
    assert ran.states()['reader'] == word


@dsl.pipeline(name='about-null')
def about_null(to: str, text: Optional[str] = None):
    with dsl.If(text == 'x', name='about nothing'):
        record(to=to, name='x', value='')
    record(to=to, name='beside', value='')


def test_a_condition_about_an_input_without_a_value(run):
    assert sorted(run(about_null, text='x').order) == ['beside', 'x']
    ran = run(about_null)
    assert ran.order == ['beside'] and ran.states()['about nothing'] == 'SKIPPED'


@dsl.pipeline(name='by-an-optional')
def by_an_optional(to: str, number: Optional[int] = None):
    with dsl.If(number > 5, name='more'):
        record(to=to, name='more', value='')
    with dsl.Elif(number <= 5, name='less'):
        record(to=to, name='less', value='')
    with dsl.Else(name='none'):
        record(to=to, name='none', value='')


@pytest.mark.parametrize('number, branch', [(None, 'none'), (3, 'less'), (6, 'more')])
def test_what_was_not_given_is_neither_less_nor_more(run, number, branch):
    assert run(by_an_optional, number=number).order == [branch]


@dsl.pipeline(name='needs-an-optional')
def needs_an_optional(to: str, text: Optional[str] = None):
    with dsl.If(text != 'x', name='other'):
        record(to=to, name='other', value=text)


def test_a_task_that_needs_what_was_not_given_says_so(run):
    error = run(needs_an_optional, ends='FAILED').error('record')
    assert "input 'value'" in error and "'text'" not in error and 'pipelinechannel' not in error


@dsl.pipeline(name='branching')
def branching(to: str, number: int):
    made = give_int(text=f'{number}').outputs['out']
    with dsl.If(made < 0, name='negative'):
        record(to=to, name='negative', value='')
    with dsl.Elif(made == 0, name='zero'):
        record(to=to, name='zero', value='')
    with dsl.Elif(made < 10, name='small'):
        with dsl.If(made > 5, name='not so small'):
            with dsl.If(made != 7, name='other'):
                record(to=to, name='not seven', value='')
            with dsl.Else(name='seven'):
                record_int(to=to, name='seven', value=made)
        record(to=to, name='small', value='')
    with dsl.Else(name='large'):
        record(to=to, name='large', value='')


@pytest.mark.parametrize('number, names, taken', [
    (-1, ['negative'], {'negative'}), (0, ['zero'], {'zero'}), (3, ['small'], {'small'}),
    (7, ['seven', 'small'], {'small', 'not so small', 'seven'}),
    (8, ['not seven', 'small'], {'small', 'not so small', 'other'}), (10, ['large'], {'large'})])
def test_branches_within_branches(run, number, names, taken):
    """The first that holds, and no other."""
    ran = run(branching, number=number)
    assert sorted(ran.order) == names
    groups = {'negative', 'zero', 'small', 'large', 'not so small', 'other', 'seven'}
    states = {name: state for name, state in ran.states().items() if name in groups}
    assert {name for name, state in states.items() if state == 'SUCCEEDED'} == taken
    assert {'negative', 'zero', 'small', 'large'} <= set(states)


# --- OneOf ---

@dsl.pipeline(name='choosing')
def choosing(number: int) -> NamedTuple('Chosen', [('text', str), ('data', Dataset)]):
    with dsl.If(number == 1):
        text, data = give(text='one'), write(text='data of one')
    with dsl.Else():
        text_2, data_2 = give(text='other'), write(text='data of another')
    made = NamedTuple('Chosen', [('text', str), ('data', Dataset)])
    return made(dsl.OneOf(text.outputs['out'], text_2.outputs['out']),
                dsl.OneOf(data.outputs['data'], data_2.outputs['data']))


@dsl.pipeline(name='choosing-below')
def choosing_below(to: str, number: int):
    chosen = choosing(number=number)
    record(to=to, name='text', value=chosen.outputs['text'])
    read(to=to, name='data', data=chosen.outputs['data'])


@pytest.mark.parametrize('number, text, data', [(1, 'one', 'data of one'), (2, 'other', 'data of another')])
def test_one_of_as_output_of_a_pipeline(recorded, number, text, data):
    assert recorded(choosing_below, number=number) == {'text': text, 'data': data}


def test_one_of_of_which_the_branch_failed(run):
    """There is nothing to take: what would take it is skipped, as what it depends on failed."""
    @dsl.pipeline(name='failing-branch')
    def failing_branch(to: str, number: int):
        with dsl.If(number == 1):
            one = give(text='one').after(fail())
        with dsl.Else():
            other = give(text='other')
        record(to=to, name='taken', value=dsl.OneOf(one.outputs['out'], other.outputs['out']))
    ran = run(failing_branch, ends='FAILED', number=1)
    assert ran.order == [] and ran.states()['record'] == 'SKIPPED'
    assert run(failing_branch, number=2).once() == {'taken': 'other'}


# --- Graphs within graphs ---

@dsl.pipeline(name='no-outputs')
def no_outputs(to: str, name: str):
    record(to=to, name=name, value='')


@dsl.pipeline(name='twice')
def twice(to: str):
    first = no_outputs(to=to, name='a')
    no_outputs(to=to, name='b').after(first).set_display_name('the second')


def test_a_pipeline_without_outputs_used_twice(run):
    ran = run(twice)
    assert ran.order == ['a', 'b']
    assert ran.states() == {'no-outputs': 'SUCCEEDED', 'the second': 'SUCCEEDED', 'record': ['SUCCEEDED', 'SUCCEEDED']}
    graphs = [ran.task('no-outputs'), ran.task('the second')]
    assert [len(graph.child_tasks) for graph in graphs] == [1, 1]
    assert {task.parent_task_id for task in ran.named('record')} == {graph.task_id for graph in graphs}


@dsl.pipeline(name='maybe')
def maybe(on: bool) -> Dict[str, Any]:
    with dsl.If(on == True):  # noqa: E712
        nothing()
    return give_dict(text='{"a": [1, {"b": "c"}]}').outputs['out']


@dsl.pipeline(name='struct-below')
def struct_below(to: str):
    made = maybe(on=False)
    record_dict(to=to, name='struct', value=made.output)


def test_a_pipeline_of_which_a_part_was_skipped_succeeds(run):
    ran = run(struct_below)
    assert ran.once() == {'struct': '{"a":[1,{"b":"c"}]}'} and ran.states()['maybe'] == 'SUCCEEDED'


@dsl.pipeline(name='display-names')
def display_names(to: str):
    first = record(to=to, name='first', value=dsl.PIPELINE_TASK_NAME_PLACEHOLDER).set_display_name('Same name')
    second = record(to=to, name='second', value=dsl.PIPELINE_TASK_NAME_PLACEHOLDER).set_display_name('Same name')
    second.after(first)
    record(to=to, name='third', value='').after(second).set_display_name('record')


def test_display_names_are_names_for_people(run):
    """They need not be unique, nor different from the names of other tasks: a task is who its key says."""
    ran = run(display_names)
    assert ran.journal == [('first', 'record'), ('second', 'record-2'), ('third', '')]
    assert ran.states() == {'Same name': ['SUCCEEDED', 'SUCCEEDED'], 'record': 'SUCCEEDED'}


@dsl.pipeline(name='level-1')
def level_1(to: str, number: int):
    with dsl.If(number == 2, name='two'):
        with dsl.ParallelFor(['x', 'y']) as letter:
            record(to=to, name=letter, value=f'{number}')
    with dsl.Else(name='not two'):
        record_int(to=to, name='number', value=number)


@dsl.pipeline(name='many-levels')
def level_0(to: str, items: List[int]):
    with dsl.ParallelFor(items) as item:
        with dsl.If(item > 1):
            level_1(to=to, number=item)


def test_conditions_loops_and_pipelines_within_each_other(run):
    ran = run(level_0, items=[1, 2, 3])
    assert ran.once() == {'x': '2', 'y': '2', 'number': '3'}
    assert ran.states()['two'] == ['SKIPPED', 'SUCCEEDED'] == ran.states()['not two']
