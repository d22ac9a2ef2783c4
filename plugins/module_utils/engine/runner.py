# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of every module: validate, read, plan, and, outside check mode, apply and look again."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from . import apply, plan, report, secrets
from .errors import EngineError, InvalidError
from .family import Entry, Family
from .marks import Mark


class Product(t.Protocol):
    """A session with one server: what the runner needs of Keycloak or MLflow."""

    families: t.Sequence[Family]  # in the order in which they are written

    def problems(self, document: Entry) -> list[str]:
        """What is wrong with the document as a whole, found without the server."""

    def open(self, document: Entry) -> None:
        """Logs in and finds out what the server can do; raises EngineError with the remedy."""

    def mark_of(self, family: Family, key: str, current: Entry) -> Mark | None:
        """The mark of an object."""

    def settle(self, made: plan.Plan) -> None:
        """What is left to do when everything else is written: marks of objects that have no place for one."""

    def facts(self) -> dict[str, t.Any]:
        """Version and features of the server."""

    def ids(self) -> dict[str, t.Any]:
        """Identifiers of the declared objects, by `family/name`."""

    def counts(self) -> dict[str, t.Any]:
        """Requests sent so far."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What a module asks for.

    :ivar document: the declared state, family by family.
    :ivar absent: names by family that have to go.
    :ivar families: names of the families to look at; empty for those the document names (and those that are pruned).
    :ivar check: make the plan only.
    :ivar verify: read again what was written, and fail if the server did not keep it.
    :ivar diff_limit: length of either side of the result's diff, in characters; None for no diff.
    """

    document: Entry
    options: plan.Options
    absent: t.Mapping[str, t.Collection[str]] = dataclasses.field(default_factory=dict)
    families: tuple[str, ...] = ()
    check: bool = False
    verify: bool = True
    fail_on_drift: bool = False
    parallel: int = 4
    diff_limit: int | None = 20000


class FailedError(EngineError):
    """A run that could not be ended; it carries the result so far."""

    def __init__(self, error: EngineError, result: dict[str, t.Any]) -> None:
        super().__init__(str(error), **error.details)
        self.result = result


def run(product: Product, request: Request, say: t.Callable[[str], object]) -> dict[str, t.Any]:
    """The result of a module: the same in check mode and in the run.

    :raises FailedError: with one line and the result so far; no secret of the document is in either.
    """
    hidden = secrets.collected(request.document, {key for family in product.families for key in family.rules.secrets})
    result: dict[str, t.Any] = {"changed": False, "plan": [], "counts": {}, "drift": [], "warnings": []}
    before = product.counts()  # a connection kept for all items of a loop counts on
    try:
        _run(product, request, say, result)
        result["requests"] = _since(before, product.counts())
    except EngineError as exc:
        result["requests"] = _since(before, product.counts())
        if isinstance(exc, apply.StoppedError):
            result.update(
                changed=bool(exc.done),
                done=[action.shown() for action in exc.done],
                failed=[{**action.shown(), "msg": secrets.scrubbed(str(error), hidden)} for action, error in exc.failed],
                not_run=[action.shown() for action in exc.not_run],
            )
        if isinstance(exc, InvalidError):
            result["problems"] = [secrets.scrubbed(problem, hidden) for problem in exc.problems]
        details = {key: secrets.scrubbed(value, hidden) if isinstance(value, str) else value for key, value in exc.details.items()}
        raise FailedError(EngineError(secrets.scrubbed(str(exc), hidden), **details), result) from exc
    return result


def _since(before: t.Mapping[str, t.Any], now: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The counts of one run, without what was counted earlier."""
    return {
        key: {part: count for part, count in _since(before.get(key) or {}, value).items() if count}
        if isinstance(value, dict)
        else value - before.get(key, 0)
        if isinstance(value, (int, float))
        else value
        for key, value in now.items()
    }


def _run(product: Product, request: Request, say: t.Callable[[str], object], result: dict[str, t.Any]) -> None:
    families = _chosen(product, request)
    problems = product.problems(request.document) + _local_problems(families, request.document)
    wanted: dict[str, dict[str, Entry]] = {}
    snapshot: dict[str, dict[str, Entry]] = {}
    try:
        product.open(request.document)
        problems = getattr(product, "judged", list)(problems)  # a server may know more than we do
        wanted.update({family.name: plan.wanted_entries(family, request.document) for family in families})
        snapshot.update({family.name: _read(family, product, wanted, request) for family in families})
        problems += [line for family in families for line in family.problems_there(wanted[family.name], snapshot, product)]
    except Exception:  # what is wrong with the document is told first, and may be why it cannot be compared with what is there
        if not problems:
            raise
    if problems:
        raise InvalidError(list(dict.fromkeys(problems)))
    made = plan.make(families, wanted, request.absent, snapshot, product.mark_of, request.options)
    problems = [line for family in families for line in family.problems_planned(made, product)]
    if problems:
        raise InvalidError(problems)
    result.update(
        changed=bool(made.actions),
        plan=[action.shown() for action in made.actions],
        counts=made.counts,
        drift=made.drift,
        warnings=sorted({*made.warnings, *getattr(product, "notes", list)()}),
    )
    if request.diff_limit is not None:
        result["diff"] = report.diff(made, request.diff_limit)
    if made.drift and request.fail_on_drift:
        result["changed"] = False  # nothing was written
        raise EngineError(f"{len(made.drift)} objects were changed on the server since they were applied, first {_first(made)}: fail_on_drift is set")
    if not request.check:
        try:
            apply.run(made.actions, product, request.parallel, say)
        except apply.StoppedError as exc:
            with contextlib.suppress(EngineError):  # told is why it stopped; what has no mark yet is adopted by the next run
                product.settle(dataclasses.replace(made, actions=exc.done))
            raise
        product.settle(made)
        if request.verify and made.actions:
            _look_again(product, families, wanted, made, request)
    result.update(ids=product.ids(), server=product.facts())


def _chosen(product: Product, request: Request) -> list[Family]:
    known = {family.name for family in product.families}
    unknown = sorted(set(request.families) - known)
    if unknown:
        raise InvalidError([f"families: {name} is not one of {', '.join(sorted(known))}" for name in unknown])
    named = set(request.families) or {
        family.name
        for family in product.families
        if family.entries(request.document) or request.absent.get(family.name) or (family.prunable and request.options.prune.get(family.name, "none") != "none")
    }
    return [family for family in product.families if family.name in named]


def _local_problems(families: t.Sequence[Family], document: Entry) -> list[str]:
    found: list[str] = []
    for family in families:
        entries = family.entries(document)
        wrong = family.problems(entries, document)
        found += wrong
        seen: set[str] = set()
        for entry in entries:
            try:
                key = family.key(entry)
            except (KeyError, TypeError, AttributeError, ValueError):
                if not wrong:
                    raise
                continue  # what has no name cannot be told apart
            if key and key in seen:
                found.append(f"{family.name}: {key} is declared twice: merge the two entries")
            seen.add(key)
    return found


def _read(family: Family, product: Product, wanted: t.Mapping[str, t.Mapping[str, Entry]], request: Request) -> dict[str, Entry]:
    return family.read(product, [*wanted[family.name], *request.absent.get(family.name, ())])


def _first(made: plan.Plan) -> str:
    return f"{made.drift[0]['family']}/{made.drift[0]['name']} ({', '.join(made.drift[0]['fields'])})"


def _look_again(product: Product, families: t.Sequence[Family], wanted: t.Mapping[str, t.Mapping[str, Entry]], made: plan.Plan, request: Request) -> None:
    """Reads what was written, but for what the server's answers showed, and plans again: nothing may be left.

    :raises EngineError: naming the fields that the server did not keep.
    """
    touched: dict[str, set[str]] = {}
    shown: dict[str, dict[str, Entry]] = {}
    for action in made.actions:
        touched.setdefault(action.family.name, set()).add(action.name)
        if action.stored is not None:
            shown.setdefault(action.family.name, {})[action.name] = action.stored
    chosen = [family for family in families if family.name in touched]
    declared = {family.name: {key: entry for key, entry in wanted[family.name].items() if key in touched[family.name]} for family in chosen}
    there = {}
    for family in chosen:
        known = shown.get(family.name, {})
        asked = touched[family.name] - known.keys()
        there[family.name] = {**(family.read(product, list(asked)) if asked else {}), **known}
    for action in made.actions:
        other = there[action.family.name].get(action.name)
        if action.verb == "delete" and other is not None and not action.family.is_left(action.current or {}, other):
            del there[action.family.name][action.name]
    options = dataclasses.replace(request.options, prune={}, update_secret="on_create")  # noqa: S106  a policy, no secret
    left = plan.make(chosen, declared, {name: keys - set(declared[name]) for name, keys in touched.items()}, there, product.mark_of, options)
    if left.actions:
        action = left.actions[0]
        fields = ", ".join(sorted({change.field for change in action.changes})) or "its mark"
        raise EngineError(
            f"{action.family.name}/{action.name}: the server accepted the request but did not keep {fields} "
            f"({len(left.actions)} objects in all): is the field spelt right, and does this version of the server know it? "
            "If another run was writing meanwhile, run again; verify: false skips this look",
            object=f"{action.family.name}/{action.name}",
        )
