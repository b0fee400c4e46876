"""A package index on loopback, with packages made here: what pip asks of it is seen, and can be held up."""

import base64
import hashlib
import http.server
import io
import threading
import zipfile
from typing import Dict, List

NOT_FOUND = 404
HOLD_SECONDS = 120


def wheel(name: str, version: str) -> bytes:
    """One module `name` that knows its version, and a program of the same name with a dash, which prints it."""
    info = f'{name}-{version}.dist-info'
    files = {
        f'{name}.py': f'__version__ = {version!r}\n\n\ndef main():\n    print({name!r}, __version__)\n',
        f'{info}/METADATA': f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
        f'{info}/entry_points.txt': f'[console_scripts]\nrun-{name} = {name}:main\n'}
    record = f'{info}/RECORD'
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()
        lines.append(f'{path},sha256={digest},{len(text)}')
    files[record] = '\n'.join([*lines, f'{record},,', ''])
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return data.getvalue()


class PackageIndex:
    """Serves packages at `url` until it is closed."""

    def __init__(self) -> None:
        self.requests: List[str] = []
        self.gate = threading.Event()  # wheels are given out while it is set
        self.gate.set()
        self._packages: Dict[str, Dict[str, bytes]] = {}
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.requests.append(self.path)
                parts = [part for part in self.path.split('/') if part]
                files = index._packages.get(parts[1].replace('-', '_'), {}) if len(parts) > 1 else {}
                if len(parts) == 3 and parts[2] in files:
                    index.gate.wait(HOLD_SECONDS)
                    self._answer(files[parts[2]], 'application/octet-stream')
                elif len(parts) == 2 and files:
                    links = ''.join(f'<a href="{file}">{file}</a>' for file in files)
                    self._answer(f'<!DOCTYPE html><html><body>{links}</body></html>'.encode(), 'text/html')
                else:
                    self.send_error(NOT_FOUND)

            def _answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header('Content-Type', kind)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self._server.server_port}/simple'
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def add(self, name: str, version: str = '1.0') -> str:
        """The requirement that names it."""
        self._packages.setdefault(name, {})[f'{name}-{version}-py3-none-any.whl'] = wheel(name, version)
        return f'{name}=={version}'

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
