# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows: what a document says, what is written, and that whatever moment a run breaks off at, the next one ends it."""

from __future__ import annotations

import contextlib
import types
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine import plan
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import flow_edit, flow_swap, flow_tree
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families.flows import Flows
from fake_flows import BrokenOffError, FakeFlows
from hypothesis import given, settings
from hypothesis import strategies as st


def read(**document: Any) -> tuple[list[dict[str, Any]], list[str]]:
    reader = flow_tree.Reader(document)
    return reader.top(), reader.problems


def execution(name: str, requirement: str = "REQUIRED", **more: Any) -> dict[str, Any]:
    return {"authenticator": name, "requirement": requirement, **more}


def test_flows_of_an_export_become_one_tree() -> None:
    (flow,), problems = read(
        authenticationFlows=[
            {
                "alias": "top",
                "topLevel": True,
                "authenticationExecutions": [execution("a", authenticatorConfig="c"), {"flowAlias": "in", "requirement": "REQUIRED"}],
            },
            {"alias": "in", "topLevel": False, "providerId": "form-flow", "description": "d", "authenticationExecutions": [execution("b", priority=7)]},
        ],
        authenticatorConfig=[{"alias": "c", "config": {"on": True}}],
    )
    assert problems == []
    assert flow == {
        "alias": "top", "providerId": "basic-flow", "authenticatorConfig": {"c": {"on": "true"}},
        "authenticationExecutions": [
            {"authenticator": "a", "requirement": "REQUIRED", "priority": 10, "authenticatorConfig": "c"},
            {"flowAlias": "in", "providerId": "form-flow", "description": "d", "requirement": "REQUIRED", "priority": 20,
             "authenticationExecutions": [{"authenticator": "b", "requirement": "REQUIRED", "priority": 7}]},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "becomes"),
    [([None, None], [10, 20]), ([0, 0, 0], [0, 1, 2]), ([30, 10], [10, 30]), ([5, None, 6], [5, 6, 15]), ([20, 20, 21], [20, 21, 22])],
)
def test_every_execution_gets_a_priority_of_its_own(given_: list[int | None], becomes: list[int]) -> None:
    rows = [execution(str(number), **({} if priority is None else {"priority": priority})) for number, priority in enumerate(given_)]
    (flow,), problems = read(authenticationFlows=[{"alias": "top", "authenticationExecutions": rows}])
    assert problems == []
    assert [row["priority"] for row in flow["authenticationExecutions"]] == becomes


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([execution("a", "MAYBE")], "requirement MAYBE is not one of REQUIRED, ALTERNATIVE, CONDITIONAL, DISABLED"),
        ([execution("a", authenticatorConfig="c")], "authenticatorConfig c is not declared"),
        ([execution("a", authenticatorConfig={"alias": "c"}), execution("b", authenticatorConfig={"alias": "c"})], "authenticatorConfig c is used already"),
        ([{"requirement": "REQUIRED"}], "has neither authenticator nor flowAlias"),
        ([{"flowAlias": "gone", "requirement": "REQUIRED"}], "gone is no flow of the document"),
        ([{"flowAlias": "top", "requirement": "REQUIRED"}], r"top holds itself (top > top)"),
        ([execution("a", priority="first")], "priority first is not a whole number"),
    ],
)
def test_what_is_wrong_with_a_flow(rows: list[dict[str, Any]], problem: str) -> None:
    _flows, problems = read(authenticationFlows=[{"alias": "top", "topLevel": True, "authenticationExecutions": rows}])
    assert any(problem in line for line in problems), problems


def trees(names: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Levels of executions; the names of flows and configurations are drawn from a list, each once."""
    leaf = st.fixed_dictionaries(
        {"authenticator": st.sampled_from(["x", "y", "z"]), "requirement": st.sampled_from(flow_tree.REQUIREMENTS)},
        optional={"priority": st.integers(0, 30), "authenticatorConfig": st.just({"config": {"k": "v", "secret.key": "s"}})},
    )
    return st.recursive(
        st.lists(leaf, max_size=3),
        lambda inner: st.lists(
            st.one_of(leaf, inner.map(lambda rows: {"flowAlias": True, "requirement": "REQUIRED", "authenticationExecutions": rows})), max_size=3
        ),
        max_leaves=4,
    ).map(lambda rows: _named(rows, iter(names)))


def _named(rows: list[dict[str, Any]], names: Any) -> list[dict[str, Any]]:
    result = []
    for row in rows:
        one = dict(row)
        if "flowAlias" in one:
            one["flowAlias"] = next(names)
            one["authenticationExecutions"] = _named(one["authenticationExecutions"], names)
        if "authenticatorConfig" in one:
            one["authenticatorConfig"] = {**one["authenticatorConfig"], "alias": next(names)}
        result.append(one)
    return result


NAMES = [f"n{number}" for number in range(60)]


def entry(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (flow,), problems = read(authenticationFlows=[{"alias": "top", "topLevel": True, "authenticationExecutions": rows}])
    assert problems == []
    return flow


def there(api: FakeFlows) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    nodes = flow_edit.tree(api, "top")  # type: ignore[arg-type]
    return flow_tree.shown(nodes), {config["alias"]: config["config"] for config in api.configs.values()}


def made(rows: list[dict[str, Any]], *, bound: bool) -> FakeFlows:
    api = FakeFlows()
    flow = entry(rows)
    identifier = flow_edit.create(api, "top", flow, flow.get("authenticatorConfig") or {})  # type: ignore[arg-type]
    if bound:
        api.bound["browserFlow"] = identifier
        api.providers.append({"alias": "p", "flow": identifier})
        api.clients.append({"id": "c", "authenticationFlowBindingOverrides": {"browser": identifier}})
    assert there(api) == (flow["authenticationExecutions"], flow.get("authenticatorConfig") or {})
    return api


def assert_is(api: FakeFlows, wanted: dict[str, Any], bound: bool) -> None:
    assert there(api) == (wanted["authenticationExecutions"], wanted.get("authenticatorConfig") or {})
    (top,) = [flow["id"] for flow in api.flows.values() if flow["topLevel"]]
    assert not [flow["alias"] for flow in api.flows.values() if flow["alias"].endswith(flow_tree.NEW)]
    assert len(api.flows) == 1 + len([row for flow in api.flows.values() for row in flow["executions"] if row["flow"]]), "nothing hangs loose"
    if bound:
        assert api.bound["browserFlow"] == top == api.providers[0]["flow"] == api.clients[0]["authenticationFlowBindingOverrides"]["browser"]


@settings(deadline=None)
@given(trees(NAMES), trees(NAMES), st.booleans())
def test_any_flow_becomes_any_other(before: list[dict[str, Any]], after: list[dict[str, Any]], bound: bool) -> None:
    api = made(before, bound=bound)
    wanted = entry(after)
    flow_swap.update(api, "top", wanted)  # type: ignore[arg-type]
    assert_is(api, wanted, bound)
    api.writes = 0
    flow_swap.update(api, "top", wanted)  # type: ignore[arg-type]
    assert api.writes == len(api.configs), "what is masked is written again, and nothing else"


@settings(deadline=None)
@given(trees(NAMES), trees(NAMES), st.booleans(), st.integers(0, 30))
def test_the_next_run_ends_what_was_broken_off(before: list[dict[str, Any]], after: list[dict[str, Any]], bound: bool, writes: int) -> None:
    api = made(before, bound=bound)
    wanted = entry(after)
    api.left = writes
    with contextlib.suppress(BrokenOffError):
        flow_swap.update(api, "top", wanted)  # type: ignore[arg-type]
    api.left = None
    if bound:  # at every moment a whole flow is used: the old one or the new one
        used = api.flows[api.bound["browserFlow"]]["executions"]
        assert len(used) in (len(before), len(after))
    flow_swap.update(api, "top", wanted)  # type: ignore[arg-type]
    assert_is(api, wanted, bound)


def test_a_single_change_is_made_where_the_flow_stands() -> None:
    api = made([execution("x"), execution("y")], bound=True)
    before = api.bound["browserFlow"]
    flow_swap.update(api, "top", entry([execution("x"), execution("y", "DISABLED")]))  # type: ignore[arg-type]
    assert api.bound["browserFlow"] == before
    flow_swap.update(api, "top", entry([execution("x", "DISABLED"), execution("y")]))  # type: ignore[arg-type]
    assert api.bound["browserFlow"] != before, "two changes at once would be half done for a moment"


def test_a_flow_that_is_gone_is_said() -> None:
    with pytest.raises(EngineError, match="flow top is gone: somebody deleted it in this moment; run again"):
        flow_swap.settled(FakeFlows(), "top", {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"authenticationFlows": [{"alias": "top", "authenticationExcutions": []}]},
         "authenticationFlows: top: authenticationExcutions is not a known key: did you mean authenticationExecutions?"),
        ({"authenticationFlows": [{"alias": "top", "authenticationExecutions": [execution("a", authenticatorConfg="c")]}]},
         "authenticationFlows: top: a: authenticatorConfg is not a known key: did you mean authenticatorConfig?"),
        ({"authenticationFlows": [{"alias": "top", "authenticationExecutions": [execution("a", colour="red")]}]},
         "authenticationFlows: top: a: colour is not a known key: known are authenticator, authenticatorConfig"),
        ({"authenticationFlows": [{"alias": "top", "authenticationExecutions": [{"flowAlias": "in", "requirement": "REQUIRED"}]},
                                  {"alias": "in", "topLevel": False, "provider": "x", "authenticationExecutions": []}]},
         "authenticationFlows: in: provider is not a known key"),
        ({"authenticationFlows": [{"alias": "top", "authenticationExecutions": [execution("a", authenticatorConfig="c")]}],
          "authenticatorConfig": [{"alias": "c", "confg": {}}]}, "authenticatorConfig: c: confg is not a known key: did you mean config?"),
    ],
)  # fmt: skip
def test_what_is_misspelt_in_a_flow_is_told(document: dict[str, Any], problem: str) -> None:
    _flows, problems = read(**document)
    assert any(problem in line for line in problems), problems


def test_a_flow_without_executions_does_not_say_that_it_has_none() -> None:
    flows, problems = read(authenticationFlows=[{"alias": "top", "description": "d"}, {"alias": "none", "authenticationExecutions": []}])
    assert problems == []
    assert flows == [
        {"alias": "top", "providerId": "basic-flow", "description": "d"},
        {"alias": "none", "providerId": "basic-flow", "authenticationExecutions": []},
    ]


KEPT = [{"flowAlias": "in", "requirement": "REQUIRED", "authenticationExecutions": [execution("x", authenticatorConfig={"alias": "c", "config": {"k": "v"}})]}]


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize("more", [[], [execution("y"), execution("z")]])
def test_what_is_in_a_flow_that_is_only_named_stays(bound: bool, more: list[dict[str, Any]]) -> None:
    api = made(KEPT, bound=bound)
    (wanted,), problems = read(
        authenticationFlows=[
            {"alias": "top", "authenticationExecutions": [{"flowAlias": "in", "requirement": "ALTERNATIVE"}, *more]},
            {"alias": "in", "topLevel": False, "description": "new"},
        ]
    )
    assert problems == []
    flow_swap.update(api, "top", wanted)  # type: ignore[arg-type]
    whole = {**KEPT[0], "description": "new", "requirement": "ALTERNATIVE"}
    assert_is(api, entry([whole, *more]), bound)


def test_executions_that_are_not_declared_are_left_alone() -> None:
    api = made(KEPT, bound=True)
    before = there(api)
    flow_swap.update(api, "top", {"alias": "top", "providerId": "basic-flow", "description": "new"})  # type: ignore[arg-type]
    assert there(api) == before and [flow["description"] for flow in api.flows.values() if flow["topLevel"]] == ["new"]


@pytest.mark.parametrize(
    ("flow", "mode", "changes"),
    [
        ({}, "merge", []),
        ({"authenticationExecutions": []}, "merge", [("authenticationExecutions",)]),
        ({}, "exact", [("authenticationExecutions",), ("authenticatorConfig",)]),
        ({"authenticationExecutions": [{"flowAlias": "in", "requirement": "REQUIRED", "priority": 10}]}, "merge", []),
    ],
)
def test_the_plan_for_a_flow_whose_executions_are_not_declared(flow: dict[str, Any], mode: str, changes: list[tuple[str, ...]]) -> None:
    api = made(KEPT, bound=True)
    before = there(api)
    document = {"authenticationFlows": [{"alias": "top", "topLevel": True, **flow}, {"alias": "in", "topLevel": False}]}
    server: Any = types.SimpleNamespace(api=api, realm={"realm": "r"}, declared=document, learn=lambda *names: None, serverinfo=dict)
    wanted = {Flows.name: plan.wanted_entries(Flows(), document)}
    snapshot = {Flows.name: Flows().read(server, wanted[Flows.name])}
    assert Flows().problems(Flows().entries(document), document) == []
    assert Flows().problems_there(wanted[Flows.name], snapshot, server) == []
    actions = plan.make([Flows()], wanted, {}, snapshot, lambda *names: None, plan.Options(mode=mode, owner="")).actions
    assert [change.path for action in actions for change in action.changes] == changes
    for action in actions:
        Flows().update(server, action.current or {}, action.wanted or {}, action.changes, None)
    assert there(api) == (([], {}) if changes else before)
