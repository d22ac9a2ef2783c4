# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, roles and grants on real servers: one document, whichever program keeps the permissions."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine import plan, runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import RefusedError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings, basic
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import families as known
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import permissions
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.session import Session
from mlflow_oidc_server import mlflow_oidc  # noqa: F401  pylint: disable=unused-import  # a fixture
from mlflow_servers import CURRENT, Server, running

PASSWORD = "canary-of-ann-1"
FAMILIES = ("users", "roles", "grants")
Document = dict[str, Any]
NOTHING: Document = {family: [] for family in FAMILIES}


def session(server: Server, pruned: tuple[str, ...] = ()) -> Session:
    options = server.options
    login = f"Bearer {options['token']}" if "token" in options else basic(options["username"], options["password"])
    return Session(Http(Settings(options["url"], headers=(("Authorization", login),))), known.everything(), pruned)


def go(
    server: Server,
    document: Document,
    check: bool = False,
    prune: str = "none",
    absent: dict[str, list[str]] | None = None,
    families: tuple[str, ...] = FAMILIES,
    **options: Any,
) -> Document:
    pruned = families if prune != "none" else ()
    chosen = plan.Options(**{"secret_key": "k", "prune": dict.fromkeys(pruned, prune), "max_deletes": "100%"} | options)
    return runner.run(session(server, pruned), runner.Request(document, chosen, absent or {}, check=check), lambda line: None)


def refused(server: Server, document: Document, **options: Any) -> list[str]:
    with pytest.raises(runner.FailedError) as failed:
        go(server, document, **options)
    assert failed.value.result["plan"] == [], "nothing was planned, let alone written"
    return list(failed.value.result["problems"])


def verbs(result: Document) -> set[tuple[str, str]]:
    return {(item["action"], f"{item['family']}/{item['name']}") for item in result["plan"]}


def may_read(server: Server, name: str, password: str, model: str) -> bool:
    login = base64.b64encode(f"{name}:{password}".encode()).decode()
    asked = urllib.request.Request(f"{server.url}/api/2.0/mlflow/registered-models/get?name={model}", headers={"Authorization": f"Basic {login}"})
    try:
        with urllib.request.urlopen(asked, timeout=60):
            return True
    except urllib.error.HTTPError as exc:
        assert exc.code == 403, exc.read()
        return False


@dataclasses.dataclass(frozen=True)
class Backend:
    """What one backend can keep of the same document, and what somebody does by hand there.

    :ivar fixture: the server.
    :ivar logs_in: users have passwords, roles have members and a description.
    :ivar by_hand: method, path and body of a request that changes the permission on the model.
    """

    fixture: str
    logs_in: bool
    by_hand: tuple[str, str, dict[str, Any]]


MODEL_PERMISSION = {"name": "p-model", "username": "p-ann", "permission": "READ"}
BACKENDS = [
    Backend("mlflow_full", True, ("POST", "/api/3.0/mlflow/users/permissions/revoke", {})),
    Backend("mlflow_before_rbac", True, ("PATCH", "/api/2.0/mlflow/registered-models/permissions/update", MODEL_PERMISSION)),
    Backend("mlflow_oidc", False, ("PATCH", "/api/2.0/mlflow/permissions/users/p-ann/registered-models/p-model", {"permission": "READ"})),
]
GRANT = "grants/user:p-ann/registered_model:p-model"


def document(logs_in: bool = True) -> Document:
    user = {"username": "p-ann", **({"password": PASSWORD} if logs_in else {})}
    role = {"name": "p-analysts", **({"description": "They look", "members": ["p-ann"]} if logs_in else {})}
    permitted = [
        {"resource_type": "experiment", "resource": "p-churn", "permission": "EDIT"},
        {"resource_type": "registered_model", "resource": "*", "permission": "READ"},
    ]
    return {
        "experiments": [{"name": "p-churn"}],
        "registered_models": [{"name": "p-model"}, {"name": "p-other"}],
        "users": [user],
        "roles": [{**role, "permissions": permitted}],
        "grants": [
            {"user": "p-ann", "resource_type": "registered_model", "resource": "p-model", "permission": "MANAGE"},
            {"user": "p-ann", "resource_type": "experiment", "resource": "p-churn", "permission": "READ"},
            {"user": "p-ann", "resource_type": "workspace", "permission": "USE"},
            {"role": "p-analysts", "resource_type": "scorer", "resource": "*", "permission": "READ"},
        ],
    }


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.fixture)
def test_one_document_on_every_backend(backend: Backend, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(backend.fixture)
    wanted = document(backend.logs_in)
    predicted = go(server, wanted, check=True)
    done = go(server, wanted)
    assert done["plan"] == predicted["plan"] and len(verbs(done)) == 9
    assert not go(server, wanted)["changed"]
    assert not go(server, wanted, check=True, prune="owned")["changed"]

    changed = copy.deepcopy(wanted)
    changed["roles"][0]["permissions"][0]["permission"] = "READ"
    changed["grants"][0]["permission"] = "EDIT"
    assert verbs(go(server, changed)) == {("update", "roles/p-analysts"), ("update", GRANT)}
    assert not go(server, changed)["changed"]

    method, path, body = backend.by_hand
    server.request(method, path, body or {"username": "p-ann", "resource_type": "registered_model", "resource_id": "p-model"})
    seen = go(server, changed, check=True)
    assert {name for _verb, name in verbs(seen)} == {GRANT}
    assert body == {} or seen["drift"] == [{"family": "grants", "name": GRANT.partition("/")[2], "fields": ["permission"]}]
    assert go(server, changed)["plan"] == seen["plan"]
    assert not go(server, changed)["changed"]

    left = {**changed, "grants": changed["grants"][:1], "roles": []}
    assert verbs(go(server, left, prune="owned")) == {
        ("delete", "roles/p-analysts"),
        ("delete", "grants/user:p-ann/experiment:p-churn"),
        ("delete", "grants/user:p-ann/workspace:*"),
        ("delete", "grants/role:p-analysts/scorer:*"),
    }
    assert verbs(go(server, NOTHING, prune="owned")) == {("delete", "users/p-ann"), ("delete", GRANT)}
    assert not go(server, NOTHING, prune="owned")["changed"]


JUDGE = {
    "name": "polite",
    "aggregations": ["mean"],
    "serialization_version": 1,
    "instructions_judge_pydantic_data": {"instructions": "Is {{ outputs }} polite?", "model": "openai:/gpt-4o"},
}
GATEWAY = {
    "secrets": [{"name": "g-secret", "provider": "openai", "secret_value": {"api_key": PASSWORD}}],
    "model_definitions": [{"name": "g-definition", "secret_name": "g-secret", "provider": "openai", "model_name": "gpt-4o"}],
    "endpoints": [{"name": "g-endpoint", "model_configs": [{"model_definition": "g-definition"}]}],
}
RESOURCES = {
    "gateway_secret": "g-secret",
    "gateway_model_definition": "g-definition",
    "gateway_endpoint": "g-endpoint",
    "scorer": "g-exp/polite",
    "prompt": "g-prompt",
    "registered_model": "g-model",
    "experiment": "g-exp",
}


@pytest.mark.parametrize("fixture", ["mlflow_full", "mlflow_before_rbac"])
def test_what_is_granted_on_every_kind_of_resource(fixture: str, request: pytest.FixtureRequest) -> None:
    """By name, denied, changed by hand and repaired, taken back; the newer server every one of a type at once too."""
    server = request.getfixturevalue(fixture)
    there = {"experiments": [{"name": "g-exp"}], "prompts": [{"name": "g-prompt", "template": "x"}], "registered_models": [{"name": "g-model"}]}
    go(server, {**there, "gateway": GATEWAY, "users": [{"username": "g-ann", "password": PASSWORD}]})
    experiment = server.request("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=g-exp")["experiment"]["experiment_id"]
    scorer = {"experiment_id": experiment, "name": "polite", "serialized_scorer": json.dumps({**JUDGE, "mlflow_version": server.version})}
    server.request("POST", "/api/3.0/mlflow/scorers/register", scorer)

    grants = [{"user": "g-ann", "resource_type": kind, "resource": name, "permission": "READ"} for kind, name in RESOURCES.items()]
    grants[0]["permission"] = "DENY"
    if fixture == "mlflow_full":
        grants += [{"user": "g-ann", "resource_type": kind, "resource": "*", "permission": "USE"} for kind in RESOURCES]
        grants += [{"user": "g-ann", "resource_type": "run", "permission": "READ"}]
    predicted = go(server, {"grants": grants}, check=True)
    assert go(server, {"grants": grants})["plan"] == predicted["plan"] and len(predicted["plan"]) == len(grants)
    assert not go(server, {"grants": grants}, prune="owned", families=("grants",))["changed"]
    changed = [{**grant, "permission": "EDIT"} for grant in grants]
    assert len(go(server, {"grants": changed})["plan"]) == len(grants)
    go(server, {}, absent={"grants": [plan_of["name"] for plan_of in predicted["plan"][1:3]]}, owner="somebody else")
    seen = go(server, {"grants": changed}, check=True)
    assert verbs(seen) == {("create", f"grants/{plan_of['name']}") for plan_of in predicted["plan"][1:3]}
    assert go(server, {"grants": changed})["plan"] == seen["plan"] and not go(server, {"grants": changed})["changed"]
    assert len(go(server, {"grants": []}, prune="owned", families=("grants",))["plan"]) == len(grants)

    for kind in RESOURCES:
        for name, line in (("prod-*", "would never match: MLflow knows '*' and exact names"), ("gone", f"there is no {kind} 'gone'")):
            dead = {"user": "g-ann", "resource_type": kind, "resource": f"g-exp/{name}" if kind == "scorer" else name, "permission": "READ"}
            problems = refused(server, {"experiments": [{"name": "g-never"}], "grants": [dead]})
            assert len(problems) == 1 and (line in problems[0] or (kind == "scorer" and "there is no scorer" in problems[0])), problems
    listed = server.request("POST", "/api/2.0/mlflow/experiments/search", {"max_results": 1000})["experiments"]
    assert "g-never" not in {item["name"] for item in listed}, "nothing is written before that is said"
    go(server, {}, absent={"users": ["g-ann"]})


def test_the_life_of_a_user_and_a_role(mlflow_full: Server) -> None:
    server = mlflow_full
    run = {"resource_type": "run", "permission": "READ"}
    wanted = {
        "users": [{"username": "l-ann", "password": PASSWORD, "is_admin": False}],
        "roles": [{"name": "l-role", "description": "ours", "members": ["l-ann"], "permissions": [run]}],
    }
    predicted = go(server, wanted, check=True)
    assert go(server, wanted)["plan"] == predicted["plan"] and not go(server, wanted)["changed"]
    role = next(role for role in server.request("GET", "/api/3.0/mlflow/roles/list")["roles"] if role["name"] == "l-role")
    server.request("PATCH", "/api/2.0/mlflow/users/update-admin", {"username": "l-ann", "is_admin": True})
    server.request("PATCH", "/api/3.0/mlflow/roles/update", {"role_id": role["id"], "description": "theirs"})
    server.request("DELETE", "/api/3.0/mlflow/roles/unassign", {"role_id": role["id"], "username": "l-ann"})
    seen = go(server, wanted, check=True)
    assert {(found["name"], *found["fields"]) for found in seen["drift"]} == {("l-ann", "is_admin"), ("l-role", "description", "members")}
    assert go(server, wanted)["plan"] == seen["plan"] and not go(server, wanted)["changed"]
    assert verbs(go(server, {"users": [], "roles": []}, prune="owned", families=("users", "roles"))) == {("delete", "users/l-ann"), ("delete", "roles/l-role")}


def test_what_an_administrator_was_granted_is_pruned_too(mlflow_full: Server) -> None:
    """Though nobody lists what creating things granted him on the way."""
    user = {"username": "a-ann", "password": PASSWORD, "is_admin": True}
    granted = {"users": [user], "grants": [{"user": "a-ann", "resource_type": "run", "permission": "READ"}]}
    go(mlflow_full, granted)
    assert not go(mlflow_full, granted, prune="owned")["changed"]
    less = {"users": [{**user, "is_admin": False}], "grants": []}
    assert ("delete", "grants/user:a-ann/run:*") in verbs(go(mlflow_full, less, prune="owned"))
    assert not go(mlflow_full, less, prune="owned")["changed"]
    go(mlflow_full, {}, absent={"users": ["a-ann"]})


def test_a_default_that_lets_everybody_in_is_said(tmp_path: Path, mlflow_full: Server) -> None:
    wanted = {"users": [{"username": "d-ann", "password": PASSWORD}]}
    with running(CURRENT, tmp_path, auth=True, default_permission="READ") as server:
        go(server, wanted)
        (line,) = go(server, wanted, check=True)["warnings"]
        assert line.startswith("who is granted nothing may READ everything here") and "default_permission = NO_PERMISSIONS" in line
    go(mlflow_full, wanted)
    assert go(mlflow_full, wanted, check=True)["warnings"] == []
    go(mlflow_full, {}, absent={"users": ["d-ann"]})


@pytest.mark.parametrize("fixture", ["mlflow_full", "mlflow_before_rbac"])
def test_what_is_not_granted_is_not_allowed_and_what_is_denied_neither(fixture: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(fixture)
    wanted = {
        "registered_models": [{"name": "q-open"}, {"name": "q-closed"}],
        "users": [{"username": "q-ann", "password": PASSWORD}],
        "grants": [
            {"user": "q-ann", "resource_type": "registered_model", "resource": "q-open", "permission": "READ"},
            {"user": "q-ann", "resource_type": "registered_model", "resource": "q-closed", "permission": "DENY"},
        ],
    }
    go(server, wanted)
    assert may_read(server, "q-ann", PASSWORD, "q-open")
    assert not may_read(server, "q-ann", PASSWORD, "q-closed")
    go(server, {}, absent={"grants": ["user:q-ann/registered_model:q-open"]})
    assert not may_read(server, "q-ann", PASSWORD, "q-open"), "the server's default is no permission"
    go(server, {}, absent={"users": ["q-ann"]})


def test_exact_takes_from_a_role_what_is_not_declared_for_it_but_not_its_grants(mlflow_full: Server) -> None:
    wanted = {"roles": [{"name": "e-role", "permissions": []}], "grants": [{"role": "e-role", "resource_type": "run", "permission": "READ"}]}
    go(mlflow_full, wanted)
    role = next(role for role in mlflow_full.request("GET", "/api/3.0/mlflow/roles/list")["roles"] if role["name"] == "e-role")
    mlflow_full.request(
        "POST", "/api/3.0/mlflow/roles/permissions/add",
        {"role_id": role["id"], "resource_type": "trace", "resource_pattern": "*", "permission": "MANAGE"},
    )  # fmt: skip
    assert not go(mlflow_full, wanted)["changed"]
    assert go(mlflow_full, wanted, mode="exact")["plan"][0]["fields"] == ["permissions.trace:*"]
    assert not go(mlflow_full, wanted, mode="exact")["changed"]
    kept = next(role for role in mlflow_full.request("GET", "/api/3.0/mlflow/roles/list")["roles"] if role["name"] == "e-role")
    assert [row["resource_type"] for row in kept["permissions"]] == ["run"]
    go(mlflow_full, {}, absent={"roles": ["e-role"]})


def test_roles_and_grants_of_a_workspace_stay_in_it(mlflow_full: Server) -> None:
    inner = {
        "experiments": [{"name": "w-exp"}],
        "roles": [{"name": "w-role", "members": ["w-ann"], "permissions": [{"resource_type": "experiment", "resource": "w-exp", "permission": "READ"}]}],
        "grants": [{"user": "w-ann", "resource_type": "experiment", "resource": "w-exp", "permission": "EDIT"}],
    }
    wanted = {"workspaces": [{"name": "w-team", **inner}], "users": [{"username": "w-ann", "password": PASSWORD}]}
    predicted = go(mlflow_full, wanted, check=True)
    assert go(mlflow_full, wanted)["plan"] == predicted["plan"]
    assert {name for _verb, name in verbs(predicted)} >= {"roles/w-role@w-team", "grants/user:w-ann/experiment:w-exp@w-team"}
    assert not go(mlflow_full, wanted)["changed"]
    roles = {(role["workspace"], role["name"]) for role in mlflow_full.request("GET", "/api/3.0/mlflow/roles/list")["roles"]}
    assert ("w-team", "w-role") in roles and ("default", "w-role") not in roles
    go(mlflow_full, {}, absent={"users": ["w-ann"]})


def test_passwords_are_written_when_they_change_and_shown_never(mlflow_full: Server) -> None:
    users = {"users": [{"username": "s-ann", "password": PASSWORD}]}
    results = [go(mlflow_full, users), go(mlflow_full, users)]
    assert [result["changed"] for result in results] == [True, False]
    changed = {"users": [{"username": "s-ann", "password": f"{PASSWORD}-changed"}]}
    results += [go(mlflow_full, changed, secret_key=""), go(mlflow_full, changed), go(mlflow_full, changed)]
    assert [result["changed"] for result in results[2:]] == [False, True, False]
    assert "set secret_hash_key" in results[2]["warnings"][0]
    go(mlflow_full, {"registered_models": [{"name": "s-model"}]})
    assert not may_read(mlflow_full, "s-ann", f"{PASSWORD}-changed", "s-model"), "the new password logs in"
    assert PASSWORD not in json.dumps(results)
    keeper = permissions.backend(opened(mlflow_full))
    with pytest.raises(RefusedError) as failed:
        keeper.create_user({"username": "s-ann", "password": f"{PASSWORD}-other"})
    assert failed.value.code == "RESOURCE_ALREADY_EXISTS"
    assert not any(word in str(failed.value) + str(failed.value.details) for word in ("scrypt", "pbkdf2", "canary", "INSERT"))
    go(mlflow_full, {}, absent={"users": ["s-ann"]})


def opened(server: Server) -> Session:
    found = session(server)
    found.open({})
    return found


def test_the_account_of_the_run_stays_as_it_is(mlflow_full: Server) -> None:
    own = {"username": "admin", "password": mlflow_full.options["password"]}
    go(mlflow_full, {"users": [own]})
    assert not go(mlflow_full, {"users": [own]})["changed"]
    assert "cannot change its password" in refused(mlflow_full, {"users": [{**own, "password": "another-password"}]})[0]
    assert "would take the right to go on from itself" in refused(mlflow_full, {"users": [{**own, "is_admin": False}]})[0]
    assert not go(mlflow_full, {"users": []}, check=True, prune="owned")["changed"], "it is never deleted"


@pytest.mark.parametrize(
    ("fixture", "part", "line"),
    [
        ("mlflow_full", {"grants": [{"user": "admin", "resource_type": "experiment", "resource": "prod-*", "permission": "READ"}]}, "would never match"),
        ("mlflow_full", {"grants": [{"user": "admin", "resource_type": "experiment", "resource": "gone", "permission": "READ"}]}, "no experiment 'gone'"),
        ("mlflow_full", {"grants": [{"user": "nobody", "resource_type": "run", "permission": "READ"}]}, "there is no user nobody"),
        ("mlflow_full", {"grants": [{"role": "nobody", "resource_type": "run", "permission": "READ"}]}, "there is no role nobody"),
        ("mlflow_full", {"grants": [{"user": "admin", "resource_type": "run", "resource": "7", "permission": "READ"}]}, "granted as a whole"),
        ("mlflow_full", {"grants": [{"user": "admin", "resource_type": "workspace", "permission": "READ"}]}, "USE (see it, create in it) or MANAGE"),
        ("mlflow_full", {"grants": [{"user": "admin", "resource_type": "experimnt", "permission": "READ"}]}, "did you mean experiment?"),
        ("mlflow_full", {"grants": [{"user": "admin", "role": "x", "resource_type": "run", "permission": "READ"}]}, "a user or a role"),
        ("mlflow_full", {"grants": [{"user": "admin", "resource_type": "experiment", "regex": "a.*", "permission": "READ"}]}, "regex needs mlflow-oidc-auth"),
        ("mlflow_full", {"grants": [{"user": "admin", "resource_type": "run", "permission": "NO_PERMISSIONS"}]}, "cannot be granted"),
        ("mlflow_full", {"users": [{"username": "x", "password": "short"}]}, "at least 12 characters"),
        ("mlflow_full", {"users": [{"username": "x"}]}, "password is missing"),
        ("mlflow_full", {"users": [{"username": "x", "pasword": "y"}]}, "did you mean password?"),
        ("mlflow_full", {"users": [{"username": "x", "display_name": "X", "password": PASSWORD}]}, "keep no display_name"),
        ("mlflow_full", {"roles": [{"name": "r", "members": ["nobody"]}]}, "there is no user nobody"),
        ("mlflow_full", {"roles": [{"name": "__user_1__"}]}, "MLflow's own"),
        ("mlflow_before_rbac", {"grants": [{"user": "admin", "resource_type": "experiment", "resource": "*", "permission": "READ"}]}, "at a time"),
        ("mlflow_before_rbac", {"grants": [{"user": "admin", "resource_type": "run", "permission": "READ"}]}, "can be granted since MLflow 3.17"),
        ("mlflow_plain", {"users": [{"username": "x", "password": PASSWORD}]}, "keeps no users: start it with --app-name basic-auth"),
        ("mlflow_oidc", {"users": [{"username": "x", "password": PASSWORD}]}, "through the identity provider"),
        ("mlflow_oidc", {"roles": [{"name": "r", "members": ["admin@example.org"]}]}, "who is in it"),
        ("mlflow_oidc", {"grants": [{"user": "admin@example.org", "resource_type": "run", "permission": "READ"}]}, "grants no run by itself"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_with_the_remedy(fixture: str, part: Document, line: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(fixture)
    if "username" not in server.options and "token" not in server.options:
        server = dataclasses.replace(server, options={**server.options, "token": "none"})
    with pytest.raises(runner.FailedError) as failed:
        go(server, part)
    assert line in str(failed.value) and "\n" not in str(failed.value)
    assert failed.value.result["requests"]["by_method"].get("PATCH", 0) == 0


def test_a_regular_expression_holds_in_its_workspace_only(mlflow_oidc: Server) -> None:  # noqa: F811
    wanted = {
        "users": [{"username": "r-ann"}],
        "grants": [{"user": "r-ann", "resource_type": "experiment", "regex": "prod-.*", "priority": 5, "permission": "READ"}],
    }
    go(mlflow_oidc, wanted)
    assert not go(mlflow_oidc, wanted)["changed"]
    wanted["grants"][0]["priority"] = 7
    assert go(mlflow_oidc, wanted)["plan"][0]["fields"] == ["priority"]
    patterns = mlflow_oidc.request("GET", "/api/2.0/mlflow/permissions/users/r-ann/experiment-patterns")
    assert [(row["regex"], row["priority"], row["workspace"]) for row in patterns] == [("prod-.*", 7, "default")]
    go(mlflow_oidc, {}, absent={"users": ["r-ann"]})
