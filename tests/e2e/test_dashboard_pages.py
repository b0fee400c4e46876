"""The other pages of the dashboard, in a real browser."""

import re

import pytest
from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Markdown, Metrics, Model, Output, Input

import specs
from dashboard import SHOTS, expect
from specs import Shell, shell_pipeline

pytestmark = pytest.mark.sqlite('pages are the same, whatever the server stores in')


@dsl.component
def train(rate: float, data: Output[Dataset], model: Output[Model], metrics: Output[Metrics]):
    with open(data.path, 'w') as file:
        file.write('name,value\n<b>bold</b>,1\n')
    with open(model.path, 'w') as file:
        file.write(str(rate))
    metrics.log_metric('accuracy', 1 - rate)


@dsl.component
def judge(model: Input[Model], page: Output[HTML], words: Output[Markdown], scores: Output[ClassificationMetrics]):
    with open(page.path, 'w') as file:
        file.write('<h1 id="title">before</h1><script>document.getElementById("title").textContent = "by a script";'
                   'try { parent.hurt = 1; parent.document.title = "hurt" } catch (error) {}'
                   'fetch("/apis/v2beta1/runs").then(() => { document.body.append("reached") }, () => {})</script>')
    with open(words.path, 'w') as file:
        file.write('# Judged\n\n- **well**\n- <script>parent.hurt = 1</script>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n')
    scores.log_confusion_matrix(['cat', 'dog'], [[9, 1], [2, 8]])
    scores.log_roc_curve([0.0, 0.2, 1.0], [0.0, 0.9, 1.0], [0.9, 0.5, 0.1])


@pytest.fixture(scope='module')
def two_runs(server):
    """Ids of two runs that differ in a parameter."""
    @dsl.pipeline(name='training')
    def training(rate: float = 0.25):
        made = train(rate=rate)
        judge(model=made.outputs['model'])
    spec = specs.compiled(training)
    ids = [server.create_run(spec, 'training', rate=rate) for rate in (0.25, 0.5)]
    for run_id in ids:
        server.succeed(run_id)
    return ids


def test_comparison(server, dashboard, two_runs):
    page = dashboard.open(f'compare?runlist={",".join(two_runs)}')
    table = page.get_by_role('region', name='Runs side by side')
    expect(table).to_contain_text('rate')
    expect(table).to_contain_text('0.75')
    expect(table).to_contain_text('−0.25')  # against the baseline, which is the first
    dashboard.picture('compare')
    page.get_by_role('button', name=re.compile('Make .* the baseline')).last.click()
    expect(table).to_contain_text('+0.25')
    assert f'baseline={two_runs[1]}' in page.url
    page.get_by_role('tab', name='Classification').click()
    expect(page.get_by_role('img', name='ROC curve').first).to_be_visible()
    expect(page.get_by_text('cat').first).to_be_visible()
    dashboard.picture('compare-classification')


def test_a_part_of_the_curves_is_an_address(server, dashboard, two_runs):
    points = [{'name': f'curve {part}', 'step': step, 'value': step ** 0.5} for part in 'ab' for step in range(100)]
    server.ok('POST', f'/apis/penstock/v1/runs/{two_runs[0]}/metrics', json={'points': points})
    page = dashboard.open(f'runs/details/{two_runs[0]}?view=metrics')
    chart = page.get_by_role('figure', name='curve a').get_by_role('slider')
    expect(chart.locator('canvas')).to_be_visible()
    box = chart.bounding_box()
    for part in (0.4, 0.6):
        page.mouse.move(box['x'] + box['width'] * part, box['y'] + box['height'] / 2)
        if part == 0.4:
            page.mouse.down()
    page.mouse.up()
    everything = page.get_by_role('button', name='Show all of the curves')
    expect(everything).to_be_visible()
    shown = [float(end) for end in re.search(r'zoom=([\d.]+)(?:~|%7E)([\d.]+)', page.url).groups()]
    assert 20 < shown[0] < shown[1] < 80
    dashboard.picture('curves')
    everything.click()
    expect(everything).to_have_count(0)
    assert 'zoom' not in page.url


def test_outputs_are_shown_and_cannot_hurt(server, dashboard, two_runs):
    page = dashboard.open(f'runs/details/{two_runs[0]}?task=judge&tab=io')
    frame = page.frame_locator('iframe')
    # A report's own scripts run, in an origin of its own, which reaches neither the page nor the server.
    expect(frame.locator('#title')).to_have_text('by a script')
    expect(page.locator('.markdown h2')).to_have_text('Judged')
    expect(page.locator('.markdown td').first).to_have_text('1')
    expect(page.get_by_role('img', name='ROC curve')).to_be_visible()
    page.wait_for_timeout(300)
    assert page.evaluate('window.hurt') is None and page.title() != 'hurt'
    expect(frame.locator('body')).not_to_contain_text('reached')
    dashboard.picture('run-outputs')
    # What the browser refuses the report is said in its console.
    dashboard.wrong = [line for line in dashboard.wrong if 'sandbox' not in line and 'Content Security' not in line
                       and 'blocked' not in line.lower()]


def test_artifacts_and_lineage(server, dashboard, two_runs):
    page = dashboard.open('artifacts?type=system.Dataset')
    page.get_by_role('link', name='data', exact=True).first.click()
    expect(page.get_by_role('heading', name='data', exact=True)).to_be_visible()
    expect(page.get_by_role('cell', name='<b>bold</b>')).to_be_visible()
    listed = server.ok('GET', f'/apis/penstock/v1/runs/{two_runs[0]}/artifacts')['artifacts']
    model = next(one['artifact']['artifact_id'] for one in listed if one['artifact']['name'] == 'model')
    page = dashboard.open(f'artifacts/{model}')
    page.get_by_role('tab', name=re.compile('Lineage')).click()
    expect(page.get_by_text('train').first).to_be_visible()
    dashboard.picture('artifact-lineage')


def test_values_of_users(server, dashboard, two_runs):
    page = dashboard.open(f'runs/details/{two_runs[0]}?view=details')
    page.get_by_role('button', name=re.compile('^Edit ')).first.click()
    page.get_by_role('button', name=re.compile('Add')).first.click()
    page.get_by_label(re.compile('^Name of value')).last.fill('reviewed by')
    page.get_by_label(re.compile('^Value of')).last.fill('<i>me</i>')
    page.get_by_role('button', name='Save').click()
    expect(page.get_by_text('<i>me</i>').first).to_be_visible()
    assert server.ok('GET', f'/apis/penstock/v1/runs/{two_runs[0]}')['tags']['reviewed by'] == '<i>me</i>'


def test_experiments(server, dashboard, unique):
    name = unique('made by hand')
    page = dashboard.open('experiments/new')
    page.get_by_label(re.compile('Name')).first.fill(name)
    page.keyboard.press('Enter')
    expect(page.get_by_role('heading', name=name)).to_be_visible()
    expect(page.get_by_text('No run yet')).to_be_visible()
    page = dashboard.open(f'experiments?text={name.replace(" ", "%20")}')
    expect(page.get_by_role('row').filter(has_text=name)).to_be_visible()


def test_system(server, dashboard, two_runs):
    page = dashboard.open('system')
    expect(page.get_by_role('region', name='Server', exact=True)).to_contain_text('0.1.0')
    expect(page.get_by_role('region', name='Queue')).to_contain_text('Runs that run')
    expect(page.get_by_text(f"kfp.Client(host='{server.url}')")).to_be_visible()
    dashboard.picture('system')


PAGES = ['runs', 'runs?text=nothing-is-called-so', 'runs/details/{run}', 'runs/details/{run}?view=graph&task=judge',
         'runs/details/{run}?view=timeline', 'runs/details/{run}?view=metrics', 'runs/details/{run}?view=details',
         'runs/details/{run}?task=judge&tab=io', 'runs/details/{run}?task=judge&tab=attempts',
         'runs/details/{run}?task=judge&tab=environment', 'compare?runlist={runs}', 'experiments', 'artifacts',
         'system', 'pipelines', 'runs/new', 'recurringruns', 'archive/runs', 'runs/details/none']


@pytest.mark.parametrize('theme, width', [('light', 1280), ('dark', 1280), ('light', 420)])
def test_every_page_for_everybody(server, chromium, axe, two_runs, theme, width):
    """axe finds nothing, nothing is wider than the screen, nothing is asked of another host."""
    context = chromium.new_context(viewport={'width': width, 'height': 800}, color_scheme=theme, bypass_csp=True,
                                   reduced_motion='reduce')
    page = context.new_page()
    strangers, found = [], []
    page.on('request', lambda request: request.url.startswith(server.url) or strangers.append(request.url))
    for address in PAGES:
        shown = address.format(run=two_runs[0], runs=','.join(two_runs))
        page.goto(f'{server.url}/#/{shown}')
        page.locator('main h1').first.wait_for()
        expect(page.locator('main .loading')).to_have_count(0)
        page.add_script_tag(path=str(axe))
        violations = page.evaluate('async () => (await axe.run(document, {iframes: false})).violations.map('
                                   'one => [one.id, one.nodes.slice(0, 3).map(one => one.html.slice(0, 200))])')
        found += [f'{address}: {rule}: {nodes}' for rule, nodes in violations]
        if page.evaluate('document.documentElement.scrollWidth > innerWidth'):
            found.append(f'{address}: it is wider than {width} pixels')
        page.screenshot(path=str(shots(f'{theme}-{width}-{re.sub("[^a-z]+", "-", address)[:40]}')))
    context.close()
    assert not found, '\n'.join(found)
    assert not [url for url in strangers if not url.startswith(('blob:', 'data:'))]


def shots(name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS / f'{name}.png'
