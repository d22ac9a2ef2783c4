# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role gateway applies, rendered by Ansible with the local inventory and held against the schemas of Envoy Gateway's own manifest.

The manifest is the bundle's, made first where it is missing. What only an API server knows (rules in CEL) is tried by molecule.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.mlops.platform.plugins.filter.envoy_gateway import envoy_gateway
from ansible_collections.mlops.platform.plugins.filter.objects import labelled
from ansible_collections.mlops.platform.plugins.module_utils.bundle import build, recipe, schedule, store
from ansible_collections.mlops.platform.plugins.modules.bundle import needed
from jsonschema import Draft7Validator

SOURCES = ["packages", "upstream"]
UIS = [
    {"name": "grafana", "backend": {"namespace": "observability", "service": "grafana", "port": 3000}, "groups": ["platform-admins", "viewers"]},
    {"name": "argo", "backend": {"namespace": "argo", "service": "argo-server", "port": 2746}, "groups": ["ml-engineers"]},
]
ACME = {
    "gateway_certificate_source": "acme",
    "gateway_acme": {"server": "https://acme.example/dir", "email": "a@example.org", "solvers": [{"dns01": {"route53": {"region": "eu-central-1"}}}]},
}
EXISTING = {"gateway_certificate_source": "existing-secret", "gateway_existing_secret": "wildcard"}
Render = Callable[..., Any]
CERT_MANAGER = "1.21.2"
CERT_MANAGER_SHA256 = "cfaf1fb53965a5fd60490861387b7dbf34cd40987c878a4f1e247f836eef4782"


@pytest.fixture(scope="session")
def manifest(repository: Path) -> str:
    """Path of Envoy Gateway's manifest in the cache."""
    root = repository / "bundle"
    bundle = recipe.Bundle(str(root), yaml.safe_load((root / "artifacts.yml").read_text(encoding="utf-8")))
    cache = store.Store(os.path.join(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mlops-platform"))
    names = ["envoy-gateway-manifests"]
    wanted = bundle.closure(names)
    missing = needed(wanted, names, cache)
    if missing:
        with cache.lock(lambda pid: None):
            schedule.run(wanted, missing, build.Builder(bundle, cache, build.Settings("", "podman", "")).build, cache.path, print)
    return cache.path(bundle.artifacts[names[0]])


@pytest.fixture(scope="session")
def parts(manifest: str) -> dict[str, list[dict[str, Any]]]:
    """The definitions, and all other objects of the controller."""
    return envoy_gateway(Path(manifest).read_text(encoding="utf-8"), "localhost/envoy-gateway:1", "gateway-system")


@pytest.fixture(scope="session")
def cert_manager() -> list[dict[str, Any]]:
    """The definitions of cert-manager, which is not part of what is built; from Go's module proxy."""
    module = "github.com/cert-manager/cert-manager"
    proxy = re.split(r"[,|]", os.environ.get("GOPROXY", ""))[0]
    url = f"{proxy if proxy.startswith('https://') else 'https://proxy.golang.org'}/{module}/@v/v{CERT_MANAGER}.zip"
    with urllib.request.urlopen(url, timeout=60) as answer:
        content = answer.read()
    assert hashlib.sha256(content).hexdigest() == CERT_MANAGER_SHA256
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [yaml.safe_load(archive.read(name)) for name in archive.namelist() if "/deploy/crds/" in name and name.endswith(".yaml")]


@pytest.fixture
def render(repository: Path, parts: dict[str, list[dict[str, Any]]]) -> Render:
    """Renders an expression as a play of the local inventory would, with these variables over all others."""
    role = repository / "roles" / "gateway"
    loader = DataLoader()

    def load(path: Path) -> dict[str, Any]:
        return loader.load_from_file(str(path), trusted_as_template=True)

    def rendered(expression: str, source: str = "packages", **settings: Any) -> Any:
        variables = load(repository / "roles" / "catalog" / "defaults" / "main.yml")
        for path in sorted((repository / "inventories" / "local" / "group_vars" / "all").glob("*.yml")):
            variables |= load(path)
        variables |= load(role / "defaults" / "main.yml") | load(role / "vars" / "main.yml")
        variables |= {"platform_source_effective": source, "__gateway_kept_parts": parts, "__gateway_manifest_there": True, "role_path": str(role)}
        variables |= {"ansible_search_path": [str(role)], **settings}
        loader.set_basedir(str(role))
        return Templar(loader, variables).template(trust_as_template("{{ " + expression + " }}"))

    return rendered


def pick(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    return found


def strict(schema: Any) -> Any:
    """The schema, in which a field that it does not name is an error."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if isinstance(result.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    return result


def complaints(crds: list[dict[str, Any]], item: dict[str, Any]) -> list[str]:
    """What is wrong with an object by its definition; a kind without one is an error."""
    group, _slash, version = item["apiVersion"].partition("/")
    (crd,) = [crd for crd in crds if crd["spec"]["group"] == group and crd["spec"]["names"]["kind"] == item["kind"]]
    (schema,) = [entry["schema"]["openAPIV3Schema"] for entry in crd["spec"]["versions"] if entry["name"] == version]
    schema = strict(schema)
    schema["properties"]["metadata"] = {"type": "object"}
    return [f"{item['kind']} {item['metadata']['name']}: {error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(item)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("settings", [{}, ACME, EXISTING], ids=["local-ca", "acme", "existing-secret"])
@pytest.mark.parametrize("balancer", ["node_port", "cloud", "none"])
def test_objects_are_what_their_definitions_allow(render: Render, parts: Any, source: str, settings: Any, balancer: str) -> None:
    objects = render("__gateway_objects + __gateway_ui_objects", source, gateway_protected_uis=UIS, platform_load_balancer=balancer, **settings)
    assert [line for item in labelled(objects, "gateway") for line in complaints(parts["crds"], item)] == []
    kinds = {item["kind"] for item in objects}
    assert kinds == {"EnvoyProxy", "GatewayClass", "Gateway", "HTTPRoute", "ClientTrafficPolicy", "BackendTrafficPolicy", "SecurityPolicy"}


def test_a_wrong_field_is_seen(render: Render, parts: Any) -> None:
    gateway = pick(render("__gateway_objects"), "Gateway", "platform")
    gateway["spec"]["listeners"][0]["prot"] = "HTTP"
    assert "'prot' was unexpected" in "".join(complaints(parts["crds"], gateway))


@pytest.mark.parametrize("source", SOURCES)
def test_images_are_the_catalogues(render: Render, source: str) -> None:
    images = render("platform_images", source)
    proxy = pick(render("__gateway_objects", source), "EnvoyProxy", "platform")
    assert proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]["container"]["image"] == images["envoy"]


def test_only_the_redirect_is_reached_without_tls(render: Render) -> None:
    objects = render("__gateway_objects")
    http, https = pick(objects, "Gateway", "platform")["spec"]["listeners"]
    assert (http["protocol"], http["port"], http["allowedRoutes"]) == ("HTTP", 8080, {"namespaces": {"from": "Same"}})
    assert (https["protocol"], https["port"], https["hostname"]) == ("HTTPS", 8443, "*.mlops.localhost")
    (route,) = [item["spec"] for item in objects if item["kind"] == "HTTPRoute"]
    assert route["parentRefs"][0]["sectionName"] == "http"
    assert route["rules"][0]["filters"][0]["requestRedirect"] == {"scheme": "https", "port": 8443, "statusCode": 301}


def test_a_route_is_closed_until_it_says_otherwise(render: Render) -> None:
    policy = pick(render("__gateway_objects"), "SecurityPolicy", "default-deny")["spec"]
    assert policy["authorization"] == {"defaultAction": "Deny"}
    assert policy["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "platform", "sectionName": "https"}]


def test_clients_cannot_speak_for_a_proxy_or_a_login(render: Render) -> None:
    objects = render("__gateway_objects")
    for listener in ("http", "https"):
        removed = pick(objects, "ClientTrafficPolicy", listener)["spec"]["headers"]["earlyRequestHeaders"]["remove"]
        assert {"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-User", "Remote-User"} <= set(removed)
        assert len(removed) == len(set(map(str.lower, removed))) <= 64


def test_browsers_stay_with_tls(render: Render) -> None:
    spec = pick(render("__gateway_objects"), "ClientTrafficPolicy", "https")["spec"]
    assert spec["tls"]["minVersion"] == "1.2"
    assert spec["headers"]["lateResponseHeaders"]["set"] == [{"name": "Strict-Transport-Security", "value": "max-age=31536000"}]
    assert "lateResponseHeaders" not in pick(render("__gateway_objects"), "ClientTrafficPolicy", "http")["spec"]["headers"]
    assert "lateResponseHeaders" not in pick(render("__gateway_objects", gateway_hsts_seconds=0), "ClientTrafficPolicy", "https")["spec"]["headers"]


@pytest.mark.parametrize(
    ("balancer", "kind", "patched", "traffic"),
    [("node_port", "NodePort", True, "Cluster"), ("cloud", "LoadBalancer", False, "Local"), ("none", "ClusterIP", False, "Cluster")],
)
def test_the_service_is_what_the_cluster_can_give(render: Render, balancer: str, kind: str, patched: bool, traffic: str) -> None:
    proxy = pick(render("__gateway_objects", platform_load_balancer=balancer), "EnvoyProxy", "platform")
    service = proxy["spec"]["provider"]["kubernetes"]["envoyService"]
    assert (service["name"], service["type"], "patch" in service, service["externalTrafficPolicy"]) == ("gateway", kind, patched, traffic)
    if patched:
        assert service["patch"]["value"]["spec"]["ports"] == [{"port": 8080, "nodePort": 30080}, {"port": 8443, "nodePort": 30443}]


def test_ports_of_a_proxy_without_rights_are_moved_up(render: Render) -> None:
    policies = render("lookup('ansible.builtin.template', 'policies.yml.j2') | from_yaml_all | list", platform_http_port=80, platform_https_port=443)
    rule = pick(policies, "NetworkPolicy", "gateway-proxies")["spec"]["ingress"][0]
    assert [entry["port"] for entry in rule["ports"]] == [10080, 10443] and "from" not in rule


def test_the_controller_is_complete_and_what_made_its_certificates_has_a_name_of_its_own(render: Render) -> None:
    objects = render("__gateway_base")
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects]
    assert len(names) == len(set(names)) and ("Deployment", "gateway-system", "envoy-gateway") in names
    (job,) = [name for kind, _namespace, name in names if kind == "Job"]
    assert job.startswith("gateway-certgen-") and job == render("__gateway_certgen_name")


def test_a_gateway_api_of_the_clusters_own_stays_its_own(render: Render) -> None:
    names = {item["metadata"]["name"] for item in render("__gateway_base", gateway_install_api=False)}
    assert not [name for name in names if name.endswith("gateway.networking.k8s.io")]
    assert "securitypolicies.gateway.envoyproxy.io" in names


# The login before web interfaces


def test_a_protected_interface_lets_in_its_groups_and_nobody_else(render: Render) -> None:
    objects = render("__gateway_ui_objects", gateway_protected_uis=UIS)
    spec = pick(objects, "SecurityPolicy", "ui-grafana")["spec"]
    assert spec["authorization"]["defaultAction"] == "Deny"
    (rule,) = spec["authorization"]["rules"]
    assert rule["action"] == "Allow"
    assert rule["principal"]["jwt"] == {
        "provider": "keycloak", "claims": [{"name": "groups", "valueType": "StringArray", "values": ["platform-admins", "viewers"]}],
    }  # fmt: skip
    (provider,) = spec["jwt"]["providers"]
    assert (provider["issuer"], provider["audiences"]) == ("https://keycloak.mlops.localhost:8443/realms/platform", ["ui-grafana"])


def test_browsers_go_to_public_addresses_and_the_proxy_to_the_service(render: Render) -> None:
    spec = pick(render("__gateway_ui_objects", gateway_protected_uis=UIS), "SecurityPolicy", "ui-grafana")["spec"]
    provider = spec["oidc"]["provider"]
    assert provider["authorizationEndpoint"].startswith("https://keycloak.mlops.localhost:8443/")
    assert provider["endSessionEndpoint"].startswith("https://keycloak.mlops.localhost:8443/")
    for inner in (provider["tokenEndpoint"], spec["jwt"]["providers"][0]["remoteJWKS"]["uri"]):
        assert inner.startswith("http://keycloak.keycloak.svc.cluster.local:8080/realms/platform/")
    assert spec["oidc"]["redirectURL"] == "https://grafana.mlops.localhost:8443/oauth2/callback"


def test_an_interface_never_sees_a_token(render: Render) -> None:
    route = pick(render("__gateway_ui_objects", gateway_protected_uis=UIS), "HTTPRoute", "ui-argo")
    assert route["metadata"]["namespace"] == "argo" and route["spec"]["parentRefs"][0]["sectionName"] == "https"
    assert route["spec"]["rules"][0]["filters"] == [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["Authorization"]}}]


# The certificate


def leaf(**changes: Any) -> dict[str, Any]:
    names = ["DNS:*.mlops.localhost", "DNS:mlops.localhost"]
    return {"subject_alt_name": names, "not_after": "2027", "valid_at": {"lasts": True}, **changes}


def secrets(**labels: str) -> dict[str, Any]:
    """What is found of an authority "CA" and a certificate "LEAF" with these labels."""
    authority = {"metadata": {"name": "gateway-ca", "labels": {}}, "data": {"ca.crt": "Q0E="}}
    return {"resources": [authority, {"metadata": {"name": "gateway-tls", "labels": labels}, "data": {"tls.crt": "TEVBRg=="}}]}


SIGNED = {"mlops.platform/authority": hashlib.sha256(b"CA").hexdigest()[:16]}


@pytest.mark.parametrize(
    ("found", "info", "why"),
    [
        (secrets(**SIGNED), leaf(), ""),
        (secrets(**SIGNED), leaf(subject_alt_name=["DNS:*.other.localhost", "DNS:other.localhost"]), "other names"),
        (secrets(**SIGNED), leaf(valid_at={"lasts": False}), "ends on 2027"),
        (secrets(**{"mlops.platform/authority": "of-another-one"}), leaf(), "another authority"),
        (secrets(), leaf(), "another authority"),
        ({"resources": []}, {}, "there is none"),
        ({"skipped": True}, {}, "there is none"),
    ],
)
def test_a_certificate_is_made_anew_when_it_will_not_do(render: Render, found: Any, info: dict[str, Any], why: str) -> None:
    said = render("__gateway_why", __gateway_found=found, __gateway_leaf_info=info)
    assert (why in said) if why else said == ""


def test_both_authorities_are_trusted_while_one_replaces_the_other(render: Render) -> None:
    assert render("__gateway_trusted_now", __gateway_ca_certificate="NEW\n", __gateway_ca_previous="OLD\n") == "NEW\nOLD\n"
    assert render("__gateway_trusted_now", __gateway_ca_certificate="NEW\n", __gateway_ca_previous="") == "NEW\n"
    assert render("__gateway_trusted_now", __gateway_ca_certificate="", __gateway_ca_previous="") == ""


def test_clients_are_given_an_authority_only_where_they_need_one(render: Render) -> None:
    assert render("platform_ca_bundle").endswith("/mlops/ca.crt")
    assert render("platform_ca_bundle", **ACME) == "" == render("platform_ca_bundle", **EXISTING)
    assert render("platform_ca_bundle", gateway_existing_secret_ca=True, **EXISTING).endswith("/mlops/ca.crt")


def test_cert_manager_is_asked_for_the_wildcard(render: Render, cert_manager: list[dict[str, Any]]) -> None:
    issuer, certificate = render("__gateway_acme_objects", **ACME)
    assert [line for item in (issuer, certificate) for line in complaints(cert_manager, item)] == []
    assert issuer["spec"]["acme"]["solvers"] == ACME["gateway_acme"]["solvers"]
    assert certificate["spec"]["dnsNames"] == ["*.mlops.localhost", "mlops.localhost"]
    https = pick(render("__gateway_objects", **ACME), "Gateway", "platform")["spec"]["listeners"][1]
    assert https["tls"]["certificateRefs"][0]["name"] == certificate["spec"]["secretName"]


def test_no_key_is_in_what_is_applied(render: Render) -> None:
    everything = json.dumps(render("__gateway_base + __gateway_objects + [__gateway_ca_map]", __gateway_ca_key="the-key-itself", __gateway_trusted="PUBLIC"))
    assert "the-key-itself" not in everything and "PUBLIC" in everything
