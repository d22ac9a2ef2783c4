# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guardrails, which MLflow takes twice under one name and cannot change: to be made anew, killed, and made by two runs at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine.runner import FailedError
from applied import Document, applied
from fake_mlflow import FakeMlflow
from two_runs import at_once

RAIL: Document = {"name": "rail", "scorer": {"experiment": "churn", "name": "judge"}, "stage": "BEFORE", "action": "VALIDATION"}
DOCUMENT: Document = {
    "experiments": [{"name": "churn"}],
    "gateway": {
        "secrets": [{"name": "openai", "provider": "openai", "secret_value": "canary"}],
        "model_definitions": [{"name": "gpt", "secret_name": "openai", "provider": "openai", "model_name": "gpt-4o"}],
        "endpoints": [{"name": name, "model_configs": [{"model_definition": "gpt"}]} for name in ("chat", "talk")],
    },
}


def document(**more: Any) -> Document:
    return {"gateway": {"guardrails": [{**copy.deepcopy(RAIL), "endpoints": [{"endpoint": "chat"}, {"endpoint": "talk", "execution_order": 2}], **more}]}}


@pytest.fixture
def rails(mlflow: FakeMlflow) -> dict[str, Any]:
    """The server's guardrails, with all they need there."""
    applied(mlflow, DOCUMENT)
    (experiment,) = (number for number, item in mlflow.at("experiments").items() if item["name"] == "churn")
    mlflow.at("scorers")["1"] = {"experiment_id": experiment, "scorer_name": "judge", "scorer_id": "judge", "scorer_version": 1}
    return mlflow.at("guardrails")


def only(rails: dict[str, Any], stage: str) -> None:
    (rail,) = rails.values()
    assert rail["stage"] == stage
    assert sorted(order.get("execution_order", 0) for order in rail["attached"].values()) == [0, 2]


def killed(mlflow: FakeMlflow, wanted: Document, method: str, path: str) -> None:
    """As kill -9 right after the server has carried out a write."""
    mlflow.fail(method, path, after=True)
    mlflow.dead = True
    with pytest.raises(FailedError):
        applied(mlflow, wanted, retries=0)
    mlflow.dead = False


STEPS = [
    ("POST", "/set-experiment-tag$"), ("POST", "/guardrails/create$"), ("POST", "/guardrails/add-to-endpoint$"), ("DELETE", "/guardrails/delete$"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), STEPS)
def test_a_change_that_is_killed_is_ended_by_the_next_run(mlflow: FakeMlflow, rails: dict[str, Any], method: str, path: str) -> None:
    applied(mlflow, document())
    killed(mlflow, document(stage="AFTER"), method, path)
    applied(mlflow, document(stage="AFTER"))
    only(rails, "AFTER")
    assert applied(mlflow, document(stage="AFTER"))["plan"] == []
    gone = applied(mlflow, {"gateway": {"guardrails": []}}, prune=("gateway_guardrails",))
    assert len(gone["plan"]) == 1 and not rails, "it is marked as ours"


@pytest.mark.parametrize("then", [{}, {"stage": "AFTER", "action": "SANITIZATION"}], ids=["as it was before", "something else"])
@pytest.mark.parametrize(("method", "path"), STEPS[1:3])
def test_after_a_kill_the_document_may_be_another(mlflow: FakeMlflow, rails: dict[str, Any], method: str, path: str, then: Document) -> None:
    applied(mlflow, document())
    killed(mlflow, document(stage="AFTER"), method, path)
    applied(mlflow, document(**then))
    only(rails, then.get("stage", "BEFORE"))
    assert applied(mlflow, document(**then))["plan"] == []


@pytest.mark.parametrize("more", [{"prune": ("gateway_guardrails",)}, {"absent": {"gateway_guardrails": ["rail"]}}], ids=["pruned", "absent"])
def test_after_a_kill_both_go(mlflow: FakeMlflow, rails: dict[str, Any], more: Any) -> None:
    applied(mlflow, document())
    killed(mlflow, document(stage="AFTER"), "POST", "/guardrails/create$")
    applied(mlflow, {"gateway": {"guardrails": []}}, **more)
    assert not rails


@pytest.mark.parametrize("after_a_kill", [False, True])
def test_a_twin_that_is_not_ours_is_refused(mlflow: FakeMlflow, rails: dict[str, Any], after_a_kill: bool) -> None:
    applied(mlflow, document())
    if after_a_kill:
        killed(mlflow, document(stage="AFTER"), "POST", "/guardrails/create$")
    theirs = {"name": "rail", "scorer_id": "judge", "scorer_version": 1, "stage": "AFTER", "action": "SANITIZATION"}
    mlflow.by_hand("POST", "/gateway/guardrails/create", **theirs)
    before = copy.deepcopy(rails)
    for stage in ("BEFORE", "AFTER"):
        with pytest.raises(FailedError, match=r"guardrails of this name .*delete all but one"):
            applied(mlflow, document(stage=stage))
    assert rails == before


def test_what_a_killed_run_of_another_owner_left_is_theirs(mlflow: FakeMlflow, rails: dict[str, Any]) -> None:
    applied(mlflow, document())
    killed(mlflow, document(stage="AFTER"), "POST", "/guardrails/create$")
    with pytest.raises(FailedError, match=r"belongs to 'mlops\.platform'"):
        applied(mlflow, document(stage="AFTER"), owner="others")
    assert len(rails) == 2


def test_who_was_faster_is_taken_over(mlflow: FakeMlflow, rails: dict[str, Any]) -> None:
    def meanwhile() -> None:
        made = mlflow.by_hand("POST", "/gateway/guardrails/create", name="rail", scorer_id="judge", scorer_version=1, stage="BEFORE", action="VALIDATION")
        endpoint = next(iter(mlflow.at("endpoints")))
        mlflow.by_hand("POST", "/gateway/guardrails/add-to-endpoint", guardrail_id=made["guardrail"]["guardrail_id"], endpoint_id=endpoint)

    mlflow.fail("POST", "/guardrails/create$", meanwhile=meanwhile)
    applied(mlflow, document())
    only(rails, "BEFORE")
    assert applied(mlflow, document())["plan"] == []


@pytest.mark.parametrize("there", [False, True], ids=["made", "changed"])
def test_two_runs_at_once_leave_one(mlflow: FakeMlflow, rails: dict[str, Any], there: bool) -> None:
    if there:
        applied(mlflow, document())

    assert [line for line in at_once(lambda: applied(mlflow, document(stage="AFTER"))) if "run again" not in line] == []
    applied(mlflow, document(stage="AFTER"))
    only(rails, "AFTER")
    assert applied(mlflow, document(stage="AFTER"))["plan"] == []
