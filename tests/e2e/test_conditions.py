"""Conditions: branches, within each other and in loops, what they are about, and what is taken from them."""

import pathlib
from typing import Dict, List

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Output, PipelineTaskFinalStatus

import specs

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.container_component
def note(folder: str, word: str):
    """Leaves a file of that name: it ran."""
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'echo "$2" >> "$1/noted"', 'note', folder, word])


@dsl.container_component
def note_number(folder: str, number: int):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'echo "$2" >> "$1/noted"', 'note', folder, number])


@dsl.container_component
def say(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s "$1" > "$2"', 'say', text, out])


@dsl.container_component
def count(number: int, out: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s "$1" > "$2"', 'count', number, out])


@dsl.container_component
def fail():
    return dsl.ContainerSpec(image='alpine', command=['false'])


@dsl.container_component
def write(text: str, data: Output[Dataset]):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s "$1" > "$2"', 'write', text, data.path])


@dsl.container_component
def keep_data(folder: str, data: Input[Dataset]):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'cat "$2" >> "$1/noted"', 'keep', folder, data.path])


@dsl.container_component
def keep(folder: str, values: list):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'echo "$2" >> "$1/noted"', 'keep', folder, values])


@dsl.component
def state_of(status: dict) -> str:
    return status['state']


@dsl.component
def records() -> List[Dict[str, int]]:
    return [{'id': 1, 'size': 10}, {'id': 2, 'size': 20}]


def noted(folder: pathlib.Path) -> List[str]:
    path = folder / 'noted'
    return sorted(path.read_text().split('\n'))[1:] if path.exists() else []


@pytest.fixture
def run_to_success(server, client, tmp_path):
    """Runs a pipeline with a folder and whatever else; returns what its tasks have noted, sorted."""
    def run(pipeline, **arguments):
        started = client.create_run_from_pipeline_func(pipeline, arguments={'folder': str(tmp_path), **arguments})
        run.id = started.run_id
        server.succeed(started.run_id, 120)
        return noted(tmp_path)
    return run


@dsl.pipeline(name='branches')
def branches(folder: str, number: int):
    made = count(number=number)
    with dsl.If(made.outputs['out'] == 1, name='one'):
        note(folder=folder, word='one')
    with dsl.Elif(made.outputs['out'] == 2, name='two'):
        with dsl.If(number > 1, name='more than one'):
            note(folder=folder, word='two')
        with dsl.If(number > 2, name='more than two'):
            note(folder=folder, word='never')
    with dsl.Else(name='others'):
        note(folder=folder, word='others')


@pytest.mark.parametrize('number, words', [(1, ['one']), (2, ['two']), (3, ['others'])])
def test_branches(server, run_to_success, number, words):
    assert run_to_success(branches, number=number) == words
    states = server.task_states(run_to_success.id)
    assert sorted(states.get(name) for name in ('one', 'two', 'others')) == ['SKIPPED', 'SKIPPED', 'SUCCEEDED']


# Each is true, but for those that say no.
@dsl.pipeline(name='operators')
def operators(folder: str, i: int = 5, d: float = 0.5, s: str = "text", b: bool = True):
    with dsl.If(i == 5):
        note(folder=folder, word='i ==')
    with dsl.If(i != 5):
        note(folder=folder, word='no')
    with dsl.If(i < 6):
        note(folder=folder, word='i <')
    with dsl.If(i <= 5):
        note(folder=folder, word='i <=')
    with dsl.If(i > 4):
        note(folder=folder, word='i >')
    with dsl.If(i >= 6):
        note(folder=folder, word='no')
    with dsl.If(d == 0.5):
        note(folder=folder, word='d ==')
    with dsl.If(d < 1):
        note(folder=folder, word='d <')
    with dsl.If(d > i):
        note(folder=folder, word='no')
    with dsl.If(i > d):
        note(folder=folder, word='i > d')
    with dsl.If(s == 'text'):
        note(folder=folder, word='s ==')
    with dsl.If(s == "it's \"that\""):
        note(folder=folder, word='no')
    with dsl.If(s < 'u'):
        note(folder=folder, word='s <')
    with dsl.If(i == '5'):
        note(folder=folder, word='i == text')
    with dsl.If(b == True):  # noqa: E712
        note(folder=folder, word='b ==')
    with dsl.If(b != True):  # noqa: E712
        note(folder=folder, word='no')


def test_operators_and_types(run_to_success):
    assert run_to_success(operators) == sorted(
        ['i ==', 'i <', 'i <=', 'i >', 'd ==', 'd <', 'i > d', 's ==', 's <', 'i == text', 'b =='])


def test_a_text_with_quotes(run_to_success):
    assert 'no' in run_to_success(operators, s="it's \"that\"")


@dsl.pipeline(name='one-of')
def one_of(folder: str, number: int):
    made = count(number=number)
    with dsl.If(made.outputs['out'] == 1):
        text, data = say(text='one'), write(text='data of one\n')
    with dsl.Elif(made.outputs['out'] == 2):
        text_2, data_2 = say(text='two'), write(text='data of two\n')
    with dsl.Else():
        text_3, data_3 = say(text='others'), write(text='data of others\n')
    chosen = dsl.OneOf(text.outputs['out'], text_2.outputs['out'], text_3.outputs['out'])
    note(folder=folder, word=chosen)
    keep_data(folder=folder, data=dsl.OneOf(data.outputs['data'], data_2.outputs['data'], data_3.outputs['data']))
    with dsl.If(chosen == 'two'):
        note(folder=folder, word='it was two')


@pytest.mark.parametrize('number, words', [
    (1, ['data of one', 'one']), (2, ['data of two', 'it was two', 'two']), (3, ['data of others', 'others'])])
def test_one_of(run_to_success, number, words):
    assert run_to_success(one_of, number=number) == words


@dsl.pipeline(name='choose')
def choose(number: int) -> str:
    with dsl.If(number > 0):
        with dsl.If(number > 10):
            large = say(text='large')
        with dsl.Else():
            small = say(text='small')
        positive = say(text=dsl.OneOf(large.outputs['out'], small.outputs['out']))
    with dsl.Else():
        negative = say(text='negative')
    return dsl.OneOf(positive.outputs['out'], negative.outputs['out'])


@dsl.pipeline(name='choosing-in-a-loop')
def choosing_in_a_loop(folder: str, numbers: List[int]):
    with dsl.ParallelFor(numbers) as number:
        chosen = choose(number=number)
    keep(folder=folder, values=dsl.Collected(chosen.output))


def test_branches_within_branches_of_a_pipeline_in_a_loop(run_to_success):
    assert run_to_success(choosing_in_a_loop, numbers=[50, -1, 5]) == ['["large","negative","small"]']


@dsl.pipeline(name='loops-and-conditions')
def loops_and_conditions(folder: str, on: bool, sizes: List[int]):
    with dsl.If(on == True):  # noqa: E712
        with dsl.ParallelFor(sizes, parallelism=2) as size:
            made = count(number=size)
            with dsl.If(size > 1):
                large = count(number=made.outputs['out'])
        keep(folder=folder, values=dsl.Collected(large.outputs['out']))


def test_loops_in_conditions_and_conditions_in_loops(run_to_success):
    """What is collected leaves out the iterations that were skipped."""
    assert run_to_success(loops_and_conditions, on=True, sizes=[1, 2, 1, 3]) == ['[2,3]']


def test_all_iterations_skipped(run_to_success):
    assert run_to_success(loops_and_conditions, on=True, sizes=[1, 1]) == ['[]']


def test_a_loop_that_is_skipped(run_to_success):
    assert run_to_success(loops_and_conditions, on=False, sizes=[1, 2]) == []


ITEMS = [{'title': 'a', 'size': 1, 'parts': ['x', 'y']}, {'title': 'b', 'size': 2, 'parts': []}]


@dsl.pipeline(name='large')
def large(folder: str, title: str, size: str):
    with dsl.If(size == '2'):
        note(folder=folder, word=f'large: {title}')


@dsl.pipeline(name='dictionaries')
def dictionaries(folder: str, given: List[Dict[str, str]]):
    with dsl.ParallelFor(ITEMS) as item:
        with dsl.If(item.size == 1):
            note(folder=folder, word='one')
        large(folder=folder, title=item.title, size=item.size)
        with dsl.ParallelFor(item.parts) as part:
            note(folder=folder, word=part)
    with dsl.ParallelFor(given) as item:
        note(folder=folder, word=item.title)
    with dsl.ParallelFor(records().output) as item:
        with dsl.If(item.id == 2):
            note(folder=folder, word='the second')
        note_number(folder=folder, number=item.size)


def test_loops_over_dictionaries(run_to_success):
    given = [{'title': 'c'}, {'title': 'd d'}]
    assert run_to_success(dictionaries, given=given) == sorted(
        ['one', 'large: b', 'x', 'y', 'c', 'd d', 'the second', '10', '20'])


def test_a_key_that_is_not_there(server, client, tmp_path):
    run = client.create_run_from_pipeline_func(dictionaries, arguments={'folder': str(tmp_path),
                                                                        'given': [{'nom': 'c'}]})
    ended = server.finish(run.run_id)
    assert ended['state'] == 'FAILED'
    messages = [task.get('error', {}).get('message', '') for task in ended['run_details']['task_details']]
    assert any('parseJson(string_value)' in message and "no key 'title'" in message for message in messages), messages


@dsl.pipeline(name='exit-with-branches')
def exit_with_branches(folder: str, status: PipelineTaskFinalStatus):
    state = state_of(status=status)
    with dsl.If(state.output == 'FAILED'):
        note(folder=folder, word='it failed')
    with dsl.Else():
        note(folder=folder, word='it is well')


@dsl.pipeline(name='with-conditional-exit')
def with_conditional_exit(folder: str, number: int):
    with dsl.ExitHandler(exit_with_branches(folder=folder)):
        with dsl.If(number > 1):
            fail()


@pytest.mark.parametrize('number, state, words', [(1, 'SUCCEEDED', ['it is well']), (2, 'FAILED', ['it failed'])])
def test_exit_handlers(server, client, tmp_path, number, state, words):
    run = client.create_run_from_pipeline_func(with_conditional_exit,
                                               arguments={'folder': str(tmp_path), 'number': number})
    assert server.finish(run.run_id)['state'] == state
    assert noted(tmp_path) == words


def conditional(condition):
    """One task with this condition, by hand, and one that waits for it."""
    tasks = {'first': specs.Shell('true', takes=['x']), 'second': specs.Shell('true', after=['first']),
             'third': specs.Shell('true')}
    spec = specs.shell_pipeline(tasks, x='s')
    spec['root']['dag']['tasks']['first']['triggerPolicy'] = {'condition': condition}
    return spec


@pytest.mark.parametrize('condition, words', [
    ("inputs.parameter_values['y'] == 'x'", "there is no parameter 'y'"),
    ("inputs.parameter_values['x']", 'a condition is true or false, and this is string'),
    ("inputs.parameter_values['x'] > 1", "inputs.parameter_values['x'] > 1"),
    ("int(inputs.parameter_values['x']) == 1", 'int'),
])
def test_conditions_that_have_no_answer(server, condition, words):
    """The task fails and shows its condition; nothing of it runs, and the others go on."""
    run_id = server.create_run(conditional(condition), x='text')
    ended = server.finish(run_id)
    assert ended['state'] == 'FAILED'
    assert server.task_states(run_id) == {'first': 'FAILED', 'second': 'SKIPPED', 'third': 'SUCCEEDED'}
    message = server.tasks(run_id)['first']['error']['message']
    assert message.startswith("task 'first': its condition \"") and condition in message and words in message
    assert condition in ended['error']['message']


def test_what_is_skipped_says_why(server):
    condition = "inputs.parameter_values['x'] == 'other'"
    run_id = server.create_run(conditional(condition), x='text')
    server.succeed(run_id)
    assert server.task_states(run_id) == {'first': 'SKIPPED', 'second': 'SKIPPED', 'third': 'SUCCEEDED'}
    assert server.tasks(run_id)['first']['error']['message'] == f'Skipped: its condition is false: "{condition}"'


def test_ignoring_that_a_task_was_skipped(server):
    """It waits for the end of the other, and runs. (The SDK lets no task outside wait for one within a condition.)"""
    spec = conditional("inputs.parameter_values['x'] == 'other'")
    spec['root']['dag']['tasks']['third'].update({'dependentTasks': ['first', 'second'], 'triggerPolicy': {
        'strategy': 'ALL_UPSTREAM_TASKS_COMPLETED'}})
    run_id = server.create_run(spec, x='text')
    server.succeed(run_id)
    assert server.task_states(run_id) == {'first': 'SKIPPED', 'second': 'SKIPPED', 'third': 'SUCCEEDED'}
