# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks over HTTP against a small real server, and the report of them."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils import checks


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers like a server that looks at its caller's Host and Origin."""

    def _answer(self, status: int, body: str, kind: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        if self.headers["Host"].startswith("stranger"):
            return self._answer(403, "Invalid Host header", "text/plain")
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/")
            return self.end_headers()
        return self._answer(200, f"<html>{self.path}</html>")

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(200, json.dumps({"origin": self.headers["Origin"], "type": self.headers["Content-Type"], "sent": json.loads(sent)}), "application/json")

    def log_message(self, *_args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("want", "ok", "detail"),
    [
        ({"url": "/"}, True, "GET / 200"),
        ({"url": "/a?b=c", "contains": "/a?b=c"}, True, "GET /a 200"),
        ({"url": "/", "header": {"content-type": "TEXT/HTML"}}, True, "GET / 200"),
        ({"url": "/", "headers": {"Host": "stranger.example"}, "status": [403]}, True, "GET / 403"),
        ({"url": "/moved", "status": [302]}, True, "GET /moved 302"),
        ({"url": "/x", "method": "POST", "body": {"n": 1}, "headers": {"Origin": "http://o"}, "contains": '"http://o"'}, True, "POST /x 200"),
        ({"url": "/x", "method": "POST", "body": {"n": 1}, "contains": '"sent": {"n": 1}'}, True, "POST /x 200"),
        ({"url": "/", "headers": {"Host": "stranger.example"}}, False, "answered 403 instead of 200: Invalid Host header"),
        ({"url": "/", "status": [403]}, False, "answered 200 instead of 403"),
        ({"url": "/", "contains": "mlflow"}, False, "answered without 'mlflow': <html>/</html>"),
        ({"url": "/", "header": {"content-type": "json"}}, False, "answered with content-type 'text/html; charset=utf-8', without 'json'"),
    ],
)
def test_an_answer_is_compared(url: str, want: dict[str, Any], ok: bool, detail: str) -> None:
    outcome = checks.http_check({"name": "look", **want, "url": url + want["url"]}, timeout=5)
    assert (outcome["name"], outcome["ok"]) == ("look", ok)
    assert detail in outcome["detail"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "nonsense", "http://127.0.0.1:99999/"])
def test_no_answer_is_an_outcome_too(address: str) -> None:
    outcome = checks.http_check({"name": "look", "url": address}, timeout=1)
    assert not outcome["ok"]
    assert f"{address} does not answer: " in outcome["detail"]


def test_outcomes_keep_the_order_of_the_list(url: str) -> None:
    names = [f"look {number}" for number in range(20)]
    assert [outcome["name"] for outcome in checks.http_checks([{"name": name, "url": url} for name in names], timeout=5)] == names
    assert checks.http_checks([], timeout=5) == []


def test_the_table_is_aligned() -> None:
    lines = checks.table(
        [
            {"name": "short", "ok": True, "seconds": 0.5, "detail": "fine\nand more, in the report"},
            {"name": "a longer name", "ok": False, "seconds": 12.345, "detail": ""},
        ]
    )
    assert lines[0] == "ok      short             0.50 s  fine"
    assert lines[1].startswith("FAILED  a longer name    12.3")
    assert lines[0].index("0.50 s") + len("0.50 s") == lines[1].index(" s", 25) + 2
    assert checks.table([]) == []


@pytest.mark.parametrize(("outcomes", "ok"), [([True, True], True), ([True, False], False), ([], False)])
def test_a_report_is_ok_when_there_was_a_check_and_none_failed(outcomes: list[bool], ok: bool) -> None:
    made = checks.report([{"name": "n", "ok": item, "detail": "", "seconds": 0.0} for item in outcomes], "2026-01-01T00:00:00", "full")
    assert made["ok"] is ok
    assert len(made["checks"]) == len(outcomes)


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "verify.json"
    checks.write(str(path), {"ok": True})
    assert json.loads(path.read_text()) == {"ok": True}
    with pytest.raises(TypeError):
        checks.write(str(path), {"ok": object()})
    assert json.loads(path.read_text()) == {"ok": True}
    assert os.listdir(path.parent) == ["verify.json"]
