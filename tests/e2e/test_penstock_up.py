"""penstock up and down: a server of a user's own, by process id."""

import json
import os
import re
import signal
import socket

import pytest

import processes
import specs
from cli import Cli, package
from waiting import wait_until

pytestmark = pytest.mark.sqlite('up has no other database')
FREE = ('--port', '0', '--grpc_port', '0')


@pytest.fixture
def cli(tmp_path):
    typed = Cli(tmp_path, None, PENSTOCK_DATA_DIR=str(tmp_path / 'data'))
    yield typed
    processes.end_mentioning(str(tmp_path))


def test_up_in_the_background_and_down(cli, tmp_path):
    up = cli.json('up', '--detach', *FREE)
    assert up['data_dir'] == str(tmp_path / 'data') and not up['was_running']
    assert processes.alive(up['pid']) and (tmp_path / 'data/server.log').stat().st_size > 0
    # The others find it by themselves.
    assert cli.json('status')['server'] == up['url']
    run = cli.json('run', package(tmp_path, specs.noop()), '--wait')
    assert run['state'] == 'SUCCEEDED'
    again = cli.says('up', *FREE)
    assert f'runs on {tmp_path}/data already: {up["url"]} (process {up["pid"]})' in again
    assert cli.json('down') == {'data_dir': str(tmp_path / 'data'), 'pid': up['pid'], 'ended': True}
    assert not processes.alive(up['pid'])
    assert 'No server runs' in cli.says('down')


def test_up_until_ctrl_c(cli, tmp_path):
    up = cli.start('up', *FREE)
    try:
        said = up.until('Ctrl-C ends the server.')
        url = re.search(r'Penstock is ready: (http://127\.0\.0\.1:\d+)\n', said).group(1)
        assert 'penstock run train.py -f' in said and str(tmp_path / 'data') in said
        assert cli.json('status')['server'] == url
        pid = json.loads((tmp_path / 'data/server.json').read_text())['pid']
        up.interrupt()
        assert 'Stopping.' in up.end(0)
        assert not processes.alive(pid)
    finally:
        up.close()


def test_down_ends_what_up_serves(cli):
    up = cli.start('up', *FREE)
    try:
        up.until('Ctrl-C ends the server.')
        cli('down')
        up.end(0)
    finally:
        up.close()


def test_a_server_that_was_killed_is_no_server(cli, tmp_path):
    up = cli.json('up', '--detach', *FREE)
    os.kill(up['pid'], signal.SIGKILL)
    wait_until('its end', lambda: not processes.alive(up['pid']))
    assert 'No server runs' in cli.says('down')
    other = cli.json('up', '--detach', *FREE)
    assert other['pid'] != up['pid'] and not other['was_running']
    cli('down')


def test_a_server_that_up_did_not_start(cli, tmp_path, make_server):
    server = make_server().start()
    cli.variables['PENSTOCK_DATA_DIR'] = str(server.data_dir)
    assert f'runs on {server.data_dir} already (process {server.pid})' in cli.says('up', *FREE)
    assert cli.json('down')['pid'] == server.pid
    assert server.wait() == 0


@pytest.mark.parametrize('flag', ['--port', '--grpc_port'])
def test_a_taken_port_is_named(cli, flag):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = cli.refused('up', '--detach', *FREE, flag, port)
        assert f'port {port} is taken' in refused and f'{flag}=N' in refused


@pytest.mark.parametrize('words, said', [
    (['--port', 'http'], "--port is 'http'"), (['--port', '70000'], '0 to 65535'),
    (['--python', '/nonexistent'], "--python is '/nonexistent'"), (['here'], 'flags of the server stand behind --'),
    (['--', '--no_such_setting=1'], "no setting 'no_such_setting'"),
])
def test_wrong_words_start_nothing(cli, tmp_path, words, said):
    refused = cli('up', '--detach', *FREE, *words, code=1 if '--' in words else 2).stderr
    assert said in refused, refused
    assert not processes.mentioning(f'{tmp_path}/data')


def test_settings_of_the_server_go_through(cli):
    cli('up', '--detach', *FREE, '--', '--max_parallel_tasks=3')
    wait_until('its log', lambda: 'max_parallel_tasks=3' in open(f'{cli.folder}/data/server.log').read())
    cli('down')


def test_an_interpreter_without_kfp_is_told(cli, tmp_path):
    bare = tmp_path / 'bare-python'
    bare.write_text(f'#!/bin/sh\nexec {cli.variables["PENSTOCK_PYTHON"]} -S "$@"\n')
    bare.chmod(0o755)
    up = cli('up', '--detach', *FREE, '--python', bare)
    assert f'{bare} has no kfp' in up.stderr and f'{bare} -m pip install kfp' in up.stderr
    cli('down')
