"""A real browser, which shows a page to nobody, and a server of pages under any name."""

import http.server
import os
import pathlib
import shutil
import signal
import subprocess
import threading
from typing import Dict, List, Optional
import urllib.error
import urllib.request

import pytest

from waiting import wait_until


class Pages:
    """Serves `page` at /, takes what it reports at /done, and passes /apis/ on to `behind` as a proxy does that keeps
    the Host header."""

    def __init__(self, page: str, behind: str = '') -> None:
        self.done: List[str] = []
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith('/done'):
                    pages.done.append(self.path)
                self._answer(200, page.encode() if self.path == '/' else b'')

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
                headers = {name: value for name, value in self.headers.items() if name != 'Connection'}
                passed_on = urllib.request.Request(behind + self.path, body, headers)
                try:
                    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(passed_on) as answer:
                        self._answer(answer.status, answer.read())
                except urllib.error.HTTPError as error:
                    self._answer(error.code, error.read())

            def _answer(self, code: int, body: bytes) -> None:
                self.send_response(code)
                self.send_header('Content-Type', 'text/html')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def program() -> str:
    """The browser. A test is skipped where there is none, and fails where CI is set."""
    found = next((path for path in map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')) if path), None)
    if found is None and not os.environ.get('CI'):
        pytest.skip('there is no Chromium: deploy/install_deps.sh --tests installs it')
    assert found, 'there is no Chromium, though CI is set: deploy/install_deps.sh --tests installs it'
    return found


def visit(url: str, pages: Pages, folder: pathlib.Path) -> None:
    """Opens the page in a new browser, for which all names are this machine, until the page reports its end."""
    environment: Dict[str, str] = {**os.environ, 'HOME': str(folder)}
    command = [program(), '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
               f'--user-data-dir={folder / "browser"}', '--host-resolver-rules=MAP * 127.0.0.1', '--no-proxy-server',
               '--remote-debugging-port=0', url]
    with (folder / 'browser.log').open('ab') as log:
        browser = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                   start_new_session=True)
    try:
        def ended() -> Optional[bool]:
            assert browser.poll() is None, (folder / 'browser.log').read_text(errors='replace')[-2000:]
            return bool(pages.done)
        wait_until(f'the page {url} to be done', ended, 30)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
