"""Where the server listens, whom it serves whatever others do, and that it stops in time."""

import contextlib
import http.client
import pathlib
import signal
import socket
import stat
import struct
import threading
import time
from typing import Any, Dict, Iterator, List

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import processes
from penstock import API, Server
from specs import Shell, shell_pipeline
from waiting import PATIENCE, wait_until

pytestmark = pytest.mark.sqlite('it is about the process')

STOP_SECONDS = 5
# From the end of the last part of stopping to that of the process, on a machine that does more than this.
SLACK_SECONDS = 1.5
PACKAGE = 'kubeflow.pipelines.backend.api.v2beta1'


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__('localhost', timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(path: str, target: str) -> int:
    connection = UnixConnection(path)
    connection.request('GET', target)
    code = connection.getresponse().status
    connection.close()
    return code


def health(target: str) -> int:
    with grpc.insecure_channel(target) as channel:
        return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30).status


def listening_ports(pid: int) -> List[int]:
    """The TCP ports on which the process listens."""
    held = set()
    for entry in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        with contextlib.suppress(OSError):
            held.add(str(entry.readlink()))
    ports = []
    for name in ('tcp', 'tcp6'):
        for line in pathlib.Path(f'/proc/{pid}/net/{name}').read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == '0A' and f'socket:[{fields[9]}]' in held:
                ports.append(int(fields[1].rsplit(':', 1)[1], 16))
    return ports


def launched(server: Server) -> Dict[str, Any]:
    server.launch()
    return wait_until('the ready file', server._ready)


@pytest.fixture
def sockets(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp('s')


def test_no_port_is_open_where_sockets_are_asked_for(make_server, sockets):
    server = make_server(f'--grpc_listen=unix:{sockets}/g', f'--http_listen=unix:{sockets}/h')
    for ended_by in (signal.SIGKILL, signal.SIGTERM):  # a socket of a dead server is in nobody's way
        ready = launched(server)
        assert ready['grpc_address'] == f'unix:{sockets}/g' and ready['http_address'] == f'unix:{sockets}/h'
        assert ready['grpc_port'] == ready['http_port'] == 0
        for name in ('g', 'h'):
            assert stat.S_IMODE((sockets / name).stat().st_mode) == 0o600
        assert health(ready['grpc_address']) == health_pb2.HealthCheckResponse.SERVING
        assert get(f'{sockets}/h', f'{API}/experiments') == 200
        assert listening_ports(server.pid) == listening_ports(server.gateway_pid) == []
        second = make_server(f'--http_listen=unix:{sockets}/h', name='second')
        second.launch()
        assert second.wait() == 1 and 'another program listens on it' in second.log_tail()
        if ended_by == signal.SIGKILL:
            server.kill()
        else:
            server.stop()
    assert not list(sockets.iterdir())
    (sockets / 'h').write_text('')
    server.launch()
    assert server.wait() == 1 and 'no socket lies there' in server.log_tail()


def test_grpc_is_off(make_server):
    server = make_server('--grpc_listen=off').start()
    assert server.grpc_port == 0 and server.ok('GET', '/healthz')
    assert listening_ports(server.pid) == [server.http_port]
    assert health(f'unix:{server.data_dir}/penstock.sock') == health_pb2.HealthCheckResponse.SERVING
    server.stop()


def test_the_first_request_after_the_ready_file_is_answered(make_server):
    server = make_server()
    for _ in range(3):
        ready = launched(server)
        with socket.create_connection(('127.0.0.1', ready['http_port']), timeout=1) as connection:
            connection.sendall(f'GET {API}/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
            assert connection.recv(12) == b'HTTP/1.1 200'
        server.stop()


def test_a_gateway_that_does_not_answer_is_no_start(make_server, tmp_path):
    script = tmp_path / 'gateway'
    script.write_text('#!/bin/sh\necho broken >&2; exit 1\n')
    script.chmod(0o755)
    server = make_server(f'--gateway_path={script}')
    server.launch()
    assert server.wait(60 * PATIENCE) == 1
    assert not (server.folder / 'ready.json').exists() and 'does not answer requests' in server.log_tail()


def stops_in_time(server: Server) -> None:
    gateway, begun = server.gateway_pid, time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert time.monotonic() - begun < STOP_SECONDS + SLACK_SECONDS, server.log_tail()
    wait_until('the gateway to end', lambda: not processes.alive(gateway), 10)


@contextlib.contextmanager
def abandoned(port: int, count: int, sent: bytes) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(('127.0.0.1', port), 30)).sendall(sent)
        yield


def test_stopping_takes_five_seconds_whatever_is_abandoned(own_server, tmp_path):
    server, goes_on = own_server, tmp_path / 'end'
    run_id = server.create_run(shell_pipeline({
        'waiter': Shell(f'until [ -e {goes_on} ]; do sleep 0.1; done')}))
    wait_until('the task to run', lambda: server.task_states(run_id).get('waiter') == 'RUNNING')
    task_id = server.tasks(run_id)['waiter']['task_id']
    follow = f'GET {API}/runs/{run_id}/nodes/{task_id}/log?follow=true HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
    watch = f'GET /apis/penstock/v1/runs/{run_id}:watch HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
    upload = (f'POST {API}/pipelines/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n'
              'Content-Type: multipart/form-data; boundary=x\r\n\r\n--x').encode()
    with abandoned(server.http_port, 40, follow), abandoned(server.http_port, 20, watch), \
            abandoned(server.http_port, 50, upload), abandoned(server.http_port, 100, b''), \
            abandoned(server.grpc_port, 100, b''), grpc.insecure_channel(f'127.0.0.1:{server.grpc_port}') as channel:
        watches = [health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()) for _ in range(50)]
        next(watches[-1])
        kept = server.ok('POST', '/experiments', json={'display_name': 'kept'})['experiment_id']
        stops_in_time(server)
    goes_on.touch()
    server.start()
    server.ok('GET', f'/experiments/{kept}')
    server.succeed(run_id)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def literal(name: str, value: str) -> bytes:
    return b'\0' + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def reset_streams(port: int, method: str, count: int) -> None:
    """Begins calls on one connection, and resets each at once."""
    block = b''.join(literal(name, value) for name, value in (
        (':method', 'POST'), (':scheme', 'http'), (':path', method), (':authority', 'localhost'),
        ('content-type', 'application/grpc'), ('te', 'trailers')))
    with socket.create_connection(('127.0.0.1', port), 60) as connection:
        connection.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, b''))
        reader = threading.Thread(target=lambda: drain(connection), daemon=True)
        reader.start()
        with contextlib.suppress(OSError):  # it may hang up, which is an answer
            for number in range(0, count, 100):
                connection.sendall(b''.join(
                    frame(1, 4, stream, block) + frame(0, 1, stream, b'\0' * 5) + frame(3, 0, stream, b'\0\0\0\x08')
                    for stream in range(2 * number + 1, 2 * number + 201, 2)))


def drain(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(1 << 16):
            pass


@pytest.mark.parametrize('port', ['grpc', 'http'])
def test_reset_streams_hold_nobody_up(own_server, port):
    server = own_server
    attacked = server.grpc_port if port == 'grpc' else server.http_port
    attackers = [threading.Thread(target=reset_streams, args=(attacked, f'/{PACKAGE}.RunService/ListRuns', 14_000))
                 for _ in range(5)]
    for attacker in attackers:
        attacker.start()
    slowest, most_threads = 0.0, 0
    while any(attacker.is_alive() for attacker in attackers):
        begun = time.monotonic()
        assert server.ok('GET', '/healthz')
        server.ok('GET', '/runs')
        slowest = max(slowest, time.monotonic() - begun)
        most_threads = max(most_threads, len(list(pathlib.Path(f'/proc/{server.pid}/task').iterdir())))
    print(f'{port}: slowest pair of requests {slowest:.2f} s, {most_threads} threads')
    assert slowest < 2 * PATIENCE
    assert most_threads < 1000
    stops_in_time(server)


def test_headers_without_end_are_ended(own_server):
    server = own_server
    with socket.create_connection(('127.0.0.1', server.grpc_port), 30) as connection:
        connection.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, b'') +
                           frame(1, 0, 1, literal(':method', 'POST')))
        more = frame(9, 0, 1, literal('x-name', 'v' * 100) * 100)
        with contextlib.suppress(OSError):
            for _ in range(2000):
                connection.sendall(more)
    resident = int(pathlib.Path(f'/proc/{server.pid}/statm').read_text().split()[1]) * 4096
    assert resident < 300 << 20
    assert health(f'127.0.0.1:{server.grpc_port}') == health_pb2.HealthCheckResponse.SERVING


def test_the_http_port_speaks_grpc(server: Server) -> None:
    target = f'127.0.0.1:{server.http_port}'
    assert health(target) == health_pb2.HealthCheckResponse.SERVING
    with grpc.insecure_channel(target) as channel:
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary(f'/{PACKAGE}.RunService/GetRun')(b'\x12\x02no', timeout=30)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND and 'no' in error.value.details()
        assert channel.unary_unary(f'/{PACKAGE}.ExperimentService/ListExperiments')(b'', timeout=30)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
        late = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=1)
        with pytest.raises(grpc.RpcError) as error:
            list(late)
        assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary(f'/{PACKAGE}.ExperimentService/ListExperiments')(
                b'', timeout=30, metadata=[('origin', 'http://evil.example')])
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
