# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's own manifest, read and moved to another namespace."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def read(text: str, who: str) -> list[dict[str, Any]]:
    """The objects of a manifest.

    :param text: YAML documents, or a JSON list of objects.
    :param who: name of the filter, for its errors.
    :raises AnsibleFilterError: when it can be read as neither, or holds something else.
    """
    try:
        documents = json.loads(text) if text.lstrip().startswith("[") else list(yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (ValueError, yaml.YAMLError) as exc:
        raise AnsibleFilterError(f"{who}: the manifest can be read neither as JSON nor as YAML: {exc}") from exc
    found = [item for item in documents if item]
    if not all(isinstance(item, dict) and item.get("kind") and isinstance(item.get("metadata"), dict) for item in found):
        raise AnsibleFilterError(f"{who}: the manifest holds something that is no Kubernetes object")
    return found


def move(item: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The object itself, with every mention of the old namespace replaced."""
    if item["metadata"].get("namespace") == old:
        item["metadata"]["namespace"] = new
    for subject in item.get("subjects") or []:
        if subject.get("namespace") == old:
            subject["namespace"] = new
    if item["kind"] in _WEBHOOKS:
        for webhook in item.get("webhooks") or []:
            service = webhook["clientConfig"].get("service") or {}
            if service.get("namespace") == old:
                service["namespace"] = new
    return item
