"""Every result can be explained and done again: records of attempts, runs side by side, reruns."""

import subprocess
from typing import Any, Dict, Iterator, List

import pytest
from kfp import dsl

import specs
from package_index import PackageIndex
from penstock import SERVER, Server, environment
from specs import Shell

API = '/apis/penstock/v1'


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    served = PackageIndex()
    yield served
    served.close()


def training(requirement: str, index: PackageIndex) -> Dict[str, Any]:
    """A pipeline that asks for a package, and writes what the package and the rate make of it."""
    @dsl.component(packages_to_install=[requirement], pip_index_urls=[index.url], pip_trusted_hosts=['127.0.0.1'])
    def train(rate: float, model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics]) -> float:
        import penstock_one
        with open(model.path, 'w') as file:
            file.write(f'{penstock_one.__version__} {rate}')
        metrics.log_metric('loss', 1 / rate)
        return rate * 2

    @dsl.component
    def steady(text: dsl.Output[dsl.Artifact]):
        with open(text.path, 'w') as file:
            file.write('always the same')

    @dsl.pipeline(name='training')
    def pipeline(rate: float):
        task = train(rate=rate)
        task.set_env_variable('MODE', 'fast').set_env_variable('API_TOKEN', 's3cr3t')
        steady()
    return specs.compiled(pipeline)


def attempts(server: Server, run_id: str, task: str) -> List[Dict[str, Any]]:
    return server.ok('GET', f'{API}/runs/{run_id}/tasks/{task}/attempts').get('attempts', [])


def compare(server: Server, *run_ids: str, **query: Any) -> Dict[str, Any]:
    return server.ok('GET', f'{API}/runs:compare', params={'run_ids': list(run_ids), **query})


def rows(comparison: Dict[str, Any], section: str) -> Dict[str, Dict[str, Any]]:
    """The rows of a section, as 'task: key' or 'key'."""
    found = next(part for part in comparison['sections'] if part['name'] == section)
    return {': '.join(filter(None, (row.get('task'), row['key']))): row for row in found.get('rows', [])}


def values(row: Dict[str, Any]) -> List[Any]:
    return [value.get('value') for value in row['values']]


def test_a_record_says_how_each_attempt_was_run(server, index):
    run_id = server.create_run(training(index.add('penstock_one'), index), rate=0.5)
    server.succeed(run_id, timeout=120)
    (record,) = attempts(server, run_id, 'train')
    assert record['outcome'] == 'SUCCEEDED' and record['number'] == 1 and record['exit_code'] == 0
    setup = record['setup']
    assert setup['command'][:2] == ['sh', '-c'] and '{{$}}' in setup['command'], setup
    assert setup['variables'] == {'MODE': 'fast', 'API_TOKEN': '***'}
    assert setup['image'].startswith('python:')
    assert 'penstock-one==1.0' in [package.replace('_', '-') for package in record['packages']]
    machine = record['place']['machine']
    assert machine['hostname'] and machine['kernel'].startswith('Linux') and machine['cpus'] >= 1
    assert int(machine['memory_bytes']) > 0 and machine['architecture']
    interpreter = record['place']['interpreter']
    assert any(package.startswith('kfp==') for package in interpreter['packages'])
    assert 'Python' in interpreter['version']
    (other,) = attempts(server, run_id, 'steady')
    assert other['setup']['sha256'] != setup['sha256'] and other['place']['sha256'] == record['place']['sha256']
    same = server.ok('GET', f'{API}/runs/{run_id}/tasks/train/attempts/1')
    assert same == record


def test_equal_commands_of_containers_are_one(server):
    @dsl.container_component
    def write(out: dsl.Output[dsl.Artifact]):
        return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'echo "$0" > "$0"', out.path])

    @dsl.pipeline(name='writes')
    def pipeline():
        write().set_caching_options(False)
    spec = specs.compiled(pipeline)
    setups = set()
    for _ in range(2):
        run_id = server.create_run(spec)
        server.succeed(run_id)
        (record,) = attempts(server, run_id, 'write')
        assert run_id in record['setup']['command'][-1], record
        setups.add((record['setup']['sha256'], record['setup']['command_sha256']))
    assert len(setups) == 1


def test_retries_have_a_record_each_and_come_in_pages(server):
    spec = specs.shell_pipeline({'fails': Shell('exit 3')})
    spec['root']['dag']['tasks']['fails']['retryPolicy'] = {'maxRetryCount': 2, 'backoffDuration': '0.1s'}
    run_id = server.create_run(spec)
    assert server.finish(run_id)['state'] == 'FAILED'
    path = f'{API}/runs/{run_id}/tasks/fails/attempts'
    first = server.ok('GET', path, params={'page_size': 2})
    assert [record['number'] for record in first['attempts']] == [1, 2]
    assert {record['exit_code'] for record in first['attempts']} == {3}
    rest = server.ok('GET', path, params={'page_size': 2, 'page_token': first['next_page_token']})
    assert [record['number'] for record in rest['attempts']] == [3] and not rest.get('next_page_token')
    setups = {record['setup']['sha256'] for record in first['attempts'] + rest['attempts']}
    assert len(setups) == 1
    for wrong in ('x', '-1'):
        assert server.request('GET', path, params={'page_token': wrong}).status_code == 400
    assert server.request('GET', f'{path}/9').status_code == 404
    assert server.request('GET', f'{API}/runs/{run_id}/tasks/none/attempts').status_code == 404


def test_a_comparison_names_what_differs(server, index):
    old = server.create_run(training(index.add('penstock_one'), index), rate=0.5)
    server.succeed(old, timeout=120)
    new = server.create_run(training(index.add('penstock_one', '2.0'), index), rate=0.25)
    server.succeed(new, timeout=120)
    comparison = compare(server, old, new)
    assert comparison['differ'] and not comparison.get('truncated')
    assert values(rows(comparison, 'parameters')['rate']) == ['0.5', '0.25']
    assert values(rows(comparison, 'metrics')['loss']) == ['2', '4']
    assert values(rows(comparison, 'packages')['train: penstock-one']) == ['1.0', '2.0']
    assert 'train: command sha256' in rows(comparison, 'code')
    outputs = rows(comparison, 'outputs')
    assert 'train: model' in outputs and 'steady: text' not in outputs
    assert values(outputs['train: Output']) == ['1', '0.5'], outputs
    assert not rows(comparison, 'infrastructure') and not rows(comparison, 'resources')
    whole = compare(server, old, new, all='true')
    assert 'steady: text' in rows(whole, 'outputs') and rows(whole, 'resources')
    assert 'train: host' in rows(whole, 'infrastructure')


def test_only_runs_that_are_there_can_be_compared(server):
    run_id = server.create_run(specs.noop())
    server.succeed(run_id)
    for ids, code in ([run_id], 400), ([run_id, run_id], 400), ([run_id, 'none'], 404), ([], 400):
        answer = server.request('GET', f'{API}/runs:compare', params={'run_ids': ids})
        assert answer.status_code == code, answer.text


def penstock(server: Server, *words: str) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run([str(SERVER), 'runs', *words, f'--server={server.url}'],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(server.folder),
                          timeout=120)


def test_the_command_line_compares_and_runs_again(server):
    spec = specs.shell_pipeline({'say': Shell('echo "$1"', takes=['text'])}, text='s')
    one, two = (server.create_run(spec, text=text) for text in ('hello', 'world'))
    for run_id in (one, two):
        server.succeed(run_id)
    table = penstock(server, 'compare', one, two)
    assert table.returncode == 0, table.stderr
    assert '"hello"' in table.stdout and '"world"' in table.stdout and 'parameters: 1 of 1 differ' in table.stdout
    again = penstock(server, 'rerun', one)
    assert again.returncode == 0, again.stderr
    server.succeed(again.stdout.strip())
    assert 'IDENTICAL' in penstock(server, 'report', again.stdout.strip()).stdout
    assert penstock(server, 'compare', one).returncode == 2
    unknown = penstock(server, 'compare', one, 'none')
    assert unknown.returncode == 1 and 'none' in unknown.stderr


@dsl.component
def add(a: int, b: int, note: dsl.Output[dsl.Artifact]) -> int:
    with open(note.path, 'w') as file:
        file.write(f'{a} + {b}')
    return a + b


@dsl.component
def stamp(at: dsl.Output[dsl.Artifact]):
    import time
    with open(at.path, 'w') as file:
        file.write(str(time.time()))


def test_a_rerun_gives_the_same_or_says_what_it_did_not(server):
    @dsl.pipeline(name='sums')
    def pipeline(a: int):
        add(a=a, b=2)
        stamp()
    run_id = server.create_run(specs.compiled(pipeline), name='sums', a=5)
    server.succeed(run_id)
    rerun = server.ok('POST', f'{API}/runs/{run_id}:rerun', json={})
    assert rerun['display_name'] == 'sums (rerun)' and rerun['run_id'] != run_id
    assert rerun['runtime_config']['parameters'] == {'a': 5}
    done = server.succeed(rerun['run_id'])
    assert done['experiment_id'] == server.run(run_id)['experiment_id']
    assert all(attempts(server, rerun['run_id'], task) for task in ('add', 'stamp')), 'taken from the cache'
    report = server.ok('GET', f'{API}/runs/{rerun["run_id"]}/rerun_report')
    results = {(output['task'], output['name']): output['result'] for output in report['outputs']}
    assert results == {('add', 'note'): 'IDENTICAL', ('add', 'Output'): 'IDENTICAL', ('stamp', 'at'): 'DIFFERENT'}
    assert report['verdict'] == 'DIFFERENT' and report['original_run_id'] == run_id
    assert server.ok('GET', f'{API}/runs/{rerun["run_id"]}')['tags'] == {'penstock.rerun_of': run_id}
    named = server.ok('POST', f'{API}/runs/{run_id}:rerun', json={'display_name': 'third'})
    assert named['display_name'] == 'third'
    server.succeed(named['run_id'])


def test_what_cannot_be_run_again_says_so(server):
    run_id = server.create_run(specs.noop())
    server.succeed(run_id)
    assert server.request('POST', f'{API}/runs/none:rerun', json={}).status_code == 404
    alone = server.request('GET', f'{API}/runs/{run_id}/rerun_report')
    assert alone.status_code == 400 and 'penstock.rerun_of' in alone.text
    with_other = server.ok('GET', f'{API}/runs/{run_id}/rerun_report', params={'original_run_id': run_id})
    assert with_other['verdict'] == 'IDENTICAL'
