# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream provider that the role keycloak declares, and that is not to be trusted: another realm of a real Keycloak."""

from __future__ import annotations

import html
import re
import sys
import urllib.error
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import authority
import pytest
from ansible_collections.mlops.platform.plugins.plugin_utils.in_process import plain
from between import Between
from keycloak_client import Browser, Realm
from keycloak_server import Keycloak

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from keycloak_role import Role  # noqa: E402  pylint: disable=wrong-import-position

PASSWORD, CLIENT_SECRET = "canary-of-the-guest", "canary-of-the-upstream"
FAMILIES = ("clients", "clientScopes", "groups", "roles", "users", "authenticationFlows", "identityProviders", "components")
LOCAL = "admin"  # the role's first administrator
# Whoever owns the provider writes what he likes into its tokens.
GROUPS = {"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
          "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true", "access.token.claim": "true",
                     "userinfo.token.claim": "true"}}  # fmt: skip


class Guest(Browser):
    """Somebody who chooses the upstream provider on the login page."""

    def choose(self) -> None:
        (link,) = re.findall(r'href="([^"]*/broker/company/login[^"]*)"', self.page)
        self.walk(html.unescape(link))

    def login(self, username: str) -> bool:
        """Whether a login at the upstream provider led to one here."""
        self.choose()
        assert self.submit(username, PASSWORD) is True, "the provider itself knows everybody"
        return self.walk(self.location)

    def send(self, **form: str) -> bool:
        """Whether the form of the page led to a login."""
        (action,) = re.findall(r'<form[^>]* action="([^"]+)"', self.page)
        return self.walk(html.unescape(action), urllib.parse.urlencode(form).encode())

    def walk(self, address: str, data: bytes | None = None) -> bool:
        """Goes where answers lead; whether this is back to the client with a code, else `page` is the last that was shown."""
        while address:
            try:
                with self._opener.open(urllib.parse.urljoin(self.url, address), data, timeout=60) as answer:
                    self.page, address = answer.read().decode(), ""
            except urllib.error.HTTPError as exc:
                self.page, address, data = exc.read().decode(), exc.headers.get("Location") or "", None
            if "/account/" in address:
                return "code=" in address
        return False


class Company:
    """The platform's realm, and an upstream provider that people come from."""

    def __init__(self, server: Keycloak) -> None:
        self.realm = Realm(server, "platform-guests")
        self.base = f"{server.url}/realms/upstream/protocol/openid-connect"
        back = f"{server.url}/realms/{self.realm.name}/broker/company/endpoint"
        client = {"clientId": "platform", "secret": CLIENT_SECRET, "redirectUris": [back], "protocolMappers": [GROUPS]}
        mail = self.document()["users"][-1]["email"]
        people = [person("guest", "guest@elsewhere.test"), person("same-mail", mail), person(LOCAL, "same-name@elsewhere.test")]
        self.upstream = Realm(server, "upstream", clients=[client], users=people, groups=[{"name": "platform-admins"}])

    def document(self, **config: str) -> dict[str, Any]:
        right = {
            "issuer": f"{self.realm.server.url}/realms/upstream",
            "authorizationUrl": f"{self.base}/auth",
            "tokenUrl": f"{self.base}/token",
            "jwksUrl": f"{self.base}/certs",
            "userInfoUrl": f"{self.base}/userinfo",
            "clientId": "platform",
            "clientSecret": CLIENT_SECRET,
        }
        provider = {"type": "oidc", "alias": "company", "config": right | config}
        found: dict[str, Any] = plain(Role(ROOT, platform_realm=self.realm.name, keycloak_identity_provider=provider)["__keycloak_document"])
        return found

    def apply(self, **config: str) -> None:
        self.realm.apply(self.document(**config), owner="mlops.platform", prune=FAMILIES)

    def guest(self) -> Guest:
        return Guest(self.realm.server.url, self.realm.name)

    def people(self) -> dict[str, dict[str, Any]]:
        return {one["username"]: one for one in self.realm.api.get("/users")}


def person(username: str, email: str) -> dict[str, Any]:
    more = {"enabled": True, "emailVerified": True, "firstName": "U", "lastName": "P", "groups": ["/platform-admins"]}
    return {"username": username, "email": email, **more, "credentials": [{"type": "password", "value": PASSWORD}]}


@pytest.fixture(scope="module")
def made(keycloak: Keycloak) -> Iterator[Company]:
    found = Company(keycloak)
    found.apply()
    yield found
    found.realm.remove()
    found.upstream.remove()


@pytest.fixture
def company(made: Company) -> Company:
    """With nobody from upstream yet."""
    for name, user in made.people().items():
        if name != LOCAL:
            made.realm.api.delete(f"/users/{user['id']}")
    return made


def test_who_comes_from_upstream_gets_in_without_any_right_that_it_claims(company: Company) -> None:
    company.apply()
    assert company.guest().login("guest") is True
    guest = company.people()["guest"]
    assert company.realm.api.get(f"/users/{guest['id']}/groups") == []
    roles = company.realm.api.get(f"/users/{guest['id']}/role-mappings/realm/composite")
    assert not {role["name"] for role in roles} & {group["name"] for group in company.document()["groups"]}
    assert guest["emailVerified"] is False, "the address is what the provider says, and nobody has proved it"


@pytest.mark.parametrize(("field", "value"), [("issuer", "realms/master"), ("jwksUrl", "realms/master/protocol/openid-connect/certs")])
def test_tokens_of_another_issuer_or_key_let_nobody_in(company: Company, field: str, value: str) -> None:
    company.apply(**{field: f"{company.realm.server.url}/{value}"})
    guest = company.guest()
    assert guest.login("guest") is False
    assert "Unexpected error when authenticating with identity provider" in guest.page
    assert set(company.people()) == {LOCAL}
    company.apply()
    assert company.guest().login("guest") is True, "nothing else was wrong"


def test_a_token_is_asked_for_at_no_server_whose_certificate_nobody_vouches_for(company: Company, tmp_path: Path) -> None:
    certificates = authority.make(tmp_path, "localhost")
    asked: list[bool] = []
    with Between(company.realm.server.url, ".*/token", 1, (certificates.certificate, certificates.key)) as stranger:
        stranger.then = lambda: asked.append(True)
        company.apply(tokenUrl=f"{stranger.url}/realms/upstream/protocol/openid-connect/token")
        guest = company.guest()
        assert guest.login("guest") is False
        assert "Unexpected error when authenticating with identity provider" in guest.page
    assert not asked, "the client's secret stayed here"
    assert set(company.people()) == {LOCAL}


@pytest.mark.parametrize("username", ["same-mail", LOCAL])
def test_whoever_claims_to_be_somebody_who_is_here_must_prove_it(company: Company, username: str) -> None:
    company.apply()
    guest = company.guest()
    assert guest.login(username) is False
    assert "Account already exists" in guest.page
    assert guest.send(submitAction="linkAccount") is False
    assert 'type="password"' in guest.page, "the account's own password is asked for"
    assert guest.send(password=PASSWORD) is False, "that of the provider does not count"
    (local,) = company.people().values()
    assert company.realm.api.get(f"/users/{local['id']}/federated-identity") == []
