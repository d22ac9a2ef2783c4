# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept connections against a server that hangs up, and a way through a proxy."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine.connection import CONNECTION
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import Door, outcome
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError, UnreachableError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings, basic


class Impatient(http.server.BaseHTTPRequestHandler):
    """Hangs up on everybody who says nothing for a moment, as servers do after some seconds."""

    protocol_version = "HTTP/1.1"
    timeout = 0.8

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def impatient() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Impatient) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_write_goes_over_a_new_connection_when_the_kept_one_was_closed(impatient: str) -> None:
    client = Http(Settings(impatient, retries=0))
    for _attempt in range(2):
        assert client.request("POST", "/", body={"a": 1}).status == 200
        time.sleep(1.2)
    assert client.counts()["total"] == 2


def test_a_server_that_is_down_is_waited_for_once_and_not_by_every_item_of_a_loop() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    pauses: list[float] = []
    client = Http(Settings(address, retries=3), sleep=pauses.append)
    for _item in range(5):
        with pytest.raises(UnreachableError, match="does not answer"):
            client.request("GET", "/")
    assert len(pauses) == 3


class Proxy(http.server.BaseHTTPRequestHandler):
    """Lets in who has an account, opens tunnels to no port but 443, and answers itself for whatever it is asked."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, str, str | None]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, self.headers["Host"]))
        allowed = self.headers["Proxy-Authorization"] == basic("user", "p@ss-word")
        status = 407 if not allowed else 502 if self.command == "CONNECT" else 200
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_CONNECT(self) -> None:
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[str]:
    Proxy.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_proxy_is_asked_by_whole_address_and_told_who_asks(proxy: str) -> None:
    client = Http(Settings("http://server.example:5000/prefix", retries=0, proxy=f"http://user:p%40ss-word@{proxy}"))
    assert [client.request("GET", "/a", query={"b": 1}).status for _kept in range(2)] == [200, 200]
    assert Proxy.seen == [("GET", "http://server.example:5000/prefix/a?b=1", "server.example:5000")] * 2
    assert Http(Settings("http://server.example", retries=0, proxy=f"http://{proxy}")).request("GET", "/").status == 407


def test_a_tunnel_is_asked_for_with_the_account_of_the_proxy(proxy: str) -> None:
    for account, answer in (("user:p%40ss-word@", "502"), ("", "407")):
        client = Http(Settings("https://server.example", retries=0, proxy=f"http://{account}{proxy}"))
        with pytest.raises(UnreachableError, match=f"proxy {proxy} gives no way to https://server.example .*{answer}") as refused:
            client.request("GET", "/")
        assert "ss-word" not in str(refused.value)
    assert {(method, path) for method, path, _host in Proxy.seen} == {("CONNECT", "server.example:443")}


@pytest.mark.parametrize("address", ["proxy.example:3128", "https://user:secret-word@proxy.example", "http://user:secret-word@", "http://u:secret-word@p:port"])
def test_what_is_no_proxy_is_not_shown(address: str) -> None:
    with pytest.raises(EngineError, match="proxy is not the address of an HTTP proxy") as refused:
        Http(Settings("http://server.example", proxy=address))
    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize("short", [False, True])
def test_the_account_of_a_proxy_is_hidden(short: bool) -> None:
    password = "pw%40" if short else "canary%40word"
    door = Door("thing", CONNECTION, lambda call: {"said": f"{call.params['proxy']} {'' if short else 'canary%40word canary@word'}"})
    params = {"proxy": f"http://user:{password}@proxy.example:3128"}
    shown = json.dumps([outcome(door, params, check=False, diff=False, say=print), door.invocation(params)])
    assert "pw" not in shown and "canary" not in shown
