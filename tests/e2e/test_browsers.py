"""What a web page can do through the browser of somebody who can reach the gateway."""

import json
import pathlib
import subprocess
from typing import Callable, Iterator

import pytest

from browser import Pages, visit
from penstock import PROGRAMS, Server, environment
from waiting import wait_until

# Tries all that a page may send without asking first, and reports when all of it has been answered.
PAGE = """<!doctype html><iframe name=hidden></iframe><script>
const target = '%(target)s' || location.origin;
const body = name => JSON.stringify({display_name: name});
const tries = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json']
  .map((kind, i) => fetch(target + '/apis/v2beta1/experiments',
                          {method: 'POST', mode: '%(mode)s', headers: {'Content-Type': kind},
                           body: body('%(name)s-' + i)})
                    .catch(() => 0));
const form = document.createElement('form');
Object.assign(form, {method: 'POST', enctype: 'text/plain', target: 'hidden',
                     action: target + '/apis/v2beta1/experiments'});
const field = document.createElement('input');
Object.assign(field, {name: '{"display_name":"%(name)s-form","description":"', value: '"}'});
form.append(field); document.body.append(form);
const sent = new Promise(end => { frames[0].frameElement.onload = end; setTimeout(end, 5000); });
form.submit();
Promise.all([...tries, sent]).then(() => fetch('/done'));
</script>"""


@pytest.fixture
def named_gateway(server: Server, tmp_path: pathlib.Path) -> Iterator[int]:
    """The port of a gateway that answers to the name penstock.test."""
    ready = tmp_path / 'gateway.json'
    gateway = subprocess.Popen(
        [str(PROGRAMS / 'penstock-gateway'), '--listen=127.0.0.1:0', f'--server=127.0.0.1:{server.grpc_port}',
         f'--ready_file={ready}', '--allowed_hosts=penstock.test'],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(tmp_path))
    try:
        wait_until('the gateway to be ready', ready.exists)
        yield json.loads(ready.read_text())['http_port']
    finally:
        gateway.kill()
        gateway.wait()


def experiments(server: Server, prefix: str) -> set:
    listed = server.ok('GET', '/experiments', params={'page_size': 200})['experiments']
    return {one['display_name'][len(prefix):] for one in listed if one['display_name'].startswith(prefix)}


@pytest.mark.parametrize('host', ['penstock.test', '127.0.0.1', 'localhost'])
def test_a_page_of_a_stranger_changes_nothing(host: str, server: Server, named_gateway: int, tmp_path: pathlib.Path,
                                              unique: Callable[[str], str]) -> None:
    name = unique('stranger')
    pages = Pages(PAGE % {'target': f'http://{host}:{named_gateway}', 'mode': 'no-cors', 'name': name})
    try:
        for page in (f'http://stranger.test:{pages.port}/', f'http://{host}:{pages.port}/'):
            pages.done.clear()
            visit(page, pages, tmp_path)
    finally:
        pages.close()
    assert experiments(server, name) == set()


def test_a_page_behind_the_same_proxy_may_change_things(server: Server, named_gateway: int, tmp_path: pathlib.Path,
                                                        unique: Callable[[str], str]) -> None:
    name = unique('own')
    pages = Pages(PAGE % {'target': '', 'mode': 'same-origin', 'name': name}, f'http://127.0.0.1:{named_gateway}')
    try:
        visit(f'http://penstock.test:{pages.port}/', pages, tmp_path)
    finally:
        pages.close()
    assert experiments(server, name) >= {'-0', '-1', '-2', '-3'}

