# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own metadata."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

# They are told about a cluster that may not be there, or write the kubeconfig themselves.
NOT_IN_GROUP = {"kind_cluster", "platform_info"}


def documentation(module: Path) -> dict:
    return yaml.safe_load(re.search(r'DOCUMENTATION = r?"""(.*?)"""', module.read_text(encoding="utf-8"), re.DOTALL)[1])


def test_modules_that_talk_to_the_cluster_are_in_the_action_group(repository):
    group = set(yaml.safe_load((repository / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["platform"])
    talking = set()
    for module in (repository / "plugins" / "modules").glob("*.py"):
        documented = documentation(module)
        fragments = documented.get("extends_documentation_fragment") or []
        if {"kubeconfig", "context"} <= set(documented.get("options") or {}) or "mlops.platform.kube" in fragments:
            talking.add(module.stem)
    assert group == talking - NOT_IN_GROUP


def test_every_action_plugin_belongs_to_a_module(repository):
    modules = {path.stem for path in (repository / "plugins" / "modules").glob("*.py")}
    actions = {path.stem for path in (repository / "plugins" / "action").glob("*.py")}
    # One of them serves many modules, each of which names it.
    runtime = yaml.safe_load((repository / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    shared = {entry["action_plugin"].rpartition(".")[2] for entry in runtime["plugin_routing"]["modules"].values()}
    assert shared <= actions <= modules | shared


def test_the_link_leads_to_the_repository_and_stays_out_of_the_archive(repository):
    link = repository / "collections" / "ansible_collections" / "mlops" / "platform"
    assert link.readlink() == Path("../../..")
    assert link.resolve() == repository
    galaxy = yaml.safe_load((repository / "galaxy.yml").read_text(encoding="utf-8"))
    assert "collections" in galaxy["build_ignore"]


def test_one_list_of_collections(repository):
    requirements = yaml.safe_load((repository / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert yaml.safe_load((repository / "collections" / "requirements.yml").read_text(encoding="utf-8"))["collections"] == requirements
    galaxy = yaml.safe_load((repository / "galaxy.yml").read_text(encoding="utf-8"))
    assert {entry["name"]: f">={entry['version']}" for entry in requirements} == {name: wanted.split(",")[0] for name, wanted in galaxy["dependencies"].items()}
