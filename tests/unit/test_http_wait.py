# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for an HTTP answer: until it is the wanted one, with a word on what it is instead."""

from __future__ import annotations

import http.server
import threading

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.platform.plugins.modules import http_wait as subject


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as there:
        there.statuses = [200]
        threading.Thread(target=there.serve_forever, args=[0.01], daemon=True).start()
        yield there
        there.shutdown()


@pytest.fixture
def wait(monkeypatch, capsys):
    said = []
    monkeypatch.setattr(subject, "INTERVAL", 0.01)
    monkeypatch.setattr(subject, "QUIET", 0.0)
    monkeypatch.setattr(subject, "BETWEEN_LINES", 0.0)
    monkeypatch.setattr(subject.Progress, "say", lambda self, text: said.append(text))

    def run(**options):
        with patch_module_args(options), pytest.raises(SystemExit) as end:
            subject.main()
        return end.value.code, capsys.readouterr().out, said

    return run


def url(server):
    return f"http://127.0.0.1:{server.server_port}/health"


def test_waits_for_the_wanted_answer_and_says_what_it_gets(server, wait):
    server.statuses = [503, 503, 503, 200]
    code, _out, said = wait(url=url(server))
    assert code == 0
    assert said[0].startswith(f"waiting for {url(server)}: answers 503 Service Unavailable, ")
    assert len(said) == 1, "what has not changed is not repeated at once"


def test_other_answers_may_be_wanted_and_redirects_are_answers(server, wait):
    server.statuses = [302]
    assert wait(url=url(server), status=[302])[0] == 0
    code, out, _said = wait(url=url(server), timeout=0)
    assert code == 1
    assert "answers 302 Found, not 200, after 0 s" in out


def test_a_refused_connection_is_told(server, wait):
    server.shutdown()
    server.server_close()
    code, out, _said = wait(url=url(server), timeout=0)
    assert code == 1
    assert "Connection refused, not 200" in out


@pytest.mark.parametrize(("options", "words"), [({"url": "file:///etc/passwd"}, "is no URL"), ({"url": "https://x", "ca_path": "/none"}, "cannot be read")])
def test_bad_input(wait, options, words):
    code, out, _said = wait(**options)
    assert code == 1
    assert words in out
