# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasets, label schemas, scorers and review queues: what a document may say of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.families.datasets import Datasets
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.families.label_schemas import LabelSchemas
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.families.review_queues import ReviewQueues
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.families.scorers import Scorers
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.scoped import ScopedFamily

PLACE = {"experiment": "e", "name": "n"}


def problems(family: ScopedFamily, *entries: dict[str, Any]) -> list[str]:
    document = {family.name: list(entries)}
    return family.problems(family.entries(document), document)


@pytest.mark.parametrize(
    ("family", "entry", "line"),
    [
        (LabelSchemas(), {**PLACE, "type": "feedback"}, "input is missing"),
        (LabelSchemas(), {**PLACE, "type": "rating", "input": {"text": {}}}, "expected one of feedback, expectation"),
        (LabelSchemas(), {**PLACE, "type": "feedback", "input": {"text": {}, "numeric": {}}}, "exactly one of"),
        (LabelSchemas(), {**PLACE, "type": "feedback", "input": {"numeric": {"min": 1}}}, "min is not a known key"),
        (LabelSchemas(), {**PLACE, "name": "Feedback", "type": "feedback", "input": {"text": {}}}, "choose another"),
        (Scorers(), PLACE, "instructions (of a judge) or definition"),
        (Scorers(), {**PLACE, "definition": {"call_source": "x"}}, "holds program code"),
        (Scorers(), {**PLACE, "definition": {"a": 1}, "model": "m"}, "model belongs to instructions"),
        (Scorers(), {**PLACE, "instructions": "x", "online": {"sample_rate": 2}}, "between 0 and 1"),
        (Datasets(), {"name": "d", "records": [{"inputs": {"a": 1, "b": 2}}, {"inputs": {"b": 2, "a": 1}}]}, "inputs of another record"),
        (Datasets(), {"name": "d", "records": [{"outputs": {}}]}, "inputs is missing"),
        (ReviewQueues(), {**PLACE, "userz": ["a"]}, "did you mean users?"),
        (ReviewQueues(), {"name": "n"}, "experiment is missing"),
    ],
)
def test_what_a_document_cannot_say(family: ScopedFamily, entry: dict[str, Any], line: str) -> None:
    assert line in problems(family, entry)[0]


def test_the_short_form_of_a_judge_is_its_definition() -> None:
    entry = Scorers().entries({"scorers": [{**PLACE, "instructions": "Is {{ outputs }} good?", "model": "openai:/gpt-4o", "description": "d"}]})[0]
    assert entry["definition"] == {
        "instructions_judge_pydantic_data": {"instructions": "Is {{ outputs }} good?", "model": "openai:/gpt-4o"},
        "description": "d",
    }
    assert "instructions" not in entry


def test_names_are_compared_as_the_server_keeps_them() -> None:
    queue = ReviewQueues().entries({"review_queues": [{**PLACE, "users": [" Ann@X.org "]}]})[0]
    assert queue["users"] == ["ann@x.org"]
    schema = LabelSchemas().entries({"label_schemas": [{**PLACE, "type": "feedback", "input": {"numeric": {"max_value": 5}}}]})[0]
    assert str(schema["input"]["numeric"]["max_value"]) == "5.0"


def test_a_record_is_the_same_whatever_the_order_of_its_inputs() -> None:
    first, second = Datasets().entries({"datasets": [{"name": "d", "records": [{"inputs": {"a": 1, "b": 2}}, {"inputs": {"b": 2, "a": 1}}]}]})[0]["records"]
    assert first["record"] == second["record"]
