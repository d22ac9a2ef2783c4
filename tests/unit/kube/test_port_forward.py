# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests through the Kubernetes API into a pod: an API server that speaks WebSocket, and behind it a real HTTP server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.platform.plugins.module_utils.engine.connection import CONNECTION, settings_of
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError, LostError, UnreachableError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http

BIG = "x" * 200_000


class Pod(http.server.BaseHTTPRequestHandler):
    """What listens in the pod: says what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({"path": self.path, "authorization": self.headers.get("Authorization")})

    def do_POST(self) -> None:
        self._answer({"length": len(self.rfile.read(int(self.headers["Content-Length"]))), "big": BIG})

    def _answer(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


class Api(http.server.BaseHTTPRequestHandler):
    """The API server: lists pods, and forwards their ports."""

    protocol_version = "HTTP/1.1"
    pods: list[dict[str, Any]] = []
    backend = 0
    asked: list[str] = []

    def do_GET(self) -> None:
        Api.asked.append(self.path)
        if self.headers.get("Upgrade") == "websocket":
            self._forward()
            return
        body = json.dumps({"kind": "PodList", "items": Api.pods}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _forward(self) -> None:
        assert self.headers["Authorization"] == "Bearer of-the-cluster"
        assert self.headers["Sec-WebSocket-Protocol"] == "v4.channel.k8s.io"
        accept = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", base64.b64encode(accept).decode())):
            self.send_header(name, value)
        self.end_headers()
        port = struct.pack("<H", 8080)
        for channel in (0, 1):
            self._frame(2, bytes([channel]) + port)
        self._frame(9, b"still there?")
        try:
            pod = socket.create_connection(("127.0.0.1", Api.backend), timeout=10)
        except OSError as exc:
            self._frame(2, b"\x01" + f"error forwarding port 8080: {exc}".encode())
            return
        threading.Thread(target=self._back, args=(pod,), daemon=True).start()
        while frame := self._read():
            opcode, payload = frame
            if opcode == 10:
                assert payload == b"still there?"
            else:
                assert payload[0] == 0
                pod.sendall(payload[1:])
        pod.close()
        self.close_connection = True

    def _back(self, pod: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := pod.recv(100_000):  # more than two bytes of length can say
                self._frame(2, b"\x00" + data)

    def _frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([0x80 | opcode, size]) if size < 126 else bytes([0x80 | opcode]) + (
            struct.pack(">BH", 126, size) if size < 65536 else struct.pack(">BQ", 127, size)
        )  # fmt: skip
        self.wfile.write(head + payload)
        self.wfile.flush()

    def _read(self) -> tuple[int, bytes] | None:
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        assert head[1] & 0x80, "a client masks what it sends"
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self.rfile.read(2))
        mask, payload = self.rfile.read(4), self.rfile.read(size)
        return head[0] & 0x0F, bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))

    def log_message(self, *_args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def pod(name: str, ready: str = "True", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


@pytest.fixture
def http_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(socketserver.ThreadingMixIn, "daemon_threads", True)
    with serving(Pod) as backend, serving(Api) as api:
        Api.pods, Api.backend, Api.asked = [pod("gone", deletionTimestamp="now"), pod("starting", "False"), pod("serving")], backend, []
        user = {"name": "u", "user": {"token": "of-the-cluster"}}
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{api}"}}
        config = {"clusters": [cluster], "users": [user], "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config), encoding="utf-8")
        forward = {"kubeconfig": str(tmp_path / "kubeconfig"), "context": None, "namespace": "n", "selector": "app=k", "port": 8080}
        params = {name: option.get("default") for name, option in CONNECTION.items()} | {"port_forward": forward, "retries": 0, "timeout": 10.0}
        made = []

        def make(url: str = "http://k.n.svc:8080") -> Http:
            made.append(Http(settings_of(params, url)))
            return made[-1]

        yield make
        for one in made:
            one.close()


def test_requests_arrive_with_their_own_authorization_over_one_connection(http_through: Any) -> None:
    http = http_through()
    for number in range(3):
        assert http.request("GET", f"/{number}", headers={"Authorization": "Bearer of-keycloak"}).json() == {
            "path": f"/{number}",
            "authorization": "Bearer of-keycloak",
        }
    assert [path for path in Api.asked if "portforward" in path] == ["/api/v1/namespaces/n/pods/serving/portforward?ports=8080"]


def test_what_is_larger_than_a_frame_arrives_whole_both_ways(http_through: Any) -> None:
    answer = http_through().request("POST", "/", body={"big": BIG}).json()
    assert answer["length"] > len(BIG)
    assert answer["big"] == BIG


def test_no_ready_pod_says_where_to_look(http_through: Any) -> None:
    Api.pods = [pod("starting", "False")]
    with pytest.raises(UnreachableError, match="no pod with app=k is ready in namespace n"):
        http_through().request("GET", "/")


def test_a_pod_that_does_not_listen_is_told_in_the_words_of_the_api(http_through: Any) -> None:
    Api.backend = 1
    with pytest.raises(LostError, match="error forwarding port 8080"):
        http_through().request("GET", "/")


def test_https_is_refused_for_the_way_is_encrypted_and_the_port_is_not(http_through: Any) -> None:
    with pytest.raises(EngineError, match="cannot be https where port_forward is given"):
        http_through("https://k.n.svc:8443")
