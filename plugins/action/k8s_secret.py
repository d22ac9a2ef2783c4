# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the lines that the module k8s_secret says, and hides its result, but no error."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.platform.plugins.plugin_utils.module_action import ModuleActionModule


class ActionModule(ModuleActionModule):
    """Runs the module of the same name."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        if not result.get("failed"):
            result["_ansible_no_log"] = True
        return result
