"""Starting and stopping: what is refused says why in one sentence, and every way to stop ends everything."""

import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

import processes
import specs
from penstock import SERVER, Server, environment
from specs import Shell
from waiting import PATIENCE, wait_until


def refuses(server: Server, *words: str, timeout: float = 20) -> str:
    """Starts it, expects it to end by itself with a failure, and one line of its output to have all the words."""
    before = server.log.stat().st_size if server.log.exists() else 0
    server.launch()
    code = server.wait(timeout)
    said = server.log.read_text()[before:]
    assert code not in (0, None) and code > 0, f'{code}: {said}'
    assert any(all(word.lower() in line.lower() for word in words) for line in said.splitlines()), said
    assert not (server.folder / 'ready.json').exists()
    return said


def call(*words: str, folder: pathlib.Path) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run([str(SERVER), *words], env=environment(folder), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=20, check=False)


@pytest.mark.sqlite('it is about the process')
def test_help_is_for_people(tmp_path):
    result = call('--help', folder=tmp_path)
    assert result.returncode == 0 and not result.stderr
    for flag in ('--data_dir', '--grpc_listen', '--http_listen', '--python', '--max_parallel_tasks', '--log_level',
                 '--gateway', '--ready_file', '--version'):
        assert flag in result.stdout
    assert '/absl/' not in result.stdout and 'flagfile' not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


@pytest.mark.sqlite('it is about the process')
def test_version(tmp_path):
    result = call('--version', folder=tmp_path)
    assert result.returncode == 0 and re.match(r'^penstock \d+\.\d+\.\d+', result.stdout)


@pytest.mark.parametrize('flag, word', [
    ('--no_such_flag=1', 'no_such_flag'), ('--max_parallel_tasks=-1', 'max_parallel_tasks'),
    ('--max_parallel_tasks=many', 'max_parallel_tasks'), ('--log_level=loud', 'loud'),
    ('--python_envs_bytes=-1', 'python_envs_bytes'), ('--package_url_hosts=a b', 'package_url_hosts'),
    ('--cache=maybe', 'cache'), ('--cache_max_age_s=-1', 'cache_max_age_s'),
    ('--gateway=maybe', 'gateway'), ('--http_listen=nonsense', 'http_listen'),
    ('--grpc_listen=127.0.0.1:99999', 'grpc_listen'), ('--public_url=ml.example.org', 'public_url'),
    ('--python=/nowhere/python', 'python'), ('stray', 'stray')])
@pytest.mark.sqlite('it is about the process')
def test_bad_flags(make_server, flag, word):
    refuses(make_server(flag), word)


@pytest.mark.sqlite('it is about the process')
def test_port_taken(make_server):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refuses(make_server(f'--http_listen=127.0.0.1:{port}', name='http'), port, 'taken')
        refuses(make_server(f'--grpc_listen=127.0.0.1:{port}', name='grpc'), port, 'taken')


def test_data_directory_in_use(make_server):
    first = make_server(name='first').start()
    second = make_server(name='second')
    second.data_dir = first.data_dir
    refuses(second, str(first.data_dir), 'another')
    first.ok('GET', '/experiments')
    first.stop()
    second.start()


@pytest.mark.sqlite('it is about the process')
def test_data_directory_that_cannot_be(make_server, tmp_path):
    (tmp_path / 'file').write_text('')
    server = make_server()
    server.data_dir = tmp_path / 'file'
    refuses(server, 'file', 'directory')


@pytest.mark.sqlite('it edits the file; what is read from it is the same on both databases')
def test_database_of_a_newer_program(make_server):
    server = make_server().start()
    server.stop()
    with sqlite3.connect(server.data_dir / 'penstock.db') as database:
        database.execute("INSERT INTO schema_migrations SELECT version + 1000, 'from_the_future', checksum,"
                         ' applied_at_us FROM schema_migrations ORDER BY version DESC LIMIT 1')
    database.close()
    refuses(server, 'newer', 'from_the_future')
    with sqlite3.connect(server.data_dir / 'penstock.db') as database:
        database.execute('DELETE FROM schema_migrations WHERE version > 1000')
    database.close()
    server.start()


@pytest.mark.sqlite('it is about the file')
def test_database_that_is_none(make_server):
    server = make_server()
    server.data_dir.mkdir()
    (server.data_dir / 'penstock.db').write_bytes(b'this is no database ' * 500)
    refuses(server, 'penstock.db')
    assert (server.data_dir / 'penstock.db').read_bytes().startswith(b'this is no database')


@pytest.mark.sqlite('it is about the file')
def test_everything_lives_in_the_data_directory(make_server):
    server = make_server().start()
    server.succeed(server.create_run(specs.noop()))
    assert (server.data_dir / 'penstock.db').is_file()
    assert {'artifacts', 'logs', 'work', 'envs'} >= {path.name for path in server.data_dir.iterdir() if path.is_dir()}
    assert list((server.folder / 'home').iterdir()) == []


@pytest.mark.parametrize('address', ['me:s3cret@127.0.0.1:9/x?', '127.0.0.1:9/x?user=me&password=s3cret&'])
@pytest.mark.parametrize('given', ['flag', 'environment'])
def test_passwords_are_in_no_command_line_and_no_environment(make_server, given, address):
    """What every user, or every program of the same user, may read. Nobody is at that port; the server waits."""
    server = make_server()
    url = f'postgresql://{address}connect_timeout=2'
    flags = [f'--database_url={url}'] if given == 'flag' else []
    variables = {'PGPASSWORD': 's3cret', **({'PENSTOCK_DATABASE_URL': url} if given == 'environment' else {})}
    command = [word for word in server.command('--database_wait_s=60', *flags)
               if given == 'flag' or not word.startswith('--database_url=')]
    with server.log.open('ab') as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**environment(server.folder), **variables})
    try:
        wait_until('it to look for the database', lambda: 'starting' in server.log_tail(), 30)
        folder = pathlib.Path(f'/proc/{process.pid}')
        for name in ('cmdline', 'environ'):
            seen = (folder / name).read_bytes()
            assert seen and b's3cret' not in seen, seen
        assert 's3cret' not in server.log_tail()
        assert os.getuid() == 0 or (folder / 'environ').stat().st_uid == 0, 'a file of root alone'
    finally:
        process.kill()
        process.wait()


def test_the_gateway_and_tasks_know_nothing_of_the_database(make_server):
    server = make_server()
    with server.log.open('ab') as log:
        server.process = subprocess.Popen(server.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env={**environment(server.folder), 'PGPASSWORD': 's3cret'},
                                          start_new_session=True)
    wait_until('the gateway', lambda: server.gateway_pid, 30)
    assert b's3cret' not in pathlib.Path(f'/proc/{server.gateway_pid}/environ').read_bytes()


def test_ready_means_ready(make_server):
    """Once the file is there, both ports answer; nothing is still starting."""
    server = make_server().start()
    server.ok('GET', '/healthz')
    with socket.create_connection(('127.0.0.1', server.grpc_port), timeout=1):
        pass
    assert server.gateway_pid


def test_start_is_quick(make_server):
    server = make_server()
    server.start().stop()
    started = time.monotonic()
    server.start()
    # The aim is half a second on an idle machine; this one may be busy.
    assert time.monotonic() - started < 3 * PATIENCE


@pytest.mark.sqlite('it is about the process')
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_stop_ends_everything(make_server, number):
    server = make_server().start()
    gateway = server.gateway_pid
    server.signal(number)
    assert server.wait() == 0
    wait_until('the gateway to end', lambda: not processes.alive(gateway), 10)
    wait_until('the end of all processes', lambda: not processes.mentioning(str(server.folder)), 20)


@pytest.mark.sqlite('it is about the process')
def test_second_signal_stops_at_once(make_server, journal):
    """Someone follows a log, which would hold a polite stop; whoever presses Ctrl-C twice does not wait for them."""
    server = make_server().start()
    run_id = server.create_run(specs.shell_pipeline({'held': Shell(journal.writes('held', gate='go'))}))
    wait_until('the task to start', lambda: journal.started('held'))
    task_id = server.tasks(run_id)['held']['task_id']

    def follow():
        try:
            server.request('GET', f'/runs/{run_id}/nodes/{task_id}/log?follow=true')
        except OSError:
            pass
    threading.Thread(target=follow, daemon=True).start()
    server.signal(signal.SIGINT)
    if server.running():
        server.signal(signal.SIGINT)
    started = time.monotonic()
    server.wait(5)
    assert time.monotonic() - started < 5
    journal.open('go')
    server.start()
    server.succeed(run_id)
    journal.each_once(['held'])


@pytest.mark.sqlite('it is about the process')
def test_without_gateway(make_server):
    server = make_server('--gateway=off')
    server.launch()
    ready = wait_until('the ready file', lambda: (server.folder / 'ready.json').exists() and server._ready())
    assert not server.gateway_pid and not ready.get('http_port')
    with socket.create_connection(('127.0.0.1', ready['grpc_port']), timeout=5):
        pass
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


@pytest.mark.sqlite('the disk of PostgreSQL is not that of the data directory')
def test_full_disk(make_server, tmp_path):
    """Writes are refused with a clear error while there is no room, reads go on, and all is well after."""
    place = tmp_path / 'small'
    place.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', str(place)], capture_output=True,
                             text=True, check=False)
    if mounted.returncode:
        pytest.skip(f'cannot mount a small file system here: {mounted.stderr.strip()}')
    try:
        server = make_server()
        server.data_dir = place / 'data'
        server.start()
        kept = server.ok('POST', '/experiments', json={'display_name': 'kept'})['experiment_id']
        with open(place / 'filler', 'wb', buffering=0) as filler:  # so that closing writes nothing
            try:
                while True:
                    filler.write(b'\0' * 65536)
            except OSError:
                pass
        answers = [server.request('POST', '/experiments', json={'display_name': f'e{number}',
                                                                'description': 'x' * 16000}) for number in range(200)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused, 'the disk is full and every write succeeded'
        assert {answer.status_code for answer in refused} <= {429, 503}, refused[0].text
        assert 'disk' in refused[0].json()['message'].lower() or 'full' in refused[0].json()['message'].lower()
        server.ok('GET', f'/experiments/{kept}')
        os.remove(place / 'filler')
        server.ok('POST', '/experiments', json={'display_name': 'after'})
        acknowledged = [answer.json()['experiment_id'] for answer in answers if answer.status_code == 200]
        server.stop()
        server.start()
        for experiment_id in [kept, *acknowledged]:
            server.ok('GET', f'/experiments/{experiment_id}')
        assert server.ok('GET', '/experiments')['total_size'] == 3 + len(acknowledged)
        server.stop()
    finally:
        server.close()
        subprocess.run(['umount', str(place)], check=False)
        shutil.rmtree(place, ignore_errors=True)
