# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser: Chromium without a window, driven by its own protocol (CDP) over a websocket."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import typing as t
import urllib.request

from .checks import Check

PROGRAM = "chromium"
CERTIFICATES = "certutil"  # of Debian's libnss3-tools
_FIELDS = "[...document.querySelectorAll('form')].map(form => form.querySelector('input[type=password]')).find(field => field)"


class BrowserError(Exception):
    """The browser, or a page in it, does not do what was asked; the message is one line."""


def _websocket() -> t.Any:
    import websocket  # not part of Python: only who opens a browser needs it

    return websocket


class Chromium:
    """One page of a browser.

    :param address: the page's websocket.
    :param timeout: seconds to wait for an answer, and for what shall come to be in a page.
    """

    def __init__(self, address: str, timeout: float) -> None:
        self.timeout = timeout
        self.requests: list[str] = []  # addresses asked for, redirects included
        self._number = 0
        self._socket = _websocket().create_connection(address, timeout=timeout, suppress_origin=True)
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: t.Any) -> dict[str, t.Any]:
        """The answer to a command; events that come meanwhile are noted.

        :raises BrowserError: when the command is refused, or not answered in time.
        """
        self._number += 1
        try:
            self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
            while True:
                message = json.loads(self._socket.recv())
                if message.get("method") == "Network.requestWillBeSent":
                    self.requests.append(message["params"]["request"]["url"])
                if message.get("id") == self._number:
                    break
        except (OSError, ValueError, _websocket().WebSocketException) as exc:  # ValueError: an answer that is none
            raise BrowserError(f"{method}: the browser does not answer: {exc}") from exc
        if "error" in message:
            raise BrowserError(f"{method}: {message['error'].get('message')}")
        return dict(message["result"])

    def run(self, script: str) -> t.Any:
        """The value of an expression of JavaScript in the page; promises are waited for.

        :raises BrowserError: when it throws.
        """
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(str((details.get("exception") or {}).get("description") or details.get("text")).splitlines()[0])
        return answer["result"].get("value")

    def open(self, url: str) -> None:
        """Goes to an address.

        :raises BrowserError: when nothing answers there, or its certificate is not trusted.
        """
        error = self.call("Page.navigate", url=url).get("errorText")
        if error and error != "net::ERR_ABORTED":  # the page went on to another
            raise BrowserError(f"{url}: {error}")

    def wait(self, script: str) -> t.Any:
        """The value of an expression once it is true.

        :raises BrowserError: with what is in the page when it does not become so.
        """
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(BrowserError):  # the page is on its way to another
                found = self.run(script)
                if found:
                    return found
            time.sleep(0.2)
        raise BrowserError(f"{self.run('location.href.split(/[?#]/)[0]')[:200]} does not get to {script}; it says: {' '.join(self.text().split())[:300]}")

    def see(self, text: str) -> None:
        """Waits for a text."""
        self.wait(f"!!document.body && document.body.innerText.includes({json.dumps(text)})")

    def click(self, selector: str) -> None:
        """Clicks the first element of a CSS selector, once it is there."""
        self._once_there(selector, "if (found.disabled) return false; found.click()")

    def type(self, selector: str, text: str) -> None:
        """Types into the first element of a CSS selector, once it is there, as a keyboard does."""
        self._once_there(selector, "found.focus(); found.select()")
        self.call("Input.insertText", text=text)

    def _once_there(self, selector: str, action: str) -> None:
        self.wait(f"(() => {{ const found = document.querySelector({json.dumps(selector)}); if (!found) return false; {action}; return true }})()")

    def log_in(self, username: str, password: str) -> None:
        """Fills in the form that asks for a password, and sends it."""
        self.wait(f"!!{_FIELDS}")
        for field, value in ((f"{_FIELDS}.form.querySelector('input[type=text], input[type=email]')", username), (_FIELDS, password)):
            self.run(f"{field}.value = {json.dumps(value)}; true")
        self.run(f"{_FIELDS}.form.requestSubmit(); true")

    def text(self) -> str:
        """What the page shows."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def cookies(self) -> list[dict[str, t.Any]]:
        """All cookies, with name and value."""
        return list(self.call("Storage.getCookies")["cookies"])

    def screenshot(self, path: str) -> None:
        """Writes the page as a PNG."""
        with open(path, "wb") as stream:
            stream.write(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def running(timeout: float, ca_path: str | None = None) -> t.Iterator[Chromium]:
    """A browser; it and its profile are gone afterwards.

    :param ca_path: certificate authorities to trust beside the system's.
    :raises BrowserError: when it is not installed, or does not start.
    """
    program = shutil.which(PROGRAM)
    if not program:
        raise BrowserError(f"{PROGRAM} is not installed: apt install {PROGRAM} libnss3-tools")
    profile = tempfile.mkdtemp(prefix="mlops-chromium-")
    try:
        if ca_path:
            _trust(ca_path, profile)
        options = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run", "--no-proxy-server"]
        options += ["--window-size=1280,900", "--remote-debugging-port=0", f"--user-data-dir={profile}/profile"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []  # it refuses to start as root with one
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": profile, "LC_ALL": "C.UTF-8"}
        with open(os.path.join(profile, "log"), "wb") as output:
            process = subprocess.Popen([program, *options, "about:blank"], env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Chromium(_page(profile, process, timeout), timeout)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(profile, ignore_errors=True)


def _trust(ca_path: str, home: str) -> None:
    """Chromium reads authorities of its user's from ~/.pki/nssdb; this user's home is the browser's alone."""
    if not shutil.which(CERTIFICATES):
        raise BrowserError(f"{CERTIFICATES} is not installed: apt install libnss3-tools")
    database = os.path.join(home, ".pki", "nssdb")
    os.makedirs(database)
    with open(ca_path, encoding="ascii") as stream:
        certificates = [part + "-----END CERTIFICATE-----\n" for part in stream.read().split("-----END CERTIFICATE-----")[:-1]]
    _certutil(database, ["-N", "--empty-password"])
    for number, certificate in enumerate(certificates):
        _certutil(database, ["-A", "-t", "C,,", "-n", f"authority-{number}"], certificate)


def _certutil(database: str, arguments: list[str], certificate: str = "") -> None:
    done = subprocess.run([CERTIFICATES, "-d", f"sql:{database}", *arguments], input=certificate, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrowserError(f"{CERTIFICATES} {arguments[0]} failed: {' '.join(done.stderr.split())}")


def _page(profile: str, process: subprocess.Popen[bytes], timeout: float) -> str:
    """Address of the first page's websocket."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        # ValueError: a file that is there and not yet written
        with contextlib.suppress(OSError, ValueError, StopIteration, http.client.HTTPException):
            with open(os.path.join(profile, "profile", "DevToolsActivePort"), encoding="ascii") as stream:
                port = int(stream.readline())
            with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=5) as reply:
                return str(next(page["webSocketDebuggerUrl"] for page in json.load(reply) if page["type"] == "page"))
        time.sleep(0.2)
    with open(os.path.join(profile, "log"), encoding="utf-8", errors="replace") as stream:
        lines = stream.read().splitlines()
    raise BrowserError(f"{PROGRAM} does not start: {' '.join(lines[-3:])[:500]}")


def walked(browser: Chromium, steps: t.Sequence[t.Mapping[str, t.Any]], username: str, password: str, folder: str) -> list[Check]:
    """The outcome of each step, to the first that fails; of that one there is a picture too, failed.png.

    :param steps: as the module browser_checks documents them.
    :param folder: where the pictures go.
    """
    outcomes: list[Check] = []
    for step in steps:
        began = time.monotonic()
        try:
            _walk(browser, step, username, password)
            if step.get("screenshot"):
                browser.screenshot(os.path.join(folder, step["screenshot"]))
            problem = ""
        except BrowserError as exc:
            problem = str(exc)
            with contextlib.suppress(BrowserError):
                browser.screenshot(os.path.join(folder, "failed.png"))
        detail = problem or (os.path.join(folder, step["screenshot"]) if step.get("screenshot") else "seen")
        outcomes.append({"name": step["name"], "ok": not problem, "detail": detail, "seconds": round(time.monotonic() - began, 3)})
        if problem:
            break
    return outcomes


def _walk(browser: Chromium, step: t.Mapping[str, t.Any], username: str, password: str) -> None:
    try:
        _try(browser, step, username, password)
    except BrowserError:
        # A page of many parts gives up for good when one of them does not come in time: people load it again, once.
        if not step.get("open") or step.get("login") or step.get("type") or step.get("click"):
            raise
        _try(browser, step, username, password)


def _try(browser: Chromium, step: t.Mapping[str, t.Any], username: str, password: str) -> None:
    if step.get("open"):
        browser.open(step["open"])
    if step.get("login"):
        browser.log_in(username, password)
    for selector, text in (step.get("type") or {}).items():
        browser.type(selector, text)
    for selector in step.get("click") or []:
        browser.click(selector)
    if step.get("at"):
        browser.wait(f"location.href.startsWith({json.dumps(step['at'])})")
    if step.get("find"):
        browser.wait(f"!!document.querySelector({json.dumps(step['find'])})")
    if step.get("see"):
        browser.see(step["see"])
