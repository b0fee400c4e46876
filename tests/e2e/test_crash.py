"""kill -9 at bad moments: nothing acknowledged is lost, and no task runs twice."""

import contextlib
import os
import random
import signal
import threading

import pytest
import requests

import processes
import specs
from specs import Shell
from waiting import stays, wait_until

SEED = int(os.environ.get('PENSTOCK_SEED', random.SystemRandom().randrange(1 << 32)))


def chain(journal):
    return specs.shell_pipeline({
        'first': Shell(journal.writes('first')),
        'held': Shell(journal.writes('held', gate='go'), after=['first']),
        'beside': Shell(journal.writes('beside', gate='go'), after=['first']),
        'last': Shell(journal.writes('last'), after=['held', 'beside'])})


def start_held(server, journal):
    run_id = server.create_run(chain(journal))
    wait_until('the tasks in the middle to run', lambda: journal.started('held') and journal.started('beside'))
    return run_id


def check_finished(server, journal, run_id):
    server.succeed(run_id)
    journal.each_once(['first', 'held', 'beside', 'last'])
    assert set(server.task_states(run_id).values()) == {'SUCCEEDED'}


def test_running_tasks_survive_and_are_found_again(own_server, journal):
    run_id = start_held(own_server, journal)
    before = own_server.tasks(run_id)
    own_server.kill()
    pids = [journal.pid('held'), journal.pid('beside')]
    assert all(processes.alive(pid) for pid in pids), 'the tasks died with the server'
    own_server.start()
    assert own_server.run(run_id)['state'] == 'RUNNING'
    after = own_server.tasks(run_id)
    assert after['first'] == before['first']
    stays('the tasks run on', lambda: own_server.task_states(run_id)['held'] == 'RUNNING', 1)
    assert [journal.pid('held'), journal.pid('beside')] == pids
    journal.open('go')
    check_finished(own_server, journal, run_id)


def test_tasks_that_end_without_a_server(own_server, journal):
    run_id = start_held(own_server, journal)
    own_server.kill()
    journal.open('go')
    wait_until('the tasks to end by themselves', lambda: journal.lines().count('end held') == 1
               and journal.lines().count('end beside') == 1)
    assert not journal.started('last')
    own_server.start()
    check_finished(own_server, journal, run_id)


def test_a_task_that_failed_without_a_server(own_server, journal):
    spec = specs.shell_pipeline({
        'held': Shell(f'{journal.writes("held", gate="go")}; exit 7'), 'next': Shell('true', after=['held'])})
    run_id = own_server.create_run(spec)
    wait_until('the task to start', lambda: journal.started('held'))
    own_server.kill()
    journal.open('go')
    wait_until('the task to end', lambda: not processes.alive(journal.pid('held')))
    own_server.start()
    assert own_server.finish(run_id)['state'] == 'FAILED'
    assert own_server.task_states(run_id) == {'held': 'FAILED', 'next': 'SKIPPED'}
    assert '7' in own_server.tasks(run_id)['held']['error']['message']


def test_a_task_that_was_killed_without_a_server(own_server, journal):
    run_id = own_server.create_run(specs.shell_pipeline({'held': Shell(journal.writes('held', gate='never'))}))
    wait_until('the task to start', lambda: journal.started('held'))
    own_server.kill()
    os.kill(journal.pid('held'), signal.SIGKILL)
    own_server.start()
    assert own_server.finish(run_id)['state'] == 'FAILED'
    assert journal.lines() == ['start held']


def test_everything_is_lost_at_once(own_server, journal):
    """As when the machine loses power: server, supervisor and tasks are gone. The run ends, and says why."""
    run_id = start_held(own_server, journal)
    own_server.signal(signal.SIGKILL)
    own_server.process.wait()
    for pid in processes.mentioning(str(own_server.folder)):
        with contextlib.suppress(ProcessLookupError):  # the gateway ends by itself
            os.kill(pid, signal.SIGKILL)
    for key in ('held', 'beside'):
        if processes.alive(journal.pid(key)):
            os.kill(journal.pid(key), signal.SIGKILL)
    own_server.start()
    assert own_server.finish(run_id)['state'] == 'FAILED'
    states = own_server.task_states(run_id)
    assert states['first'] == 'SUCCEEDED' and states['last'] == 'SKIPPED'
    for key in ('held', 'beside'):
        assert states[key] == 'FAILED' and own_server.tasks(run_id)[key]['error']['message']
    assert sorted(journal.lines()) == ['end first', 'start beside', 'start first', 'start held']


def test_terminate_after_a_restart(own_server, journal):
    run_id = start_held(own_server, journal)
    own_server.kill()
    own_server.start()
    own_server.ok('POST', f'/runs/{run_id}:terminate')
    assert own_server.finish(run_id)['state'] == 'FAILED'
    for key in ('held', 'beside'):
        wait_until(f'the process of {key} to end', lambda key=key: not processes.alive(journal.pid(key)), 15)


def test_terminate_is_not_forgotten(own_server, journal):
    """Acknowledged just before the server dies, carried out after."""
    run_id = start_held(own_server, journal)
    own_server.ok('POST', f'/runs/{run_id}:terminate')
    own_server.kill()
    own_server.start()
    assert own_server.finish(run_id)['state'] == 'FAILED'
    for key in ('held', 'beside'):
        wait_until(f'the process of {key} to end', lambda key=key: not processes.alive(journal.pid(key)), 15)
    assert not journal.started('last')


def test_polite_restart_keeps_everything(own_server, journal):
    done = own_server.create_run(specs.shell_pipeline({'only': Shell('echo said')}), 'done')
    own_server.succeed(done)
    run_id = start_held(own_server, journal)
    before = own_server.run(done)
    own_server.stop()
    own_server.start()
    listed = own_server.ok('GET', '/runs', params={'sort_by': 'created_at desc'})
    assert [run['run_id'] for run in listed['runs']] == [run_id, done] and listed['total_size'] == 2
    assert own_server.run(done) == before
    assert own_server.log_of(done, 'only') == 'said\n'
    journal.open('go')
    check_finished(own_server, journal, run_id)


def test_same_ports_right_after_a_kill(own_server):
    http, grpc = own_server.http_port, own_server.grpc_port
    own_server.kill()
    own_server.start()
    assert (own_server.http_port, own_server.grpc_port) == (http, grpc)
    own_server.ok('GET', '/healthz')


def test_gateway_is_started_again(own_server, journal):
    run_id = start_held(own_server, journal)
    gateway = own_server.gateway_pid
    os.kill(gateway, signal.SIGKILL)

    def answers():
        try:
            return own_server.request('GET', '/healthz', timeout=2).status_code == 200
        except requests.RequestException:
            return False
    wait_until('a new gateway', lambda: own_server.gateway_pid not in (None, gateway), 20)
    wait_until('the new gateway to answer', answers, 20)
    assert own_server.running()
    journal.open('go')
    check_finished(own_server, journal, run_id)
    own_server.stop()


def test_gateway_killed_again_and_again(own_server):
    """It comes back every time, and its server stays the same."""
    seen = set()

    def another():
        gateway = own_server.gateway_pid
        return gateway if gateway not in seen else None
    for _ in range(5):
        gateway = wait_until('another gateway', another, 60)
        seen.add(gateway)
        os.kill(gateway, signal.SIGKILL)
    wait_until('another gateway', another, 60)
    assert own_server.running()


def test_acknowledged_writes_are_kept(own_server):
    """Clients write as fast as they can while the server is killed; whatever was answered is there after."""
    print(f'seed {SEED}')
    chance = random.Random(SEED)
    acknowledged = []
    for round_number in range(3):
        stop = threading.Event()

        def write(worker, round_number=round_number, stop=stop):
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    answer = own_server.request('POST', '/runs', timeout=5, json={
                        'display_name': f'{round_number}-{worker}-{number}', 'pipeline_spec': specs.noop()})
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    acknowledged.append(answer.json()['run_id'])
        workers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        enough = len(acknowledged) + chance.randrange(5, 60)
        wait_until('some writes', lambda enough=enough: len(acknowledged) >= enough)
        own_server.signal(signal.SIGKILL)
        own_server.process.wait()
        stop.set()
        for worker in workers:
            worker.join()
        own_server.start()
        for run_id in acknowledged:
            own_server.run(run_id)
    for run_id in acknowledged:
        own_server.succeed(run_id, timeout=120)


@pytest.mark.slow
def test_random_kills(own_server, journal):
    """A graph of 40 quick tasks while the server is killed at random moments: each task runs exactly once."""
    print(f'seed {SEED}')
    chance = random.Random(SEED)
    tasks = {}
    for number in range(40):
        before = [f't{other}' for other in range(number) if chance.random() < 0.08]
        tasks[f't{number}'] = Shell(f'{journal.writes(f"t{number}")}; sleep 0.{chance.randrange(3)}', after=before)
    run_id = own_server.create_run(specs.shell_pipeline(tasks))
    for _ in range(8):
        done = len(journal.lines()) + chance.randrange(1, 8)
        wait_until('some progress', lambda done=done: len(journal.lines()) >= done
                   or own_server.run(run_id)['state'] == 'SUCCEEDED')
        own_server.kill()
        own_server.start()
    own_server.succeed(run_id, timeout=120)
    journal.each_once(list(tasks))
