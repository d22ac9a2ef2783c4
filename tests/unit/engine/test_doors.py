# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module with a door: its documentation says what its argument spec does, and it runs in the controller."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("*.py") if "DOOR = " in path.read_text(encoding="utf-8"))
RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
PRODUCTS = ("keycloak", "mlflow")
EVERY = pytest.mark.parametrize("path", MODULES, ids=[path.stem for path in MODULES])

# Told about in facts and documentation by other names; what is left of a document after it is no object.
SECRETS = re.compile(r"(^|_)(password|secret|token|private_key|totp|assertion)$|^value$")


def module(path: Path) -> Any:
    return importlib.import_module(f"ansible_collections.mlops.platform.plugins.modules.{path.stem}")


def documented(path: Path) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """Documentation with its fragments, examples and results."""
    text, examples, results, _metadata = get_docstring(str(path), fragment_loader, collection_name="mlops.platform", plugin_type="module")
    return text, examples, results


def test_there_are_some():
    assert len(MODULES) > 3


@EVERY
def test_documentation_and_argument_spec_are_the_same(path):
    spec = dict(module(path).DOOR.spec)
    options = documented(path)[0]["options"]
    assert set(options) == set(spec)
    for name, option in options.items():
        own = spec[name]
        for key, fallback in (("type", "str"), ("default", None), ("choices", None), ("elements", None), ("required", False)):
            assert option.get(key, fallback) == own.get(key, fallback), f"{name}: {key}"
        if "fallback" in own:
            text = str(option["description"])
            assert [variable for variable in own["fallback"][1] if variable in text or variable in str(documented(path)[0].get("notes"))], name


@EVERY
def test_secrets_are_declared_as_such(path):
    for name, option in module(path).DOOR.spec.items():
        if SECRETS.search(name) and option["type"] == "str" and "choices" not in option:
            assert option.get("no_log"), name


@EVERY
def test_it_is_bound_to_the_action_plugin_and_in_its_group(path):
    assert RUNTIME["plugin_routing"]["modules"][path.stem] == {"action_plugin": "mlops.platform.engine"}
    product = path.stem.partition("_")[0]
    assert product in PRODUCTS
    assert path.stem in RUNTIME["action_groups"][product]


def test_groups_and_bindings_name_no_other_modules():
    names = {path.stem for path in MODULES}
    bound = {name for name, how in RUNTIME["plugin_routing"]["modules"].items() if how["action_plugin"] == "mlops.platform.engine"}
    assert bound == names
    assert {name for product in PRODUCTS for name in RUNTIME["action_groups"].get(product, [])} == names


@EVERY
def test_examples_are_valid_and_hold_no_secret(path):
    door = module(path).DOOR
    tasks = DataLoader().load(documented(path)[1])
    called = [task for task in tasks if f"mlops.platform.{path.stem}" in task]
    assert called, "an example of the module itself"
    for task in called:
        assert task["name"]
        options = {"url": "https://server.example.com", **task[f"mlops.platform.{path.stem}"]}
        constraints = {key: value for key, value in door.constraints.items() if key != "required_by"}
        problems = ArgumentSpecValidator(door.spec, **constraints).validate(plain(options, door.spec)).error_messages
        assert not problems, task["name"]
        for where, value in leaves(options):
            if (SECRETS.search(where) or where in door.secret_keys) and "choices" not in door.spec.get(where, {}) and isinstance(value, str):
                assert "{{" in str(value), f"{task['name']}: {where} is written inline"


def plain(options: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """With something valid where a variable is."""
    empty = {"list": [], "dict": {}, "int": 1, "bool": True}
    return {
        key: empty.get(spec.get(key, {}).get("type"), value) if isinstance(value, str) and value.startswith("{{") else value for key, value in options.items()
    }


def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in leaves(item, str(key))]
    if isinstance(value, list):
        return [found for item in value for found in leaves(item, name)]
    return [(name, value)]


@EVERY
def test_results_are_documented(path):
    _text, _examples, results = documented(path)
    for name, result in results.items():
        assert result["description"] and result["returned"] and result["type"], name
