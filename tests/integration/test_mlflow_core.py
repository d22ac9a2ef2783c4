# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mlflow_config on real servers: what is planned is done, done again it is nothing, what somebody changes is seen and repaired."""

from __future__ import annotations

import concurrent.futures
import copy
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import objects
from mlflow_servers import CURRENT, Server, running

ROOT = Path(__file__).resolve().parents[2]
SECRET = "canary-4f1c9d"
Document = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """One family on a server.

    :ivar document: declares one object of it, and what that refers to.
    :ivar change: what somebody does by hand.
    :ivar drift: the field in which it is seen; empty where deleting is all that one can do.
    """

    family: str
    document: Document
    change: Callable[[Server], object]
    drift: str


def first(server: Server, path: str, field: str, name: str, key: str = "name") -> dict[str, Any]:
    return next(item for item in server.request("GET", path)[field] if item[key] == name)


def experiment_id(server: Server, name: str) -> str:
    return str(server.request("GET", f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")["experiment"]["experiment_id"])


def change_experiment(server: Server) -> None:
    body = {"experiment_id": experiment_id(server, "c-churn"), "key": "team", "value": "theirs"}
    server.request("POST", "/api/2.0/mlflow/experiments/set-experiment-tag", body)


def change_model(server: Server) -> None:
    server.request("PATCH", "/api/2.0/mlflow/registered-models/update", {"name": "c-model", "description": "theirs"})


def change_alias(server: Server) -> None:
    server.request("POST", "/api/2.0/mlflow/registered-models/alias", {"name": "c-model", "alias": "best", "version": "1"})


def change_prompt(server: Server) -> None:
    tags = {"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": "theirs", "_mlflow_prompt_type": "text"}
    body = {"name": "c-prompt", "source": "prompt-template", "tags": [{"key": key, "value": value} for key, value in tags.items()]}
    server.request("POST", "/api/2.0/mlflow/model-versions/create", body)


def change_webhook(server: Server) -> None:
    hook = first(server, "/api/2.0/mlflow/webhooks?max_results=100", "webhooks", "c-hook")
    server.request("PATCH", f"/api/2.0/mlflow/webhooks/{hook['webhook_id']}", {"status": "DISABLED"})


def change_workspace(server: Server) -> None:
    server.request("PATCH", "/api/3.0/mlflow/workspaces/c-team", {"description": "theirs"})


def gateway(path: str) -> str:
    return f"/api/3.0/mlflow/gateway/{path}"


def change_secret(server: Server) -> None:
    found = first(server, gateway("secrets/list"), "secrets", "c-secret", "secret_name")
    server.request("POST", gateway("secrets/update"), {"secret_id": found["secret_id"], "auth_config": {"auth_mode": "theirs"}})


def change_definition(server: Server) -> None:
    found = first(server, gateway("model-definitions/list"), "model_definitions", "c-definition")
    server.request("POST", gateway("model-definitions/update"), {"model_definition_id": found["model_definition_id"], "model_name": "theirs"})


def change_endpoint(server: Server) -> None:
    found = first(server, gateway("endpoints/list"), "endpoints", "c-endpoint")
    server.request("POST", gateway("endpoints/update"), {"endpoint_id": found["endpoint_id"], "usage_tracking": True})


def change_budget(server: Server) -> None:
    found = first(server, gateway("budgets/list"), "budget_policies", 77.5, "budget_amount")
    server.request("POST", gateway("budgets/update"), {"budget_policy_id": found["budget_policy_id"], "budget_amount": 1.0})


def change_guardrail(server: Server) -> None:
    rail = first(server, gateway("guardrails/list"), "guardrails", "c-rail")
    endpoint = first(server, gateway("endpoints/list"), "endpoints", "c-endpoint")
    body = {"guardrail_id": rail["guardrail_id"], "endpoint_id": endpoint["endpoint_id"]}
    server.request("DELETE", gateway("guardrails/remove-from-endpoint"), body)


SECRETS = [{"name": "c-secret", "provider": "openai", "secret_value": {"api_key": SECRET}, "auth_config": {"auth_mode": "ours"}}]
DEFINITIONS = [{"name": "c-definition", "secret_name": "c-secret", "provider": "openai", "model_name": "gpt-4o"}]
ENDPOINTS = [{"name": "c-endpoint", "model_configs": [{"model_definition": "c-definition"}], "usage_tracking": False, "tags": {"team": "ours"}}]
MODEL = {
    "name": "c-model",
    "description": "ours",
    "tags": {"team": "ours"},
    "versions": [{"source": "s3://bucket/one", "tags": {"good": True}}, {"label": "two", "source": "s3://bucket/one", "description": "again"}],
    "aliases": {"best": "two", "old": 1},
}
PROMPT = {
    "name": "c-prompt",
    "template": "Hi {{ name }}",
    "commit_message": "first",
    "tags": {"team": "ours"},
    "version_tags": {"language": "en"},
    "model_config": {"temperature": 0.5},
    "aliases": {"production": "latest"},
}
CASES = [
    Case("workspaces", {"workspaces": [{"name": "c-team", "description": "ours"}]}, change_workspace, "description"),
    Case("experiments", {"experiments": [{"name": "c-churn", "description": "ours", "tags": {"team": "ours"}}]}, change_experiment, "tags.team"),
    Case("registered_models", {"registered_models": [MODEL]}, change_model, "description"),
    Case("registered_models", {"registered_models": [MODEL]}, change_alias, "aliases.best"),
    Case("prompts", {"prompts": [PROMPT]}, change_prompt, "template"),
    Case(
        "webhooks",
        {"webhooks": [{"name": "c-hook", "url": "https://127.0.0.1/x", "events": ["model_version.created"], "status": "ACTIVE", "secret": SECRET}]},
        change_webhook,
        "status",
    ),
    Case("gateway_secrets", {"gateway": {"secrets": SECRETS}}, change_secret, "auth_config.auth_mode"),
    Case("gateway_model_definitions", {"gateway": {"secrets": SECRETS, "model_definitions": DEFINITIONS}}, change_definition, "model_name"),
    Case(
        "gateway_endpoints",
        {"gateway": {"secrets": SECRETS, "model_definitions": DEFINITIONS, "endpoints": ENDPOINTS}},
        change_endpoint,
        "usage_tracking",
    ),
    Case(
        "gateway_budgets",
        {"gateway": {"budgets": [{"target_scope": "GLOBAL", "duration": {"unit": "WEEKS", "value": 3}, "budget_amount": 77.5, "budget_action": "ALERT"}]}},
        change_budget,
        "budget_amount",
    ),
]


def verbs(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(action["action"], f"{action['family']}/{action['name']}") for action in result["plan"]]


def well(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    assert SECRET not in json.dumps(result)
    return result


def fails(result: dict[str, Any], *texts: str) -> None:
    assert result.get("failed"), result
    assert "\n" not in result["msg"]
    for text in texts:
        assert text in result["msg"], result["msg"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.family}-{case.drift}")
def test_the_life_of_an_object(mlflow_full: Server, case: Case) -> None:
    server = mlflow_full
    predicted = well(server.declare(case.document, check=True))
    assert {action["action"] for action in predicted["plan"]} == {"create"}, predicted["plan"]
    assert well(server.declare(case.document))["plan"] == predicted["plan"]
    again = well(server.declare(case.document))
    assert not again["changed"] and again["plan"] == [] and set(again["requests"]["by_method"]) == {"GET"} | ({"POST"} & set(again["requests"]["by_method"]))

    case.change(server)
    seen = well(server.declare(case.document, check=True))
    assert [case.drift in found["fields"] for found in seen["drift"]] == [True] and seen["drift"][0]["family"] == case.family
    fails(server.declare(case.document, fail_on_drift=True), "fail_on_drift", case.drift)
    assert well(server.declare(case.document))["plan"] == seen["plan"]
    assert not well(server.declare(case.document))["changed"]

    families = {action["family"] for action in predicted["plan"]}
    gone = well(server.declare({}, prune=dict.fromkeys(families, "owned"), workspace_content="delete"))
    assert {(action["family"], action["name"]) for action in gone["plan"]} == {(action["family"], action["name"]) for action in predicted["plan"]}
    assert not well(server.declare({}, prune=dict.fromkeys(families, "owned")))["changed"]


def register_scorer(server: Server, experiment: str) -> None:
    judge = {
        "name": "polite",
        "aggregations": ["mean"],
        "mlflow_version": "3.17.2",
        "serialization_version": 1,
        "instructions_judge_pydantic_data": {
            "instructions": "Is {{ outputs }} polite?",
            "model": "openai:/gpt-4o",
            "feedback_value_type": {"title": "Result", "type": "boolean"},
        },
    }
    body = {"experiment_id": experiment_id(server, experiment), "name": "polite", "serialized_scorer": json.dumps(judge)}
    server.request("POST", "/api/3.0/mlflow/scorers/register", body)


def test_guardrails_of_an_endpoint(mlflow_full: Server) -> None:
    server = mlflow_full
    base = {"experiments": [{"name": "c-scorers"}], "gateway": {"secrets": SECRETS, "model_definitions": DEFINITIONS, "endpoints": ENDPOINTS}}
    well(server.declare(base))
    register_scorer(server, "c-scorers")
    rail = {"name": "c-rail", "scorer": {"experiment": "c-scorers", "name": "polite"}, "stage": "BEFORE", "action": "VALIDATION"}
    document = {"gateway": {"guardrails": [{**rail, "endpoints": [{"endpoint": "c-endpoint", "execution_order": 1}]}]}}
    assert verbs(well(server.declare(document))) == [("create", "gateway_guardrails/c-rail")]
    assert not well(server.declare(document))["changed"]
    change_guardrail(server)
    assert verbs(well(server.declare(document))) == [("update", "gateway_guardrails/c-rail")]
    document["gateway"]["guardrails"][0]["stage"] = "AFTER"  # the server cannot change one: it is made anew, and attached again
    well(server.declare(document))
    assert not well(server.declare(document, mode="exact"))["changed"]
    families = ["experiments", "gateway_secrets", "gateway_model_definitions", "gateway_endpoints", "gateway_guardrails"]
    well(server.declare({}, prune=dict.fromkeys(families, "owned")))


def test_a_budget_and_a_guardrail_as_objects(mlflow_full: Server) -> None:
    server, gateway_door = mlflow_full, objects.door("mlflow_gateway")

    def task(*items: dict[str, Any], **options: Any) -> dict[str, Any]:
        given = {**server.options, "items": list(items), "owner": "objects", **options}
        validated = ArgumentSpecValidator(gateway_door.spec, **gateway_door.constraints).validate(given)
        assert not validated.error_messages, validated.error_messages
        return well(outcome(gateway_door, validated.validated_parameters, check=False, diff=True, say=lambda line: None))

    well(server.declare({"experiments": [{"name": "o-scorers"}]}))
    register_scorer(server, "o-scorers")
    limit = {"target_scope": "GLOBAL", "duration": {"unit": "DAYS", "value": 9}}
    budget = {"kind": "budget", "settings": {**limit, "budget_amount": 5, "budget_action": "ALERT"}}
    rail = {"scorer": {"experiment": "o-scorers", "name": "polite"}, "stage": "BEFORE", "action": "VALIDATION"}
    there = (budget, {"kind": "guardrail", "name": "o-rail", "settings": rail})
    gone = ({"kind": "budget", "settings": limit}, {"kind": "guardrail", "name": "o-rail"})
    names = ["gateway_budgets/GLOBAL per 9 DAYS in USD", "gateway_guardrails/o-rail"]
    assert sorted(verbs(task(*there))) == [("create", name) for name in names]
    assert not task(*there)["changed"]
    assert sorted(verbs(task(*gone, state="absent"))) == [("delete", name) for name in names]
    assert not task(*gone, state="absent")["changed"]
    well(server.declare({}, prune={"experiments": "owned"}))


@pytest.mark.parametrize("ours_first", [True, False])
def test_of_two_webhooks_of_one_name_ours_goes(mlflow_full: Server, ours_first: bool) -> None:
    server, path = mlflow_full, "/api/2.0/mlflow/webhooks"
    by_hand = {"name": "twin", "url": "https://127.0.0.1/theirs", "events": [{"entity": "PROMPT", "action": "CREATED"}]}
    document = {"webhooks": [{"name": "twin", "url": "https://127.0.0.1/ours", "events": ["prompt.created"]}]}
    if ours_first:
        well(server.declare(document))
        server.request("POST", path, by_hand)
    else:
        other = server.request("POST", path, by_hand | {"name": "other"})["webhook"]["webhook_id"]
        well(server.declare(document))
        server.request("PATCH", f"{path}/{other}", {"name": "twin"})
    assert verbs(well(server.declare({}, prune={"webhooks": "owned"}))) == [("delete", "webhooks/twin")]
    (left,) = (hook for hook in server.request("GET", f"{path}?max_results=100")["webhooks"] if hook["name"] == "twin")
    assert left["url"] == by_hand["url"]
    server.request("DELETE", f"{path}/{left['webhook_id']}")


def test_prune_all_leaves_what_the_product_made(tmp_path: Path) -> None:
    with running(CURRENT, tmp_path, auth=True, workspaces=True) as server:
        api = "/api/2.0/mlflow"
        server.request("POST", f"{api}/experiments/create", {"name": "theirs"})
        server.request("POST", f"{api}/registered-models/create", {"name": "theirs"})
        server.request("POST", f"{api}/registered-models/create", {"name": "a-prompt", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
        server.request("POST", f"{api}/webhooks", {"name": "theirs", "url": "https://127.0.0.1/x", "events": [{"entity": "PROMPT", "action": "CREATED"}]})
        server.request("POST", f"{api}/users/create", {"username": "theirs", "password": "theirs-and-long"})
        server.request("POST", "/api/3.0/mlflow/workspaces", {"name": "theirs"})
        secret = {"secret_name": "theirs", "secret_value": {"api_key": "x"}, "provider": "openai"}
        server.request("POST", gateway("secrets/create"), secret)
        document = {"experiments": [{"name": "ours"}], "roles": [{"name": "ours"}]}
        pruned = ("workspaces", "experiments", "registered_models", "prompts", "webhooks", "gateway_secrets", "users", "roles")
        done = well(server.declare(document, prune=dict.fromkeys(pruned, "all")))
        gone = {name for verb, name in verbs(done) if verb == "delete"}
        assert gone == {f"{family}/theirs" for family in pruned if family not in ("prompts", "roles")} | {"prompts/a-prompt"}
        assert not well(server.declare(document, prune=dict.fromkeys(pruned, "all")))["changed"]
        left = server.request("GET", f"{api}/experiments/search?max_results=100")["experiments"]
        assert {item["name"] for item in left} == {"Default", "ours", ".ansible-state"}
        assert [item["name"] for item in server.request("GET", "/api/3.0/mlflow/workspaces")["workspaces"]] == ["default"]
        assert [item["username"] for item in server.request("GET", f"{api}/users/list")["users"]] == ["admin"]


def test_workspaces_hold_objects_of_the_same_names(mlflow_full: Server) -> None:
    server = mlflow_full
    inner = {
        "experiments": [{"name": "same", "tags": {"in": "inner"}}],
        "registered_models": [{"name": "same"}],
        "prompts": [{"name": "same-p", "template": "x"}],
    }
    document = {"experiments": [{"name": "same", "tags": {"in": "outer"}}], "workspaces": [{"name": "w-one", **inner}, {"name": "w-two", **inner}]}
    predicted = well(server.declare(document, check=True))
    assert well(server.declare(document))["plan"] == predicted["plan"]
    assert ("create", "experiments/same@w-two") in verbs(predicted) and ("create", "experiments/same") in verbs(predicted)
    again = well(server.declare(document))
    assert not again["changed"]
    assert again["ids"]["experiments/same@w-one"] != again["ids"]["experiments/same@w-two"]
    # Nothing that is outside of what the document speaks of is pruned: the default workspace is not named here.
    smaller = {"workspaces": [{"name": "w-one"}, {"name": "w-two", **inner}]}
    assert verbs(well(server.declare(smaller, prune={"experiments": "owned"}))) == [("delete", "experiments/same@w-one")]
    fails(server.declare({"workspaces": []}, prune={"workspaces": "owned"}), "is not empty", "workspace_content: move")
    well(server.declare({"workspaces": []}, prune={"workspaces": "owned"}, workspace_content="delete"))
    well(server.declare({}, prune={"experiments": "owned"}))


def test_a_deleted_experiment_is_restored(mlflow_full: Server) -> None:
    server = mlflow_full
    document = {"experiments": [{"name": "c-restored"}]}
    known = well(server.declare(document))["ids"]["experiments/c-restored"]
    server.request("POST", "/api/2.0/mlflow/experiments/delete", {"experiment_id": known})
    result = well(server.declare(document))
    assert verbs(result) == [("update", "experiments/c-restored")] and result["ids"]["experiments/c-restored"] == known
    well(server.declare({}, prune={"experiments": "owned"}))


def test_requests_of_fifty_models(mlflow_full: Server) -> None:
    server = mlflow_full
    document = {"registered_models": [{"name": f"many-{number}", "tags": {"n": number}} for number in range(50)]}
    assert well(server.declare(document))["requests"]["by_method"]["POST"] == 50
    assert well(server.declare(document))["requests"]["total"] <= 3
    assert len(well(server.declare({}, prune={"registered_models": "owned"}))["plan"]) == 50


def test_a_secret_is_written_when_it_changes(mlflow_full: Server) -> None:
    server = mlflow_full
    document: Document = {"gateway": {"secrets": copy.deepcopy(SECRETS)}}
    well(server.declare(document))
    document["gateway"]["secrets"][0]["secret_value"] = {"api_key": f"{SECRET}-new"}
    assert well(server.declare(document))["plan"][0]["fields"] == ["secret_value"]
    assert not well(server.declare(document))["changed"]
    assert "secret_hash_key" in well(server.declare(document, secret_hash_key=None))["warnings"][0]
    well(server.declare({}, prune={"gateway_secrets": "owned"}))


def test_everything_wrong_with_a_document_is_said_at_once(mlflow_full: Server) -> None:
    document = {
        "experimnts": [],
        "experiments": [{"name": "a", "tag": {}}],
        "registered_models": [{"name": "a/b", "aliases": {"v1": 1, "x": "nowhere"}}],
        "prompts": [{"name": "a b", "template": [{"no": "role"}]}],
        "users": [{"username": "b", "password": "long-enough-12"}, {"username": "b"}],
        "webhooks": [{"name": "w", "url": "https://x", "events": ["model_version.create"]}],
        "gateway": {"endpoint": []},
        "workspaces": [{"name": "Bad"}],
    }
    result = mlflow_full.declare(document)
    fails(
        result,
        "did you mean experiments?",
        "did you mean tags?",
        "b is declared twice",
        "neither / nor :",
        "v1 cannot be an alias",
        "'nowhere'",
        "role and content",
    )
    fails(result, "did you mean model_version.created?", "did you mean endpoints?", "no name for a workspace")
    assert len(result["problems"]) >= 10 and set(result["requests"]["by_method"]) <= {"GET"}, "it may look at the server, but writes nothing"


def test_what_only_the_server_knows_is_said_before_the_first_write(mlflow_full: Server) -> None:
    server = mlflow_full
    dangling = {"gateway": {"model_definitions": [{"name": "d", "secret_name": "nowhere", "provider": "openai", "model_name": "m"}]}}
    fails(server.declare({"experiments": [{"name": "never"}], **dangling}), "gateway_secrets/nowhere", "declare it under gateway.secrets")
    fails(server.declare({"experiments": [{"name": "never", "workspace": "nowhere"}]}), "workspace nowhere does not exist", "declare it under workspaces")
    for _attempt in range(2):
        server.request("POST", "/api/2.0/mlflow/webhooks", {"name": "twin", "url": "https://127.0.0.1/", "events": [{"entity": "PROMPT", "action": "CREATED"}]})
    twin = {"webhooks": [{"name": "twin", "url": "https://127.0.0.1/", "events": ["prompt.created"]}]}
    fails(server.declare(twin), "the server has 2 webhooks of this name", "delete all but one")
    listed = server.request("POST", "/api/2.0/mlflow/experiments/search", {"max_results": 1000})["experiments"]
    assert "never" not in {item["name"] for item in listed}


def test_where_artifacts_are_is_decided_once(mlflow_full: Server, mlflow_plain: Server) -> None:
    there = {"experiments": [{"name": "c-place", "artifact_location": "s3://bucket/a"}]}
    well(mlflow_plain.declare(there))
    assert not well(mlflow_plain.declare(there))["changed"]
    moved = {"experiments": [{"name": "never"}, {"name": "c-place", "artifact_location": "s3://bucket/b"}]}
    fails(mlflow_plain.declare(moved), "c-place: artifact_location is s3://bucket/a and cannot be changed")
    fails(mlflow_full.declare(there), "artifact_location cannot be chosen on a server with workspaces")


def test_versions_are_added_changed_and_removed(mlflow_full: Server) -> None:
    server = mlflow_full
    model: Document = {"name": "c-versions", "versions": [{"source": "s3://bucket/one"}]}
    well(server.declare({"registered_models": [model]}))
    model["versions"].append({"label": "two", "source": "s3://bucket/two", "tags": {"a": "b"}})
    model["aliases"] = {"best": "two"}
    well(server.declare({"registered_models": [model]}))
    assert not well(server.declare({"registered_models": [model]}))["changed"]
    model["versions"][1].update(tags={"a": None, "c": "d"}, description="changed")
    assert well(server.declare({"registered_models": [model]}))["plan"][0]["fields"] == [
        "versions.two.description",
        "versions.two.tags.a",
        "versions.two.tags.c",
    ]
    assert not well(server.declare({"registered_models": [model]}))["changed"]
    del model["versions"][0]
    assert well(server.declare({"registered_models": [model]}))["plan"][0]["fields"] == []  # only the mark says something else now
    assert well(server.declare({"registered_models": [model]}, mode="exact"))["plan"][0]["fields"] == ["versions.version 1"]
    model["versions"][0]["source"] = "s3://bucket/elsewhere"
    fails(server.declare({"registered_models": [model]}), "version two has source s3://bucket/two", "another label")
    well(server.declare({}, prune={"registered_models": "owned"}))


def test_another_name_and_nothing_lost(mlflow_full: Server) -> None:
    server = mlflow_full
    before: Document = {"experiments": [{"name": "c-old", "tags": {"team": "ours"}}], "registered_models": [{**MODEL, "name": "c-old"}]}
    known = well(server.declare(before))["ids"]["experiments/c-old"]
    run = server.request("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": known, "start_time": 1})["run"]["info"]["run_id"]
    document = {family: [{**entries[0], "name": "c-new", "rename_from": "c-old"}] for family, entries in before.items()}
    renamed = {"prune": dict.fromkeys(before, "owned")}
    predicted = well(server.declare(document, check=True, **renamed))
    assert verbs(predicted) == [("update", "experiments/c-new"), ("update", "registered_models/c-new")]
    assert [(action["fields"], action["reason"]) for action in predicted["plan"]] == [(["name"], "pending")] * 2
    assert "name: c-old" in predicted["diff"]["before"] and "name: c-new" in predicted["diff"]["after"]
    done = well(server.declare(document, **renamed))
    assert done["plan"] == predicted["plan"] and done["ids"]["experiments/c-new"] == known
    assert server.request("GET", f"/api/2.0/mlflow/runs/get?run_id={run}")["run"]["info"]["experiment_id"] == known
    assert not well(server.declare(document, **renamed))["changed"], "versions, aliases, tags and marks came with the names"
    # Whoever takes the old names again has objects of their own.
    well(server.declare({family: [{"name": "c-old"}] for family in before}, owner="them"))
    assert not well(server.declare(document))["changed"]
    both = {"experiments": [*document["experiments"], {"name": "c-old"}, {"name": "c-third", "rename_from": "c-old"}]}
    fails(server.declare(both), "experiments/c-new: rename_from names 'c-old', which is declared too", "2 problems")
    server.request("POST", "/api/2.0/mlflow/experiments/delete", {"experiment_id": known})
    fails(server.declare(document), "'c-old' cannot get this name, for a deleted experiment has it", "mlflow gc")
    for owner in ("them", "mlops.platform"):
        well(server.declare({}, prune=dict.fromkeys(before, "owned"), owner=owner))


def test_what_belongs_to_another_document_is_left(mlflow_full: Server) -> None:
    server = mlflow_full
    well(server.declare({"experiments": [{"name": "c-theirs"}]}, owner="them"))
    fails(server.declare({"experiments": [{"name": "c-theirs"}]}), "belongs to 'them'", "adopt: any")
    assert ("delete", "experiments/c-theirs") not in verbs(well(server.declare({}, prune={"experiments": "owned"}, check=True)))
    assert verbs(well(server.declare({"experiments": [{"name": "c-theirs"}]}, adopt="any"))) == [("adopt", "experiments/c-theirs")]


def test_what_is_in_use_is_not_deleted(mlflow_full: Server) -> None:
    server = mlflow_full
    well(server.declare({"experiments": [{"name": "c-stays"}], "gateway": {"secrets": SECRETS, "model_definitions": DEFINITIONS, "endpoints": ENDPOINTS}}))
    for check in (True, False):
        gone = {"experiments": "owned", "gateway_secrets": "owned", "gateway_endpoints": "owned"}
        refused = server.declare({}, prune=gone, check=check)
        fails(refused, "gateway_secrets/c-secret cannot go, for gateway_model_definitions use it (c-definition)")
        assert refused["plan"] == [] and set(refused["requests"]["by_method"]) == {"GET"}, "nothing was written before it was seen"
        fails(server.declare({}, prune={"gateway_model_definitions": "owned"}, check=check), "for gateway_endpoints use it (c-endpoint)")
    other = {"secrets": [{**SECRETS[0], "name": "c-other"}], "model_definitions": [{**DEFINITIONS[0], "secret_name": "c-other"}], "endpoints": ENDPOINTS}
    moved = well(server.declare({"gateway": other}, prune={"gateway_secrets": "owned"}))
    assert verbs(moved)[-1] == ("delete", "gateway_secrets/c-secret"), "nobody uses it any more"
    assert well(server.declare({"gateway": other}))["plan"] == []
    well(server.declare({}, prune=dict.fromkeys(["experiments", "gateway_secrets", "gateway_model_definitions", "gateway_endpoints"], "owned")))


def test_ways_to_be_turned_away(mlflow_full: Server, mlflow_plain: Server) -> None:
    document = {"experiments": [{"name": "never"}]}
    fails(mlflow_full.declare(document, password="wrong-password"), "(401", "check username and password")
    fails(mlflow_plain.declare(document, static_prefix="/nowhere"), "(404)", "static_prefix")
    fails(mlflow_plain.declare(document, extra_headers={"Host": "elsewhere.example.com"}), "--allowed-hosts")
    fails(mlflow_plain.declare(document, extra_headers={"Origin": "https://elsewhere.example.com"}), "--cors-allowed-origins")
    fails(mlflow_plain.declare({"workspaces": [{"name": "team"}]}), "workspaces switched off", "--enable-workspaces")
    fails(mlflow_plain.declare(document, url="http://127.0.0.1:9", retries=0), "does not answer")


def test_an_account_without_rights_is_told_so(mlflow_full: Server) -> None:
    server = mlflow_full
    server.request("POST", "/api/2.0/mlflow/users/create", {"username": "powerless", "password": "long-enough-12"})
    fails(server.declare({"experiments": [{"name": "never"}]}, username="powerless", password="long-enough-12"), "(403", "no permission")


def test_two_runs_at_once(mlflow_full: Server) -> None:
    server = mlflow_full
    numbers = range(30)
    models = [{"name": f"race-{number}", "versions": [{"label": "one", "source": "s3://b/one"}], "aliases": {"best": "one"}} for number in numbers]
    prompts = [{"name": f"race-of-prompts-{number}", "template": "Hi {{ name }}", "aliases": {"best": "latest"}} for number in numbers]
    document = {"registered_models": models, "prompts": prompts, "experiments": [{"name": f"race-{number}"} for number in numbers]}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for result in pool.map(lambda _number: server.declare(document), range(2)):
            well(result)
    assert not well(server.declare(document))["changed"]
    for name in [entry["name"] for entry in (*models, *prompts)]:
        made = server.request("GET", f"/api/2.0/mlflow/registered-models/get?name={name}")["registered_model"]
        assert [one["version"] for one in made["latest_versions"]] == ["1"] and made["aliases"] == [{"alias": "best", "version": "1"}]
    well(server.declare({}, prune={"registered_models": "owned", "prompts": "owned", "experiments": "owned"}))


def test_a_run_that_was_killed_is_finished_by_the_next(mlflow_full: Server, tmp_path: Path) -> None:
    server = mlflow_full
    document = {"experiments": [{"name": f"kill-{number}", "tags": {"n": number}} for number in range(300)]}
    script = tmp_path / "run.py"
    script.write_text(
        f"import sys\nsys.path[:0] = {[str(ROOT / 'collections'), str(ROOT / 'tests' / 'integration')]!r}\nimport mlflow_servers\n"
        f"mlflow_servers.Server('', {server.options!r}, None, None).declare({document!r})\n"
    )

    def made() -> int:
        listed = server.request("POST", "/api/2.0/mlflow/experiments/search", {"max_results": 1000})["experiments"]
        return sum(item["name"].startswith("kill-") for item in listed)

    process = subprocess.Popen([sys.executable, script])
    while process.poll() is None and not made():
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert 0 < made() < 300
    well(server.declare(document))
    assert made() == 300 and not well(server.declare(document))["changed"]
    well(server.declare({}, prune={"experiments": "owned"}))


def test_a_public_encryption_default_is_said(mlflow_plain: Server) -> None:
    assert "MLFLOW_CRYPTO_KEK_PASSPHRASE" in well(mlflow_plain.declare({"gateway": {"secrets": SECRETS}}, check=True))["warnings"][0]
