# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows, identity providers, components, organizations, policies, profile, texts and authorization on a real Keycloak."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine import runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import quote
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import info
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.api import Api
from conftest import ROOT
from keycloak_client import Browser, Logins, Realm

LDAP, MAPPER, KEYS = "org.keycloak.storage.UserStorageProvider", "org.keycloak.storage.ldap.mappers.LDAPStorageMapper", "org.keycloak.keys.KeyProvider"
PRUNED = (
    "authenticationFlows", "identityProviders", "components", "organizations", "organizationGroups", "workflows", "clientProfiles", "clientPolicies",
    "localizationTexts", "authorization",
)  # fmt: skip
BIND_PASSWORD, CLIENT_SECRET = "canary-bind-password", "canary-client-secret"


def flows(*between: str) -> dict[str, Any]:
    """A flow for browsers with a form; `between` come after it."""
    return {
        "authenticationFlows": [
            {
                "alias": "our browser", "description": "ours", "providerId": "basic-flow", "topLevel": True, "builtIn": False,
                "authenticationExecutions": [
                    {"authenticator": "auth-cookie", "requirement": "ALTERNATIVE", "priority": 10},
                    {"authenticator": "identity-provider-redirector", "requirement": "ALTERNATIVE", "priority": 25, "authenticatorConfig": "our idp"},
                    {"flowAlias": "our forms", "requirement": "ALTERNATIVE", "priority": 30, "autheticatorFlow": True},
                ],
            },
            {
                "alias": "our forms", "providerId": "basic-flow", "topLevel": False,
                "authenticationExecutions": [
                    {"authenticator": "auth-username-password-form", "requirement": "REQUIRED"},
                    *({"authenticator": name, "requirement": "REQUIRED"} for name in between),
                    {"flowAlias": "our otp", "requirement": "CONDITIONAL"},
                ],
            },
            {
                "alias": "our otp", "providerId": "basic-flow", "topLevel": False,
                "authenticationExecutions": [
                    {"authenticator": "conditional-user-configured", "requirement": "REQUIRED"},
                    {"authenticator": "auth-otp-form", "requirement": "REQUIRED"},
                ],
            },
        ],
        "authenticatorConfig": [{"alias": "our idp", "config": {"defaultProvider": "none-such"}}],
        "browserFlow": "our browser",
    }  # fmt: skip


def mapper(name: str, attribute: str) -> dict[str, Any]:
    config = {"ldap.attribute": attribute, "user.model.attribute": name, "read.only": True, "always.read.value.from.ldap": False, "is.mandatory.in.ldap": False}
    return {"name": name, "providerId": "user-attribute-ldap-mapper", "config": {key: [str(value).lower()] for key, value in config.items()}}


def document(version: int) -> dict[str, Any]:
    """Something of every family; another version differs in every one of them."""
    settings = {
        "connectionUrl": "ldap://127.0.0.1:1", "bindDn": "cn=admin", "bindCredential": BIND_PASSWORD, "usersDn": f"ou={version}", "editMode": "READ_ONLY",
        "vendor": "other", "usernameLDAPAttribute": "uid", "rdnLDAPAttribute": "uid", "uuidLDAPAttribute": "entryUUID",
        "userObjectClasses": "inetOrgPerson", "authType": "simple", "enabled": "false", "importEnabled": "true",
    }  # fmt: skip
    return {
        **flows(*["allow-access-authenticator"] * (version - 1)),
        "requiredActions": [{"alias": "UPDATE_PASSWORD", "priority": 50 + version, "config": {"max_auth_age": 600 + version}}],
        "identityProviders": [
            {
                "alias": "partner", "providerId": "oidc", "displayName": f"Partner {version}", "enabled": True, "postBrokerLoginFlowAlias": "our browser",
                "config": {"clientId": "us", "clientSecret": CLIENT_SECRET, "tokenUrl": "https://partner.test/token",
                           "authorizationUrl": "https://partner.test/auth", "useJwksUrl": True},
            }
        ],
        "identityProviderMappers": [
            {"name": "department", "identityProviderAlias": "partner", "identityProviderMapper": "oidc-user-attribute-idp-mapper",
             "config": {"claim": f"department{version}", "user.attribute": "department", "syncMode": "INHERIT"}}
        ],
        "components": {
            LDAP: [{"name": "directory", "providerId": "ldap", "config": {key: [value] for key, value in settings.items()},
                    "subComponents": {MAPPER: [mapper("username", "uid"), mapper("department", f"department{version}")]}}],
            KEYS: [{"name": "rsa-generated", "providerId": "rsa-generated", "config": {"priority": [f"10{version}"]}},
                   {"name": "ours", "providerId": "hmac-generated", "config": {"priority": [str(version)], "algorithm": ["HS256"]}}],
        },
        "organizations": [
            {"name": "acme", "alias": "acme", "description": f"Version {version}", "domains": [{"name": "acme.test", "verified": False}],
             "attributes": {"tier": ["gold"]}, "identityProviders": [{"alias": "partner"}], "members": ["alice"] if version == 1 else ["bobby"],
             "groups": [{"name": "people", "realmRoles": ["staff"],
                         "subGroups": [{"name": "leads", "attributes": {"level": [str(version)]}}]}]}
        ],
        "workflows": [
            {"name": "leavers", "on": "user-group-membership-removed(/people) or user-created", "if": "has-role('staff')",
             "steps": [{"uses": "notify-user", "after": f"{version}d", "with": {"message": "bye"}}, {"uses": "disable-user", "after": "30d"}]}
        ],
        "clientProfiles": {"profiles": [{"name": "strict", "description": f"Version {version}",
                                         "executors": [{"executor": "pkce-enforcer", "configuration": {"auto-configure": True}}]}]},
        "clientPolicies": {"policies": [{"name": "strict", "enabled": False, "profiles": ["strict"],
                                         "conditions": [{"condition": "client-roles", "configuration": {"roles": [f"role{version}"]}}]}]},
        "userProfile": {"attributes": [{"name": "department", "displayName": f"Department {version}", "multivalued": False,
                                        "permissions": {"view": ["user", "admin"], "edit": ["admin"]}, "validations": {"length": {"max": 10}}}],
                        "unmanagedAttributePolicy": "ADMIN_EDIT"},
        "eventsConfig": {"eventsEnabled": True, "eventsExpiration": 100 * version, "enabledEventTypes": ["LOGOUT", "LOGIN"]},
        "localizationTexts": {"de": {"hello": f"Hallo {version}", "bye": "Tschüss"}},
        **authorization(version),
    }  # fmt: skip


def nothing() -> dict[str, Any]:
    """A document that leaves nothing of the above where it is pruned."""
    left = {key: type(value)() for key, value in document(1).items() if isinstance(value, (list, dict)) and key not in ("clients", "authenticatorConfig")}
    return {**left, "browserFlow": "browser", "clients": [{"clientId": "papers"}]}


def authorization(version: int) -> dict[str, Any]:
    def policy(name: str, kind: str, **config: Any) -> dict[str, Any]:
        return {"name": name, "type": kind, "config": {key: json.dumps(value) if isinstance(value, list) else value for key, value in config.items()}}

    settings = {
        "allowRemoteResourceManagement": True, "policyEnforcementMode": "ENFORCING" if version == 1 else "PERMISSIVE",
        "scopes": [{"name": "view"}, {"name": "edit", "displayName": f"Edit {version}"}],
        "resources": [{"name": "paper", "type": "urn:paper", "uris": [f"/papers/{version}/*"], "scopes": [{"name": "view"}, {"name": "edit"}],
                       "attributes": {"a": ["1"]}}],
        "policies": [
            policy("staff", "role", roles=[{"id": "staff", "required": version == 1}]),
            policy("alice", "user", users=["alice"]),
            policy("group", "group", groups=[{"path": "/people", "extendChildren": True}]),
            policy("hours", "time", hour="8", hourEnd=f"1{version}"),
            policy("all", "aggregate", applyPolicies=["staff", "alice"]),
            policy("papers", "resource", resources=["paper"], applyPolicies=["all"]),
            policy("editing", "scope", scopes=["edit"], applyPolicies=["staff"] if version == 1 else ["alice"]),
        ],
    }  # fmt: skip
    return {
        "clients": [{"clientId": "papers", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True, "authorizationSettings": settings}],
        "adminPermissions": {
            "policies": [{"name": "helpdesk", "type": "role", "config": {"roles": [{"id": "staff"}]}}],
            "permissions": [
                {"name": "see users", "resourceType": "Users", "scopes": ["view"] if version == 1 else ["view", "manage"], "policies": ["helpdesk"]},
                {"name": "run people", "resourceType": "Groups", "resources": ["/people"], "scopes": ["manage"], "policies": ["helpdesk"]},
            ],
        },
    }


@pytest.fixture(scope="module")
def realm(keycloak: Any) -> Iterator[Realm]:
    made = Realm(keycloak, "rest", organizationsEnabled=True, adminPermissionsEnabled=True)
    for name in ("alice", "bobby"):
        user = {"username": name, "enabled": True, "email": f"{name}@x.test", "firstName": name, "lastName": name}
        made.api.post("/users", {**user, "credentials": [{"type": "password", "value": "open-sesame", "temporary": False}]})
    made.api.post("/roles", {"name": "staff"})
    made.api.post("/groups", {"name": "people"})
    yield made
    made.remove()


def changed_by_hand(api: Api) -> set[str]:
    """Changes one thing in every family; returns the families."""

    def put(path: str, change: Callable[[Any], object]) -> None:
        found = api.get(path)
        change(found)
        api.put(path, found)

    rows = api.get("/authentication/flows/our%20browser/executions")
    api.put("/authentication/flows/our%20browser/executions", {**rows[0], "requirement": "DISABLED"})
    api.put("", {"realm": api.realm, "browserFlow": "browser"})
    put("/authentication/required-actions/UPDATE_PASSWORD", lambda action: action.update(priority=99))
    put("/identity-provider/instances/partner", lambda provider: provider.update(displayName="By hand"))
    (component,) = api.get("/components", name="directory")
    (below,) = api.get("/components", parent=component["id"], name="department")
    put(f"/components/{below['id']}", lambda one: one["config"].update({"ldap.attribute": ["by hand"]}))
    (organization,) = api.get("/organizations", briefRepresentation=False)
    api.put(f"/organizations/{organization['id']}", {**organization, "description": "By hand"})
    (group,) = api.get(f"/organizations/{organization['id']}/groups", search="leads", briefRepresentation=False)
    group["attributes"]["level"] = ["by hand"]
    api.put(f"/organizations/{organization['id']}/groups/{group['id']}", group)
    (workflow,) = api.get("/workflows")
    api.put(f"/workflows/{workflow['id']}", {**workflow, "if": "has-role('by-hand')"})
    put("/client-policies/policies", lambda found: found["policies"][0].update(enabled=True))
    put("/client-policies/profiles", lambda found: found["profiles"][0].update(description="By hand"))
    put("/users/profile", lambda profile: [one.update(displayName="By hand") for one in profile["attributes"] if one["name"] == "department"])
    put("/events/config", lambda config: config.update(eventsEnabled=False))
    api.post("/localization/de", {"hello": "By hand"})
    (client,) = api.get("/clients", clientId="papers")
    (scope,) = [one for one in api.get(f"/clients/{client['id']}/authz/resource-server/scope") if one["name"] == "edit"]
    api.put(f"/clients/{client['id']}/authz/resource-server/scope/{scope['id']}", {**scope, "displayName": "By hand"})
    return {
        "authenticationFlows", "flowBindings", "requiredActions", "identityProviders", "components", "organizations", "organizationGroups", "workflows",
        "clientPolicies", "clientProfiles", "userProfile", "eventsConfig", "localizationTexts", "authorization",
    }  # fmt: skip


def test_every_family_from_nothing_to_nothing(realm: Realm) -> None:
    first = realm.predicted(document(1))
    assert {item["family"] for item in first["plan"]} >= {"authenticationFlows", "flowBindings", "components", "authorization", "organizations"}
    again = realm.apply(document(1))
    assert not again["changed"], again["plan"]
    second = realm.predicted(document(2))
    assert {item["action"] for item in second["plan"]} == {"update"}
    assert not realm.apply(document(2))["changed"]

    families = changed_by_hand(realm.api)
    seen = realm.apply(document(2), check=True)
    assert {item["family"] for item in seen["drift"]} == families
    assert {item["family"] for item in seen["plan"]} == families
    realm.apply(document(2))
    assert not realm.apply(document(2))["changed"]
    assert BIND_PASSWORD not in json.dumps([first, second, seen]) and CLIENT_SECRET not in json.dumps([first, second, seen])

    pruned = realm.predicted(nothing(), prune=PRUNED)
    assert {item["family"] for item in pruned["plan"] if item["action"] == "delete"} == set(PRUNED)
    assert not realm.apply(nothing(), prune=PRUNED)["changed"]
    assert [flow for flow in realm.api.get("/authentication/flows") if not flow["builtIn"]] == []
    assert [one["name"] for one in realm.api.get("/components", type=KEYS) if one["name"] in ("ours", "rsa-generated")] == ["rsa-generated"]


def test_what_is_changed_below_an_object_is_seen_and_repaired(realm: Realm) -> None:
    api = realm.api
    realm.apply(document(1))
    (claim,) = api.get("/identity-provider/instances/partner/mappers")
    claim["config"]["claim"] = "by hand"
    api.put(f"/identity-provider/instances/partner/mappers/{claim['id']}", claim)
    (row,) = [row for row in api.get("/authentication/flows/our%20browser/executions") if row.get("authenticationConfig")]
    config = api.get(f"/authentication/config/{row['authenticationConfig']}")
    api.put(f"/authentication/config/{config['id']}", {**config, "config": {"defaultProvider": "by hand"}})
    (organization,), (alice,) = api.get("/organizations"), api.get("/users", username="alice", exact=True)
    api.delete(f"/organizations/{organization['id']}/members/{alice['id']}")
    (fine,), (papers,) = api.get("/clients", clientId="admin-permissions"), api.get("/clients", clientId="papers")
    for client, name, change in ((fine, "see users", {"scopes": ["manage"]}), (papers, "staff", {"roles": []})):
        path = f"/clients/{client['id']}/authz/resource-server"
        (found,) = api.get(f"{path}/policy", name=name)
        place = f"{path}/{'permission/scope' if found['type'] == 'scope' else 'policy/role'}/{found['id']}"
        api.put(place, {**api.get(place), **change})
    seen = realm.apply(document(1), check=True)
    assert {(item["family"], item["name"], *item["fields"]) for item in seen["drift"]} == {
        ("identityProviders", "partner", "mappers.department.config.claim"),
        ("authenticationFlows", "our browser", "authenticatorConfig.our idp.defaultProvider"),
        ("authorization", "admin-permissions/policies/see users", "config.scopes"),
        ("authorization", "papers/policies/staff", "config.roles"),
        ("organizations", "acme", "members"),
    }
    realm.predicted(document(1))
    assert not realm.apply(document(1))["changed"]
    realm.apply(nothing(), prune=PRUNED)


def test_what_a_stranger_made_anew_under_the_same_name_is_not_pruned(realm: Realm) -> None:
    names = ("ours", "theirs")
    realm.apply(
        {
            "authenticationFlows": [{"alias": name, "authenticationExecutions": []} for name in names],
            "components": {KEYS: [{"name": name, "providerId": "hmac-generated", "config": {"priority": ["1"]}} for name in names]},
        }
    )
    for path in ("/authentication/flows", "/components"):
        (one,) = [one for one in realm.api.get(path) if "theirs" in (one.get("name"), one.get("alias"))]
        realm.api.delete(f"{path}/{one.pop('id')}")
        realm.api.post(path, one)
    pruned = realm.apply({"authenticationFlows": [], "components": {}}, prune=("authenticationFlows", "components"))
    assert {(item["action"], item["name"]) for item in pruned["plan"]} == {("delete", "ours"), ("delete", f"{KEYS}/ours")}
    for path in ("/authentication/flows", "/components"):
        (one,) = [one for one in realm.api.get(path) if "theirs" in (one.get("name"), one.get("alias"))]
        realm.api.delete(f"{path}/{one['id']}")


def test_what_does_not_fit_on_a_page_of_keycloaks(keycloak: Any) -> None:
    """It gives ten to who does not say how many: of the groups below one, of organizations, of their members."""
    realm = Realm(keycloak, "many", organizationsEnabled=True)

    def wanted(groups: int, organizations: int, members: int) -> dict[str, Any]:
        def below(number: int) -> list[dict[str, Any]]:
            return [{"name": f"g{n:02}", "attributes": {"k": ["ours"]}} for n in range(number)]

        found: list[dict[str, Any]] = [{"name": f"o{n:02}", "domains": [{"name": f"o{n:02}.test"}], "description": "ours"} for n in range(organizations)]
        found[0] |= {"members": [f"u{n:02}" for n in range(members)], "groups": [{"name": "wide", "subGroups": below(12)}]}
        users = [{"username": f"u{n:02}", "email": f"u{n:02}@x.test"} for n in range(12)]
        return {"users": users, "groups": [{"name": "wide", "subGroups": below(groups)}], "organizations": found}

    everything, less, pruned = wanted(25, 12, 12), wanted(24, 11, 11), ("groups", "organizations", "organizationGroups")
    realm.predicted(everything)
    assert realm.apply(everything, mode="exact", prune=pruned)["plan"] == []

    def last(items: list[Any], key: str, name: str) -> dict[str, Any]:
        (found,) = [item for item in items if item[key] == name]
        return dict(found)

    organizations = realm.api.get("/organizations", max=100, briefRepresentation=False)
    first, group = last(organizations, "name", "o00"), realm.api.get("/group-by-path/wide/g24")
    realm.api.put(f"/groups/{group['id']}", {**group, "attributes": {**group["attributes"], "k": ["theirs"]}})
    below = last(realm.api.get(f"/organizations/{first['id']}/groups", search="g11", briefRepresentation=False), "name", "g11")
    realm.api.put(f"/organizations/{first['id']}/groups/{below['id']}", {**below, "attributes": {**below["attributes"], "k": ["theirs"]}})
    other = last(organizations, "name", "o11")
    realm.api.put(f"/organizations/{other['id']}", {**other, "description": "theirs"})
    realm.api.delete(f"/organizations/{first['id']}/members/{last(realm.api.get('/users', max=100), 'username', 'u11')['id']}")
    seen = realm.predicted(everything)
    assert {(item["family"], item["name"], *item["fields"]) for item in seen["drift"]} == {
        ("groups", "/wide/g24", "attributes.k"),
        ("organizationGroups", "o00/wide/g11", "attributes.k"),
        ("organizations", "o11", "description"),
        ("organizations", "o00", "members"),
    }
    gone = realm.predicted(less, prune=pruned)
    assert {(item["action"], item["family"], item["name"]) for item in gone["plan"]} == {
        ("delete", "groups", "/wide/g24"),
        ("delete", "organizations", "o11"),
        ("update", "organizations", "o00"),
    }
    assert realm.apply(less, prune=pruned)["plan"] == []
    realm.remove()


def test_links_of_people_to_identity_providers(realm: Realm) -> None:
    provider = {"providerId": "github", "config": {"clientId": "us", "clientSecret": CLIENT_SECRET}}
    links = [{"identityProvider": name, "userId": "1", "userName": "linked"} for name in ("büro", "other")]
    wanted: dict[str, Any] = {
        "identityProviders": [{"alias": link["identityProvider"], **provider} for link in links],
        "users": [{"username": "linked", "email": "linked@x.test", "federatedIdentities": links}],
    }
    realm.predicted(wanted)
    assert realm.apply(wanted, mode="exact")["plan"] == []
    (user,) = realm.api.get("/users", username="linked", exact=True)
    path = f"/users/{user['id']}/federated-identity"
    for link in links:
        realm.api.delete(f"{path}/{quote(link['identityProvider'])}")
    realm.api.post(f"{path}/{quote('büro')}", {**links[0], "userId": "theirs"})
    seen = realm.predicted(wanted)
    assert [(item["name"], item["fields"]) for item in seen["drift"]] == [
        ("linked", ["federatedIdentities.büro.userId", *(f"federatedIdentities.other.{key}" for key in ("identityProvider", "userId", "userName"))])
    ]
    assert sorted(realm.api.get(path), key=lambda link: str(link["identityProvider"])) == links
    wanted["users"][0]["federatedIdentities"] = links[1:]
    assert [item["action"] for item in realm.apply(wanted)["plan"]] == ["adopt"], "what is not declared is kept"
    realm.predicted(wanted, mode="exact")
    assert realm.api.get(path) == links[1:]
    gone = realm.predicted({"identityProviders": [], "users": []}, prune=("identityProviders", "users"))
    assert {item["name"] for item in gone["plan"]} == {"linked", "büro", "other"}


def test_an_export_applies_as_it_is(realm: Realm) -> None:
    realm.apply(document(1))
    export = realm.api.send("POST", "/partial-export", None, exportClients=True, exportGroupsAndRoles=True).json()
    result = realm.apply(export, check=True, owner="")
    assert result["plan"] == [] and not result["changed"]


def test_what_is_there_is_told_with_its_owners(realm: Realm) -> None:
    realm.apply(document(1))  # its user profile is kept in a component that has no name
    login = {"url": realm.server.url, "auth_username": realm.server.username, "auth_password": realm.server.password, "realm": realm.name}
    given = ArgumentSpecValidator(info.door().spec).validate(login)
    told = outcome(info.door(), given.validated_parameters, check=False, diff=False, say=lambda line: None)
    assert not told.get("failed"), told["msg"]
    assert {f"components/{KEYS}/ours", "authenticationFlows/our browser", "workflows/leavers"} <= told["owners"].keys()
    assert set(told["owners"].values()) == {"tests"}


def test_exact_settles_and_takes_back_what_nobody_declared(realm: Realm) -> None:
    wanted = document(1)
    wanted["userProfile"] = {**realm.api.get("/users/profile"), "unmanagedAttributePolicy": "ADMIN_EDIT"}
    del wanted["clients"]
    realm.apply(wanted, mode="exact")
    assert not realm.apply(wanted, mode="exact")["changed"]
    (component,) = realm.api.get("/components", name="directory")
    realm.api.post("/components", {**mapper("stray", "stray"), "parentId": component["id"], "providerType": MAPPER})
    realm.api.post("/localization/de", {"stray": "text"})
    result = realm.predicted(wanted, mode="exact")
    assert {(item["family"], *item["fields"]) for item in result["plan"]} == {("components", "subComponents.stray"), ("localizationTexts", "texts.stray")}
    assert not realm.apply(wanted, mode="exact")["changed"]


def test_logins_work_while_their_flow_is_swapped(realm: Realm) -> None:
    realm.apply(flows())
    (before,) = [flow["id"] for flow in realm.api.get("/authentication/flows") if flow["alias"] == "our browser"]
    with Logins(realm.server.url, realm.name, "alice", "open-sesame") as logins:
        for between in (["allow-access-authenticator"], [], ["allow-access-authenticator"]):
            realm.predicted(flows(*between))
    (after,) = [flow["id"] for flow in realm.api.get("/authentication/flows") if flow["alias"] == "our browser"]
    assert after != before, "it was swapped"
    assert logins.results and all(logins.results)
    assert not realm.apply(flows("allow-access-authenticator"))["changed"]


def test_one_change_is_made_where_the_flow_stands(realm: Realm) -> None:
    realm.apply(flows())
    (before,) = [flow["id"] for flow in realm.api.get("/authentication/flows") if flow["alias"] == "our browser"]
    wanted = flows()
    wanted["authenticationFlows"][0]["authenticationExecutions"][0]["requirement"] = "DISABLED"
    wanted["authenticatorConfig"][0]["config"] = {"defaultProvider": "another"}
    realm.predicted(wanted)
    assert not realm.apply(wanted)["changed"]
    assert [flow["id"] for flow in realm.api.get("/authentication/flows") if flow["alias"] == "our browser"] == [before]


def test_masked_values_of_a_configuration_are_kept_or_asked_for(realm: Realm) -> None:
    """Keycloak shows some values of configurations as a mask, and would take the mask for the value."""

    def wanted(*between: str, **config: Any) -> dict[str, Any]:
        result = flows(*between)
        result["authenticationFlows"][1]["authenticationExecutions"][0]["authenticatorConfig"] = {"alias": "masked", "config": config}
        return result

    whole = {"default.reference.value": "pwd", "default.reference.maxAge": "60"}
    realm.apply(wanted(**whole))
    assert not realm.apply(wanted(**whole))["changed"]
    assert [item["action"] for item in realm.apply(wanted())["plan"]] == ["adopt"], "what is not declared is kept"
    with pytest.raises(runner.FailedError, match=r"config masked is to be written and holds default.reference.(value|maxAge), .* declare its value too"):
        realm.apply(wanted("allow-access-authenticator"))
    realm.predicted(wanted("allow-access-authenticator", **whole))
    assert not realm.apply(wanted("allow-access-authenticator", **whole))["changed"]
    realm.predicted(flows())


def test_the_order_of_attributes_is_declared_with_them(realm: Realm) -> None:
    attributes = [{"name": name, "permissions": {"view": ["admin"], "edit": ["admin"]}} for name in ("one", "two", "three")]
    realm.predicted({"userProfile": {"attributes": attributes}})
    turned = {"userProfile": {"attributes": attributes[::-1]}}
    assert [item["fields"] for item in realm.predicted(turned)["plan"]] == [["orderOfAttributes"]]
    names = [one["name"] for one in realm.api.get("/users/profile")["attributes"]]
    assert [name for name in names if name in ("one", "two", "three")] == ["three", "two", "one"] and names[0] == "username"
    assert not realm.apply(turned)["changed"]


PEERS: dict[str, Any] = {
    # What files made for other tools have and new exports have not: fields of old releases, scopes that only a resource names, a client with
    # authorization but no service account.
    "clients": [
        {"clientId": "old", "protocol": "saml", "protocolMappers": [
            {"name": "role list", "protocol": "saml", "protocolMapper": "saml-role-list-mapper", "consentRequired": False, "consentText": "${roles}",
             "config": {"single": "false", "attribute.nameformat": "Basic", "attribute.name": "Role"}}]},
        {"clientId": "enforced", "secret": "only-for-tests", "authorizationServicesEnabled": True, "authorizationSettings": {
            "resources": [{"name": "main", "uri": "/*", "scopes": ["look"]}],
            "policies": [{"name": "staff", "type": "role", "config": {"roles": '[{"id":"staff"}]'}},
                         {"name": "all", "type": "resource", "config": {"resources": '["main"]', "applyPolicies": '["staff"]'}}]}},
    ],
    "users": [{"username": "service-account-enforced", "serviceAccountClientId": "enforced", "clientRoles": {"enforced": ["uma_protection"]}}],
    "identityProviders": [{"alias": "old", "providerId": "saml", "updateProfileFirstLoginMode": "on", "addReadTokenRoleOnCreate": True,
                           "config": {"singleSignOnServiceUrl": "https://partner.test/saml", "idpEntityId": "https://partner.test"}}],
}  # fmt: skip


def test_files_for_other_tools_apply_as_they_are(realm: Realm) -> None:
    realm.predicted(PEERS)
    assert realm.apply(PEERS)["plan"] == []


class KilledError(EngineError):
    """The run ended here."""


def test_a_swap_goes_on_wherever_it_was_broken_off(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    realm.apply(flows())
    (flow,) = [flow["id"] for flow in realm.api.get("/authentication/flows") if flow["alias"] == "our browser"]
    realm.api.post("/clients", {"clientId": "own-flow", "authenticationFlowBindingOverrides": {"browser": flow}})
    realm.api.post("/identity-provider/instances", {"alias": "later", "providerId": "github", "postBrokerLoginFlowAlias": "our browser",
                                                    "config": {"clientId": "a", "clientSecret": "canary"}})  # fmt: skip
    send = Api.send
    ended = False
    for turn, allowed in enumerate(range(0, 60, 2)):
        wanted = flows(*["allow-access-authenticator"] * ((turn + 1) % 2))
        budget = [allowed]

        def limited(self: Api, method: str, path: str, body: Any = None, budget: list[int] = budget, **query: Any) -> Any:  # pylint: disable=W0102
            if method != "GET":
                if not budget[0]:
                    raise KilledError("killed")
                budget[0] -= 1
            return send(self, method, path, body, **query)

        monkeypatch.setattr(Api, "send", limited)
        try:
            realm.apply(wanted)
            ended = True
        except runner.FailedError:
            pass
        monkeypatch.setattr(Api, "send", send)
        assert Browser(realm.server.url, realm.name).submit("alice", "open-sesame"), f"no login after {allowed} writes"
        realm.predicted(wanted)
        assert not realm.apply(wanted)["changed"]
        there = {flow["alias"]: flow["id"] for flow in realm.api.get("/authentication/flows") if not flow["builtIn"]}
        assert list(there) == ["our browser"]
        (client,) = realm.api.get("/clients", clientId="own-flow")
        assert client["authenticationFlowBindingOverrides"] == {"browser": there["our browser"]}
        assert realm.api.get("/identity-provider/instances/later")["postBrokerLoginFlowAlias"] == "our browser"
        if ended:
            break
    assert ended and allowed > 10
    with pytest.raises(runner.FailedError, match=r"our browser could not be deleted: .* Bind another flow there first"):
        realm.apply({"browserFlow": "browser", "authenticationFlows": []}, prune=["authenticationFlows"])
    (client,) = realm.api.get("/clients", clientId="own-flow")
    realm.api.delete(f"/clients/{client['id']}")
    realm.api.delete("/identity-provider/instances/later")


def without(document: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    result = copy.deepcopy(document)
    change(result)
    return result


WRONG: list[tuple[dict[str, Any], str]] = [
    (without(flows(), lambda d: d["authenticationFlows"][1]["authenticationExecutions"][0].update(authenticator="auth-form")),
     r"our browser: authenticator auth-form is not installed; there are .*auth-username-password-form"),
    (without(flows(), lambda d: d["authenticationFlows"][2]["authenticationExecutions"].append({"flowAlias": "our forms", "requirement": "REQUIRED"})),
     r"our forms holds itself \(our browser > our forms > our otp > our forms\)"),
    (without(flows(), lambda d: d["authenticationFlows"].pop()), r"our otp is no flow of the document: declare it"),
    (without(flows(), lambda d: d.pop("authenticatorConfig")), r"authenticatorConfig our idp is not declared"),
    ({"browserFlow": "none"}, r"browserFlow: there is no flow none, neither in the document nor on the server"),
    ({"authenticationFlows": [{"alias": "browser", "authenticationExecutions": [{"authenticator": "auth-cookie", "requirement": "REQUIRED"}]}]},
     r"browser is built in and can neither get nor lose executions"),
    ({"identityProviders": [{"alias": "x", "providerId": "oidcc"}]}, r"x: providerId oidcc is not installed; there are .*oidc"),
    ({"identityProviderMappers": [{"name": "m", "identityProviderAlias": "y"}]}, r"identityProviders: y has no providerId: name one of .*oidc"),
    ({"requiredActions": [{"alias": "DANCE"}]}, r"DANCE: providerId DANCE is not installed"),
    ({"components": {LDAP: [{"name": "x", "providerId": "ldapp"}]}}, r"providerId ldapp is not installed; there are .*ldap"),
    ({"clientPolicies": {"policies": [{"name": "x", "profiles": ["none"]}]}}, r"clientPolicies/x: there is no profile none"),
    ({"clientProfiles": {"profiles": [{"name": "x", "executors": [{"executor": "pkce"}]}]}}, r"clientProfiles/x: executor pkce is not installed"),
    ({"adminPermissions": {"permissions": [{"name": "x", "resourceType": "Users", "policies": ["none"]}]}},
     r"admin-permissions/policies/x: there is no none among the policies"),
    ({"workflows": [{"name": "x", "on": "user-born", "steps": [{"uses": "send-flowers"}]}]},
     r"workflows/x: there is no event user-born, only .*send-flowers, only"),
    ({"adminPermissions": {"permissions": [{"name": "x"}]}}, r"admin-permissions/policies/x: resourceType is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_what_is_wrong_is_said_before_the_first_write(realm: Realm, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(runner.FailedError, match=message) as failed:
        realm.apply(wrong)
    assert "\n" not in str(failed.value)
    assert set(failed.value.result["requests"]["by_method"]) <= {"GET", "POST"}  # a login is a POST


PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    mlops.platform.keycloak_config:
      {url: "{{ at }}", auth_username: "{{ who }}", token_cache: false, realm: "{{ realm }}", owner: tests, config_file: document.json,
       secret_hash_key: tests, max_deletes: 100%, prune: "{{ prune }}"}
  vars: {mlops_platform_in_process: "{{ inside }}"}
  tasks:
    - mlops.platform.keycloak_config:
      check_mode: true
      register: predicted
    - mlops.platform.keycloak_config:
      register: done
    - mlops.platform.keycloak_config:
      register: again
    - ansible.builtin.assert:
        that:
          - predicted.plan == done.plan
          - done is changed
          - again is not changed
          - done.server.version is version("26", ">=")
          - predicted.drift | map(attribute="family") | unique | sort == drift | sort
          - done.plan | selectattr("action", "equalto", "delete") | map(attribute="family") | unique | sort == prune | sort
"""


class Plays:
    """What the modules do to a realm, as people have it done: by ansible-playbook.

    :ivar shown: all that it has said.
    """

    def __init__(self, realm: Realm, folder: Path, inside: bool = True) -> None:
        self.realm, self.folder, self.inside = realm, folder, inside
        self.shown = ""
        (folder / "play.yml").write_text(PLAY)

    def play(self, wanted: dict[str, Any], *, drift: Collection[str] = (), prune: Collection[str] = ()) -> None:
        """Applies a document; fails unless just these families have drifted, and something of each of the pruned goes."""
        (self.folder / "document.json").write_text(json.dumps(wanted))
        server = self.realm.server
        known = {"at": server.url, "who": server.username, "realm": self.realm.name, "inside": self.inside, "ansible_python_interpreter": sys.executable,
                 "drift": list(drift), "prune": dict.fromkeys(prune, "owned")}  # fmt: skip
        program = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "-vvv", "--diff"]
        done = subprocess.run(
            [*program, "-e", json.dumps(known), self.folder / "play.yml"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                 "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "KEYCLOAK_PASSWORD": server.password},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        self.shown += done.stdout + done.stderr
        assert done.returncode == 0, done.stdout[-6000:]
        assert server.password not in self.shown


def test_plays_with_every_family(realm: Realm, tmp_path: Path) -> None:
    plays, api = Plays(realm, tmp_path), realm.api
    left: dict[str, Any] = {"authenticationFlows": [], "components": {}, "identityProviders": [], "organizations": [], "browserFlow": "browser"}
    realm.apply({**left, "clientProfiles": {}, "clientPolicies": {}, "localizationTexts": {}}, prune=PRUNED)
    plays.play({**document(1), "clients": [{**document(1)["clients"][0], "description": "by a play"}]})
    plays.play(document(1), drift=changed_by_hand(api))
    plays.play({**left, "clients": [{"clientId": "papers"}]}, prune=PRUNED)
    assert not [secret for secret in (BIND_PASSWORD, CLIENT_SECRET) if secret in plays.shown]
    (papers,) = api.get("/clients", clientId="papers")
    settings = f"/clients/{papers['id']}/authz/resource-server"
    assert {
        "flows": [flow["alias"] for flow in api.get("/authentication/flows") if not flow["builtIn"]],
        "providers": api.get("/identity-provider/instances"),
        "components": [one["name"] for one in api.get("/components") if one.get("name") in ("directory", "department", "ours")],
        "organizations": api.get("/organizations"),
        "workflows": api.get("/workflows"),
        "profiles": api.get("/client-policies/profiles")["profiles"],
        "policies": api.get("/client-policies/policies")["policies"],
        "texts": api.get("/localization/de"),
        "authorization": [one["name"] for kind in ("scope", "resource", "policy") for one in api.get(f"{settings}/{kind}")],
    } == {
        "flows": [], "providers": [], "components": [], "organizations": [], "workflows": [], "profiles": [], "policies": [], "texts": {}, "authorization": [],
    }  # fmt: skip
