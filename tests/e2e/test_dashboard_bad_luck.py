"""The dashboard where things change, are many, are broken or go away, in a real browser."""

import json

import pytest

from dashboard import expect
from specs import Journal, Shell, shell_pipeline
from waiting import wait_until

pytestmark = pytest.mark.sqlite('pages are the same, whatever the server stores in')

MANY = 1_300
WATCHES = '**/status:watch'


def many_tasks():
    """A pipeline of so many tasks that a page does not wait for all of them."""
    one = {'componentRef': {'name': 'comp-one'}, 'cachingOptions': {}}
    return {
        'pipelineInfo': {'name': 'many'}, 'schemaVersion': '2.1.0', 'sdkVersion': 'kfp-2.17.0',
        'components': {'comp-one': {'executorLabel': 'exec-one'}},
        'deploymentSpec': {'executors': {'exec-one': {'container': {'image': 'none', 'command': ['/bin/true']}}}},
        'root': {'dag': {'tasks': {f'task-{i}': {**one, 'taskInfo': {'name': f'task-{i}'}} for i in range(MANY)}}}}


def waiting_run(server, journal, name):
    """A run whose first task waits for the gate of the journal."""
    run_id = server.create_run(shell_pipeline({
        'first': Shell(journal.writes('first', 'gate')), 'second': Shell('exit 0', ['first'])}), name)
    wait_until('the task to start', lambda: journal.started('first'))
    return run_id


def test_many_tasks_come_in_parts(server, dashboard, unique):
    name = unique('many')
    run_id = server.create_run(many_tasks(), name)
    server.succeed(run_id)
    page = dashboard.open(f'runs/details/{run_id}')
    expect(page.get_by_role('heading', name=name)).to_be_visible()
    table = page.get_by_role('grid', name='Tasks')
    expect(table).to_have_attribute('aria-rowcount', str(MANY + 1))
    expect(page.get_by_text('to come')).to_have_count(0)
    # Only rows that can be seen are there; the last are there when somebody goes to them.
    assert table.get_by_role('row').count() < 100
    table.focus()
    page.keyboard.press('End')
    expect(table.locator(f'[aria-rowindex="{MANY + 1}"]')).to_be_visible()
    page.get_by_role('tab', name='Graph').click()
    expect(page.get_by_role('tab', name='Graph')).to_have_attribute('aria-selected', 'true')
    page.get_by_role('tab', name='Tasks').click()
    expect(table).to_be_visible()


def test_all_that_match_are_acted_on(server, dashboard, unique):
    name = unique('match')
    count = 120  # more than a page has
    pipeline = shell_pipeline({'only': Shell('exit 0')})
    for i in range(count):
        server.create_run(pipeline, f'{name} {i}')
    page = dashboard.open(f'runs?text={name}')
    page.get_by_role('button', name='Select all that match').click()
    expect(page.get_by_text(f'{count} runs selected')).to_be_visible()
    page.get_by_role('button', name='Archive').click()
    expect(page.get_by_text(f'Archive {count} runs?')).to_be_visible()
    page.get_by_role('button', name='Archive', exact=True).click()
    expect(page.get_by_text(f'{count} runs archived.')).to_be_visible()
    page.get_by_role('button', name='Undo').click()
    expect(page.get_by_text(f'{count} runs restored.')).to_be_visible()


def test_a_run_that_is_deleted_while_it_is_looked_at(server, dashboard, unique, tmp_path):
    journal = Journal(tmp_path / 'journal')
    run_id = waiting_run(server, journal, unique('deleted'))
    page = dashboard.open(f'runs/details/{run_id}')
    expect(page.get_by_role('row').filter(has_text='second')).to_be_visible()
    server.ok('DELETE', f'/runs/{run_id}')
    expect(page.get_by_role('alert')).to_contain_text(run_id)
    journal.open('gate')


def test_two_tabs_show_the_same(server, dashboard, unique, tmp_path):
    journal = Journal(tmp_path / 'journal')
    run_id = waiting_run(server, journal, unique('tabs'))
    pages = [dashboard.open(f'runs/details/{run_id}'), dashboard.page.context.new_page()]
    pages[1].goto(pages[0].url)
    for page in pages:
        expect(page.get_by_role('row').filter(has_text='second')).to_contain_text('first')
    journal.open('gate')
    for page in pages:
        expect(page.get_by_role('row').filter(has_text='second').get_by_role('img', name='Succeeded')).to_be_visible()


def test_a_tab_that_nobody_sees_gives_its_stream_up(server, dashboard, unique, tmp_path):
    journal = Journal(tmp_path / 'journal')
    run_id = waiting_run(server, journal, unique('hidden'))
    dashboard.page.clock.install()
    page = dashboard.open(f'runs/details/{run_id}')
    row = page.get_by_role('row').filter(has_text='second')
    expect(row).to_contain_text('first')

    def seen(hidden):
        page.evaluate("""hidden => {
          Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event('visibilitychange'));
        }""", hidden)
    with page.expect_event('requestfailed', lambda request: request.url.endswith('status:watch')):
        seen(True)
        page.clock.fast_forward(86_400_000)  # a day
    journal.open('gate')
    server.finish(run_id)
    seen(False)
    expect(row.get_by_role('img', name='Succeeded')).to_be_visible()


@pytest.mark.parametrize('status', [429, 501])
def test_without_a_place_for_a_watch(server, dashboard, unique, status):
    """A server that serves too many watches, or one of a version that does not know them."""
    run_id = server.create_run(shell_pipeline({'only': Shell('exit 0')}), unique('refused'))
    server.finish(run_id)
    refusal = json.dumps({'code': 8, 'message': 'no'})
    dashboard.page.route(WATCHES, lambda route: route.fulfill(status=status, body=refusal))
    page = dashboard.open(f'runs/details/{run_id}')
    expect(page.get_by_role('row').filter(has_text='only').get_by_role('img', name='Succeeded')).to_be_visible()


def test_a_line_of_ten_megabytes(server, dashboard, unique):
    script = 'head -c 10000000 /dev/zero | tr "\\0" "x"; echo; echo "😀 the end"'
    run_id = server.create_run(shell_pipeline({'only': Shell(script)}), unique('line'))
    server.finish(run_id)
    page = dashboard.open(f'runs/details/{run_id}?task=only&tab=log')
    expect(page.get_by_role('log')).to_contain_text('😀 the end')
    page.get_by_role('tab', name='Details').click()  # the page still answers
    expect(page.get_by_text('As it was compiled')).to_be_visible()


def artifact_of(server, run_id):
    found = server.ok('GET', '/artifacts', params={'filter': json.dumps({'predicates': [
        {'key': 'run_id', 'operation': 'EQUALS', 'string_value': run_id}]})})
    return found['artifacts'][0]['artifact_id']


@pytest.mark.parametrize('is_cut', [False, True])
def test_the_first_rows_of_a_parquet_file(server, dashboard, unique, tmp_path, is_cut):
    pyarrow = pytest.importorskip('pyarrow', reason='pyarrow comes with tests/requirements-mlflow.txt')
    parquet = pytest.importorskip('pyarrow.parquet')
    path = tmp_path / 'table.parquet'
    words = [f'<b>{number}</b>' for number in range(200)]
    parquet.write_table(pyarrow.table({'number': list(range(200)), 'word': words}), path)
    if is_cut:
        path.write_bytes(path.read_bytes()[:-20])
    run_id = server.create_run(file_pipeline(path), unique('parquet'))
    server.succeed(run_id)
    page = dashboard.open(f'artifacts/{artifact_of(server, run_id)}')
    show = page.get_by_role('button', name='Show')
    if show.count():
        show.first.click()
    if is_cut:
        expect(page.get_by_text('cannot be read as one')).to_be_visible()
        return
    expect(page.get_by_text('50 of 200 rows, 2 columns')).to_be_visible()
    expect(page.get_by_role('cell', name='<b>7</b>')).to_be_visible()


def test_a_picture_that_is_none(server, dashboard, unique, tmp_path):
    path = tmp_path / 'picture'
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + b'no picture at all' * 10)
    run_id = server.create_run(file_pipeline(path), unique('picture'))
    server.succeed(run_id)
    page = dashboard.open(f'artifacts/{artifact_of(server, run_id)}')
    expect(page.get_by_role('heading').first).to_be_visible()
    assert page.evaluate('window.hurt') is None


def file_pipeline(path):
    """A task that puts out the file."""
    command = ['sh', '-c', 'mkdir -p "$(dirname "$0")" && cp "$1" "$0"', "{{$.outputs.artifacts['data'].path}}",
               str(path)]
    artifact = {'artifactType': {'schemaTitle': 'system.Dataset', 'schemaVersion': '0.0.1'}}
    return {
        'pipelineInfo': {'name': 'file'}, 'schemaVersion': '2.1.0', 'sdkVersion': 'kfp-2.17.0',
        'components': {'comp-one': {'executorLabel': 'exec-one',
                                    'outputDefinitions': {'artifacts': {'data': artifact}}}},
        'deploymentSpec': {'executors': {'exec-one': {'container': {'image': 'none', 'command': command}}}},
        'root': {'dag': {'tasks': {'one': {'taskInfo': {'name': 'one'}, 'componentRef': {'name': 'comp-one'},
                                           'cachingOptions': {}}}}}}
