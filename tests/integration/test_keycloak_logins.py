# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to log in to a real Keycloak, in plays that show no secret, and what is said where a login fails."""

from __future__ import annotations

import hmac
import json
import re
import stat
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import arguments, assertions
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.api import Api
from keycloak_client import Realm
from keycloak_plays import Play, config
from keycloak_server import PUBLIC, Guarded, Keycloak

REALM = "logins"
PASSWORD, CLIENT_SECRET, OTP_SECRET = "canary-of-the-login", "canary-of-the-robot", "canary-of-the-second-factor"
ADMIN = {"serviceAccountsEnabled": True, "serviceAccountClientRoles": {"realm-management": ["realm-admin"]}}


def key(path: Path, *kind: str) -> str:
    subprocess.run(["openssl", *(kind or ["genrsa"]), "-out", path], check=True, capture_output=True)
    return path.read_text()


def one_time_password() -> str:
    """A code of RFC 6238 for now."""
    digest = hmac.new(OTP_SECRET.encode(), struct.pack(">Q", int(time.time() // 30)), "sha1").digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture(scope="module")
def rsa(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A key, and its certificate as Keycloak takes it."""
    folder = tmp_path_factory.mktemp("keys")
    private = key(folder / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-key", folder / "key.pem", "-subj", "/CN=signed", "-days", "2", "-out", folder / "cert.pem"], check=True,
                   capture_output=True)  # fmt: skip
    return private, "".join((folder / "cert.pem").read_text().splitlines()[1:-1])


def clients(certificate: str) -> list[dict[str, Any]]:
    return [
        {"clientId": "robot", "secret": CLIENT_SECRET, **ADMIN},
        {"clientId": "signed", "clientAuthenticatorType": "client-jwt", "attributes": {"jwt.credential.certificate": certificate}, **ADMIN},
        {"clientId": "x509", "clientAuthenticatorType": "client-x509", "attributes": {"x509.subjectdn": "CN=robot"}, **ADMIN},
        {"clientId": "no-service", "secret": CLIENT_SECRET},
        {"clientId": "no-direct", "publicClient": True, "directAccessGrantsEnabled": False},
    ]


@pytest.fixture(scope="module")
def realm(keycloak: Keycloak, rsa: tuple[str, str]) -> Iterator[Realm]:
    made = Realm(keycloak, REALM, accessTokenLifespan=300)
    password = {"type": "password", "value": PASSWORD, "temporary": False}
    factor = {
        "type": "otp",
        "secretData": json.dumps({"value": OTP_SECRET}),
        "credentialData": json.dumps({"subType": "totp", "digits": 6, "period": 30, "algorithm": "HmacSHA1"}),
    }
    for name, more in {
        "operator": {},
        "careful": {"credentials": [password, factor]},
        "new-one": {"requiredActions": ["UPDATE_PASSWORD"]},
        "gone-one": {"enabled": False},
    }.items():
        person = {"username": name, "enabled": True, "email": f"{name}@x.test", "firstName": name, "lastName": name, "credentials": [password]}
        made.api.post("/users", {**person, **more})
    roles = {"realm-management": ["realm-admin"]}
    made.apply({"clients": clients(rsa[1]), "users": [{"username": name, "clientRoles": roles} for name in ("operator", "careful")]})
    yield made
    made.remove()


def logged_in(server: Keycloak, **login: Any) -> Api:
    """The Admin API after a login by these options.

    :raises EngineError: as the modules show it.
    """
    given = {"url": server.url, "auth_realm": REALM, "token_cache": False, **login}
    http, tokens = arguments.tokens_of(ArgumentSpecValidator(arguments.COMMON).validate(given).validated_parameters)
    api = Api(http, tokens, REALM)
    tokens.header()
    return api


def test_every_way_in_plays_that_show_no_secret(realm: Realm, rsa: tuple[str, str], tmp_path: Path) -> None:
    url = realm.server.url
    user = {"auth_username": "operator", "auth_password": PASSWORD}
    form = {"grant_type": "password", "client_id": "admin-cli", "username": "operator", "password": PASSWORD}
    granted = realm.api.http.request("POST", f"/realms/{REALM}/protocol/openid-connect/token", form=form).json()
    signed = assertions.signed("signed", rsa[0])
    (tmp_path / "assertion").write_text(signed(lambda: f"{url}/realms/{REALM}"))
    code = one_time_password()
    ways: dict[str, dict[str, str]] = {
        # First what was made just now and does not last.
        "totp": {"auth_username": "careful", "auth_password": PASSWORD, "auth_totp": code},
        "assertion": {"auth_client_id": "signed", "auth_assertion": signed(lambda: f"{url}/realms/{REALM}")},
        "assertion file": {"auth_client_id": "signed", "auth_assertion_file": str(tmp_path / "assertion")},
        "password": user,
        "secret": {"auth_client_id": "robot", "auth_client_secret": CLIENT_SECRET},
        "user by a confidential client": {**user, "auth_client_id": "admin-cli", "auth_scope": "openid"},
        "signed": {"auth_client_id": "signed", "auth_private_key": rsa[0]},
        "refresh token": {"auth_refresh_token": granted["refresh_token"]},
        "token": {"token": granted["access_token"]},
    }
    tasks = [
        config(config={"displayName": "{{ shown }}"}, url=url, realm=REALM, auth_realm=REALM, token_cache=False,
               **{option: f"{{{{ ways[{name!r}].{option} }}}}" for option in way})
        for name, way in ways.items()
    ]  # fmt: skip
    # No option at all, and the next task without a login.
    tasks += [config(config={"displayName": "by the environment"})] * 2
    environment = {
        "KEYCLOAK_URL": url, "KEYCLOAK_REALM": REALM, "KEYCLOAK_AUTH_REALM": REALM, "KEYCLOAK_CLIENT_ID": "robot", "KEYCLOAK_CLIENT_SECRET": CLIENT_SECRET,
    }  # fmt: skip
    for task, way in zip(tasks, ways.values(), strict=False):
        # What the environment says stands in for what is not given: these tasks say it all.
        options = task["mlops.platform.keycloak_config"]
        options.setdefault("auth_client_id", "admin-cli")
        options.setdefault("auth_client_secret", "")
        options["config"] = {"displayName": " and ".join(way)}
    play = Play(tmp_path / "play", tasks, "-vvv", "--diff", environment=environment, ways=ways)
    results = play.results()
    assert [(name, result.get("msg")) for name, result in zip([*ways, "environment", "cache"], results, strict=True) if result.get("failed")] == []
    assert [result["requests"]["token_requests"] for result in results] == [1] * (len(ways) - 1) + [0, 1, 0]
    secrets = [PASSWORD, CLIENT_SECRET, OTP_SECRET, code, (tmp_path / "assertion").read_text(), ways["assertion"]["auth_assertion"], *granted.values(),
               *rsa[0].splitlines()[1:-1]]  # fmt: skip
    secrets = [secret for secret in secrets if (isinstance(secret, str) and len(secret) > 20) or secret in (PASSWORD, CLIENT_SECRET, OTP_SECRET)]
    assert [secret for secret in secrets if str(secret) in play.output] == []
    cached = [path for path in (tmp_path / "play" / ".cache").rglob("*") if path.is_file()]
    assert len(cached) == 1 and stat.S_IMODE(cached[0].stat().st_mode) == 0o600 and stat.S_IMODE(cached[0].parent.stat().st_mode) == 0o700
    assert [secret for secret in secrets if str(secret) in cached[0].read_text()] == []
    assert realm.api.get("")["displayName"] == "by the environment"


def test_a_one_time_password_lasts_for_a_whole_run(realm: Realm) -> None:
    """Each counts once, and a run may have to log in again, after it has made a realm for one."""
    (user,) = realm.api.get("/users", username="careful", exact=True)
    realm.api.post(f"/users/{user['id']}/logout", None)
    while True:  # the code of the test before may be used up
        try:
            api = logged_in(realm.server, auth_username="careful", auth_password=PASSWORD, auth_totp=one_time_password())
            break
        except EngineError as exc:
            assert "each one-time password counts once" in str(exc)
            time.sleep(30 - time.time() % 30)
    api.tokens.renew()
    assert api.get("/clients")
    realm.api.post(f"/users/{user['id']}/logout", None)
    with pytest.raises(EngineError, match=r"user careful of realm logins failed .*each one-time password counts once"):
        api.get("/clients")


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"auth_username": "operator", "auth_password": "not-it"}, r"as user operator of realm logins failed \(400: Invalid user .*check auth_username and"),
    ({"auth_username": "careful", "auth_password": PASSWORD}, "and auth_totp if the user has a second factor"),
    ({"auth_username": "new-one", "auth_password": PASSWORD}, "user new-one has required actions to complete: log in once in a browser, or remove them"),
    ({"auth_username": "gone-one", "auth_password": PASSWORD}, "enable user gone-one, or log in as another one"),
    ({"auth_username": "operator", "auth_password": PASSWORD, "auth_scope": "none"}, "check auth_scope: client admin-cli has no such scope"),
    ({"auth_username": "operator", "auth_password": PASSWORD, "auth_client_id": "no-direct"}, "switch on directAccessGrantsEnabled of client no-direct"),
    ({"auth_client_id": "no-service", "auth_client_secret": CLIENT_SECRET}, "switch on serviceAccountsEnabled of client no-service"),
    ({"auth_client_id": "robot", "auth_client_secret": "not-it"}, "as client robot of realm logins failed .*check auth_client_id, its secret or certificate"),
    ({"auth_client_id": "none", "auth_client_secret": "not-it"}, "check auth_client_id, its secret or certificate"),
    ({"auth_client_id": "signed", "auth_private_key": "other"}, "check auth_client_id, that Keycloak has the certificate of its key"),
    ({"auth_client_id": "signed", "auth_private_key": "ec"}, r"auth_private_key is no RSA key \(.*\): only RS256 is done here, give the client an RSA key"),
    ({"auth_refresh_token": "none"}, "by a refresh token of client admin-cli of realm logins failed .*it has ended or was used, get a new one"),
]  # fmt: skip


def test_a_login_that_fails_says_what_to_do(realm: Realm, tmp_path: Path) -> None:
    keys = {"other": key(tmp_path / "other.pem"), "ec": key(tmp_path / "ec.pem", "ecparam", "-name", "prime256v1", "-genkey", "-noout")}
    for login, message in REFUSED:
        with pytest.raises(EngineError, match=message) as failed:
            logged_in(realm.server, **{name: keys.get(value, value) for name, value in login.items()})
        assert "\n" not in str(failed.value) and PASSWORD not in str(failed.value) and CLIENT_SECRET not in str(failed.value)


def test_a_client_certificate_and_a_signature_for_a_server_with_another_name(keycloak_guarded: Guarded, rsa: tuple[str, str]) -> None:
    inside, certificate = keycloak_guarded.inside, keycloak_guarded.client
    made = Realm(inside, REALM, displayName="Guarded")
    made.apply({"clients": clients(rsa[1])})
    options = {"url": keycloak_guarded.secure, "ca_path": str(keycloak_guarded.ca), "auth_client_id": "x509"}
    assert logged_in(inside, **options, client_cert=str(certificate)).get("")["displayName"] == "Guarded"
    for wrong, message in (
        ({"client_cert": str(certificate.with_name("client.pem"))}, r"client_cert \S+ cannot be read .*: give a PEM file with the certificate and its key, or"),
        ({"client_cert": str(certificate.with_name("client.pem")), "client_key": str(certificate.with_name("ca.key"))}, r"cannot be read \(KEY_VALUES_MISM"),
        ({"client_cert": str(certificate), "url": inside.url}, "check auth_client_id, its secret or certificate"),
    ):
        with pytest.raises(EngineError, match=message):
            logged_in(inside, **{**options, **wrong})
    # Whoever signs has to address the server by the name that it gives itself, which no address of ours says.
    signed = logged_in(inside, auth_client_id="signed", auth_private_key=rsa[0])
    issuer = signed.http.request("GET", f"/realms/{REALM}/.well-known/openid-configuration").json()["issuer"]
    assert re.match(re.escape(PUBLIC), issuer) and signed.get("")["displayName"] == "Guarded"


CANARIES = {name: f"canary-of-the-{name}" for name in ("smtp", "client", "rotated", "person", "provider", "directory", "key", "mistyped", "added")}


def test_no_secret_of_any_family_is_shown(realm: Realm, tmp_path: Path) -> None:
    """Each kind of secret that other tests do not hold, and documents that are wrong beside a secret."""

    def secret(name: str) -> str:
        return f"{{{{ canaries.{name} }}}}"

    provider = {"clientId": "us", "clientSecret": secret("provider"), "tokenUrl": "https://p.test/t", "authorizationUrl": "https://p.test/a"}
    ldap = {"connectionUrl": ["ldap://127.0.0.1:1"], "bindDn": ["cn=admin"], "bindCredential": [secret("directory")], "usersDn": ["ou=x"], "vendor": ["other"],
            "usernameLDAPAttribute": ["uid"], "rdnLDAPAttribute": ["uid"], "uuidLDAPAttribute": ["entryUUID"], "userObjectClasses": ["person"],
            "editMode": ["READ_ONLY"], "authType": ["simple"], "enabled": ["false"]}  # fmt: skip
    document = {
        "smtpServer": {"host": "h", "from": "a@b.c", "auth": "true", "user": "u", "password": secret("smtp")},
        "clients": [{"clientId": "shown", "secret": secret("client"), "attributes": {"client.secret.rotated": secret("rotated")}}],
        "users": [{"username": "shown", "credentials": [{"type": "password", "value": secret("person")}]}],
        "identityProviders": [{"alias": "shown", "providerId": "oidc", "config": provider}],
        "components": {
            "org.keycloak.storage.UserStorageProvider": [{"name": "shown", "providerId": "ldap", "config": ldap}],
            "org.keycloak.keys.KeyProvider": [
                {"name": "shown", "providerId": "java-keystore", "config": {"keystorePassword": [secret("key")], "keyPassword": [secret("key")]}}
            ],
        },
    }
    options = {"url": "{{ url }}", "realm": REALM, "auth_realm": REALM, "auth_client_id": "robot", "auth_client_secret": "{{ robot }}"}

    def task(wanted: dict[str, Any], **more: Any) -> dict[str, Any]:
        return config(**{**options, "config": wanted, **more})

    good = {**document, "components": {name: kind for name, kind in document["components"].items() if "Storage" in name}}
    tasks = [
        task(good), task(good, update_secret="always"),
        task(document),  # the server refuses the key's store, which is not there
        task({"clients": [{"clientId": "shown", "secrett": secret("mistyped"), "secret": secret("client")}], "users": [{"password": secret("mistyped")}]},
             secret_paths=["secrett", "password"]),
        task({"realm": REALM, "attributes": {"vault": secret("added")}}, secret_paths=["attributes.vault"]),
        task(good, auth_client_secret=secret("mistyped"), token_cache=False),
        task(good, token=secret("mistyped")),
        {"mlops.platform.keycloak_client_secret": {**options, "client_id": "shown", "state": "rotated", "dest": f"{tmp_path}/rotated"}},
    ]  # fmt: skip
    known = {"url": realm.server.url, "robot": CLIENT_SECRET, "canaries": CANARIES}
    play = Play(tmp_path / "play", tasks, "-vvv", "--diff", **known)
    results = play.results()
    assert [bool(result.get("failed")) for result in results] == [False, False, True, True, False, True, True, False], [one.get("msg") for one in results]
    new = (tmp_path / "rotated").read_text()
    kept = "".join(path.read_text() for path in (tmp_path / "play" / ".cache").rglob("*") if path.is_file())
    assert kept and [name for name, value in {**CANARIES, "robot": CLIENT_SECRET, "new": new}.items() if value in play.output + kept] == []
