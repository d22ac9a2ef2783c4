# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into the engine: one description of a module, by which it runs the same as a program of its own and inside the controller.

A module is its documentation, a `DOOR`, and `main()`, which hands the door to run_module(). The action plugin `mlops.platform.engine`
(plugin_utils/engine_action.py) finds `DOOR` in the module's file and, when the connection is local, calls it without starting a process.
"""

from __future__ import annotations

import dataclasses
import os
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ..progress import Progress
from . import secrets
from .compare import MASK
from .connection import without_environment
from .errors import EngineError, InvalidError
from .runner import FailedError

Params = t.Mapping[str, t.Any]
Result = dict[str, t.Any]

# Shorter values would take half of every message with them; where a key says what they are, they are hidden at any length.
_SHORTEST = 6


class Call(t.NamedTuple):
    """What somebody asks of a module.

    :ivar params: validated options.
    :ivar check: nothing may be written.
    :ivar say: shows one line while the module works.
    :ivar diff: somebody looks at the result's diff.
    :ivar in_loop: it is one item of a loop, and the next one comes in the same process.
    """

    params: Params
    check: bool
    say: t.Callable[[str], object]
    diff: bool = True
    in_loop: bool = False


@dataclasses.dataclass(frozen=True)
class Door:
    """A module.

    :ivar name: its name.
    :ivar spec: its argument_spec.
    :ivar run: what it does: the result, or an EngineError.
    :ivar constraints: required_one_of and the like, as AnsibleModule takes them.
    :ivar secret_keys: keys whose values are secret, at whatever depth of options without a spec of their own (documents, settings).
    :ivar files: options that name a file of the controller, each with the option that takes its content.
    :ivar overridden: options whose environment variables do not count, by the names of those that are given: one way to log in rules out the others.
    """

    name: str
    spec: t.Mapping[str, t.Any]
    run: t.Callable[[Call], Result]
    constraints: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    secret_keys: frozenset[str] = frozenset()
    files: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    overridden: t.Callable[[t.Collection[str]], t.Collection[str]] = lambda given: ()

    def spec_for(self, given: Params) -> dict[str, t.Any]:
        """The argument_spec for these options: what they say is not mixed with an environment that says otherwise."""
        return without_environment(self.spec, self.overridden({name for name, value in given.items() if value not in (None, "")}))

    def keys_of(self, params: Params) -> frozenset[str]:
        """Keys whose values are secret: those of options, of documents, and those the user adds (secret_paths: the last step counts)."""
        own = {key for key, option in self.spec.items() if option.get("no_log")}
        more = {str(path).rpartition(".")[2] for path in params.get("secret_paths") or [] if isinstance(params.get("secret_paths"), list)}
        return frozenset(self.secret_keys | own | more)

    def hidden(self, params: Params) -> set[str]:
        """The secrets among the options, to be taken out of everything that is shown."""
        found = secrets.collected(dict(params), self.keys_of(params))
        return {value for value in found | secrets.passwords(found) if value != MASK}

    def invocation(self, params: Params) -> Result:
        """The options as -vvv shows them."""
        return {"module_args": secrets.redacted(dict(params), self.keys_of(params))}


def outcome(
    door: Door, params: Params, *, check: bool, diff: bool, say: t.Callable[[str], object], hidden: t.Collection[str] = (), in_loop: bool = False
) -> Result:
    """The result of a call, failed or not; never raises, and shows no secret.

    :param hidden: more values that must not be shown.
    """
    try:
        for option, content in door.files.items():
            if params.get(option):
                raise EngineError(f"{option} names a file of the controller and is read there: outside Ansible, give its content in {content}")
        result = {"changed": False, **door.run(Call(params, check, say, diff, in_loop))}
    except FailedError as exc:
        result = {**exc.result, **_failed(exc)}
    except InvalidError as exc:
        result = {**_failed(exc), "problems": exc.problems}
    except EngineError as exc:
        result = _failed(exc)
    except Exception as exc:  # a defect of ours; raised further, Ansible would print the task's lines, secrets and all, around it
        result = {
            "failed": True,
            "msg": f"{door.name}: {type(exc).__name__}: {exc}: this is a defect of the module; ANSIBLE_DISPLAY_TRACEBACK=error shows where",
            "exception": traceback.format_exc(),
        }
    return cleaned(result, {*hidden, *door.hidden(params)})


def cleaned(result: Result, hidden: t.Collection[str]) -> Result:
    """A result without these values."""
    plain = {key: value for key, value in result.items() if value is None or isinstance(value, bool)}
    return {**remove_values(result, {value for value in hidden if len(value) >= _SHORTEST}), **plain}


def _failed(error: EngineError) -> Result:
    result: Result = {"changed": False, "failed": True, "msg": str(error)}
    if isinstance(error, FailedError):
        del result["changed"]  # what was written before the failure is in the result so far
    if error.details:
        result["error"] = error.details
    return result


class _Module(AnsibleModule):
    """Shows no secret of a document, not even when the options are not valid."""

    door: t.ClassVar[Door]
    no_log_values: set[str]
    params: dict[str, t.Any]
    argument_spec: dict[str, t.Any]

    def _load_params(self) -> None:
        super()._load_params()
        self.argument_spec = self.door.spec_for(self.params)

    def _hide(self, result: Result) -> Result:
        self.no_log_values = {value for value in self.no_log_values if len(value) >= _SHORTEST} | self.door.hidden(self.params)
        result["invocation"] = self.door.invocation(self.params)
        return result

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        for line in kwargs.pop("warnings", []):
            self.warn(line)
        super().exit_json(**self._hide(kwargs))
        raise AssertionError("unreachable")

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        for line in kwargs.pop("warnings", []):
            self.warn(line)
        super().fail_json(msg, **self._hide(kwargs))
        raise AssertionError("unreachable")


def run_module(door: Door) -> t.NoReturn:
    """The module as a program of its own: what its main() does."""
    kind = type("Module", (_Module,), {"door": door})
    # no_log keeps the options out of the system's log, where secrets of documents would be; the result is cleaned by us.
    module = kind(argument_spec=dict(door.spec), supports_check_mode=True, no_log=True, **door.constraints)
    result = outcome(door, module.params, check=module.check_mode, diff=module._diff, say=Progress().say, hidden=module.no_log_values)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
    raise AssertionError("unreachable")


_kept: dict[tuple[int, str, str], t.Any] = {}
Kept = t.TypeVar("Kept")


def kept(kind: str, key: object, make: t.Callable[[], Kept]) -> Kept:
    """A connection with its token, for all items of a loop: they run one after the other in one process.

    :param key: everything the connection is made of; it is kept in memory only.
    """
    # A process that was forked must not share its parent's connections.
    place = (os.getpid(), kind, repr(key))
    if place not in _kept:
        _kept[place] = make()
    return _kept[place]
