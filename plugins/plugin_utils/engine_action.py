# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of every module with a door: runs it inside the controller where it would run on the controller anyway.

Starting a module as a program costs a quarter of a second, and with it a login and the server's lists, for every item of a loop.
Inside the controller an item costs some milliseconds, and the items of a loop share one connection and one token. Over ssh, with become
or with async the module is started as always.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import Door, cleaned, outcome
from ansible_collections.mlops.platform.plugins.plugin_utils.in_process import InProcessActionModule, module_of, plain


class EngineActionModule(InProcessActionModule):
    """Runs the module of the task through its door."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        door: Door = module_of(self._task.resolved_action or self._task.action).DOOR
        try:
            self._task.args = self._with_files(door, self._task.args)
        except AnsibleError as exc:
            return {"failed": True, "changed": False, "msg": str(exc)}
        if not self._inside(task_vars or {}):
            return super().run(tmp, task_vars)
        args = plain(dict(self._task.args))
        with self._environment():
            return self._through(door, args, in_loop="ansible_loop_var" in (task_vars or {}))

    def _with_files(self, door: Door, args: dict[str, Any]) -> dict[str, Any]:
        """The options, with the content of files in place of their names: they are the controller's, wherever the module runs."""
        args = dict(args)
        for option, content in door.files.items():
            name = args.get(option)
            if not name:
                continue
            if args.get(content):
                raise AnsibleError(f"{option} and {content} are mutually exclusive: give the document once")
            path = self._find_needle("files", name)
            document = self._loader.load_from_file(path)
            if not isinstance(document, dict):
                raise AnsibleError(f"{option} {path}: it holds no mapping of keys to values, but {type(plain(document)).__name__}: is it the right file?")
            args[content] = document
            del args[option]
        return args

    def _through(self, door: Door, args: dict[str, Any], in_loop: bool) -> dict[str, Any]:
        validation = ArgumentSpecValidator(door.spec_for(args), **door.constraints).validate(args)
        hidden = set(validation._no_log_values)
        params = validation.validated_parameters
        if validation.errors.errors:
            msg = validation.errors.msg
            if isinstance(validation.errors[0], UnsupportedError):
                msg = f"Unsupported parameters for ({self._task.action}) module: {msg}"
            result = cleaned({"failed": True, "changed": False, "msg": msg}, hidden | door.hidden(args))
        else:
            result = outcome(door, params, check=self._task.check_mode, diff=self._task.diff, say=self._say, hidden=hidden, in_loop=in_loop)
        result["invocation"] = cleaned(door.invocation(params), hidden | door.hidden(params))
        notes = [f"Both option {note['option']} and its alias {note['alias']} are set." for note in validation._warnings]
        if notes:
            result["warnings"] = [*result.get("warnings", []), *notes]
        return result
