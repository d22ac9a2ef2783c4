# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object is ready, and what is said when it is not."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kube import diagnose, readiness, wait
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import Client


def obj(api_version: str, kind: str, spec: dict | None = None, status: dict | None = None, **metadata: t.Any) -> dict:
    head = {"name": "x", "namespace": "n", "generation": 1, **metadata}
    return {"apiVersion": api_version, "kind": kind, "metadata": head, "spec": spec or {}, "status": status or {}}


def conditions(**values: str) -> dict:
    return {"conditions": [{"type": name, "status": value, "message": "why"} for name, value in values.items()]}


def container(**state: t.Any) -> dict:
    return {"containerStatuses": [{"name": "c", **state}]}


def seen(generation: int = 1, **values: str) -> dict:
    return {"conditions": [{"type": name, "status": value, "message": "why", "observedGeneration": generation} for name, value in values.items()]}


GATEWAY, ENVOY = "gateway.networking.k8s.io/v1", "gateway.envoyproxy.io/v1alpha1"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (obj("apps/v1", "Deployment", {"replicas": 2}, {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}), None),
        (
            obj("apps/v1", "Deployment", {"replicas": 2}, {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}),
            "1/2 available",
        ),
        (obj("apps/v1", "Deployment", {"replicas": 1}, {"observedGeneration": 0, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}), "not seen yet"),
        (obj("apps/v1", "Deployment", {"replicas": 1}, {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}), "2/1 running"),
        (obj("apps/v1", "StatefulSet", {"replicas": 1}, {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1}), None),
        (obj("apps/v1", "StatefulSet", {"replicas": 1}, {"observedGeneration": 1, "updatedReplicas": 1}), "0/1 ready"),
        (obj("apps/v1", "DaemonSet", {}, {"observedGeneration": 1, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberReady": 1}), None),
        (obj("apps/v1", "DaemonSet", {}, {"observedGeneration": 1}), "no node"),
        (obj("batch/v1", "Job", {}, conditions(Complete="True")), None),
        (obj("batch/v1", "Job", {}, {"active": 1}), "1 pod(s) at work"),
        (obj("v1", "PersistentVolumeClaim", {}, {"phase": "Bound"}), None),
        (obj("v1", "PersistentVolumeClaim", {}, {"phase": "Pending"}), "is Pending"),
        (obj("v1", "Pod", {}, {"phase": "Succeeded"}), None),
        (obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, conditions(Established="True")), None),
        (obj("apiregistration.k8s.io/v1", "APIService", {}, conditions(Available="False")), "Available is False: why"),
        (obj("postgresql.cnpg.io/v1", "Cluster", {"instances": 1}, {"readyInstances": 1, **conditions(Ready="True")}), None),
        (obj("postgresql.cnpg.io/v1", "Cluster", {"instances": 2}, {"readyInstances": 1, "phase": "Creating"}), "1/2 instances, Creating"),
        (obj("postgresql.cnpg.io/v1", "Database", {}, {"applied": False, "message": "role missing"}), "role missing"),
        (obj(GATEWAY, "Gateway", {}, {**seen(Programmed="True"), "listeners": [seen(Programmed="True")]}), None),
        (obj(GATEWAY, "Gateway", {}, {**seen(Programmed="True"), "listeners": [seen(Programmed="False")]}), "Programmed is False: why"),
        (obj(GATEWAY, "Gateway", {}, seen(Programmed="True"), generation=2), "not seen yet"),
        (obj(GATEWAY, "HTTPRoute"), "nobody took it yet"),
        (obj(GATEWAY, "HTTPRoute", {}, {"parents": [seen(Accepted="True", ResolvedRefs="True")]}), None),
        (obj(GATEWAY, "HTTPRoute", {}, {"parents": [seen(Accepted="True", ResolvedRefs="False")]}), "ResolvedRefs is False: why"),
        (obj(ENVOY, "SecurityPolicy", {}, {"ancestors": [seen(Accepted="False")]}), "Accepted is False: why"),
        (obj("example.org/v1", "Thing", {}, conditions(Ready="False")), "Ready is False"),
        (obj("example.org/v1", "Thing"), None),
        (obj("example.org/v1", "Thing", deletionTimestamp="2026-01-01T00:00:00Z"), "being deleted"),
    ],
)
def test_state(what: dict, words: str | None) -> None:
    state = readiness.state(what)
    assert state.ready == (words is None)
    assert (words or "") in state.reason


def test_a_condition_of_ones_own_choice() -> None:
    assert readiness.state(obj("v1", "Pod", {}, conditions(Ready="False", Initialized="True")), "Initialized").ready


@pytest.mark.parametrize(
    ("status", "words", "hopeless"),
    [
        (container(state={"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}), "c ImagePullBackOff (no such image)", False),
        (container(state={"waiting": {"reason": "ErrImageNeverPull"}}), "ErrImageNeverPull", True),
        (
            container(state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=2, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}}),
            "OOMKilled",
            False,
        ),
        (container(state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=5), "CrashLoopBackOff", True),
        (container(state={"running": {}}, started=True, ready=False), "readiness probe", False),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]}, "not scheduled: 0/1 nodes", False),
    ],
)
def test_trouble_of_a_pod(status: dict, words: str, hopeless: bool) -> None:
    trouble = readiness.pod_trouble(obj("v1", "Pod", {}, status))
    assert words in trouble.reason and trouble.hopeless == hopeless


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "SAY_EVERY", 0.0)


def api(answers: dict[str, t.Any], log: bytes = b"") -> Client:
    """A client of an API that knows these addresses and, of every pod, this log."""

    def send(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if "/log?" in path:
            return 200, log
        return (200, json.dumps(answers[path]).encode()) if path in answers else (404, b"{}")

    return Client(send)


def listed(kind: str, *items: dict) -> dict:
    return {"kind": f"{kind}List", "apiVersion": "v1", "items": list(items)}


def event(reason: str, message: str, when: str = "2026") -> dict:
    return {"metadata": {"creationTimestamp": when}, "involvedObject": {"name": "x-1"}, "type": "Warning", "reason": reason, "message": message}


def test_a_failed_job_ends_the_wait_with_events_and_the_log_of_its_last_pod() -> None:
    job = obj("batch/v1", "Job", {"selector": {"matchLabels": {"job-name": "x"}}}, conditions(Failed="True"))
    failed = {"phase": "Failed", **container(state={"terminated": {"exitCode": 1}})}
    pods = [obj("v1", "Pod", {}, failed, name=f"x-{number}", creationTimestamp=f"202{number}") for number in (0, 1)]
    answers = {
        "/apis/batch/v1": {"resources": [{"name": "jobs", "kind": "Job", "namespaced": True, "verbs": []}]},
        "/apis/batch/v1/namespaces/n/jobs/x": job,
        "/api/v1/namespaces/n/pods?labelSelector=job-name%3Dx": listed("Pod", *pods),
        "/api/v1/namespaces/n/events": listed("Event", event("BackOff", "once more")),
    }
    target = wait.Target("batch/v1", "Job", "n", "x", None, None)
    with pytest.raises(wait.WaitError) as caught:
        wait.Waiter(api(answers, b"cannot reach the database\n"), lambda line: None, 0.01).wait([target], 30)
    for words in ("Job n/x: will not become ready", "failed: why", "x-1: failed: c ended with 1", "Warning BackOff: once more", "cannot reach the database"):
        assert words in str(caught.value)
    assert "x-0" not in str(caught.value)


def test_waiting_ends_when_it_is_hopeless_for_any() -> None:
    claim = obj("v1", "PersistentVolumeClaim", {}, {"phase": "Pending"})
    answers = {
        "/api/v1": {"resources": [{"name": kind.lower() + "s", "kind": kind, "namespaced": True, "verbs": []} for kind in ("Pod", "PersistentVolumeClaim")]},
        "/api/v1/namespaces/n/persistentvolumeclaims/x": claim,
        "/api/v1/namespaces/n/pods/x": obj("v1", "Pod", {}, {"phase": "Failed", "reason": "Evicted"}),
        "/api/v1/namespaces/n/events": listed("Event"),
    }
    targets = [wait.Target("v1", kind, "n", "x", None, None) for kind in ("PersistentVolumeClaim", "Pod")]
    with pytest.raises(wait.WaitError, match="Pod n/x: will not become ready") as caught:
        wait.Waiter(api(answers), lambda line: None, 0.01).wait(targets, 30)
    assert "PersistentVolumeClaim" not in str(caught.value), "that one may still come"


STARTING = container(state={"running": {"startedAt": "1"}}, started=False)
PULLING = container(state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling"}})


@pytest.mark.parametrize(
    ("status", "events", "words"),
    [
        (STARTING, [event("Pulled", "there", "1"), event("Unhealthy", "no answer", "2")], "c is starting; last event Unhealthy: no answer"),
        (STARTING, [event("FailedMount", "no Secret", "1"), event("Started", "began", "2")], "c is starting; last event Started: began"),
        ({"phase": "Pending"}, [event("Failed", "no Secret")], "Pending; last event Failed: no Secret"),
        ({"phase": "Pending"}, [], "Pending"),
        (PULLING, [event("BackOff", "Back-off pulling")], "c ImagePullBackOff (Back-off pulling)"),
    ],
)
def test_a_wait_says_pod_reason_and_last_event(status: dict, events: list[dict], words: str) -> None:
    deployment = obj("apps/v1", "Deployment", {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}}, {"observedGeneration": 1})
    answers = {
        "/api/v1/namespaces/n/pods?labelSelector=a%3Db": listed("Pod", obj("v1", "Pod", {}, status, name="x-1", creationTimestamp="2026")),
        "/api/v1/namespaces/n/events": listed("Event", *events),
    }
    said, hopeless = diagnose.brief(api(answers), deployment, readiness.State(False, "0/1 available"))
    assert (said, hopeless) == (f"0/1 available; pod x-1: {words}", False)


def test_pods_of_a_postgres_cluster_are_found_by_its_label() -> None:
    assert diagnose.selector(obj("postgresql.cnpg.io/v1", "Cluster")) == "cnpg.io/cluster=x"
    assert diagnose.selector(obj("v1", "Service", {"selector": {"app": "x"}})) == ""
