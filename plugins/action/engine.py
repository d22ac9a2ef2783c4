# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules of the engine inside the controller; meta/runtime.yml binds each of them to it."""

from __future__ import annotations

from ansible_collections.mlops.platform.plugins.plugin_utils.engine_action import EngineActionModule


class ActionModule(EngineActionModule):
    """Runs the module of the task."""
