"""Who gets room on the machine, and what those are told who wait for it."""

from kfp import dsl

import specs
from specs import Journal, Shell
from waiting import wait_until


def status(server, run_id):
    return server.ok('GET', f'/apis/penstock/v1/runs/{run_id}/status')


def test_tasks_that_sleep_leave_room(make_server):
    server = make_server('--max_parallel_tasks=2').start()
    naps = server.create_run(specs.shell_pipeline({f'nap-{i}': Shell('sleep 600') for i in range(4)}))
    wait_until('two of them to run',
               lambda: list(server.task_states(naps).values()).count('RUNNING') >= 2)
    server.succeed(server.create_run(specs.noop()))
    assert server.run(naps)['state'] == 'RUNNING'
    wait_until('the others to run beside them', lambda: set(server.task_states(naps).values()) == {'RUNNING'})
    server.ok('POST', f'/runs/{naps}:terminate')
    server.finish(naps)


@dsl.container_component
def asks():
    return dsl.ContainerSpec(image='alpine', command=['true'])


@dsl.pipeline(name='asking')
def asking():
    asks().set_cpu_request('64')


def test_who_waits_for_room_is_told_who_has_it(make_server, tmp_path):
    server = make_server('--max_parallel_tasks=1', '--max_idle_tasks=0').start()
    journal = Journal(tmp_path / 'journal')
    holder = server.create_run(specs.shell_pipeline({'train': Shell(journal.writes('train', gate='end'))}), 'nightly')
    wait_until('it to run', lambda: journal.started('train'))
    waits = server.create_run(specs.compiled(asking), 'asking')

    def told():
        tasks = status(server, waits)['tasks'] if server.tasks(waits) else []
        return tasks and tasks[0].get('wait', {}).get('holders') and tasks[0]['wait']
    wait = wait_until('it to be told', told)
    assert wait['reason'] == 'WAITING_FOR_CAPACITY' and wait['setting'] == '--max_parallel_tasks=1'
    (one,) = wait['holders']
    assert (one['run_id'], one['run_display_name'], one['task']) == (holder, 'nightly', 'train')
    assert one['cpu_millicores'] == '1000' and one['since']
    for words in ("'train' of run 'nightly' (1 CPU, since ", 'CPUs taken: 1 of 1, by ', '--max_parallel_tasks=1'):
        assert words in wait['message'], wait['message']
    journal.open('end')
    server.succeed(waits)
