# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object modules against an MLflow in memory, and names that the server has twice: only what is ours goes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
from ansible_collections.mlops.platform.plugins.module_utils.engine.runner import FailedError
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import arguments, config, info, objects
from applied import Document, applied
from fake_mlflow import FakeMlflow

LIMIT = {"target_scope": "GLOBAL", "duration": {"unit": "DAYS", "value": 1}}
BUDGET = {**LIMIT, "budget_amount": 5, "budget_action": "ALERT"}
HOOK = {"name": "hook", "url": "https://x.example.com", "events": ["prompt.created"]}
HOOK_BY_HAND = {"name": "hook", "url": "https://theirs.example.com", "events": [{"entity": "PROMPT", "action": "CREATED"}]}
TWINS = [
    pytest.param("webhooks", {"webhooks": [HOOK]}, "/webhooks", HOOK_BY_HAND, "hook", id="webhook"),
    pytest.param(
        "budgets", {"gateway": {"budgets": [BUDGET]}}, "/gateway/budgets/create", {**BUDGET, "budget_unit": "USD"}, "GLOBAL per 1 DAYS in USD", id="budget"
    ),
]


def task(mlflow: FakeMlflow, module: str, **options: Any) -> dict[str, Any]:
    """The result of an object module."""
    door = objects.door(module)
    login = {"url": mlflow.url, "username": "admin", "password": "admin-password"}
    given = ArgumentSpecValidator(
        door.spec_for({**login, **options}), **{key: value for key, value in door.constraints.items() if key != "required_by"}
    ).validate({**login, **options})
    assert not given.error_messages
    return outcome(door, given.validated_parameters, check=False, diff=True, say=lambda line: None)


def test_a_budget_comes_stays_and_goes(mlflow: FakeMlflow) -> None:
    made = task(mlflow, "mlflow_gateway", kind="budget", settings=BUDGET)
    assert made["changed"] and len(mlflow.at("budgets")) == 1
    assert not task(mlflow, "mlflow_gateway", kind="budget", settings=BUDGET)["changed"]
    assert not task(mlflow, "mlflow_gateway", kind="budget", state="absent", settings={**LIMIT, "target_scope": "WORKSPACE"})["changed"]
    assert task(mlflow, "mlflow_gateway", kind="budget", state="absent", settings=LIMIT)["changed"]
    assert not mlflow.at("budgets")
    assert not task(mlflow, "mlflow_gateway", kind="budget", state="absent", settings=LIMIT)["changed"]


def test_what_goes_may_be_in_a_workspace(mlflow: FakeMlflow) -> None:
    mlflow.add_workspace("team")
    task(mlflow, "mlflow_experiment", items=[{"name": "churn"}, {"name": "churn", "settings": {"workspace": "team"}}])
    assert task(mlflow, "mlflow_experiment", name="churn", state="absent", settings={"workspace": "team"})["plan"][0]["name"] == "churn@team"
    assert [item["lifecycle_stage"] for item in mlflow.at("experiments").values() if item["name"] == "churn"] == ["active"]


@pytest.mark.parametrize(
    ("module", "options", "missing"),
    [
        ("mlflow_gateway", {"kind": "budget"}, "settings.target_scope, settings.duration.value, settings.duration.unit are missing"),
        ("mlflow_gateway", {"kind": "budget", "settings": {**LIMIT, "target_scope": "USER"}}, "settings.target_value is missing"),
        ("mlflow_gateway", {"items": [{"kind": "endpoint"}]}, "items[0] (endpoint): name is missing"),
        ("mlflow_model_alias", {"name": "champion"}, "model is missing"),
        ("mlflow_grant", {"resource_type": "experiment", "resource": "churn"}, "user or role is missing"),
    ],
)
def test_what_is_not_named_cannot_go(mlflow: FakeMlflow, module: str, options: dict[str, Any], missing: str) -> None:
    refused = task(mlflow, module, state="absent", **options)
    assert refused["failed"] and missing in refused["msg"], refused["msg"]


@pytest.mark.parametrize(("family", "document", "path", "by_hand", "name"), TWINS)
@pytest.mark.parametrize("ours_first", [True, False])
def test_of_two_of_one_name_ours_goes(
    mlflow: FakeMlflow, family: str, document: Document, path: str, by_hand: dict[str, Any], name: str, ours_first: bool
) -> None:
    applied(mlflow, document)
    (ours,) = mlflow.at(family)
    mlflow.by_hand("POST", path, **by_hand)
    (theirs,) = set(mlflow.at(family)) - {ours}
    if not ours_first:
        mlflow.at(family)[ours] = mlflow.at(family).pop(ours)
    planned = f"gateway_{family}" if family == "budgets" else family
    gone = applied(mlflow, {}, prune=(planned,))
    assert [(action["action"], action["name"]) for action in gone["plan"]] == [("delete", name)]
    assert list(mlflow.at(family)) == [theirs]
    assert applied(mlflow, {}, prune=(planned,))["plan"] == []


@pytest.mark.parametrize(("family", "document", "path", "by_hand", "name"), TWINS)
def test_of_two_that_nobody_marked_none_goes(mlflow: FakeMlflow, family: str, document: Document, path: str, by_hand: dict[str, Any], name: str) -> None:
    for _number in range(2):
        mlflow.by_hand("POST", path, **by_hand)
    planned = f"gateway_{family}" if family == "budgets" else family
    for options in ({"absent": {planned: [name]}}, {"prune": {planned: "all"}, "families": (planned,)}):
        with pytest.raises(FailedError, match=r"has 2 of this name .* delete by hand"):
            applied(mlflow, {}, **options)
    assert len(mlflow.at(family)) == 2


def test_an_account_rules_out_a_token_of_the_environment(mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of-somebody-else")
    assert task(mlflow, "mlflow_experiment", name="churn")["changed"]


def test_a_token_rules_out_an_account_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "else")
    for door in (objects.door("mlflow_experiment"), config.door(), info.door()):
        given = {"url": "http://x", "token": "t"}
        constraints = {key: value for key, value in arguments.CONSTRAINTS.items() if key != "required_by"}
        assert not ArgumentSpecValidator(door.spec_for(given), **constraints).validate(given).error_messages
        assert ArgumentSpecValidator(door.spec, **constraints).validate(given).error_messages, "as it would be without"
