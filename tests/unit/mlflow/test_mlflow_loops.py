# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loops of object modules: one page of the list answers the items that come next, and is never older than what is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine import ahead, door
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import objects, session
from fake_mlflow import FakeMlflow

MODULES = ["mlflow_registered_model", "mlflow_experiment"]
COUNT = 12


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What a task's process keeps ends with it."""
    yield
    door._kept.clear()
    session._known.clear()


def loop(mlflow: FakeMlflow, module: str, items: list[dict[str, Any]], *, in_loop: bool = True) -> list[dict[str, Any]]:
    """The results of a task with a loop, which has a process of its own."""
    door._kept.clear()
    session._known.clear()
    results = []
    with mock.patch.object(ahead, "_FRESH_FOR", float("inf")):  # however slow the machine
        for item in items:
            options = {"url": mlflow.url, "username": "admin", "password": "admin-password", **item}
            made = objects.door(module)
            given = ArgumentSpecValidator(made.spec).validate(options)
            assert not given.error_messages
            results.append(door.outcome(made, given.validated_parameters, check=False, diff=True, say=lambda line: None, in_loop=in_loop))
            assert not results[-1].get("failed"), results[-1]["msg"]
    return results


def total(results: list[dict[str, Any]]) -> int:
    return sum(result["requests"]["total"] for result in results)


def named(count: int = COUNT, **options: Any) -> list[dict[str, Any]]:
    return [{"name": f"m-{number}", **options} for number in range(count)]


@pytest.mark.parametrize("module", MODULES)
def test_an_unchanged_loop_asks_for_one_page(mlflow: FakeMlflow, module: str) -> None:
    loop(mlflow, module, named())
    mlflow.page = 0
    unchanged = loop(mlflow, module, named())
    assert not any(result["changed"] for result in unchanged)
    # two to know the server, three models alone, the page
    assert total(unchanged) == 2 + 3 + 1
    assert total(loop(mlflow, module, named(), in_loop=False)) == 2 + COUNT


def test_a_loop_that_creates_asks_for_nothing_but_one_page(mlflow: FakeMlflow) -> None:
    mlflow.page = 0
    assert total(loop(mlflow, "mlflow_registered_model", named())) == 2 + 3 + 1 + COUNT


@pytest.mark.parametrize("module", MODULES)
def test_a_list_longer_than_its_page_is_not_read(mlflow: FakeMlflow, module: str) -> None:
    loop(mlflow, module, named())
    mlflow.page = COUNT - 2
    assert total(loop(mlflow, module, named())) == 2 + COUNT + 1, "the page, asked for in vain and once"


@pytest.mark.parametrize("module", MODULES)
def test_items_see_what_earlier_ones_wrote(mlflow: FakeMlflow, module: str) -> None:
    mlflow.page = 0
    late = [
        {"name": "x", "description": "one"},
        {"name": "x", "description": "one"},
        {"name": "x", "description": "two"},
        {"name": "x", "description": "two"},
        {"name": "x", "state": "absent"},
        {"name": "x", "state": "absent"},
    ]
    results = loop(mlflow, module, [*named(5), *late])
    assert [result["changed"] for result in results[5:]] == [True, False, True, False, True, False]


def test_what_others_do_is_seen_when_the_list_is_old() -> None:
    now = [0.0]
    there = {"a": {"name": "a"}}
    asked: list[str] = []

    def one(name: str) -> dict[str, Any] | None:
        asked.append(name)
        return there.get(name)

    def page() -> list[dict[str, Any]]:
        asked.append("page")
        return list(there.values())

    list_ = ahead.ReadAhead(lambda item: item["name"], clock=lambda: now[0])
    found = [list_.find(name, one, page) for name in ("a", "b", "c", "b")]
    assert found == [{"name": "a"}, None, None, None] and asked == ["a", "b", "c", "page"]
    there["b"] = {"name": "b"}
    now[0] = 1.9
    assert list_.find("b", one, page) is None
    now[0] = 2.0
    assert list_.find("b", one, page) == {"name": "b"} and asked[-1] == "page"
