"""Train a small model, store it, and serve it over REST as KServe does.

    python examples/serving/serving.py --host http://127.0.0.1:8888
    python examples/serving/serving.py --compile-only serving.yaml

The components use the standard library alone. README.md says where the model is served.
"""

import argparse
import sys
import warnings

# Said by the SDK to every reader of every script; nothing that a user of this one can act on.
warnings.filterwarnings('ignore', category=FutureWarning)

from kfp import client, compiler, dsl  # noqa: E402
from kfp.dsl import Dataset, Input, Model, Output  # noqa: E402


@dsl.component
def make_data(rows: int, data: Output[Dataset]):
    """Makes readings of which the target is 3 times the first feature less 2 times the second, and 5, about."""
    import json
    import random

    source = random.Random(7)
    readings = []
    for _ in range(rows):
        x = [source.uniform(-1, 1), source.uniform(-1, 1)]
        readings.append({'x': x, 'y': 3 * x[0] - 2 * x[1] + 5 + source.gauss(0, 0.01)})
    with open(data.path, 'w') as file:
        json.dump(readings, file)


@dsl.component
def train(data: Input[Dataset], model: Output[Model]):
    """Fits a linear model by gradient descent. The artifact is a folder with model.json."""
    import json
    import os

    with open(data.path) as file:
        readings = json.load(file)
    weights, bias = [0.0, 0.0], 0.0
    for _ in range(500):
        errors = [sum(w * x for w, x in zip(weights, one['x'])) + bias - one['y'] for one in readings]
        weights = [w - 0.5 * sum(error * one['x'][i] for error, one in zip(errors, readings)) / len(readings)
                   for i, w in enumerate(weights)]
        bias -= 0.5 * sum(errors) / len(readings)
    os.makedirs(model.path, exist_ok=True)
    with open(os.path.join(model.path, 'model.json'), 'w') as file:
        json.dump({'weights': weights, 'bias': bias}, file)
    model.metadata['framework'] = 'none'
    print('weights', weights, 'bias', bias)


def serve(folder: str, name: str, address: str, port: str):
    """KServe's v1 protocol, in as much as a client needs. Prints the port."""
    import http.server
    import json

    with open(f'{folder}/model.json') as file:
        model = json.load(file)

    class Handler(http.server.BaseHTTPRequestHandler):

        def answer(self, code, body):
            text = json.dumps(body).encode()
            self.send_response(code)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self):
            known = {'/': {'status': 'alive'}, f'/v1/models/{name}': {'name': name, 'ready': True}}
            self.answer(*((200, known[self.path]) if self.path in known else (404, {'error': 'there is nothing here'})))

        def do_POST(self):
            if self.path != f'/v1/models/{name}:predict':
                return self.answer(404, {'error': 'there is nothing here'})
            try:
                rows = json.loads(self.rfile.read(int(self.headers['Content-Length'])))['instances']
                if any(len(row) != len(model['weights']) for row in rows):
                    raise ValueError(f'each instance must be a list of {len(model["weights"])} numbers')
                answers = [sum(w * float(x) for w, x in zip(model['weights'], row)) + model['bias'] for row in rows]
            except (KeyError, TypeError, ValueError) as error:
                return self.answer(400, {'error': f'this makes no sense: {error}'})
            self.answer(200, {'predictions': answers})

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer((address, int(port)), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def program_of_server() -> str:
    """For python3 -c, with the arguments of serve."""
    import inspect

    return f'{inspect.getsource(serve)}\nimport sys\nserve(*sys.argv[1:])\n'


def call_api_server(service_account: str, method: str, path: str, body=None):
    """The answer; None: there is no such thing."""
    import json
    import os
    import ssl
    import urllib.error
    import urllib.request

    with open(os.path.join(service_account, 'token')) as file:  # it is renewed from time to time
        token = file.read().strip()
    host = os.environ['KUBERNETES_SERVICE_HOST']
    host = f'[{host}]' if ':' in host else host
    request = urllib.request.Request(
        f'https://{host}:{os.environ.get("KUBERNETES_SERVICE_PORT", "443")}{path}', method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'})
    context = ssl.create_default_context(cafile=os.path.join(service_account, 'ca.crt'))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        words = error.read().decode(errors='replace')[:1000]
        raise RuntimeError(f'{method} {path} is answered with {error.code}: {words}') from error


def deploy_in_cluster(service_account: str, uri: str, name: str, image: str, wait_s: float) -> str:
    """Makes the InferenceService, or replaces it, and waits until it is ready. Returns where it is."""
    import os
    import time

    if '://' not in uri:
        raise RuntimeError(f'KServe cannot read {uri}: give the run a pipeline root in an object store')
    with open(os.path.join(service_account, 'namespace')) as file:
        folder = f'/apis/serving.kserve.io/v1beta1/namespaces/{file.read().strip()}/inferenceservices'
    # By STORAGE_URI a container of one's own has its model in /mnt/models.
    wanted = {'apiVersion': 'serving.kserve.io/v1beta1', 'kind': 'InferenceService', 'metadata': {'name': name},
              'spec': {'predictor': {'containers': [{
                  'name': 'kserve-container', 'image': image,
                  'command': ['python3', '-c', program_of_server(), '/mnt/models', name, '0.0.0.0', '8080'],
                  'ports': [{'containerPort': 8080, 'protocol': 'TCP'}],
                  'env': [{'name': 'STORAGE_URI', 'value': uri}]}]}}}
    found = call_api_server(service_account, 'GET', f'{folder}/{name}')
    if found is None:
        made = call_api_server(service_account, 'POST', folder, wanted)
    else:
        wanted['metadata'] = found['metadata']  # its version: if somebody else changes it now, this fails
        made = call_api_server(service_account, 'PUT', f'{folder}/{name}', wanted)
    if made is None:
        raise RuntimeError(f'the InferenceService {name} was removed while it was replaced')
    generation = made['metadata'].get('generation', 1)
    words = 'nothing is said of it yet'
    deadline = time.monotonic() + wait_s
    while True:
        status = (call_api_server(service_account, 'GET', f'{folder}/{name}') or {}).get('status', {})
        ready = next((one for one in status.get('conditions', []) if one['type'] == 'Ready'), {})
        # What is said of an earlier generation is said of another model.
        if ready.get('status') == 'True' and status.get('observedGeneration', generation) >= generation:
            return status.get('url', '')
        words = ready.get('message') or ready.get('reason') or words
        if time.monotonic() > deadline:
            raise RuntimeError(f'the InferenceService {name} is not ready after {wait_s} s: {words}')
        time.sleep(min(2, wait_s / 10))


def ask_here(folder: str, name: str) -> str:
    """Serves the model on this machine, and returns what it answers to one question."""
    import json
    import subprocess
    import sys
    import urllib.request

    with subprocess.Popen([sys.executable, '-c', program_of_server(), folder, name, '127.0.0.1', '0'],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            url = f'http://127.0.0.1:{int(process.stdout.readline())}/v1/models/{name}:predict'
            request = urllib.request.Request(url, data=json.dumps({'instances': [[1, 1], [0, 0]]}).encode(),
                                             headers={'Content-Type': 'application/json'})
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=30) as answer:
                said = answer.read().decode()
            print(f'{url} answers {said}')
            return said
        finally:
            process.kill()


@dsl.component(additional_funcs=[serve, program_of_server, call_api_server, deploy_in_cluster, ask_here])
def deploy(model: Input[Model], name: str, wait_s: float = 600, image: str = 'python:3.11',
           service_account: str = '/var/run/secrets/kubernetes.io/serviceaccount') -> str:
    """Serves the model as an InferenceService if this is a cluster with KServe, else here for one question.

    Returns where it is served, or what was answered."""
    import os

    is_pod = 'KUBERNETES_SERVICE_HOST' in os.environ and os.path.exists(os.path.join(service_account, 'token'))
    if is_pod and call_api_server(service_account, 'GET', '/apis/serving.kserve.io/v1beta1') is not None:
        return deploy_in_cluster(service_account, model.uri, name, image, wait_s)
    return ask_here(model.path, name)


@dsl.pipeline(name='serving', description='Train a small model and serve it.')
def serving(rows: int = 200, name: str = 'linear'):
    data = make_data(rows=rows)
    trained = train(data=data.outputs['data'])
    # A service may have gone, or be another's by now: it is looked at each time.
    deploy(model=trained.outputs['model'], name=name).set_caching_options(False)


def main() -> int:
    parser = argparse.ArgumentParser(description='Trains a small model and serves it.')
    parser.add_argument('--host', default='http://127.0.0.1:8888', help='the server')
    parser.add_argument('--name', default='linear', help='by which the model is served')
    parser.add_argument('--compile-only', metavar='FILE', help='write the pipeline there, and run nothing')
    options = parser.parse_args()
    if options.compile_only:
        compiler.Compiler().compile(serving, options.compile_only)
        return 0
    kfp_client = client.Client(host=options.host)
    submitted = kfp_client.create_run_from_pipeline_func(serving, arguments={'name': options.name})
    run = kfp_client.wait_for_run_completion(submitted.run_id, timeout=1800, sleep_duration=1)
    print(f'The run {run.run_id} is {run.state.lower()}.')
    return 0 if run.state == 'SUCCEEDED' else 1


if __name__ == '__main__':
    sys.exit(main())
