"""Calls of MLflow's tracking API without MLflow's client: what is left of their time is the server's.

A request is bytes that are ready before the clock starts, on a connection that is open already; of the answer only
its length is read. That takes some 20 us here, where the client of MLflow takes 2 ms and more."""

import json
import socket
import time
from typing import Any, Dict, List

TRACKING = '/api/2.0/mlflow'
RECEIVE_BYTES = 1 << 20
ANSWER_SECONDS = 300
METRICS_A_BATCH = 1000


class Connection:
    """One connection, for one caller."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(('127.0.0.1', port), ANSWER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> 'Connection':
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, request: bytes) -> bytes:
        """The body of the answer, which has to be 200."""
        self._socket.sendall(request)
        head, _, body = self._more_until(b'', b'\r\n\r\n').partition(b'\r\n\r\n')
        fields = head.lower()
        if b'transfer-encoding: chunked' in fields:
            if not body.endswith(b'0\r\n\r\n'):
                body = self._more_until(body, b'0\r\n\r\n', at_end=True)
            body = _joined(body)
        else:
            length = int(fields.partition(b'content-length:')[2].split(b'\r\n', 1)[0])
            parts, missing = [body], length - len(body)
            while missing > 0:
                parts.append(self._socket.recv(RECEIVE_BYTES))
                if not parts[-1]:
                    raise RuntimeError('the server closed the connection in the middle of an answer')
                missing -= len(parts[-1])
            body = b''.join(parts)
        if b' 200 ' not in head.split(b'\r\n', 1)[0]:
            raise RuntimeError(f'{request[:80]!r}: {head[:60]!r} {body[:300]!r}')
        return body

    def _more_until(self, data: bytes, end: bytes, at_end: bool = False) -> bytes:
        while not (data.endswith(end) if at_end else end in data):
            more = self._socket.recv(RECEIVE_BYTES)
            if not more:
                raise RuntimeError('the server closed the connection')
            data += more
        return data

    def json(self, path: str, body: Dict[str, Any]) -> Any:
        return json.loads(self.call(post(path, body)))

    def seconds(self, requests: List[bytes]) -> List[float]:
        """How long each took, one after the other."""
        taken = []
        for request in requests:
            begun = time.perf_counter()
            self.call(request)
            taken.append(time.perf_counter() - begun)
        return taken


def _joined(chunks: bytes) -> bytes:
    body, rest = b'', chunks
    while True:
        size, _, rest = rest.partition(b'\r\n')
        if not (length := int(size, 16)):
            return body
        body, rest = body + rest[:length], rest[length + 2:]


def post(path: str, body: Dict[str, Any]) -> bytes:
    """The request as MLflow's client sends it."""
    text = json.dumps(body).encode()
    return (f'POST {TRACKING}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nConnection: keep-alive\r\n'
            f'User-Agent: mlflow-python-client/3.17.2\r\nContent-Type: application/json\r\n'
            f'Content-Length: {len(text)}\r\n\r\n').encode() + text


def log_metric(run: str, step: int) -> bytes:
    return post('/runs/log-metric', {'run_uuid': run, 'run_id': run, 'key': 'single', 'value': 1 / (step + 1),
                                     'timestamp': 1_700_000_000_000 + step, 'step': step})


def log_batch(run: str, number: int) -> bytes:
    """Of ten curves, a hundred steps further."""
    points = [{'key': f'curve{i % 10}', 'value': i / 7, 'timestamp': 1_700_000_000_000 + i, 'step': step}
              for i in range(METRICS_A_BATCH) for step in (number * METRICS_A_BATCH // 10 + i // 10,)]
    return post('/runs/log-batch', {'run_id': run, 'metrics': points})


def search(experiment: str, page: int) -> bytes:
    return post('/runs/search', {'experiment_ids': [experiment], 'filter': SEARCH_FILTER, 'order_by': [SEARCH_ORDER],
                                 'run_view_type': 'ACTIVE_ONLY', 'max_results': page})


SEARCH_FILTER = 'metrics.loss < 0.5'  # half of the runs
SEARCH_ORDER = 'metrics.loss ASC'
