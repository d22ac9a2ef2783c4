# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow in memory: what is planned is done, with few requests, whatever goes wrong on the way."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine.runner import FailedError
from applied import Document, applied
from fake_mlflow import FakeMlflow
from two_runs import at_once

BUDGET = {"target_scope": "GLOBAL", "duration": {"unit": "WEEKS", "value": 3}, "budget_amount": 7.5, "budget_action": "ALERT"}
DOCUMENT: Document = {
    "experiments": [{"name": "churn", "description": "ours", "tags": {"team": "ours"}}],
    "registered_models": [
        {"name": "model", "tags": {"team": "ours"}, "versions": [{"label": "one", "source": "s3://b/one", "tags": {"good": True}}], "aliases": {"best": "one"}},
    ],
    "prompts": [{"name": "prompt", "template": "Hi {{ name }}", "aliases": {"production": "latest"}}],
    "webhooks": [{"name": "hook", "url": "https://x.example.com", "events": ["model_version.created"], "secret": "canary-of-the-hook"}],
    "gateway": {
        "secrets": [{"name": "openai", "provider": "openai", "secret_value": "canary-of-the-gateway"}],
        "model_definitions": [{"name": "gpt", "secret_name": "openai", "provider": "openai", "model_name": "gpt-4o"}],
        "endpoints": [{"name": "chat", "model_configs": [{"model_definition": "gpt"}], "tags": {"team": "ours"}}],
        "budgets": [BUDGET],
    },
    "workspaces": [{"name": "team", "description": "ours", "experiments": [{"name": "churn"}]}],
    "users": [{"username": "ann", "password": "canary-of-ann"}],
    "roles": [{"name": "analysts", "members": ["ann"], "permissions": [{"resource_type": "experiment", "resource": "churn", "permission": "EDIT"}]}],
    "grants": [{"user": "ann", "resource_type": "registered_model", "resource": "model", "permission": "READ"}],
}
FAMILIES = (
    "workspaces", "experiments", "registered_models", "prompts", "webhooks", "gateway_secrets", "gateway_model_definitions", "gateway_endpoints",
    "gateway_budgets", "users", "roles", "grants",
)  # fmt: skip
# What a run of this document may cost, and a second one that finds nothing to do: a fault adds the repetition of what it hit, no more.
TO_MAKE, TO_SEE = 72, 26


def nothing_doubled(fake: FakeMlflow) -> None:
    for family, title in (("experiments", "name"), ("webhooks", "name"), ("secrets", "secret_name"), ("endpoints", "name"), ("budgets", "target_scope")):
        names = [item[title] for item in fake.at(family).values()]
        assert len(names) == len(set(names)), family
    assert list(fake.at("models")["model"]["versions"]) == list(fake.at("models")["prompt"]["versions"]) == ["1"]


def test_everything_is_made_seen_and_taken_away(mlflow: FakeMlflow) -> None:
    predicted = applied(mlflow, DOCUMENT, check=True)
    assert list(mlflow.workspaces) == ["default"]
    with mlflow.counted() as sent:
        made = applied(mlflow, DOCUMENT)
    assert made["plan"] == predicted["plan"] and {action["action"] for action in made["plan"]} == {"create"}
    assert len(sent) <= TO_MAKE
    with mlflow.counted() as sent:
        assert applied(mlflow, DOCUMENT)["plan"] == []
    assert len(sent) <= TO_SEE
    gone = applied(mlflow, {}, prune=FAMILIES)
    names = {(action["family"], action["name"]) for action in made["plan"]}
    assert {(action["family"], action["name"]) for action in gone["plan"]} == names - {("experiments", "churn@team")}, "which goes with its workspace"
    assert list(mlflow.workspaces) == ["default"] and list(mlflow.users) == ["admin"] and not mlflow.at("models")


COLLISION = {"error_code": "BAD_REQUEST", "message": "(sqlite3.IntegrityError) UNIQUE constraint failed: registered_model_aliases.alias"}
FAULTS = [
    pytest.param({"method": "GET", "path": "/webhooks$", "status": 503, "times": 2}, id="503 of a read"),
    pytest.param({"method": "POST", "path": "/experiments/create$", "status": 503, "times": 2}, id="503 of a write"),
    pytest.param({"method": "POST", "path": "/registered-models/create$", "status": 429, "times": 2, "Retry_After": "1"}, id="429"),
    pytest.param({"method": "POST", "path": "/webhooks$"}, id="webhook dropped before"),
    pytest.param({"method": "POST", "path": "/webhooks$", "after": True}, id="answer about a webhook lost"),
    pytest.param({"method": "POST", "path": "/experiments/create$", "after": True}, id="answer about an experiment lost"),
    pytest.param({"method": "POST", "path": "/secrets/create$", "after": True}, id="answer about a secret lost"),
    pytest.param({"method": "POST", "path": "/endpoints/create$", "after": True}, id="answer about an endpoint lost"),
    pytest.param({"method": "POST", "path": "/budgets/create$", "after": True}, id="answer about a budget lost"),
    pytest.param({"method": "POST", "path": "/users/create$", "after": True}, id="answer about a user lost"),
    pytest.param({"method": "POST", "path": "/roles/create$", "after": True}, id="answer about a role lost"),
    pytest.param({"method": "POST", "path": "/roles/permissions/add$", "after": True}, id="answer about a permission lost"),
    pytest.param({"method": "POST", "path": "/roles/assign$", "after": True}, id="answer about a member lost"),
    pytest.param({"method": "POST", "path": "/users/permissions/grant$", "after": True}, id="answer about a grant lost"),
    pytest.param({"method": "POST", "path": "/model-versions/create$", "after": True}, id="answer about a version lost"),
    pytest.param({"method": "POST", "path": "/workspaces$", "after": True}, id="answer about a workspace lost"),
    pytest.param({"method": "GET", "path": "/registered-models/get$"}, id="read dropped"),
    pytest.param({"method": "POST", "path": "/registered-models/alias$", "status": 400, "body": COLLISION}, id="an alias set twice at once"),
    pytest.param({"method": "POST", "path": "/set-experiment-tag$", "status": 400, "body": COLLISION}, id="a tag set twice at once"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_pass_are_passed(mlflow: FakeMlflow, fault: dict[str, Any]) -> None:
    mlflow.fail(**fault)
    with mlflow.counted() as sent:
        applied(mlflow, DOCUMENT)
    assert [fault.times for fault in mlflow.faults] == [0]
    assert len(sent) <= TO_MAKE + 8
    assert applied(mlflow, DOCUMENT)["plan"] == []
    nothing_doubled(mlflow)


THEIRS = [
    ("/experiments/create", {"name": "churn", "tags": [{"key": "team", "value": "theirs"}]}),
    ("/registered-models/create", {"name": "model", "tags": [{"key": "team", "value": "theirs"}]}),
    ("/gateway/secrets/create", {"secret_name": "openai", "secret_value": {}, "provider": "openai"}),
    ("/gateway/endpoints/create", {"name": "chat", "model_configs": []}),
    ("/roles/create", {"name": "analysts", "workspace": "default"}),
    ("/users/create", {"username": "ann", "password": "theirs-and-long"}),
    ("/users/permissions/grant", {"username": "ann", "resource_type": "registered_model", "resource_id": "model", "permission": "EDIT"}),
    ("/workspaces", {"name": "team", "description": "theirs"}),
    # These two the server takes twice: the older one stays.
    ("/webhooks", {"name": "hook", "url": "https://theirs.example.com", "events": [{"entity": "PROMPT", "action": "CREATED"}]}),
    ("/gateway/budgets/create", {**BUDGET, "budget_unit": "USD", "budget_amount": 1}),
]


@pytest.mark.parametrize(("path", "body"), THEIRS, ids=[path for path, _body in THEIRS])
def test_who_was_faster_is_taken_over(mlflow: FakeMlflow, path: str, body: Document) -> None:
    """Another run makes the same object right before ours does: RESOURCE_ALREADY_EXISTS, or a BAD_REQUEST that quotes the database."""
    mlflow.fail("POST", f"mlflow{path}$", meanwhile=lambda: mlflow.by_hand("POST", path, **body))
    with mlflow.counted() as sent:
        applied(mlflow, DOCUMENT)
    assert [fault.times for fault in mlflow.faults] == [0] and len(sent) <= TO_MAKE + 8
    assert applied(mlflow, DOCUMENT)["plan"] == []
    nothing_doubled(mlflow)
    assert mlflow.users["ann"]["password"] == "canary-of-ann"


SAME_VERSION: dict[str, Document] = {
    "registered_models": {"name": "model", "source": "s3://b/one", "tags": [{"key": "ansible.label", "value": "one"}, {"key": "good", "value": "true"}]},
    "prompts": {
        "name": "prompt",
        "source": "prompt-template",
        "tags": [
            {"key": "mlflow.prompt.is_prompt", "value": "true"},
            {"key": "mlflow.prompt.text", "value": "Hi {{ name }}"},
            {"key": "_mlflow_prompt_type", "value": "text"},
        ],
    },
}


@pytest.mark.parametrize("family", SAME_VERSION)
@pytest.mark.parametrize("lost", [False, True], ids=["", "answer about the deletion lost"])
def test_of_the_same_version_made_twice_the_earlier_stays(mlflow: FakeMlflow, family: str, lost: bool) -> None:
    body = SAME_VERSION[family]
    mlflow.fail("POST", "/model-versions/create$", meanwhile=lambda: mlflow.by_hand("POST", "/model-versions/create", **body))
    if lost:
        mlflow.fail("DELETE", "/model-versions/delete$", after=True)
    applied(mlflow, {family: DOCUMENT[family]})
    assert [fault.times for fault in mlflow.faults] == [0] * len(mlflow.faults)
    made = mlflow.at("models")[body["name"]]
    assert list(made["versions"]) == ["1"] and set(made["aliases"].values()) == {"1"}


@pytest.mark.parametrize("family", SAME_VERSION)
def test_who_may_not_delete_keeps_the_version_made_twice(mlflow: FakeMlflow, family: str) -> None:
    body = SAME_VERSION[family]
    mlflow.fail("POST", "/model-versions/create$", meanwhile=lambda: mlflow.by_hand("POST", "/model-versions/create", **body))
    mlflow.fail("DELETE", "/model-versions/delete$", status=403, body={"error_code": "PERMISSION_DENIED", "message": "Permission denied"})
    applied(mlflow, {family: DOCUMENT[family]})
    made = mlflow.at("models")[body["name"]]
    assert list(made["versions"]) == ["1", "2"] and set(made["aliases"].values()) == {"2"}


def test_a_prompt_that_another_text_followed_is_no_twin(mlflow: FakeMlflow) -> None:
    body = SAME_VERSION["prompts"]
    other = {**body, "tags": [*body["tags"][:1], {"key": "mlflow.prompt.text", "value": "Bye"}, body["tags"][2]]}

    def meanwhile() -> None:
        mlflow.by_hand("POST", "/model-versions/create", **body)
        mlflow.by_hand("POST", "/model-versions/create", **other)

    mlflow.fail("POST", "/model-versions/create$", meanwhile=meanwhile)
    applied(mlflow, {"prompts": DOCUMENT["prompts"]})
    made = mlflow.at("models")["prompt"]
    assert list(made["versions"]) == ["1", "2", "3"] and set(made["aliases"].values()) == {"3"}


def test_two_runs_at_once_end_as_one(mlflow: FakeMlflow) -> None:
    assert [line for line in at_once(lambda: applied(mlflow, DOCUMENT)) if "run again" not in line] == []
    applied(mlflow, DOCUMENT)
    assert applied(mlflow, DOCUMENT)["plan"] == []
    nothing_doubled(mlflow)


STOPS = [
    ("POST", "/experiments/create$", {"status": 500, "body": {"error_code": "INVALID_STATE", "message": "not now"}}, "(500 INVALID_STATE: not now)"),
    ("POST", "/experiments/create$", {"status": 401, "body": "You are not authenticated."}, "check username and password, or token"),
    ("POST", "/experiments/create$", {"status": 403, "body": {"error_code": "PERMISSION_DENIED", "message": "Permission denied"}}, "has no permission"),
    ("GET", "/server-info$", {"status": 200, "body": "<html>log in</html>"}, "no JSON: is url MLflow's own address, and not that of a login"),
    ("GET", "/server-info$", {"status": 401, "body": "<html>log in</html>"}, "a login in front of MLflow answers"),
    ("GET", "/server-info$", {"status": 302, "Location": "https://sso.example.com/auth?state=x"}, "redirects to https://sso.example.com/auth: "),
    ("GET", "/version$", {"status": 200, "body": "<html>log in</html>"}, "/version is not MLflow's"),
    ("GET", "/server-info$", {"status": 403, "body": "Invalid Host header - possible DNS rebinding attack detected"}, "--allowed-hosts"),
    ("GET", "/workspaces$", {"status": 500, "body": {"error_code": "FEATURE_DISABLED", "message": "Workspace APIs are not available"}}, "--enable-workspaces"),
    ("GET", "/secrets/list$", {"status": 501, "body": {"error_code": "FEATURE_DISABLED", "message": "AI gateway is off"}}, "switched off on the server"),
    ("POST", "/secrets/create$", {"status": 422, "body": {"detail": [{"loc": ["body", "x"], "msg": "Field required"}]}}, "body.x: Field required"),
    (
        "POST",
        "/secrets/create$",
        {"status": 400, "body": {"error_code": "BAD_REQUEST", "message": "no [SQL: INSERT] [parameters: ('scrypt:canary')]"}},
        ": no)",
    ),
]


@pytest.mark.parametrize(("method", "path", "fault", "line"), STOPS, ids=[line for *_others, line in STOPS])
def test_what_stops_a_run_is_one_line_and_the_next_ends_it(mlflow: FakeMlflow, method: str, path: str, fault: dict[str, Any], line: str) -> None:
    mlflow.fail(method, path, times=9, **fault)
    with pytest.raises(FailedError) as failed:
        applied(mlflow, DOCUMENT)
    shown = f"{failed.value}{failed.value.details}{failed.value.result}"
    assert line in str(failed.value) and "\n" not in str(failed.value) and len(str(failed.value)) < 600
    assert [word for word in ("canary", "<html", "INSERT", "state=x") if word in shown] == []
    assert mlflow.faults[0].times >= 6, "what no repetition mends is not repeated: there are two experiments and that of the marks"
    mlflow.faults.clear()
    applied(mlflow, DOCUMENT)
    assert applied(mlflow, DOCUMENT)["plan"] == []
    nothing_doubled(mlflow)


KILLED = [
    "/experiments/create$", "/set-experiment-tag$", "/webhooks$", "/registered-models/create$", "/model-versions/create$",
    "/registered-models/alias$", "/secrets/create$", "/endpoints/create$", "/endpoints/set-tag$",
    "/budgets/create$", "/users/create$", "/roles/create$", "/roles/assign$", "/workspaces$",
]  # fmt: skip


@pytest.mark.parametrize("path", KILLED)
def test_a_run_that_is_killed_is_ended_by_the_next(mlflow: FakeMlflow, path: str) -> None:
    """As kill -9 right after the server has carried out a write: nothing of ours runs any more, no answer is seen."""
    mlflow.fail("POST", path, after=True)
    mlflow.dead = True  # from there on nobody sends anything
    with pytest.raises(FailedError):
        applied(mlflow, DOCUMENT, retries=0)
    mlflow.dead = False
    assert applied(mlflow, DOCUMENT, fail_on_drift=True)["drift"] == []
    assert applied(mlflow, DOCUMENT, prune=FAMILIES)["plan"] == []
    nothing_doubled(mlflow)


def in_parts(version: int) -> Document:
    """Objects that take several requests each, of which every version changes all."""
    labels = ["one", "two"][:version]
    made = [{"label": label, "source": f"s3://b/{label}", "tags": {"version": version}} for label in labels]
    return {
        "experiments": [{"name": "churn", "description": f"{version}", "tags": {"a": version, "b": version}}],
        "registered_models": [
            {"name": "model", "description": f"{version}", "tags": {"a": version}, "versions": made, "aliases": {"best": labels[-1], "first": "one"}},
        ],
        "prompts": [
            {"name": "prompt", "description": f"{version}", "template": f"Hi {version}", "version_tags": {"a": version}, "aliases": {"production": "latest"}},
        ],
        "gateway": {**DOCUMENT["gateway"], "endpoints": [{**DOCUMENT["gateway"]["endpoints"][0], "tags": {"a": version, "b": version}}]},
    }  # fmt: skip


@pytest.mark.parametrize("version", [1, 2], ids=["creations", "changes"])
def test_what_a_killed_run_left_to_do_is_pending_and_no_drift(mlflow: FakeMlflow, version: int) -> None:
    """After every single write: what nobody has changed by hand must not stop a run that is to fail on drift."""
    if version == 2:
        applied(mlflow, in_parts(1))
    tables = ("spaces", "workspaces", "users", "roles")
    fresh = copy.deepcopy({table: getattr(mlflow, table) for table in tables})
    with mlflow.counted() as sent:
        applied(mlflow, in_parts(version))
    writes = [(method, path) for method, path in sent if method != "GET" and not path.endswith("/search")]
    for number, write in enumerate(writes):
        for table, content in copy.deepcopy(fresh).items():
            setattr(mlflow, table, content)
        mlflow.fail("POST|PATCH|PUT|DELETE", "(?<!/search)$", after=True, skip=number)
        mlflow.dead = True
        with contextlib.suppress(FailedError):  # of the marks alone it is the end
            applied(mlflow, in_parts(version), retries=0, parallel=1, verify=False)
        assert not mlflow.faults[-1].times, write
        mlflow.dead = False
        assert applied(mlflow, in_parts(version), verify=False)["drift"] == [], write
        assert applied(mlflow, in_parts(version))["plan"] == [], write


def test_pages_of_ten(mlflow: FakeMlflow) -> None:
    mlflow.page = 10
    many: Document = {family: [{"name": f"n{number}"} for number in range(28)] for family in ("experiments", "registered_models")}
    many["prompts"] = [{"name": f"p{number}", "template": "x"} for number in range(28)]
    many["webhooks"] = [{"name": f"h{number}", "url": "https://x", "events": ["prompt.created"]} for number in range(28)]
    applied(mlflow, many)
    with mlflow.counted() as sent:
        assert applied(mlflow, many)["plan"] == []
    assert len(sent) <= 2 + 1 + 4 * 3
    assert len(applied(mlflow, {}, prune=("experiments", "registered_models", "prompts", "webhooks"))["plan"]) == 4 * 28


@pytest.mark.parametrize(("version", "path"), [("3.10.0", "/api/2.0/mlflow/"), ("3.17.2", "/below/api/2.0/mlflow/")])
def test_the_api_is_found_below_a_static_prefix_and_beside_it(version: str, path: str) -> None:
    with FakeMlflow(version, prefix="/below") as fake:
        applied(fake, {"experiments": DOCUMENT["experiments"]})
        assert {found for _method, found in fake.log if found.endswith("/create")} == {f"{path}experiments/create"}


def test_what_a_proxy_hides_of_an_old_server_is_said() -> None:
    with FakeMlflow("3.10.0", prefix="/below") as fake:
        fake.hidden = True
        wanted = {"experiments": DOCUMENT["experiments"]}
        result = applied(fake, wanted, prune=("experiments", "users", "roles", "grants"))
        assert result["changed"] and "users, roles and grants are left as they are" in result["warnings"][0]
        assert {found for method, found in fake.log if method == "POST"} >= {"/below/ajax-api/2.0/mlflow/experiments/create"}
        with pytest.raises(FailedError, match="has its users at /api of the host, and that does not lead to it: give the server's own address"):
            applied(fake, {"users": DOCUMENT["users"]})


def test_another_server_at_the_root_of_the_host_is_left_alone() -> None:
    with FakeMlflow("3.10.0", prefix="/below") as fake:
        fake.fail("GET", "^/version$", 200, body="3.17.2", times=9)
        applied(fake, {"experiments": DOCUMENT["experiments"]})
        assert {found for _method, found in fake.log if found.startswith("/api")} == set()
