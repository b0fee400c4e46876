"""Pipelines and versions from a package_url, which the server fetches itself within its bounds."""

import contextlib
import http.server
import io
import json
import ssl
import subprocess
import threading
import zipfile

import kfp_server_api
import pytest
import yaml

import penstock
import specs

pytestmark = pytest.mark.sqlite('what is fetched is stored like an upload')

ALLOWED = ('--package_url_hosts=127.0.0.1,localhost', '--package_url_allow_http=on', '--package_url_allow_private=on',
           '--package_url_timeout_s=2')


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('pipeline.yaml', yaml.safe_dump(specs.noop('zipped')))
    return file.getvalue()


class Files(http.server.BaseHTTPRequestHandler):
    """What the test's own web server has."""
    release = threading.Event()
    content = {'/p.yaml': yaml.safe_dump(specs.noop('fetched')).encode(), '/packed.zip': zipped(),
               '/broken.yaml': b'pipelineInfo: {name: no-root}', '/large.yaml': b'#' * ((32 << 20) + 1)}
    asked = []

    def do_GET(self):
        path = self.path.partition('?')[0]
        self.asked.append(path)
        if path == '/slow.yaml':
            self.release.wait(30)
        if path.startswith('/to/'):
            self.send_response(302)
            self.send_header('Location', 'http://' + path[len('/to/'):])
            self.end_headers()
            return
        body = self.content.get(path)
        self.send_response(200 if body else 403 if path == '/secret' else 404)
        self.send_header('Content-Length', str(len(body or b'')))
        self.end_headers()
        try:
            self.wfile.write(body or b'')
        except OSError:
            pass  # the bound is reached

    def log_message(self, *_):
        pass


@pytest.fixture(scope='module')
def files():
    with serving() as port:
        yield f'http://127.0.0.1:{port}'
        Files.release.set()


@contextlib.contextmanager
def serving(tls=None):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Files)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def certificate(tmp_path):
    """Of localhost, signed by nobody but itself; with the address of a server that has it."""
    file, key = tmp_path / 'certificate.pem', tmp_path / 'key.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                    '-keyout', key, '-out', file, '-days', '2', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=DNS:localhost'], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file, key)
    with serving(tls) as port:
        yield file, f'https://localhost:{port}'


@pytest.fixture
def fetching(make_server):
    return make_server(*ALLOWED).start()


def together(url, name='', **pipeline):
    return {'pipeline': {'name': name, **pipeline}, 'pipeline_version': {'package_url': {'pipeline_url': url}}}


def refused(server, code, word, url, name='refused'):
    answer = server.request('POST', '/pipelines/create', json=together(url, name))
    assert answer.status_code == code and word in answer.json()['message'], answer.text


def test_pipelines_with_their_version(fetching, files):
    body = together(f'{files}/p.yaml?token=x', 'name', display_name='Name', description='What for.', tags={'a': 'b'})
    body['pipeline_version'].update(tags={'c': 'd'}, name='ignored', display_name='ignored', description='ignored')
    pipeline = fetching.ok('POST', '/pipelines/create', json=body)
    assert {key: pipeline[key] for key in ('name', 'display_name', 'description', 'tags')} == {
        'name': 'name', 'display_name': 'Name', 'description': 'What for.', 'tags': {'a': 'b'}}
    version, = fetching.ok('GET', f'/pipelines/{pipeline["pipeline_id"]}/versions')['pipeline_versions']
    assert {key: version[key] for key in ('name', 'display_name', 'description', 'tags', 'package_url')} == {
        'name': 'name', 'display_name': 'Name', 'description': 'What for.', 'tags': {'c': 'd'},
        'package_url': {'pipeline_url': f'{files}/p.yaml?token=x'}}
    assert version['pipeline_spec']['pipelineInfo']['name'] == 'fetched'
    # Without a name it is the file's.
    assert fetching.ok('POST', '/pipelines/create', json=together(f'{files}/packed.zip'))['name'] == 'packed.zip'
    refused(fetching, 409, 'exists already', f'{files}/packed.zip', 'packed.zip')
    run = fetching.ok('POST', '/runs', json={'display_name': 'r', 'pipeline_version_reference': {
        'pipeline_id': pipeline['pipeline_id']}})
    fetching.succeed(run['run_id'])


def test_versions_with_the_generated_client(fetching, files):
    client = kfp_server_api.ApiClient(kfp_server_api.Configuration(host=fetching.url))
    pipelines = kfp_server_api.PipelineServiceApi(client)
    one, other = (pipelines.pipeline_service_create_pipeline(kfp_server_api.V2beta1Pipeline(name=name)).pipeline_id
                  for name in ('one', 'other'))
    version = kfp_server_api.V2beta1PipelineVersion(
        pipeline_id=other, display_name='first', code_source_url='https://code.example/x', tags={'t': 'u'},
        package_url=kfp_server_api.V2beta1Url(pipeline_url=f'{files}/packed.zip'))
    made = pipelines.pipeline_service_create_pipeline_version(one, version)
    assert (made.pipeline_id, made.name, made.display_name) == (one, 'first', 'first'), 'the path says which pipeline'
    assert made.package_url.pipeline_url == f'{files}/packed.zip' and made.tags == {'t': 'u'}
    assert made.code_source_url == 'https://code.example/x'
    assert made.pipeline_spec['pipelineInfo']['name'] == 'zipped'
    path = f'/pipelines/{one}/versions'
    body = {'pipeline_id': one, 'name': 'n', 'package_url': {'pipeline_url': f'{files}/p.yaml'}}
    for change, code, word in (
            ({'name': 'first'}, 409, 'exists already'), ({'name': ''}, 400, 'name'), ({'name': 'x' * 128}, 400, '127'),
            ({'package_url': {}}, 400, 'package_url.pipeline_url'), ({'pipeline_id': ''}, 400, 'pipeline_id')):
        answer = fetching.request('POST', path, json={**body, **change})
        assert answer.status_code == code and word in answer.json()['message'], answer.text
    Files.asked.clear()
    answer = fetching.request('POST', '/pipelines/unknown/versions', json=body)
    assert answer.status_code == 404 and 'unknown' in answer.json()['message'], answer.text
    assert Files.asked == [], 'nothing is fetched for a pipeline that is not there'


def test_what_is_behind_the_url_is_checked(fetching, files):
    refused(fetching, 400, 'package_url.pipeline_url', '')
    refused(fetching, 400, 'schemaVersion', f'{files}/broken.yaml')
    refused(fetching, 400, 'status 404', f'{files}/none.yaml')
    refused(fetching, 400, 'status 403', f'{files}/secret')
    refused(fetching, 400, '33554432 bytes', f'{files}/large.yaml')
    refused(fetching, 504, 'could not be fetched', f'{files}/slow.yaml')
    refused(fetching, 503, 'could not be fetched', 'http://127.0.0.1:1/p.yaml')
    refused(fetching, 503, 'could not be fetched', files.replace('http', 'https') + '/p.yaml')
    refused(fetching, 400, 'validation failed', 'no url')
    refused(fetching, 400, 'bytes', 'http://127.0.0.1/' + 'x' * 3000)
    assert fetching.ok('GET', '/pipelines') == {}, 'nothing is left of what was refused'


def test_only_what_is_allowed_is_asked(make_server, files):
    """On a server with its defaults, then on one with a host too few."""
    Files.asked.clear()
    server = make_server(name='default').start()
    for url in (f'{files}/p.yaml', 'https://127.0.0.1/p.yaml', 'https://localhost/p.yaml', 'https://[::1]/p.yaml',
                'file:///etc/passwd', 'https://example.com/p.yaml', 'https://github.com.example.com/p.yaml'):
        refused(server, 400, 'Pipeline URL validation failed', url)
    # Every host may be named, but none on this machine or in its network answers.
    anywhere = make_server('--package_url_hosts=*', '--package_url_allow_http=on', name='public').start()
    for url in (f'{files}/p.yaml', files.replace('127.0.0.1', 'localhost') + '/p.yaml', 'http://10.0.0.1/p.yaml',
                'http://169.254.169.254/latest/meta-data', 'http://[::ffff:127.0.0.1]/p.yaml', 'http://0/p.yaml'):
        refused(anywhere, 400, 'not of the public internet', url)
    none = make_server('--package_url_hosts=none', name='none').start()
    refused(none, 400, '--package_url_hosts', 'https://github.com/p.yaml')
    assert Files.asked == []


def test_redirects_are_held_to_the_same_rules(fetching, files):
    port = files.rpartition(':')[2]
    pipeline = fetching.ok('POST', '/pipelines/create', json=together(f'{files}/to/localhost:{port}/p.yaml', 'moved'))
    assert pipeline['name'] == 'moved'
    refused(fetching, 400, 'host 127.0.0.2 is not allowed', f'{files}/to/127.0.0.2:{port}/p.yaml')
    assert json.dumps(Files.asked).count('/to/') == 2


def test_certificates_of_one_s_own_authority(make_server, certificate, monkeypatch):
    file, url = certificate
    environment = penstock.environment
    monkeypatch.setattr(penstock, 'environment', lambda folder: {**environment(folder), 'SSL_CERT_FILE': str(file)})
    server = make_server(*ALLOWED).start()
    pipeline = server.ok('POST', '/pipelines/create', json=together(f'{url}/p.yaml', 'fetched'))
    version, = server.ok('GET', f'/pipelines/{pipeline["pipeline_id"]}/versions')['pipeline_versions']
    assert version['pipeline_spec']['pipelineInfo']['name'] == 'fetched'
    refused(server, 400, 'certificate', url.replace('localhost', '127.0.0.1') + '/p.yaml')  # it names another host


def test_certificates_that_nobody_vouches_for(fetching, certificate):
    Files.asked.clear()
    refused(fetching, 400, 'SSL_CERT_FILE', f'{certificate[1]}/p.yaml')
    assert Files.asked == [], 'nothing is asked of a server that may be another'
