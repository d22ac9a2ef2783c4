# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine on a product that lives in memory: what is planned is what is done, and after that nothing is left."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine import marks, plan, runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.compare import MASK, Rules
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import RefusedError
from ansible_collections.mlops.platform.plugins.module_utils.engine.family import Family
from hypothesis import given
from hypothesis import strategies as st

OWNER = "us"


class Things(Family["Memory"]):
    """Objects with every kind of field."""

    name = "things"
    rules = Rules(sets=frozenset({"uris"}), strings=frozenset({"attributes"}), keyed={"mappers": "name"}, secrets=frozenset({"secret"}))

    def read(self, server, keys):
        server.reads += 1
        found = copy.deepcopy(server.there)
        for item in found.values():
            if "secret" in item:
                item["secret"] = MASK
        return found

    def builtin(self, current):
        return bool(current.get("builtIn"))

    def create(self, server, entry, mark):
        if entry["name"] in server.broken:
            raise RefusedError(f"POST /things was refused (500: {entry.get('secret')})", status=500)
        if entry["name"] in server.there:
            raise RefusedError("exists", status=409)
        self._write(server, {key.lstrip("+"): value for key, value in entry.items()}, mark)
        return copy.deepcopy(server.there[entry["name"]]) if server.answers else None

    def update(self, server, current, wanted, changes, mark):
        self._write(server, {**wanted, "secret": server.there[wanted["name"]].get("secret")} if wanted.get("secret") == MASK else wanted, mark)

    def delete(self, server, current):
        del server.there[current["name"]]

    def _write(self, server, item, mark):
        server.writes += 1
        item = copy.deepcopy(item)
        if mark:
            item["attributes"] = {**(item.get("attributes") or {}), **mark.texts()}
        for name in server.dropped:
            item.pop(name, None)
        server.there[item["name"]] = {key: value for key, value in item.items() if value is not None}


class Memory:
    """A server without a network."""

    def __init__(self, *there: dict[str, Any]) -> None:
        self.families = [Things()]
        self.there = {item["name"]: item for item in there}
        self.reads = self.writes = 0
        self.broken: set[str] = set()
        self.dropped: set[str] = set()
        self.answers = False  # whether what is created is in the answer

    def problems(self, document):
        return []

    def open(self, document):
        pass

    def mark_of(self, family, key, current):
        return family.mark(self, key, current)

    def settle(self, made):
        self.settled = [action.name for action in made.actions]

    def facts(self):
        return {}

    def ids(self):
        return {}

    def counts(self):
        return {"total": self.reads + self.writes}


def go(server: Memory, *things: dict[str, Any], check: bool = False, absent: tuple[str, ...] = (), verify: bool = True, **options: Any) -> dict[str, Any]:
    chosen = plan.Options(**{"owner": OWNER, "prune": {"things": "owned"}, "max_deletes": "100%"} | options)
    request = runner.Request({"things": list(things)}, chosen, {"things": absent}, check=check, verify=verify)
    return runner.run(server, request, lambda line: None)


def verbs(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["action"], item["name"]) for item in result["plan"]]


def test_a_diff_is_what_changes_without_identifiers_and_secrets() -> None:
    mapper = {"name": "m", "x": 1, "y": 2, "secret": "canary-below"}
    server = Memory(
        {"id": "i-1", "name": "a", "title": "old", "same": "as it is", "uris": ["1"], "secret": "canary-before",
         "attributes": {"on": "false", "theirs": "x"}, "mappers": [{"id": "i-2", **mapper}]},
        {"id": "i-3", "name": "b", "secret": "canary-gone", "attributes": {"ansible.owner": OWNER}},
    )  # fmt: skip
    wanted = {  # with another server's identifiers, as what was exported there
        "id": "j-1", "name": "a", "title": "new", "same": "as it is", "uris": ["2", "1"], "secret": "canary-after", "attributes": {"on": True},
        "mappers": [{"id": "j-2", **mapper, "x": 3, "secret": "canary-new-below"}, {"name": "n", "secret": "canary-added"}],
    }  # fmt: skip
    assert go(server, wanted, {"id": "j-3", "name": "c", "secret": "canary-made"}, check=True, secret_key="k")["diff"] == {
        "before_header": "server",
        "after_header": "declared",
        "before": """\
things/a:
  attributes:
    'on': 'false'
  mappers:
    m:
      secret: (hidden)
      x: 1
    n:
      secret: (hidden)
  secret: (hidden)
  title: old
  uris:
  - '1'
things/b: present
""",
        "after": """\
things/a:
  attributes:
    'on': 'true'
  mappers:
    m:
      secret: (hidden) (new)
      x: 3
    n:
      name: n
      secret: (hidden) (new)
  secret: (hidden) (new)
  title: new
  uris:
  - '2'
  - '1'
things/c:
  name: c
  secret: (hidden) (new)
""",
    }


def test_create_then_nothing_then_drift_then_prune() -> None:
    server = Memory()
    thing = {"name": "a", "uris": ["1", "2"], "attributes": {"on": True}, "mappers": [{"name": "m", "x": 1}]}
    predicted = go(server, thing, check=True)
    assert server.there == {}
    assert go(server, thing)["plan"] == predicted["plan"]
    assert not go(server, thing)["changed"]
    assert not go(server, {**thing, "uris": ["2", "1"]})["changed"]
    server.there["a"]["mappers"][0]["x"] = 2
    result = go(server, thing, check=True)
    assert verbs(result) == [("update", "a")]
    assert result["drift"] == [{"family": "things", "name": "a", "fields": ["mappers.m.x"]}]
    go(server, thing)
    assert not go(server, thing)["changed"]
    assert verbs(go(server)) == [("delete", "a")]
    assert server.there == {}


def test_what_somebody_takes_from_a_list_that_is_added_to_is_drift() -> None:
    server = Memory({"name": "a", "uris": ["0"]})
    thing = {"name": "a", "+uris": ["1", "2"]}
    go(server, thing)
    assert not go(server, {**thing, "+uris": ["2", "1"]})["changed"]
    server.there["a"]["uris"] = ["0", "2"]
    assert go(server, thing)["drift"] == [{"family": "things", "name": "a", "fields": ["uris"]}]
    assert server.there["a"]["uris"] == ["0", "2", "1"]
    assert go(server, {**thing, "+uris": ["3"]})["drift"] == [], "this is a change of the document"


def test_only_what_is_ours_is_pruned() -> None:
    theirs = {"name": "theirs", "attributes": marks.Mark("them").texts()}
    server = Memory({"name": "plain"}, theirs, {"name": "ours", "attributes": marks.Mark(OWNER).texts()}, {"name": "core", "builtIn": True})
    assert verbs(go(server, check=True)) == [("delete", "ours")]
    assert verbs(go(server, check=True, protect=("things/our*",))) == []
    assert sorted(verbs(go(server, check=True, prune={"things": "all"}))) == [("delete", "ours"), ("delete", "plain"), ("delete", "theirs")]
    assert verbs(go(server, check=True, prune={})) == []


def test_what_the_product_made_is_not_written_for_a_mark_alone() -> None:
    server = Memory({"name": "core", "builtIn": True, "x": 1})
    assert not go(server, {"name": "core", "x": 1})["changed"]
    assert verbs(go(server, {"name": "core", "x": 2})) == [("update", "core")]
    assert marks.read(server.there["core"]["attributes"]), "it is known then what was applied"
    assert not go(server, {"name": "core", "x": 2})["changed"]


def test_more_deletions_than_allowed_stop_before_the_first_write() -> None:
    server = Memory(*({"name": str(n), "attributes": marks.Mark(OWNER).texts()} for n in range(10)))
    with pytest.raises(runner.FailedError, match=r"10 objects are no longer declared .* more than max_deletes \(20%\) allows \(2\)"):
        go(server, {"name": "new"}, max_deletes="20%")
    assert server.writes == 0 and "new" not in server.there


def test_what_belongs_to_another_document_is_not_taken_over_unless_told() -> None:
    server = Memory({"name": "a", "attributes": marks.Mark("them").texts()})
    with pytest.raises(runner.FailedError, match="belongs to 'them'"):
        go(server, {"name": "a", "x": 1})
    assert verbs(go(server, {"name": "a", "x": 1}, adopt="any")) == [("update", "a")]


def test_write_only_secrets_compare_by_their_keyed_hash() -> None:
    server = Memory()
    thing = {"name": "a", "secret": "correct horse"}
    go(server, thing, secret_key="k")
    assert not go(server, thing, secret_key="k")["changed"]
    assert "correct horse" not in str(server.there["a"]["attributes"])
    changed = go(server, {**thing, "secret": "battery staple"}, secret_key="k")
    assert changed["plan"][0]["fields"] == ["secret"]
    assert "staple" not in str(changed)
    assert go(server, {**thing, "secret": "third"}, verify=False)["warnings"], "without a key it is not known"
    assert server.there["a"]["secret"] == "battery staple"
    assert not go(server, {**thing, "secret": MASK}, secret_key="k", owner="")["changed"], "a mask means unknown: keep"


def test_a_failure_says_what_was_done_and_no_secret() -> None:
    server = Memory()
    server.broken = {"b"}
    with pytest.raises(runner.FailedError) as failed:
        go(server, {"name": "a"}, {"name": "b", "secret": "open sesame"}, {"name": "c"})
    assert "things/b could not be created" in str(failed.value)
    assert "open sesame" not in str(failed.value) + str(failed.value.result)
    assert [item["name"] for item in failed.value.result["failed"]] == ["b"]
    assert server.settled == [item["name"] for item in failed.value.result["done"]], "what was written is marked"
    server.broken = set()
    go(server, {"name": "a"}, {"name": "b", "secret": "open sesame"}, {"name": "c"})
    assert sorted(server.there) == ["a", "b", "c"]


@pytest.mark.parametrize("answers", [False, True])
def test_a_field_the_server_drops_is_an_error(answers: bool) -> None:
    server = Memory()
    server.answers = answers
    go(server, {"name": "b"})
    assert server.reads == (1 if answers else 2), "what the answer showed is not asked for again"
    server.dropped = {"colour"}
    with pytest.raises(runner.FailedError, match="things/a: the server accepted the request but did not keep colour"):
        go(server, {"name": "a", "colour": "red"})


def test_requests_are_those_of_one_run() -> None:
    server = Memory()
    first = go(server, {"name": "a"})["requests"]["total"]
    assert go(server, {"name": "a"})["requests"]["total"] == 1 < first
    server.broken = {"b"}
    with pytest.raises(runner.FailedError) as failed:
        go(server, {"name": "b"})
    assert failed.value.result["requests"]["total"] == 1


def test_what_is_part_of_another_object_carries_no_mark(monkeypatch) -> None:
    monkeypatch.setattr(Things, "marked", False)
    server = Memory()
    go(server, {"name": "a", "x": 1})
    assert "attributes" not in server.there["a"]
    assert not go(server, {"name": "a", "x": 1})["changed"]


def test_twice_the_same_name() -> None:
    with pytest.raises(runner.FailedError, match="things: a is declared twice"):
        go(Memory(), {"name": "a"}, {"name": "a"})


def test_exact_resets_what_is_not_declared_and_merge_leaves_it() -> None:
    server = Memory({"name": "a", "extra": 1, "mappers": [{"name": "m"}, {"name": "n"}]})
    go(server, {"name": "a", "mappers": [{"name": "m"}]})
    assert server.there["a"]["extra"] == 1 and len(server.there["a"]["mappers"]) == 2
    go(server, {"name": "a", "mappers": [{"name": "m"}], "attributes": {}}, mode="exact", owner="")
    assert "extra" not in server.there["a"] and server.there["a"]["mappers"] == [{"name": "m"}]


def test_exact_leaves_marks_switches_of_children_and_what_the_product_made() -> None:
    ours = {"name": "a", "attributes": marks.Mark(OWNER).texts(), "mappers": [{"name": "m", "on": False}]}
    server = Memory(ours, {"name": "core", "builtIn": True, "extra": 1})
    go(server, {"name": "a", "mappers": [{"name": "m"}]}, {"name": "core"}, mode="exact")
    assert server.there["a"]["attributes"][marks.OWNER] == OWNER and server.there["a"]["mappers"] == [{"name": "m", "on": False}]
    assert server.there["core"]["extra"] == 1
    assert not go(server, {"name": "a", "mappers": [{"name": "m"}]}, {"name": "core"}, mode="exact")["changed"]


SCALARS = st.one_of(st.text(max_size=5), st.integers(-3, 3), st.booleans())
THINGS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcdef")},
        optional={
            "x": SCALARS,
            "uris": st.lists(st.text(min_size=1, max_size=2), max_size=3),
            "+tags": st.lists(st.sampled_from("pqr"), max_size=3, unique=True),
            "attributes": st.dictionaries(st.sampled_from("uvw"), SCALARS, max_size=3),
            "mappers": st.lists(st.fixed_dictionaries({"name": st.sampled_from("mn"), "y": SCALARS}), max_size=2, unique_by=lambda m: m["name"]),
            "gone": st.none(),
        },
    ),
    max_size=4,
    unique_by=lambda thing: thing["name"],
)


@given(THINGS, THINGS)
def test_after_applying_nothing_is_left_to_plan(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    server = Memory()
    go(server, *before)
    assert not go(server, *before)["changed"]
    predicted = go(server, *after, check=True)["plan"]
    assert go(server, *after)["plan"] == predicted
    assert not go(server, *after)["changed"]
    assert set(server.there) == {thing["name"] for thing in after}


def test_a_run_that_drift_stops_changed_nothing() -> None:
    server = Memory()
    go(server, {"name": "a", "uris": ["1"]})
    server.there["a"]["uris"] = ["2"]
    writes = server.writes
    request = runner.Request({"things": [{"name": "a", "uris": ["1"]}]}, plan.Options(owner=OWNER), fail_on_drift=True)
    with pytest.raises(runner.FailedError, match="fail_on_drift") as refused:
        runner.run(server, request, lambda line: None)
    assert refused.value.result["changed"] is False and server.writes == writes
