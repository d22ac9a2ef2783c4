# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser: Debian's Chromium without a window, driven by its own protocol over a websocket."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import debian
import pytest
import websocket


class Chromium:
    """One page of a browser with a profile of its own."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        self._number = 0
        self.requests: list[str] = []  # addresses asked for, redirects included
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command; events that come meanwhile are noted."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                return dict(message["result"])

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript in the page; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def wait(self, script: str, seconds: float = 60) -> Any:
        """The value of an expression once it is true; fails with what is in the page when it does not become so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):  # the page is on its way to another
                found = self.run(script)
                if found:
                    return found
            time.sleep(0.2)
        pytest.fail(f"{script} is not true on {self.run('location.href')}:\n{self.text()[:2000]}")

    def text(self) -> str:
        return str(self.run("document.body ? document.body.innerText : ''"))

    def log_in(self, username: str, password: str) -> None:
        """Fills Keycloak's form."""
        self.wait("!!document.querySelector('#kc-login')")
        self.run(f"document.querySelector('#username').value = {json.dumps(username)}; document.querySelector('#password').value = {json.dumps(password)}; 1")
        self.run("document.querySelector('#kc-form-login').submit(); 1")

    def cookies(self) -> list[dict[str, Any]]:
        return list(self.call("Storage.getCookies")["cookies"])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def running(trusted: Callable[[], str]) -> Iterator[Chromium]:
    """A browser; it and its profile are gone afterwards.

    :param trusted: gives the base64 SHA-256 of the public key of the servers, whose certificates count as valid.
    """
    program = shutil.which("chromium")
    if not program:
        debian.install("chromium")
        program = str(shutil.which("chromium"))
    profile = Path(tempfile.mkdtemp(prefix="mlops-chromium-"))
    options = [program, "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0", "--window-size=1280,900"]
    options += [f"--user-data-dir={profile}", f"--ignore-certificate-errors-spki-list={trusted()}", "--disable-background-networking"]
    options += ["--no-sandbox"] if os.geteuid() == 0 else []
    environment = {"PATH": os.environ["PATH"], "HOME": str(profile), "LC_ALL": "C.UTF-8"}
    with open(profile / "log", "wb") as output:
        process = subprocess.Popen([*options, "about:blank"], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Chromium(_page(profile, process))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(profile, ignore_errors=True)


def _page(profile: Path, process: subprocess.Popen[bytes], seconds: float = 60) -> str:
    """Address of the first page's websocket."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, IndexError, StopIteration):
            port = int((profile / "DevToolsActivePort").read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as reply:
                return str(next(page["webSocketDebuggerUrl"] for page in json.load(reply) if page["type"] == "page"))
        time.sleep(0.2)
    pytest.fail(f"Chromium does not start:\n{(profile / 'log').read_text(errors='replace')[-2000:]}")
