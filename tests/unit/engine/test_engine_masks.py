# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that a server masks are unknown, never a difference by themselves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine import marks, plan
from ansible_collections.mlops.platform.plugins.module_utils.engine.compare import MASK, Rules, differences, normalised
from ansible_collections.mlops.platform.plugins.module_utils.engine.family import Family

RULES = Rules(secrets=frozenset({"password"}), string_lists=frozenset({"config"}), masked=True)


class Things(Family[Any]):
    name = "things"
    rules = RULES


def changes(wanted: dict[str, Any], current: dict[str, Any], old: marks.Mark | None, **options: Any) -> list[str]:
    entry = normalised({"name": "a", "config": wanted}, RULES)
    made = plan.make([Things()], {"things": {"a": entry}}, {}, {"things": {"a": {"name": "a", "config": current}}},
                     lambda family, key, there: old, plan.Options(**options))  # fmt: skip
    return [change.field for action in made.actions for change in action.changes]


@pytest.mark.parametrize(
    ("wanted", "current", "unknown"),
    [
        ({"password": "x"}, {"password": [MASK]}, True),
        ({"password": "x"}, {}, False),
        ({"password": "x"}, {"password": ["y"]}, False),
        ({"reference": "x"}, {"reference": [MASK]}, True),
    ],
)
def test_masked_is_unknown_and_missing_is_not(wanted: dict[str, Any], current: dict[str, Any], unknown: bool) -> None:
    (change,) = differences(normalised({"config": wanted}, RULES), {"config": current}, RULES)
    assert (change.unknown, change.secret) == (unknown, True if unknown else "password" in wanted)


def test_a_declared_mask_is_no_declaration() -> None:
    assert normalised({"config": {"password": MASK, "other": [MASK], "x": 1}}, RULES) == {"config": {"x": ["1"]}}


def test_marks_in_a_document_that_was_exported_are_no_declaration() -> None:
    assert normalised({"config": {"ansible.owner": "them", "x": 1}}, RULES) == {"config": {"x": ["1"]}}


def test_a_secret_in_a_list_of_one_compares_by_its_hash() -> None:
    applied = marks.make("us", normalised({"name": "a", "config": {"password": "x"}}, RULES), RULES, "k")
    assert set(applied.secrets) == {"config.password"}
    there = {"password": [MASK]}
    assert changes({"password": "x"}, there, applied, owner="us", secret_key="k") == []
    assert changes({"password": "y"}, there, applied, owner="us", secret_key="k") == ["config.password"]


def test_what_is_masked_though_no_secret_compares_by_what_was_applied() -> None:
    applied = marks.make("us", normalised({"name": "a", "config": {"reference": "x"}}, RULES), RULES, "")
    there = {"reference": [MASK]}
    assert changes({"reference": "x"}, there, applied, owner="us") == []
    assert changes({"reference": "y"}, there, applied, owner="us") == ["config.reference"]
    assert changes({"reference": "x"}, there, None, owner="us") == ["config.reference"]


def test_exact_leaves_our_marks_alone() -> None:
    current = {"config": {"ansible.owner": ["us"], "stray": ["1"]}}
    assert [change.field for change in differences({"config": {}}, current, RULES, exact=True)] == ["config.stray"]
