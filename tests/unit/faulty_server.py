# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the products in memory share: they answer over real sockets, remember what they were asked, and misbehave when told to."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Json = Any
Answer = tuple[int, Json, Mapping[str, str]]


class RefusedError(Exception):
    """An answer of 400 and more.

    :ivar code: the product's own code for it, where it has one.
    """

    def __init__(self, status: int, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next requests that match.

    :ivar method: regular expression for the whole method.
    :ivar status: answered instead of doing anything; 0 for a dropped connection.
    :ivar times: how often.
    :ivar skip: how many are let pass before that.
    :ivar after: the request is carried out before the connection is dropped.
    :ivar body: answered with the status; an object as JSON, a text as it is. None for the product's own.
    :ivar meanwhile: what somebody else does right before the request, which is then carried out as usual.
    """

    method: str
    path: str
    status: int = 0
    times: int = 1
    skip: int = 0
    after: bool = False
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: Json = None
    meanwhile: Callable[[], object] | None = None

    def takes(self, method: str, path: str) -> bool:
        if not self.times or not re.fullmatch(self.method, method) or not re.search(self.path, path):
            return False
        self.skip -= 1
        return self.skip < 0


class FaultyServer:
    """Subclass it once per product. Use it with `with`; url is its address.

    :ivar log: method and path of every request, without the query.
    :ivar page: a limit of its own for lists, below what is asked for.
    :ivar dead: after the first fault, connections are dropped unheard, as if whoever sends had been killed.
    """

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.page = 0
        self.dead = False
        self.lock = threading.RLock()
        self.url = ""

    def __enter__(self) -> Any:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                fake._answer(self)

        for method in ("POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.do_GET)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, method: str, path: str, status: int = 0, times: int = 1, **more: Any) -> None:
        """The next requests that match fail; what Fault has no field for is a header of the answer."""
        own = {name: more.pop(name) for name in ("after", "body", "meanwhile", "skip") if name in more}
        self.faults.append(Fault(method, path, status, times, headers={key.replace("_", "-"): value for key, value in more.items()}, **own))

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[tuple[str, str]]]:
        """The requests of a block."""
        start = len(self.log)
        found: list[tuple[str, str]] = []
        yield found
        found += self.log[start:]

    def do(self, method: str, path: str, query: dict[str, str], raw: bytes, headers: Mapping[str, str]) -> Answer:
        """Carries out a request.

        :param path: as it was sent, still quoted.
        :raises RefusedError: for an answer of 400 and more.
        """
        raise NotImplementedError

    def refused(self, error: RefusedError) -> Json:
        """The body of such an answer."""
        raise NotImplementedError

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        url = urlsplit(handler.path)
        method = handler.command
        with self.lock:
            self.log.append((method, unquote(url.path)))
            fault = next((fault for fault in self.faults if fault.takes(method, unquote(url.path))), None)
            if fault:
                fault.times -= 1
                if fault.meanwhile:
                    fault.meanwhile()
                    fault = None
            elif self.dead and self.faults and not self.faults[-1].times:
                fault = Fault(method, "")
            status: int
            body: Json
            headers: Mapping[str, str]
            status, body, headers = 200, None, {}
            if fault and fault.status:
                body = fault.body if fault.body is not None else self.refused(RefusedError(fault.status, f"fault {fault.status}"))
                status, headers = fault.status, fault.headers
            elif not fault or fault.after:
                try:
                    status, body, headers = self.do(method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), raw, dict(handler.headers))
                except RefusedError as exc:
                    status, body = exc.status, self.refused(exc)
        if fault and not fault.status:
            handler.close_connection = True
            handler.connection.close()
            return
        content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
