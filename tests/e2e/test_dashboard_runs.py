"""The dashboard's list of runs and its page of a run, in a real browser."""

import re
import time

import pytest

import specs
from dashboard import Dashboard, expect
from specs import Journal, Shell, shell_pipeline
from waiting import wait_until

pytestmark = pytest.mark.sqlite('pages are the same, whatever the server stores in')

HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>\u202eevil\u0007'


def run_of(server, tasks, name, **parameters):
    kinds = {key: 's' for key in parameters}
    return server.create_run(shell_pipeline(tasks, **kinds), name, **parameters)


def failing(server, name):
    script = 'echo about to break; echo "Traceback (most recent call last)"; exit 3'
    run_id = run_of(server, {'good': Shell('echo fine'), 'bad': Shell(script, ['good'])}, name)
    server.finish(run_id)
    return run_id


def test_failure_comes_first(server, dashboard, unique):
    name = unique('broken')
    failing(server, name)
    page = dashboard.open(f'runs?text={name}')
    row = page.get_by_role('row').filter(has_text=name)
    expect(row.get_by_role('img', name='Failed')).to_be_visible()
    link = row.get_by_role('link', name='bad', exact=True)
    # The end of its log is at hand before anything is opened.
    assert 'about to break' in row.locator('[title*="about to break"]').first.get_attribute('title')
    dashboard.picture('runs-failed')
    link.click()
    expect(page.get_by_role('log')).to_contain_text('about to break')
    expect(page.get_by_role('alert')).to_contain_text('bad failed')
    dashboard.picture('run-failed')


def test_one_request_a_page(server, dashboard, unique):
    name = unique('one')
    for i in range(3):
        server.finish(run_of(server, {'only': Shell('exit 0')}, f'{name} {i}'))
    page = dashboard.open(f'runs?text={name}')
    expect(page.get_by_role('row').filter(has_text=name)).to_have_count(3)
    asked = [url for url in dashboard.requests if '/apis/' in url]
    assert sum('runs:search' in url for url in asked) <= 2, asked  # the watch may ask for it once more
    assert not [url for url in asked if re.search('/runs/[^:?]+|/versions', url)], asked


def test_a_view_is_an_address(server, dashboard, unique):
    name = unique('view')
    for state, script in (('good', 'exit 0'), ('bad', 'exit 1')):
        server.finish(run_of(server, {'only': Shell(script)}, f'{name} {state}', flavour=state))
    page = dashboard.open('runs')
    page.get_by_label('Name contains').fill(name)
    page.get_by_role('button', name='Failed').click()
    expect(page.get_by_role('row').filter(has_text=name)).to_have_count(1)
    page.get_by_text('Columns', exact=True).click()
    page.get_by_label('params.flavour').check()
    address = page.url
    other = dashboard.page.context.new_page()
    other.goto(address)
    row = other.get_by_role('row').filter(has_text=name)
    expect(row).to_have_count(1)
    expect(row).to_contain_text('bad')
    expect(other.get_by_role('columnheader').filter(has_text='flavour')).to_be_visible()
    # By a parameter, in the language of searches.
    other.goto(f"{server.url}/#/runs?text={name}&query=params.flavour%20%3D%20'good'")
    expect(other.get_by_role('row').filter(has_text=name)).to_have_count(1)
    other.goto(f'{server.url}/#/runs?query=nonsense')
    expect(other.get_by_role('alert')).to_contain_text('Invalid filter')


def test_bulk_actions_are_said_first_and_undone(server, dashboard, unique):
    name = unique('bulk')
    for i in range(3):
        server.finish(run_of(server, {'only': Shell('exit 0')}, f'{name} {i}'))
    page = dashboard.open(f'runs?text={name}')
    expect(page.get_by_role('row').filter(has_text=name)).to_have_count(3)
    page.get_by_label('Select all that are loaded').check()
    page.get_by_role('button', name='Archive').click()
    expect(page.get_by_text('Archive 3 runs?')).to_be_visible()
    page.get_by_role('button', name='Archive', exact=True).click()
    expect(page.get_by_text('3 runs archived.')).to_be_visible()
    expect(page.get_by_role('row').filter(has_text=name)).to_have_count(0)
    page.get_by_role('button', name='Undo').click()
    expect(page.get_by_role('row').filter(has_text=name)).to_have_count(3)


def test_by_the_keyboard(server, dashboard, unique):
    name = unique('keys')
    run_id = run_of(server, {'only': Shell('exit 0')}, name)
    server.finish(run_id)
    page = dashboard.open(f'runs?text={name}')
    expect(page.get_by_role('row').filter(has_text=name)).to_have_count(1)
    page.get_by_role('grid').focus()
    page.keyboard.press('j')
    page.keyboard.press('Enter')
    expect(page.get_by_role('heading', name=name)).to_be_visible()
    assert run_id in page.url
    page.keyboard.press('?')
    expect(page.get_by_role('dialog', name='Keys')).to_be_visible()
    page.keyboard.press('Escape')
    page.keyboard.press('Control+k')
    page.get_by_label('Command', exact=True).fill('Pipelines')
    page.keyboard.press('Enter')
    expect(page.get_by_role('heading', name='Pipelines')).to_be_visible()
    page.keyboard.press('g')
    page.keyboard.press('r')
    expect(page.get_by_role('heading', name='Runs')).to_be_visible()


def test_live_without_a_reload(server, dashboard, unique, tmp_path):
    journal = Journal(tmp_path / 'journal')
    name = unique('live')
    script = journal.writes('first', 'gate') + '; echo printed later'
    run_id = run_of(server, {'first': Shell(script), 'second': Shell('exit 0', ['first'])}, name)
    page = dashboard.open(f'runs/details/{run_id}?task=first&tab=log')
    wait_until('the task to start', lambda: journal.started('first'))
    row = page.get_by_role('row').filter(has_text='second')
    expect(row).to_contain_text('first')  # that is what it waits for
    expect(page.get_by_text('live', exact=True)).to_be_visible()
    journal.open('gate')
    expect(page.get_by_role('log')).to_contain_text('printed later')
    expect(row.get_by_role('img', name='Succeeded')).to_be_visible()
    expect(page.locator('.page-head').first).to_contain_text('Succeeded')


def test_the_links_of_the_sdk(server, dashboard, unique):
    run_id = run_of(server, {'only': Shell('exit 0')}, unique('linked'))
    run = server.finish(run_id)
    page = dashboard.open(f'runs/details/{run_id}')
    expect(page.get_by_role('heading', name=run['display_name'])).to_be_visible()
    page.goto(f'{server.url}/#/experiments/details/{run["experiment_id"]}')
    expect(page.get_by_role('row').filter(has_text=run['display_name'])).to_be_visible()


def test_graph_table_and_timeline(server, dashboard, unique):
    run_id = run_of(server, {'first': Shell('exit 0'), 'left': Shell('exit 0', ['first']),
                             'right': Shell('exit 1', ['first']), 'last': Shell('exit 0', ['left', 'right'])},
                    unique('shapes'))
    server.finish(run_id)
    page = dashboard.open(f'runs/details/{run_id}?view=graph')
    expect(page.get_by_role('button', name=re.compile(r'^right\s+Failed'))).to_be_visible()
    # Why a node is as it is, in words.
    why = re.compile(r'^last\s+Skipped\s+Skipped, since right failed')
    expect(page.get_by_role('button', name=why)).to_be_visible()
    assert page.locator('.edge').count() == 4
    dashboard.picture('run-graph')
    page.get_by_role('button', name=re.compile(r'^right\s+Failed')).click()
    expect(page.get_by_role('region', name='Task right')).to_be_visible()
    page.get_by_role('tab', name='Timeline').click()
    expect(page.get_by_role('grid', name='Timeline').get_by_role('row')).to_have_count(4)
    page.get_by_role('tab', name='Tasks').click()
    expect(page.get_by_role('grid', name='Tasks').get_by_role('row')).to_have_count(5)


def test_hostile_texts_are_texts(server, dashboard, unique):
    name = unique('hostile')
    script = "printf '\\033[31mred\\033[0m <b>bold</b>\\n'; echo \"$1\""
    run_id = run_of(server, {'only': Shell(script, takes=['text'])}, f'{name} <b onclick=hurt()>',
                    text=HOSTILE.replace('\u0007', ''))
    server.finish(run_id)
    for address in (f'runs?text={name}&column=params.text', f'runs/details/{run_id}?task=only&tab=log',
                    f'runs/details/{run_id}?view=details', f'runs/details/{run_id}?task=only&tab=io'):
        page = dashboard.open(address)
        expect(page.get_by_text(name).first).to_be_visible()
        time.sleep(0.2)
        assert page.evaluate('window.hurt') is None
        assert page.locator('main img, main script, main b').count() == 0
    page = dashboard.open(f'runs/details/{run_id}?task=only&tab=log')
    log = page.get_by_role('log')
    expect(log).to_contain_text('red <b>bold</b>')
    expect(log.locator('.ansi-f1')).to_have_text('red')
    expect(log).to_contain_text('⟨202e⟩evil')  # what would turn the direction is shown as what it is


def test_a_long_log_is_read_from_its_end(server, dashboard, unique):
    script = 'echo the beginning; seq -f "line %.0f of many, to fill a page" 200000; echo the end'
    run_id = run_of(server, {'only': Shell(script)}, unique('long'))
    server.finish(run_id)
    page = dashboard.open(f'runs/details/{run_id}?task=only&tab=log')
    log = page.get_by_role('log')
    expect(log).to_contain_text('the end')
    expect(log.get_by_role('button', name=re.compile('Load .* more'))).to_be_visible()
    expect(log).not_to_contain_text('the beginning')
    page.get_by_label('Find in the log').fill('the beginning')
    page.get_by_role('button', name='Find in all of it').click()
    expect(page.get_by_text('1 in all of it')).to_be_visible()
    log.get_by_role('button', name=re.compile('Load .* more')).click()
    expect(log).to_contain_text('line 190000 of many')
    with page.expect_download() as download:
        page.get_by_role('link', name='Download').click()
    assert download.value.path().read_text().startswith('the beginning\n')


def test_a_log_with_long_lines_opens_at_its_end(server, dashboard, unique):
    script = 'for i in $(seq 60); do printf "%0300d\\n" $i; done; echo the end'
    run_id = run_of(server, {'only': Shell(script)}, unique('wrapped'))
    server.finish(run_id)
    log = dashboard.open(f'runs/details/{run_id}?task=only&tab=log').get_by_role('log')
    expect(log.get_by_text('the end')).to_be_in_viewport()
    log.hover()
    dashboard.page.mouse.wheel(0, -300)
    expect(log.get_by_text('the end')).not_to_be_in_viewport()


def test_a_server_that_goes_away_and_comes_back(chromium, make_server, unique):
    server = make_server().start()
    name = unique('away')
    server.finish(run_of(server, {'only': Shell('exit 0')}, name))
    shown = Dashboard(chromium.new_context().new_page(), server.url)
    page = shown.open('runs')
    expect(page.get_by_text(name)).to_be_visible()
    server.kill()
    page.get_by_role('button', name='Succeeded').click()
    expect(page.get_by_text('The server does not answer')).to_be_visible()
    server.start()
    expect(page.get_by_text(name)).to_be_visible(timeout=30_000)
    expect(page.get_by_text('The server does not answer')).to_have_count(0, timeout=30_000)
    page.context.close()


def test_a_run_that_is_not_there(server, dashboard):
    page = dashboard.open('runs/details/none')
    expect(page.get_by_role('alert')).to_contain_text('none')
    page = dashboard.open('nowhere')
    expect(page.get_by_role('heading', name='There is no such page').first).to_be_visible()


def test_columns_stay_until_somebody_changes_them(server, dashboard, unique):
    name = unique('columns')
    server.finish(run_of(server, {'only': Shell('exit 0')}, name, flavour='sweet'))
    page = dashboard.open(f'runs?text={name}')
    page.get_by_text('Columns', exact=True).click()
    page.get_by_label('params.flavour').check()
    expect(page.get_by_role('columnheader').filter(has_text='flavour')).to_be_visible()
    page = dashboard.open('experiments')
    expect(page.get_by_role('heading', name='Experiments')).to_be_visible()
    page = dashboard.open(f'runs?text={name}')  # says nothing of columns
    page.reload()
    expect(page.get_by_role('columnheader').filter(has_text='flavour')).to_be_visible()
    page.get_by_label('Remove the column flavour').click()
    expect(page.get_by_role('columnheader').filter(has_text='flavour')).to_have_count(0)
