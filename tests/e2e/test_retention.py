"""Old runs are deleted by policies that were previewed and enabled, and by no others."""

import time
from typing import Any, Dict, List

import pytest

import specs
from penstock import Server
from specs import Shell
from waiting import stays, wait_until

POLICIES = '/apis/penstock/v1/retentionpolicies'


def experiment(server: Server, name: str) -> str:
    return server.ok('POST', '/experiments', json={'display_name': name})['experiment_id']


def runs(server: Server, experiment_id: str, count: int, command: str = 'true') -> List[str]:
    made = []
    for i in range(count):
        body = {'display_name': f'run {i}', 'experiment_id': experiment_id,
                'pipeline_spec': specs.shell_pipeline({'a': Shell(command)})}
        made.append(server.ok('POST', '/runs', json=body)['run_id'])
        server.finish(made[-1])
    return made


def there(server: Server, run_ids: List[str]) -> List[str]:
    return [run_id for run_id in run_ids if server.request('GET', f'/runs/{run_id}').status_code == 200]


def put(server: Server, **policy: Any) -> Dict[str, Any]:
    return server.ok('POST', POLICIES, json=policy)


def preview(server: Server, policy_id: str) -> Dict[str, Any]:
    return server.ok('POST', f'{POLICIES}/{policy_id}:preview', json={})


def test_a_policy_deletes_what_its_preview_says(own_server):
    mine, other = experiment(own_server, 'mine'), experiment(own_server, 'other')
    made, spared = runs(own_server, mine, 4), runs(own_server, other, 2)
    failed = runs(own_server, mine, 1, 'exit 1')
    policy = put(own_server, experiment_id=mine, max_runs=1, states=['SUCCEEDED'])
    assert policy['policy_id'] == f'experiment.{mine}'
    assert policy['idle_reason'] == 'It is not enabled'
    shown = preview(own_server, policy['policy_id'])
    assert shown['run_count'] == '3'
    assert [one['run_id'] for one in shown['runs']] == made[:3]
    assert {one['reason'] for one in shown['runs']} == {'COUNT'}
    policy = put(own_server, experiment_id=mine, max_runs=2, states=['SUCCEEDED'], enabled=True)
    assert policy['idle_reason'] == 'It was not previewed since its rules changed'
    own_server.stop()  # a round begins with the start
    own_server.start()
    stays('no run goes by rules that nobody has seen', lambda: len(there(own_server, made)) == 4, 2)
    assert preview(own_server, policy['policy_id'])['run_count'] == '2'
    own_server.stop()
    own_server.start()
    wait_until('the oldest two to go', lambda: there(own_server, made) == made[2:])
    assert there(own_server, spared + failed) == spared + failed
    policy = own_server.ok('GET', f'{POLICIES}/{policy["policy_id"]}')
    assert policy['deleted_runs'] == '2' and policy.get('idle_reason', '') == '' and policy['applied_at']
    assert [one['policy_id'] for one in own_server.ok('GET', POLICIES)['policies']] == [policy['policy_id']]
    own_server.ok('DELETE', f'{POLICIES}/{policy["policy_id"]}')
    assert own_server.request('GET', f'{POLICIES}/{policy["policy_id"]}').status_code == 404


def test_age_and_namespace(own_server):
    mine, exempt = experiment(own_server, 'mine'), experiment(own_server, 'exempt')
    made, spared = runs(own_server, mine, 2), runs(own_server, exempt, 1)
    put(own_server, experiment_id=exempt, max_age='3600s')  # one of its own, which is not even enabled
    time.sleep(1.1)
    policy = put(own_server, max_age='1s', enabled=True)
    shown = preview(own_server, policy['policy_id'])
    assert {one['run_id'] for one in shown['runs']} == set(made)
    assert {one['reason'] for one in shown['runs']} == {'AGE'}
    own_server.stop()
    own_server.start()
    wait_until('both to go', lambda: there(own_server, made) == [])
    assert there(own_server, spared) == spared


@pytest.mark.parametrize('policy, message', [
    ({}, 'max_age'), ({'max_runs': -1}, 'max_runs'), ({'max_runs': 1, 'states': ['RUNNING']}, 'RUNNING'),
    ({'max_age': '0s'}, 'max_age'), ({'max_runs': 1, 'keep_latest': 100_000}, 'keep_latest')])
def test_policies_that_say_nothing_right(server, policy, message):
    answer = server.request('POST', POLICIES, json=policy)
    assert answer.status_code == 400 and message in answer.text
    assert server.request('POST', f'{POLICIES}/experiment.none:preview', json={}).status_code == 404
