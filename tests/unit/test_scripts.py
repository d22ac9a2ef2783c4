# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of `make lint` notice what they are for."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def script(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(repository / "scripts"))

    def load(name: str) -> ModuleType:
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return load


GOOD = {
    "meta/main.yml": "galaxy_info: {description: A role}\n",
    "defaults/main.yml": "---\n# How many.\ndemo_size: 1\n# Which.\ndemo_names: [a]\n",
    "vars/main.yml": "__demo_path: /x\n",
    "tasks/main.yml": "---\n[]\n",
    "meta/argument_specs.yml": """
argument_specs:
  main:
    short_description: Demo
    options:
      demo_size: {type: int, default: 1, description: "How many, as C(int)."}
      demo_names: {type: list, elements: str, default: [a], description: Which.}
""",
}


def make_role(folder: Path, changes: dict[str, tuple[str, str]]) -> Path:
    role = folder / "demo"
    for name, content in GOOD.items():
        path = role / name
        path.parent.mkdir(parents=True, exist_ok=True)
        old, new = changes.get(name, ("", ""))
        assert old in content
        path.write_text(content.replace(old, new) if old else content, encoding="utf-8")
    return role


def test_a_role_in_order_has_no_problems(script, tmp_path):
    checker = script("check_argument_specs")
    assert list(checker.check(checker.Role(make_role(tmp_path, {})))) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("defaults/main.yml", "demo_size: 1", "demo_size: 2", "default is 1, in defaults/main.yml it is 2"),
        ("defaults/main.yml", "demo_size: 1", "demo_size: true", "default is 1, in defaults/main.yml it is True"),
        ("defaults/main.yml", "# Which.\n", "", "no comment line above"),
        ("defaults/main.yml", "demo_names: [a]", "demo_names: [a]\n# More.\ndemo_more: 1", "demo_more: not in argument_specs"),
        ("defaults/main.yml", "demo_size: 1", "demo_other: 1", "defaults/main.yml does not set it"),
        ("defaults/main.yml", "[a]", '["{% if x %}a{% endif %}"]', "a program in Jinja"),
        ("vars/main.yml", "__demo_path", "demo_path", "not called __demo_*"),
        ("meta/argument_specs.yml", "elements: str, ", "", "a list without elements"),
        ("meta/argument_specs.yml", "description: Which.", "required: false", "no description"),
        ("meta/argument_specs.yml", "demo_size: {type: int, default: 1,", "demo_size: {type: int,", "neither required nor with a default"),
        ("meta/argument_specs.yml", "  main:", "  other:", "there is no tasks/other.yml"),
        ("meta/argument_specs.yml", "    short_description: Demo\n", "", "no short_description"),
        ("meta/main.yml", "galaxy_info", "nothing", "no galaxy_info"),
        ("tasks/main.yml", "[]", "\n" * 60, "more than 60"),
    ],
)
def test_a_role_out_of_order_is_noticed(script, tmp_path, path, old, new, expected):
    checker = script("check_argument_specs")
    problems = list(checker.check(checker.Role(make_role(tmp_path, {path: (old, new)}))))
    assert any(expected in problem for problem in problems), problems


def test_documentation_of_a_role(script, tmp_path):
    docs = script("generate_docs")
    page = docs.page(docs.Role(make_role(tmp_path, {})))
    assert "| `demo_size` | int | `1` | How many, as `int`. |" in page
    assert "| `demo_names` | list of str | see below | Which. |" in page
    assert "```yaml\ndemo_names:\n- a\n```" in page


def catalog(**changes: dict) -> dict:
    good = {
        "catalog_versions": {"mlflow": "3.17.2"},
        "catalog_images": {"mlflow": "example.org/mlflow:v3.17.2-full"},
        "catalog_tools": {"kind": {"url": "https://example.org/3.17.2/kind", "checksum": ""}},
    }
    return good | changes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"catalog_images": {"mlflow": "example.org/mlflow:latest"}}, "no exact tag"),
        ({"catalog_images": {"mlflow": "example.org/mlflow"}}, "no exact tag"),
        ({"catalog_tools": {"kind": {"url": "https://example.org/main/kind", "checksum": ""}}}, "none of catalog_versions"),
        ({"catalog_tools": {"kind": {"url": "https://example.org/3.17.2/kind"}}}, "has no checksum"),
    ],
)
def test_floating_references_are_noticed(script, monkeypatch, changes, expected):
    pins = script("check_pins")
    monkeypatch.setattr(pins, "CATALOG", catalog(**changes))
    problems = list(pins.check_references())
    assert any(expected in problem for problem in problems), problems


def test_exact_references_are_fine(script, monkeypatch):
    pins = script("check_pins")
    monkeypatch.setattr(pins, "CATALOG", catalog())
    assert list(pins.check_references()) == []


@pytest.mark.parametrize(
    ("changes", "version", "expected"),
    [
        ({}, "3.17.2", ""),
        ({}, "3.17.1", "3.17.1 in the lock file"),
        ({"catalog_images": {"mlflow": "example.org/mlflow:v3.17.20"}}, "3.17.2", "in catalog_images"),
        ({"catalog_images": {"other": "example.org/other:1"}}, "3.17.2", "does not build it"),
        ({"catalog_versions": {"other": "1"}}, "3.17.2", "nothing of that name"),
    ],
)
def test_catalogue_and_lock_files_must_agree(script, monkeypatch, changes, version, expected):
    pins = script("check_pins")
    monkeypatch.setattr(pins, "CATALOG", catalog(**changes))
    built = {"image-mlflow": pins.Artifact("image-mlflow", "image", version, "k", (), {}, "")}
    problems = list(pins.check_agreement(built))
    assert any(expected in problem for problem in problems) if expected else problems == []
