# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods: which of them serve, which are not ready, what they run, and what they said."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ApiError, Client, KubeError, Resource

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


def job_output(client: Client, namespace: str, job: str) -> list[str]:
    """The lines the newest pod of a Job wrote.

    :raises KubeError: when the Job has no pod.
    """
    path = client.resource("v1", "Pod").path(namespace)
    found = client.items(path, labelSelector=f"batch.kubernetes.io/job-name={job}")
    if not found:
        raise KubeError(f"Job {namespace}/{job} has no pod: it was not started, or is long removed")
    newest = max(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    return client.text(f"{path}/{newest['metadata']['name']}/log").splitlines()


def result_of(lines: Iterable[str]) -> dict[str, Any]:
    """The last line that is a JSON object; empty where none is."""
    result: dict[str, Any] = {}
    for line in lines:
        if line.startswith("{"):
            try:
                result = json.loads(line)
            except ValueError:
                continue
    return result


def superseded(client: Client, resource: Resource, namespace: str | None, label: str, keep: Iterable[str], condition: str | None = None) -> list[str]:
    """Names of the objects that bear a label and are not among those to keep.

    :param namespace: ``None`` for all; the names, those to keep too, are then ``namespace/name``.
    :param condition: type of a condition that must be true of them, if any.
    """
    kept = set(keep)
    found = client.items(resource.path(namespace), labelSelector=label)
    if condition:
        found = [item for item in found if _true(item, condition)]
    names = [str(item["metadata"]["name"]) if namespace else f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in found]
    return sorted(name for name in names if name not in kept)


def remove(client: Client, paths: Iterable[str], seconds: float = 0) -> None:
    """Removes objects.

    :param paths: where they are in the API.
    :param seconds: how long to wait until they and what depends on them are gone; 0 leaves that to the cluster.
    :raises KubeError: when one is still there.
    """
    left = list(paths)
    for path in left:
        try:
            client.request("DELETE", path, {"propagationPolicy": "Foreground" if seconds else "Background"})
        except ApiError as exc:
            if exc.status != 404:
                raise
    deadline = time.monotonic() + seconds
    while seconds and (left := [path for path in left if client.find(path) is not None]):
        if time.monotonic() >= deadline:
            names = ", ".join(path.rpartition("/")[2] for path in left)
            raise KubeError(f"{names} still not gone after {seconds:g} s: look at what keeps its pods, or give it more time")
        time.sleep(0.5)


def _true(item: Mapping[str, Any], condition: str) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(entry["type"] == condition and entry.get("status") == "True" for entry in conditions)
