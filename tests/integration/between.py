# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands between a client and a server, to do something at a certain request: by the clock, a test would miss the moment now and then."""

from __future__ import annotations

import contextlib
import http.client
import re
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Between(ThreadingHTTPServer):
    """Passes requests on, and does something once some that match have been answered by the server, before the play knows.

    :param server: address of the server, without TLS.
    :param path: regular expression for the whole path, without its query, of requests with POST.
    :param after: how many of them.
    :param tls: certificate and key to show, where it speaks TLS itself.
    :ivar then: what to do; it can be set later than the server is made.
    """

    daemon_threads = True

    def __init__(self, server: str, path: str, after: int, tls: tuple[Path, Path] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Forwarding)
        self.behind = server.removeprefix("http://")
        self.url = f"https://localhost:{self.server_port}" if tls else f"http://127.0.0.1:{self.server_port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.then: Callable[[], object] = lambda: None
        self._path, self._left, self._lock = re.compile(path), after, threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def saw(self, method: str, path: str) -> None:
        with self._lock:
            if method == "POST" and self._path.fullmatch(path):
                self._left -= 1
                if self._left == 0:
                    self.then()

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
        super().__exit__(*exc)


class _Forwarding(BaseHTTPRequestHandler):
    """One connection of a play."""

    protocol_version = "HTTP/1.1"
    server: Between

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(self.server.behind, timeout=60)
        connection.request(self.command, self.path, body, {key: value for key, value in self.headers.items() if key != "Host"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.server.saw(self.command, self.path.partition("?")[0])
        with contextlib.suppress(ConnectionError):  # whoever asked may be gone
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(key, value)
            if answer.status != http.HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815

    def log_message(self, *_arguments: object) -> None:
        """Nothing is said."""
