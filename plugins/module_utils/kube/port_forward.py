# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections into a pod through the Kubernetes API, as `kubectl port-forward` makes them, for what no route shows to the world.

The API server's proxy of Services would do without all this, but it takes the Authorization header for its own and passes none on.
Here a connection is one WebSocket, which carries each direction as a channel (v4.channel.k8s.io): 0 has the data, 1 what went wrong.
"""

from __future__ import annotations

import base64
import http.client
import io
import os
import socket
import struct
import typing as t
import urllib.parse

from .client import Access, Json, UnreachableError, access, connect

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10
_LARGEST = 32768  # bytes in one frame


class Target(t.NamedTuple):
    """Where a connection goes to.

    :ivar selector: labels of the pods that serve; the first one that is ready is taken.
    :ivar port: port that the pod listens on, its loopback included.
    """

    kubeconfig: str | None
    context: str | None
    namespace: str
    selector: str
    port: int


def opened(target: Target, timeout: float) -> Forwarded:
    """A new connection.

    :param timeout: seconds to wait for the API, and later for each read.
    :raises UnreachableError: when there is no ready pod, or no way to it.
    """
    pods = connect(target.kubeconfig, target.context, timeout).get(f"/api/v1/namespaces/{target.namespace}/pods", labelSelector=target.selector)
    ready = sorted(pod["metadata"]["name"] for pod in pods.get("items") or [] if _serves(pod))
    if not ready:
        raise UnreachableError(f"no pod with {target.selector} is ready in namespace {target.namespace}: look at why, or wait")
    path = f"/api/v1/namespaces/{target.namespace}/pods/{ready[0]}/portforward?ports={target.port}"
    way = access(target.kubeconfig, target.context)
    try:
        return _upgraded(way, path, timeout)
    except OSError as exc:
        raise UnreachableError(f"the Kubernetes API at {way.server} does not answer: {exc}") from exc


def _serves(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return not pod["metadata"].get("deletionTimestamp") and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _upgraded(way: Access, path: str, timeout: float) -> Forwarded:
    url = urllib.parse.urlsplit(way.server)
    wire = socket.create_connection((url.hostname or "", url.port or (443 if url.scheme == "https" else 80)), timeout)
    try:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if way.tls:
            wire = way.tls.wrap_socket(wire, server_hostname=url.hostname)
        headers = {
            "Host": url.netloc,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": _PROTOCOL,
            **way.headers,
        }
        wire.sendall("\r\n".join([f"GET {url.path}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode())
        reader = wire.makefile("rb")
        status = reader.readline().decode("latin-1").split(" ", 2)
        answer = http.client.parse_headers(reader)
        if status[1:2] != ["101"]:
            text = reader.read(min(int(answer.get("Content-Length") or 0), 600)).decode("utf-8", "replace")
            raise UnreachableError(f"the Kubernetes API refused {path} ({' '.join(status[1:]).strip()}): {' '.join(text.split())}")
        return Forwarded(wire, reader)
    except BaseException:
        wire.close()
        raise


class Forwarded:
    """What http.client needs of a socket."""

    def __init__(self, wire: socket.socket, reader: io.BufferedReader) -> None:
        self._wire = wire
        self._reader = reader
        self._greeted: set[int] = set()

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _LARGEST):
            self._send(_BINARY, bytes([_DATA]) + view[start : start + _LARGEST])

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def settimeout(self, seconds: float | None) -> None:
        self._wire.settimeout(seconds)

    def fileno(self) -> int:
        return self._wire.fileno()

    def close(self) -> None:
        self._reader.close()
        self._wire.close()

    def receive(self) -> bytes:
        """The next piece of data; nothing at the end.

        :raises ConnectionResetError: with what the API says of a pod that does not answer.
        """
        while True:
            opcode, payload = self._frame()
            if opcode == _PING:
                self._send(_PONG, payload)
            elif opcode == _CLOSE:
                return b""
            elif payload and payload[0] not in self._greeted:
                self._greeted.add(payload[0])  # the first message of a channel is the number of its port
            elif payload[1:] and payload[0] == _ERROR:
                raise ConnectionResetError(" ".join(payload[1:].decode("utf-8", "replace").split()))
            elif payload[1:]:
                return payload[1:]

    def _frame(self) -> tuple[int, bytes]:
        head = self._reader.read(2)
        if len(head) < 2:
            return _CLOSE, b""
        length = head[1] & 0x7F
        if length > 125:
            form = ">H" if length == 126 else ">Q"
            (length,) = struct.unpack(form, self._reader.read(struct.calcsize(form)))
        # The API server never splits a message of ours: what continues one (opcode 0) would lack its channel.
        return head[0] & 0x0F, self._reader.read(length)

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)  # never more than two bytes can say
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size) if size < 126 else struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
        mask = os.urandom(4)
        key = (mask * (size // 4 + 1))[:size]
        self._wire.sendall(head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big"))


class _Incoming(io.RawIOBase):
    """The data of a connection as a file."""

    def __init__(self, connection: Forwarded) -> None:
        self._connection = connection
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        if not self._rest:
            self._rest = self._connection.receive()
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
