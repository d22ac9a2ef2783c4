# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the lines that the module http_wait says while it runs."""

from __future__ import annotations

from ansible_collections.mlops.platform.plugins.plugin_utils.module_action import ModuleActionModule


class ActionModule(ModuleActionModule):
    """Runs the module of the same name."""
