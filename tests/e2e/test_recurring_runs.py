"""Recurring runs as users see them: through the SDK, over HTTP, and over the death of the server."""

import datetime
import json
import os
import random
import time

import kfp_server_api
import pytest

import specs
from specs import Shell
from waiting import stays, wait_until

SEED = int(os.environ.get('PENSTOCK_SEED', random.SystemRandom().randrange(1 << 32)))
SCHEDULES = '/apis/penstock/v1/recurringruns'
UNKNOWN = '01234567-0123-0123-0123-0123456789ab'
PAST = '1970-01-01T10:00:00Z'


def body_of(**fields):
    """A recurring run of its own pipeline, every day at three."""
    return {'display_name': 'r', 'mode': 'ENABLE', 'max_concurrency': '1', 'pipeline_spec': specs.noop(),
            'trigger': {'cron_schedule': {'cron': '0 0 3 * * *'}}, **fields}


def create(server, **fields):
    return server.ok('POST', '/recurringruns', json=body_of(**fields))


def periodic(seconds, **fields):
    return {'periodic_schedule': {'interval_second': str(seconds), **fields}}


def runs_of(server, recurring_run_id):
    """All runs of a recurring run, by slot."""
    predicate = {'key': 'recurring_run_id', 'operation': 'EQUALS', 'string_value': recurring_run_id}
    query = {'page_size': 200, 'filter': json.dumps({'predicates': [predicate]})}
    found, token = [], ''
    while True:
        page = server.ok('GET', '/runs', params={**query, 'page_token': token})
        found += page.get('runs', [])
        token = page.get('next_page_token')
        if not token:
            return sorted(found, key=lambda run: run['scheduled_at'])


def ticks_of(server, recurring_run_id):
    """The oldest first."""
    found, token = [], ''
    while True:
        page = server.ok('GET', f'{SCHEDULES}/{recurring_run_id}/ticks', params={'page_size': 200, 'page_token': token})
        found += page.get('ticks', [])
        token = page.get('next_page_token')
        if not token:
            return found[::-1]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))


def refused(server, status, words, method, path, **arguments):
    answer = server.request(method, path, **arguments)
    assert answer.status_code == status, answer.text
    assert words.lower() in answer.json()['message'].lower(), answer.text


# --- The SDK ---

def test_the_sdk_creates_lists_switches_and_deletes(client, server, tmp_path, unique):
    path = tmp_path / 'noop.yaml'
    path.write_text(json.dumps(specs.noop()))
    name = unique('experiment')
    experiment_id = client.create_experiment(name).experiment_id
    made = client.create_recurring_run(
        experiment_id, 'Hello World', description='What for.', cron_expression='0 0 3 * * *', max_concurrency=10,
        pipeline_package_path=str(path), params={}, enabled=True)
    assert (made.display_name, made.status, made.mode) == ('Hello World', 'ENABLED', 'ENABLE')
    assert made.max_concurrency == '10'
    assert made.trigger.cron_schedule.cron == '0 0 3 * * *' and made.created_at == made.updated_at
    assert client.get_recurring_run(made.recurring_run_id) == made
    listed = client.list_recurring_runs(experiment_id=experiment_id)
    assert [one.recurring_run_id for one in listed.recurring_runs] == [made.recurring_run_id] and listed.total_size == 1
    client.disable_recurring_run(made.recurring_run_id)
    assert client.get_recurring_run(made.recurring_run_id).status == 'DISABLED'
    client.enable_recurring_run(made.recurring_run_id)
    assert client.get_recurring_run(made.recurring_run_id).status == 'ENABLED'
    client.delete_recurring_run(made.recurring_run_id)
    with pytest.raises(kfp_server_api.ApiException) as error:
        client.get_recurring_run(made.recurring_run_id)
    assert error.value.status == 404


def test_an_interval_fires(client, server, unique):
    spec = specs.shell_pipeline({'only': Shell('echo "$1"', takes=['text'])}, text='s')
    pipeline = client.upload_pipeline(write(server, spec), pipeline_name=unique('p'))
    version = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions[0]
    made = client.create_recurring_run(
        client.create_experiment(unique('e')).experiment_id, 'Hello World', interval_second=2, max_concurrency=10,
        pipeline_id=pipeline.pipeline_id, version_id=version.pipeline_version_id,
        params={'text': 'slot [[ScheduledTime]] run [[Index]]'}, enabled=True)
    recurring_id = made.recurring_run_id
    runs = wait_until('three runs', lambda: len(found := runs_of(server, recurring_id)) >= 3 and found)
    client.disable_recurring_run(recurring_id)
    for index, run in enumerate(runs[:3], 1):
        assert 'helloworld' in run['display_name'] and run['display_name'].split('-')[1] == str(index)
        assert run['pipeline_version_reference'] == {'pipeline_id': pipeline.pipeline_id,
                                                     'pipeline_version_id': version.pipeline_version_id}
        slot = moment(run['scheduled_at'])
        assert slot.microsecond == 0 and slot <= moment(run['created_at'])
        assert run['runtime_config']['parameters']['text'] == f'slot {slot:%Y%m%d%H%M%S} run {index}'
        server.succeed(run['run_id'])
        task = server.tasks(run['run_id'])['only']
        assert f'run {index}' in server.log_of(run['run_id'], task['task_id'])
    slots = [moment(run['scheduled_at']) for run in runs]
    assert all((after - before).total_seconds() == 2 for before, after in zip(slots, slots[1:]))


def test_each_run_has_what_is_for_plugins(server):
    given = {'mlflow': {'experiment': 'e', 'nested': {'list': [1, None, 'x']}}, 'penstock_cache': {'enabled': False}}
    made = create(server, trigger=periodic(2), plugins_input=given)
    recurring_id = made['recurring_run_id']
    assert made['plugins_input'] == given
    assert server.ok('GET', f'/recurringruns/{recurring_id}')['plugins_input'] == given
    run = wait_until('a run', lambda: runs_of(server, recurring_id))[0]
    assert run['plugins_input'] == given
    changes = {'plugins_input': {'mlflow': {}}, 'mode': 'DISABLE'}
    edited = server.ok('PATCH', f'{SCHEDULES}/{recurring_id}', json=changes)
    assert edited['recurring_run']['plugins_input'] == {'mlflow': {}}


def write(server, spec):
    path = server.folder / f'{abs(hash(json.dumps(spec)))}.yaml'
    path.write_text(json.dumps(spec))
    return str(path)


def test_the_latest_version_is_taken_at_each_slot(client, server, unique):
    pipeline = client.upload_pipeline(write(server, specs.noop('first')), pipeline_name=unique('p'))
    made = create(server, pipeline_version_reference={'pipeline_id': pipeline.pipeline_id}, trigger=periodic(2),
                  max_concurrency=10, **{'pipeline_spec': None})
    assert made['pipeline_version_reference'] == {'pipeline_id': pipeline.pipeline_id}
    recurring_id = made['recurring_run_id']
    first = wait_until('a run', lambda: runs_of(server, recurring_id))
    second = client.upload_pipeline_version(write(server, specs.noop('second')), unique('v'),
                                            pipeline_id=pipeline.pipeline_id).pipeline_version_id
    wait_until('a run of the new version', lambda: second in [
        run['pipeline_version_reference']['pipeline_version_id'] for run in runs_of(server, recurring_id)])
    assert first[0]['pipeline_version_reference']['pipeline_version_id'] != second
    server.ok('DELETE', f'/pipelines/{pipeline.pipeline_id}?cascade=true')
    refusal = wait_until('a refusal', lambda: server.ok('GET', f'/recurringruns/{recurring_id}').get('error'))
    assert refusal['code'] == 5 and pipeline.pipeline_id in refusal['message']
    assert ticks_of(server, recurring_id)[-1]['reason'] == 'NO_PIPELINE'
    server.ok('DELETE', f'/recurringruns/{recurring_id}')


# --- Shapes and mistakes ---

def test_the_shape_of_a_reply(server):
    made = create(server, description='d', runtime_config={'parameters': {}}, service_account='me', no_catchup=True)
    assert made == server.ok('GET', f'/recurringruns/{made["recurring_run_id"]}')
    assert set(made) == {'recurring_run_id', 'display_name', 'description', 'experiment_id', 'namespace', 'created_at',
                         'updated_at', 'max_concurrency', 'mode', 'status', 'trigger', 'pipeline_spec', 'no_catchup',
                         'service_account'}
    assert (made['namespace'], made['max_concurrency']) == ('kubeflow', '1')
    assert made['trigger'] == {'cron_schedule': {'cron': '0 0 3 * * *'}}
    # A copy of what was given back is accepted.
    again = {key: value for key, value in made.items() if key not in ('created_at', 'updated_at')}
    assert server.ok('POST', '/recurringruns', json=again)['recurring_run_id'] != made['recurring_run_id']
    once = create(server, trigger=None, mode='DISABLE')
    assert once['trigger'] == {} and (once['mode'], once['status']) == ('DISABLE', 'DISABLED')
    assert 'no_catchup' not in once


@pytest.mark.parametrize('status, words, fields', [
    (400, 'display_name', {'display_name': ''}),
    (400, 'max_concurrency', {'max_concurrency': 0}),
    (400, 'from 1 to 10', {'max_concurrency': 11}),
    (400, 'fields', {'trigger': {'cron_schedule': {'cron': ''}}}),
    (400, 'second', {'trigger': {'cron_schedule': {'cron': '61 * * * * *'}}}),
    (400, 'never matches', {'trigger': {'cron_schedule': {'cron': '0 0 30 2 *'}}}),
    (400, 'time zone', {'trigger': {'cron_schedule': {'cron': 'CRON_TZ=Mars/Olympus 0 9 * * *'}}}),
    (400, 'end_time is before', {'trigger': {'periodic_schedule': {
        'interval_second': '60', 'start_time': '2030-01-02T00:00:00Z', 'end_time': '2030-01-01T00:00:00Z'}}}),
    (400, 'interval_second', {'trigger': {'periodic_schedule': {}}}),
    (400, 'interval_second', {'trigger': {'periodic_schedule': {'interval_second': '-3'}}}),
    (400, 'force', {'trigger': {'periodic_schedule': {'interval_second': '1'}}}),
    (400, 'force', {'trigger': {'cron_schedule': {'cron': '* * * * * *'}}}),
    (400, 'pipeline', {'pipeline_spec': None}),
    (400, 'pipeline', {'pipeline_spec': None, 'pipeline_version_id': UNKNOWN}),
    (404, UNKNOWN, {'pipeline_spec': None, 'pipeline_version_reference': {'pipeline_version_id': UNKNOWN}}),
    (404, UNKNOWN, {'pipeline_spec': None, 'pipeline_version_reference': {'pipeline_id': UNKNOWN}}),
    (404, UNKNOWN, {'experiment_id': UNKNOWN}),
    (400, 'no parameter', {'runtime_config': {'parameters': {'x': 1}}}),
    (400, 'recurring_run.plugins_input.penstock_cache', {'plugins_input': {'penstock_cache': {'x': 1}}}),
    (400, 'recurring_run.plugins_input.penstock_packages', {'plugins_input': {'penstock_packages': {'x': 1}}}),
])
def test_what_cannot_be_is_refused(server, status, words, fields):
    refused(server, status, words, 'POST', '/recurringruns', json=body_of(**fields))


@pytest.mark.parametrize('method, path', [
    ('GET', ''), ('DELETE', ''), ('POST', ':enable'), ('POST', ':disable')])
def test_unknown_recurring_runs(server, method, path):
    refused(server, 404, UNKNOWN, method, f'/recurringruns/{UNKNOWN}{path}')
    for more in ('', ':preview', '/ticks'):
        refused(server, 404, UNKNOWN, 'GET', f'{SCHEDULES}/{UNKNOWN}{more}')


def test_lists(server, unique):
    experiment = server.ok('POST', '/experiments', json={'display_name': unique('e')})['experiment_id']
    for name in ('b', 'a', 'c'):
        create(server, display_name=name, experiment_id=experiment, mode='DISABLE')

    def names(**query):
        page = server.ok('GET', '/recurringruns', params={'experiment_id': experiment, **query})
        return [one['display_name'] for one in page.get('recurringRuns', [])], page.get('next_page_token')
    for key in ('name', 'display_name'):
        assert names(sort_by=key)[0] == ['a', 'b', 'c']
    for key in ('created_at', 'updated_at', 'id', 'recurring_run_id'):
        assert names(sort_by=f'{key} desc')[0] == ['c', 'a', 'b']
    first, token = names(page_size=2)
    assert first == ['b', 'a'] and names(page_size=2, page_token=token) == (['c'], None)
    one = '{"predicates":[{"key":"name","operation":"IN","string_values":{"values":["a","c"]}}]}'
    assert names(filter=one)[0] == ['a', 'c']
    for query in ({'sort_by': 'status'}, {'filter': one.replace('name', 'mode')}, {'page_token': 'x'}):
        assert server.request('GET', '/recurringruns', params=query).status_code == 400
    refused(server, 404, UNKNOWN, 'GET', '/recurringruns', params={'experiment_id': UNKNOWN})


def test_archiving_an_experiment_disables(server, unique):
    experiment = server.ok('POST', '/experiments', json={'display_name': unique('e')})['experiment_id']
    path = f'/recurringruns/{create(server, experiment_id=experiment)["recurring_run_id"]}'
    server.ok('POST', f'/experiments/{experiment}:archive')
    assert server.ok('GET', path)['status'] == 'DISABLED'
    server.ok('POST', f'/experiments/{experiment}:unarchive')
    assert server.ok('GET', path)['status'] == 'DISABLED'


def test_a_run_of_a_recurring_run_has_one_name(server):
    recurring_id = create(server, mode='DISABLE')['recurring_run_id']
    body = {'display_name': 'mine', 'recurring_run_id': recurring_id, 'pipeline_spec': specs.noop()}
    first = server.ok('POST', '/runs', json=body)
    assert first['recurring_run_id'] == recurring_id
    assert server.ok('POST', '/runs', json=body)['run_id'] == first['run_id']
    assert server.ok('POST', '/runs', json={**body, 'display_name': 'other'})['run_id'] != first['run_id']


def test_macros_of_other_runs(server):
    spec = specs.shell_pipeline({'only': Shell('echo "$1"', takes=['text'])}, text='s')
    text = 'id [[RunUUID]] at [[CurrentTime.2006-01-02]] of [[ScheduledTime]]'
    run_id = server.create_run(spec, text=text)
    run = server.succeed(run_id)
    assert run['runtime_config']['parameters'] == {'text': text}
    task_id = server.tasks(run_id)['only']['task_id']
    assert f'id {run_id} at {run["created_at"][:10]} of [[ScheduledTime]]' in server.log_of(run_id, task_id)


# --- Slots ---

@pytest.mark.parametrize('trigger', [
    {'cron_schedule': {'cron': '0 * * * * *', 'start_time': PAST, 'end_time': '1970-01-01T10:02:00Z'}},
    periodic(60, start_time=PAST, end_time='1970-01-01T10:02:00Z')])
@pytest.mark.parametrize('no_catchup, runs', [(False, 2), (True, 1)])
def test_catching_up(server, trigger, no_catchup, runs):
    """The numbers of KFP's own tests."""
    recurring_id = create(server, trigger=trigger, no_catchup=no_catchup, max_concurrency=10)['recurring_run_id']
    wait_until('the last slot', lambda: 'next_due_at' not in server.ok('GET', f'{SCHEDULES}/{recurring_id}'))
    made = runs_of(server, recurring_id)
    assert [run['scheduled_at'] for run in made][-1] == '1970-01-01T10:02:00Z' and len(made) == runs
    decisions = ['CAUGHT_UP'] * 2 if runs == 2 else ['SKIPPED', 'CAUGHT_UP']
    assert [tick['decision'] for tick in ticks_of(server, recurring_id)] == decisions


def test_without_a_trigger_it_runs_once_when_enabled(server):
    recurring_id = create(server, trigger=None, mode='DISABLE')['recurring_run_id']
    stays('no run', lambda: not runs_of(server, recurring_id), 0.5)
    server.ok('POST', f'/recurringruns/{recurring_id}:enable')
    run = wait_until('the run', lambda: runs_of(server, recurring_id))[0]
    server.succeed(run['run_id'])
    assert len(runs_of(server, recurring_id)) == 1
    assert 'next_due_at' not in server.ok('GET', f'{SCHEDULES}/{recurring_id}')


def test_as_many_runs_as_may_be(server, journal):
    """The slot that waits is run when a run ends; none is lost."""
    spec = specs.shell_pipeline({'held': Shell(journal.writes('held', gate='go'))})
    recurring_id = create(server, pipeline_spec=spec, trigger=periodic(2))['recurring_run_id']
    waiting = wait_until('a slot that waits', lambda: [
        tick for tick in ticks_of(server, recurring_id) if tick['decision'] == 'OVERLAPPED'])[0]
    assert waiting['reason'] == 'MAX_CONCURRENCY' and '1 of at most 1' in waiting['message']
    stays('one run', lambda: len(runs_of(server, recurring_id)) == 1, 2)
    journal.open('go')
    wait_until('what waited', lambda: len(runs_of(server, recurring_id)) >= 3)
    server.ok('POST', f'/recurringruns/{recurring_id}:disable')
    ticks = ticks_of(server, recurring_id)
    assert [tick['reason'] for tick in ticks if tick['due_at'] == waiting['due_at']] == ['WAITED']
    slots = [moment(tick['due_at']) for tick in ticks]
    assert all((after - before).total_seconds() == 2 for before, after in zip(slots, slots[1:])), 'a slot was lost'


# --- penstock.v1 ---

def test_previews(server):
    preview = server.ok('POST', f'{SCHEDULES}:preview', json={
        'trigger': {'cron_schedule': {'cron': '30 2 * * *'}}, 'time_zone': 'Europe/Berlin', 'count': 3,
        'from_time': '2026-03-27T12:00:00Z', 'until_time': '2026-04-27T12:00:00Z'})
    assert [tick['local_time'] for tick in preview['ticks']] == [
        '2026-03-28T02:30:00+01:00', '2026-03-29T03:30:00+02:00', '2026-03-30T02:30:00+02:00']
    assert (preview['run_count'], preview['time_zone'], preview['most_runs_an_hour']) == ('31', 'Europe/Berlin', '1')
    recurring_id = create(server, trigger=periodic(3600))['recurring_run_id']
    stored = server.ok('GET', f'{SCHEDULES}/{recurring_id}:preview', params={'count': 2})
    assert stored['ticks'][0]['due_at'] == server.ok('GET', f'{SCHEDULES}/{recurring_id}')['next_due_at']
    much = server.ok('POST', f'{SCHEDULES}:preview', json={
        'trigger': periodic(1), 'from_time': PAST, 'until_time': '2000-01-01T00:00:00Z'})
    assert much['run_count_is_least'] and much['most_runs_an_hour'] == '3600'
    for body, words in (({}, 'trigger'), ({'trigger': {}}, 'trigger'),
                        ({'trigger': periodic(5), 'count': 5000}, 'count'),
                        ({'trigger': periodic(5), 'recurring_run_id': recurring_id}, 'not both')):
        refused(server, 400, words, 'POST', f'{SCHEDULES}:preview', json=body)


def test_edits(server):
    made = server.ok('POST', SCHEDULES, params={'time_zone': 'Asia/Tokyo'}, json=body_of(
        pipeline_spec=specs.shell_pipeline({'a': Shell('true')}, text='s'),
        runtime_config={'parameters': {'text': 'x'}}))
    assert made['time_zone'] == 'Asia/Tokyo'
    recurring_id = made['recurring_run']['recurring_run_id']
    path = f'{SCHEDULES}/{recurring_id}'
    before = made['recurring_run']
    edited = server.ok('PATCH', path, json={'display_name': 'new', 'max_concurrency': 4})['recurring_run']
    assert edited == {**before, 'display_name': 'new', 'max_concurrency': '4', 'updated_at': edited['updated_at']}
    edited = server.ok('PATCH', path, json={'trigger': periodic(600)})
    assert edited['recurring_run']['trigger'] == periodic(600) and edited['time_zone'] == 'UTC'
    due = moment(edited['next_due_at']) - moment(edited['recurring_run']['updated_at'])
    assert 599 <= due.total_seconds() <= 600
    edited = server.ok('PATCH', path, json={'runtime_config': {'parameters': {'text': 'y'}}})['recurring_run']
    assert edited['runtime_config'] == {'parameters': {'text': 'y'}}
    edited = server.ok('PATCH', path, json={'mode': 'DISABLE', 'description': 'd', 'no_catchup': True})['recurring_run']
    assert (edited['status'], edited['description'], edited['no_catchup']) == ('DISABLED', 'd', True)
    edited = server.ok('PATCH', path, json={'pipeline_spec': specs.noop(), 'runtime_config': {}})['recurring_run']
    assert 'runtime_config' not in edited and edited['pipeline_spec']['pipelineInfo']['name'] == 'noop'
    assert edited == server.ok('GET', f'/recurringruns/{recurring_id}')
    for body, words in (({}, 'update_mask'), ({'experiment_id': 'x'}, 'cannot be changed'),
                        ({'max_concurrency': 99}, 'from 1 to 10'), ({'display_name': ' '}, 'display_name'),
                        ({'runtime_config': {'parameters': {'no': 1}}}, 'no parameter'),
                        ({'trigger': periodic(1)}, 'force'), ({'trigger': {'cron_schedule': {'cron': 'x'}}}, 'fields')):
        refused(server, 400, words, 'PATCH', path, json=body)
    assert edited == server.ok('GET', f'/recurringruns/{recurring_id}')
    forced = server.ok('PATCH', path, params={'force': 'true'}, json={'trigger': periodic(1)})
    assert forced['most_runs_an_hour'] == '3600'


def test_every_second_if_it_is_forced(server):
    made = server.ok('POST', SCHEDULES, params={'force': 'true'}, json=body_of(trigger=periodic(1), max_concurrency=10))
    recurring_id = made['recurring_run']['recurring_run_id']
    wait_until('some runs', lambda: len(runs_of(server, recurring_id)) >= 4)
    server.ok('POST', f'/recurringruns/{recurring_id}:disable')
    slots = [moment(tick['due_at']) for tick in ticks_of(server, recurring_id)]
    assert all((after - before).total_seconds() == 1 for before, after in zip(slots, slots[1:]))
    token = server.ok('GET', f'{SCHEDULES}/{recurring_id}/ticks', params={'page_size': 2})['next_page_token']
    assert len(server.ok('GET', f'{SCHEDULES}/{recurring_id}/ticks', params={'page_token': token})['ticks']) >= 2


def test_a_long_backlog_has_to_be_forced(server):
    long_ago = periodic(60, start_time='2020-01-01T00:00:00Z')
    refused(server, 400, 'no_catchup', 'POST', '/recurringruns', json=body_of(trigger=long_ago))
    off = {'mode': 'DISABLE', 'trigger': long_ago}
    server.ok('POST', '/recurringruns', json=body_of(no_catchup=True, **off))
    server.ok('POST', SCHEDULES, params={'force': 'true'}, json=body_of(**off))


@pytest.mark.parametrize('field', [{'trigger': None}, {'trigger': {}}, {'mode': 'MODE_UNSPECIFIED'}])
def test_an_edit_makes_nothing_of_what_is_left_out(server, field):
    made = create(server, trigger=periodic(86400))
    path = f'{SCHEDULES}/{made["recurring_run_id"]}'
    refused(server, 400, list(field)[0], 'PATCH', path, json=field)
    kept = server.ok('GET', path)['recurring_run']
    assert (kept['trigger'], kept['status']) == (made['trigger'], 'ENABLED')


def test_a_query_that_is_misspelt_is_refused(server):
    refused(server, 400, 'timezone', 'POST', SCHEDULES, params={'timezone': 'Europe/Berlin'}, json=body_of())


# --- Deaths ---

def test_kills_around_ticks_lose_and_double_none(own_server):
    """kill -9 at random moments: each slot has one tick, and each tick one run."""
    print(f'seed {SEED}')
    chance = random.Random(SEED)
    ids = [own_server.ok('POST', SCHEDULES, params={'force': 'true'}, json=body_of(
        display_name=f'r{number}', trigger=periodic(1), max_concurrency=10))['recurring_run']['recurring_run_id']
        for number in range(3)]
    for _ in range(5):
        done = len(runs_of(own_server, ids[0])) + chance.randrange(1, 4)
        wait_until('another slot', lambda done=done: len(runs_of(own_server, ids[0])) >= done, 60)
        # Also in the middle of a second, where nothing is due, and right when something is.
        moment_of_death = time.time() + chance.random()
        wait_until('the moment', lambda when=moment_of_death: time.time() >= when, interval=0.001)
        own_server.kill()
        own_server.start()
    for recurring_id in ids:
        own_server.ok('POST', f'/recurringruns/{recurring_id}:disable')
        ticks, runs = ticks_of(own_server, recurring_id), runs_of(own_server, recurring_id)
        slots = [moment(tick['due_at']) for tick in ticks]
        assert all((after - before).total_seconds() == 1 for before, after in zip(slots, slots[1:])), ticks
        fired = [tick for tick in ticks if tick['decision'] != 'OVERLAPPED']
        assert {tick['decision'] for tick in fired} <= {'FIRED', 'CAUGHT_UP'}
        assert [tick['run_id'] for tick in fired] == [run['run_id'] for run in runs]
        assert [tick['run_index'] for tick in fired] == [str(index) for index in range(1, len(fired) + 1)]
        assert [tick['due_at'] for tick in fired] == [run['scheduled_at'] for run in runs]
        for run in runs:
            own_server.succeed(run['run_id'], timeout=120)


def test_what_was_missed_without_a_server(make_server):
    server = make_server().start()
    caught_up = create(server, trigger=periodic(2), max_concurrency=10)['recurring_run_id']
    last_only = create(server, trigger=periodic(2), max_concurrency=10, no_catchup=True)['recurring_run_id']
    server.kill()
    gone = time.time()
    wait_until('some slots to go by', lambda: time.time() > gone + 7, 20)
    server.start()
    wait_until('the slots that were missed', lambda: len(runs_of(server, caught_up)) >= 4)
    wait_until('the last slot', lambda: runs_of(server, last_only))
    for recurring_id in (caught_up, last_only):
        server.ok('POST', f'/recurringruns/{recurring_id}:disable')
    assert 'SKIPPED' not in {tick['decision'] for tick in ticks_of(server, caught_up)}
    assert 'NO_CATCHUP' in {tick['reason'] for tick in ticks_of(server, last_only)}
    assert len(runs_of(server, last_only)) < len(runs_of(server, caught_up))
