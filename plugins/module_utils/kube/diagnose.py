# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person would look at when something does not become ready: its pods, their events, their last lines."""

from __future__ import annotations

from . import readiness
from .client import Client, KubeError
from .readiness import Object

LOG_LINES = 20
EVENTS = 5
PODS = 3
EVENT_LENGTH = 200


def selector(obj: Object) -> str:
    """Label selector of the pods an object owns; empty when it has none. Pure."""
    if obj["kind"] == "Cluster" and obj["apiVersion"].startswith("postgresql.cnpg.io/"):
        return f"cnpg.io/cluster={obj['metadata']['name']}"
    labels = (obj.get("spec", {}).get("selector") or {}).get("matchLabels") if isinstance(obj.get("spec", {}).get("selector"), dict) else None
    if obj["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job") and labels:
        return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return ""


def pods(api: Client, obj: Object) -> list[Object]:
    """Pods of an object that are not ready, newest first."""
    if obj["kind"] == "Pod":
        return [obj]
    labels = selector(obj)
    if not labels:
        return []
    found = api.items(f"/api/v1/namespaces/{obj['metadata']['namespace']}/pods", labelSelector=labels)
    waiting = [pod for pod in found if not readiness.state(pod).ready]
    return sorted(waiting, key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)


def _when(event: Object) -> str:
    return event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"] or ""


def events(api: Client, obj: Object) -> list[str]:
    """The last events of an object and of what bears its name (a Deployment's ReplicaSet and pods), oldest first."""
    namespace, name = obj["metadata"].get("namespace"), obj["metadata"]["name"]
    if not namespace:
        return []
    found = api.items(f"/api/v1/namespaces/{namespace}/events")
    own = [event for event in found if event["involvedObject"].get("name", "").startswith(name)]
    own.sort(key=_when)
    texts = [f"{event.get('type', '')} {event.get('reason', '')}: {' '.join((event.get('message') or '').split())}" for event in own]
    return list(dict.fromkeys(texts))[-EVENTS:]


def last_event(api: Client, obj: Object) -> str:
    """Reason and message of the last event, warning or not; empty where there is none."""
    return (events(api, obj) or [""])[-1].partition(" ")[2][:EVENT_LENGTH]


def _log(api: Client, pod: Object, container: str, previous: bool) -> list[str]:
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/log"
    try:
        return api.text(path, container=container, tailLines=LOG_LINES, previous="true" if previous else None).splitlines()
    except KubeError:
        return []


def report(api: Client, obj: Object) -> list[str]:
    """Lines for a failure message: events, and for each pod that is not ready why, and the end of its log."""
    lines = [f"  event: {text}" for text in events(api, obj)]
    # The pods of a Job fail one after the other, and the last one says it all.
    for pod in pods(api, obj)[: 1 if obj["kind"] == "Job" else PODS]:
        lines.append(f"  pod {pod['metadata']['name']}: {readiness.state(pod).reason}")
        if pod is not obj:
            lines += [f"    event: {text}" for text in events(api, pod)]
        status = pod.get("status", {})
        for entry in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
            if entry.get("ready") or (entry.get("state", {}).get("terminated") or {}).get("exitCode") == 0:
                continue
            restarted = bool(entry.get("restartCount")) and not entry.get("state", {}).get("running")
            tail = _log(api, pod, entry["name"], previous=restarted) or _log(api, pod, entry["name"], previous=False)
            if tail:
                lines.append(f"    last lines of {entry['name']}:")
                lines += [f"      {line[:300]}" for line in tail]
    return lines


def brief(api: Client, obj: Object, state: readiness.State) -> tuple[str, bool]:
    """One line on why an object is not ready: its state, its newest pod's, the last event; and whether waiting is hopeless."""
    waiting = pods(api, obj)
    parts: list[str] = [state.reason]
    hopeless = state.hopeless
    if waiting:
        trouble = readiness.pod_trouble(waiting[0])
        hopeless = hopeless or (trouble.hopeless and not waiting[0]["metadata"].get("deletionTimestamp"))
        if waiting[0] is not obj:
            parts.append(f"pod {waiting[0]['metadata']['name']}: {trouble.reason or waiting[0].get('status', {}).get('phase', 'Pending')}")
    event = last_event(api, waiting[0] if waiting else obj)
    if event and event.partition(": ")[2] not in parts[-1]:
        parts.append(f"last event {event}")
    return "; ".join(part for part in parts if part), hopeless
