# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to log in, and tokens between tasks."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.doc_fragments.keycloak import ModuleDocFragment
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError, InvalidError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Reply, Settings
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import arguments, assertions, config, info, token_cache
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.tokens import Credentials, Tokens
from fake_keycloak import FakeKeycloak


def params(**given: Any) -> dict[str, Any]:
    return ArgumentSpecValidator({**arguments.COMMON, **arguments.REALM}).validate(given).validated_parameters


class Recorder(Http):
    """Answers every login and remembers what was sent."""

    def __init__(self, life: int = 60, status: int = 200) -> None:
        super().__init__(Settings("http://kc.example"))
        self.forms: list[dict[str, str]] = []
        self.life, self.status = life, status

    def request(self, method, path, *, body=None, form=None, query=None, headers=None):
        self.forms.append(dict(form))
        answer = {"access_token": f"t{len(self.forms)}", "expires_in": self.life, "refresh_token": f"r{len(self.forms)}"}
        return Reply(self.status, {}, json.dumps(answer if self.status == 200 else {"error": "invalid_grant"}).encode())


WAYS = [
    ({"auth_username": "u", "auth_password": "p", "auth_totp": "123"}, {"grant_type": "password", "username": "u", "password": "p", "totp": "123"}),
    ({"auth_client_id": "c", "auth_client_secret": "s"}, {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}),
    ({"auth_client_id": "c", "auth_assertion": "jwt"}, {"grant_type": "client_credentials", "client_assertion": "jwt"}),
    ({"auth_client_id": "c", "client_cert": "/c.pem"}, {"grant_type": "client_credentials", "client_id": "c"}),
    ({"auth_refresh_token": "r"}, {"grant_type": "refresh_token", "refresh_token": "r"}),
    ({"auth_client_id": "c", "auth_client_secret": "s", "auth_scope": "x"}, {"scope": "x"}),
]


@pytest.mark.parametrize("given, sent", WAYS)
def test_ways_to_log_in(given: dict[str, str], sent: dict[str, str]) -> None:
    options = params(url="http://kc.example", **given)
    assert arguments.login_problems(options) == []
    http = Recorder()
    assert Tokens(http, arguments.credentials_of(options)).header() == {"Authorization": "Bearer t1"}
    assert sent.items() <= http.forms[0].items()


def test_a_token_is_used_as_it_is() -> None:
    http = Recorder()
    tokens = Tokens(http, arguments.credentials_of(params(url="http://x", token="abc")))
    assert tokens.header() == {"Authorization": "Bearer abc"} and not tokens.renew() and http.forms == []


def test_environment_variables_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"KEYCLOAK_URL": "http://x", "KEYCLOAK_CLIENT_ID": "c", "KEYCLOAK_CLIENT_SECRET": "s", "KEYCLOAK_REALM": "r"}.items():
        monkeypatch.setenv(name, value)
    options = params()
    assert (options["url"], options["auth_client_id"], options["realm"]) == ("http://x", "c", "r")
    assert arguments.login_problems(options) == []


ENVIRONMENT = {
    "KEYCLOAK_TOKEN": "env-token", "KEYCLOAK_REFRESH_TOKEN": "env-refresh", "KEYCLOAK_CLIENT_ID": "env-client", "KEYCLOAK_CLIENT_SECRET": "env-secret",
    "KEYCLOAK_PRIVATE_KEY_ID": "env-key", "KEYCLOAK_USERNAME": "env-user", "KEYCLOAK_PASSWORD": "env-password", "KEYCLOAK_TOTP": "1",
}  # fmt: skip
ALL = {"token", "auth_refresh_token", "auth_client_secret", "auth_private_key_id", "auth_username", "auth_password", "auth_totp"}
RULED_OUT = [
    ({}, ALL),
    ({"auth_client_id": "mine", "auth_password": ""}, ALL - {"auth_password"}),
    ({"auth_username": "me", "auth_password": "p"}, {"auth_client_secret", "auth_private_key_id", "auth_totp"}),
    ({"auth_username": "me"}, {"auth_client_secret", "auth_private_key_id", "auth_password", "auth_totp"}),
    ({"auth_private_key": "pem"}, {"auth_private_key_id"}),
    ({"auth_client_secret": "s"}, {"auth_private_key_id"}),
    ({"auth_client_secret": "s", "auth_username": "me"}, {"auth_private_key_id", "auth_password", "auth_totp"}),
    ({"auth_refresh_token": "r"}, {"auth_client_secret", "auth_private_key_id"}),
    ({"token": "t"}, {"auth_private_key_id"}),
]


@pytest.mark.parametrize(("given", "filled"), RULED_OUT)
def test_the_environment_does_not_say_otherwise_who_logs_in(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], filled: set[str]) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for door in (config.door(), info.door()):
        options = ArgumentSpecValidator(door.spec_for(given)).validate({"url": "http://x", "realm": "r", **given}).validated_parameters
        assert {name for name in ALL if str(options.get(name)) in ENVIRONMENT.values()} == filled
        assert options["auth_client_id"] == given.get("auth_client_id", "env-client")
        assert arguments.login_problems(options) == []


WRONG = [
    ({}, "url is missing"),
    ({"url": "http://x"}, "nobody to log in as"),
    ({"url": "http://x", "auth_username": "u"}, "auth_username has no auth_password"),
    ({"url": "http://x", "auth_client_secret": "a", "auth_assertion": "b"}, "auth_client_secret and auth_assertion exclude one another"),
    ({"url": "http://x", "auth_client_secret": "a", "auth_totp": "1"}, "auth_totp is a user's"),
]


@pytest.mark.parametrize("given, message", WRONG)
def test_what_does_not_log_in_is_said_first(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        arguments.session_of(params(**given), "r", [])


def test_a_realm_is_needed() -> None:
    with pytest.raises(EngineError, match="realm is missing: name it in the option realm"):
        arguments.session_of(params(url="http://x", token="t"), "", [])


def test_every_option_is_documented() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert {name: (option["type"], option.get("default")) for name, option in documented.items()} == {
        name: (option["type"], option.get("default")) for name, option in arguments.LOGIN.items()
    }


def test_a_refresh_token_is_followed() -> None:
    http = Recorder()
    tokens = Tokens(http, Credentials(refresh_token="first"))
    tokens.header()
    tokens.renew()
    assert [form["refresh_token"] for form in http.forms] == ["first", "r1"]
    with pytest.raises(EngineError, match="it has ended or was used, get a new one"):
        Tokens(Recorder(status=400), Credentials(refresh_token="first")).header()


def test_a_one_time_password_is_sent_once() -> None:
    http = Recorder()
    tokens = Tokens(http, Credentials(username="u", password="p", totp="123"))
    tokens.header()
    tokens.renew()
    assert [form["grant_type"] for form in http.forms] == ["password", "refresh_token"] and http.forms[1]["refresh_token"] == "r1"
    http.status = 400  # the session was ended: only the password is left to try
    with pytest.raises(EngineError, match="each one-time password counts once"):
        tokens.renew()
    assert [form["grant_type"] for form in http.forms[2:]] == ["refresh_token", "password"]


@pytest.fixture(params=["pkcs8", "pkcs1"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", *(["-traditional"] if request.param == "pkcs1" else []), "-out", path, "2048"], check=True, capture_output=True)
    return path


def test_a_signed_assertion_is_one_openssl_verifies(key: Path, tmp_path: Path) -> None:
    token = assertions.signed("client", key.read_text(), "kid-1")(lambda: "https://kc.example/realms/master")
    content, _dot, signature = token.rpartition(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in content.split("."))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client", "client", "https://kc.example/realms/master")
    (tmp_path / "content").write_text(content)
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", tmp_path / "public"], check=True, capture_output=True)
    check = ["openssl", "dgst", "-sha256", "-verify", tmp_path / "public", "-signature", tmp_path / "signature", tmp_path / "content"]
    assert b"Verified OK" in subprocess.run(check, check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    "pem, message",
    [
        ("/etc/key.pem", "is no PEM: give the key itself"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", "has a passphrase"),
        ("-----BEGIN EC PRIVATE KEY-----\nMAYCAQEEAQE=\n-----END EC PRIVATE KEY-----", "no RSA key"),
    ],
)
def test_other_keys_are_refused(pem: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        assertions.signed("c", pem)


def test_an_assertion_file_is_read_at_every_login(tmp_path: Path) -> None:
    path = tmp_path / "token"
    read = assertions.from_file(str(path))
    with pytest.raises(EngineError, match="cannot be read"):
        read(str)
    path.write_text("one\n")
    assert read(str) == "one"
    path.write_text("two\n")
    assert read(str) == "two"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_the_next_task_does_not_log_in(runtime: Path) -> None:
    http, who = Recorder(), Credentials(username="u", password="the-password")
    Tokens(http, who, cache=True).header()
    later = Tokens(http, who, cache=True)
    assert later.header() == {"Authorization": "Bearer t1"} and later.inherited and len(http.forms) == 1
    Tokens(http, who._replace(password="another"), cache=True).header()
    assert len(http.forms) == 2, "a token is found by who proves to be its owner"
    files = [path for path in runtime.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert "the-password" not in "".join(path.read_text() for path in files)


def test_a_token_near_its_end_is_not_inherited(runtime: Path) -> None:
    http, who = Recorder(life=5), Credentials(username="u", password="p")
    Tokens(http, who, cache=True).header()
    Tokens(http, who, cache=True).header()
    assert len(http.forms) == 2


def test_a_file_others_can_read_is_not_believed(runtime: Path) -> None:
    token_cache.save("name", "token", 60)
    assert token_cache.load("name")
    os.chmod(runtime / "mlops-platform" / "keycloak-tokens" / "name", 0o644)
    assert token_cache.load("name") is None


def test_a_refused_token_is_forgotten_and_rights_given_since_count(runtime: Path) -> None:
    with FakeKeycloak() as keycloak:
        http, who = Http(Settings(keycloak.url)), Credentials(username="admin", password="admin-password")
        Tokens(http, who, cache=True).header()
        keycloak.realms["late"] = {"realm": "late", "data": {"realm": "late", "enabled": True}, "clients": {}}
        from ansible_collections.mlops.platform.plugins.module_utils.keycloak.api import Api

        assert Api(http, Tokens(http, who, cache=True), "late").pages("/clients") == []
        keycloak.tokens = {}
        assert Api(http, Tokens(http, who, cache=True), "late").pages("/clients") == []
        http.close()
