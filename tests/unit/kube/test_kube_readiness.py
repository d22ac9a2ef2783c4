# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object is ready, and what is said when it is not."""

from __future__ import annotations

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
            container(
                state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=2, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}}
            ),
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


def test_a_failed_job_ends_the_wait_with_events_and_log(monkeypatch: pytest.MonkeyPatch) -> None:
    job = obj("batch/v1", "Job", {"selector": {"matchLabels": {"job-name": "x"}}}, conditions(Failed="True"))
    pod = obj("v1", "Pod", {}, {"phase": "Failed", "reason": "Error", **container(state={"terminated": {"exitCode": 1}})}, name="x-1", creationTimestamp="2026")
    event = {"metadata": {"creationTimestamp": "2026"}, "involvedObject": {"name": "x-1"}, "type": "Warning", "reason": "BackOff", "message": "once more"}
    answers: dict[str, t.Any] = {
        "/apis/batch/v1": {"resources": [{"name": "jobs", "kind": "Job", "namespaced": True, "verbs": []}]},
        "/apis/batch/v1/namespaces/n/jobs/x": job,
        "/api/v1/namespaces/n/pods?labelSelector=job-name%3Dx": {"kind": "PodList", "apiVersion": "v1", "items": [pod]},
        "/api/v1/namespaces/n/events": {"kind": "EventList", "apiVersion": "v1", "items": [event]},
    }

    def send(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        import json

        if "/log?" in path:
            return 200, b"cannot reach the database\n"
        return (200, json.dumps(answers[path]).encode()) if path in answers else (404, b"{}")

    target = wait.Target("batch/v1", "Job", "n", "x", None, None)
    with pytest.raises(wait.WaitError) as caught:
        wait.Waiter(Client(send), lambda line: None, 0.01).wait([target], 30)
    for words in ("Job n/x: will not become ready", "failed: why", "Warning BackOff: once more", "cannot reach the database"):
        assert words in str(caught.value)


def test_pods_of_a_postgres_cluster_are_found_by_its_label() -> None:
    assert diagnose.selector(obj("postgresql.cnpg.io/v1", "Cluster")) == "cnpg.io/cluster=x"
    assert diagnose.selector(obj("v1", "Service", {"selector": {"app": "x"}})) == ""
