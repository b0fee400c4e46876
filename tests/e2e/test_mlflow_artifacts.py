"""Artifacts of MLflow's runs: the unmodified client, and what a hostile one tries."""

import concurrent.futures
import hashlib
import json
import os

import pytest

from mlflow_peer import ARTIFACTS, needed, refusal

mlflow = needed()

# The client itself cuts off names at # and ?, and decodes %25.
NAMES = ('plain.txt', 'with blank.txt', 'ümläut ß.txt', '実験/損失.bin', 'a+b&c=d.txt', '100%.txt', 'semi;colon.txt',
         "quote's.txt", 'double"quote.txt',
         '[brackets].txt', 'a:b.txt', '~tilde', 'no_suffix', '.hidden', 'trailing ', 'n' * 200,
         'deep/er/and/deep.er/file.x')


def listed(tracking, run, path=None):
    return {one.path: (one.is_dir, one.file_size) for one in tracking.client.list_artifacts(run, path)}


def whole_tree(tracking, run, path=None):
    """All files below, by their path. MLflow leaves out a size of 0."""
    files = {}
    for one in tracking.client.list_artifacts(run, path):
        files.update(whole_tree(tracking, run, one.path) if one.is_dir else {one.path: one.file_size or 0})
    return files


def place(tracking, run):
    """The path of the run's artifacts below the proxy's address."""
    return tracking.client.get_run(run).info.artifact_uri.partition(':/')[2].strip('/')


@pytest.fixture
def run(tracking):
    """A run that mlflow's module logs to."""
    with mlflow.start_run(experiment_id=tracking.experiment()) as started:
        yield started.info.run_id


def test_files_and_folders(tracking, run, tmp_path):
    tree = tmp_path / 'tree'
    (tree / 'sub/deeper').mkdir(parents=True)
    (tree / 'one.txt').write_text('one')
    (tree / 'sub/two.csv').write_text('a,b\n1,2\n')
    (tree / 'sub/deeper/three.bin').write_bytes(bytes(range(256)))
    (tree / 'empty').write_text('')
    mlflow.log_artifact(str(tree / 'one.txt'))
    mlflow.log_artifact(str(tree / 'one.txt'), 'folder/inside')
    mlflow.log_artifacts(str(tree), 'whole')
    assert listed(tracking, run) == {'one.txt': (False, 3), 'folder': (True, None), 'whole': (True, None)}
    assert listed(tracking, run, 'folder') == {'folder/inside': (True, None)}
    assert listed(tracking, run, 'folder/inside') == {'folder/inside/one.txt': (False, 3)}
    assert whole_tree(tracking, run) == {
        'one.txt': 3, 'folder/inside/one.txt': 3, 'whole/one.txt': 3, 'whole/empty': 0, 'whole/sub/two.csv': 8,
        'whole/sub/deeper/three.bin': 256}
    # One file, a folder, all of it.
    one = mlflow.artifacts.download_artifacts(run_id=run, artifact_path='whole/sub/deeper/three.bin')
    assert open(one, 'rb').read() == bytes(range(256))
    target = tmp_path / 'down'
    target.mkdir()
    tracking.client.download_artifacts(run, 'whole', str(target))
    assert (target / 'whole/sub/two.csv').read_text() == 'a,b\n1,2\n' and (target / 'whole/empty').read_bytes() == b''
    everything = mlflow.artifacts.download_artifacts(artifact_uri=f'runs:/{run}/', dst_path=str(tmp_path / 'all'))
    assert sum(len(files) for _, _, files in os.walk(everything)) == 6


def test_texts_dicts_and_tables(tracking, run):
    mlflow.set_experiment(experiment_id=tracking.client.get_run(run).info.experiment_id)  # load_table looks there
    mlflow.log_text('héllo\n', 'notes/hello.txt')
    mlflow.log_dict({'a': [1, None], 'ü': {'b': 1.5}}, 'config.json')
    mlflow.log_dict({'a': 1}, 'config.yaml')
    assert mlflow.artifacts.load_text(f'runs:/{run}/notes/hello.txt') == 'héllo\n'
    assert mlflow.artifacts.load_dict(f'runs:/{run}/config.json') == {'a': [1, None], 'ü': {'b': 1.5}}
    mlflow.log_table({'question': ['q1', 'q2'], 'score': [1, 2]}, 'tables/eval.json')
    mlflow.log_table({'question': ['q3'], 'score': [3]}, 'tables/eval.json')  # reads the old one and writes it anew
    table = mlflow.load_table('tables/eval.json', run_ids=[run])
    assert list(table['question']) == ['q1', 'q2', 'q3'] and list(table['score']) == [1, 2, 3]
    tag = json.loads(tracking.client.get_run(run).data.tags['mlflow.loggedArtifacts'])
    assert tag == [{'path': 'tables/eval.json', 'type': 'table'}]


def test_figures_and_images(tracking, run):
    pyplot = pytest.importorskip('matplotlib.pyplot')
    numpy = pytest.importorskip('numpy')
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3])
    mlflow.log_figure(figure, 'plots/curve.png')
    pyplot.close(figure)
    mlflow.log_image(numpy.zeros((8, 8, 3), dtype=numpy.uint8), 'image.png')
    mlflow.log_image(numpy.zeros((8, 8, 3), dtype=numpy.uint8), key='sample', step=3)
    assert mlflow.artifacts.load_image(f'runs:/{run}/image.png').size == (8, 8)
    with open(mlflow.artifacts.download_artifacts(run_id=run, artifact_path='plots/curve.png'), 'rb') as file:
        assert file.read(8) == b'\x89PNG\r\n\x1a\n'
    assert len(listed(tracking, run, 'images')) == 2  # the image and its thumbnail


def test_names(tracking, run):
    for name in NAMES:
        mlflow.log_text(f'content of {name}', name)
    assert set(whole_tree(tracking, run)) == set(NAMES)
    for name in NAMES:
        with open(tracking.client.download_artifacts(run, name), encoding='utf-8') as file:
            assert file.read() == f'content of {name}', name


def test_written_again(tracking, run):
    mlflow.log_text('a long first content', 'same.txt')
    mlflow.log_text('second', 'same.txt')
    assert listed(tracking, run) == {'same.txt': (False, 6)}
    assert mlflow.artifacts.load_text(f'runs:/{run}/same.txt') == 'second'


def test_what_is_not_there(tracking, run):
    assert listed(tracking, run) == {}
    assert listed(tracking, run, 'no/such') == {}
    with pytest.raises(Exception, match='(?i)no such|not found|404|does not exist|Failed to download'):
        tracking.client.download_artifacts(run, 'no/such.txt')
    where = f'{ARTIFACTS}/{place(tracking, run)}'
    tracking.refused(404, 'RESOURCE_DOES_NOT_EXIST', 'GET', f'{where}/none.txt')
    assert tracking.ok('GET', ARTIFACTS, params={'path': f'{place(tracking, run)}/none'}) == {}
    mlflow.log_text('x', 'folder/file.txt')
    assert tracking.request('GET', f'{where}/folder').status_code in (400, 404), 'a folder has no bytes'
    tracking.refused(404, 'RESOURCE_DOES_NOT_EXIST', 'GET', '/artifacts/list', params={'run_id': 'f' * 32})


def test_the_lists_on_the_wire(tracking, run):
    """The proxy names what is in a folder, the tracking API paths below the run's root."""
    mlflow.log_text('12345', 'folder/file.txt')
    mlflow.log_text('x', 'top.txt')
    base = place(tracking, run)
    proxy = tracking.ok('GET', ARTIFACTS, params={'path': f'{base}/folder'})
    assert proxy == {'files': [{'path': 'file.txt', 'is_dir': False, 'file_size': 5}]}
    root = {one['path']: one for one in tracking.ok('GET', ARTIFACTS, params={'path': base})['files']}
    assert root['folder'] == {'path': 'folder', 'is_dir': True} and set(root) == {'folder', 'top.txt'}
    answer = tracking.ok('GET', '/artifacts/list', params={'run_id': run})
    assert answer['root_uri'] == tracking.client.get_run(run).info.artifact_uri
    assert [one['path'] for one in answer['files']] == ['folder', 'top.txt']
    inside = tracking.ok('GET', '/artifacts/list', params={'run_uuid': run, 'path': 'folder'})
    assert inside['files'] == [{'path': 'folder/file.txt', 'is_dir': False, 'file_size': 5}]


def test_a_large_file(tracking, run, tmp_path):
    block = os.urandom(1 << 20)
    with (tmp_path / 'large.bin').open('wb') as file:
        for _ in range(50):
            file.write(block)
    mlflow.log_artifact(str(tmp_path / 'large.bin'))
    assert listed(tracking, run) == {'large.bin': (False, 50 << 20)}
    down = mlflow.artifacts.download_artifacts(run_id=run, artifact_path='large.bin', dst_path=str(tmp_path / 'down'))

    def digest(path):
        with open(path, 'rb') as data:
            return hashlib.file_digest(data, 'sha256').hexdigest()
    assert digest(down) == digest(tmp_path / 'large.bin')


def test_many_files_at_once(tracking, run, tmp_path):
    folder = tmp_path / 'many'
    folder.mkdir()
    for i in range(120):
        (folder / f'{i:03}.txt').write_text(str(i))
    mlflow.log_artifacts(str(folder), 'many')
    assert len(listed(tracking, run, 'many')) == 120
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda i: mlflow.artifacts.load_text(f'runs:/{run}/many/{i:03}.txt'), range(40)))
    assert texts == [str(i) for i in range(40)]


def test_the_bytes_on_the_wire(tracking, run):
    where = f'{ARTIFACTS}/{place(tracking, run)}'
    put = tracking.request('PUT', f'{where}/data.bin', data=b'\0\1\2', headers={'Content-Type': 'application/x'})
    assert put.status_code == 200
    # A body of unknown length, as programs send it that make it while they send.
    chunked = tracking.request('PUT', f'{where}/chunked.txt', data=iter([b'one ', b'two']))
    assert chunked.status_code == 200
    answer = tracking.request('GET', f'{where}/data.bin')
    assert answer.content == b'\0\1\2'
    assert answer.headers.get('X-Content-Type-Options') == 'nosniff'
    assert answer.headers['Content-Disposition'].startswith('attachment')
    assert tracking.request('GET', f'{where}/chunked.txt').text == 'one two'
    assert tracking.request('DELETE', f'{where}/data.bin').status_code == 200
    tracking.refused(404, 'RESOURCE_DOES_NOT_EXIST', 'GET', f'{where}/data.bin')


def test_html_is_never_a_page_of_the_server(tracking, run):
    """A report that somebody logs must not run its scripts with the rights of who looks at it."""
    mlflow.log_text('<script>alert(1)</script>', 'report.html')
    for path, query in ((f'{ARTIFACTS}/{place(tracking, run)}/report.html', {}),
                        ('/api/2.0/mlflow/get-artifact', {'run_uuid': run, 'path': 'report.html'})):
        answer = tracking.request('GET', path, params=query)
        if answer.status_code == 404:
            continue  # the second is for MLflow's web page only
        assert answer.headers['Content-Disposition'].startswith('attachment'), path


@pytest.mark.parametrize('path', [
    '../secret.txt', '%2e%2e/secret.txt', '..%2fsecret.txt', '%2e%2e%2fsecret.txt', 'a/../../secret.txt',
    'a/%2e%2e/%2e%2e/secret.txt', '%252e%252e%252fsecret.txt', '..%5csecret.txt', 'a/..%5c..%5csecret.txt',
    '%2fetc/passwd', 'file:%2f%2f/etc/passwd', '%00secret.txt'])
def test_no_way_out_of_the_artifacts(tracking, run, path):
    """requests would resolve dots in a path itself, so the path goes out as it stands."""
    import http.client
    host = tracking.url.partition('//')[2]
    for base in (ARTIFACTS, f'{ARTIFACTS}/{place(tracking, run)}'):
        for method in ('PUT', 'GET', 'DELETE'):
            connection = http.client.HTTPConnection(host, timeout=60)
            connection.request(method, f'{base}/{path}', body=b'x' if method == 'PUT' else None)
            answer = connection.getresponse()
            text = answer.read()
            connection.close()
            assert b'root:' not in text
            # Twice encoded is a name like another; the rest is refused. MLflow says 500 of some, and takes a backslash
            # and a zero byte as a part of the name.
            if '%25' not in path and tracking.peer != 'mlflow':
                assert 400 <= answer.status < 500 or answer.status in (301, 307, 308), (method, base, answer.status)
        listing = tracking.request('GET', ARTIFACTS, params={'path': path})
        assert 'passwd' not in listing.text.replace(path, '')
    for name in whole_tree(tracking, run):
        assert '..' not in name.split('/') and (tracking.peer == 'mlflow' or '%' in name), name


@pytest.mark.parametrize('path', ['..', '../..', '/etc', 'a/../../..', '%2e%2e', '..\\..', 'file:///etc'])
def test_no_list_of_what_is_outside(tracking, run, path):
    for asked in (path, f'{place(tracking, run)}/{path}'):
        answer = tracking.request('GET', ARTIFACTS, params={'path': asked})
        assert answer.status_code == 400 or answer.json() == {}, answer.text
    answer = tracking.request('GET', '/artifacts/list', params={'run_id': run, 'path': path})
    assert answer.status_code == 400 or answer.json().get('files', []) == [], answer.text
    assert refusal  # the client's own check comes first, so the calls above are without it
    with pytest.raises(Exception, match='(?i)invalid|path|not found'):
        tracking.client.download_artifacts(run, path + '/passwd')


def test_another_artifact_location(tracking):
    """An experiment may say where its artifacts lie; below the proxy's root it is the proxy's."""
    experiment = tracking.experiment(artifact_location='mlflow-artifacts:/own/place')
    assert tracking.client.get_experiment(experiment).artifact_location == 'mlflow-artifacts:/own/place'
    with mlflow.start_run(experiment_id=experiment) as started:
        mlflow.log_text('x', 'file.txt')
    assert started.info.artifact_uri == f'mlflow-artifacts:/own/place/{started.info.run_id}/artifacts'
    assert listed(tracking, started.info.run_id) == {'file.txt': (False, 1)}
