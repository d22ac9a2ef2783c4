# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept connections against a server that hangs up."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import UnreachableError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings


class Impatient(http.server.BaseHTTPRequestHandler):
    """Hangs up on everybody who says nothing for a moment, as servers do after some seconds."""

    protocol_version = "HTTP/1.1"
    timeout = 0.2

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
