# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser's start, as it is from outside: it says little by little where it listens. The browser itself is real elsewhere."""

from __future__ import annotations

import http.server
import threading

import pytest
from ansible_collections.mlops.platform.plugins.module_utils import chromium as subject

ADDRESS = "ws://127.0.0.1/devtools/page/1"
ANSWERS = [b"", b'[{"type": "page", "webSock', b"[]", b'[{"type": "page", "webSocketDebuggerUrl": "' + ADDRESS.encode() + b'"}]']


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.answers.pop(0)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Starting:
    """A process that is a step further each time it is looked at."""

    def __init__(self, *steps):
        self.steps = list(steps)

    def poll(self):
        return self.steps.pop(0)() if self.steps else 1


@pytest.fixture
def port():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as there:
        there.answers = list(ANSWERS)
        threading.Thread(target=there.serve_forever, args=[0.01], daemon=True).start()
        yield there.server_port
        there.shutdown()


@pytest.fixture
def profile(tmp_path, monkeypatch):
    monkeypatch.setattr(subject.time, "sleep", lambda seconds: None)
    (tmp_path / "profile").mkdir()
    (tmp_path / "log").write_text("")
    return tmp_path


def test_a_browser_that_is_not_ready_is_asked_again(profile, port):
    def writes(text):
        (profile / "profile" / "DevToolsActivePort").write_text(text)

    steps = [lambda: None, lambda: writes(""), lambda: writes(f"{port}\n/devtools/browser/1"), *[lambda: None] * len(ANSWERS)]
    assert subject._page(str(profile), Starting(*steps), 60) == ADDRESS


def test_a_browser_that_ends_is_told_with_its_own_words(profile):
    (profile / "log").write_text("started\ncannot open display\n")
    with pytest.raises(subject.BrowserError, match="chromium does not start: started cannot open display"):
        subject._page(str(profile), Starting(lambda: None), 60)
