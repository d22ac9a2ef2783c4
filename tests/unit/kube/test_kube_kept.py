# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects need not be applied again. kept_deployment.json is what Kubernetes 1.35 showed after the declared object was applied."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kube.kept import is_kept

Json = dict[str, Any]
SEEN = json.loads(Path(__file__).with_name("kept_deployment.json").read_text(encoding="utf-8"))


def pod(item: Json) -> Any:
    return item["spec"]["template"]["spec"]


def kept(declare: Callable[[Json], object] = lambda item: None, change: Callable[[Json], object] = lambda item: None, manager: str = "mlops-platform") -> bool:
    declared, live = copy.deepcopy(SEEN["declared"]), copy.deepcopy(SEEN["live"])
    declare(declared)
    change(live)
    return is_kept(declared, live, manager)


def test_what_was_applied_is_kept() -> None:
    assert kept()


@pytest.mark.parametrize(
    "declare",
    [
        pytest.param(lambda item: item["spec"].update(replicas=1), id="value"),
        pytest.param(lambda item: item["spec"].update(replicas=False), id="false is not 0"),
        pytest.param(lambda item: item["spec"].pop("replicas"), id="field left out"),
        pytest.param(lambda item: item["spec"].update(paused=True), id="field more"),
        pytest.param(lambda item: item["metadata"].pop("labels"), id="map left out"),
        pytest.param(lambda item: item["metadata"]["labels"].update(b="2"), id="key more"),
        pytest.param(lambda item: pod(item)["containers"].pop(), id="item left out"),
        pytest.param(lambda item: pod(item)["containers"].append({"name": "t", "image": "none:4"}), id="item more"),
        pytest.param(lambda item: pod(item)["containers"].reverse(), id="another order"),
        pytest.param(lambda item: pod(item)["containers"][0].pop("env"), id="list left out"),
        pytest.param(lambda item: pod(item)["tolerations"][0].update(effect="NoSchedule"), id="in a list applied as a whole"),
        pytest.param(lambda item: item.update(apiVersion="apps/v2"), id="another version"),
    ],
)
def test_another_declaration_is_applied(declare: Callable[[Json], object]) -> None:
    assert not kept(declare=declare)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda item: item["metadata"]["labels"].pop("a"), id="label removed"),
        pytest.param(lambda item: item["spec"].update(replicas=3), id="scaled"),
        pytest.param(lambda item: pod(item)["containers"].pop(), id="container removed"),
        pytest.param(lambda item: pod(item)["containers"][0]["args"].append("--y"), id="argument added"),
        pytest.param(lambda item: pod(item)["tolerations"][0].update(effect="NoSchedule"), id="toleration edited"),
        # Whoever changes a field takes it over.
        pytest.param(lambda item: item["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"].pop("f:replicas"), id="taken over"),
        pytest.param(lambda item: item["metadata"].pop("managedFields"), id="nobody's"),
    ],
)
def test_what_somebody_changed_is_applied(change: Callable[[Json], object]) -> None:
    assert not kept(change=change)


def test_what_others_add_does_not_matter() -> None:
    assert kept(change=lambda item: item["metadata"]["labels"].update(theirs="x"))
    assert kept(change=lambda item: pod(item)["containers"][0].update(terminationMessagePath="/dev/elsewhere"))
    assert kept(change=lambda item: pod(item)["containers"].append({"name": "sidecar", "image": "theirs"}))


def test_each_manager_has_its_own() -> None:
    assert not kept(manager="somebody-else")
