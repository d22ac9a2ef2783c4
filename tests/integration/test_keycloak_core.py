# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Realm, client scopes, clients, roles, groups and users on a real Keycloak, in the controller and as a program."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_keycloak_rest
from ansible_collections.mlops.platform.plugins.module_utils.engine.runner import FailedError
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families import ALL
from keycloak_client import Realm
from keycloak_server import Keycloak

CORE = ("clientScopes", "clients", "roles", "groups", "users")
SECRETS = ("canary-smtp-password", "canary-client-secret", "canary-user-password")
DOCUMENT: dict[str, Any] = {
    "realm": "core",
    "displayName": "Core",
    "attributes": {"a": 1},
    "eventsEnabled": True,
    "enabledEventTypes": ["LOGOUT", "LOGIN"],
    "smtpServer": {"host": "h", "from": "a@b.c", "auth": True, "user": "u", "password": SECRETS[0]},
    "clientScopes": [
        {
            "name": "s1",
            "protocolMappers": [
                {"name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
                 "config": {"claim.name": "a", "claim.value": "b", "access.token.claim": True}},
            ],
        },
        {"name": "profile", "description": "mine"},
    ],
    "+defaultOptionalClientScopes": ["s1"],
    "clients": [
        {
            "clientId": "web", "redirectUris": ["https://b/*", "https://a/*"], "defaultClientScopes": ["s1", "email"], "serviceAccountsEnabled": True,
            "secret": SECRETS[1], "attributes": {"x": True}, "authenticationFlowBindingOverrides": {"browser": "browser"},
            "serviceAccountClientRoles": {"realm-management": ["view-users"]},
            "protocolMappers": [
                {"name": "aud", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": {"included.client.audience": "web"}},
            ],
        },
        {"clientId": "spa", "publicClient": True, "rootUrl": "https://spa", "redirectUris": ["/*"]},
        {"clientId": "account", "baseUrl": "/x"},
    ],
    "roles": {
        "realm": [{"name": "a", "composites": {"realm": ["b"], "client": {"web": ["w"]}}}, {"name": "b/c", "attributes": {"k": ["1", "2"]}}, {"name": "b"}],
        "client": {"web": [{"name": "w", "description": "W"}]},
    },
    "scopeMappings": [{"clientScope": "s1", "roles": ["a"]}],
    "clientScopeMappings": {"web": [{"client": "spa", "roles": ["w"]}]},
    "groups": [
        {"name": "g", "realmRoles": ["a"],
         "subGroups": [{"name": "h", "attributes": {"k": "v"}, "clientRoles": {"web": ["w"]}, "subGroups": [{"name": "i/j"}]}]},
        {"name": "everybody"},
    ],
    "defaultGroups": ["/everybody"],
    "users": [
        {
            "username": "Alice", "email": "Al@x.test", "firstName": "A", "lastName": "B", "groups": ["/g/h"], "realmRoles": ["b"],
            "credentials": [{"type": "password", "value": SECRETS[2], "temporary": False}],
        },
        {"username": "bob", "credentials": [{"type": "password", "userLabel": "initial", "value": "canary-initial"}]},
    ],
}  # fmt: skip


@pytest.fixture
def realm(keycloak: Keycloak) -> Iterator[Realm]:
    made = Realm(keycloak, "core")
    yield made
    made.remove()


def by(key: str, items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item[key]: item for item in items}


@pytest.mark.parametrize("mode", ["merge", "exact"])
def test_a_life(realm: Realm, mode: str) -> None:
    made = realm.predicted(DOCUMENT, mode=mode)
    assert {action["action"] for action in made["plan"]} == {"create"}
    assert realm.apply(DOCUMENT, mode=mode)["plan"] == []
    alter(realm)
    found = realm.apply(DOCUMENT, mode=mode, check=True)
    assert {(one["family"], one["name"]) for one in found["drift"]} == {
        ("realm", "realm"), ("clientScopes", "s1"), ("clients", "web"), ("roles", "a"), ("groups", "/g/h"), ("defaultGroups", "realm"), ("users", "alice"),
    }  # fmt: skip
    realm.predicted(DOCUMENT, mode=mode)
    assert realm.apply(DOCUMENT, mode=mode)["plan"] == []
    less = {"realm": "core", "roles": {"realm": [{"name": "b"}], "client": {}}, "defaultGroups": []}
    gone = realm.predicted(less, mode="merge", prune=CORE)
    assert {(action["family"], action["name"]) for action in gone["plan"] if action["action"] == "delete"} == {
        ("users", "alice"), ("users", "bob"), ("groups", "/g/h/i~/j"), ("groups", "/g/h"), ("groups", "/g"), ("groups", "/everybody"),
        ("roles", "a"), ("roles", "b/c"), ("clients", "web"), ("clients", "spa"), ("clientScopes", "s1"),
    }  # fmt: skip
    assert realm.apply(less, prune=CORE)["plan"] == []
    assert {"account", "realm-management", "broker"} <= by("clientId", realm.api.get("/clients")).keys()


def test_a_scope_added_to_a_new_client_joins_the_default_ones(realm: Realm) -> None:
    document = {"realm": "core", "clientScopes": [{"name": "extra"}], "clients": [{"clientId": "app", "+defaultClientScopes": ["extra", "phone"]}]}
    realm.predicted(document)
    app = by("clientId", realm.api.get("/clients"))["app"]
    assert {"extra", "phone", "profile", "email"} <= set(app["defaultClientScopes"])
    assert "phone" not in app["optionalClientScopes"] and "address" in app["optionalClientScopes"]
    assert realm.apply(document)["plan"] == []


def alter(realm: Realm) -> None:
    """What somebody does by hand."""
    api = realm.api
    web = by("clientId", api.get("/clients"))["web"]
    web["redirectUris"] = ["https://evil"]
    web["protocolMappers"][0]["config"]["included.client.audience"] = "other"
    api.put(f"/clients/{web['id']}", web)
    scope = by("name", api.get("/client-scopes"))["s1"]
    api.delete(f"/client-scopes/{scope['id']}/protocol-mappers/models/{scope['protocolMappers'][0]['id']}")
    roles = by("name", api.get("/roles"))
    api.delete(f"/roles-by-id/{roles['a']['id']}/composites", [roles["b"]])
    api.put("", {"realm": realm.name, "displayName": "by hand", "defaultGroups": ["/g"]})
    group = api.get("/group-by-path/g/h")
    api.put(f"/groups/{group['id']}", {**group, "attributes": {**group["attributes"], "k": ["hand"]}})
    user = api.get("/users", username="alice", exact=True)[0]
    api.put(f"/users/{user['id']}", {**user, "lastName": "Hand"})
    api.delete(f"/users/{user['id']}/role-mappings/realm", [roles["b"]])


def test_what_belongs_to_two_objects_is_seen_and_repaired(realm: Realm) -> None:
    api = realm.api
    realm.apply(DOCUMENT)
    clients, scopes, roles = by("clientId", api.get("/clients")), by("name", api.get("/client-scopes")), by("name", api.get("/roles"))
    web, group = clients["web"]["id"], api.get("/group-by-path/g/h")
    (right,) = [role for role in api.get(f"/clients/{web}/roles") if role["name"] == "w"]
    (account,) = api.get("/users", username="service-account-web", exact=True)
    rights = f"/users/{account['id']}/role-mappings/clients/{clients['realm-management']['id']}"
    api.delete(f"/client-scopes/{scopes['s1']['id']}/scope-mappings/realm", [roles["a"]])
    api.delete(f"/clients/{clients['spa']['id']}/scope-mappings/clients/{web}", [right])
    api.delete(f"/clients/{web}/default-client-scopes/{scopes['s1']['id']}")
    api.delete(f"/default-optional-client-scopes/{scopes['s1']['id']}")
    api.delete(f"/groups/{group['id']}/role-mappings/clients/{web}", [right])
    api.delete(rights, api.get(rights))
    seen = realm.apply(DOCUMENT, check=True)
    assert {(item["family"], item["name"], *item["fields"]) for item in seen["drift"]} == {
        ("defaultClientScopes", "realm", "defaultOptionalClientScopes"),
        ("clients", "web", "defaultClientScopes"),
        ("scopeMappings", "clientScope:s1", "realmRoles"),
        ("scopeMappings", "client:spa", "clientRoles.web"),
        ("groups", "/g/h", "clientRoles.web"),
        ("users", "service-account-web", "clientRoles.realm-management"),
    }
    realm.predicted(DOCUMENT)
    assert realm.apply(DOCUMENT)["plan"] == []


def test_passwords_secrets_and_groups_arrive(realm: Realm) -> None:
    realm.apply(DOCUMENT)
    web = by("clientId", realm.api.get("/clients"))["web"]
    assert web["secret"] == SECRETS[1] and {"s1", "email"} <= set(web["defaultClientScopes"])
    user = realm.api.get("/users", username="alice", exact=True)[0]
    assert [group["path"] for group in realm.api.get(f"/users/{user['id']}/groups")] == ["/g/h"]
    reply = login(realm, "alice", SECRETS[2])
    assert reply["access_token"]
    changed = copy.deepcopy(DOCUMENT)
    changed["users"][0]["credentials"][0]["value"] = "another-password"
    result = realm.apply(changed)
    assert [(action["name"], action["fields"]) for action in result["plan"]] == [("alice", ["credentials.password.value"])]
    assert login(realm, "alice", "another-password")["access_token"]
    assert not [secret for secret in (*SECRETS, "another-password") if secret in str(result)]


LISTS = {
    "/clients": "clientId",
    "/client-scopes": "name",
    "/roles": "name",
    "/groups": "name",
    "/users": "username",
    "/authentication/flows": "alias",
    "/authentication/required-actions": "alias",
    "/identity-provider/instances": "alias",
    "/organizations": "alias",
    "/components": "id",
}


def test_prune_all_leaves_what_the_product_made(keycloak: Keycloak) -> None:
    realm = Realm(keycloak, "pruned", organizationsEnabled=True)
    try:
        ours = {"clients": [{"clientId": "ours"}], "roles": {"realm": [{"name": "ours"}], "client": {"ours": [{"name": "ours"}]}}}
        realm.apply(ours)
        clients = by("clientId", realm.api.get("/clients"))

        def there() -> dict[str, set[str]]:
            found = {path: {str(item[key]) for item in realm.api.get(path)} for path, key in LISTS.items()}
            roles = {f"{name}/{role['name']}" for name, client in clients.items() for role in realm.api.get(f"/clients/{client['id']}/roles")}
            return {**found, "client roles": roles}

        before = there()
        assert {"account", "realm-management", "ours"} <= before["/clients"] and {"profile", "email"} <= before["/client-scopes"]
        provider = {"clientId": "x", "clientSecret": "y", "authorizationUrl": "https://p.test/a", "tokenUrl": "https://p.test/t"}
        key = {"providerType": "org.keycloak.keys.KeyProvider", "providerId": "rsa-generated", "config": {"priority": ["1"]}}
        for path, body in (
            ("/clients", {"clientId": "theirs"}),
            ("/client-scopes", {"name": "theirs", "protocol": "openid-connect"}),
            ("/roles", {"name": "theirs"}),
            (f"/clients/{clients['ours']['id']}/roles", {"name": "theirs"}),
            ("/groups", {"name": "theirs"}),
            ("/users", {"username": "theirs"}),
            ("/authentication/flows", {"alias": "theirs", "providerId": "basic-flow", "topLevel": True, "builtIn": False}),
            ("/identity-provider/instances", {"alias": "theirs", "providerId": "oidc", "config": provider}),
            ("/organizations", {"name": "theirs", "domains": [{"name": "theirs.test"}]}),
            ("/components", {"name": "theirs", **key}),
        ):
            realm.api.post(path, body)
        changed = {path for path, names in there().items() if names != before[path]}
        assert changed == set(before) - {"/authentication/required-actions"}
        policies = {family.name: "all" for family in ALL if family.prunable}
        done = realm.predicted(ours, prune=policies)
        assert {action["action"] for action in done["plan"]} == {"delete"}
        assert there() == before
        assert not realm.apply(ours, prune=policies)["changed"]
    finally:
        realm.remove()


def login(realm: Realm, username: str, password: str) -> dict[str, Any]:
    form = {"grant_type": "password", "client_id": "admin-cli", "username": username, "password": password}
    return realm.api.http.request("POST", f"/realms/{realm.name}/protocol/openid-connect/token", form=form).json()


def test_a_partial_export_applies_to_its_realm_and_to_a_new_one(realm: Realm, keycloak: Keycloak) -> None:
    realm.apply(DOCUMENT)
    export = realm.api.send("POST", "/partial-export", exportClients=True, exportGroupsAndRoles=True).json()
    assert "**********" in json.dumps(export)
    first = realm.apply(export)
    assert {action["action"] for action in first["plan"]} <= {"adopt"}, "nothing differs, the document only declares more"
    assert realm.apply(export)["plan"] == []
    other = Realm(keycloak, "core-copy")
    try:
        other.apply(json.loads(json.dumps(export).replace("/core/", "/core-copy/").replace('"core"', '"core-copy"')))
        copied = other.api.send("POST", "/partial-export", exportClients=True, exportGroupsAndRoles=True).json()
        assert by("clientId", copied["clients"])["web"]["redirectUris"] == by("clientId", export["clients"])["web"]["redirectUris"]
        assert [group["path"] for group in copied["groups"]] == [group["path"] for group in export["groups"]]
    finally:
        other.remove()


CONFIG_CLI: dict[str, Any] = {
    # What keycloak-config-cli's users write: flows by alias, roles by name, users with an initial password, the service account as a user.
    "enabled": True, "realm": "core", "displayName": "From another tool", "sslRequired": "external", "registrationAllowed": False,
    "attributes": {"custom": "test-step00"},
    "roles": {"realm": [{"name": "ROLE_USER", "description": "User role", "composite": False, "clientRole": False, "attributes": {}}],
              "client": {"moped-client": [{"name": "my_client_role", "composite": True, "composites": {"realm": ["ROLE_USER"]}, "clientRole": True}]}},
    "clients": [{"clientId": "moped-client", "name": "moped", "enabled": True, "clientAuthenticatorType": "client-secret", "secret": "my-special-client-secret",
                 "redirectUris": ["*"], "webOrigins": ["*"], "serviceAccountsEnabled": True, "protocol": "openid-connect",
                 "authenticationFlowBindingOverrides": {"direct_grant": "direct grant"}}],
    "users": [{"username": "myuser", "email": "myuser@mail.de", "enabled": True, "firstName": "My", "lastName": "User", "realmRoles": ["ROLE_USER"],
               "clientRoles": {"moped-client": ["my_client_role"]}, "credentials": [{"type": "password", "userLabel": "initial", "value": "myuser123"}]},
              {"username": "service-account-moped-client", "serviceAccountClientId": "moped-client", "enabled": True, "realmRoles": ["ROLE_USER"]}],
    "groups": [{"name": "My Group", "path": "/My Group", "attributes": {"k": ["v"]}, "realmRoles": ["ROLE_USER"], "clientRoles": {}, "subGroups": []}],
    "scopeMappings": [{"client": "moped-client", "roles": ["ROLE_USER"]}],
    "browserFlow": "browser", "directGrantFlow": "direct grant",
}  # fmt: skip


def test_a_file_of_keycloak_config_cli_applies(realm: Realm) -> None:
    realm.predicted(CONFIG_CLI)
    assert realm.apply(CONFIG_CLI)["plan"] == []


def test_few_requests(realm: Realm) -> None:
    document = {
        "realm": "core",
        "clients": [{"clientId": f"c{n}", "redirectUris": [f"https://{n}"]} for n in range(50)],
        "roles": {"realm": [{"name": f"r{n}", "attributes": {"n": [str(n)]}} for n in range(50)]},
    }
    realm.apply(document)
    assert realm.apply(document)["requests"]["total"] <= 8


REFUSED = [
    ({"displayNam": "x"}, "displayNam is not a known key: did you mean displayName"),
    ({"nothingLikeIt": 1}, 'nothingLikeIt.*Unrecognized field|Unrecognized field .*nothingLikeIt'),
    ({"clients": [{"clientId": "a", "secret": "$(env:SECRET)"}]}, r"holds a \$\(…\) substitution of keycloak-config-cli"),
    ({"users": [{"username": "u", "attributes": {"department": ["x"]}}]}, "attribute department is not in the realm's user profile"),
    ({"groups": [{"name": "g", "realmRoles": ["nobody"]}]}, "role nobody does not exist"),
    ({"clients": [{"clientId": "a", "authenticationFlowBindingOverrides": {"browser": "none"}}]},
     "flow none of authenticationFlowBindingOverrides does not exist"),
]  # fmt: skip


@pytest.mark.parametrize("document, message", REFUSED)
def test_refused_before_the_first_write(realm: Realm, document: dict[str, Any], message: str) -> None:
    realm.apply({"realm": "core"})
    before = realm.api.get("/clients"), realm.api.get("/groups"), realm.api.get("/users")
    with pytest.raises(FailedError, match=message) as failed:
        realm.apply({"realm": "core", **document})
    assert "\n" not in str(failed.value)
    assert (realm.api.get("/clients"), realm.api.get("/groups"), realm.api.get("/users")) == before


@pytest.mark.parametrize("inside", [True, False], ids=["in the controller", "as a program"])
def test_plays(realm: Realm, tmp_path: Path, inside: bool) -> None:
    plays, api = test_keycloak_rest.Plays(realm, tmp_path, inside), realm.api
    plays.play(DOCUMENT)
    alter(realm)
    plays.play(DOCUMENT, drift=("realm", "clientScopes", "clients", "roles", "groups", "defaultGroups", "users"))
    assert api.get("")["displayName"] == "Core" and by("clientId", api.get("/clients"))["web"]["redirectUris"] == ["https://a/*", "https://b/*"]
    plays.play({"realm": "core", "roles": {"realm": [{"name": "b"}], "client": {}}, "defaultGroups": []}, prune=CORE)
    assert (api.get("/users"), api.get("/groups"), api.get("/default-groups")) == ([], [], [])
    for path, key, gone in (("/clients", "clientId", {"web", "spa"}), ("/client-scopes", "name", {"s1"}), ("/roles", "name", {"a", "b/c"})):
        assert not gone & by(key, api.get(path)).keys()
    assert not [secret for secret in (*SECRETS, "canary-initial") if secret in plays.shown]


def everything() -> dict[str, Any]:
    """One document with every family, for test_documents."""
    found: dict[str, Any] = {**copy.deepcopy(DOCUMENT), "organizationsEnabled": True, "adminPermissionsEnabled": True}
    found["roles"]["realm"].append({"name": "staff"})
    found["groups"].append({"name": "people"})
    for key, value in test_keycloak_rest.document(1).items():
        found[key] = [*found[key], *value] if isinstance(value, list) and key in found else found.get(key, value)
    return found
