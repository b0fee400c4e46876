"""The example and the quick start, as the README has them typed."""

import pathlib
import re
import signal
import subprocess
import sys

import pytest

import processes
from penstock import ROOT, SERVER, environment
from waiting import wait_until

EXAMPLE = ROOT / 'examples/retrain.py'
pytestmark = [
    pytest.mark.sqlite('the quick start uses SQLite, and the example does nothing that test_runs.py does not'),
    pytest.mark.xdist_group('build'),  # the quick start looks after build/release; one at a time
]

QUICKSTART = ROOT / 'deploy/quickstart.sh'


def run_example(server, folder, *words):
    return subprocess.run([sys.executable, str(EXAMPLE), '--host', server.url, *words], env=environment(folder),
                          capture_output=True, text=True, timeout=600, check=False)


def test_good_model_is_deployed(server, tmp_path):
    result = run_example(server, tmp_path, '--data_dir', str(server.data_dir))
    assert result.returncode == 0, result.stdout + result.stderr
    for task in ('fetch-data', 'train', 'evaluate', 'deploy'):
        assert re.search(rf'^  {task} +SUCCEEDED +\d+\.\d s$', result.stdout, re.MULTILINE), result.stdout
    for metric in ('accuracy', 'precision', 'recall', 'auc'):
        assert re.search(rf'^  {metric} +0\.\d{{4}}$', result.stdout, re.MULTILINE), result.stdout
    assert 'Deployed: accuracy' in result.stdout and 'Confusion matrix' in result.stdout
    places = re.findall(r'^  (?:artifacts|logs) +(/.*)$', result.stdout, re.MULTILINE)
    assert len(places) == 2 and all(pathlib.Path(place).is_dir() for place in places)
    pages = re.findall(r'http://\S+/#(/\S+)', result.stdout)
    assert [page.rsplit('/', 1)[0] for page in pages] == ['/runs/details', '']  # of the dashboard
    for url in re.findall(r'http://[^\s#]+(?!\S*#)', result.stdout):
        answer = server.request('GET', url[len(server.url):]) if url != server.url else None
        assert answer is None or answer.status_code == 200, url
    assert not result.stderr


def test_weak_model_is_not_deployed(server, tmp_path):
    result = run_example(server, tmp_path, '--threshold', '0.999')
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'Not deployed: accuracy' in result.stdout
    again = run_example(server, tmp_path, '--threshold', '0.5')
    assert again.returncode == 0 and not again.stderr, again.stdout + again.stderr
    assert 'Compared with the run before' in again.stdout
    assert re.search(r'^  parameters +threshold +0\.999 +0\.5$', again.stdout, re.MULTILINE), again.stdout
    assert re.search(r'^  outputs +deploy: ', again.stdout, re.MULTILINE) and ' train: ' not in again.stdout


def test_no_server(tmp_path):
    result = subprocess.run([sys.executable, str(EXAMPLE), '--host', 'http://127.0.0.1:1'], env=environment(tmp_path),
                            capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 1 and 'cannot reach http://127.0.0.1:1' in result.stderr
    assert 'Traceback' not in result.stderr


def quickstart(folder, *words):
    # A development build elsewhere is not what the quick start starts.
    if SERVER != ROOT / 'build/release/bin/penstock':
        pytest.skip('the quick start uses build/release only')
    return [str(QUICKSTART), '--port', '0', '--grpc_port', '0', '--data_dir', str(folder / 'data'), *words]


@pytest.mark.slow
def test_quickstart_once_and_again(tmp_path):
    for earlier in ('', '1 earlier run is stored here.'):
        result = subprocess.run(quickstart(tmp_path, '--once'), env=environment(tmp_path), capture_output=True,
                                text=True, stdin=subprocess.DEVNULL, timeout=600, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        assert 'Penstock is ready: http://127.0.0.1:' in result.stdout and 'Deployed: accuracy' in result.stdout
        assert earlier in result.stdout and ('earlier' in result.stdout) == bool(earlier)
    wait_until('the end of all processes', lambda: not processes.mentioning(str(tmp_path)), 20)


@pytest.mark.slow
def test_quickstart_serves_until_told(tmp_path):
    with (tmp_path / 'output').open('w') as output:
        process = subprocess.Popen(quickstart(tmp_path, '--no_example'), env=environment(tmp_path), stdout=output,
                                   stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until('the quick start to serve', lambda: 'until Ctrl-C' in (tmp_path / 'output').read_text()
                   or process.poll() is not None, 120)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (tmp_path / 'output').read_text()
        wait_until('the end of all processes', lambda: not processes.mentioning(str(tmp_path)), 20)
    finally:
        processes.end_mentioning(str(tmp_path))


@pytest.mark.slow
def test_quickstart_passes_the_servers_words_on(server, tmp_path):
    for words, expected in (((f'--data_dir={server.data_dir}',), 'another'),
                            ((f'--port={server.http_port}',), str(server.http_port))):
        result = subprocess.run(quickstart(tmp_path, '--once', *words), env=environment(tmp_path), capture_output=True,
                                text=True, stdin=subprocess.DEVNULL, timeout=600, check=False)
        assert result.returncode != 0 and expected in result.stderr, result.stdout + result.stderr
        assert 'quickstart: the server did not start' in result.stderr
