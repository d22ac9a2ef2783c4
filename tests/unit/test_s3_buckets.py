# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets are looked for and made with signed requests, over a port forwarded through the API server."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.client
import http.server
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils import s3

KEYS = s3.Credentials("key", "secret")


def test_signature_is_the_published_example():
    """AWS's test suite of Signature Version 4, case get-vanilla."""
    credentials = s3.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
    moment = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.UTC)
    headers = s3.signed_headers("GET", "/", "example.amazonaws.com", credentials, moment)
    assert headers["Authorization"].endswith("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")


class Store(http.server.ThreadingHTTPServer):
    """Stands in for an object store: knows buckets, and refuses keys that are not its own."""

    def __init__(self, *buckets: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.buckets, self.log = set(buckets), []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.handle_bucket()

    def do_PUT(self) -> None:
        self.handle_bucket()

    def handle_bucket(self) -> None:
        name = self.path.strip("/")
        self.server.log.append(f"{self.command} {name}")
        if "Credential=key/" not in self.headers["Authorization"]:
            self.answer(403, b"<Error><Code>InvalidAccessKeyId</Code></Error>")
        elif self.command == "PUT" and name in self.server.buckets:
            self.answer(409, b"<Error><Code>BucketAlreadyOwnedByYou</Code></Error>")
        elif self.command == "PUT":
            self.server.buckets.add(name)
            self.answer(200)
        else:
            self.answer(200 if name in self.server.buckets else 404)

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def running(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("there", "check", "missing", "requests"),
    [
        ([], False, ["a", "b"], ["HEAD a", "HEAD b", "PUT a", "PUT b"]),
        (["a"], False, ["b"], ["HEAD a", "HEAD b", "PUT b"]),
        (["a", "b"], False, [], ["HEAD a", "HEAD b"]),
        (["a"], True, ["b"], ["HEAD a", "HEAD b"]),
    ],
)
def test_only_what_is_missing_is_made(there, check, missing, requests):
    with running(Store(*there)) as store, contextlib.closing(http.client.HTTPConnection("127.0.0.1", store.server_port, timeout=5)) as connection:
        assert s3.ensure_buckets(s3.S3(connection, "store", KEYS), ["a", "b"], check) == missing
        assert store.log == requests


def test_a_bucket_made_meanwhile_is_as_good():
    with running(Store("a")) as store, contextlib.closing(http.client.HTTPConnection("127.0.0.1", store.server_port, timeout=5)) as connection:
        s3.S3(connection, "store", KEYS).make_bucket("a")


def test_wrong_keys_are_told_in_one_line():
    message = r"^the object store answered 403 when asked for bucket a: it does not take these credentials.*$"
    with running(Store()) as store, contextlib.closing(http.client.HTTPConnection("127.0.0.1", store.server_port, timeout=5)) as connection:
        client = s3.S3(connection, "store", s3.Credentials("other", "x"))
        with pytest.raises(s3.S3Error, match=message):
            s3.ensure_buckets(client, ["a"])


def test_a_store_that_does_not_answer_is_told():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        connection = http.client.HTTPConnection("127.0.0.1", closed.getsockname()[1], timeout=5)
        with pytest.raises(s3.S3Error, match="does not answer"):
            s3.ensure_buckets(s3.S3(connection, "store", KEYS), ["a"])


class ApiServer(http.server.ThreadingHTTPServer):
    """Stands in for an API server that forwards port 8333 of pod seaweedfs-0 in namespace storage."""

    daemon_threads = True

    def __init__(self, store_port: int) -> None:
        super().__init__(("127.0.0.1", 0), ApiHandler)
        self.store_port = store_port


class ApiHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer
    FORWARD = "/api/v1/namespaces/storage/pods/seaweedfs-0/portforward?ports=8333"
    POD = "/api/v1/namespaces/storage/pods/seaweedfs-0"

    def do_GET(self) -> None:
        if self.path == self.FORWARD and self.headers.get("Upgrade", "").lower() == "websocket":
            self.forward()
            return
        status, body = (200, {"metadata": {}, "status": {"phase": "Running"}}) if self.path == self.POD else (404, {"kind": "Status", "code": 404})
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def forward(self) -> None:
        accept = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.end_headers()
        self.close_connection = True
        for channel in (0, 1):
            self.send(bytes([channel]) + struct.pack("<H", 8333))
        with socket.create_connection(("127.0.0.1", self.server.store_port)) as store:
            back = threading.Thread(target=self.pump, args=(store,), daemon=True)
            back.start()
            while frame := self.receive():
                store.sendall(frame[1:])
            store.shutdown(socket.SHUT_RDWR)
            back.join(5)

    def pump(self, store: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := store.recv(65536):
                self.send(b"\0" + data)

    def send(self, data: bytes) -> None:
        header = b"\x82" + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data)))
        self.wfile.write(header + data)

    def receive(self) -> bytes:
        """Payload of a data frame; empty when the client closes."""
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] & 15 == 8:
            return b""
        size = head[1] & 127
        if size == 126:
            size = struct.unpack(">H", self.rfile.read(2))[0]
        mask = self.rfile.read(4)
        return bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(size)))

    def log_message(self, *args: Any) -> None:
        pass


def run_module(folder: Path, port: int, **changes: Any) -> dict[str, Any]:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "kind-x", "context": {"cluster": "c", "user": "u"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
    options: dict[str, Any] = {
        "kubeconfig": str(folder / "kubeconfig"), "context": "kind-x", "namespace": "storage", "pod": "seaweedfs-0",
        "access_key": "key", "secret_key": "secret", "buckets": ["a", "b"], "timeout": 5,
    }  # fmt: skip
    options |= changes
    code = "from ansible_collections.mlops.platform.plugins.modules import s3_buckets; s3_buckets.main()"
    prepare = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import conftest; "
    done = subprocess.run(
        [sys.executable, "-c", prepare + code], input=json.dumps({"ANSIBLE_MODULE_ARGS": options}), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip(), done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_module_makes_buckets_through_a_forwarded_port(tmp_path):
    pytest.importorskip("kubernetes")
    with running(Store("a")) as store, running(ApiServer(store.server_port)) as api:
        looked = run_module(tmp_path, api.server_port, _ansible_check_mode=True)
        assert (looked["changed"], looked["created"], store.buckets) == (True, ["b"], {"a"})
        made = run_module(tmp_path, api.server_port)
        assert (made["changed"], made["created"], store.buckets) == (True, ["b"], {"a", "b"})
        again = run_module(tmp_path, api.server_port)
        assert (again["changed"], again["created"]) == (False, [])


def test_module_in_check_mode_without_a_pod_counts_all_as_missing(tmp_path):
    pytest.importorskip("kubernetes")
    with running(ApiServer(1)) as api:
        looked = run_module(tmp_path, api.server_port, pod="other-0", _ansible_check_mode=True)
        assert (looked["changed"], looked["created"]) == (True, ["a", "b"])


def test_module_says_where_it_failed(tmp_path):
    pytest.importorskip("kubernetes")
    with running(Store()) as store, running(ApiServer(store.server_port)) as api:
        gone = run_module(tmp_path, api.server_port, pod="other-0")
        assert gone["failed"] and gone["msg"].startswith("Buckets of storage/other-0 port 8333: the port cannot be forwarded")
        refused = run_module(tmp_path, api.server_port, access_key="other")
        assert refused["failed"] and "answered 403" in refused["msg"] and "\n" not in refused["msg"]
