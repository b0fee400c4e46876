"""Artifacts in an object store: where they go, who reads them, what a user is told when the store is not at hand."""

import json
import os
import pathlib
import shutil
from typing import Any, Dict

import pytest
import requests
from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

import object_stores
import specs
from penstock import SERVER, environment
from waiting import wait_until

pytestmark = pytest.mark.sqlite('where content lies is no matter of the database')


@dsl.component
def make(text: str, data: Output[Dataset], model: Output[Model]):
    import os
    with open(data.path, 'w') as file:
        file.write(text)
    os.makedirs(model.path + '/layers')
    for name in ('weights', 'layers/first one'):
        with open(f'{model.path}/{name}', 'w') as file:
            file.write(text * 2)
    model.metadata['framework'] = 'none'
    print('made', text)


@dsl.component
def use(data: Input[Dataset], model: Input[Model]) -> str:
    with open(data.path) as first, open(f'{model.path}/layers/first one') as second:
        return first.read() + second.read()


@dsl.pipeline(name='stored')
def stored(text: str = 'abc'):
    made = make(text=text)
    use(data=made.outputs['data'], model=made.outputs['model'])


@dsl.container_component
def copy_out(text: str, out: Output[Dataset], note: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s "$0" > "$1" && printf %s "$2" > "$3"'],
                             args=[text, out.path, out.uri, note])


@pytest.fixture
def bucket(s3, unique) -> str:
    name = unique('bucket')
    s3.bucket(name)
    return name


@pytest.fixture
def stored_server(make_server, s3, bucket):
    """A server whose artifacts go to a bucket of its own, by the cloud's own variables."""
    server = make_server(f'--pipeline_root=s3://{bucket}/root')
    server.variables = s3.variables()
    return server.start()


def create(server, spec: Dict[str, Any], root: str = '', **parameters: Any):
    config = {'parameters': parameters, **({'pipeline_root': root} if root else {})}
    return server.request('POST', '/runs', json={'display_name': 'run', 'pipeline_spec': spec,
                                                 'runtime_config': config})


def artifacts_of(server, run_id: str) -> Dict[str, Dict[str, Any]]:
    task = server.tasks(run_id)['make']
    return {name: server.ok('GET', f'/artifacts/{made["artifact_ids"][0]}') for name, made in task['outputs'].items()}


def content(server, artifact: Dict[str, Any], **query: str):
    return server.request('GET', f'/apis/penstock/v1/artifacts/{artifact["artifact_id"]}/content', params=query)


def test_a_run_keeps_its_artifacts_and_logs_in_the_bucket(stored_server, s3, bucket):
    server = stored_server
    run_id = create(server, specs.compiled(stored), text='xyz').json()['run_id']
    run = server.succeed(run_id)
    assert run['runtime_config']['pipeline_root'] == f's3://{bucket}/root'
    made = artifacts_of(server, run_id)
    prefix = f's3://{bucket}/root/stored/{run_id}/make/'
    assert made['data']['uri'].startswith(prefix) and made['data']['uri'].endswith('/data')
    key = made['data']['uri'][len(f's3://{bucket}/'):]
    objects = [name for name in s3.objects(bucket) if '/@' not in name]
    base = key[:-len('data')]
    assert objects == sorted([key, f'{base}model/layers/first one', f'{base}model/weights'])
    assert (s3.buckets / bucket / key).read_text() == 'xyz'
    # The log lies there too, whole, with what its last line says.
    logs = [name for name in s3.objects(bucket) if name.startswith(f'root/@logs/{run_id}/')]
    assert len(logs) == 2
    copy = next(name for name in logs if '/make' in name)
    assert 'made xyz\n' in (s3.buckets / bucket / copy).read_text()
    # Nothing is left on the machine but the logs.
    left = [name for _, _, names in os.walk(server.data_dir / 'artifacts') for name in names]
    assert left == []


def test_content_is_read_in_ranges_and_folders_are_listed(stored_server):
    server = stored_server
    run_id = create(server, specs.compiled(stored), text='0123456789').json()['run_id']
    server.succeed(run_id)
    made = artifacts_of(server, run_id)
    assert content(server, made['data']).text == '0123456789'
    part = server.request('GET', f'/apis/penstock/v1/artifacts/{made["data"]["artifact_id"]}/content',
                          headers={'Range': 'bytes=3-5'})
    assert part.status_code == 206 and part.text == '345' and part.headers['Content-Range'] == 'bytes 3-5/10'
    assert content(server, made['model'], path='layers/first one').text == '0123456789' * 2
    listed = server.ok('GET', f'/apis/penstock/v1/artifacts/{made["model"]["artifact_id"]}/contents')
    assert listed['is_folder'] and [entry['name'] for entry in listed['entries']] == ['layers', 'weights']
    assert content(server, made['model'], path='none').status_code == 404


def test_an_equal_task_is_taken_from_the_cache_while_its_outputs_are_there(stored_server, s3, bucket):
    server = stored_server
    first = create(server, specs.compiled(stored)).json()['run_id']
    server.succeed(first)
    before = s3.objects(bucket)
    second = create(server, specs.compiled(stored)).json()['run_id']
    server.succeed(second)
    assert [name for name in s3.objects(bucket) if '/@' not in name] == [name for name in before if '/@' not in name]
    assert artifacts_of(server, second)['data']['uri'] == artifacts_of(server, first)['data']['uri']
    # What is gone or changed is made anew.
    key = artifacts_of(server, first)['data']['uri'][len(f's3://{bucket}/'):]
    (s3.buckets / bucket / key).unlink()
    third = create(server, specs.compiled(stored)).json()['run_id']
    server.succeed(third)
    assert artifacts_of(server, third)['data']['uri'] != artifacts_of(server, first)['data']['uri']


def test_a_run_names_a_root_of_its_own(make_server, s3, bucket, tmp_path):
    server = make_server(f'--stores={s3.settings(f"s3://{bucket}/", tmp_path / "stores.yaml")}').start()
    local = create(server, specs.compiled(stored)).json()['run_id']
    server.succeed(local)
    remote = create(server, specs.compiled(stored), f's3://{bucket}/mine/', text='other').json()
    assert remote['runtime_config']['pipeline_root'] == f's3://{bucket}/mine'
    server.succeed(remote['run_id'])
    assert artifacts_of(server, remote['run_id'])['data']['uri'].startswith(f's3://{bucket}/mine/stored/')
    assert all(name.startswith('mine/') for name in s3.objects(bucket))
    for root, words in (('s3://other/x', 'does not know'), ('hdfs://x/y', 'begins with s3://'),
                        ('file:///tmp', '--file_roots'), (f's3://{bucket}/a?region=x', '--stores file')):
        answer = create(server, specs.compiled(stored), root)
        assert answer.status_code == 400 and words in answer.text


def test_the_root_of_a_pipeline_counts_where_the_operator_knows_it(make_server, s3, bucket, tmp_path):
    server = make_server(f'--stores={s3.settings(f"s3://{bucket}/", tmp_path / "stores.yaml")}').start()
    for root, kept in ((f's3://{bucket}/of-pipeline', f's3://{bucket}/of-pipeline'), ('s3://change/me', None),
                       ('dummy_root', None)):
        spec = {**specs.compiled(stored), 'defaultPipelineRoot': root}
        run = create(server, spec, text=root).json()
        assert run.get('runtime_config', {}).get('pipeline_root') == kept
        server.succeed(run['run_id'])
        uri = artifacts_of(server, run['run_id'])['data']['uri']
        assert uri.startswith(kept) if kept else not uri.startswith('s3://')


def test_a_disk_as_root_needs_no_copy(make_server, tmp_path):
    root = tmp_path / 'shared disk'
    root.mkdir()
    server = make_server(f'--file_roots={root}').start()
    run_id = create(server, specs.compiled(stored), root.as_uri().replace('%20', ' '), text='disk').json()['run_id']
    server.succeed(run_id)
    made = artifacts_of(server, run_id)
    assert content(server, made['data']).text == 'disk'
    found = list(root.glob(f'stored/{run_id}/make/*/data'))
    assert len(found) == 1 and found[0].read_text() == 'disk'


@dsl.component
def read_imported(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


def test_importers_bring_objects(stored_server, s3, bucket):
    server = stored_server
    (s3.buckets / bucket / 'in put').mkdir()
    (s3.buckets / bucket / 'in put' / 'ä.csv').write_text('a,b')

    @dsl.pipeline(name='imports')
    def imports(uri: str):
        read_imported(data=dsl.importer(artifact_uri=uri, artifact_class=Dataset).output)
    run_id = server.create_run(specs.compiled(imports), uri=f's3://{bucket}/in put/ä.csv')
    server.succeed(run_id)
    failed = server.finish(server.create_run(specs.compiled(imports), uri=f's3://{bucket}/none.csv'))
    assert failed['state'] == 'FAILED'
    for word in ('data', bucket, 'none.csv'):
        assert word in failed['error']['message'], failed['error']


def test_custom_paths_and_uris_of_containers(stored_server, s3, bucket, tmp_path):
    server = stored_server

    @dsl.component
    def elsewhere(data: Output[Dataset], path: str):
        data.custom_path = path
        with open(path, 'w') as file:
            file.write('custom')

    @dsl.pipeline(name='customs')
    def customs(path: str):
        made = elsewhere(path=path)
        read_imported(data=made.outputs['data'])
        copy_out(text='c')
    run_id = server.create_run(specs.compiled(customs), path=str(tmp_path / 'custom file'))
    server.succeed(run_id)
    tasks = server.tasks(run_id)
    uri = server.ok('GET', f'/artifacts/{tasks["elsewhere"]["outputs"]["data"]["artifact_ids"][0]}')['uri']
    assert (s3.buckets / bucket / uri[len(f's3://{bucket}/'):]).read_text() == 'custom'
    # A container is told the place in the store, and a path of the machine to write to.
    out = server.ok('GET', f'/artifacts/{tasks["copy-out"]["outputs"]["out"]["artifact_ids"][0]}')['uri']
    assert out.startswith(f's3://{bucket}/root/customs/{run_id}/copy-out/')
    assert (s3.buckets / bucket / out[len(f's3://{bucket}/'):]).read_text() == 'c'


def test_the_log_is_read_from_the_store_when_the_machine_has_it_no_more(stored_server):
    server = stored_server
    run_id = create(server, specs.compiled(stored)).json()['run_id']
    server.succeed(run_id)
    task = server.tasks(run_id)['make']['task_id']
    before = server.log_of(run_id, task)
    assert 'made abc' in before
    shutil.rmtree(server.data_dir / 'logs' / run_id)
    after = server.log_of(run_id, task)
    assert 'made abc' in after and after in before + 'x' or after == before
    found = server.request('GET', f'/apis/penstock/v1/runs/{run_id}/tasks/{task}/log:search', params={'text': 'made'})
    assert found.status_code in (200, 404)


def test_downloads_may_go_to_the_store(make_server, s3, bucket):
    server = make_server(f'--pipeline_root=s3://{bucket}', '--store_links_s=60')
    server.variables = s3.variables()
    server.start()
    run_id = create(server, specs.compiled(stored), text='linked').json()['run_id']
    server.succeed(run_id)
    artifact = artifacts_of(server, run_id)['data']
    path = f'/apis/penstock/v1/artifacts/{artifact["artifact_id"]}/content'
    answer = server.request('GET', path, params={'download': 'true'}, allow_redirects=False)
    assert answer.status_code == 302 and answer.headers['Location'].startswith(s3.endpoint)
    assert object_stores.SECRET_KEY not in answer.headers['Location']
    followed = server.request('GET', path, params={'download': 'true'})
    assert followed.text == 'linked' and 'attachment' in followed.headers['Content-Disposition']
    # What is shown in a page comes from the server.
    assert server.request('GET', path, allow_redirects=False).text == 'linked'


def test_a_wrong_secret_is_said_at_the_start(make_server, s3, bucket):
    server = make_server(f'--pipeline_root=s3://{bucket}')
    server.variables = {**s3.variables(), 'AWS_SECRET_ACCESS_KEY': 'not-the-one'}
    server.launch()
    assert server.wait() == 1
    said = server.log_tail()
    assert f'PutObject of s3://{bucket}/' in said and 'SignatureDoesNotMatch' in said, said
    assert 'not-the-one' not in said, said


def test_check_store_names_the_call_that_is_refused(s3, bucket, tmp_path):
    import subprocess
    command = [str(SERVER), 'check-store']
    base = {**environment(tmp_path), **s3.variables()}

    def check(uri: str, **variables: str):
        return subprocess.run([*command, uri], env={**base, **variables}, capture_output=True, text=True, timeout=120)
    good = check(f's3://{bucket}/probe')
    assert good.returncode == 0, good.stdout + good.stderr
    assert 'PutObject' in good.stdout and s3.objects(bucket) == []
    for uri, variables, words in ((f's3://{bucket}-none/x', {}, 'bucket'),
                                  (f's3://{bucket}', {'AWS_SECRET_ACCESS_KEY': 'wrong'}, 'Put')):
        bad = check(uri, **variables)
        assert bad.returncode == 1 and words in bad.stdout + bad.stderr, bad.stdout + bad.stderr
    assert subprocess.run(command, env=base, capture_output=True, timeout=60).returncode == 2


def test_a_store_that_is_away_fails_the_task_by_its_name(make_server, s3, bucket, tmp_path):
    own = object_stores.S3(tmp_path / 'own')
    own.bucket('team')
    try:
        own.start()
        server = make_server('--pipeline_root=s3://team/root')
        server.variables = own.variables()
        server.start()
        run_id = create(server, specs.compiled(stored)).json()['run_id']
        server.succeed(run_id)
        artifact = artifacts_of(server, run_id)['data']
        own.stop()
        failed = server.finish(create(server, specs.compiled(stored), text='no').json()['run_id'], timeout=120)
        assert failed['state'] == 'FAILED' and 's3://team/root' in json.dumps(failed['error']), failed['error']
        assert content(server, artifact).status_code == 503
        own.start()
        assert content(server, artifact).text == 'abc'
        server.succeed(create(server, specs.compiled(stored), text='yes').json()['run_id'])
    finally:
        own.close()


def test_a_server_starts_while_its_store_is_away(make_server):
    port = object_stores.free_port()
    server = make_server('--pipeline_root=s3://team/root')
    server.variables = {**object_stores.S3.variables_at(f'http://127.0.0.1:{port}')}
    server.start()
    assert 'cannot be used' in server.log_tail(100)


def test_killed_while_it_uploads(make_server, s3, bucket, journal, tmp_path):
    """The attempt outlives the server, and its end is found again."""
    @dsl.component
    def slow(gate: str, data: Output[Dataset]):
        import os
        import time
        with open(data.path, 'w') as file:
            file.write('slow')
        open(gate + '.ready', 'w').close()
        while not os.path.exists(gate):
            time.sleep(0.02)

    @dsl.pipeline(name='outlives')
    def outlives(gate: str):
        read_imported(data=slow(gate=gate).outputs['data'])
    server = make_server(f'--pipeline_root=s3://{bucket}')
    server.variables = s3.variables()
    server.start()
    gate = tmp_path / 'gate'
    run_id = server.create_run(specs.compiled(outlives), gate=str(gate))
    wait_until('the task to run', lambda: pathlib.Path(f'{gate}.ready').exists(), 60)
    server.kill()
    gate.touch()
    wait_until('the upload', lambda: any(name.endswith('/data') for name in s3.objects(bucket)), 30)
    server.start()
    server.succeed(run_id)


def test_kfps_ui_reads_objects_by_bucket_and_key(stored_server, bucket):
    server = stored_server
    run_id = create(server, specs.compiled(stored), text='for a page').json()['run_id']
    server.succeed(run_id)
    key = artifacts_of(server, run_id)['data']['uri'][len(f's3://{bucket}/'):]
    query = {'source': 's3', 'bucket': bucket, 'key': key}
    assert requests.get(f'{server.url}/artifacts/get', params=query, timeout=60).text == 'for a page'
    assert requests.get(f'{server.url}/artifacts/s3/{bucket}/{key}', timeout=60).text == 'for a page'
    # Nothing but what a run has recorded is read with the server's credentials.
    other = {**query, 'key': f'root/@logs/{run_id}/make-1.log'}
    assert requests.get(f'{server.url}/artifacts/get', params=other, timeout=60).status_code in (404, 409, 412, 400)


@pytest.mark.parametrize('cloud', [object_stores.Gcs, object_stores.Azure])
def test_the_other_clouds(make_server, tmp_path, cloud):
    if cloud is object_stores.Azure and not shutil.which('npm'):
        pytest.skip('there is no npm, with which azurite is installed')
    object_stores.required(cloud.missing())
    store = cloud(tmp_path / 'cloud')
    try:
        store.start()
        root = f'{cloud.scheme}://team/a root'
        server = make_server(f'--pipeline_root={root}')
        server.variables = store.variables()
        server.start()
        run_id = create(server, specs.compiled(stored), text='cloud').json()['run_id']
        server.succeed(run_id)
        made = artifacts_of(server, run_id)
        assert made['data']['uri'].startswith(f'{root}/stored/{run_id}/make/')
        assert content(server, made['data']).text == 'cloud'
        assert content(server, made['model'], path='layers/first one').text == 'cloudcloud'
        again = create(server, specs.compiled(stored), text='cloud').json()['run_id']
        server.succeed(again)
        assert artifacts_of(server, again)['data']['uri'] == made['data']['uri']
        for one in (run_id, again):
            assert server.request('DELETE', f'/runs/{one}').status_code == 200
        for one in (run_id, again):
            wait_until('the content to go', lambda: removal(server, one)['state'] == 'DONE', 60)
        # With a log of each task. Which of the two took what both had depends on which went first.
        assert sum(int(removal(server, one).get('removed_files', 0)) for one in (run_id, again)) >= 7
    finally:
        store.close()


def removal(server, run_id: str) -> Dict[str, Any]:
    return server.ok('GET', f'/apis/penstock/v1/contentremovals/{run_id}')


def test_what_is_deleted_is_gone_from_the_bucket(stored_server, s3, bucket):
    """But for what another run has from the cache, which goes with that."""
    server = stored_server
    first = create(server, specs.compiled(stored)).json()['run_id']
    server.succeed(first)
    second = create(server, specs.compiled(stored)).json()['run_id']
    server.succeed(second)
    third = create(server, specs.compiled(stored), text='mine').json()['run_id']
    server.succeed(third)
    kept = artifacts_of(server, second)
    assert server.request('DELETE', f'/runs/{first}').status_code == 200
    wait_until('the first run to go', lambda: removal(server, first)['state'] == 'DONE', 60)
    left = s3.objects(bucket)
    assert not [key for key in left if f'@logs/{first}/' in key]
    assert content(server, kept['data']).text == 'abc'
    assert content(server, kept['model'], path='weights').text == 'abcabc'
    assert server.request('DELETE', f'/runs/{second}').status_code == 200
    wait_until('the second run to go', lambda: removal(server, second)['state'] == 'DONE', 60)
    left = [key for key in s3.objects(bucket) if '/@content/' not in key and '/@uploads/' not in key]
    assert left and all(third in key for key in left), left


def test_a_bucket_that_is_gone_is_named(stored_server, s3, bucket):
    """Nothing is taken from the cache whose content nobody can tell of."""
    server = stored_server
    server.succeed(create(server, specs.compiled(stored)).json()['run_id'])
    shutil.rmtree(s3.buckets / bucket)
    failed = server.finish(create(server, specs.compiled(stored)).json()['run_id'], timeout=120)
    assert failed['state'] == 'FAILED'
    for word in ('NoSuchBucket', bucket, 'create the bucket'):
        assert word in failed['error']['message'], failed['error']
