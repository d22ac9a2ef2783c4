# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: cnpg_operator
short_description: Fit CloudNativePG's manifest to the platform
version_added: 0.1.0
author: The mlops.platform authors (@mlops-platform)
description:
  - Reads CloudNativePG's own manifest and returns its objects with another image of the operator, pulled only when it is missing,
    and in another namespace.
  - The operator hands its own image to the pods it makes, so both references are replaced.
  - The Namespace itself is left out.
positional: image, namespace
options:
  _input:
    description: The manifest, as YAML documents or as a JSON list of objects.
    type: str
    required: true
  image:
    description: Reference of the operator's image.
    type: str
    required: true
  namespace:
    description: Namespace for the operator.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Read the operator's objects
  ansible.builtin.set_fact:
    objects: "{{ lookup('ansible.builtin.file', manifest) | mlops.platform.cnpg_operator('localhost/cnpg:1.30.0', 'cnpg-system') }}"
"""

RETURN = r"""
_value:
  description: The operator's objects.
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.platform.plugins.plugin_utils.manifest import move, read

_DEPLOYMENT = "cnpg-controller-manager"


def cnpg_operator(manifest: str, image: str, namespace: str) -> list[dict[str, Any]]:
    """Returns the objects of the manifest with this image of the operator, in this namespace."""
    found = read(str(manifest), "cnpg_operator")
    names = [item["metadata"]["name"] for item in found if item["kind"] == "Namespace"]
    if len(names) != 1:
        raise AnsibleFilterError(f"cnpg_operator: the manifest has {len(names)} namespaces instead of one, so it is not CloudNativePG's")
    objects = [move(item, names[0], str(namespace)) for item in found if item["kind"] != "Namespace"]
    deployments = [item for item in objects if item["kind"] == "Deployment" and item["metadata"]["name"] == _DEPLOYMENT]
    if len(deployments) != 1:
        raise AnsibleFilterError(f"cnpg_operator: the manifest has no Deployment {_DEPLOYMENT}, so it is not CloudNativePG's")
    _set_image(deployments[0]["spec"]["template"]["spec"]["containers"], str(image))
    return objects


def _set_image(containers: list[dict[str, Any]], image: str) -> None:
    replaced = 0
    for container in containers:
        container |= {"image": image, "imagePullPolicy": "IfNotPresent"}
        for variable in container.get("env") or []:
            if variable["name"] == "OPERATOR_IMAGE_NAME":
                variable["value"] = image
                replaced += 1
    if replaced != 1:
        raise AnsibleFilterError(f"cnpg_operator: OPERATOR_IMAGE_NAME is set {replaced} times in the Deployment {_DEPLOYMENT} instead of once")


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"cnpg_operator": cnpg_operator}
