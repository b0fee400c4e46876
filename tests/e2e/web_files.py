"""A web server of a test's own, on loopback."""

import http.server
import threading
from typing import List


class Files:
    """Texts by path over HTTP on loopback."""

    def __init__(self, **texts: str) -> None:
        self.requests: List[str] = []
        files = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                files.requests.append(self.path)
                name = self.path.lstrip('/').split('?')[0]
                if name == 'moved.csv':
                    self.send_response(302)
                    self.send_header('Location', '/data.csv')
                    self.end_headers()
                    return
                if name not in texts:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header('Content-Length', str(len(texts[name])))
                self.end_headers()
                self.wfile.write(texts[name].encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
