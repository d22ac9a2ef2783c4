# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login as a browser does it, over HTTP: follows to the login form, fills it in, keeps the cookies."""

from __future__ import annotations

import html.parser
import http.client
import http.cookiejar
import ssl
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from .checks import MAX_BODY, Check, http_checks

_ONCE = "one-time-code"


class LoginError(Exception):
    """There is no session; the message is one line."""


class Form(t.NamedTuple):
    """A form that asks for a password, or for a one-time password.

    :ivar action: address it is sent to.
    :ivar fields: what it holds already, by name.
    :ivar user_field: name of the field before the password; empty for a one-time password.
    """

    action: str
    fields: dict[str, str]
    user_field: str
    password_field: str


class Browser:
    """Pages, redirects and cookies; nothing else of a browser.

    :param timeout: seconds to wait for a connection, and for each read.
    :param ca_path: certificate authorities to trust beside the system's.
    """

    def __init__(self, timeout: float, ca_path: str | None = None) -> None:
        self.timeout = timeout
        self.cookies = http.cookiejar.CookieJar()
        tls = ssl.create_default_context()
        if ca_path:
            tls.load_verify_locations(ca_path)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def open(self, url: str, fields: t.Mapping[str, str] | None = None) -> tuple[str, str]:
        """Where the redirects end, and the page there; a form is sent where there are fields.

        :raises LoginError: when nothing answers, or with an error.
        """
        body = None if fields is None else urllib.parse.urlencode(fields).encode()
        try:
            with self._opener.open(urllib.request.Request(url, data=body), timeout=self.timeout) as answer:
                return answer.url, answer.read(MAX_BODY).decode("utf-8", "replace")
        except urllib.error.HTTPError as exc:
            with exc:
                raise LoginError(f"{_plain(exc.url or url)} answered {exc.code}") from exc
        except (OSError, http.client.HTTPException) as exc:
            raise LoginError(f"{_plain(url)} does not answer: {exc}") from exc

    def login(self, url: str, username: str, password: str, one_time_password: str = "") -> str:
        """The address where the login ends.

        :raises LoginError: when there is no form, or it comes again, or another asks for what is not given.
        """
        place, page = self.open(url)
        form = form_of(page, place)
        if form is None:
            raise LoginError(f"{_plain(url)} led to {_plain(place)}, where there is no form with a password")
        place, page = self.open(form.action, {**form.fields, form.user_field: username, form.password_field: password})
        if form_of(page, place):
            raise LoginError(f"{_plain(place)} refused {username}: the form came again")
        form = form_of(page, place, once=True)
        if form is None:
            return place
        if not one_time_password:
            raise LoginError(f"{_plain(place)} asks {username} for a one-time password, and none is given")
        place, page = self.open(form.action, {**form.fields, form.password_field: one_time_password})
        if form_of(page, place, once=True):
            raise LoginError(f"{_plain(place)} refused the one-time password of {username}: the form came again")
        return place

    def header(self, url: str) -> dict[str, str]:
        """The Cookie header that this browser would send."""
        request = urllib.request.Request(url)
        self.cookies.add_cookie_header(request)
        return {name: value for name, value in request.header_items() if name == "Cookie"}


def login_checks(browser: Browser, want: t.Mapping[str, t.Any], ca_path: str | None = None) -> list[Check]:
    """Logs in, looks with the session, logs out, and looks with the cookies of before. A failure is an outcome, never an exception.

    :param want: name, url, username, password, one_time_password, checks, logout_url, after_logout, after_logout_within, as the module
        login_checks documents them.
    """
    began = time.monotonic()
    try:
        place = browser.login(want["url"], want["username"], want["password"], want.get("one_time_password") or "")
    except LoginError as exc:
        return [_outcome(want["name"], False, str(exc), began)]
    outcomes = [_outcome(want["name"], True, f"{want['username']} came to {_plain(place)}", began)]
    outcomes += http_checks([_with_cookies(look, browser) for look in want.get("checks") or []], browser.timeout, ca_path)
    if want.get("logout_url"):
        stolen = [_with_cookies(look, browser) for look in want.get("after_logout") or []]
        began = time.monotonic()
        try:
            place, _page = browser.open(want["logout_url"])
            outcomes.append(_outcome(f"{want['name']}, and out", True, f"{want['username']} came to {_plain(place)}", began))
        except LoginError as exc:
            outcomes.append(_outcome(f"{want['name']}, and out", False, str(exc), began))
        outcomes += _within(float(want.get("after_logout_within") or 0), lambda: http_checks(stolen, browser.timeout, ca_path))
    return outcomes


def _within(seconds: float, look: t.Callable[[], list[Check]]) -> list[Check]:
    """The outcomes once all are as expected, or the last ones when that takes longer."""
    end = time.monotonic() + seconds
    outcomes = look()
    while not all(outcome["ok"] for outcome in outcomes) and time.monotonic() < end:
        time.sleep(2)
        outcomes = look()
    return outcomes


def _with_cookies(look: t.Mapping[str, t.Any], browser: Browser) -> dict[str, t.Any]:
    return {**look, "headers": {**(look.get("headers") or {}), **browser.header(look["url"])}}


def _outcome(name: str, ok: bool, detail: str, began: float) -> Check:
    return {"name": name, "ok": ok, "detail": detail, "seconds": round(time.monotonic() - began, 3)}


def _plain(url: str) -> str:
    """An address without its query: codes and states are in it."""
    return urllib.parse.urlsplit(url)._replace(query="", fragment="").geturl()


def form_of(page: str, url: str, once: bool = False) -> Form | None:
    """The first form of a page that asks for a password.

    :param url: where the page is, for the form's action.
    :param once: a form for a one-time password instead: its field says so to browsers (autocomplete, HTML Living Standard 4.10.18.7).
    """
    parser = _Forms()
    parser.feed(page)
    for action, inputs in parser.forms:
        names = [name for name, _kind, _value in inputs]
        secret = next((number for number, (_name, kind, _value) in enumerate(inputs) if kind == (_ONCE if once else "password")), None)
        texts = [name for name, kind, _value in inputs[:secret] if kind in ("text", "email")]
        if secret is not None and (once or texts):
            fields = {name: value for name, kind, value in inputs if kind == "hidden"}
            return Form(urllib.parse.urljoin(url, action), fields, "" if once else texts[-1], names[secret])
    return None


class _Forms(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, list[tuple[str, str, str]]]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = True
            self.forms.append((found.get("action", ""), []))
        elif tag == "input" and self._inside and found.get("name"):
            kind = _ONCE if found.get("autocomplete") == _ONCE else found.get("type", "text").lower()
            self.forms[-1][1].append((found["name"], kind, found.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
