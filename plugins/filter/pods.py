# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over lists of pods: which of them serve, which are not ready, and what they run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

REVISIONS = ("pod-template-hash", "controller-revision-hash")


def serving(pods: Iterable[Mapping[str, Any]], namespaces: Iterable[str] | None = None) -> list[Mapping[str, Any]]:
    """Returns the pods that are there to serve: not those of Jobs, not finished, not on their way out."""
    wanted = None if namespaces is None else set(namespaces)
    return [
        pod
        for pod in pods
        if (wanted is None or pod["metadata"].get("namespace") in wanted)
        and not pod["metadata"].get("deletionTimestamp")
        and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        and not any(owner.get("kind") == "Job" for owner in pod["metadata"].get("ownerReferences") or [])
    ]


def not_ready(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns a line for each pod that is not ready: which, and why."""
    lines = []
    for pod in pods:
        status = pod.get("status") or {}
        conditions = {item["type"]: item for item in status.get("conditions") or []}
        if (conditions.get("Ready") or {}).get("status") == "True":
            continue
        lines.append(f"{pod['metadata'].get('namespace')}/{pod['metadata']['name']} ({_reason(status, conditions)})")
    return lines


def _reason(status: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> str:
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            return str(waiting.get("reason") or "waiting")
    for kind in ("PodScheduled", "Ready"):
        condition = conditions.get(kind) or {}
        if condition.get("status") == "False":
            return str(condition.get("reason") or kind)
    return str(status.get("phase") or "unknown")


def running(pods: Iterable[Mapping[str, Any]]) -> str:
    """Returns a hash of what the pods run: their images and the revisions of their workloads, whatever their number and names."""
    seen = set()
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        owner = next((item.get("kind", "") for item in pod["metadata"].get("ownerReferences") or []), "")
        images = sorted(container["image"] for container in pod["spec"]["containers"])
        revision = next((labels[name] for name in REVISIONS if name in labels), "")
        seen.add(json.dumps([pod["metadata"].get("namespace"), owner, revision, images]))
    return hashlib.sha256("\n".join(sorted(seen)).encode()).hexdigest()[:16]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"pods_serving": serving, "pods_not_ready": not_ready, "pods_running": running}
