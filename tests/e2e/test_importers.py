"""Importers: artifacts from elsewhere are recorded without a process, and their content is there for who reads it."""

import http.server
import json
import os
import pathlib
import threading
from typing import Any, Dict

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Model

import specs
from waiting import wait_until

pytestmark = pytest.mark.sqlite('the planner decides; what it stores is tried on both databases by engine_test')


@dsl.component
def read(data: Input[Dataset], result: str):
    import json
    with open(data.path) as file:
        text = file.read()
    with open(result, 'w') as file:
        json.dump({'text': text, 'name': data.path.split('/')[-1], 'metadata': data.metadata}, file)


@dsl.component
def look(data: Input[Model], result: str):
    import json
    with open(result, 'w') as file:
        json.dump({'uri': data.uri, 'path': data.path, 'metadata': data.metadata}, file)


@dsl.component
def tell(text: str) -> str:
    return text


@dsl.container_component
def copy(data: Input[Dataset], result: str):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'cp "$0" "$2" && echo "$1" >> "$2"'],
                             args=[data.path, data.uri, result])


@dsl.container_component
def note_uri(data: Input[Dataset], result: str):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s "$0" > "$1"'], args=[data.uri, result])


@dsl.pipeline(name='importing')
def importing(uri: str, result: str):
    imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=False, metadata={'kind': 'table'})
    read(data=imported.output, result=result)


def seen(path: pathlib.Path) -> Dict[str, Any]:
    return json.loads(path.read_text())


def test_content_over_http_is_fetched_for_its_reader(server, files, tmp_path):
    result = tmp_path / 'result'
    for name in ('data.csv?signature=secret', 'moved.csv'):
        run_id = server.create_run(specs.compiled(importing), uri=f'{files.url}/{name}', result=str(result))
        server.succeed(run_id)
        assert seen(result) == {'text': 'a,b\n1,2\n', 'name': name.split('?')[0], 'metadata': {'kind': 'table'}}
    tasks = server.tasks(run_id)
    assert not tasks['importer'].get('pod_name')  # no process
    assert tasks['importer']['outputs']['artifact']['artifact_ids'] == tasks['read']['inputs']['data']['artifact_ids']
    log = server.log_of(run_id, tasks['read']['task_id'])
    assert f'fetched 8 bytes from {files.url}/data.csv' in log
    # os.walk passes over what is removed while it looks.
    wait_until('the copy to go',
               lambda: not any('moved.csv' in names for *_, names in os.walk(server.data_dir / 'work')), 30)


def test_files_of_the_machine(server, tmp_path):
    data, result = tmp_path / 'my data.csv', tmp_path / 'result'
    data.write_text('here')
    for uri in (str(data), data.as_uri()):
        server.succeed(server.create_run(specs.compiled(importing), uri=uri, result=str(result)))
        assert seen(result)['text'] == 'here'
    run = server.finish(server.create_run(specs.compiled(importing), uri=str(tmp_path / 'none'), result=str(result)))
    assert run['state'] == 'FAILED'
    assert f'there is no {tmp_path}/none on this machine' in run['error']['message']


@dsl.pipeline(name='containers')
def containers(uri: str, result: str):
    imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset)
    copy(data=imported.output, result=result)


@dsl.pipeline(name='only-the-uri')
def only_the_uri(uri: str, result: str):
    imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset)
    note_uri(data=imported.output, result=result)


def test_containers_get_the_path_and_the_uri(server, files, tmp_path):
    result = tmp_path / 'result'
    uri = f'{files.url}/data.csv'
    server.succeed(server.create_run(specs.compiled(containers), uri=uri, result=str(result)))
    assert result.read_text() == f'a,b\n1,2\n{uri}\n'
    # Who asks for the URI only has nothing fetched: there is nothing behind this one.
    asked = len(files.requests)
    for uri in (f'{files.url}/none', 'gs://bucket/object', 'hdfs://host/file', 'oci://registry/model:1'):
        server.succeed(server.create_run(specs.compiled(only_the_uri), uri=uri, result=str(result)))
        assert result.read_text() == uri
    assert len(files.requests) == asked


def test_what_cannot_be_had_fails_the_reader_by_a_sentence(server, files, tmp_path):
    result = str(tmp_path / 'result')
    for pipeline, uri, words in (
            (importing, f'{files.url}/none?signature=secret', 'status 404'),
            (importing, 'http://127.0.0.1:1/data.csv', 'could not be fetched'),
            (containers, 's3://bucket/data.csv', 'the server knows no store for it'),
            (containers, 'hdfs://host/data.csv', 'only http://, https://, objects in stores and files of this machine'),
            (importing, 'gs://bucket/data.csv', 'nothing is mounted at /gcs/bucket/data.csv'),
            (importing, 'data.csv', 'neither a URI with a scheme nor an absolute path')):
        run_id = server.create_run(specs.compiled(pipeline), uri=uri, result=result)
        run = server.finish(run_id)
        tasks = server.tasks(run_id)
        assert tasks.pop('importer')['state'] == 'SUCCEEDED'
        (reader,) = tasks.values()
        assert reader['state'] == 'FAILED'
        assert words in reader['error']['message'] and words in run['error']['message'], run['error']
        assert 'secret' not in run['error']['message']


@dsl.pipeline(name='every-uri')
def every_uri(folder: str, count: int, who: str):
    constant = dsl.importer(
        artifact_uri='gs://bucket/constant', artifact_class=Model,
        metadata={'count': count, 'text': f'n={count}', 'list': [count, {'name': who}], who: True})
    look(data=constant.output, result=f'{folder}/constant').set_display_name('constant')
    made = tell(text='s3://bucket/from-a-task')
    from_task = dsl.importer(artifact_uri=made.output, artifact_class=Model)
    look(data=from_task.output, result=f'{folder}/task').set_display_name('task')
    joined = dsl.importer(artifact_uri=f'minio://{who}/joined', artifact_class=Model)
    look(data=joined.output, result=f'{folder}/joined').set_display_name('joined')
    with dsl.ParallelFor(['a', 'b']) as item:
        looped = dsl.importer(artifact_uri=item, artifact_class=Model)
        look(data=looped.output, result=f'{folder}/loop').set_display_name('loop')


def test_where_a_uri_comes_from_and_metadata(server, tmp_path):
    server.succeed(server.create_run(specs.compiled(every_uri), folder=str(tmp_path), count=3, who='me'), 120)
    assert seen(tmp_path / 'constant') == {
        'uri': 'gs://bucket/constant', 'path': '/gcs/bucket/constant',
        'metadata': {'count': 3, 'text': 'n=3', 'list': [3, {'name': 'me'}], 'me': True}}
    assert seen(tmp_path / 'task')['uri'] == 's3://bucket/from-a-task'
    assert seen(tmp_path / 'joined')['uri'] == 'minio://me/joined'
    assert seen(tmp_path / 'loop')['uri'] in ('a', 'b')


def importing_with(reimport: bool) -> Any:
    @dsl.pipeline(name='importing-again')
    def importing_again(uri: str):
        dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=reimport)
    return specs.compiled(importing_again)


def test_an_artifact_is_recorded_once_unless_wanted_anew(server, unique):
    def id_of(reimport: bool) -> str:
        run_id = server.create_run(importing_with(reimport), uri=uri)
        server.succeed(run_id)
        return server.tasks(run_id)['importer']['outputs']['artifact']['artifact_ids'][0]

    uri = f'gs://bucket/{unique("object")}'
    first = id_of(False)
    assert id_of(False) == first
    anew = id_of(True)
    assert anew not in (first, id_of(True))


@dsl.component
def pass_on(data: Input[Dataset]) -> Dataset:
    return Dataset(uri=data.uri, metadata={'by': 'pass_on'})


@dsl.pipeline(name='passing-on')
def passing_on(uri: str, result: str):
    imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset)
    passed = pass_on(data=imported.output)
    read(data=passed.output, result=result)


def test_fetched_content_that_is_passed_on_is_fetched_again(server, files, tmp_path):
    result = tmp_path / 'result'
    run_id = server.create_run(specs.compiled(passing_on), uri=f'{files.url}/data.csv', result=str(result))
    server.succeed(run_id)
    assert seen(result)['text'] == 'a,b\n1,2\n' and seen(result)['metadata'] == {'by': 'pass_on'}
    assert files.requests == ['/data.csv', '/data.csv']


def test_a_fetch_outlives_the_server_and_ends_with_the_run(own_server, tmp_path):
    """The fetch is the attempt's own process: it is found again, and terminating the run ends it."""
    release = threading.Event()
    asked = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            self.send_response(200)
            self.send_header('Content-Length', '4')
            self.end_headers()
            release.wait(120)
            self.wfile.write(b'slow')

        def log_message(self, *_: object) -> None:
            pass

    slow = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Slow)
    slow.daemon_threads = True
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    try:
        server, result = own_server, tmp_path / 'result'
        uri = f'http://127.0.0.1:{slow.server_port}/slow.txt'
        run_id = server.create_run(specs.compiled(importing), uri=uri, result=str(result))
        wait_until('the content to be asked for', asked.is_set, 60)
        server.kill()
        server.start()
        release.set()
        server.succeed(run_id)
        assert seen(result)['text'] == 'slow'

        release.clear()
        asked.clear()
        run_id = server.create_run(specs.compiled(importing), uri=uri, result=str(result))
        wait_until('the content to be asked for', asked.is_set, 60)
        server.ok('POST', f'/runs/{run_id}:terminate')
        server.finish(run_id)
        assert server.task_states(run_id)['read'] == 'CANCELED'
    finally:
        release.set()
        slow.shutdown()
        slow.server_close()
