# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which a plan is carried out."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine import apply, plan
from ansible_collections.mlops.platform.plugins.module_utils.engine.compare import Rules, differences
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import RefusedError
from ansible_collections.mlops.platform.plugins.module_utils.engine.family import Family
from ansible_collections.mlops.platform.plugins.module_utils.engine.plan import Action


class Nested(Family[list]):
    """Objects with parents that refer to one another."""

    name = "nested"
    linked = True

    def stage(self, entry):
        return entry["name"].count("/")

    def create(self, server, entry, mark):
        server.append(("create", entry["name"]))

    def delete(self, server, current):
        server.append(("delete", current["name"]))

    def link(self, server, wanted, changes, mark):
        if wanted.get("broken"):
            raise RefusedError("refused", status=400)
        server.append(("link", wanted["name"]))


def creations(*names: str, **more: object) -> list[Action]:
    return [Action("create", Nested(), name, "missing", [], None, {"name": name, **more}) for name in names]


def test_parents_before_children_and_links_after_both_are_there() -> None:
    server: list[tuple[str, str]] = []
    apply.run(creations("a", "b", "a/c", "b/d"), server, 4, lambda line: None)
    assert [set(server[start : start + 2]) for start in range(0, 8, 2)] == [
        {("create", "a"), ("create", "b")},
        {("link", "a"), ("link", "b")},
        {("create", "a/c"), ("create", "b/d")},
        {("link", "a/c"), ("link", "b/d")},
    ]


def test_children_are_deleted_before_their_parents() -> None:
    there = {name: {"name": name} for name in ("a", "a/b", "a/b/c")}
    options = plan.Options(prune={"nested": "all"}, max_deletes="100%")
    made = plan.make([Nested()], {}, {}, {"nested": there}, lambda family, key, current: None, options)
    assert [action.name for action in made.actions] == ["a/b/c", "a/b", "a"]
    server: list[tuple[str, str]] = []
    apply.run(made.actions, server, 4, lambda line: None)
    assert [name for _verb, name in server] == ["a/b/c", "a/b", "a"]


def test_an_object_that_could_not_be_linked_has_failed() -> None:
    with pytest.raises(apply.StoppedError) as stopped:
        apply.run([*creations("a"), *creations("a/b", broken=True), *creations("a/b/c")], [], 4, lambda line: None)
    failure = stopped.value
    assert [action.name for action in failure.done] == ["a"]
    assert [action.name for action, _error in failure.failed] == ["a/b"]
    assert [action.name for action in failure.not_run] == ["a/b/c"]


def test_what_the_server_numbers_is_its_own_in_children_too() -> None:
    rules = Rules(keyed={"mappers": "name"})
    here, there = {"id": "1", "mappers": [{"name": "m", "id": "2"}]}, {"id": "3", "mappers": [{"name": "m", "id": "4"}]}
    assert differences(here, there, rules) == []
    assert differences({"mappers": [{"name": "m"}]}, {"mappers": there["mappers"]}, rules, exact=True) == []
