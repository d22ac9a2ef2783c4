# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object modules: one object of one family, or several, given by options instead of a document. Each product has a table of them."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .door import Call, Params
from .errors import InvalidError
from .family import Entry, Family
from .options import WRITING

Spec = dict[str, t.Any]

TEXT: Spec = {"type": "str"}
FLAG: Spec = {"type": "bool"}
WHOLE: Spec = {"type": "int"}
MAP: Spec = {"type": "dict"}
TEXTS: Spec = {"type": "list", "elements": "str"}
MAPS: Spec = {"type": "list", "elements": "dict"}
SECRET: Spec = {"type": "str", "no_log": True}

# Options of every object module beside those that describe its objects.
ABOUT: dict[str, Spec] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "items": {"type": "list", "elements": "dict"},
    "settings": {"type": "dict"},
    "owner": {"type": "str", "default": ""},
    **WRITING,
}
_OF_ITEMS: dict[str, Spec] = {"state": {"type": "str", "choices": ["present", "absent"]}, "settings": {"type": "dict"}}


def one_list(key: str) -> t.Callable[[list[Entry]], Entry]:
    """The document in which objects stand as one list."""
    return lambda entries: {key: entries} if entries else {}


def camel(option: str) -> str:
    """An option's name as Keycloak writes it."""
    first, *rest = option.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclasses.dataclass(frozen=True)
class Kind:
    """What an object module is about.

    :ivar place: makes a document of entries.
    :ivar names: options that name an object; the first is always needed.
    :ivar options: the options that describe it.
    :ivar fields: keys of the document for options that are called otherwise there.
    :ivar spell: what an option is called in the document when `fields` does not say.
    :ivar keys: keys of settings that are part of an object's name as well.
    :ivar lacks: what is missing of an entry to find its object by: options, as a task has them.
    """

    place: t.Callable[[list[Entry]], Entry]
    names: tuple[str, ...]
    options: t.Mapping[str, Spec]
    fields: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    spell: t.Callable[[str], str] = str
    keys: tuple[str, ...] = ()
    lacks: t.Callable[[Entry], list[str]] = lambda entry: []

    def spec(self, common: t.Mapping[str, Spec]) -> dict[str, Spec]:
        """The module's argument_spec.

        :param common: options of the product: where the server is, and who logs in.
        """
        return {**common, **self.options, **ABOUT}

    def constraints(self) -> dict[str, t.Any]:
        """The module's constraints: one object, or items."""
        return {
            "required_one_of": [(self.names[0], "items")],
            "mutually_exclusive": [("items", option) for option in (*self.options, "settings")],
        }

    def field(self, option: str) -> str:
        return self.fields.get(option) or self.spell(option)

    def declared(self, params: Params) -> tuple[list[Entry], list[Entry]]:
        """The objects that are to be there, and those that are not, as entries of a document.

        :raises InvalidError: with everything that is wrong with them.
        """
        present: list[Entry] = []
        absent: list[Entry] = []
        problems: list[str] = []
        for label, item in self._items(params, problems):
            if (item.get("state") or params["state"]) == "absent":
                # Its name alone: what else is said of it may concern other objects, which stay.
                known = {*map(self.field, self.names), *self.keys}
                entry = {key: value for key, value in self._entry(label, item, problems).items() if key in known}
                lacking = self.lacks(entry)
                if lacking:
                    problems.append(f"{label}: {', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing: what has to go is found by that")
                absent.append(entry)
            else:
                present.append(self._entry(label, item, problems))
        if problems:
            raise InvalidError(problems)
        return present, absent

    def _items(self, params: Params, problems: list[str]) -> t.Iterator[tuple[str, Params]]:
        if params.get("items") is None:
            yield str(params[self.names[0]]), params
            return
        spec = {**self.options, **_OF_ITEMS}
        spec = {**spec, self.names[0]: {**spec[self.names[0]], "required": True}}
        validator = ArgumentSpecValidator(spec)
        for number, item in enumerate(params["items"]):
            label = f"items[{number}]" + (f" ({item[self.names[0]]})" if item.get(self.names[0]) else "")
            unknown = [f"{label}: {_unknown(key, spec)}" for key in item if key not in spec]
            validation = validator.validate({key: value for key, value in item.items() if key in spec})
            wrong = unknown + [f"{label}: {message}" for message in validation.error_messages]
            if wrong:
                problems += wrong
            else:
                yield label, validation.validated_parameters

    def _entry(self, label: str, item: Params, problems: list[str]) -> Entry:
        entry = {self.field(option): item[option] for option in self.options if item.get(option) is not None}
        for key, value in (item.get("settings") or {}).items():
            if key.lstrip("+") in entry:
                option = next(name for name in self.options if self.field(name) == key.lstrip("+"))
                problems.append(f"{label}: settings.{key} and {option} say the same thing twice: keep one")
            entry[key] = value
        return entry


def _unknown(key: str, spec: t.Mapping[str, Spec]) -> str:
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()
    near = [snake] if snake in spec else difflib.get_close_matches(key, list(spec), 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(spec))}"
    return f"{key} is not a known option: {hint} (fields without an option of their own belong into settings)"


def both(one: t.Mapping[str, t.Any], other: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The constraints of the product and of the module."""
    joined = {key: [*one.get(key, []), *other.get(key, [])] for key in {*one, *other} - {"required_by"}}
    by = {**one.get("required_by", {}), **other.get("required_by", {})}
    return {**joined, **({"required_by": by} if by else {})}


def names(families: t.Sequence[Family], document: Entry) -> dict[str, list[str]]:
    """The names of a document's objects, by family: of those that have to go."""
    found = {family.name: [family.key(entry) for entry in family.entries(document)] for family in families}
    return {name: keys for name, keys in found.items() if keys}


def voice(call: Call, entries: t.Sequence[Entry]) -> t.Callable[[str], object]:
    """Who says what is done: for a single object the task's own line is enough, the more so in a loop."""
    return call.say if len(entries) > 1 else lambda line: None
