# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: variables
short_description: Names of the platform's variables
version_added: 0.1.0
description:
  - Returns the names of all public variables of the given roles, and of the inputs and contract variables of the collection's inventories.
author: The mlops.platform authors (@mlops-platform)
options:
  _terms:
    description: Not used.
    required: false
  roles:
    description: Roles of this collection.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the variables of the role storage
  ansible.builtin.debug:
    msg: "{{ lookup('mlops.platform.variables', roles=['storage']) }}"
"""

RETURN = r"""
_raw:
  description: One list of names.
  type: list
  elements: list
"""

import glob
import os
import re

from ansible.plugins.lookup import LookupBase

_ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
_NAME = re.compile(r"^([a-z]\w*):", re.MULTILINE)


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict | None = None, **kwargs: object) -> list[list[str]]:
        self.set_options(var_options=variables, direct=kwargs)
        paths = [os.path.join(_ROOT, "roles", role, "defaults", "main.yml") for role in self.get_option("roles")]
        paths += glob.glob(os.path.join(_ROOT, "inventories", "*", "group_vars", "all", "*.yml"))
        names: set[str] = set()
        for path in paths:
            if os.path.exists(path):
                with open(path, encoding="utf-8") as stream:
                    names.update(_NAME.findall(stream.read()))
        return [sorted(names)]
