# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a Kubernetes object is ready, and if not, why. Pure functions of what the API says."""

from __future__ import annotations

import typing as t

Object = dict[str, t.Any]


class State(t.NamedTuple):
    """What an object's status means.

    :ivar ready: it does what it is for.
    :ivar reason: why not; a few words, empty when it is ready.
    :ivar hopeless: waiting longer cannot help.
    """

    ready: bool
    reason: str = ""
    hopeless: bool = False


READY = State(True)


def _conditions(obj: Object) -> dict[str, dict[str, t.Any]]:
    return {entry["type"]: entry for entry in obj.get("status", {}).get("conditions") or []}


def _condition(obj: Object, name: str) -> State:
    entry = _conditions(obj).get(name)
    if entry is None:
        return State(False, f"no condition {name} yet")
    if entry.get("status") == "True":
        return READY
    return State(False, f"{name} is {entry.get('status')}: {entry.get('message') or entry.get('reason') or 'no reason given'}")


def _stale(obj: Object) -> bool:
    return obj.get("status", {}).get("observedGeneration", 0) < obj["metadata"].get("generation", 0)


def _counted(obj: Object, wanted: int, **counts: int) -> State:
    if _stale(obj):
        return State(False, "its change was not seen yet")
    short = [f"{have}/{wanted} {what}" for what, have in counts.items() if have != wanted]
    return State(False, ", ".join(short)) if short else READY


def _deployment(obj: Object) -> State:
    status, wanted = obj.get("status", {}), obj["spec"].get("replicas", 1)
    progress = _conditions(obj).get("Progressing", {})
    state = _counted(obj, wanted, updated=status.get("updatedReplicas", 0), available=status.get("availableReplicas", 0), running=status.get("replicas", 0))
    if not state.ready and progress.get("reason") == "ProgressDeadlineExceeded" and not _stale(obj):
        return State(False, f"{state.reason}; gave up: {progress.get('message', '')}")
    return state


def _stateful_set(obj: Object) -> State:
    status, wanted = obj.get("status", {}), obj["spec"].get("replicas", 1)
    updated = status.get("updatedReplicas", wanted if status.get("currentRevision") == status.get("updateRevision") else 0)
    return _counted(obj, wanted, updated=updated, ready=status.get("readyReplicas", 0))


def _daemon_set(obj: Object) -> State:
    status = obj.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    if not _stale(obj) and not wanted:
        return State(False, "no node for it yet")
    return _counted(obj, wanted, updated=status.get("updatedNumberScheduled", 0), ready=status.get("numberReady", 0))


def _job(obj: Object) -> State:
    conditions = _conditions(obj)
    if conditions.get("Failed", {}).get("status") == "True":
        return State(False, f"failed: {conditions['Failed'].get('message', '')}", hopeless=True)
    if conditions.get("Complete", {}).get("status") == "True":
        return READY
    return State(False, f"{obj.get('status', {}).get('active', 0)} pod(s) at work")


def _pod(obj: Object) -> State:
    phase = obj.get("status", {}).get("phase", "Pending")
    if phase == "Succeeded":
        return READY
    if phase == "Failed":
        why = obj["status"].get("message") or obj["status"].get("reason") or pod_trouble(obj).reason or "see its log"
        return State(False, f"failed: {why}", hopeless=True)
    state = _condition(obj, "Ready")
    return state if state.ready else State(False, pod_trouble(obj).reason or phase)


def _phase(wanted: str) -> t.Callable[[Object], State]:
    def check(obj: Object) -> State:
        phase = obj.get("status", {}).get("phase", "unknown")
        return READY if phase == wanted else State(False, f"is {phase}")

    return check


def _postgres_cluster(obj: Object) -> State:
    status, wanted = obj.get("status", {}), obj["spec"].get("instances", 1)
    if status.get("readyInstances", 0) != wanted:
        return State(False, f"{status.get('readyInstances', 0)}/{wanted} instances, {status.get('phase', 'not begun')}")
    return _condition(obj, "Ready")


def _postgres_database(obj: Object) -> State:
    status = obj.get("status", {})
    if status.get("applied") and not _stale(obj):
        return READY
    return State(False, status.get("message") or "not applied yet")


def _all_true(obj: Object, entries: list[dict[str, t.Any]], *wanted: str) -> State:
    """For what others take or serve, each of whom says for itself whether it does."""
    if not entries:
        return State(False, "nobody took it yet")
    for entry in entries:
        found = {condition["type"]: condition for condition in entry.get("conditions") or []}
        for name in wanted:
            condition = found.get(name, {})
            if condition.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
                return State(False, "its change was not seen yet")
            if condition.get("status") != "True":
                return State(False, f"{name} is {condition.get('status')}: {condition.get('message') or condition.get('reason') or 'no reason given'}")
    return READY


def _gateway(obj: Object) -> State:
    status = obj.get("status", {})
    return _all_true(obj, [status, *(status.get("listeners") or [])], "Programmed")


def _route(obj: Object) -> State:
    return _all_true(obj, obj.get("status", {}).get("parents") or [], "Accepted", "ResolvedRefs")


def _policy(obj: Object) -> State:
    return _all_true(obj, obj.get("status", {}).get("ancestors") or [], "Accepted")


_CHECKS: dict[tuple[str, str], t.Callable[[Object], State]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _phase("Bound"),
    ("", "Namespace"): _phase("Active"),
    ("", "Node"): lambda obj: _condition(obj, "Ready"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): lambda obj: _condition(obj, "Established"),
    ("apiregistration.k8s.io", "APIService"): lambda obj: _condition(obj, "Available"),
    ("gateway.networking.k8s.io", "GatewayClass"): lambda obj: _condition(obj, "Accepted"),
    ("gateway.networking.k8s.io", "Gateway"): _gateway,
    ("gateway.networking.k8s.io", "HTTPRoute"): _route,
    ("gateway.envoyproxy.io", "SecurityPolicy"): _policy,
    ("gateway.envoyproxy.io", "ClientTrafficPolicy"): _policy,
    ("gateway.envoyproxy.io", "BackendTrafficPolicy"): _policy,
    ("postgresql.cnpg.io", "Cluster"): _postgres_cluster,
    ("postgresql.cnpg.io", "Database"): _postgres_database,
}


def state(obj: Object, condition: str | None = None) -> State:
    """State of one object.

    :param condition: type of the condition that must be true, where the kind's own meaning of ready is not wanted.
    """
    if obj["metadata"].get("deletionTimestamp"):
        return State(False, "is being deleted")
    if condition:
        return _condition(obj, condition)
    group = obj["apiVersion"].rpartition("/")[0]
    check = _CHECKS.get((group, obj["kind"]))
    if check:
        return check(obj)
    for name in ("Ready", "Available"):
        if name in _conditions(obj):
            return _condition(obj, name)
    return READY  # an object without a notion of readiness is ready once it exists


# Reasons a kubelet gives that no waiting mends. A missing image or Secret may still come, so these are not among them.
_HOPELESS = {"ErrImageNeverPull", "InvalidImageName"}
_CRASHES = 5


def pod_trouble(pod: Object) -> State:
    """What keeps a pod from being ready: the first container that says so, else scheduling."""
    status = pod.get("status", {})
    for entry in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting, ended = entry.get("state", {}).get("waiting"), entry.get("state", {}).get("terminated")
        if waiting and waiting.get("reason") not in (None, "PodInitializing"):
            reason = waiting["reason"]
            last = entry.get("lastState", {}).get("terminated") or {}
            detail = f" ({last.get('reason')}, exit code {last.get('exitCode')}, {entry.get('restartCount', 0)} restarts)" if last else ""
            if not detail and waiting.get("message"):
                detail = f" ({waiting['message'][:200]})"
            given_up = reason == "CrashLoopBackOff" and entry.get("restartCount", 0) >= _CRASHES
            return State(False, f"{entry['name']} {reason}{detail}", given_up or reason in _HOPELESS)
        if ended and ended.get("exitCode"):
            return State(False, f"{entry['name']} ended with {ended['exitCode']} ({ended.get('reason', 'Error')})")
        if entry.get("started") and not entry.get("ready"):
            return State(False, f"{entry['name']} runs, its readiness probe does not pass yet")
        if entry.get("state", {}).get("running") and entry.get("started") is False and not entry.get("ready"):
            return State(False, f"{entry['name']} is starting")
    scheduled = _conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return State(False, f"not scheduled: {scheduled.get('message', '')}")
    return State(False, "")
