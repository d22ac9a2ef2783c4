# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of Envoy Gateway's own manifest, which both sources have."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.platform.plugins.filter.envoy_gateway import envoy_gateway

OLD = "envoy-gateway-system"
HOOK = {"annotations": {"helm.sh/hook": "pre-install"}}
CONFIGURATION = {
    "kind": "EnvoyGateway",
    "provider": {"type": "Kubernetes", "kubernetes": {"rateLimitDeployment": {}, "shutdownManager": {"image": "docker.io/gateway:1"}}},
}
CONTROLLER_RULES = [{"resources": ["nodes"], "verbs": ["get"]}, {"resources": ["pods", "pods/binding"], "verbs": ["patch"]}]


def workload(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "envoy-gateway", "image": "docker.io/gateway:1", "imagePullPolicy": "Always", "ports": [{"name": "grpc"}, {"name": "webhook"}]}
    return {"kind": kind, "metadata": {"name": name, "namespace": OLD, **HOOK}, "spec": {"template": {"spec": {"containers": [container]}}, **spec}}


def manifest() -> list[dict[str, Any]]:
    subjects = [{"kind": "ServiceAccount", "name": "envoy-gateway", "namespace": OLD}]
    return [
        {"kind": "Namespace", "metadata": {"name": OLD}},
        {"kind": "CustomResourceDefinition", "metadata": {"name": "gateways.gateway.networking.k8s.io", "annotations": {"channel": "experimental"}}},
        {"kind": "ConfigMap", "metadata": {"name": "envoy-gateway-config", "namespace": OLD}, "data": {"envoy-gateway.yaml": yaml.safe_dump(CONFIGURATION)}},
        {"kind": "ClusterRole", "metadata": {"name": "eg-gateway-helm-envoy-gateway-role"}, "rules": CONTROLLER_RULES},
        {"kind": "ClusterRoleBinding", "metadata": {"name": "eg-gateway-helm-envoy-gateway-rolebinding"}, "subjects": subjects},
        {"kind": "Service", "metadata": {"name": "envoy-gateway", "namespace": OLD}, "spec": {"ports": [{"name": "grpc"}, {"name": "webhook"}]}},
        workload("Deployment", "envoy-gateway"),
        {"kind": "ClusterRole", "metadata": {"name": f"eg-gateway-helm-certgen:{OLD}", **HOOK}, "rules": [{"resources": ["mutatingwebhookconfigurations"]}]},
        {"kind": "ClusterRoleBinding", "metadata": {"name": f"eg-gateway-helm-certgen:{OLD}", **HOOK}, "subjects": subjects},
        workload("Job", "eg-gateway-helm-certgen", ttlSecondsAfterFinished=30),
        {"kind": "MutatingWebhookConfiguration", "metadata": {"name": f"envoy-gateway-topology-injector.{OLD}", **HOOK}, "webhooks": []},
    ]


@pytest.fixture
def made() -> dict[str, list[dict[str, Any]]]:
    return envoy_gateway(json.dumps(manifest()), "localhost/envoy-gateway:2", "gateway-system")


def pick(made: dict[str, list[dict[str, Any]]], kind: str) -> dict[str, Any]:
    (found,) = [item for item in made["objects"] if item["kind"] == kind]
    return found


def test_definitions_are_apart_and_as_they_were(made) -> None:
    assert made["crds"] == [item for item in manifest() if item["kind"] == "CustomResourceDefinition"]
    assert "CustomResourceDefinition" not in {item["kind"] for item in made["objects"]}


def test_the_controller_runs_the_platforms_image_in_the_platforms_namespace(made) -> None:
    for kind in ("Deployment", "Job"):
        (container,) = pick(made, kind)["spec"]["template"]["spec"]["containers"]
        assert (container["image"], container["imagePullPolicy"]) == ("localhost/envoy-gateway:2", "IfNotPresent")
    everything = json.dumps(made["objects"])
    assert OLD not in everything and "docker.io" not in everything and "helm.sh" not in everything
    assert "Namespace" not in {item["kind"] for item in made["objects"]}


def test_proxies_get_the_same_image_for_their_shutdown_manager(made) -> None:
    kubernetes = yaml.safe_load(pick(made, "ConfigMap")["data"]["envoy-gateway.yaml"])["provider"]["kubernetes"]
    assert kubernetes == {"rateLimitDeployment": {}, "shutdownManager": {"image": "localhost/envoy-gateway:2"}, "proxyTopologyInjector": {"disabled": True}}


def test_nothing_is_left_of_the_webhook_and_of_the_rights_it_needs(made) -> None:
    assert "MutatingWebhookConfiguration" not in {item["kind"] for item in made["objects"]}
    assert pick(made, "ClusterRole")["rules"] == CONTROLLER_RULES[:1]
    assert pick(made, "ClusterRoleBinding")["metadata"]["name"] == "eg-gateway-helm-envoy-gateway-rolebinding"
    assert pick(made, "Service")["spec"]["ports"] == [{"name": "grpc"}]
    assert pick(made, "Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"name": "grpc"}]
    assert pick(made, "Job")["spec"]["template"]["spec"]["containers"][0]["args"] == ["--disable-topology-injector"]


def test_the_job_stays_so_that_a_second_run_changes_nothing(made) -> None:
    assert "ttlSecondsAfterFinished" not in pick(made, "Job")["spec"]


def test_yaml_and_json_give_the_same(made) -> None:
    assert envoy_gateway(yaml.safe_dump_all(manifest()), "localhost/envoy-gateway:2", "gateway-system") == made


@pytest.mark.parametrize("without", ["Deployment", "Job", "ConfigMap", "Service"])
def test_another_manifest_is_refused_in_one_line(without: str) -> None:
    text = json.dumps([item for item in manifest() if item["kind"] != without])
    with pytest.raises(AnsibleFilterError, match=f"envoy_gateway: the manifest has 0 objects {without} .*not Envoy Gateway's") as caught:
        envoy_gateway(text, "i", "n")
    assert "\n" not in str(caught.value)
