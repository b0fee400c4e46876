"""Parts of logs, searches in them, and the bytes of artifacts with ranges: what a page of a browser asks for."""

import http.client
import json
import urllib.parse

import pytest
from kfp import dsl
from kfp.dsl import HTML, Dataset, Output

import specs
from specs import Shell, shell_pipeline

pytestmark = pytest.mark.sqlite('logs and contents are files of the data directory')

API = '/apis/penstock/v1'
LINES = 200_000


@pytest.fixture(scope='module')
def printed(server):
    """A run whose task has printed LINES lines, and two more."""
    script = f'echo the beginning; seq -f "line %.0f of many" {LINES}; printf "the end, \\303\\244nd no newline"'
    run_id = server.create_run(shell_pipeline({'only': Shell(script)}))
    server.succeed(run_id)
    return run_id


def asked(server, address, headers=None, method='GET', **query):
    """Status, headers and body, unchanged by any client."""
    connection = http.client.HTTPConnection('127.0.0.1', server.http_port)
    text = urllib.parse.urlencode(query)
    connection.request(method, address + (f'?{text}' if text else ''), headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def log(server, run_id, **query):
    return asked(server, f'/apis/v2beta1/runs/{run_id}/nodes/only/log', **query)


def search(server, run_id, **query):
    status, _, body = asked(server, f'{API}/runs/{run_id}/tasks/only/log:search', **query)
    return status, json.loads(body)


def test_the_end_of_a_log(server, printed):
    whole = log(server, printed)[2]
    assert whole.count(b'\n') == LINES + 1
    status, headers, body = log(server, printed, tail_bytes=100)
    assert status == 200 and 0 < len(body) <= 100 and whole.endswith(body)
    assert int(headers['x-log-offset']) == len(whole) - len(body)
    assert whole[len(whole) - len(body) - 1:][:1] == b'\n'  # it begins where a line does
    assert log(server, printed, tail_bytes=10**9)[2] == whole
    status, headers, body = log(server, printed, offset_bytes=4, limit_bytes=9)
    assert (status, body, headers['x-log-offset']) == (200, b'beginning', '4')
    assert log(server, printed, offset_bytes=len(whole) + 10)[2] == b''
    for query in ({'tail_bytes': 1, 'offset_bytes': 1}, {'limit_bytes': 1, 'follow': 'true'}, {'tail_bytes': -1},
                  {'limit_bytes': 'x'}):
        assert log(server, printed, **query)[0] == 400, query


def test_a_search_goes_through_all_of_a_log(server, printed):
    assert search(server, printed, text='THE BEGINNING') == (
        200, {'matches': [{'line_number': '1', 'line': 'the beginning'}]})
    status, found = search(server, printed, text=f'line {LINES} of')
    assert [match['line_number'] for match in found['matches']] == [str(LINES + 1)]
    offset = int(found['matches'][0]['offset_bytes'])
    assert log(server, printed, offset_bytes=offset, limit_bytes=12)[2] == b'line 200000 '
    assert search(server, printed, text='no newline')[1]['matches'][0]['line'] == 'the end, änd no newline'
    assert search(server, printed, text='nowhere') == (200, {})
    # By pages, each of which begins where the one before has ended.
    numbers, query = [], {}
    while len(numbers) < 250:
        status, found = search(server, printed, text='line 1', page_size=100, **query)
        numbers += [int(match['line_number']) for match in found['matches']]
        query = {'offset_bytes': found['next_offset_bytes'], 'line_number': found['next_line_number']}
    wanted = [n + 1 for n in range(1, LINES + 1) if str(n).startswith('1')]
    assert numbers == wanted[:len(numbers)]
    for wrong in ({}, {'text': 'x' * 1001}, {'text': 'x', 'offset_bytes': -1}, {'text': 'x', 'page_size': -1}):
        assert search(server, printed, **wrong)[0] == 400, wrong
    assert search(server, 'none', text='x')[0] == 404


def test_a_search_in_lines_that_have_no_end(server):
    script = ("head -c 3000000 /dev/zero | tr '\\0' x; printf 'needle in the hay'; "
              "head -c 200000 /dev/zero | tr '\\0' y; echo; echo after")
    run_id = server.create_run(shell_pipeline({'only': Shell(script)}))
    server.succeed(run_id)
    status, found = search(server, run_id, text='needle in the HAY')
    match, = found['matches']
    assert match['line_number'] == '1' and 'needle in the hay' in match['line'] and len(match['line']) <= 500
    assert search(server, run_id, text='after')[1]['matches'][0]['line_number'] == '2'


@dsl.component
def make(table: Output[Dataset], page: Output[HTML], folder: Output[Dataset]):
    import os
    with open(table.path, 'w') as file:
        file.write('a,b\n1,2\n')
    with open(page.path, 'w') as file:
        file.write('<html><script>parent.hurt = 1</script><h1>report</h1>')
    os.makedirs(folder.path + '/deep')
    with open(folder.path + '/deep/pixel', 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n' + bytes(100))


@pytest.fixture(scope='module')
def artifacts(server):
    """Ids by name."""
    @dsl.pipeline(name='contents')
    def pipeline():
        make()
    run_id = server.create_run(specs.compiled(pipeline))
    server.succeed(run_id)
    listed = server.ok('GET', f'{API}/runs/{run_id}/artifacts')['artifacts']
    return {one['artifact']['name']: one['artifact']['artifact_id'] for one in listed}


def content(server, artifact_id, headers=None, method='GET', **query):
    return asked(server, f'{API}/artifacts/{artifact_id}/content', headers, method, **query)


def test_bytes_and_ranges(server, artifacts):
    status, headers, body = content(server, artifacts['table'])
    assert (status, body) == (200, b'a,b\n1,2\n')
    assert headers['content-type'] == 'text/plain; charset=utf-8' and headers['content-length'] == '8'
    assert headers['accept-ranges'] == 'bytes' and headers['content-disposition'] == 'inline; filename=table'
    for asked_for, got, told in (('bytes=0-2', b'a,b', 'bytes 0-2/8'), ('bytes=4-', b'1,2\n', 'bytes 4-7/8'),
                                 ('bytes=-4', b'1,2\n', 'bytes 4-7/8'), ('bytes=6-100', b'2\n', 'bytes 6-7/8')):
        status, headers, body = content(server, artifacts['table'], {'Range': asked_for})
        assert (status, body, headers['content-range']) == (206, got, told)
        assert headers['content-length'] == str(len(got))
    assert content(server, artifacts['table'], {'Range': 'bytes=9-'})[0] == 416
    assert content(server, artifacts['table'], {'Range': 'lines=1-2'})[:1] == (200,)
    status, headers, body = content(server, artifacts['table'], method='HEAD')
    assert (status, headers['content-length'], body) == (200, '8', b'')
    assert content(server, 'none')[0] == 404


def test_nothing_runs_in_the_origin_of_the_server(server, artifacts):
    status, headers, body = content(server, artifacts['page'])
    assert headers['content-type'].startswith('text/plain') and 'sandbox' in headers['content-security-policy']
    assert headers['x-content-type-options'] == 'nosniff'
    status, headers, body = content(server, artifacts['page'], view='html')
    assert status == 200 and headers['content-type'].startswith('text/html')
    policy = headers['content-security-policy']
    # An origin of its own, which reaches nothing.
    assert policy.startswith('sandbox allow-scripts;') and 'allow-same-origin' not in policy
    assert "default-src 'none'" in policy
    assert content(server, artifacts['page'], download='true')[1]['content-disposition'] == 'attachment; filename=page'


def test_folders(server, artifacts):
    of = f'{API}/artifacts/{artifacts["folder"]}/contents'
    assert server.ok('GET', of) == {'is_folder': True, 'entries': [{'name': 'deep', 'is_folder': True}]}
    assert server.ok('GET', f'{of}?path=deep')['entries'] == [{'name': 'pixel', 'size_bytes': '108'}]
    table = server.ok('GET', f'{API}/artifacts/{artifacts["table"]}/contents')
    assert table == {'entries': [{'name': 'table', 'size_bytes': '8'}]}
    status, headers, body = content(server, artifacts['folder'], path='deep/pixel')
    assert (status, headers['content-type'], len(body)) == (200, 'image/png', 108)
    assert content(server, artifacts['folder'])[0] == 400
    for path in ('../..', 'deep/../x', '/etc/passwd', 'deep//pixel', 'deep/', '.'):
        assert content(server, artifacts['folder'], path=path)[0] == 400, path
    assert content(server, artifacts['folder'], path='none')[0] == 404
