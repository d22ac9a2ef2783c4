# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules that have no action plugin of their own inside the controller, where that is local; meta/runtime.yml says which."""

from __future__ import annotations

from ansible_collections.mlops.platform.plugins.plugin_utils.module_action import ModuleActionModule


class ActionModule(ModuleActionModule):
    """Runs the module of the task."""
