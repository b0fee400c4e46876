"""Clients that send or read slowly are ended, and hold nobody up meanwhile."""

import contextlib
import pathlib
import socket
from typing import Callable, Iterator, List

import pytest

from penstock import API, Server
from specs import Shell, shell_pipeline
from waiting import wait_until


@contextlib.contextmanager
def connections(server: Server, count: int, request: str) -> Iterator[List[socket.socket]]:
    """Open connections, on each of which `request` was sent."""
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(('127.0.0.1', server.http_port), 30))
            connection.sendall(request.encode())
            made.append(connection)
        yield made


def post(path: str, declared: int) -> str:
    return (f'POST {API}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
            f'Content-Length: {declared}\r\n\r\n{{')


def test_bodies_that_do_not_come(server: Server, unique: Callable[[str], str]) -> None:
    with connections(server, 700, post('/runs', 100)) as small, \
            connections(server, 40, post('/runs', 30 << 20)) as large:
        name = unique('beside')
        assert server.ok('GET', '/healthz')
        assert server.request('GET', '/metrics').status_code == 200
        server.ok('POST', '/experiments', json={'display_name': name})
        assert server.request('POST', '/experiments', json={'display_name': 'x' * (4 << 20)}).status_code == 400
        for connection in (small[0], small[-1], large[0], large[-1]):
            connection.settimeout(60)
            answer = b''
            while b'arrive in time' not in answer:
                part = connection.recv(65536)
                assert part, f'closed after {answer!r}'
                answer += part
            assert answer.startswith(b'HTTP/1.1 408 '), answer
            assert b'16384 bytes a second' in answer, answer


def test_connections_that_ask_nothing(server: Server) -> None:
    with connections(server, 2100, ''):
        for _ in range(3):
            assert server.ok('GET', '/healthz')
            assert server.ok('GET', '/experiments')


# More than one address may have; a watch costs much less than a log that is followed.
@pytest.mark.parametrize('what, count, said', [('log', 128, b'followers'), ('run', 1200, b'watches')])
def test_followers_leave_reads_alone(what: str, count: int, said: bytes, own_server: Server,
                                     tmp_path: pathlib.Path) -> None:
    goes_on = tmp_path / 'end'
    run_id = own_server.create_run(shell_pipeline({
        'waiter': Shell(f'echo begun; until [ -e {goes_on} ]; do sleep 0.1; done')}))
    tasks = wait_until('the task to run', lambda: [
        task for task in own_server.tasks(run_id).values() if task.get('state') == 'RUNNING'])
    log = f'/runs/{run_id}/nodes/{tasks[0]["task_id"]}/log'
    path = f'{API}{log}?follow=true' if what == 'log' else f'/apis/penstock/v1/runs/{run_id}:watch'
    try:
        with connections(own_server, count, f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n') as followers:
            answers = [follower.recv(65536) for follower in followers]
            refused = next(answer for answer in answers if b' 503 ' in answer)
            assert b'Retry-After' in refused and said in refused, refused
            assert own_server.request('GET', log).text == 'begun\n'
            own_server.run(run_id)
    finally:
        goes_on.touch()
