"""Runs by metric, parameter, tag and state in one language, over HTTP."""

from typing import Any, Dict, List

import pytest

import specs
from penstock import Server

V1 = '/apis/penstock/v1'


def search(server: Server, **body: Any) -> Any:
    return server.request('POST', f'{V1}/runs:search', json=body)


def found(server: Server, **body: Any) -> List[Dict[str, Any]]:
    answer = search(server, **body)
    assert answer.status_code == 200, answer.text
    return answer.json().get('runs', [])


@pytest.fixture(scope='module')
def experiment(server: Server) -> str:
    """An experiment with five runs: loss 4, 3, 2, 1 and none; the third is archived, and the last has NaN."""
    experiment_id = server.ok('POST', '/experiments', json={'display_name': 'run search'})['experiment_id']
    for number in range(5):
        run = server.ok('POST', f'{V1}/runs', json={
            'request_id': f'run-search-{number}', 'tags': {'team': f'team {number % 2}'},
            'run': {'display_name': f'run {number}', 'experiment_id': experiment_id, 'pipeline_spec': specs.noop()}})
        value: Any = 'NaN' if number == 4 else 4 - number
        server.ok('POST', f'{V1}/runs/{run["run_id"]}/metrics', json={'points': [
            {'name': 'val/loss', 'value': value}, {'name': 'order', 'value': number}]})
        server.succeed(run['run_id'])
        if number == 2:
            server.ok('POST', f'/runs/{run["run_id"]}:archive')
    return experiment_id


def names(runs: List[Dict[str, Any]]) -> List[str]:
    return [run['display_name'][-1] for run in runs]


@pytest.mark.parametrize('condition, expected', [
    ('', '4310'), ("metrics.order >= 1", '431'), ('metrics.`val/loss` < 3.5', '31'), ('metrics."val/loss" != 3', '430'),
    ("tags.team = 'team 1'", '31'), ("tags.team LIKE '%0'", '40'), ("status = 'SUCCEEDED' AND metrics.order < 1", '0'),
    ("status = 'FAILED'", ''), ("run_name ILIKE 'RUN _'", '4310'), ('metrics.none = 1', ''),
    ("tags.none IS NULL and metrics.order > 3", '4'),
    ("tags.team = 'x'' OR 1 = 1 --'", ''), ("run_name = '; DROP TABLE runs'", ''),
])
def test_filters(server, experiment, condition, expected):
    runs = found(server, experiment_ids=[experiment], filter=condition, order_by=['metrics.order DESC'])
    assert ''.join(names(runs)) == expected


def test_the_answer_is_a_table(server, experiment):
    run = found(server, experiment_ids=[experiment], filter='metrics.order = 0')[0]
    assert run['metrics'] == {'val/loss': 4, 'order': 0} and run['tags'] == {'team': 'team 0'}
    assert run['status'] == 'SUCCEEDED' and run['finished_at']


def test_orders_and_pages(server, experiment):
    for direction, expected in [('ASC', '3104'), ('DESC', '0134')]:
        order = {'experiment_ids': [experiment], 'order_by': [f'metrics.`val/loss` {direction}']}
        assert ''.join(names(found(server, **order))) == expected
        seen, token = '', ''
        while True:
            page = search(server, page_size=1, page_token=token, **order).json()
            seen += ''.join(names(page.get('runs', [])))
            token = page.get('next_page_token', '')
            if not token:
                break
        assert seen == expected
    archived = found(server, experiment_ids=[experiment], include_archived=True, order_by=['metrics.order ASC'])
    assert ''.join(names(archived)) == '01234' and archived[2]['archived']


def test_all_experiments_are_searched_when_none_is_named(server, experiment):
    assert ''.join(names(found(server, filter="tags.team = 'team 1' and metrics.order > 2"))) == '3'


@pytest.mark.parametrize('body, word', [
    ({'filter': 'metrics.m ='}, 'character'), ({'filter': "metrics.m = 'x'"}, 'metrics.m'),
    ({'filter': "a = 1 OR b = 2"}, 'character'), ({'filter': "nothing.x = '1'"}, 'nothing'),
    ({'filter': "status = 'X"}, 'character'), ({'order_by': ['metrics.m SIDEWAYS']}, 'SIDEWAYS'),
    ({'filter': ' AND '.join(['metrics.m > 1'] * 51)}, '50'), ({'page_token': 'x'}, 'page_token'),
    ({'page_size': -1}, 'page_size'),
])
def test_mistakes_are_named(server, experiment, body, word):
    answer = search(server, experiment_ids=[experiment], **body)
    assert answer.status_code == 400 and word in answer.json()['message'], answer.text


def test_unknown_experiments(server):
    assert search(server, experiment_ids=['none']).status_code == 404
