# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods serve, which are not ready, and what they run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.filter import pods as filters


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
    assert bool(filters.serving([item], ["mlflow"])) is serves


def test_all_namespaces_unless_told() -> None:
    assert len(filters.serving([pod(), pod(namespace="other")])) == 2


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
    assert filters.not_ready([item]) == lines


def test_what_runs_changes_with_images_and_revisions_only() -> None:
    one = pod(labels={"pod-template-hash": "x"})
    base = filters.running([one, pod(namespace="db", owner="Cluster")])
    assert base == filters.running([pod(namespace="db", owner="Cluster"), one, pod("a-2", labels={"pod-template-hash": "x"}, ready="False")])
    assert base != filters.running([pod(labels={"pod-template-hash": "y"}), pod(namespace="db", owner="Cluster")])
    assert base != filters.running([one, pod(namespace="db", owner="Cluster", image="i:2")])
    assert base != filters.running([one])
