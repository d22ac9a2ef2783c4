# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods serve, which are not ready, what they run, and what they said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils import pods
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import KubeError


def pod(name: str = "a-1", *, namespace: str = "mlflow", owner: str = "ReplicaSet", ready: str = "True", image: str = "i:1", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": more.get("labels", {}), "ownerReferences": [{"kind": owner}]}
        | ({"deletionTimestamp": "now"} if more.get("leaving") else {}),
        "spec": {"containers": [{"image": image}]},
        "status": {"phase": more.get("phase", "Running"), "conditions": [{"type": "Ready", "status": ready, "reason": "ContainersNotReady"}]}
        | more.get("status", {}),
    }


@pytest.mark.parametrize(
    ("item", "serves"),
    [
        (pod(), True),
        (pod(ready="False"), True),
        (pod(owner="Job"), False),
        (pod(phase="Succeeded"), False),
        (pod(phase="Failed"), False),
        (pod(leaving=True), False),
        (pod(namespace="kube-system"), False),
        (pod(owner="Cluster", phase="Pending"), True),
    ],
)
def test_who_serves(item: dict[str, Any], serves: bool) -> None:
    assert bool(pods.serving([item], ["mlflow"])) is serves


def test_all_namespaces_unless_told() -> None:
    assert len(pods.serving([pod(), pod(namespace="other")])) == 2


@pytest.mark.parametrize(
    ("item", "lines"),
    [
        (pod(), []),
        (pod(ready="False"), ["mlflow/a-1 (ContainersNotReady)"]),
        (
            pod(ready="False", status={"containerStatuses": [{"state": {"running": {}}}, {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
            ["mlflow/a-1 (CrashLoopBackOff)"],
        ),
        (pod(status={"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}), ["mlflow/a-1 (Unschedulable)"]),
        (pod(phase="Pending", status={"conditions": []}), ["mlflow/a-1 (Pending)"]),
    ],
)
def test_who_is_not_ready_and_why(item: dict[str, Any], lines: list[str]) -> None:
    assert pods.not_ready([item]) == lines


def test_what_runs_changes_with_images_and_revisions_only() -> None:
    one = pod(labels={"pod-template-hash": "x"})
    base = pods.running([one, pod(namespace="db", owner="Cluster")])
    assert base == pods.running([pod(namespace="db", owner="Cluster"), one, pod("a-2", labels={"pod-template-hash": "x"}, ready="False")])
    assert base != pods.running([pod(labels={"pod-template-hash": "y"}), pod(namespace="db", owner="Cluster")])
    assert base != pods.running([one, pod(namespace="db", owner="Cluster", image="i:2")])
    assert base != pods.running([one])


KINDS = {"v1": [("Namespace", "namespaces", False), ("Pod", "pods", True)], "batch/v1": [("Job", "jobs", True)]}


def labelled(api_version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "n", "creationTimestamp": name[-1]}}


def test_a_job_speaks_through_its_newest_pod(api_with: Any) -> None:
    label = {"batch.kubernetes.io/job-name": "train"}
    items = [labelled("v1", "Pod", f"train-{number}") for number in (1, 3, 2)]
    for item in items:
        item["metadata"]["labels"] = label
    api = api_with(*items, kinds=KINDS)
    api.hook = lambda _method, path: (200, "said") if path == "/api/v1/namespaces/n/pods/train-3/log" else None
    assert pods.job_output(api.client, "n", "train") == ['"said"']
    with pytest.raises(KubeError, match="n/predict has no pod"):
        pods.job_output(api.client, "n", "predict")


@pytest.mark.parametrize(
    ("lines", "result"),
    [([], {}), (["hello"], {}), (["{broken", '{"a": 1}', "bye"], {"a": 1}), (['{"a": 1}', '{"a": 2}'], {"a": 2}), (['{"a": 1}', "{b}"], {"a": 1})],
)
def test_the_result_is_the_last_line_of_json(lines: list[str], result: dict[str, Any]) -> None:
    assert pods.result_of(lines) == result


def test_only_what_bears_the_label_and_is_not_kept_is_superseded(api_with: Any) -> None:
    jobs = [labelled("batch/v1", "Job", name) for name in ("old-1", "old-2", "new", "other")]
    for job in jobs[:3]:
        job["metadata"]["labels"] = {"migration": "yes"}
    api = api_with(*jobs, kinds=KINDS)
    client = api.client
    assert pods.superseded(client, client.resource("batch/v1", "Job"), "n", "migration=yes", ["new"]) == ["old-1", "old-2"]
    assert pods.superseded(client, client.resource("batch/v1", "Job"), None, "migration=yes", ["n/new", "old-1"]) == ["n/old-1", "n/old-2"]


def test_what_failed_is_told_from_what_is_done_or_at_work(api_with: Any) -> None:
    jobs = [labelled("batch/v1", "Job", name) for name in ("done", "failed", "at-work", "once-failed")]
    for job, conditions in zip(jobs, ({"Complete": "True"}, {"FailureTarget": "True", "Failed": "True"}, None, {"Failed": "False"}), strict=True):
        job["metadata"]["labels"] = {"migration": "yes"}
        job["status"] = {"conditions": conditions and [{"type": name, "status": value} for name, value in conditions.items()]}
    client = api_with(*jobs, kinds=KINDS).client
    assert pods.superseded(client, client.resource("batch/v1", "Job"), "n", "migration=yes", [], "Failed") == ["failed"]
    assert pods.superseded(client, client.resource("batch/v1", "Job"), "n", "migration=yes", ["failed"], "Failed") == []


def job_paths(client: Any, *names: str) -> list[str]:
    return [client.resource("batch/v1", "Job").path("n", name) for name in names]


def test_what_is_removed_may_be_waited_for(api_with: Any) -> None:
    api = api_with(*(labelled("batch/v1", "Job", name) for name in ("one", "two")), kinds=KINDS)
    client = api.client
    paths = job_paths(client, "one", "two", "never-there")
    pods.remove(client, paths, 5)
    assert not [path for path in paths if client.find(path)]
    assert [line.split()[0] for line in api.writes()] == ["DELETE"] * 3


def test_what_does_not_go_is_named(api_with: Any) -> None:
    api = api_with(labelled("batch/v1", "Job", "stuck"), kinds=KINDS)
    api.hook = lambda method, path: (200, {}) if method == "DELETE" else None
    client = api.client
    with pytest.raises(KubeError, match=r"^stuck still not gone after 0.1 s: look at what keeps its pods"):
        pods.remove(client, job_paths(client, "stuck"), 0.1)
