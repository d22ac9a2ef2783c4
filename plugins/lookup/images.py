# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: images
short_description: References of every image of the platform
version_added: 0.1.0
description:
  - Returns a dictionary from the short name of an image to its full reference.
  - With source V(packages) the reference holds the key of the recipe, so it is known before anything is built. With V(upstream) it is the catalogue's.
author: The mlops.platform authors (@mlops-platform)
options:
  _terms:
    description: Not used.
    required: false
  source:
    description: Where images come from.
    type: str
    choices: [packages, upstream]
    required: true
  upstream:
    description: References of the V(upstream) source by name; usually the catalogue's C(catalog_images).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show where MLflow's image comes from
  ansible.builtin.debug:
    msg: "{{ lookup('mlops.platform.images', source='packages').mlflow }}"
"""

RETURN = r"""
_raw:
  description: One dictionary from image name to reference.
  type: list
  elements: dict
"""

import os

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.platform.plugins.module_utils.bundle import recipe

_RECIPES = os.path.normpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "bundle"))
_cache: dict[str, str] = {}


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict | None = None, **kwargs: object) -> list[dict[str, str]]:
        self.set_options(var_options=variables, direct=kwargs)
        if self.get_option("source") == "upstream":
            return [dict(self.get_option("upstream"))]
        if not _cache:  # one run of a playbook sees one state of the recipes
            try:
                with open(os.path.join(_RECIPES, "artifacts.yml"), encoding="utf-8") as stream:
                    bundle = recipe.Bundle(_RECIPES, yaml.safe_load(stream))
            except (OSError, recipe.BundleError) as exc:
                raise AnsibleError(f"images: {exc}") from exc
            _cache.update({name: artifact.ref for name, artifact in bundle.images().items()})
        return [dict(_cache)]
