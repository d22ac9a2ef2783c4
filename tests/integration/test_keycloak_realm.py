# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platform's realm, as the role keycloak declares it, on a real Keycloak."""

from __future__ import annotations

import base64
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import RefusedError
from ansible_collections.mlops.platform.plugins.plugin_utils.in_process import plain
from keycloak_client import Browser, Realm
from keycloak_server import Keycloak

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from keycloak_role import CLIENTS, Role  # noqa: E402  pylint: disable=wrong-import-position

FAMILIES = ("clients", "clientScopes", "groups", "roles", "users", "authenticationFlows", "identityProviders", "components")
UI = {"name": "grafana", "backend": {"namespace": "observability", "service": "grafana", "port": 3000}, "groups": ["viewers"]}
PKCE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}


class Platform:
    """A realm that holds what the role declares."""

    def __init__(self, server: Keycloak, name: str) -> None:
        self.realm = Realm(server, name)
        self.base = f"{server.url}/realms/{name}"

    def document(self, **settings: Any) -> dict[str, Any]:
        found: dict[str, Any] = plain(Role(ROOT, platform_realm=self.realm.name, gateway_protected_uis=[UI], **settings)["__keycloak_document"])
        return found

    def apply(self, **settings: Any) -> dict[str, Any]:
        return self.realm.apply(self.document(**settings), owner="mlops.platform", prune=FAMILIES)

    def post(self, path: str, **form: str) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(f"{self.base}/protocol/openid-connect/{path}", urllib.parse.urlencode(form).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            return exc.code, json.loads(exc.read() or b"{}")

    def claims(self, client: str) -> dict[str, Any]:
        """What the token of a client with a secret says."""
        status, answer = self.post("token", grant_type="client_credentials", client_id=client, client_secret=f"canary-{client}")
        assert status == 200, answer
        payload = answer["access_token"].split(".")[1]
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return found

    def login(self, **query: str) -> int:
        """The answer to a browser that comes from a client: 200 is the login page, 302 leads back with an error."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_args: Any, **_more: Any) -> None:
                return None

        url = f"{self.base}/protocol/openid-connect/auth?{urllib.parse.urlencode({'response_type': 'code', 'scope': 'openid', **query})}"
        try:
            with urllib.request.build_opener(Stay).open(url, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            return exc.code


@pytest.fixture(scope="module")
def platform(keycloak: Keycloak) -> Iterator[Platform]:
    made = Platform(keycloak, "platform-as-code")
    made.apply()
    yield made
    made.realm.remove()


def test_a_second_run_changes_nothing(platform: Platform) -> None:
    again = platform.apply()
    assert again["changed"] is False, again["plan"]


def test_a_removed_realm_comes_back(keycloak: Keycloak) -> None:
    lost = Platform(keycloak, "platform-lost")
    lost.apply()
    lost.realm.remove()
    assert lost.apply()["changed"] is True
    assert lost.apply()["changed"] is False
    assert lost.claims("pipelines")["groups"] == ["ml-engineers"]
    lost.realm.remove()


@pytest.mark.parametrize(("client", "groups"), [("pipelines", ["ml-engineers"]), ("mlflow-config", ["platform-admins"])])
def test_programs_get_tokens_for_mlflow_with_their_groups(platform: Platform, client: str, groups: list[str]) -> None:
    claims = platform.claims(client)
    assert claims["aud"] == "mlflow"
    assert claims["groups"] == groups
    assert claims["preferred_username"] == f"service-account-{client}"
    assert "realm_access" not in claims, "no right of Keycloak is in a token for MLflow"


def test_a_wrong_secret_gets_no_token(platform: Platform) -> None:
    status, answer = platform.post("token", grant_type="client_credentials", client_id="pipelines", client_secret="wrong")
    assert (status, answer["error"]) == (401, "unauthorized_client")


def test_browsers_must_prove_that_the_code_is_theirs_and_go_back_nowhere_else(platform: Platform) -> None:
    there = "https://mlflow.mlops.localhost:8443/callback"
    assert platform.login(client_id="mlflow", redirect_uri=there, **PKCE) == 200
    assert platform.login(client_id="mlflow", redirect_uri=there) == 302, "PKCE is required"
    assert platform.login(client_id="mlflow", redirect_uri=there, code_challenge="x" * 43, code_challenge_method="plain") == 302
    assert platform.login(client_id="mlflow", redirect_uri=f"{there}/more", **PKCE) == 400
    assert platform.login(client_id="platform-cli", redirect_uri="http://127.0.0.1:54321/callback", **PKCE) == 200, "whatever port a program gets"
    assert platform.login(client_id="platform-cli", redirect_uri="http://127.0.0.1:54321/callback") == 302
    assert platform.login(client_id="ui-grafana", redirect_uri="https://grafana.mlops.localhost:8443/oauth2/callback") == 200


def test_people_log_in_from_a_terminal_by_a_code_and_never_by_handing_over_their_password(platform: Platform) -> None:
    status, answer = platform.post("auth/device", client_id="platform-cli", **PKCE)
    assert status == 200
    assert answer["verification_uri"].startswith(platform.base)
    assert platform.post("auth/device", client_id="platform-cli")[0] == 400, "PKCE is required"
    assert platform.post("auth/device", client_id="mlflow", client_secret="canary-mlflow", **PKCE)[0] in (400, 401)
    for client in ("platform-cli", "mlflow"):
        status, answer = platform.post("token", grant_type="password", client_id=client, client_secret="canary-mlflow", username="admin", password="x")
        assert answer["error"] == "unauthorized_client"


def test_the_first_administrator_must_choose_a_password_and_no_weak_one(platform: Platform) -> None:
    (user,) = platform.realm.api.get("/users", username="admin", exact=True)
    with pytest.raises(RefusedError, match=r"minimum length 12"):
        platform.realm.api.put(f"/users/{user['id']}/reset-password", {"type": "password", "value": "short", "temporary": False})
    browser = Browser(platform.realm.server.url, platform.realm.name)
    assert browser.submit("admin", "canary-first-password") is False
    assert "execution=UPDATE_PASSWORD" in browser.location


def test_a_person_is_in_the_groups_that_the_inventory_says(platform: Platform) -> None:
    (user,) = platform.realm.api.get("/users", username="admin", exact=True)
    assert [group["name"] for group in platform.realm.api.get(f"/users/{user['id']}/groups")] == ["platform-admins"]
    mapped = platform.realm.api.get(f"/users/{user['id']}/role-mappings/realm/composite")
    assert "platform-admins" in [role["name"] for role in mapped], "a group gives the role of its name"


def test_who_leaves_the_list_leaves_the_realm_and_others_stay(platform: Platform) -> None:
    platform.realm.api.post("/users", {"username": "by-hand", "enabled": True})
    platform.apply(keycloak_machine_clients=[])
    names = {client["clientId"] for client in platform.realm.api.get("/clients")}
    assert "pipelines" not in names
    assert names >= set(CLIENTS) - {"pipelines"}
    assert platform.realm.api.get("/users", username="by-hand", exact=True)
    assert platform.apply()["changed"] is True
    assert platform.apply()["changed"] is False


def test_a_second_factor_is_asked_of_everybody_by_one_word(keycloak: Keycloak) -> None:
    strict = Platform(keycloak, "platform-strict")
    strict.apply(keycloak_second_factor="required")
    assert strict.apply(keycloak_second_factor="required")["changed"] is False
    strict.realm.api.post("/users", {"username": "eve", "email": "eve@example.org", "firstName": "E", "lastName": "V", "enabled": True,
                                     "credentials": [{"type": "password", "value": "a long pass phrase"}]})  # fmt: skip
    browser = Browser(keycloak.url, strict.realm.name)
    assert browser.submit("eve", "a long pass phrase") is False
    assert "execution=CONFIGURE_TOTP" in browser.location
    strict.apply(keycloak_second_factor="none")
    assert Browser(keycloak.url, strict.realm.name).submit("eve", "a long pass phrase") is True
    assert strict.apply(keycloak_second_factor="none")["changed"] is False
    strict.realm.remove()


@pytest.mark.parametrize("extra", [{}, {"quickLoginCheckMilliSeconds": 0}], ids=["in-a-row", "slowly"])
def test_who_guesses_passwords_is_locked_out_and_the_right_one_counts_no_more(platform: Platform, extra: dict[str, Any]) -> None:
    # Guesses that follow one another quickly lock sooner; without that, only their number does.
    platform.apply(keycloak_realm_extra=extra)
    name = f"guessed-{len(extra)}"
    person = {"username": name, "email": f"{name}@example.org", "firstName": "G", "lastName": "D", "enabled": True}
    platform.realm.api.post("/users", {**person, "credentials": [{"type": "password", "value": "a long pass phrase"}]})
    (user,) = platform.realm.api.get("/users", username=name, exact=True)

    def enters(password: str) -> bool:
        return Browser(platform.realm.server.url, platform.realm.name).submit(name, password)

    lock = f"/attack-detection/brute-force/users/{user['id']}"
    for number in range(platform.document()["failureFactor"]):
        assert enters(f"guess {number}") is False
        if platform.realm.api.get(lock)["disabled"]:
            break  # for a minute, which a busy machine may take for the other guesses
    assert enters("a long pass phrase") is False
    platform.realm.api.delete(lock)
    assert enters("a long pass phrase") is True, "but for the lock it would have let in"
    platform.realm.api.delete(f"/users/{user['id']}")


@pytest.mark.parametrize(
    "provider",
    [
        {
            "type": "oidc",
            "alias": "company",
            "config": {
                "issuer": "https://login.example.org",
                "authorizationUrl": "https://login.example.org/auth",
                "tokenUrl": "https://login.example.org/token",
                "jwksUrl": "https://login.example.org/jwks",
                "clientId": "platform",
                "clientSecret": "canary-upstream",
            },
        },
        {
            "type": "ldap",
            "alias": "company",
            "config": {"connectionUrl": ["ldaps://ldap.example.org"], "usersDn": ["ou=people,dc=example,dc=org"],
                       "bindDn": ["cn=reader"], "bindCredential": ["canary-bind"]},
        },
    ],
    ids=["oidc", "ldap"],
)  # fmt: skip
def test_an_upstream_provider_is_one_variable(keycloak: Keycloak, provider: dict[str, Any]) -> None:
    realm = Platform(keycloak, f"platform-{provider['type']}")
    done = realm.apply(keycloak_identity_provider=provider)
    assert "canary" not in json.dumps(done)
    assert realm.apply(keycloak_identity_provider=provider)["changed"] is False
    assert realm.apply(keycloak_identity_provider={})["changed"] is True, "and is gone when it is declared no more"
    realm.realm.remove()
