# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong between a document and a real Keycloak: each ends with one line, and nothing half-written that the next run does not finish."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import test_keycloak_rest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine import runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import arguments, info
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families import ALL
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.session import Session
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.tokens import Tokens
from between import Between
from keycloak_client import OWNER, Logins, Realm
from keycloak_plays import Play, config
from keycloak_server import Guarded, Keycloak

PRUNED = ("clients", "groups", "users", "roles", "components", "authenticationFlows")
ADMIN = {"url": "{{ url }}", "auth_username": "{{ who }}", "auth_password": "{{ password }}"}


@pytest.fixture
def realm(keycloak: Keycloak) -> Iterator[Realm]:
    made = Realm(keycloak, "faults", accessTokenLifespan=300)
    yield made
    made.remove()


def start(realm: Realm, folder: Path, document: dict[str, Any], url: str = "", **options: Any) -> Play:
    """A run of the document by the administrator.

    :param url: of the server, where it is not the realm's.
    """
    server = realm.server
    return Play(
        folder,
        [config(realm=realm.name, **{**ADMIN, "owner": OWNER, **options})],
        document=document,
        url=url or server.url,
        who=server.username,
        password=server.password,
    )


def many(clients: int, groups: int, *between: str) -> dict[str, Any]:
    """A document that takes a while, with a flow for logins."""
    return {
        "clients": [{"clientId": f"client-{number}", "redirectUris": [f"https://{number}"]} for number in range(clients)],
        "groups": [{"name": f"group-{number}", "attributes": {"number": [str(number)]}, "realmRoles": ["offline_access"]} for number in range(groups)],
        **test_keycloak_rest.flows(*between),
    }


def ours(realm: Realm, family: str) -> list[str]:
    """Names of what runs have made."""
    if family == "clients":
        return sorted(one["clientId"] for one in realm.api.pages("/clients") if one["clientId"].startswith("client-"))
    if family == "groups":
        return sorted(one["name"] for one in realm.api.pages("/groups"))
    return [flow["alias"] for flow in realm.api.get("/authentication/flows") if not flow["builtIn"]]


def test_runs_that_are_killed_are_ended_by_the_next(realm: Realm, tmp_path: Path) -> None:
    person = {"username": "alice", "enabled": True, "email": "alice@x.test", "firstName": "Alice", "lastName": "A"}
    realm.api.post("/users", {**person, "credentials": [{"type": "password", "value": "open-sesame", "temporary": False}]})
    realm.apply(many(0, 0))
    wanted = many(60, 30, "allow-access-authenticator")
    with Logins(realm.server.url, realm.name, "alice", "open-sesame") as logins:
        for family, path, writes, some, whole in (
            ("flows", "/authentication/executions", 1, 2, 3),
            ("clients", "/clients", 3, 3, 60),
            ("groups", "/groups", 3, 3, 30),
        ):
            with Between(realm.server.url, f"/admin/realms/{realm.name}{path}", writes) as between:
                play = start(realm, tmp_path / family, wanted, url=between.url, parallel=1)
                between.then = play.kill
                assert play.wait() == -signal.SIGKILL, "it ended before that"
            assert some <= len(ours(realm, family)) < whole, "some of it is there; of the flow that logins use, two"
        last = start(realm, tmp_path / "last", wanted).result()
    assert last["changed"] and logins.results and all(logins.results), "people log in all along"
    assert last["drift"] == [], "what is left to do nobody has changed by hand: not the roles of the last group, either"
    assert realm.apply(wanted, prune=PRUNED)["plan"] == [], "nothing is left to do, and nothing too many"
    assert (len(ours(realm, "clients")), len(ours(realm, "groups")), ours(realm, "flows")) == (60, 30, ["our browser"])


def federations(realm: Realm) -> list[tuple[str, list[str]]]:
    """Each with the names of its mappers."""
    every = realm.api.get("/components")
    return [(one["name"], sorted(below["name"] for below in every if below["parentId"] == one["id"]))
            for one in every if one["providerType"] == test_keycloak_rest.LDAP]  # fmt: skip


def test_a_federation_killed_half_made_has_the_mappers_of_an_unbroken_run(realm: Realm, tmp_path: Path) -> None:
    """Before those that it is born with are gone, and before all declared ones are there."""
    wanted = {"components": {test_keycloak_rest.LDAP: test_keycloak_rest.document(1)["components"][test_keycloak_rest.LDAP]}}
    realm.apply(wanted)
    whole = federations(realm)
    assert whole == [("directory", ["department", "username"])]
    for posts in (1, 2):
        realm.apply({"components": {}}, prune=PRUNED)
        assert federations(realm) == []
        with Between(realm.server.url, f"/admin/realms/{realm.name}/components", posts) as between:
            play = start(realm, tmp_path / str(posts), wanted, url=between.url, parallel=1)
            between.then = play.kill
            assert play.wait() == -signal.SIGKILL, "it ended before that"
        assert federations(realm) not in ([], whole), "it was killed in the midst of it"
        assert realm.apply(wanted)["drift"] == [] and federations(realm) == whole
        assert realm.apply(wanted, prune=PRUNED)["plan"] == []


@pytest.mark.parametrize("owners", [("same", "same"), ("one", "another")], ids=["same document", "two owners"])
def test_two_runs_at_once(realm: Realm, tmp_path: Path, owners: tuple[str, str]) -> None:
    key = "org.keycloak.keys.KeyProvider"

    def document(owner: str) -> dict[str, Any]:
        made = {"name": f"key-{owner}", "providerId": "hmac-generated", "config": {"priority": ["1"], "algorithm": ["HS256"]}}
        users = [{"username": f"user-{owner}-{number}", "groups": [f"/group-{owner}"], "realmRoles": [f"role-{owner}"]} for number in range(10)]
        clients = [{"clientId": f"client-{owner}-{number}", "serviceAccountsEnabled": True} for number in range(20)]
        if owners[0] == owners[1]:
            return {"realm": realm.name, "displayName": "Ours", "components": {key: [made]}, "groups": [{"name": f"group-{owner}"}], "users": users,
                    "clients": clients, "roles": {"realm": [{"name": f"role-{owner}"}]}, **test_keycloak_rest.flows()}  # fmt: skip
        return {"components": {key: [made]}, "groups": [{"name": f"group-{owner}"}], "users": users, "clients": clients,
                "roles": {"realm": [{"name": f"role-{owner}"}]}}  # fmt: skip

    if owners[0] == owners[1]:
        realm.remove()  # both make the realm, too
    plays = [start(realm, tmp_path / str(number), document(owner), owner=owner) for number, owner in enumerate(owners)]
    for play in plays:
        result = play.result()
        assert not result.get("failed") or ("run again" in result["msg"] and "\n" not in result["msg"]), result["msg"]
    for owner in sorted(set(owners)):
        realm.apply(document(owner), owner=owner)
        assert realm.apply(document(owner), owner=owner, prune=PRUNED)["plan"] == [], "nothing is left, and nothing too many"
    assert len(ours(realm, "clients")) == 20 * len(set(owners))


def administrator(realm: Realm, name: str = "worker", *roles: str) -> dict[str, str]:
    """Options by which a user of the realm logs in, who has these roles of realm-management and no other."""
    who = {"auth_realm": realm.name, "auth_username": name, "auth_password": "open-sesame"}
    if not realm.api.get("/users", username=name, exact=True):
        person = {"username": name, "enabled": True, "email": f"{name}@x.test", "firstName": name, "lastName": name}
        realm.api.post("/users", {**person, "credentials": [{"type": "password", "value": who["auth_password"], "temporary": False}]})
    (user,) = realm.api.get("/users", username=name, exact=True)
    (client,) = realm.api.get("/clients", clientId="realm-management")
    path = f"/users/{user['id']}/role-mappings/clients/{client['id']}"
    realm.api.delete(path, realm.api.get(path))
    realm.api.post(path, [realm.api.get(f"/clients/{client['id']}/roles/{role}") for role in roles])
    return who


def applied(server: Keycloak, realm: str, document: dict[str, Any], say: Callable[[str], object] = str, **login: Any) -> dict[str, Any]:
    """The result of a run with these options for the login.

    :raises EngineError: as the module shows it.
    """
    given = ArgumentSpecValidator(arguments.COMMON).validate({"url": server.url, "token_cache": False, "retries": 0, **login})
    options = runner.plan.Options(owner="faults", max_deletes="100%")
    return runner.run(arguments.session_of(given.validated_parameters, realm, ALL), runner.Request(document, options), say)


def test_a_login_that_ends_meanwhile_is_made_again_and_a_token_is_asked_for(realm: Realm, tmp_path: Path) -> None:
    who = administrator(realm, "worker", "realm-admin")
    (user,) = realm.api.get("/users", username="worker", exact=True)

    def ended(document: dict[str, Any], folder: str, **login: Any) -> dict[str, Any]:
        """The result of a run during which the user is logged out everywhere."""
        with Between(realm.server.url, f"/admin/realms/{realm.name}/clients", 3) as between:
            between.then = lambda: realm.api.post(f"/users/{user['id']}/logout", None)
            options = {"auth_username": None, "auth_password": None, "token_cache": False, **login}
            return start(realm, tmp_path / folder, document, url=between.url, parallel=1, **options).result()

    first = ended(many(20, 0), "credentials", **who)
    assert not first.get("failed") and first["requests"]["token_requests"] == 2, first.get("msg")
    more = {"clients": [{"clientId": f"client-late-{number}"} for number in range(20)]}
    http, tokens = arguments.tokens_of(ArgumentSpecValidator(arguments.COMMON).validate({"url": realm.server.url, **who}).validated_parameters)
    second = ended(more, "token", token=tokens.header()["Authorization"].partition(" ")[2])
    http.close()
    assert second["failed"] and second["changed"] and second["done"] and "\n" not in second["msg"]
    assert re.search(r"\(401: .*the token has ended, was revoked, .*get a new one, or give credentials to renew it.*run again", second["msg"])
    assert {item["action"] for item in realm.apply(more)["plan"]} == {"create"} and realm.apply(more)["plan"] == []


def test_a_token_that_ends_meanwhile_is_renewed(realm: Realm) -> None:
    realm.api.put("", {"realm": realm.name, "accessTokenLifespan": 3})
    pauses = iter([4.2])  # Keycloak counts whole seconds: a token of three seconds can last for four
    login = {**administrator(realm, "worker", "realm-admin"), "url": realm.server.url, "token_cache": False}
    http, tokens = arguments.tokens_of(ArgumentSpecValidator(arguments.COMMON).validate(login).validated_parameters)
    # A clock that stands still: nothing is renewed before the server says that the token has ended.
    still = Tokens(http, arguments.credentials_of(ArgumentSpecValidator(arguments.COMMON).validate(login).validated_parameters), clock=lambda: 0.0)
    request = runner.Request(many(5, 5), runner.plan.Options(owner="faults"))
    result = runner.run(Session(http, still, realm.name, ALL), request, lambda line: time.sleep(next(pauses, 0)))
    assert tokens.requests == 0 and result["changed"] and result["requests"]["token_requests"] >= 2
    http.close()


LDAP_FREE = {"org.keycloak.keys.KeyProvider": [{"name": "ours", "providerId": "hmac-generated", "config": {"priority": ["1"]}}]}
PROVIDER = {"alias": "them", "providerId": "oidc", "config": {"clientId": "a", "clientSecret": "secret-of-them", "tokenUrl": "https://a/t",
                                                              "authorizationUrl": "https://a/a"}}  # fmt: skip
CLIENT = [{"clientId": "web", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}]
# Roles that an account has, what it applies, the role that the line names.
RIGHTS: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    ((), {"displayName": "x"}, "view-realm"),
    (("view-realm",), {"displayName": "x"}, "manage-realm"),
    (("view-realm",), {"clients": [{"clientId": "c"}]}, "view-clients"),
    (("view-realm", "view-clients"), {"clients": [{"clientId": "c"}]}, "manage-clients"),
    (("view-realm", "view-clients"), {"clientScopes": [{"name": "s"}]}, "manage-clients"),
    (("view-realm",), {"roles": {"realm": [{"name": "r"}]}}, "manage-realm"),
    (("view-realm",), {"groups": [{"name": "g"}]}, "manage-users"),
    (("view-realm",), {"defaultGroups": ["/people"]}, "view-users"),
    (("view-realm", "view-users"), {"users": [{"username": "someone"}]}, "manage-users"),
    (("view-realm", "view-clients", "manage-users"), {"users": [{"username": "worker", "clientRoles": {"realm-management": ["manage-realm"]}}]},
     "manage-users, and each role of an administrator that it is to give"),
    (("view-realm",), {"identityProviders": [PROVIDER]}, "view-identity-providers"),
    (("view-realm", "view-identity-providers"), {"identityProviders": [PROVIDER]}, "manage-identity-providers"),
    (("view-realm",), {"components": LDAP_FREE}, "manage-realm"),
    (("view-realm",), test_keycloak_rest.flows(), "manage-realm"),
    (("view-realm",), {"requiredActions": [{"alias": "UPDATE_PASSWORD", "priority": 77}]}, "manage-realm"),
    (("view-realm",), {"organizations": [{"name": "acme", "domains": [{"name": "acme.test"}]}]}, "view-organizations (and view-users for members)"),
    (("view-realm",), {"eventsConfig": {"eventsEnabled": True}}, "view-events"),
    (("view-realm", "view-events"), {"eventsConfig": {"eventsEnabled": True}}, "manage-events"),
    (("view-realm", "manage-users"), {"userProfile": {"unmanagedAttributePolicy": "ENABLED"}}, "manage-realm"),
    (("view-realm",), {"localizationTexts": {"de": {"a": "b"}}}, "manage-realm"),
    (("view-realm",), {"clientProfiles": {"profiles": [{"name": "p", "executors": []}]}}, "manage-realm"),
    (("view-realm", "view-clients", "view-authorization"), {"clients": [{**CLIENT[0], "authorizationSettings": {"scopes": [{"name": "s"}]}}]},
     "manage-authorization (for adminPermissions view-realm)"),
]  # fmt: skip


def test_the_right_that_is_missing_is_named(keycloak: Keycloak) -> None:
    realm = Realm(keycloak, "rights", organizationsEnabled=True)
    realm.api.post("/groups", {"name": "people"})
    realm.api.post("/clients", CLIENT[0])
    for roles, document, missing in RIGHTS:
        who = administrator(realm, "worker", *roles)
        with pytest.raises(EngineError, match=re.escape(f"give the account the role {missing} (of client realm-management)")) as failed:
            applied(keycloak, realm.name, document, **who)
        assert "\n" not in str(failed.value)
    looks = info.door()
    for roles, families, missing in (
        (("view-realm", "view-clients", "view-users"), ["realm"], "manage-realm"),
        (("view-clients",), ["clients"], "manage-realm"),
        (("manage-realm",), ["clients"], "view-clients"),
        (("manage-realm",), ["groups"], "view-users"),
        (("manage-realm", "view-users"), ["roles"], "view-clients"),
        (("manage-realm",), ["users"], "view-users"),
        (("manage-realm", "view-clients", "view-users"), ["realm", "clients", "roles", "groups", "users"], ""),
    ):
        login = {**administrator(realm, "worker", *roles), "url": keycloak.url, "realm": realm.name, "families": families, "token_cache": False}
        found = outcome(looks, ArgumentSpecValidator(looks.spec).validate(login).validated_parameters, check=False, diff=False, say=lambda line: None)
        assert bool(found.get("failed")) == bool(missing), found
        assert not missing or re.search(rf"403.*give the account the role .*{missing}.* \(of client realm-management\)", found["msg"]), found["msg"]
    who = administrator(realm, "worker", "manage-clients")
    with pytest.raises(EngineError, match="may not see its settings, which the document declares: give it the role manage-realm"):
        applied(keycloak, realm.name, {"realm": realm.name, "displayName": "x"}, **who)
    with pytest.raises(EngineError, match=r"403.* an account of realm rights administers no other: log in to realm master or master \(auth_realm\)"):
        applied(keycloak, "master", {"displayName": "x"}, **who)
    with pytest.raises(EngineError, match="give the account the realm role create-realm of master"):
        applied(keycloak, "another", {"realm": "another"}, **who)
    realm.remove()


def test_a_realm_made_after_the_token_is_seen_whole(keycloak: Keycloak) -> None:
    session = arguments.session_of(
        ArgumentSpecValidator(arguments.COMMON).validate({"url": keycloak.url, "auth_username": keycloak.username, "auth_password": keycloak.password,
                                                          "token_cache": False}).validated_parameters, "late", ALL,
    )  # fmt: skip
    session.api.get("/admin/realms/master")
    late = Realm(keycloak, "late", displayName="Late")
    assert session.api.representation()["displayName"] == "Late" and "id" in session.api.representation()
    late.remove()


def test_wrong_addresses_and_tokens(keycloak: Keycloak) -> None:
    admin = {"auth_username": keycloak.username, "auth_password": keycloak.password}
    document = {"realm": "faults", "displayName": "x"}
    for login, message in (
        ({**admin, "url": f"{keycloak.url}/auth"}, r"failed \(404.*: url has not the server's base path: add /auth .* or leave it out"),
        ({"token": "old", "url": f"{keycloak.url}/auth"}, r"refused \(404.*: url has not the server's base path"),
        ({**admin, "auth_realm": "none"}, r"failed \(404: Realm does not exist\): there is no realm none: check auth_realm"),
        ({"token": "old"}, r"refused \(401.*the token has ended, was revoked, or is another server's"),
        ({**admin, "url": keycloak.url.replace("http:", "https:")}, "no TLS with https.*is the port one for https"),
    ):
        with pytest.raises(EngineError, match=message) as failed:
            applied(keycloak, "faults", document, **login)
        assert "\n" not in str(failed.value)


def test_what_is_wrong_is_said_together_before_the_first_write(realm: Realm, tmp_path: Path) -> None:
    document = {
        "realm": realm.name, "display_name": "x",
        "clients": [{"clientId": "twice"}, {"clientId": "twice"}, {"clientId": "one", "redirectUri": []}],
        "roles": {"realm": [{"name": "a", "composites": {"realm": ["b"]}}, {"name": "b", "composites": {"realm": ["a"]}}]},
        "groups": [{"name": "g", "realmRoles": ["nobody"]}],
        "users": [{"username": "user", "groups": ["/nowhere"]}],
        "authenticationFlows": [{"alias": "f", "authenticationExecutions": [{"authenticator": "none-such", "requirement": "REQUIRED"}]}],
    }  # fmt: skip
    before = ours(realm, "clients"), ours(realm, "groups"), ours(realm, "flows")
    result = start(realm, tmp_path, document).result()
    expected = (
        "display_name is not a known key", "clients: twice is declared twice", "clients/one: redirectUri is not a known key", "a contains b contains a",
        "groups/g: role nobody does not exist", "users/user: group /nowhere does not exist", "authenticator none-such is not installed",
    )  # fmt: skip
    assert result["failed"] and "\n" not in result["msg"] and not [line for line in expected if line not in result["msg"]], result["msg"]
    assert len(result["problems"]) == len(expected), result["problems"]
    assert result["requests"]["by_method"]["POST"] == result["requests"]["token_requests"] == 1 and not {"PUT", "DELETE"} & set(result["requests"]["by_method"])
    assert (ours(realm, "clients"), ours(realm, "groups"), ours(realm, "flows")) == before


def test_a_server_behind_tls_with_one_name_and_fewer_features(keycloak_guarded: Guarded, tmp_path: Path) -> None:
    inside, secure, ca = keycloak_guarded.inside, keycloak_guarded.secure, str(keycloak_guarded.ca)
    admin = {"auth_username": inside.username, "auth_password": inside.password}
    there, changed = {"realm": "faults"}, {"realm": "faults", "displayName": "x"}
    scopes = {"clients": [{**CLIENT[0], "authorizationSettings": {"scopes": [{"name": "s"}]}}]}
    applied(inside, "faults", there, **admin)
    for options, document, message in (
        ({"url": inside.url.removesuffix("/auth")}, changed, r"failed \(404\): url has not the server's base path: add /auth"),
        ({"url": secure}, changed, "the certificate of https.* is not trusted .*: give the authority's certificate in ca_path"),
        ({"url": secure.replace("127.0.0.1", "localhost"), "ca_path": ca}, changed, "is not trusted .*: give a name in url that the certificate is for"),
        ({"url": secure, "ca_path": "none.pem"}, changed, r"ca_path \S*none.pem cannot be read \(No such file"),
        ({"url": secure.replace("https", "http")}, changed, "broke off POST .* with https in url if the port is one for it"),
        ({}, {**there, "organizationsEnabled": True}, "realm: organizationsEnabled needs a feature .* start Keycloak with --features=organization, or"),
        ({}, {**there, "adminPermissionsEnabled": True}, "start Keycloak with --features=admin-fine-grained-authz, or leave adminPermissionsEnabled out"),
        ({}, scopes, r"refused \(501.*start Keycloak with the feature that it needs \(--features=authorization\), or leave it out"),
    ):
        with pytest.raises(EngineError, match=message) as failed:
            applied(inside, "faults", document, **{**admin, **options})
        assert "\n" not in str(failed.value)
    # The name that the server gives itself leads nowhere: all of it works by the address alone.
    assert applied(inside, "faults", changed, **admin)["changed"]
    assert applied(inside, "faults", changed, **admin, url=secure, ca_path=ca)["plan"] == []
