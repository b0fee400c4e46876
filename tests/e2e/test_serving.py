"""The example that serves a model: as a run here, and its InferenceService against a stand-in for an API server."""

import http.server
import importlib.util
import json
import pathlib
import re
import ssl
import subprocess
import sys
import threading
import types
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from penstock import ROOT, environment

EXAMPLE = ROOT / 'examples/serving/serving.py'
GROUP = '/apis/serving.kserve.io/v1beta1'
SERVICES = f'{GROUP}/namespaces/team/inferenceservices'
pytestmark = pytest.mark.sqlite('the example does nothing that test_runs.py does not')


def test_model_is_served_here(server: Any, tmp_path: pathlib.Path) -> None:
    result = subprocess.run([sys.executable, str(EXAMPLE), '--host', server.url, '--name', 'pumps'],
                            env=environment(tmp_path), capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    found = re.search(r'The run (\S+) is succeeded', result.stdout)
    assert found, result.stdout
    log = server.log_of(found[1], server.tasks(found[1])['deploy']['task_id'])
    answer = re.search(r'http://127\.0\.0\.1:\d+/v1/models/pumps:predict answers (\{.*\})', log)
    assert answer, log
    assert json.loads(answer[1])['predictions'] == pytest.approx([6, 5], abs=0.05)


def test_it_compiles(tmp_path: pathlib.Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLE), '--compile-only', str(tmp_path / 'serving.yaml')],
                   env=environment(tmp_path), check=True, timeout=120)
    assert 'comp-deploy' in (tmp_path / 'serving.yaml').read_text()


class ApiServer(http.server.ThreadingHTTPServer):
    """Knows InferenceServices, if it is to, and says of them what the test tells it to."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.knows, self.found = True, None
        self.conditions: List[Dict[str, str]] = [{'type': 'Ready', 'status': 'True'}]
        self.calls: List[Tuple[str, str]] = []
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test',
                        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', folder / 'key', '-out', folder / 'ca.crt'],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / 'ca.crt', folder / 'key')
        self.socket = context.wrap_socket(self.socket, server_side=True)
        (folder / 'token').write_text('a-token\n')
        (folder / 'namespace').write_text('team')


class Handler(http.server.BaseHTTPRequestHandler):
    server: ApiServer

    def _serve(self) -> None:
        at = self.server
        at.calls.append((self.command, self.path))
        body = json.loads(self.rfile.read(int(self.headers.get('Content-Length') or 0)) or 'null')
        if self.headers['Authorization'] != 'Bearer a-token':
            self._answer(401, {})
        elif not at.knows:
            self._answer(404, {})
        elif self.path == GROUP:
            self._answer(200, {'kind': 'APIResourceList'})
        elif self.command == 'GET' and self.path == f'{SERVICES}/pumps':
            self._answer(200 if at.found else 404, at.found or {})
        elif self.command == 'POST' and self.path == SERVICES:
            self._made(body, 1)
        elif self.command == 'PUT' and at.found:
            self._made(body, at.found['metadata']['generation'] + 1)
        else:
            self._answer(405, {})

    def _made(self, body: Dict[str, Any], generation: int) -> None:
        body['metadata'].update(generation=generation, resourceVersion=str(generation))
        body['status'] = {'url': 'http://pumps.team.example.com', 'conditions': self.server.conditions,
                          'observedGeneration': generation}
        self.server.found = body
        self._answer(200, body)

    def _answer(self, code: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = _serve

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api_server(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    made = ApiServer(tmp_path)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    monkeypatch.setenv('KUBERNETES_SERVICE_HOST', '127.0.0.1')
    monkeypatch.setenv('KUBERNETES_SERVICE_PORT', str(made.server_address[1]))
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def deploy(tmp_path: pathlib.Path) -> Any:
    """The function of the component, for a model that lies in a store."""
    spec = importlib.util.spec_from_file_location('serving', EXAMPLE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / 'model').mkdir()
    (tmp_path / 'model/model.json').write_text('{"weights": [1, 2], "bias": 3}')

    def call(uri: str = 's3://models/run/model', wait_s: float = 60) -> str:
        model = types.SimpleNamespace(uri=uri, path=str(tmp_path / 'model'))
        return module.deploy.python_func(model, 'pumps', wait_s=wait_s, service_account=str(tmp_path))
    return call


def test_inference_service_is_made_and_replaced(api_server: ApiServer, deploy: Any) -> None:
    assert deploy() == 'http://pumps.team.example.com'
    assert [method for method, _ in api_server.calls] == ['GET', 'GET', 'POST', 'GET']
    predictor = api_server.found['spec']['predictor']['containers'][0]
    assert predictor['env'] == [{'name': 'STORAGE_URI', 'value': 's3://models/run/model'}]
    api_server.found['metadata']['labels'] = {'team': 'a'}
    deploy(uri='s3://models/other/model')
    found = api_server.found
    assert found['metadata']['generation'] == 2 and found['metadata']['labels'] == {'team': 'a'}, found
    assert found['spec']['predictor']['containers'][0]['env'][0]['value'] == 's3://models/other/model'


def test_inference_service_that_is_never_ready(api_server: ApiServer, deploy: Any) -> None:
    api_server.conditions = [{'type': 'Ready', 'status': 'False', 'message': 'no image'}]
    with pytest.raises(RuntimeError, match='not ready after 0.2 s: no image'):
        deploy(wait_s=0.2)
    with pytest.raises(RuntimeError, match='pipeline root in an object store'):
        deploy(uri='/data/model')


def test_predictor_of_the_cluster_answers(api_server: ApiServer, deploy: Any) -> None:
    """The container's command, with the folder, address and port of a test."""
    deploy()
    command = api_server.found['spec']['predictor']['containers'][0]['command']
    assert command[3:] == ['/mnt/models', 'pumps', '0.0.0.0', '8080']
    api_server.knows = False  # and now there is no KServe: the same program answers here
    assert json.loads(deploy()) == {'predictions': [6.0, 3.0]}
