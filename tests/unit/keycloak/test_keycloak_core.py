# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The core families against a Keycloak in memory: what is planned is done, with few requests, whatever goes wrong on the way."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine import marks
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
from ansible_collections.mlops.platform.plugins.module_utils.engine.runner import FailedError
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import base, documents, info, registry
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.session import Session
from conftest import runs
from fake_keycloak import MASK, FakeKeycloak, new_realm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_runs import at_once

DOCUMENT: dict[str, Any] = {
    "realm": "r",
    "displayName": "R",
    "attributes": {"on": True},
    "smtpServer": {"host": "mail", "from": "a@b.c", "user": "u", "password": "smtp-password"},
    "clientScopes": [
        {
            "name": "groups",
            "protocolMappers": [{"name": "m", "protocol": "openid-connect", "protocolMapper": "x", "config": {"full.path": False}}],
        },
        {"name": "profile", "description": "ours"},
    ],
    "+defaultOptionalClientScopes": ["groups"],
    "clients": [
        {
            "clientId": "web",
            "redirectUris": ["https://b", "https://a"],
            "secret": "client-secret",
            "serviceAccountsEnabled": True,
            "defaultClientScopes": ["groups"],
            "serviceAccountRealmRoles": ["reader"],
            "protocolMappers": [{"name": "aud", "protocol": "openid-connect", "protocolMapper": "y", "config": {"a": 1}}],
        }
    ],
    "roles": {
        "realm": [{"name": "admin-of-r", "composites": {"realm": ["reader"], "client": {"web": ["writer"]}}}, {"name": "reader"}],
        "client": {"web": [{"name": "writer", "attributes": {"k": "v"}}]},
    },
    "scopeMappings": [{"clientScope": "groups", "roles": ["reader"]}],
    "groups": [{"name": "top", "realmRoles": ["reader"], "subGroups": [{"name": "low", "clientRoles": {"web": ["writer"]}}]}],
    "defaultGroups": ["top"],
    "users": [{"username": "Ann", "groups": ["/top/low"], "realmRoles": ["reader"], "credentials": [{"type": "password", "value": "user-password"}]}],
}
SECRETS = ("smtp-password", "client-secret", "user-password", "admin-password")


CORE = ("clientScopes", "clients", "roles", "groups", "users")


def verbs(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item["action"], item["family"], item["name"]) for item in result["plan"]]


def test_create_then_nothing_then_drift_then_prune(keycloak: FakeKeycloak, go) -> None:
    predicted = go(DOCUMENT, check=True, secret_key="k")
    assert list(keycloak.realms) == ["master"]
    made = go(DOCUMENT, secret_key="k")
    assert made["plan"] == predicted["plan"] and {action["action"] for action in made["plan"]} == {"create"}
    assert go(DOCUMENT, secret_key="k")["plan"] == []
    realm = keycloak.realms["r"]
    client = next(client for client in realm["clients"].values() if client["clientId"] == "web")
    client["redirectUris"] = ["https://evil"]
    client["protocolMappers"][0]["config"]["a"] = "2"
    next(role for role in realm["roles"].values() if role["name"] == "reader")["description"] = "by hand"
    realm["composites"].clear()
    found = go(DOCUMENT, secret_key="k", check=True)
    assert {(one["family"], one["name"]): one["fields"] for one in found["drift"]} == {
        ("clients", "web"): ["protocolMappers.aud.config.a", "redirectUris"],
        ("roles", "admin-of-r"): ["composites.client.web", "composites.realm"],
    }
    with pytest.raises(FailedError, match=r"2 objects were changed on the server since they were applied, first clients/web .*: fail_on_drift is set"):
        go(DOCUMENT, secret_key="k", fail_on_drift=True)
    go(DOCUMENT, secret_key="k")
    assert go(DOCUMENT, secret_key="k")["plan"] == []
    less = {"realm": "r", "clients": [], "roles": {"realm": [{"name": "reader"}]}, "groups": [], "defaultGroups": [], "users": []}
    gone = go(less, prune=CORE, secret_key="k")
    assert [action[1:] for action in verbs(gone) if action[0] == "delete"] == [
        ("users", "ann"), ("groups", "/top/low"), ("groups", "/top"), ("roles", "admin-of-r"), ("clients", "web"), ("clientScopes", "groups"),
    ]  # fmt: skip
    assert {client["clientId"] for client in realm["clients"].values()} == {"account", "realm-management"}


def test_a_second_document_may_name_the_realm_but_not_set_it(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r", "displayName": "Ours"}, owner="one")
    assert verbs(go({"realm": "r", "clients": [{"clientId": "web"}]}, owner="two")) == [("create", "clients", "web")]
    with pytest.raises(FailedError, match="realm/realm belongs to 'one', not to 'two'"):
        go({"realm": "r", "displayName": "Theirs"}, owner="two")


def test_a_mapper_without_a_protocol_joins_a_client_that_is_there(keycloak: FakeKeycloak, go) -> None:
    wanted = {"realm": "r", "clients": [{"clientId": "web", "protocolMappers": [{"name": "aud", "protocolMapper": "oidc-audience-mapper"}]}]}
    go({"realm": "r", "clients": [{"clientId": "web"}]})
    assert [item["fields"] for item in go(wanted)["plan"]] == [["protocolMappers.aud.name", "protocolMappers.aud.protocolMapper"]]
    assert go(wanted)["plan"] == []


def test_no_secret_is_shown(keycloak: FakeKeycloak, go) -> None:
    shown = str(go(DOCUMENT, secret_key="k"))
    changed = copy.deepcopy(DOCUMENT)
    changed["clients"][0]["secret"] = "other-secret"
    changed["users"][0]["credentials"][0]["value"] = "other-password"
    result = go(changed, secret_key="k")
    assert {field for action in result["plan"] for field in action["fields"]} == {"secret", "credentials.password.value"}
    assert [secret for secret in (*SECRETS, "other-secret", "other-password") if secret in shown + str(result)] == []
    user = next(identifier for identifier, user in keycloak.realms["r"]["users"].items() if user["username"] == "ann")
    assert keycloak.realms["r"]["passwords"][user] == ["other-password"]


@pytest.mark.parametrize("more", [{"secret_key": "k"}, {"update_secret": "always"}], ids=["by its hash", "always"])
def test_a_password_that_changes_in_the_document_is_no_drift(keycloak: FakeKeycloak, go, more: dict[str, str]) -> None:
    go(DOCUMENT, **more)
    changed = copy.deepcopy(DOCUMENT)
    changed["users"][0]["credentials"][0]["value"] = "other-password"
    changed["smtpServer"]["password"] = "other-password"
    result = go(changed, fail_on_drift=True, **more)
    fields = {item["family"]: (item["reason"], item["fields"]) for item in result["plan"]}
    assert fields == {"users": ("pending", ["credentials.password.value"]), "realm": ("pending", ["smtpServer.password"])}


def test_masks_are_kept_and_never_sent(keycloak: FakeKeycloak, go) -> None:
    go(DOCUMENT)
    masked = {"realm": "r", "smtpServer": {**DOCUMENT["smtpServer"], "password": MASK}, "clients": [{"clientId": "web", "secret": MASK}]}
    assert go(masked, owner="")["plan"] == []
    masked["smtpServer"]["host"] = "other"
    with pytest.raises(FailedError, match=r"smtpServer\.host changes, and Keycloak takes smtpServer whole: declare its password too"):
        go(masked)
    assert keycloak.realms["r"]["data"]["smtpServer"]["password"] == "smtp-password"


def test_fifty_clients_and_roles_unchanged_take_few_requests(keycloak: FakeKeycloak, go) -> None:
    document = {
        "realm": "r",
        "clients": [{"clientId": f"c{n}", "redirectUris": [f"https://{n}"]} for n in range(50)],
        "roles": {"realm": [{"name": f"r{n}"} for n in range(50)]},
    }
    made = go(document)
    assert made["requests"]["total"] <= 112
    with keycloak.counted() as sent:
        assert go(document)["plan"] == []
    assert len(sent) <= 8, sent


FAULTS = [
    pytest.param({"method": "GET", "path": "/clients$", "status": 401}, id="401 once"),
    pytest.param({"method": "POST", "path": "/clients$", "status": 401}, id="revoked in mid-run"),
    pytest.param({"method": "PUT", "path": "/admin/realms/r$", "status": 409, "times": 2}, id="409 of another run"),
    pytest.param({"method": "POST", "path": "/roles$", "status": 429, "times": 2, "Retry_After": "1"}, id="429"),
    pytest.param({"method": "GET", "path": "/groups$", "status": 503, "times": 2}, id="503 of a read"),
    pytest.param({"method": "POST", "path": "/clients$", "status": 503}, id="503 of a write"),
    pytest.param({"method": "POST", "path": "/clients$"}, id="dropped before"),
    pytest.param({"method": "POST", "path": "/clients$", "after": True}, id="dropped after"),
    pytest.param({"method": "POST", "path": "/users$", "after": True}, id="answer lost"),
    pytest.param({"method": "GET", "path": "/roles$"}, id="read dropped"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_pass_are_passed(keycloak: FakeKeycloak, go, fault: dict[str, Any]) -> None:
    keycloak.fail(**fault)
    go(DOCUMENT, secret_key="k")
    assert [fault.times for fault in keycloak.faults] == [0]
    assert go(DOCUMENT, secret_key="k")["plan"] == []
    names = [client["clientId"] for client in keycloak.realms["r"]["clients"].values()]
    assert len(names) == len(set(names))


def test_pages_of_ten(keycloak: FakeKeycloak, go) -> None:
    keycloak.page = 10
    document = {"realm": "r", "clients": [{"clientId": f"c{n}"} for n in range(28)], "users": [{"username": f"u{n}"} for n in range(30)]}
    go(document)
    assert go(document)["plan"] == []
    assert len(keycloak.realms["r"]["users"]) == 30


def test_a_new_realm_is_seen_with_a_new_token(keycloak: FakeKeycloak, go) -> None:
    result = go({"realm": "r", "displayName": "R"})
    assert result["requests"]["token_requests"] == 2
    keycloak.tokens = {}  # all revoked
    assert go({"realm": "r", "displayName": "R"})["plan"] == []


def test_an_account_that_sees_a_stub_is_told_so(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r", "displayName": "R"})
    keycloak._token = lambda form: (200, {"access_token": keycloak.tokens.setdefault("none", set()) or "none", "expires_in": 60}, {})  # type: ignore
    with pytest.raises(FailedError, match=r"this account may not see its settings, which .* give it the role manage-realm \(of client r-realm"):
        go({"realm": "r", "displayName": "other"})


def test_a_run_that_broke_off_is_ended_by_the_next(keycloak: FakeKeycloak, go) -> None:
    keycloak.fail("POST", "/groups$", 500)
    with pytest.raises(FailedError, match="groups//top could not be created") as failed:
        go(DOCUMENT, secret_key="k")
    assert failed.value.result["not_run"] and failed.value.result["done"]
    assert not [secret for secret in SECRETS if secret in str(failed.value) + str(failed.value.result)]
    go(DOCUMENT, secret_key="k")
    assert go(DOCUMENT, secret_key="k")["plan"] == []


def test_two_runs_at_once_end_as_one(keycloak: FakeKeycloak, go) -> None:
    assert [line for line in at_once(lambda: go(DOCUMENT, secret_key="k")) if "run again" not in line] == []
    go(DOCUMENT, secret_key="k")
    assert go(DOCUMENT, secret_key="k")["plan"] == []
    for table, key in (("clients", "clientId"), ("scopes", "name"), ("users", "username")):
        names = [item[key] for item in keycloak.realms["r"][table].values()]
        assert len(names) == len(set(names))


def test_marks_of_another_owner_that_writes_meanwhile_are_kept(keycloak: FakeKeycloak, go, monkeypatch: pytest.MonkeyPatch) -> None:
    go({"realm": "r"})
    settle = Session.settle

    def one_after_the_other(self: Session, made: Any) -> None:
        monkeypatch.setattr(Session, "settle", settle)
        go({"users": [{"username": "theirs"}]}, owner="they")
        settle(self, made)

    monkeypatch.setattr(Session, "settle", one_after_the_other)
    go({"users": [{"username": "ours"}]}, owner="we")
    assert go({"users": [{"username": "theirs"}]}, owner="they")["plan"] == go({"users": [{"username": "ours"}]}, owner="we")["plan"] == []


def test_marks_that_may_not_be_written_are_named(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r"})
    keycloak.fail("PUT", "/admin/realms/r$", 403)
    with pytest.raises(
        FailedError, match=r"users: written, but not marked as ours .*: give the account the role manage-realm \(of client r-realm in realm master"
    ):
        go({"users": [{"username": "ours"}]})
    assert [action["action"] for action in go({"users": [{"username": "ours"}]})["plan"]] == ["adopt"]


@pytest.mark.parametrize("path", ["/client-scopes$", "/clients$", "/roles$", "/composites$", "/groups$", "/users$"])
def test_a_run_that_is_killed_is_ended_by_the_next(keycloak: FakeKeycloak, go, path: str) -> None:
    """As kill -9 right after the server has carried out a write: nothing of ours runs any more, no answer is seen."""
    keycloak.fail("POST", path, after=True, times=1)
    keycloak.dead = True  # from there on nobody sends anything
    with pytest.raises(FailedError):
        go(DOCUMENT, secret_key="k", retries=0)
    keycloak.dead = False
    assert go(DOCUMENT, secret_key="k", fail_on_drift=True)["drift"] == []
    assert go(DOCUMENT, secret_key="k", prune=CORE)["plan"] == []


def test_a_role_that_a_realm_is_born_with_keeps_what_is_not_declared(keycloak: FakeKeycloak, go) -> None:
    document = {
        "realm": "r",
        "roles": {"realm": [{"name": "offline_access", "attributes": {"k": ["v"]}, "composites": {"realm": ["reader"]}}, {"name": "reader"}]},
    }
    go(document)
    born = next(role for role in keycloak.realms["r"]["roles"].values() if role["name"] == "offline_access")
    assert born["composite"] and born["description"] == "${role_offline_access}" and born["attributes"]["k"] == ["v"]
    assert go(document)["plan"] == []


def test_a_role_that_a_realm_is_born_with_as_declared_is_not_written(keycloak: FakeKeycloak, go) -> None:
    """Keycloak refuses it for those of realm-management, which are in every export."""
    with keycloak.counted() as sent:
        go({"realm": "r", "roles": {"realm": [{"name": "offline_access", "composites": {"realm": []}}]}})
    assert not [path for method, path in sent if method != "GET" and "/roles" in path]


def in_parts(version: int) -> dict[str, Any]:
    """Objects that take several requests each, of which every version changes all."""
    names = ["one", "two"][:version]
    return {
        "realm": "r", "organizationsEnabled": True, "displayName": f"{version}", "adminPermissionsEnabled": version == 1,
        "clientScopes": [{"name": name, "description": f"{version}", "protocolMappers": [
            {"name": mapper, "protocolMapper": "x", "config": {"version": version}} for mapper in names]} for name in ("one", "two")],
        "clients": [{"clientId": "web", "description": f"{version}", "+defaultClientScopes": names, "secret": f"client-secret-{version}"}],
        "roles": {"realm": [{"name": "top", "description": f"{version}", "composites": {"realm": names}}, *({"name": name} for name in ("one", "two"))]},
        "groups": [{"name": "top", "attributes": {"version": [f"{version}"]}, "realmRoles": names, "subGroups": [{"name": "low", "realmRoles": names}]}],
        "users": [{"username": name, "realmRoles": names, "groups": ["/top", "/top/low"][:version]} for name in ("one", "two")],
        "identityProviders": [{"alias": "them", "providerId": "oidc", "displayName": f"{version}", "config": {"clientId": "us"}, "mappers": [
            {"name": name, "identityProviderMapper": "x", "config": {"version": f"{version}"}} for name in names]}],
        "organizations": [{"name": "acme", "description": f"{version}", "members": names}],
        "components": {**FEDERATION["components"], "other": [{"name": "one", "providerId": "x", "config": {"version": [f"{version}"]}}]},
    }  # fmt: skip


@pytest.mark.parametrize("version", [1, 2], ids=["creations", "changes"])
def test_what_a_killed_run_left_to_do_is_pending_and_no_drift(keycloak: FakeKeycloak, go, version: int) -> None:
    """After every single write: what nobody has changed by hand must not stop a run that is to fail on drift."""
    keycloak.version = "26.7.3"
    fresh = keycloak.realms
    if version == 2:
        go(in_parts(1), secret_key="k")
        fresh = copy.deepcopy(keycloak.realms)
    fresh = copy.deepcopy(fresh)
    with keycloak.counted() as sent:
        go(in_parts(version), secret_key="k")
    writes = [(method, path) for method, path in sent if method != "GET" and not path.endswith("/token")]
    for number, write in enumerate(writes):
        keycloak.realms = copy.deepcopy(fresh)
        keycloak.fail("POST|PUT|DELETE", "^/admin", after=True, skip=number)
        keycloak.dead = True
        with pytest.raises(FailedError):
            go(in_parts(version), secret_key="k", retries=0, parallel=1)
        keycloak.dead = False
        assert go(in_parts(version), secret_key="k", verify=False)["drift"] == [], write
        assert go(in_parts(version), secret_key="k")["plan"] == [], write


FEDERATION = {"realm": "r", "components": {"storage": [{
    "name": "directory", "providerId": "ldap", "config": {"url": ["ldap://x"], "bindCredential": ["bind-password"]},
    "subComponents": {"mappers": [{"name": name, "providerId": "m", "config": {"at": [name]}} for name in ("department", "username", "office")]},
}]}}  # fmt: skip


def components(keycloak: FakeKeycloak) -> list[tuple[str, Any, str]]:
    """What the realm has of them: name, settings, and below which."""
    there = keycloak.realms["r"]["components"]
    return sorted((one["name"], str(one["config"]), there.get(one["parentId"], {}).get("name", "")) for one in there.values())


def test_a_federation_that_is_killed_half_made_has_the_same_mappers_in_the_end(keycloak: FakeKeycloak, go) -> None:
    """After every single write: of the mappers it is born with, a later run cannot know whether somebody wanted them."""
    go({"realm": "r"})
    with keycloak.counted() as sent:
        go(FEDERATION)
    whole = components(keycloak)
    assert [name for name, _config, above in whole if above] == ["department", "office", "username"]
    writes = [path for method, path in sent if method != "GET" and "/components" in path]
    for number in range(len(writes)):
        del keycloak.realms["r"]
        go({"realm": "r"})
        keycloak.fail("POST|PUT|DELETE", "/components", after=True, skip=number)
        keycloak.dead = True
        with pytest.raises(FailedError):
            go(FEDERATION, retries=0)
        keycloak.dead = False
        assert go(FEDERATION, fail_on_drift=True)["drift"] == [] and components(keycloak) == whole, writes[number]
        assert go(FEDERATION)["plan"] == []


def test_a_federation_that_somebody_made_keeps_its_mappers(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r"})
    go({**FEDERATION, "components": {"storage": [{"name": "directory", "providerId": "ldap"}]}}, owner="")
    go(FEDERATION)
    assert [name for name, _config, above in components(keycloak) if above] == ["department", "email", "last name", "office", "username"]


WRONG = [
    ({"realm": "r", "client": []}, "client is not a known key: did you mean clients"),
    ({"realm": "r", "display_name": "x"}, "display_name is not a known key: did you mean displayName"),
    ({"realm": "r", "clients": [{"clientid": "a"}]}, r"clients\[0\]: clientId is missing"),
    ({"realm": "r", "clients": [{"clientId": "a", "redirectUri": []}]}, "clients/a: redirectUri is not a known key: did you mean redirectUris"),
    ({"realm": "r", "clients": [{"clientId": "a"}, {"clientId": "a"}]}, "clients: a is declared twice"),
    ({"realm": "r", "clients": {"a": {}}}, "clients: expected a list"),
    ({"realm": "r", "organizations": {"name": "a"}}, "organizations: expected a list"),
    ({"realm": "r", "organizations": ["a"]}, r"organizations\[0\]: alias is missing"),
    (
        {"realm": "r", "clients": [{"clientId": "a", "secret": "$(env:SECRET)"}]},
        r"clients\.a\.secret holds a \$\(…\) substitution .* lookup\('ansible.builtin.env', 'SECRET'\)",
    ),
    ({"realm": "other"}, "the document is for realm other, the option realm says r"),
    ({"realm": "r", "applications": []}, "applications is a field of releases before 26: use clients"),
    (
        {"realm": "r", "roles": {"realm": [{"name": "a", "composites": {"realm": ["b"]}}, {"name": "b", "composites": {"realm": ["a"]}}]}},
        "roles: a contains b contains a: a composite must not contain itself",
    ),
    ({"realm": "r", "roles": [{"name": "a"}]}, "roles: expected a map"),
    ({"realm": "r", "defaultDefaultClientScopes": ["a"], "defaultOptionalClientScopes": ["a"]}, "client scope a is default and optional"),
    ({"realm": "r", "clients": [{"clientId": "a", "protocolMappers": [{"name": "m"}]}]}, "protocol mapper m: protocolMapper is missing"),
]


@pytest.mark.parametrize("document, message", WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(keycloak: FakeKeycloak, go, document: dict[str, Any], message: str) -> None:
    with pytest.raises(FailedError, match=message):
        go(document)
    assert {method for method, path in keycloak.log if not path.endswith("/token")} <= {"GET"}


DANGLING = [
    ({"groups": [{"name": "g", "realmRoles": ["nobody"]}]}, "groups/g: role nobody does not exist: declare it under roles.realm"),
    ({"groups": [{"name": "g", "clientRoles": {"web": ["nobody"]}}]}, "groups/g: role web::nobody does not exist: declare it under roles.client.web"),
    ({"users": [{"username": "u", "groups": ["/nowhere"]}]}, "users/u: group /nowhere does not exist"),
    ({"users": [{"username": "u", "attributes": {"department": ["x"]}}]}, "attribute department is not in the realm's user profile"),
    ({"clients": [{"clientId": "a", "defaultClientScopes": ["nothing"]}]}, "client scope nothing of defaultClientScopes does not exist"),
    ({"defaultGroups": ["/nowhere"]}, "defaultGroups: group /nowhere does not exist"),
    ({"roles": {"realm": [{"name": "a", "composites": {"realm": ["nobody"]}}]}}, "roles/a: composite nobody does not exist"),
    ({"roles": {"client": {"ghost": [{"name": "a"}]}}}, "client ghost does not exist: declare it under clients"),
    ({"scopeMappings": [{"client": "ghost", "roles": ["offline_access"]}]}, "client ghost does not exist"),
]


@pytest.mark.parametrize("document, message", DANGLING)
def test_references_to_nothing_are_said_before_the_first_write(keycloak: FakeKeycloak, go, document: dict[str, Any], message: str) -> None:
    go({"realm": "r", "displayName": "R"})
    with keycloak.counted() as sent, pytest.raises(FailedError, match=message):
        go({"realm": "r", "displayName": "other", **document})
    assert {method for method, path in sent if not path.endswith("/token")} == {"GET"}


# What the server has, what is declared, and the circle that this would close.
CIRCLES: list[tuple[dict[str, list[str]], dict[str, dict[str, Any]], str]] = [
    ({"b": ["a"]}, {"a": {"realm": ["b"]}}, "a contains b contains a"),
    ({"b": ["c"], "c": ["a"]}, {"a": {"+realm": ["b"]}}, "a contains b contains c contains a"),
    ({"b": ["web::w"], "web::w": ["a"]}, {"a": {"realm": ["b"]}}, "a contains b contains web::w contains a"),
    ({"a": ["b"], "c": ["b"]}, {"b": {"client": {"web": ["w"]}}, "web::w": {"realm": ["c"]}}, "b contains web::w contains c contains b"),
    ({"web::w": ["a"], "a": ["c"]}, {"a": {"client": {"web": ["w"]}}}, "a contains web::w contains a"),
    ({"b": ["a"]}, {"new": {"realm": ["b"]}, "a": {"realm": ["new"]}}, "a contains new contains b contains a"),
]


def with_composites(there: dict[str, list[str]], composites: dict[str, dict[str, Any]], keycloak: FakeKeycloak, go: Any) -> dict[str, Any]:
    """A document, on a server whose roles contain each other as somebody else arranged it."""
    roles = {"realm": [{"name": name} for name in ("a", "b", "c")], "client": {"web": [{"name": "w"}]}}
    go({"realm": "r", "clients": [{"clientId": "web"}], "roles": roles})
    realm = keycloak.realms["r"]
    ids = {f"web::{role['name']}" if role["clientRole"] else role["name"]: key for key, role in realm["roles"].items()}
    for name, parts in there.items():
        realm["composites"][ids[name]] = {ids[part] for part in parts}
        realm["roles"][ids[name]]["composite"] = True
    named = {name: {"name": name.removeprefix("web::"), "composites": parts} for name, parts in composites.items()}
    return {"realm": "r", "displayName": "other", "roles": {
        "realm": [role for name, role in named.items() if "::" not in name], "client": {"web": [role for name, role in named.items() if "::" in name]},
    }}  # fmt: skip


@pytest.mark.parametrize(("there", "declared", "circle"), CIRCLES)
def test_a_circle_that_closes_on_the_server_is_said_before_the_first_write(
    keycloak: FakeKeycloak, go, there: dict[str, list[str]], declared: dict[str, dict[str, Any]], circle: str
) -> None:
    document = with_composites(there, declared, keycloak, go)
    with keycloak.counted() as sent, pytest.raises(FailedError, match=f"^roles: {circle}: a composite must not contain itself, take one of them out$"):
        go(document)
    assert {method for method, path in sent if not path.endswith("/token")} == {"GET"}


def test_composites_that_close_no_circle_are_given(keycloak: FakeKeycloak, go) -> None:
    """Not by what the server has and the run takes away, and not by another circle, which was there before."""
    for there, declared in (
        ({"a": ["b"], "b": ["c"]}, {"b": {"realm": []}, "c": {"realm": ["a"]}}),
        ({"a": ["c"], "b": ["c"]}, {"a": {"realm": ["b"]}}),
        ({"a": ["b"], "b": ["a"]}, {"c": {"realm": ["a"]}}),
        ({"a": ["b"], "b": ["a"]}, {"a": {"realm": ["b"]}}),
    ):
        document = with_composites(there, declared, keycloak, go)
        go(document)
        with keycloak.counted() as sent:
            assert go(document)["plan"] == []
        assert len([path for _method, path in sent if path.endswith("/composites")]) <= len(declared), "who adds nothing asks about nobody else's"
        del keycloak.realms["r"]


LIST = "is not a known key"
STRANGE: list[tuple[dict[str, Any], str]] = [
    ({"clients": [{"clientId": "a", "nothingLikeIt": 1}]}, f"clients/a: nothingLikeIt {LIST}: Keycloak 26.7 has no such field; check its spelling"),
    ({"clients": [{"clientId": "a", "+nothingLikeIt": [1]}]}, f"clients/a: nothingLikeIt {LIST}"),
    ({"clientScopes": [{"name": "a", "protocolMappers": [{"name": "m", "protocolMapper": "p", "x": 1}]}]},
     f"clientScopes/a: protocol mapper m: x {LIST}: known are config, consentRequired"),
    ({"users": [{"username": "u", "mail": "x"}]}, f"users/u: mail {LIST}"),
    ({"groups": [{"name": "g", "member": []}]}, f"groups/g: member {LIST}"),
    ({"roles": {"client": {"c": [{"name": "r", "colour": 1}]}}}, f"roles/r: colour {LIST}"),
    ({"identityProviders": [{"alias": "p", "providerId": "oidc", "display_name": "x"}]},
     f"identityProviders/p: display_name {LIST}: did you mean displayName?"),
    ({"identityProviderMappers": [{"name": "m", "identityProviderAlias": "p", "mapper": "x"}]}, f"identityProviders/p: mapper m: mapper {LIST}"),
    ({"requiredActions": [{"alias": "a", "isDefault": True}]}, f"requiredActions/a: isDefault {LIST}: known are alias, config, defaultAction"),
    ({"components": {"t": [{"name": "c", "providerId": "p", "settings": {}}]}}, f"components/t/c: settings {LIST}: known are config"),
    ({"components": {"t": [{"name": "c", "providerId": "p", "subComponents": {"u": [{"name": "d", "providerId": "p", "confg": {}}]}}]}},
     f"components/t/c: d: confg {LIST}: did you mean config?"),
    ({"clients": [{"clientId": "a", "authorizationSettings": {"policy": []}}]}, f"authorizationSettings of a: policy {LIST}: known are"),
    ({"clients": [{"clientId": "a", "authorizationSettings": {"scopes": [{"name": "s", "label": "x"}]}}]}, f"authorization/a/scopes/s: label {LIST}"),
    ({"clients": [{"clientId": "a", "authorizationSettings": {"resources": [{"name": "s", "url": "x"}]}}]}, f"authorization/a/resources/s: url {LIST}"),
    ({"adminPermissions": {"policies": [{"name": "s", "type": "role", "roles": []}]}}, f"authorization/admin-permissions/policies/s: roles {LIST}"),
    ({"adminPermissions": {"permisions": []}}, f"adminPermissions: permisions {LIST}: did you mean permissions?"),
    ({"eventsConfig": {"eventEnabled": True}}, f"eventsConfig: eventEnabled {LIST}: did you mean eventsEnabled?"),
    ({"userProfile": {"attributes": [{"name": "a", "label": "x"}]}}, f"userProfile: attributes: a: label {LIST}"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "problem"), STRANGE)
def test_a_key_that_keycloak_does_not_know_is_refused_before_the_first_write(keycloak: FakeKeycloak, document: dict[str, Any], problem: str) -> None:
    keycloak.version = "26.7.9"
    with pytest.raises(FailedError) as failed:
        runs(keycloak)({"realm": "r", **document})
    assert [line for line in failed.value.result["problems"] if line.startswith(problem)], failed.value.result["problems"]
    assert list(keycloak.realms) == ["master"]


def test_a_newer_server_may_know_more_keys(keycloak: FakeKeycloak, go) -> None:
    document = {"realm": "r", "displayNam": "x", "clients": [{"clientId": "a", "nothingLikeIt": 1}]}
    with pytest.raises(FailedError) as failed:
        go(document)  # it does not tell its version
    assert len(failed.value.result["problems"]) == 2
    keycloak.version = "26.8.0"
    warnings = go(document)["warnings"]
    assert [line.partition(" is not")[0] for line in warnings] == ["clients/a: nothingLikeIt", "displayNam"]
    assert all("(Keycloak 26.8.0 is newer than the keys known here and may have it)" in line for line in warnings)
    client = next(client for client in keycloak.realms["r"]["clients"].values() if client["clientId"] == "a")
    assert client["nothingLikeIt"] == 1 and keycloak.realms["r"]["data"]["displayNam"] == "x"


def test_a_setting_that_the_realm_has_is_not_misspelt(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r"})
    keycloak.realms["r"]["data"]["otpPolicyPeriods"] = 1
    result = go({"realm": "r", "otpPolicyPeriods": 2})
    assert keycloak.realms["r"]["data"]["otpPolicyPeriods"] == 2
    assert ["did you mean otpPolicyPeriod? (the server's realm has it" in line for line in result["warnings"]] == [True]


@pytest.mark.parametrize(
    ("version", "newer"), [("26.7.3", False), ("26.7", False), ("26.8.0", True), ("27.0.0", True), ("26.8", True), ("", False), ("999.0.0-SNAPSHOT", True)]
)
def test_which_server_is_newer(version: str, newer: bool) -> None:
    assert documents.may_know(version) is newer


def test_all_of_it_is_said_at_once(go) -> None:
    go({"realm": "r", "displayName": "R"})
    with pytest.raises(FailedError) as failed:
        go({"realm": "r", "client": [], **DANGLING[0][0], **DANGLING[2][0], **WRONG[4][0]})
    assert [problem.partition(":")[0] for problem in failed.value.result["problems"]] == ["client is not a known key", "clients", "groups/g", "users/u"]


def test_a_realm_that_is_not_declared_is_not_made(keycloak: FakeKeycloak, go) -> None:
    with pytest.raises(FailedError, match=r"realm r does not exist on http.*: to have it made, declare it \(realm: r"):
        go({"clients": [{"clientId": "a"}]})
    assert list(keycloak.realms) == ["master"]


def test_a_wrong_password_is_one_line(go) -> None:
    with pytest.raises(FailedError, match=r"as user admin of realm master failed \(401: Invalid user credentials\): check auth_username and auth_password"):
        go({"realm": "r"}, password="not-it-at-all")


def test_a_long_mark_is_kept_in_short_attributes() -> None:
    mark = marks.Mark("o" * 300, {f"field{number}": "0123456789" for number in range(40)})
    attributes = base.with_mark_in_lists({"mine": ["1"], "ansible.applied.9": ["old"]}, mark)
    assert all(len(text) <= 255 for texts in attributes.values() for text in texts)
    assert base.mark_in(attributes) == mark and attributes["mine"] == ["1"] and "ansible.applied.9" not in attributes


def test_users_that_are_not_declared_are_not_asked_about(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r", "users": [{"username": f"u{n}", "realmRoles": []} for n in range(20)]})
    with keycloak.counted() as sent:
        go({"realm": "r", "users": [{"username": "u1", "enabled": False}]})
    assert len([path for _method, path in sent if "/role-mappings" in path]) == 0
    assert len(sent) <= 8


def test_what_a_stranger_made_anew_under_the_same_name_is_not_ours(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r", "users": [{"username": "a"}, {"username": "b"}]})
    users = keycloak.realms["r"]["users"]
    old = next(identifier for identifier, user in users.items() if user["username"] == "a")
    users["new"] = {**users.pop(old), "id": "new"}
    assert [action["name"] for action in go({"realm": "r", "users": []}, prune=["users"])["plan"]] == ["b"]
    assert [(action["name"], action["reason"]) for action in go({"realm": "r", "users": [{"username": "a"}]})["plan"]] == [("a", "unmarked")]
    assert [action["name"] for action in go({"realm": "r", "users": []}, prune=["users"])["plan"]] == ["a"]


def test_marks_of_earlier_versions_go_on_counting(keycloak: FakeKeycloak, go) -> None:
    go({"realm": "r", "users": [{"username": "a"}]})
    attributes = keycloak.realms["r"]["data"]["attributes"]
    kept = registry.read(attributes)
    assert kept["users"]["a"].object
    attributes.update(registry.texts({family: {key: registry.Kept(one.mark) for key, one in rows.items()} for family, rows in kept.items()}))
    assert not registry.read(attributes)["users"]["a"].object
    assert go({"realm": "r", "users": [{"username": "a"}]})["plan"] == []
    assert [action["name"] for action in go({"realm": "r", "users": []}, prune=["users"])["plan"]] == ["a"]


def test_a_mark_of_an_object_without_an_identifier_counts_by_its_name() -> None:
    mark = marks.Mark("o", {"f": "1"})
    assert registry.Kept.of(mark, "1").found("1") == mark == registry.Kept.of(mark, None).found("1") == registry.Kept.of(mark, "1").found(None)
    assert registry.Kept.of(mark, "1").found("2") is None


def test_info_tells_which_right_it_lacks_also_where_it_sees_only_the_realms_name(keycloak: FakeKeycloak) -> None:
    door = info.door()
    login = {"url": keycloak.url, "auth_username": "admin", "auth_password": "admin-password", "token_cache": False, "realm": "r"}
    given_ = ArgumentSpecValidator(door.spec).validate(login).validated_parameters
    assert "realm r does not exist on" in outcome(door, given_, check=False, diff=False, say=lambda line: None)["msg"]
    keycloak.realms["r"] = new_realm("r")
    keycloak.realms["r"]["data"] = {"realm": "r"}
    keycloak.fail("POST", "/partial-export", status=403, times=9)
    assert "give the account the role manage-realm" in outcome(door, given_, check=False, diff=False, say=lambda line: None)["msg"]


NAMES = st.sampled_from("abcd")
TEXTS = st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from(["x", "y z"]))
MAPPERS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "protocol": st.just("openid-connect"), "protocolMapper": st.just("p"), "config": st.dictionaries(NAMES, TEXTS)}),
    max_size=2, unique_by=lambda mapper: mapper["name"],
)  # fmt: skip
ATTRIBUTES = st.dictionaries(NAMES, TEXTS, max_size=2)
CLIENTS = st.fixed_dictionaries(
    {"clientId": NAMES},
    optional={
        "description": st.sampled_from(["", "d"]),
        "enabled": st.booleans(),
        "redirectUris": st.lists(NAMES, unique=True, max_size=3),
        "+webOrigins": st.lists(NAMES, unique=True, max_size=2),
        "attributes": ATTRIBUTES,
        "protocolMappers": MAPPERS,
        "defaultClientScopes": st.lists(st.sampled_from(["profile", "email"]), unique=True),
    },
)
ROLES = st.fixed_dictionaries(
    {"name": NAMES}, optional={"description": st.just("d"), "attributes": st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=2))}
)
GROUPS = st.recursive(
    st.fixed_dictionaries({"name": NAMES}, optional={"attributes": ATTRIBUTES, "realmRoles": st.lists(st.just("offline_access"), max_size=1)}),
    lambda below: st.fixed_dictionaries({"name": NAMES, "subGroups": st.lists(below, max_size=2, unique_by=lambda group: group["name"])}),
    max_leaves=4,
)
WITHOUT_REFERENCES = st.fixed_dictionaries(
    {"realm": st.just("r")},
    optional={
        "displayName": st.sampled_from(["", "x"]),
        "attributes": ATTRIBUTES,
        "clients": st.lists(CLIENTS, max_size=3, unique_by=lambda client: client["clientId"]),
        "clientScopes": st.lists(st.fixed_dictionaries({"name": NAMES, "protocolMappers": MAPPERS}), max_size=2, unique_by=lambda scope: scope["name"]),
        "roles": st.fixed_dictionaries({"realm": st.lists(ROLES, max_size=3, unique_by=lambda role: role["name"])}),
        "groups": st.lists(GROUPS, max_size=2, unique_by=lambda group: group["name"]),
        "users": st.lists(
            st.fixed_dictionaries({"username": NAMES}, optional={"firstName": NAMES, "realmRoles": st.lists(st.just("offline_access"), max_size=1)}),
            max_size=2, unique_by=lambda user: user["username"],
        ),
    },
)  # fmt: skip


@st.composite
def documents_with_references(draw: st.DrawFn) -> dict[str, Any]:
    """A document whose roles hold others, and whose realm has groups for everybody: of those alone that it declares itself."""
    document: dict[str, Any] = draw(WITHOUT_REFERENCES)
    of_clients = {client["clientId"]: draw(st.lists(ROLES, max_size=2, unique_by=lambda role: role["name"])) for client in document.get("clients") or []}
    if of_clients and draw(st.booleans()):
        document.setdefault("roles", {})["client"] = of_clients
    roles = document.get("roles") or {}
    # None holds one that comes before it in this order, in whichever document: so none holds itself.
    ordered = [("", role) for role in sorted(roles.get("realm") or [], key=lambda role: str(role["name"]))]
    ordered += [(client, role) for client, own in sorted((roles.get("client") or {}).items()) for role in sorted(own, key=lambda role: str(role["name"]))]
    for number, (_client, role) in enumerate(ordered):
        if draw(st.booleans()):
            parts = draw(st.lists(st.sampled_from(ordered[number + 1 :]), max_size=3)) if ordered[number + 1 :] else []
            composites = {"realm": {part["name"] for client, part in parts if not client} | draw(st.sets(st.just("offline_access")))}
            composites |= {client: {part["name"] for other, part in parts if other == client} for client, _part in parts if client}
            role["composites"] = {"realm": sorted(composites.pop("realm")), "client": {client: sorted(names) for client, names in composites.items()}}
    paths = [f"/{group['name']}" for group in document.get("groups") or []]
    key = draw(st.sampled_from(["", "defaultGroups", "+defaultGroups"]))
    if key and paths:
        document[key] = draw(st.lists(st.sampled_from(paths), unique=True))
    return document


DOCUMENTS = documents_with_references()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS, DOCUMENTS, st.sampled_from(["merge", "exact"]))
def test_after_applying_nothing_is_left_to_plan(before: dict[str, Any], after: dict[str, Any], mode: str) -> None:
    with FakeKeycloak() as keycloak:
        go = runs(keycloak)
        go(before, mode=mode)
        assert go(before, mode=mode)["plan"] == []
        predicted = go(after, mode=mode, prune=CORE, check=True)["plan"]
        assert go(after, mode=mode, prune=CORE)["plan"] == predicted
        assert go(after, mode=mode, prune=CORE)["plan"] == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"users": ["x"]}, "users[0]: username is missing"),
        ({"groups": ["x"]}, "groups[0]: name is missing"),
        ({"roles": {"realm": ["x"]}}, "roles[0]: name is missing"),
        ({"clients": ["x"]}, "clients[0]: clientId is missing"),
    ],
)
def test_permissions_do_not_hide_what_is_wrong_with_what_they_are_about(go, wrong: dict[str, Any], message: str) -> None:
    permission = {"name": "n", "resourceType": "Groups", "resources": ["/g"], "scopes": ["view"]}
    with pytest.raises(FailedError) as refused:
        go({**wrong, "adminPermissions": {"permissions": [permission]}})
    assert message in str(refused.value)
