"""Calls that contradict each other at the same moment: each is answered as if they had come one after the other."""

import collections
import concurrent.futures

import pytest

import specs
from specs import Shell

CALLERS = 12


def at_once(*calls):
    """The answers of calls that are made by a thread each."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def statuses(answers):
    for answer in answers:
        assert answer.status_code < 500, answer.text
        assert answer.status_code == 200 or answer.json()['message']
    return collections.Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize('path, field', [('/experiments', 'display_name'), ('/pipelines', 'name')])
def test_one_name_is_given_once(server, unique, path, field):
    body = {field: unique('same'), 'display_name': unique('same')}
    answers = at_once(*[lambda: server.request('POST', path, json=body)] * CALLERS)
    assert statuses(answers) == {200: 1, 409: CALLERS - 1}


def test_one_run_id_is_given_once(server, unique):
    body = {'run_id': unique('same').replace(' ', '-'), 'display_name': 'same', 'pipeline_spec': specs.noop()}
    answers = at_once(*[lambda: server.request('POST', '/runs', json=body)] * CALLERS)
    assert statuses(answers) == {200: 1, 409: CALLERS - 1}


def test_updates_of_one_pipeline(server, unique):
    """The last one stands whole: no mixture of two."""
    pipeline = server.ok('POST', '/pipelines', json={'name': unique('updated')})
    path = f'/pipelines/{pipeline["pipeline_id"]}'
    bodies = [{'display_name': f'{unique("by")} {n}', 'tags': {'by': str(n)}} for n in range(CALLERS)]
    answers = at_once(*[lambda body=body: server.request('PATCH', path, json=body) for body in bodies])
    assert statuses(answers) == {200: CALLERS}
    last = server.ok('GET', path)
    assert {key: last[key] for key in ('display_name', 'tags')} in bodies


def test_archive_unarchive_and_delete(server, unique):
    """Deleted once; whoever comes later is told that there is no such run. Nothing of it is counted any more."""
    experiment = server.ok('POST', '/experiments', json={'display_name': unique('conflicts')})['experiment_id']
    run = server.ok('POST', '/runs', json={'display_name': 'x', 'experiment_id': experiment,
                                           'pipeline_spec': specs.noop()})['run_id']
    server.succeed(run)
    answers = at_once(*[lambda verb=verb: server.request('POST', f'/runs/{run}:{verb}')
                        for verb in ('archive', 'unarchive') * 4],
                      *[lambda: server.request('DELETE', f'/runs/{run}')] * 4)
    assert set(statuses(answers)) <= {200, 404}
    assert statuses(answers[-4:]) == {200: 1, 404: 3}
    assert server.ok('GET', '/runs', params={'experiment_id': experiment}).get('total_size', 0) == 0


def test_terminate_and_retry(server, unique):
    """Whatever wins, the run comes to an end, and only a run that has ended is retried."""
    spec = specs.shell_pipeline({'slow': Shell('sleep 0.2'), 'fails': Shell('exit 1')})
    run = server.create_run(spec, unique('both'))
    for _ in range(3):
        answers = at_once(*[lambda verb=verb: server.request('POST', f'/runs/{run}:{verb}')
                            for verb in ('terminate', 'retry') * 4])
        assert set(statuses(answers)) <= {200, 400, 409}
        assert server.finish(run)['state'] in ('FAILED', 'CANCELED')


def test_experiment_that_goes_while_runs_come(server, unique):
    """A run is either of the experiment, and goes with it, or is told that there is none."""
    experiment = server.ok('POST', '/experiments', json={'display_name': unique('goes')})['experiment_id']
    body = {'display_name': 'x', 'experiment_id': experiment, 'pipeline_spec': specs.noop()}
    answers = at_once(*[lambda: server.request('POST', '/runs', json=body)] * (CALLERS // 2),
                      lambda: server.request('DELETE', f'/experiments/{experiment}'),
                      *[lambda: server.request('POST', '/runs', json=body)] * (CALLERS // 2))
    assert set(statuses(answers)) <= {200, 404}
    assert answers[CALLERS // 2].status_code == 200
    left = [one for one in answers if one.status_code == 200 and 'run_id' in one.json()]
    for answer in left:
        assert server.request('GET', f'/runs/{answer.json()["run_id"]}').status_code in (200, 404)
    assert server.request('GET', '/runs', params={'experiment_id': experiment}).status_code == 404
