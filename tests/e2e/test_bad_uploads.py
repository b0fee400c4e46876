"""Files that are no pipeline package, or mean harm: a clear refusal, quickly, and nothing is stored."""

import io
import os
import struct
import tarfile
import time
import zipfile
import zlib

import pytest
import requests
import yaml

import specs
from waiting import PATIENCE

pytestmark = pytest.mark.sqlite('bad files are refused before they reach the database')

GOOD = yaml.safe_dump(specs.noop()).encode()
LIMIT = 32 << 20
PNG = b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + b'IHDR' + b'\0' * 17
UNKNOWN = '01234567-0123-0123-0123-0123456789ab'


def zipped(*entries, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(*entries):
    """Entries are (name, content) or ready TarInfo objects."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zeros(size, kind):
    """A good pipeline followed by a very long comment, which compresses to almost nothing."""
    content = GOOD + b'# ' + b' ' * size + b'\n'
    return zipped(('pipeline.yaml', content)) if kind == 'zip' else tarred(('pipeline.yaml', content))


def aliases(levels, width):
    """The billion laughs: each level refers to the one before `width` times."""
    lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    lines += [f'a{level}: &a{level} [{", ".join([f"*a{level - 1}"] * width)}]' for level in range(1, levels)]
    return ('\n'.join(lines) + '\n').encode() + GOOD


def gzip_of_garbage():
    compress = zlib.compressobj(wbits=31)
    return compress.compress(b'not a tar file at all' * 100) + compress.flush()


REFUSED = {
    'empty': ('a.yaml', b'', ['empty']),
    'only comments': ('a.yaml', b'# nothing\n---\n', []),
    'a picture': ('a.png', PNG, []),
    'a picture called yaml': ('a.yaml', PNG, []),
    'binary': ('a.yaml', bytes(range(256)), []),
    'not utf-8': ('a.yaml', b'pipelineInfo: {name: "\xff\xfe"}\n', []),
    'no yaml': ('a.yaml', b'a: [1, 2\nb: }', ['line']),
    'a scalar': ('a.yaml', b'just text\n', []),
    'a list': ('a.yaml', b'- 1\n- 2\n', []),
    'another document': ('a.yaml', b'apiVersion: v1\nkind: Pod\n', []),
    'no json': ('a.json', b'{"pipelineInfo": ', []),
    'two pipelines': ('a.yaml', GOOD + b'\n---\n' + GOOD, []),
    'the same key twice': ('a.yaml', GOOD + b'\nschemaVersion: 2.1.0\n', ['schemaVersion']),
    'an unknown type of file': ('a.txt', b'hello', []),
    'a deep list': ('a.yaml', b'a: ' + b'[' * 20000 + b']' * 20000 + b'\n' + GOOD, ['nest']),
    'a deep map in lines': ('a.yaml', b''.join(b' ' * level + b'a:\n' for level in range(600)) + GOOD, ['nest']),
    'deep json': ('a.json', b'{"a":' * 20000 + b'1' + b'}' * 20000, ['nest']),
    'aliases upon aliases': ('a.yaml', aliases(12, 10), []),
    'an alias of itself': ('a.yaml', b'a: &a [*a]\n' + GOOD, []),
    'many documents': ('a.yaml', b'---\n{}\n' * 5000 + b'---\n' + GOOD, ['documents']),
    'an empty zip': ('a.zip', zipped(), []),
    'a broken zip': ('a.zip', b'PK\x03\x04' + b'\0' * 40, []),
    'half a zip': ('a.zip', zipped(('pipeline.yaml', GOOD * 50))[:200], []),
    'a zip without yaml': ('a.zip', zipped(('readme.txt', b'hello')), ['yaml']),
    'a zip that grows': ('a.zip', zeros(100 << 20, 'zip'), ['33554432']),
    'a tarball that grows': ('a.tar.gz', zeros(100 << 20, 'tar'), ['33554432']),
    'a zip of many': ('a.zip', zipped(*((f'{number}.txt', b'') for number in range(5000))), []),
    'an empty tarball': ('a.tar.gz', tarred(), []),
    'gzip but no tarball': ('a.tar.gz', gzip_of_garbage(), []),
    'half a tarball': ('a.tar.gz', tarred(('pipeline.yaml', GOOD * 2000))[:150], []),
    'a link out': ('a.tar.gz', tarred(link('pipeline.yaml', '/etc/passwd')), []),
    'a link up': ('a.tar.gz', tarred(link('pipeline.yaml', '../../../../etc/passwd')), []),
    'a hard link': ('a.tar.gz', tarred(link('pipeline.yaml', '/etc/passwd', tarfile.LNKTYPE)), []),
    'a device': ('a.tar.gz', tarred(link('pipeline.yaml', '', tarfile.CHRTYPE)), []),
    'a folder': ('a.tar.gz', tarred(link('pipeline.yaml', '', tarfile.DIRTYPE)), []),
}


def upload(server, file_name, content, path='/pipelines/upload', **query):
    return server.request('POST', path, params=query, files={'uploadfile': (file_name, content)}, timeout=60)


@pytest.mark.parametrize('name, content, words', REFUSED.values(), ids=REFUSED.keys())
def test_refused(server, unique, name, content, words):
    chosen = unique('bad')
    started = time.monotonic()
    answer = upload(server, name, content, name=chosen)
    assert answer.status_code == 400, answer.text[:500]
    body = answer.json()
    assert body['error_message'] and 'error_details' in body
    for word in words:
        assert word in body['error_message'], body['error_message']
    assert time.monotonic() - started < 10 * PATIENCE
    assert server.request('GET', f'/pipelines/names/{chosen}').status_code == 404


def test_paths_in_archives_are_never_followed(server, unique, tmp_path):
    """The entry is read from the archive, whatever its name says; nothing is unpacked anywhere."""
    target = tmp_path / 'escaped.yaml'
    for kind, content in (('zip', zipped((f'../../../..{target}', GOOD))), ('tar.gz', tarred((str(target), GOOD)))):
        answer = upload(server, f'a.{kind}', content, name=unique('path'))
        assert answer.status_code in (200, 400), answer.text
        assert not target.exists()
    # os.walk passes over what other tests' tasks remove while it looks.
    assert not [name for *_, names in os.walk(server.data_dir) for name in names if 'escaped' in name]


def test_too_large(server, unique):
    chosen = unique('large')
    answer = upload(server, 'a.yaml', GOOD + b'#' * LIMIT, name=chosen)
    assert answer.status_code == 400 and '33554432' in answer.json()['error_message'], answer.text
    assert server.request('GET', f'/pipelines/names/{chosen}').status_code == 404


def test_large_but_allowed(server, unique):
    assert upload(server, 'a.yaml', GOOD + b'# ' + b'x' * (8 << 20), name=unique('large')).status_code == 200


def test_memory_stays_small_under_bombs(server, unique):
    def resident_kb():
        status = open(f'/proc/{server.pid}/status').read()
        return int(status.split('VmRSS:')[1].split()[0])
    bombs = [('a.zip', zeros(100 << 20, 'zip')), ('a.yaml', aliases(12, 10))]
    upload(server, *bombs[0], name=unique('bomb'))
    before = resident_kb()
    for _ in range(5):
        for bomb in bombs:
            assert upload(server, *bomb, name=unique('bomb')).status_code == 400
    assert resident_kb() - before < 100 << 10


@pytest.mark.parametrize('files, data, words', [
    (None, None, ['uploadfile']), ({'other': ('a.yaml', GOOD)}, None, ['uploadfile']),
    (None, {'uploadfile': 'text'}, ['uploadfile'])], ids=['nothing', 'another part', 'a plain field'])
def test_the_file_part_is_required(server, files, data, words):
    answer = server.request('POST', '/pipelines/upload', params={'name': 'x'}, files=files, data=data)
    assert answer.status_code == 400, answer.text
    for word in words:
        assert word in answer.json()['error_message']


def test_a_form_that_breaks_off(server, unique):
    chosen = unique('broken')
    body = (b'--b\r\nContent-Disposition: form-data; name="uploadfile"; filename="a.yaml"\r\n\r\n' + GOOD)
    answer = server.request('POST', '/pipelines/upload', params={'name': chosen}, data=body,
                            headers={'Content-Type': 'multipart/form-data; boundary=b'})
    assert answer.status_code == 400, answer.text
    assert server.request('GET', f'/pipelines/names/{chosen}').status_code == 404


@pytest.mark.parametrize('tags', ['nonsense', '[]', '{"a": 1}', '{"a": {"b": "c"}}', '{"%s": "v"}' % ('k' * 64),
                                  '{"k": "%s"}' % ('v' * 64), '{"a.b": "c"}'])
def test_bad_tags(server, unique, tags):
    chosen = unique('tags')
    answer = upload(server, 'a.yaml', GOOD, name=chosen, tags=tags)
    assert answer.status_code == 400 and 'tag' in answer.json()['error_message'].lower(), answer.text
    assert server.request('GET', f'/pipelines/names/{chosen}').status_code == 404


def test_tags_of_uploads(server, unique):
    made = upload(server, 'a.yaml', GOOD, name=unique('tags'), tags='{"team": "red"}').json()
    assert made['tags'] == {'team': 'red'}
    assert server.ok('GET', f'/pipelines/{made["pipeline_id"]}')['tags'] == {'team': 'red'}
    plain = upload(server, 'a.yaml', GOOD, name=unique('tags'), tags='{}')
    assert plain.status_code == 200 and 'tags' not in plain.json()


def test_versions_of_unknown_pipelines(server):
    assert upload(server, 'a.yaml', GOOD, '/pipelines/upload_version', name='v').status_code == 400
    assert upload(server, 'a.yaml', GOOD, '/pipelines/upload_version', name='v', pipelineid='').status_code == 400
    answer = upload(server, 'a.yaml', GOOD, '/pipelines/upload_version', name='v', pipelineid=UNKNOWN)
    assert answer.status_code == 404 and UNKNOWN in answer.json()['error_message']


def test_duplicates(server, unique):
    chosen = unique('twice')
    made = upload(server, 'a.yaml', GOOD, name=chosen).json()
    assert upload(server, 'a.yaml', GOOD, name=chosen).status_code == 409
    again = upload(server, 'a.yaml', GOOD, '/pipelines/upload_version', name=chosen, pipelineid=made['pipeline_id'])
    assert again.status_code == 409 and chosen in again.json()['error_message']


def test_names_have_bounds(server):
    assert upload(server, 'a.yaml', GOOD, name='x' * 129).status_code == 400
    assert upload(server, 'a' * 200 + '.yaml', GOOD).status_code == 400


def test_a_client_that_goes_away_hurts_nobody(server):
    def slow_body():
        yield b'--b\r\nContent-Disposition: form-data; name="uploadfile"; filename="a.yaml"\r\n\r\n'
        raise ConnectionAbortedError
    with pytest.raises((ConnectionAbortedError, requests.ConnectionError)):
        requests.post(f'{server.url}/apis/v2beta1/pipelines/upload', data=slow_body(), timeout=10,
                      headers={'Content-Type': 'multipart/form-data; boundary=b'})
    server.ok('GET', '/healthz')
