# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role applies, rendered with the local inventory: servers that tests start are configured by the very role, so that the two cannot diverge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]


def render(role: str, expression: str, **settings: Any) -> Any:
    """The value of an expression as the role would have it.

    :param settings: variables that win over the role's and the inventory's.
    """
    loader, folder = DataLoader(), ROOT / "roles" / role
    inventory = sorted((ROOT / "inventories" / "local" / "group_vars" / "all").glob("*.yml"))
    variables: dict[str, Any] = {}
    for path in (ROOT / "roles/catalog/defaults/main.yml", *inventory, folder / "defaults/main.yml", folder / "vars/main.yml"):
        variables |= loader.load_from_file(str(path), trusted_as_template=True) or {}
    variables |= {"platform_source_effective": "packages", "ansible_search_path": [str(folder)], "role_path": str(folder), **settings}
    loader.set_basedir(str(folder))
    found = Templar(loader, variables).template(trust_as_template("{{ " + expression + " }}"))
    return json.loads(json.dumps(found))  # without Ansible's tags, as modules get it
