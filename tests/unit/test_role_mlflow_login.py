# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role mlflow applies where the platform has a login; tests/integration/test_mlflow_login.py runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mlflow_role import Role  # pylint: disable=wrong-import-position

LOGIN: dict[str, Any] = {
    "platform_issuer_url": "https://keycloak.mlops.localhost:8443/realms/platform",
    "platform_ca_bundle": "/state/ca.crt",
    "platform_gateway": {"namespace": "gateway-system", "name": "platform", "https_port": 8443},
    "platform_oidc_clients": {
        "mlflow": {"client_id": "mlflow", "secret": {"namespace": "keycloak", "name": "keycloak-client-mlflow", "key": "client-secret"}},
        "mlflow_config": {"client_id": "mlflow-config", "secret": {"namespace": "keycloak", "name": "keycloak-client-mlflow-config", "key": "client-secret"}},
    },
}


@pytest.fixture
def folder(repository: Path) -> Path:
    return repository / "roles" / "mlflow"


def login(folder: Path, **settings: Any) -> Role:
    return Role(folder, **LOGIN | settings)


def test_a_login_is_asked_for_where_there_is_an_identity_provider(folder: Path) -> None:
    env = login(folder).env()
    assert env["OIDC_ISSUER"] == LOGIN["platform_issuer_url"]
    assert env["OIDC_DISCOVERY_URL"] == f"{LOGIN['platform_issuer_url']}/.well-known/openid-configuration"
    assert env["OIDC_REDIRECT_URI"] == "https://mlflow.mlops.localhost:8443/callback"
    assert login(folder, platform_https_port=443).env()["OIDC_REDIRECT_URI"] == "https://mlflow.mlops.localhost/callback"
    assert (env["DEFAULT_MLFLOW_PERMISSION"], env["RESTRICT_RESOURCE_CREATION"], env["SESSION_COOKIE_SECURE"]) == ("NO_PERMISSIONS", "true", "true")
    for role in (Role(folder), login(folder, mlflow_auth="none")):
        assert not [name for name in role.env() if name.startswith("OIDC_")]


def test_the_client_secret_is_a_copy_and_in_no_object(folder: Path) -> None:
    wanted = {item["name"]: item for item in login(folder)["__mlflow_wanted_secrets"]}
    assert wanted["mlflow-login"]["copy"] == {"namespace": "keycloak", "name": "keycloak-client-mlflow", "keys": {"client-secret": "OIDC_CLIENT_SECRET"}}
    assert wanted["mlflow-session"]["data"] == {"SECRET_KEY": {"generate": {"length": 48}}}
    assert {"mlflow-login", "mlflow-session"} <= {item["secretRef"]["name"] for item in login(folder).container()["envFrom"]}
    assert not {"OIDC_CLIENT_SECRET", "SECRET_KEY"} & set(login(folder).env())


def test_the_gateway_takes_the_place_of_the_node_port(folder: Path) -> None:
    role = login(folder)
    assert role.one("Service")["spec"]["type"] == "ClusterIP"
    route = role.one("HTTPRoute")["spec"]
    assert route["parentRefs"][0]["sectionName"] == "https", "not on the listener without TLS"
    assert route["hostnames"] == ["mlflow.mlops.localhost"]
    assert role["__mlflow_url"] == "https://mlflow.mlops.localhost:8443"
    (closed,) = [rule for rule in route["rules"] if rule["matches"][0]["path"]["value"] == "/metrics"]
    assert "backendRefs" not in closed and closed["filters"][0]["extensionRef"]["name"] == role.one("HTTPRouteFilter", "mlflow-not-here")["metadata"]["name"]
    assert not [item for item in Role(folder)["__mlflow_base"] if item["kind"] == "HTTPRoute"]


@pytest.mark.parametrize(
    ("settings", "action"),
    [(LOGIN, "Allow"), (LOGIN | {"mlflow_auth": "none"}, "Allow"), ({"platform_gateway": LOGIN["platform_gateway"]}, "Deny")],
)
def test_a_server_without_a_login_is_opened_on_purpose_only(folder: Path, settings: dict[str, Any], action: str) -> None:
    assert Role(folder, **settings).one("SecurityPolicy")["spec"]["authorization"]["defaultAction"] == action


def test_the_server_reaches_the_identity_provider_and_trusts_its_ca(folder: Path) -> None:
    egress = login(folder).one("NetworkPolicy", "mlflow-services")["spec"]["egress"]
    namespaces = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for rule in egress for peer in rule.get("to", [])]
    assert "gateway-system" in namespaces
    assert {"ports": [{"protocol": "TCP", "port": 443}]} not in egress
    elsewhere = login(folder, platform_issuer_url="https://login.example.org/realms/x", platform_ca_bundle="")
    assert {"ports": [{"protocol": "TCP", "port": 443}]} in elsewhere.one("NetworkPolicy", "mlflow-services")["spec"]["egress"]
    assert {"name": "platform-ca", "configMap": {"name": "platform-ca"}} in login(folder).one("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert login(folder).env()["MLFLOW_PLATFORM_CA"] == "/etc/mlflow/platform-ca/ca.crt"
    assert "platform-ca" not in str(elsewhere.one("Deployment"))


def test_the_migration_makes_the_tables_of_the_login_too(folder: Path) -> None:
    def uri(role: Role) -> Any:
        return {item["name"]: item["value"] for item in role.one("Job")["spec"]["template"]["spec"]["containers"][0]["env"]}.get("OIDC_USERS_DB_URI")

    assert uri(login(folder)) == login(folder).env()["OIDC_USERS_DB_URI"]
    assert uri(Role(folder)) is None


def test_a_new_ca_replaces_the_servers(folder: Path) -> None:
    assert login(folder, gateway_ca_checksum="a")["__mlflow_checksum"] != login(folder, gateway_ca_checksum="b")["__mlflow_checksum"]


def test_teams_own_the_names_that_begin_with_theirs(folder: Path) -> None:
    teams = [{"name": "a.b", "group": "x"}, {"name": "c", "group": "x"}, {"name": "d", "group": "y"}]
    role = login(folder, mlflow_teams=teams)
    roles = {entry["name"]: entry["permissions"] for entry in role["__mlflow_permissions"]["roles"]}
    assert list(roles) == ["ml-engineers", "viewers", "x", "y"]
    assert {"resource_type": "experiment", "regex": r"^a\.b([-_./]|$)", "permission": "EDIT"} in roles["x"]
    assert len(roles["x"]) == 2 * len(roles["y"]) == 14
    assert role.env()["OIDC_GROUP_NAME"] == "ml-engineers,viewers,x,y"
    assert login(folder, mlflow_teams=[], mlflow_permissions_config={})["__mlflow_permissions"]["roles"] == []
