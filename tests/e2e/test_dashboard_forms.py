"""What is made in the dashboard: pipelines, runs and schedules, in a real browser."""

import re

import pytest
import yaml
from kfp import dsl

import specs
from dashboard import expect
from specs import Shell, shell_pipeline

pytestmark = pytest.mark.sqlite('pages are the same, whatever the server stores in')


@dsl.component
def show(text: str, count: int, rate: float, loud: bool, names: list, more: dict) -> str:
    return f'{text} {count} {rate} {loud} {names} {more}'


@dsl.pipeline(name='all-kinds')
def all_kinds(text: str, count: int = 3, rate: float = 0.5, loud: bool = False, names: list = ['a'],
              more: dict = {'b': 1}) -> str:
    return show(text=text, count=count, rate=rate, loud=loud, names=names, more=more).output


def written(folder, spec, name='pipeline.yaml'):
    path = folder / name
    path.write_text(yaml.safe_dump(spec))
    return str(path)


@pytest.fixture
def pipeline(server, unique, tmp_path):
    """Name and id of a pipeline with inputs of all types."""
    name = unique('all kinds')
    made = server.client().upload_pipeline(written(tmp_path, specs.compiled(all_kinds)), pipeline_name=name)
    return name, made.pipeline_id


def test_a_package_becomes_a_pipeline_and_its_versions_differ(server, dashboard, unique, tmp_path):
    name = unique('uploaded')
    first = shell_pipeline({'one': Shell('exit 0'), 'two': Shell('exit 0', ['one'])})
    second = shell_pipeline({'one': Shell('echo changed'), 'three': Shell('exit 0', ['one'])}, rate='d')
    page = dashboard.open('pipelines?upload=true')
    page.get_by_label('File', exact=False).last.set_input_files(written(tmp_path, first))
    page.get_by_label('Name', exact=True).fill(name)
    page.get_by_role('form', name='Upload a pipeline').get_by_role('button', name='Upload', exact=True).click()
    expect(page.get_by_role('heading', name=name)).to_be_visible()
    expect(page.get_by_role('button', name=re.compile(r'^two\b'))).to_be_visible()
    dashboard.picture('pipeline')
    server.client().upload_pipeline_version(written(tmp_path, second, 'second.yaml'), 'second', pipeline_name=name)
    page.reload()
    page.get_by_role('tab', name='Difference').click()
    differences = page.get_by_role('region', name='Differences')
    for word in ('two', 'three', 'rate', 'echo changed'):
        expect(differences).to_contain_text(word)
    dashboard.picture('pipeline-difference')


def test_what_is_wrong_stands_beside_its_field(server, dashboard, pipeline, unique):
    name, pipeline_id = pipeline
    page = dashboard.open(f'runs/new?pipelineId={pipeline_id}')
    page.get_by_label('Name', exact=False).first.wait_for()
    run = unique('by hand')
    page.locator('#name').fill(run)
    page.keyboard.press('Control+Enter')  # an input without a default is missing
    expect(page.locator('[aria-invalid=true]').first).to_be_visible()
    inputs = {label: page.get_by_label(re.compile(f'^{label}')) for label in ('text', 'count', 'names', 'more')}
    inputs['text'].first.fill('<b>hello</b>')
    inputs['names'].first.fill('["x", ')
    page.keyboard.press('Control+Enter')
    expect(page.get_by_text(re.compile('JSON')).first).to_be_visible()
    dashboard.picture('new-run-wrong')
    inputs['names'].first.fill('["x", "y"]')
    inputs['count'].first.fill('7')
    page.keyboard.press('Control+Enter')
    expect(page.get_by_role('heading', name=run)).to_be_visible()
    run_id = re.search('details/([^?]+)', page.url)[1]
    server.succeed(run_id)
    given = server.run(run_id)['runtime_config']['parameters']
    assert given['text'] == '<b>hello</b>' and given['count'] == 7 and given['names'] == ['x', 'y']


def test_a_clone_has_everything_filled_in(server, dashboard, pipeline, unique):
    name, pipeline_id = pipeline
    experiment = server.client().create_experiment(unique('cloned')).experiment_id
    original = server.ok('POST', '/runs', json={
        'display_name': 'original', 'experiment_id': experiment,
        'pipeline_version_reference': {'pipeline_id': pipeline_id},
        'plugins_input': {'penstock_cache': {'enabled': False}},
        'runtime_config': {'parameters': {'text': 'once more', 'rate': 0.125}}})['run_id']
    page = dashboard.open(f'runs/details/{original}')
    page.get_by_role('link', name='Clone').click()
    expect(page.get_by_label(re.compile('^text')).first).to_have_value('once more')
    expect(page.get_by_label(re.compile('^rate')).first).to_have_value('0.125')
    page.get_by_role('button', name='Start the run').click()
    page.wait_for_url(re.compile('runs/details/(?!' + original + ')'))
    clone = server.run(re.search('details/([^?]+)', page.url)[1])
    assert clone['experiment_id'] == experiment and clone['runtime_config']['parameters']['rate'] == 0.125
    assert clone['plugins_input'] == {'penstock_cache': {'enabled': False}}
    server.finish(original)
    server.finish(clone['run_id'])


def test_a_schedule_shows_when_it_is_due_before_it_is_made(server, dashboard, pipeline, unique):
    name, pipeline_id = pipeline
    page = dashboard.open(f'runs/new?pipelineId={pipeline_id}&recurring=1')
    schedule = unique('nightly')
    page.locator('#name').fill(schedule)
    page.get_by_label(re.compile('^text')).first.fill('scheduled')
    page.locator('#cron').fill('0 30 2 * * *')
    expect(page.locator('main time').first).to_be_visible()  # the next times
    page.locator('#cron').fill('nonsense')
    expect(page.locator('#cron')).to_have_attribute('aria-invalid', 'true')
    page.locator('#cron').fill('0 30 2 * * *')
    page.keyboard.press('Control+Enter')
    expect(page.get_by_role('heading', name=schedule)).to_be_visible()
    dashboard.picture('schedule')
    page = dashboard.open(f'recurringruns?text={schedule.replace(" ", "%20")}')
    switch = page.get_by_role('switch', name=f'Enabled: {schedule}')
    expect(switch).to_have_attribute('aria-checked', 'true')
    switch.click()
    expect(switch).to_have_attribute('aria-checked', 'false')
    listed = server.ok('GET', '/recurringruns', params={'page_size': 100})['recurringRuns']
    made = next(one for one in listed if one['display_name'] == schedule)
    assert made['status'] == 'DISABLED'
    assert made['trigger']['cron_schedule']['cron'].endswith('0 30 2 * * *')
