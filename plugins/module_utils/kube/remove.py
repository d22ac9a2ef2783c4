# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes everything of one component, and waits until it is gone."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ApiError, Client, Json, KubeError, Resource, title
from ansible_collections.mlops.platform.plugins.module_utils.kube.labels import COMPONENT, PART_OF

_PART_OF = "app.kubernetes.io/part-of"
LINE_SECONDS = 5.0
# They go with what they belong to, or are no declarations.
_SKIPPED = {"Event", "Endpoints", "EndpointSlice", "ControllerRevision", "ReplicaSet", "PodMetrics", "NodeMetrics", "ComponentStatus", "Node"}
# Custom ones, whatever their name says: the controller of gateways holds its classes by a finalizer until it let go of them.
_CUSTOM = ("gateway.networking.k8s.io",)
_BUILT_IN = ("", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io", "scheduling.k8s.io")


class Found(t.NamedTuple):
    """An object to remove, and when: lower stages go first."""

    stage: int
    path: str
    title: str


def stage_of(resource: Resource) -> int:
    """Custom objects before the operators that clear them away, namespaces before what spans the cluster, definitions of kinds last."""
    if resource.kind == "CustomResourceDefinition":
        return 4
    if resource.kind == "Namespace":
        return 2
    group = resource.api_version.rpartition("/")[0]
    if resource.namespaced:
        return 1 if group in _BUILT_IN else 0
    return 3 if group in _BUILT_IN or (group.endswith(".k8s.io") and group not in _CUSTOM) else 0


def owned(item: Json) -> bool:
    """Whether something else makes and removes the object."""
    return any(owner.get("controller") for owner in (item.get("metadata") or {}).get("ownerReferences") or [])


def find(client: Client, component: str, namespaces: list[str]) -> list[Found]:
    """All objects of a component: in the namespaces, the namespaces themselves, and what spans the cluster."""
    selector = f"{_PART_OF}={PART_OF[_PART_OF]},{COMPONENT}={component}"
    found = []
    for resource in client.all_resources():
        if resource.kind in _SKIPPED or not {"list", "delete"} <= set(resource.verbs):
            continue
        for item in client.items(resource.path(), labelSelector=selector):
            metadata = item["metadata"]
            space = metadata["name"] if resource.kind == "Namespace" else metadata.get("namespace")
            if owned(item) or (space is not None and space not in namespaces):
                continue
            found.append(Found(stage_of(resource), resource.path(metadata.get("namespace"), metadata["name"]), title({**item, "kind": resource.kind})))
    return sorted(found)


class Remover:
    """Removes objects stage by stage."""

    def __init__(self, client: Client, say: t.Callable[[str], object], timeout: float) -> None:
        self._client = client
        self._say = say
        self._timeout = timeout

    def remove(self, objects: list[Found]) -> None:
        """Returns when all are gone.

        :raises KubeError: when some are still there after the time, with what holds them.
        """
        deadline = time.monotonic() + self._timeout
        for stage in sorted({item.stage for item in objects}):
            batch = [item for item in objects if item.stage == stage]
            for item in batch:
                self._delete(item)
            self._wait(batch, deadline)

    def _delete(self, item: Found) -> None:
        try:
            self._client.request("DELETE", item.path, {"propagationPolicy": "Background"})
        except ApiError as exc:
            if exc.status not in (404, 409):
                raise
        self._say(f"removed: {item.title}")

    def _wait(self, batch: list[Found], deadline: float) -> None:
        began = last = time.monotonic()
        left = list(batch)
        while left:
            there = [(item, self._client.find(item.path)) for item in left]
            left = [item for item, state in there if state is not None]
            now = time.monotonic()
            if left and now > deadline:
                held = "; ".join(f"{item.title} ({holder(state)})" for item, state in there if state is not None)
                raise KubeError(f"still there after {self._timeout:.0f} s: {held}")
            if left and now - last >= LINE_SECONDS:
                first, state = next((item, state) for item, state in there if state is not None)
                more = f" and {len(left) - 1} more" if len(left) > 1 else ""
                self._say(f"waiting until gone: {first.title} ({holder(state)}){more}, {now - began:.0f} s")
                last = now
            if left:
                time.sleep(0.5)


def holder(item: Json) -> str:
    """What keeps an object from going away."""
    if not item["metadata"].get("deletionTimestamp"):
        return "made again by somebody"
    finalizers = item["metadata"].get("finalizers") or (item.get("spec") or {}).get("finalizers") or []
    telling = [entry.get("message") or "" for entry in (item.get("status") or {}).get("conditions") or [] if entry.get("status") == "True"]
    return "; ".join([f"held by {', '.join(finalizers)}" if finalizers else "being removed", *(" ".join(text.split())[:200] for text in telling if text)][:3])
