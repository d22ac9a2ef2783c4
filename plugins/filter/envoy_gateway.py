# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: envoy_gateway
short_description: Fit Envoy Gateway's manifest to the platform
version_added: 0.1.0
author: The mlops.platform authors (@mlops-platform)
description:
  - Reads Envoy Gateway's own manifest and returns its objects with another image of the controller, pulled only when it is missing,
    and in another namespace.
  - The controller hands its own image to the pods of the proxy, for their shutdown manager, so both references are replaced.
  - The webhook that tells proxies on which node they run is left out, and switched off in the controller.
  - The Job that makes the controller's certificates stays after it ended, so that the same objects applied again change nothing.
  - The Namespace itself and Helm's annotations are left out.
positional: image, namespace
options:
  _input:
    description: The manifest, as YAML documents or as a JSON list of objects.
    type: str
    required: true
  image:
    description: Reference of the controller's image.
    type: str
    required: true
  namespace:
    description: Namespace for the controller.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Read the controller's objects
  ansible.builtin.set_fact:
    gateway: "{{ lookup('ansible.builtin.file', manifest) | mlops.platform.envoy_gateway('localhost/envoy-gateway:v1.9.1', 'gateway-system') }}"
"""

RETURN = r"""
_value:
  description: The objects in two lists, so that the definitions can be there before anything else.
  type: dict
  contains:
    crds:
      description: The definitions of the Gateway API and of Envoy Gateway.
      type: list
      elements: dict
    objects:
      description: Everything else.
      type: list
      elements: dict
"""

from typing import Any

import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.platform.plugins.plugin_utils.manifest import move, read

_CONFIGURATION = "envoy-gateway.yaml"
# Cluster-wide rights of the Job over the webhook; its namespace follows the colon.
_JOB_FOR_INJECTOR = "eg-gateway-helm-certgen:"


def envoy_gateway(manifest: str, image: str, namespace: str) -> dict[str, list[dict[str, Any]]]:
    """Returns the objects of the manifest with this image of the controller, in this namespace."""
    found = read(str(manifest), "envoy_gateway")
    old = _one(found, "Deployment", "envoy-gateway")["metadata"].get("namespace", "")
    crds = [item for item in found if item["kind"] == "CustomResourceDefinition"]
    objects = [_plain(move(item, old, str(namespace))) for item in found if item not in crds and item["kind"] != "Namespace"]
    objects = _without_injector(objects)
    controller, job = _one(objects, "Deployment", "envoy-gateway"), _one(objects, "Job")
    for workload in (controller, job):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            container |= {"image": str(image), "imagePullPolicy": "IfNotPresent"}
    job["spec"].pop("ttlSecondsAfterFinished", None)
    _configure(_one(objects, "ConfigMap", "envoy-gateway-config"), str(image))
    return {"crds": crds, "objects": objects}


def _one(items: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    hits = [item for item in items if item["kind"] == kind and name in ("", item["metadata"].get("name"))]
    if len(hits) != 1:
        raise AnsibleFilterError(f"envoy_gateway: the manifest has {len(hits)} objects {kind} {name} instead of one, so it is not Envoy Gateway's")
    return hits[0]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """The object itself, without what only Helm reads."""
    annotations = {name: value for name, value in (item["metadata"].pop("annotations", None) or {}).items() if not name.startswith("helm.sh/")}
    if annotations:
        item["metadata"]["annotations"] = annotations
    return item


def _without_injector(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything but the webhook for pods of the proxy, its port, and what the controller and the Job may do for it."""
    kept = [item for item in objects if item["kind"] != "MutatingWebhookConfiguration" and not item["metadata"]["name"].startswith(_JOB_FOR_INJECTOR)]
    for item in kept:
        if item["kind"] == "ClusterRole":
            item["rules"] = [rule for rule in item["rules"] if "pods/binding" not in rule["resources"]]
    service = _one(kept, "Service", "envoy-gateway")["spec"]
    container = _one(kept, "Deployment", "envoy-gateway")["spec"]["template"]["spec"]["containers"][0]
    for holder in (service, container):
        holder["ports"] = [port for port in holder["ports"] if port["name"] != "webhook"]
    _one(kept, "Job")["spec"]["template"]["spec"]["containers"][0]["args"] = ["--disable-topology-injector"]
    return kept


def _configure(config: dict[str, Any], image: str) -> None:
    configuration = yaml.safe_load(config["data"][_CONFIGURATION])
    configuration["provider"]["kubernetes"] |= {"shutdownManager": {"image": image}, "proxyTopologyInjector": {"disabled": True}}
    config["data"][_CONFIGURATION] = yaml.safe_dump(configuration)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"envoy_gateway": envoy_gateway}
