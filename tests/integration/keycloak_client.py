# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test needs beside the modules: realms of its own, changes by hand, people who log in."""

from __future__ import annotations

import html
import http.client
import http.cookiejar
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.mlops.platform.plugins.module_utils.engine import plan, runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import RefusedError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.api import Api
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families import ALL
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.session import Session
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.tokens import Credentials, Tokens

OWNER = "tests"


class Realm:
    """A realm that a test has for itself: `api` changes it by hand, `apply` as the modules do."""

    def __init__(self, server: Any, name: str, **settings: Any) -> None:
        self.server, self.name = server, name
        self._http = Http(Settings(server.url))
        self.api = Api(self._http, Tokens(self._http, Credentials(username=server.username, password=server.password)), name)
        self.remove()
        if settings:
            self.api.post("/admin/realms", {"realm": name, "enabled": True, **settings})

    def remove(self) -> None:
        try:
            self.api.delete("")
        except RefusedError as exc:
            if exc.status != 404:
                raise
        self.api.tokens.renew()

    def apply(self, document: dict[str, Any], *, check: bool = False, prune: Collection[str] = (), verify: bool = True, **options: Any) -> dict[str, Any]:
        """The result of a run.

        :param prune: families in which what is ours and not declared goes; or policies by family.
        """
        session = Session(Http(Settings(self.server.url)), self.api.tokens, self.name, ALL, prune)
        policies = dict(prune) if isinstance(prune, Mapping) else dict.fromkeys(prune, "owned")
        chosen = {"owner": OWNER, "max_deletes": "100%", "secret_key": "tests", "prune": policies} | options
        return runner.run(session, runner.Request(document, plan.Options(**chosen), check=check, verify=verify), lambda line: None)

    def predicted(self, document: dict[str, Any], **options: Any) -> dict[str, Any]:
        """The result of a run that did just what check mode had said."""
        said = self.apply(document, check=True, **options)
        done = self.apply(document, **options)
        assert done["plan"] == said["plan"]
        return done


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class Browser:
    """Somebody in front of the login page; `location` is where the last answer leads to."""

    def __init__(self, url: str, realm: str) -> None:
        self.url, self.location = url, ""
        # Keycloak marks its cookies as secure; 127.0.0.1 counts as that.
        jar = http.cookiejar.CookieJar(policy=http.cookiejar.DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), _Stay)
        query = {
            "client_id": "account-console",
            "redirect_uri": f"{url}/realms/{realm}/account/",
            "response_type": "code",
            "scope": "openid",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
        self.page = self._opener.open(f"{url}/realms/{realm}/protocol/openid-connect/auth?{urllib.parse.urlencode(query)}", timeout=30).read().decode()

    def submit(self, username: str, password: str) -> bool:
        """Whether this led to a login; else `page` is what is shown instead."""
        found = re.search(r'action="([^"]+)"', self.page)
        assert found, "a page without a form"
        data = urllib.parse.urlencode({"username": username, "password": password}).encode()
        try:
            self.page = self._opener.open(html.unescape(found.group(1)), data, timeout=30).read().decode()
        except urllib.error.HTTPError as exc:
            self.location = str(exc.headers.get("Location"))
            return exc.code == 302 and "code=" in self.location
        return False


class Logins(threading.Thread):
    """People who log in one after the other until the test has seen enough."""

    def __init__(self, url: str, realm: str, username: str, password: str) -> None:
        super().__init__(daemon=True)
        self._where, self._who = (url, realm), (username, password)
        self._enough = threading.Event()
        self.results: list[bool] = []

    def run(self) -> None:
        while not self._enough.is_set():
            try:
                browser = Browser(*self._where)
                # Who has the page open when its flow goes is shown the new one; tests let at most three go, one soon after the other.
                self.results.append(any(browser.submit(*self._who) for _page in range(4)))
            except (OSError, http.client.HTTPException, AssertionError):
                self.results.append(False)

    def __enter__(self) -> Logins:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._enough.set()
        self.join(60)
