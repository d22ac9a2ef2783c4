# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is declared and what is there to what has to be done. Pure: check mode and the run make the same plan."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import typing as t

from . import marks, secrets
from .compare import Change, Json, differences, merged, normalised
from .errors import InvalidError
from .family import Entry, Family

Snapshot = t.Mapping[str, t.Mapping[str, Entry]]


@dataclasses.dataclass(frozen=True)
class Options:
    """How a document is applied.

    :ivar mode: merge (what is not declared stays) or exact (it goes back to its default).
    :ivar prune: per family: none, owned (what carries our mark and is no longer declared) or all.
    :ivar owner: name of the document's owner in the marks; empty for no marks.
    :ivar adopt: whose objects may be taken over: unmarked, or any.
    :ivar protect: patterns of `family/name` that are never deleted.
    :ivar max_deletes: a number, or a percentage of what is there; more deletions stop the run before its first write.
    :ivar update_secret: when a secret that the server does not return is written: on_create, if_changed or always.
    :ivar secret_key: key of the hashes by which if_changed works.
    """

    mode: str = "merge"
    prune: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    owner: str = "mlops.platform"
    adopt: str = "unmarked"
    protect: tuple[str, ...] = ()
    max_deletes: str = "20%"
    update_secret: str = "if_changed"  # noqa: S105  a policy, no secret
    secret_key: str = ""


@dataclasses.dataclass
class Action:
    """One object that has to be written.

    :ivar verb: create, update, adopt (only the mark) or delete.
    :ivar reason: missing, drift, pending, unmarked, undeclared or absent.
    :ivar stored: a new object as the server's answer to its creation showed it.
    """

    verb: str
    family: Family
    name: str
    reason: str
    changes: list[Change] = dataclasses.field(default_factory=list)
    current: Entry | None = None
    wanted: Entry | None = None
    mark: marks.Mark | None = None
    stored: Entry | None = None

    def shown(self) -> dict[str, Json]:
        """The action as data, without any value."""
        return {
            "action": self.verb,
            "family": self.family.name,
            "name": self.name,
            "fields": sorted({change.field for change in self.changes}),
            "reason": self.reason,
        }


@dataclasses.dataclass
class Plan:
    """Everything that has to be done, in order: writes first, then deletions in reverse.

    :ivar counts: per family: create, update, delete, unchanged.
    :ivar drift: fields that somebody changed on the server since they were applied.
    """

    actions: list[Action] = dataclasses.field(default_factory=list)
    counts: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    drift: list[dict[str, Json]] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


def wanted_entries(family: Family, document: Entry) -> dict[str, Entry]:
    """The declared objects of a family by key, with the types the server keeps."""
    return {family.key(entry): normalised(entry, family.rules) for entry in family.entries(document)}


def make(
    families: t.Sequence[Family],
    wanted: t.Mapping[str, t.Mapping[str, Entry]],
    absent: t.Mapping[str, t.Collection[str]],
    snapshot: Snapshot,
    mark_of: t.Callable[[Family, str, Entry], marks.Mark | None],
    options: Options,
) -> Plan:
    """The plan.

    :param wanted: declared objects by family and key.
    :param absent: names by family that have to go.
    :param snapshot: the server's objects by family and key.
    :param mark_of: the mark of a server's object.
    :raises InvalidError: when it would delete too much or take over what belongs to another document.
    """
    result = Plan()
    deletions: list[Action] = []
    problems: list[str] = []
    for family in families:
        declared = wanted.get(family.name, {})
        there = snapshot.get(family.name, {})
        counts = {"create": 0, "update": 0, "delete": 0, "unchanged": 0}
        for key, entry in declared.items():
            action = _write(family, key, entry, there.get(key), mark_of, options, result, problems)
            if action is None:
                counts["unchanged"] += 1
            else:
                counts["create" if action.verb == "create" else "update"] += 1
                result.actions.append(action)
        gone = list(_deletions(family, declared, absent.get(family.name, ()), there, mark_of, options))
        counts["delete"] = len(gone)
        problems += _not_told_apart(gone, mark_of, options)
        # Children before their parents; by name, for servers list in whichever order, and a plan is the same each time.
        gone.sort(key=lambda action: (-action.family.stage(action.current or {}), action.name))
        deletions = gone + deletions
        if any(counts.values()):
            result.counts[family.name] = counts
    problems += _too_many(deletions, snapshot, options)
    if problems:
        raise InvalidError(problems)
    result.actions += deletions
    return result


def _write(
    family: Family,
    key: str,
    entry: Entry,
    current: Entry | None,
    mark_of: t.Callable[[Family, str, Entry], marks.Mark | None],
    options: Options,
    result: Plan,
    problems: list[str],
) -> Action | None:
    rules = family.rules
    mark = marks.make(options.owner, entry, rules, options.secret_key) if options.owner and family.marked else None
    if current is None:
        fields = [Change((field,), None, value, field in rules.secrets) for field, value in entry.items() if field not in rules.ignored]
        return Action("create", family, key, "missing", fields, None, entry, mark)
    old = mark_of(family, key, current)
    if old and options.owner and old.owner != options.owner and options.adopt != "any":
        if entry.keys() <= rules.ignored:
            return None  # it says only where the others are, as `realm:` does
        problems.append(
            f"{family.name}/{key} belongs to {old.owner!r}, not to {options.owner!r}: declare it in one document only, or take it over with adopt: any"
        )
        return None
    # What the product itself made has defaults of its own, which nobody knows here.
    exact = options.mode == "exact" and not family.builtin(current)
    changes = [change for change in differences(entry, current, rules, exact) if _counts(change, old, options, family, key, entry, result)]
    # What the server does not return differs because it was declared anew, or is written whatever is there: nobody has seen a change of it.
    drifted = [change for change in changes if old and not change.unknown and _as_applied(old, entry, change, family)]
    if drifted:
        result.drift.append({"family": family.name, "name": key, "fields": sorted({change.field for change in drifted})})
    if changes:
        reason = "drift" if drifted else "pending" if old else "unmarked"
        return Action("update", family, key, reason, changes, current, merged(current, entry, rules, changes), mark)
    if mark is None or (old is None and family.builtin(current)):
        return None  # what the product itself made is never pruned, and not written for a mark alone
    if old is None or _differs(old, mark):
        return Action("adopt", family, key, "unmarked" if old is None else "pending", [], current, merged(current, entry, rules), mark)
    return None


def _differs(old: marks.Mark, new: marks.Mark) -> bool:
    # Without its key, a run leaves the hashes of secrets that another run wrote.
    return (old.owner, dict(old.applied)) != (new.owner, dict(new.applied)) or (bool(new.secrets) and dict(old.secrets) != dict(new.secrets))


def _as_applied(old: marks.Mark, entry: Entry, change: Change, family: Family) -> bool:
    """Whether the field is declared as it was when it was applied last; `+field` is another way to declare it."""
    fields = [field for field in (change.path[0], f"+{change.path[0]}") if field in entry]
    return bool(fields) and all(old.applied.get(field) == marks.field_hash(field, entry[field], family.rules) for field in fields)


def _counts(change: Change, old: marks.Mark | None, options: Options, family: Family, key: str, entry: Entry, result: Plan) -> bool:
    """Whether a change is one; of a secret that the server does not return, only its hash can tell."""
    if not change.unknown or options.update_secret == "always":  # noqa: S105  a policy, no secret
        return True
    if options.update_secret == "on_create":  # noqa: S105  a policy, no secret
        return False
    if options.owner and change.path[-1] not in family.rules.secrets:
        # Masked by this version though it is no secret: what was applied last tells.
        return old is None or not _as_applied(old, entry, change, family)
    if not options.secret_key:
        result.warnings.append(
            f"{family.name}/{key}: the server does not return {change.field}, so whether it changed is not known and it stays as it is: "
            "set secret_hash_key, or update_secret: always"
        )
        return False
    return (old.secrets if old else {}).get(change.field) != secrets.fingerprint(options.secret_key, change.field, change.after)


def _deletions(
    family: Family,
    declared: t.Mapping[str, Entry],
    absent: t.Collection[str],
    there: t.Mapping[str, Entry],
    mark_of: t.Callable[[Family, str, Entry], marks.Mark | None],
    options: Options,
) -> t.Iterator[Action]:
    policy = options.prune.get(family.name, "none") if family.prunable else "none"
    for key, current in there.items():
        if key in absent:
            yield Action("delete", family, key, "absent", [], current)
        elif key not in declared and policy != "none" and not family.builtin(current) and not _protected(f"{family.name}/{key}", options):
            mark = mark_of(family, key, current)
            if policy == "all" or (mark is not None and mark.owner == options.owner):
                yield Action("delete", family, key, "undeclared", [], current)


def _not_told_apart(gone: t.Sequence[Action], mark_of: t.Callable[[Family, str, Entry], marks.Mark | None], options: Options) -> list[str]:
    """Of several objects of one name, only the one that carries our mark may go."""
    found = []
    for action in gone:
        current = action.current or {}
        twins = action.family.twins(current)
        mark = mark_of(action.family, action.name, current) if len(twins) > 1 else None
        if len(twins) > 1 and (mark is None or mark.owner != options.owner):
            found.append(
                f"{action.family.name}/{action.name}: the server has {len(twins)} of this name ({', '.join(twins)}), "
                "and none carries this owner's mark: delete by hand those that have to go"
            )
    return found


def _protected(name: str, options: Options) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.split("/", 1)[1], pattern) for pattern in options.protect)


def _too_many(deletions: t.Sequence[Action], snapshot: Snapshot, options: Options) -> list[str]:
    pruned = [action for action in deletions if action.reason == "undeclared"]
    if not pruned:
        return []
    limit = str(options.max_deletes).strip()
    if limit.endswith("%"):
        total = sum(len(snapshot.get(name, {})) for name in {action.family.name for action in pruned})
        most = max(1, math.ceil(total * float(limit[:-1]) / 100))
    else:
        most = int(limit)
    if len(pruned) <= most:
        return []
    names = ", ".join(f"{action.family.name}/{action.name}" for action in pruned[:5])
    return [
        f"{len(pruned)} objects are no longer declared and would be deleted ({names}{', …' if len(pruned) > 5 else ''}), more than max_deletes "
        f"({limit}) allows ({most}): is the document complete? If so, raise max_deletes"
    ]
