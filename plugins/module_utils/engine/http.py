# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP for the engines: kept connections, one TLS context, retries that cannot do harm, and a count of every request.

Standard library only, for it also runs on machines that have nothing but Python.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import email.message
import http.client
import json
import random
import select
import socket
import ssl
import threading
import time
import typing as t
import urllib.parse

from .errors import EngineError, LostError, UnreachableError

Json = t.Any

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_REPEATABLE_METHODS = _SAFE_METHODS | {"PUT", "DELETE"}
_BUSY = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE = 8.0  # seconds
_SILENT_FOR = 10.0  # seconds in which a server that did not answer at all is asked once a request: the next item of a loop has not to wait for it again
_FRESH_FOR = 1.0  # seconds in which no server hangs up on us
_CONTENTS = {
    "ca_path": "give a PEM file with the certificates to trust",
    "client_cert": "give a PEM file with the certificate and its key, or the key in client_key, without a passphrase",
}
# What to do about a certificate that is not trusted, by OpenSSL's code of why.
_REMEDIES = {10: "have it renewed", 62: "give a name in url that the certificate is for", 64: "give a name in url that the certificate is for"}
# A server that answers in pieces waits for our acknowledgement of the first one; Linux delays that by 40 ms unless told not to.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Settings(t.NamedTuple):
    """How a server is reached.

    :ivar url: base address, with a path prefix if the server has one; no user, no query.
    :ivar timeout: seconds for one request.
    :ivar retries: how often a request is tried again when the server does not answer or is busy.
    :ivar retry_delay: seconds before the first repetition; doubled each time.
    :ivar validate_certs: whether the server has to prove who it is.
    :ivar ca_path: file with the certificates to trust instead of the system's.
    :ivar client_cert: PEM file with the client's certificate for mutual TLS.
    :ivar client_key: PEM file with its key, where the certificate's file does not hold it.
    :ivar proxy: address of an HTTP proxy, with the account it asks for, if any; empty for none.
    :ivar headers: sent with every request.
    :ivar dial: makes each connection, given the seconds to wait, where a socket to the address would not do.
    """

    url: str
    timeout: float = 30.0
    retries: int = 3
    retry_delay: float = 0.5
    validate_certs: bool = True
    ca_path: str = ""
    client_cert: str = ""
    client_key: str = ""
    proxy: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    dial: t.Callable[[float], t.Any] | None = None


class Reply(t.NamedTuple):
    """An answer."""

    status: int
    headers: email.message.Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Json:
        """The JSON document of the answer; None where there is no body.

        :raises ValueError: when the body is something else.
        """
        return json.loads(self.body) if self.body.strip() else None


class Http:
    """Sends requests to one server; safe to use from several threads, each with a connection of its own."""

    def __init__(self, settings: Settings, sleep: t.Callable[[float], object] = time.sleep) -> None:
        url = urllib.parse.urlsplit(settings.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise EngineError(f"url {settings.url!r} is not the address of a server: give it as https://host[:port][/prefix]")
        if url.username or url.query or url.fragment:
            raise EngineError("url holds credentials or a query: give the bare address here, and credentials in their own options")
        if settings.dial and url.scheme == "https":
            raise EngineError(f"url {settings.url!r} cannot be https where port_forward is given: the way to the pod is encrypted, and its port plain HTTP")
        self.settings = settings
        self._root = f"{url.scheme}://{url.netloc}"
        self.base = f"{self._root}{url.path.rstrip('/')}"
        self._host, self._port = url.hostname, url.port or (443 if url.scheme == "https" else 80)
        self._netloc, self._prefix, self._secure = url.netloc, url.path.rstrip("/"), url.scheme == "https"
        self._proxy = _proxy(settings.proxy) if settings.proxy and not settings.dial else None
        self._sleep = sleep
        self._tls = self._context() if self._secure else None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[http.client.HTTPConnection] = []
        self.by_method: collections.Counter[str] = collections.Counter()
        self.retried = 0
        self._silent_until = 0.0
        self.elapsed = 0.0

    def _context(self) -> ssl.SSLContext:
        settings = self.settings
        with _readable("ca_path", settings.ca_path):
            context = ssl.create_default_context(cafile=settings.ca_path or None)
        if not settings.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if settings.client_cert:
            with _readable("client_cert", settings.client_cert, settings.client_key):
                # A key with a passphrase is refused; without a word for it, OpenSSL would ask at the terminal.
                context.load_cert_chain(settings.client_cert, settings.client_key or None, password="")
        return context

    def pause(self, seconds: float) -> None:
        """Waits before a request is sent again that the server refused for the moment; counts as a repetition."""
        with self._lock:
            self.retried += 1
        self._sleep(seconds)

    def close(self) -> None:
        """Closes every connection of every thread."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            connection.close()
        self._local = threading.local()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        form: t.Mapping[str, str] | None = None,
        query: t.Mapping[str, t.Any] | None = None,
        headers: t.Mapping[str, str] | None = None,
        prefixed: bool = True,
    ) -> Reply:
        """Sends a request, again where that can do no harm, and returns the answer whatever its status.

        :param path: below the prefix, starting with a slash, already quoted.
        :param body: sent as JSON; None for no body.
        :param prefixed: below the prefix of the address; otherwise at the root of its host.
        :raises UnreachableError: when the server does not answer.
        :raises LostError: when a write was sent and the connection broke before its answer: ask the server before sending it again.
        """
        data, sent = None, {"Accept": "application/json", **dict(self.settings.headers)}
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            data = json.dumps(body, separators=(",", ":")).encode()
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        if query:
            path += "?" + urllib.parse.urlencode({key: _text(value) for key, value in query.items() if value is not None}, doseq=True)
        began = time.monotonic()
        try:
            return self._tried(method, self._prefix + path if prefixed else path, data, sent)
        finally:
            with self._lock:
                self.elapsed += time.monotonic() - began

    def _tried(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Reply:
        pause = self.settings.retry_delay
        patient = time.monotonic() >= self._silent_until
        for left in range(self.settings.retries if patient else 0, -1, -1):
            wait = pause * random.uniform(0.8, 1.2)  # noqa: S311  spreads clients, keeps no secret
            try:
                reply = self._once(method, path, data, headers)
            except LostError:
                if not left or method not in _REPEATABLE_METHODS:
                    raise
            except UnreachableError as exc:
                if not left or exc.details.get("final"):
                    self._silent_until = time.monotonic() + _SILENT_FOR
                    raise
            else:
                if reply.status not in _BUSY or not left or not self._may_repeat(method, reply):
                    return reply
                wait = max(wait, _seconds(reply.headers.get("Retry-After", "")))
            with self._lock:
                self.retried += 1
            self._sleep(min(wait, _LONGEST_PAUSE))
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise AssertionError("unreachable")

    @staticmethod
    def _may_repeat(method: str, reply: Reply) -> bool:
        # 429 and 503 say that nothing was done; a gateway's 502 or 504 leaves that open.
        return method in _REPEATABLE_METHODS or reply.status in (429, 503)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        connection = getattr(self._local, "connection", None)
        if connection is not None and connection.sock is not None:
            if time.monotonic() - self._local.used < _FRESH_FOR or not select.select([connection.sock], [], [], 0)[0]:
                return connection, False
            self._drop(connection)  # nobody spoke for a while, and there is something to read: the server has hung up
        timeout = self.settings.timeout
        host, port = (self._proxy.host, self._proxy.port) if self._proxy else (self._host, self._port)
        if self._tls:
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        if self._proxy and self._tls:
            connection.set_tunnel(self._host, self._port, self._proxy.headers)
        try:
            if self.settings.dial:
                connection.sock = self.settings.dial(timeout)
            else:
                connection.connect()
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except ssl.SSLCertVerificationError as exc:
            remedy = _REMEDIES.get(exc.verify_code, "give the authority's certificate in ca_path")
            raise UnreachableError(f"the certificate of {self.base} is not trusted ({exc.verify_message.rstrip('.')}): {remedy}", final=True) from exc
        except ssl.SSLError as exc:
            raise UnreachableError(f"no TLS with {self.base} ({exc.reason or exc}): is the port one for https?", final=True) from exc
        except socket.gaierror as exc:
            raise UnreachableError(f"the name {host} is not known ({exc.strerror}): check {'proxy' if self._proxy else 'url'} and DNS", final=True) from exc
        except OSError as exc:
            if self._proxy:
                why = exc.strerror or exc or type(exc).__name__
                raise UnreachableError(f"proxy {host}:{port} gives no way to {self.base} ({why}): is proxy right, and url?") from exc
            raise UnreachableError(f"{self.base} does not answer ({exc.strerror or exc or type(exc).__name__}): is the server up, and url right?") from exc
        self._local.connection, self._local.used = connection, time.monotonic()
        with self._lock:
            self._open.append(connection)
        return connection, True

    def _once(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Reply:
        connection, fresh = self._connection()
        with self._lock:
            self.by_method[method] += 1
        try:
            if self._proxy and not self._tls:
                # Proxies open tunnels to few ports; what is not encrypted they are asked for by its whole address.
                connection.request(method, f"{self._root}{path}", data, {**headers, **self._proxy.headers})
            else:
                connection.request(method, path, data, headers)
            if _QUICKACK is not None and isinstance(connection.sock, socket.socket):
                with contextlib.suppress(OSError):
                    connection.sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
            self._local.used = time.monotonic()
            return reply
        except (OSError, http.client.HTTPException) as exc:
            self._drop(connection)
            if not fresh and isinstance(exc, (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)) and method in _REPEATABLE_METHODS:
                return self._once(method, path, data, headers)  # the server closed the kept connection meanwhile
            if isinstance(exc, ssl.SSLError) and "ALERT" in str(exc.reason):
                remedy = "give a client certificate that it trusts (client_cert)"
                raise UnreachableError(f"{self._root} does not take our side of TLS ({exc.reason}): {remedy}", final=True) from exc
            what = f"no answer within {self.settings.timeout:g} s" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__
            remedy = "it may have been carried out: run again"
            if fresh and not self._secure and isinstance(exc, (http.client.RemoteDisconnected, ConnectionResetError)):
                remedy += ", with https in url if the port is one for it"
            raise LostError(f"{self._root} broke off {method} {path.partition('?')[0]} ({what}): {remedy}", method=method) from exc

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        self._local.connection = None
        with self._lock:
            if connection in self._open:
                self._open.remove(connection)

    def counts(self) -> dict[str, t.Any]:
        """Requests sent so far, in all and by method, and how many of them were repetitions."""
        with self._lock:
            return {
                "total": sum(self.by_method.values()),
                "by_method": dict(sorted(self.by_method.items())),
                "retries": self.retried,
                "elapsed_ms": int(self.elapsed * 1000),
            }


class _Proxy(t.NamedTuple):
    """Where a proxy is, and the headers by which it knows us."""

    host: str
    port: int
    headers: dict[str, str]


def _proxy(address: str) -> _Proxy:
    try:
        url = urllib.parse.urlsplit(address)
        host, port = url.hostname or "", url.port or 3128
    except ValueError:
        url, host, port = urllib.parse.urlsplit(""), "", 0
    if url.scheme != "http" or not host:
        # The address is not shown: it may hold a password.
        raise EngineError("proxy is not the address of an HTTP proxy: give it as http://[user:password@]host[:port]")
    account = [urllib.parse.unquote(part) for part in (url.username or "", url.password or "")]
    return _Proxy(host, port, {"Proxy-Authorization": basic(*account)} if url.username else {})


@contextlib.contextmanager
def _readable(option: str, *paths: str) -> t.Iterator[None]:
    """Says which file it is that cannot be read."""
    try:
        yield
    except OSError as exc:  # ssl.SSLError is one
        why = getattr(exc, "reason", "") or exc.strerror or exc
        raise EngineError(f"{option} {' with '.join(filter(None, paths))} cannot be read ({why}): {_CONTENTS[option]}") from exc


def basic(username: str, password: str) -> str:
    """Value of an Authorization header for a name and a password."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def quote(text: str) -> str:
    """A name as one segment of a path."""
    return urllib.parse.quote(text, safe="")


def _text(value: t.Any) -> t.Any:
    return str(value).lower() if isinstance(value, bool) else value


def _seconds(value: str) -> float:
    try:
        return min(max(float(value), 0.0), _LONGEST_PAUSE)
    except ValueError:
        return 0.0
