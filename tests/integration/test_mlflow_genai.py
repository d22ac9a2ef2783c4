# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasets, label schemas, scorers and review queues on a real server."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine import plan, runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import families
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.session import Session
from mlflow_servers import Server

FAMILIES = ("datasets", "label_schemas", "scorers", "review_queues", "prompts", "gateway_secrets", "gateway_model_definitions", "gateway_endpoints")
Document = dict[str, Any]
DOCUMENT: Document = {
    "experiments": [{"name": "g/exp"}, {"name": "g-two"}],
    "datasets": [
        {"name": "g-set", "tags": {"team": "ours"}, "experiments": ["g/exp"], "records": [{"inputs": {"q": 1}, "expectations": {"a": 1}}, {"inputs": {"q": 2}}]}
    ],
    "label_schemas": [
        {
            "experiment": "g/exp",
            "name": "Good/bad?",
            "type": "feedback",
            "instruction": "Say",
            "input": {"pass_fail": {"positive_label": "y", "negative_label": "n"}},
        },
        {"experiment": "g-two", "name": "Kind", "type": "expectation", "input": {"categorical": {"options": ["a", "b"]}}},
    ],
    "scorers": [
        {"experiment": "g/exp", "name": "judge", "instructions": "Is {{ outputs }} good?", "model": "openai:/gpt-4o"},
        {"experiment": "g-two", "name": "judge", "instructions": "Is {{ outputs }} short?", "model": "openai:/gpt-4o", "description": "Short"},
        {
            "experiment": "g-two",
            "name": "watching",
            "instructions": "Is {{ outputs }} kind?",
            "model": "gateway:/g-endpoint",
            "online": {"sample_rate": 0.25, "filter_string": "status = 'OK'"},
        },
    ],
    "prompts": [{"name": "g-prompt", "template": "Hi", "experiments": ["g/exp", "g-two"]}],
    "gateway": {
        "secrets": [{"name": "g-secret", "provider": "openai", "secret_value": "canary-g-secret"}],
        "model_definitions": [{"name": "g-definition", "secret_name": "g-secret", "provider": "openai", "model_name": "gpt-4o"}],
        "endpoints": [{"name": "g-endpoint", "model_configs": [{"model_definition": "g-definition"}]}],
    },
    "review_queues": [{"experiment": "g/exp", "name": "Weekly", "users": ["Ann@example.org"], "schemas": ["Good/bad?"]}],
}


def go(server: Server, document: Document, check: bool = False, prune: str = "none", absent: dict[str, list[str]] | None = None, **options: Any) -> Document:
    pruned = FAMILIES if prune != "none" else ()
    session = Session(Http(Settings(server.url)), families.everything(), pruned)
    chosen = plan.Options(**{"prune": dict.fromkeys(pruned, prune), "max_deletes": "100%"} | options)
    return runner.run(session, runner.Request(document, chosen, absent or {}, check=check), lambda line: None)


def asked(server: Server, path: str, body: Any = None, method: str = "") -> Any:
    return server.request(method or ("GET" if body is None else "POST"), f"/api/3.0/mlflow/{path}", body)


def by_hand(server: Server, families: Collection[str] = tuple(DOCUMENT)) -> set[str]:
    """Changes something of every family that the server has; returns those."""
    experiment, two = (
        server.request("GET", f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")["experiment"]["experiment_id"] for name in ("g/exp", "g-two")
    )
    found = asked(server, "datasets/search", {"filter_string": "name = 'g-set'"})["datasets"][0]
    asked(server, f"datasets/{found['dataset_id']}/tags", {"tags": json.dumps({"team": "theirs"})}, "PATCH")
    asked(server, f"datasets/{found['dataset_id']}/remove-experiments", {"experiment_ids": [experiment]})
    body = {"name": "g-prompt", "key": "_mlflow_experiment_ids", "value": f",{experiment},0,"}
    server.request("POST", "/api/2.0/mlflow/registered-models/set-tag", body)
    other = {
        "name": "judge",
        "serialization_version": 1,
        "instructions_judge_pydantic_data": {"instructions": "Theirs {{ outputs }}", "model": "openai:/gpt-4o"},
    }
    asked(server, "scorers/register", {"experiment_id": experiment, "name": "judge", "serialized_scorer": json.dumps(other)})
    (binding,) = asked(server, "gateway/endpoints/bindings/list?resource_type=scorer")["bindings"]
    asked(server, "gateway/endpoints/bindings/delete", {key: binding[key] for key in ("endpoint_id", "resource_type", "resource_id")}, "DELETE")
    asked(server, "scorers/online-config", {"experiment_id": two, "name": "watching", "sample_rate": 1.0}, "PUT")
    if "label_schemas" in families:
        schema = next(s for s in asked(server, f"label-schemas/list?experiment_id={experiment}")["label_schemas"] if s["name"] == "Good/bad?")
        asked(server, "label-schemas/update", {"schema_id": schema["schema_id"], "instruction": "Theirs"}, "PATCH")
    if "review_queues" in families:
        queue = asked(server, f"review-queues/list?experiment_id={experiment}")["review_queues"][0]
        asked(server, "review-queues/update", {"queue_id": queue["queue_id"], "users": ["mallory"], "update_users": True})
    return {"datasets", "prompts", "scorers", "label_schemas", "review_queues"} & set(families)


def test_declared_changed_repaired_and_pruned(mlflow_plain: Server) -> None:
    predicted = go(mlflow_plain, DOCUMENT, check=True)
    done = go(mlflow_plain, DOCUMENT)
    assert done["plan"] == predicted["plan"] and len(done["plan"]) == 13
    again = go(mlflow_plain, DOCUMENT)
    assert not again["changed"] and again["requests"]["total"] <= 21

    by_hand(mlflow_plain)
    seen = go(mlflow_plain, DOCUMENT, check=True)
    assert {(item["family"], item["name"], *item["fields"]) for item in seen["drift"]} == {
        ("prompts", "g-prompt", "experiments"),
        ("datasets", "g-set", "experiments", "tags.team"),
        ("label_schemas", "g/exp/Good/bad?", "instruction"),
        ("scorers", "g/exp/judge", "definition.instructions_judge_pydantic_data.instructions"),
        ("scorers", "g-two/watching", "endpoint", "online.filter_string", "online.sample_rate"),
        ("review_queues", "g/exp/Weekly", "users"),
    }
    assert go(mlflow_plain, DOCUMENT)["plan"] == seen["plan"]
    assert not go(mlflow_plain, DOCUMENT)["changed"]

    less = copy.deepcopy(DOCUMENT)
    less["datasets"][0]["records"].pop()
    assert go(mlflow_plain, less, mode="exact")["changed"]
    assert not go(mlflow_plain, less, mode="exact")["changed"]

    assert len(go(mlflow_plain, {"label_schemas": DOCUMENT["label_schemas"][:1]}, prune="owned")["plan"]) == 10
    assert [item["action"] for item in go(mlflow_plain, {}, prune="owned")["plan"]] == ["delete"]
    assert not go(mlflow_plain, {}, prune="owned")["changed"]


def test_what_was_decided_once_is_not_changed(mlflow_plain: Server) -> None:
    go(mlflow_plain, {name: DOCUMENT[name] for name in ("experiments", "label_schemas")})
    other = copy.deepcopy(DOCUMENT["label_schemas"])
    other[0]["type"], other[1]["input"] = "expectation", {"text": {}}
    with pytest.raises(runner.FailedError, match=r"2 problems: .* which cannot be changed, since answers were given by it") as failed:
        go(mlflow_plain, {"label_schemas": other})
    assert failed.value.result["plan"] == []
    go(mlflow_plain, {"label_schemas": []}, prune="owned")


def test_two_datasets_of_one_name_and_what_is_not_there(mlflow_plain: Server) -> None:
    for _time in range(2):
        asked(mlflow_plain, "datasets/create", {"name": "g-twice"})
    with pytest.raises(runner.FailedError, match="there are 2 datasets of this name"):
        go(mlflow_plain, {"datasets": [{"name": "g-twice"}]})
    queue = {"experiment": "g/exp", "name": "q", "schemas": ["Nobody asks this"]}
    with pytest.raises(runner.FailedError, match="has no label schema 'Nobody asks this': declare it under label_schemas"):
        go(mlflow_plain, {"experiments": [{"name": "g/exp"}], "review_queues": [queue]})
    with pytest.raises(runner.FailedError, match="there is no experiment 'g-none': declare it"):
        go(mlflow_plain, {"scorers": [{**DOCUMENT["scorers"][0], "experiment": "g-none"}]})


def test_what_a_server_is_too_old_for_is_said(mlflow_before_rbac: Server) -> None:
    from ansible_collections.mlops.platform.plugins.module_utils.engine.http import basic

    login = basic(mlflow_before_rbac.options["username"], mlflow_before_rbac.options["password"])
    session = Session(Http(Settings(mlflow_before_rbac.url, headers=(("Authorization", login),))), families.everything())
    document = {name: DOCUMENT[name] for name in ("experiments", "label_schemas", "review_queues")}
    with pytest.raises(runner.FailedError, match=r"it runs MLflow 3\.12\.0, and they came with 3\.14: update the server, or leave them out"):
        runner.run(session, runner.Request(document, plan.Options()), lambda line: None)
