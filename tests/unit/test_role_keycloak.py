# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role keycloak applies, rendered from its own defaults and the local inventory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.filter.realm import realm_merged, realm_secrets
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import documents
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families import ALL

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keycloak_role import Role

UI = {"name": "grafana", "backend": {"namespace": "observability", "service": "grafana", "port": 3000}, "groups": ["viewers"]}
OIDC = {
    "type": "oidc",
    "alias": "company",
    "config": {
        "issuer": "https://login.example.org",
        "authorizationUrl": "https://login.example.org/auth",
        "tokenUrl": "https://login.example.org/token",
        "jwksUrl": "https://keys.example.org/jwks",
        "clientId": "platform",
        "clientSecret": "canary",
    },
}
LDAP = {"type": "ldap", "alias": "company", "config": {"connectionUrl": ["ldaps://ldap.example.org"], "usersDn": ["ou=people,dc=example,dc=org"]}}


@pytest.fixture
def role(repository: Path) -> Any:
    return lambda **settings: Role(repository, **settings)


def test_the_issuer_is_fixed_and_forwarded_headers_count_from_the_pod_network_only(role: Any) -> None:
    env = role().env()
    assert env["KC_HOSTNAME"] == "https://keycloak.mlops.localhost:8443"
    assert env["KC_HOSTNAME_STRICT"] == "true"
    assert "KC_HOSTNAME_BACKCHANNEL_DYNAMIC" not in env, "addresses taken from a request would lack the port"
    assert (env["KC_PROXY_HEADERS"], env["KC_PROXY_TRUSTED_ADDRESSES"]) == ("xforwarded", "10.244.0.0/16")
    assert role(platform_https_port=443).env()["KC_HOSTNAME"] == "https://keycloak.mlops.localhost"
    (rule,) = [one for one in role().one("NetworkPolicy")["spec"]["ingress"] if one["ports"][0]["port"] == 8080]
    assert rule["from"] == [
        {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["gateway-system"]}]}}
    ]


def test_the_certificate_of_the_database_is_checked_and_no_secret_is_in_the_objects(role: Any) -> None:
    url = role().env()["KC_DB_URL"]
    assert url.startswith("jdbc:postgresql://postgres-rw.platform-storage.svc:5432/keycloak?sslmode=verify-full&sslrootcert=/etc/keycloak/database-ca/ca.crt")
    assert role().container()["envFrom"] == [{"secretRef": {"name": "keycloak-database"}}]
    public = role()["platform_databases"] | {"keycloak": {**role()["platform_databases"]["keycloak"], "ca": {}}}
    assert "sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory" in role(platform_databases=public).env()["KC_DB_URL"]
    assert "canary" not in str(role()["__keycloak_objects"])


def test_the_world_sees_the_platforms_realm_and_neither_master_nor_the_console(role: Any) -> None:
    route = role().one("HTTPRoute")["spec"]
    assert route["parentRefs"][0]["sectionName"] == "https"
    assert route["hostnames"] == ["keycloak.mlops.localhost"]
    paths = [match["path"]["value"] for rule in route["rules"] for match in rule["matches"]]
    assert all(path == "/resources" or path.endswith("/realms/platform") for path in paths)
    shown = role(keycloak_expose_admin=True).one("HTTPRoute")["spec"]["rules"]
    assert [match["path"]["value"] for rule in shown for match in rule["matches"]] == ["/"]
    assert {backend["port"] for rule in route["rules"] for backend in rule["backendRefs"]} == {8080}, "never the management port"
    assert role(keycloak_expose="none")["__keycloak_route"] == []


def test_servers_find_one_another_and_nobody_else_may_join(role: Any) -> None:
    policy = role(keycloak_replicas=2).one("NetworkPolicy")["spec"]
    servers = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "keycloak"}}}]
    ports = [{"protocol": "TCP", "port": 7800}, {"protocol": "TCP", "port": 57800}]
    assert {"ports": ports, "from": servers} in policy["ingress"]
    assert {"ports": ports, "to": servers} in policy["egress"]
    assert role().env()["KC_CACHE_STACK"] == "jdbc-ping"


@pytest.mark.parametrize(("provider", "expected"), [({}, []), (OIDC, [443, 443]), (LDAP, [636])])
def test_an_upstream_provider_is_reached_and_nothing_else(role: Any, provider: dict[str, Any], expected: list[int]) -> None:
    rules = role(keycloak_identity_provider=provider).one("NetworkPolicy")["spec"]["egress"]
    assert [rule["ports"][0]["port"] for rule in rules if "to" not in rule] == expected


@pytest.mark.parametrize("provider", [{}, OIDC, LDAP])
def test_what_is_well_is_not_refused(role: Any, provider: dict[str, Any]) -> None:
    assert role(keycloak_identity_provider=provider).refusals() == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"issuer": ""}, "lacks issuer: without an issuer, tokens that were made for others would let people in"),
        ({"issuer": " "}, "lacks issuer: "),
        ({"issuer": None, "tokenUrl": None, "jwksUrl": ""}, "lacks issuer, tokenUrl, jwksUrl: "),
        ({"useJwksUrl": False}, "lacks publicKeySignatureVerifier: "),
        ({"validateSignature": "false"}, 'config.validateSignature is "false": a token that nobody signed would say who somebody is; '),
        ({"validateSignature": False}, "config.validateSignature is false: "),
        ({"validateSignature": "yes"}, 'config.validateSignature is "yes": '),  # Keycloak takes all but true for no
        ({"validateSignature": None}, "config.validateSignature is null: "),
        ({"tokenUrl": "http://login.example.org/token"}, "has tokenUrl without TLS: whoever is on the way could read the client's secret "),
        ({"jwksUrl": "HTTP://login.example.org/", "userInfoUrl": "http://127.0.0.1@login.example.org/"}, "has jwksUrl, userInfoUrl without TLS: "),
        ({"authorizationUrl": "http://localhost.example.org", "logoutUrl": "http://127.0.0.1:80@example.org"}, "has authorizationUrl, logoutUrl without TLS: "),
    ],
)
def test_an_upstream_provider_that_opens_what_should_be_closed_is_refused(role: Any, config: dict[str, Any], said: str) -> None:
    (line,) = role(keycloak_identity_provider=OIDC | {"config": OIDC["config"] | config}).refusals()
    assert line.startswith("keycloak_identity_provider.config")
    assert said in line
    assert "\n" not in line
    assert "canary" not in line


@pytest.mark.parametrize(
    "config",
    [
        {"useJwksUrl": "false", "publicKeySignatureVerifier": "a key", "jwksUrl": None},
        {"validateSignature": True},
        {"tokenUrl": "http://127.0.0.1:8080/token", "jwksUrl": "http://[::1]:8080", "userInfoUrl": "http://localhost"},
    ],
)
def test_a_key_that_is_given_and_a_provider_of_the_same_machine_are_well(role: Any, config: dict[str, Any]) -> None:
    assert role(keycloak_identity_provider=OIDC | {"config": OIDC["config"] | config}).refusals() == []


def test_pods_are_restricted_and_the_start_may_take_minutes(role: Any) -> None:
    for item in (role().one("Deployment"), role().one("Job", "keycloak-bootstrap")):
        spec = item["spec"]["template"]["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        (container,) = spec["containers"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert set(container["resources"]) == {"requests", "limits"}
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    probe = role().container()["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 180


def test_released_images_settle_their_options_first(role: Any) -> None:
    assert "initContainers" not in role().one("Deployment")["spec"]["template"]["spec"]
    spec = role(platform_source_effective="upstream").one("Deployment")["spec"]["template"]["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["copy", "build"]
    assert spec["containers"][0]["args"] == ["start", "--optimized"]


def test_a_changed_secret_replaces_the_servers(role: Any) -> None:
    def checksum(password: str) -> str:
        secrets = {"keycloak/keycloak-database": {"KC_DB_PASSWORD": password}}
        return role(__keycloak_secrets=secrets).one("Deployment")["spec"]["template"]["metadata"]["annotations"]["mlops.platform/checksum"]

    assert checksum("1") == checksum("1") != checksum("2")


def test_each_confidential_client_has_a_secret_and_a_web_interface_a_copy_of_its_own(role: Any) -> None:
    wanted = {(item["namespace"], item["name"]): item for item in role(gateway_protected_uis=[UI])["__keycloak_wanted_secrets"]}
    clients = {name for namespace, name in wanted if name.startswith("keycloak-client-")}
    assert clients == {f"keycloak-client-{name}" for name in ("mlflow", "mlflow-config", "pipelines", "ui-grafana")}
    assert wanted["observability", "ui-grafana"]["copy"] == {
        "namespace": "keycloak",
        "name": "keycloak-client-ui-grafana",
        "keys": {"client-secret": "client-secret"},
    }
    assert all("generate" in wanted["keycloak", name]["data"]["client-secret"] for name in clients)


@pytest.mark.parametrize(
    "settings",
    [{}, {"gateway_protected_uis": [UI]}, {"keycloak_second_factor": "required"}, {"keycloak_identity_provider": OIDC}, {"keycloak_identity_provider": LDAP}],
)
def test_the_realm_is_a_document_that_the_engine_takes(role: Any, settings: dict[str, Any]) -> None:
    document = role(**settings)["__keycloak_document"]
    found = documents.problems(document, "platform", ALL)
    for family in ALL:
        found += family.problems(family.entries(document), document)
    assert not found


def test_clients_ask_for_nothing_they_do_not_need(role: Any) -> None:
    clients = {client["clientId"]: client for client in role(gateway_protected_uis=[UI])["__keycloak_document"]["clients"]}
    assert clients.pop("admin-cli") == {"clientId": "admin-cli", "directAccessGrantsEnabled": False}
    assert not [name for name, client in clients.items() if client["directAccessGrantsEnabled"] or client["implicitFlowEnabled"] or client["fullScopeAllowed"]]
    assert not [uri for client in clients.values() for uri in client["redirectUris"] if "*" in uri]
    assert {name for name, client in clients.items() if not client["publicClient"]} == set(role(gateway_protected_uis=[UI])["__keycloak_confidential"])
    assert all(client["publicClient"] or client["secret"] for client in clients.values())
    assert clients["mlflow"]["redirectUris"] == ["https://mlflow.mlops.localhost:8443/callback"]
    assert clients["mlflow"]["attributes"]["post.logout.redirect.uris"] == "https://mlflow.mlops.localhost:8443/oidc/ui/auth"
    assert clients["ui-grafana"]["redirectUris"] == ["https://grafana.mlops.localhost:8443/oauth2/callback"]
    assert clients["ui-grafana"]["attributes"]["post.logout.redirect.uris"] == "https://grafana.mlops.localhost:8443/"
    with_audience = {name for name, client in clients.items() if "mlflow-audience" in client["defaultClientScopes"]}
    assert with_audience == {"platform-cli", "mlflow-config", "pipelines"}, "a token of another interface is none for MLflow"


def test_teams_have_their_groups_each_with_the_role_of_its_name(role: Any) -> None:
    document = role(keycloak_groups=["fraud"], mlflow_teams=[{"name": "a", "group": "team-a"}, {"name": "b", "group": "viewers"}])["__keycloak_document"]
    names = [group["name"] for group in document["groups"]]
    assert names == ["platform-admins", "ml-engineers", "data-scientists", "viewers", "fraud", "team-a"]
    assert [(group["name"], group["realmRoles"]) for group in document["groups"]] == [(name, [name]) for name in names]
    assert [one["name"] for one in document["roles"]["realm"]] == names


def test_an_inventory_adds_to_the_realm_or_replaces_it(role: Any) -> None:
    extra = {"displayName": "Ours", "clients": [{"clientId": "mlflow", "name": "Tracking"}, {"clientId": "own", "secret": "theirs"}]}
    document = role(keycloak_realm_extra=extra)["__keycloak_document"]
    clients = {client["clientId"]: client for client in document["clients"]}
    assert document["displayName"] == "Ours"
    assert (clients["mlflow"]["name"], clients["mlflow"]["standardFlowEnabled"], clients["own"]["secret"]) == ("Tracking", True, "theirs")
    own = role(keycloak_realm_config={"realm": "platform", "clients": [{"clientId": "mlflow"}]})["__keycloak_document"]
    assert own == {"realm": "platform", "clients": [{"clientId": "mlflow", "secret": "canary-mlflow"}]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"groups": [{"name": "a", "x": 1}]}, {"groups": [{"name": "b"}, {"name": "a", "y": 2}]}, {"groups": [{"name": "a", "x": 1, "y": 2}, {"name": "b"}]}),
        ({"list": ["a"]}, {"list": ["b"]}, {"list": ["b"]}),
        ({"groups": [{"name": "a"}]}, {"groups": []}, {"groups": []}),
        ({"a": 1}, {"a": None}, {"a": None}),
    ],
)
def test_realms_are_merged_by_name(old: dict[str, Any], new: dict[str, Any], expected: dict[str, Any]) -> None:
    assert realm_merged(old, new) == expected


def test_a_secret_that_the_document_gives_itself_counts() -> None:
    document = {"clients": [{"clientId": "a"}, {"clientId": "b", "secret": "own"}, {"clientId": "c"}]}
    assert [client.get("secret") for client in realm_secrets(document, {"a": "1", "b": "2"})["clients"]] == ["1", "own", None]
