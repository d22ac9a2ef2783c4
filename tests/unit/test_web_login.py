# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login over HTTP, against a small server with a form, a session and a way out."""

from __future__ import annotations

import http.cookies
import http.server
import secrets
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.web_login import Browser, form_of, login_checks

FORM = """<form action="/search"><input name="q"></form>
<form id="login" method="post" action="/authenticate?state=1&amp;tab=2">
<input type="hidden" name="credentialId" value="x"><input name="username" type="text"><input type="password" name="password"><input type="submit" name="go">
</form>"""


FACTOR = """<form method="post" action="/factor">
<input type="hidden" name="state" value="y"><input name="otp" type="text" autocomplete="one-time-code">
</form>"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends strangers from /login to a form, and gives whoever fills it in a session."""

    sessions: set[str]
    password: str
    ends_sessions = True
    factor = ""

    def _answer(self, status: int, body: str = "", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def _session(self) -> str:
        cookies = http.cookies.SimpleCookie(self.headers.get("Cookie", ""))
        return cookies["session"].value if "session" in cookies else ""

    def do_GET(self) -> None:
        if self.path == "/login":
            self._answer(302, Location="/form")
        elif self.path == "/form":
            self._answer(200, FORM, Set_Cookie="asked=1; Path=/; HttpOnly")
        elif self.path == "/logout":
            if self.ends_sessions:
                self.sessions.discard(self._session())
            self._answer(302, Location="/plain", Set_Cookie="session=; Path=/; Max-Age=0")
        elif self.path == "/private" and self._session() not in self.sessions:
            self._answer(401, "who are you?")
        else:
            self._answer(200, "a page")

    def do_POST(self) -> None:
        sent = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = {"credentialId": ["x"], "username": ["ann"], "password": [self.password]}
        if self.path == "/factor" and sent != {"state": ["y"], "otp": [self.factor]}:
            self._answer(200, FACTOR)
        elif self.path == "/factor":
            self._enter()
        elif self.path != "/authenticate?state=1&tab=2" or "asked=1" not in self.headers.get("Cookie", ""):
            self._answer(400, "no form was asked for")
        elif sent == right and self.factor:
            self._answer(200, FACTOR)
        elif sent == right:
            self._enter()
        else:
            self._answer(200, FORM)

    def _enter(self) -> None:
        session = secrets.token_hex(8)
        self.sessions.add(session)
        self._answer(303, Location="/private", Set_Cookie=f"session={session}; Path=/; HttpOnly")

    def log_message(self, *_args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def handler() -> type[Handler]:
    return type("OwnHandler", (Handler,), {"sessions": set(), "password": secrets.token_hex(8)})


@pytest.fixture
def url(handler: type[Handler]) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def looks(url: str, password: str, start: str = "/login") -> dict[str, Any]:
    private = {"url": f"{url}/private"}
    return {
        "name": "ann logs in",
        "url": url + start,
        "username": "ann",
        "password": password,
        "checks": [{**private, "name": "she may look"}],
        "logout_url": f"{url}/logout",
        "after_logout": [{**private, "name": "her cookies are worth nothing", "status": [401]}],
    }


def test_a_session_begins_and_ends(url: str, handler: type[Handler]) -> None:
    outcomes = login_checks(Browser(5), looks(url, handler.password))
    assert [(outcome["name"], outcome["ok"]) for outcome in outcomes] == [
        ("ann logs in", True),
        ("she may look", True),
        ("ann logs in, and out", True),
        ("her cookies are worth nothing", True),
    ]
    assert outcomes[0]["detail"] == f"ann came to {url}/private"
    assert not handler.sessions


def test_cookies_that_stay_good_are_seen(url: str, handler: type[Handler]) -> None:
    handler.ends_sessions = False
    outcomes = login_checks(Browser(5), looks(url, handler.password))
    assert [outcome["ok"] for outcome in outcomes] == [True, True, True, False]


def test_cookies_may_stay_good_for_a_moment(url: str, handler: type[Handler], monkeypatch: pytest.MonkeyPatch) -> None:
    handler.ends_sessions = False
    monkeypatch.setattr("time.sleep", lambda seconds: handler.sessions.clear())
    outcomes = login_checks(Browser(5), {**looks(url, handler.password), "after_logout_within": 60})
    assert [outcome["ok"] for outcome in outcomes] == [True] * 4


def test_a_wrong_password_is_an_outcome(url: str) -> None:
    outcomes = login_checks(Browser(5), looks(url, "wrong"))
    assert outcomes == [{**outcomes[0], "ok": False, "detail": f"{url}/authenticate refused ann: the form came again"}]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("123456", ""),
        ("654321", "{url}/factor refused the one-time password of ann: the form came again"),
        ("", "{url}/authenticate asks ann for a one-time password, and none is given"),
    ],
)
def test_a_second_factor_is_answered(url: str, handler: type[Handler], given: str, why: str) -> None:
    handler.factor = "123456"
    outcomes = login_checks(Browser(5), {**looks(url, handler.password), "one_time_password": given})
    if why:
        assert outcomes == [{**outcomes[0], "ok": False, "detail": why.format(url=url)}]
    else:
        assert [outcome["ok"] for outcome in outcomes] == [True] * 4


@pytest.mark.parametrize(("start", "why"), [("/plain", "where there is no form with a password"), ("/private", "answered 401")])
def test_no_form_is_an_outcome(url: str, start: str, why: str) -> None:
    outcomes = login_checks(Browser(5), looks(url, "any", start))
    assert [outcome["ok"] for outcome in outcomes] == [False]
    assert outcomes[0]["detail"].endswith(why)


def test_no_server_is_an_outcome() -> None:
    outcomes = login_checks(Browser(1), looks("http://127.0.0.1:1", "any"))
    assert "http://127.0.0.1:1/login does not answer: " in outcomes[0]["detail"]


def test_a_form_is_found_by_its_password() -> None:
    form = form_of(FORM, "https://sso.example/realms/r/auth")
    assert form is not None
    assert form.action == "https://sso.example/authenticate?state=1&tab=2"
    assert (form.fields, form.user_field, form.password_field) == ({"credentialId": "x"}, "username", "password")
    assert form_of("<form><input name=q></form>", "https://sso.example/") is None
