# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, workspaces and shapes of MLflow documents; which version of a model is which."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import documents, families, versions
from hypothesis import given
from hypothesis import strategies as st

WORKSPACES = st.one_of(st.just(""), st.from_regex(r"[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?", fullmatch=True))
NAMES = st.one_of(st.text(min_size=1, max_size=8), st.from_regex(r"[a-z]@[a-z-]{1,5}", fullmatch=True))


@given(NAMES, WORKSPACES, NAMES, WORKSPACES)
def test_keys_tell_names_and_workspaces_apart(one: str, here: str, other: str, there: str) -> None:
    here, there = (("" if name == documents.DEFAULT else name) for name in (here, there))
    assert documents.split(documents.key(one, here)) == (one, here)
    assert (documents.key(one, here) == documents.key(other, there)) == ((one, here) == (other, there))


@pytest.mark.parametrize(
    ("document", "keys", "whole", "expected"),
    [
        ({"experiments": []}, [], True, [""]),
        ({"experiments": []}, [], False, []),
        ({}, ["a"], False, [""]),
        ({"workspaces": [{"name": "w"}]}, [], True, ["w"]),
        ({"workspaces": [{"name": "w"}], "experiments": []}, [], True, ["", "w"]),
        ({"workspaces": [{"name": "w"}]}, ["a@v"], False, ["v"]),
        ({"workspace": "w", "experiments": []}, [], True, ["w"]),
    ],
)
def test_where_objects_are_looked_for(document: dict[str, Any], keys: list[str], whole: bool, expected: list[str]) -> None:
    assert documents.scopes(document, keys, whole) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"experimnts": []}, "experimnts is not a known key: did you mean experiments?"),
        ({"experiments": {"a": {}}}, "experiments: expected a list of objects"),
        ({"gateway": []}, "gateway: expected a map of"),
        ({"gateway": {"secret": []}}, "gateway.secret is not a known key: did you mean secrets?"),
        ({"workspaces": [{"name": "w", "promts": []}]}, "workspaces/w: promts is not a known key: did you mean prompts?"),
        ({"workspace": "Team"}, "workspace: 'Team' is no name of a workspace"),
    ],
)
def test_what_is_wrong_with_a_document(document: dict[str, Any], expected: str) -> None:
    assert any(expected in line for line in documents.problems(document, families.everything()))


def version(number: int, source: str, **more: Any) -> dict[str, Any]:
    tags = [{"key": key, "value": value} for key, value in more.pop("tags", {}).items()]
    return {"version": str(number), "source": source, "tags": tags, **more}


def test_versions_are_recognised_by_label_then_source() -> None:
    there = [version(1, "s3://a"), version(2, "s3://a", tags={versions.LABEL: "two"}), version(3, "s3://a"), version(4, "s3://a", run_id="r")]
    declared = [{"source": "s3://a"}, {"label": "two", "source": "s3://a"}, {"source": "s3://a", "run_id": "r"}]
    _found, numbers = versions.entries([{**one, "key": versions.key(one)} for one in declared], there)
    assert numbers == {"two": "2", "s3://a of run r": "4", "s3://a": "3", "version 1": "1"}


def test_an_alias_is_read_as_it_is_declared_where_that_means_the_same() -> None:
    there = [{"alias": "best", "version": "2"}, {"alias": "old", "version": "1"}, {"alias": "theirs", "version": "3"}]
    assert versions.aliases({"best": "two", "old": 2}, there, {"two": "2"}) == {"best": "two", "old": "1", "theirs": "3"}
