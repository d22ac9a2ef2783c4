# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a plan: family by family, independent objects of one family at the same time."""

from __future__ import annotations

import concurrent.futures
import itertools
import typing as t

from . import compare
from .errors import EngineError, LostError, RefusedError
from .plan import Action

_CREATED_MEANWHILE = frozenset({400, 409})


class StoppedError(EngineError):
    """A write failed.

    :ivar done: actions carried out.
    :ivar failed: the actions that were not, with why.
    :ivar not_run: actions not tried because of that.
    """

    def __init__(self, done: list[Action], failed: list[tuple[Action, EngineError]], not_run: list[Action]) -> None:
        action, error = failed[0]
        others = f" ({len(failed) - 1} more failed with it)" if len(failed) > 1 else ""
        super().__init__(
            f"{action.family.name}/{action.name} could not be {_PAST[action.verb]}: {error}{others}. {len(done)} objects were written, "
            f"{len(not_run)} were not tried: mend the cause and run again, it goes on from here",
            **{**error.details, "object": f"{action.family.name}/{action.name}"},
        )
        self.done, self.failed, self.not_run = done, failed, not_run


_PAST = {"create": "created", "update": "changed", "adopt": "marked", "delete": "deleted"}


def run(actions: t.Sequence[Action], server: t.Any, parallel: int, say: t.Callable[[str], object]) -> None:
    """Carries out the actions in their order.

    :param server: the product's session, handed to the families.
    :param parallel: how many objects of one family are written at the same time.
    :raises StoppedError: at the first failure; what had been started is ended first.
    """
    done: list[Action] = []
    groups = [list(group) for _key, group in itertools.groupby(actions, key=_group_of)]
    for number, group in enumerate(groups):
        family = group[0].family
        say(f"{family.name}: {_PAST[group[0].verb]} {len(group)}")
        written, failed = _side_by_side(group, lambda action: _carry_out(action, server), parallel if family.parallel else 1)
        if family.linked and not failed and group[0].verb != "delete":
            written, failed = _side_by_side(group, lambda action: _link(action, server), parallel if family.parallel else 1)
        done += written
        if failed:
            tried = {id(action) for action in done} | {id(action) for action, _error in failed}
            raise StoppedError(done, failed, [action for later in groups[number:] for action in later if id(action) not in tried])


def _group_of(action: Action) -> tuple[str, bool, int]:
    deleted = action.verb == "delete"
    return action.family.name, deleted, action.family.stage((action.current if deleted else action.wanted) or {})


def _side_by_side(group: t.Sequence[Action], work: t.Callable[[Action], None], lanes: int) -> tuple[list[Action], list[tuple[Action, EngineError]]]:
    """Carries out actions at the same time, until the first failure: those that went well, and those that did not."""
    done: list[Action] = []
    failed: list[tuple[Action, EngineError]] = []
    if lanes == 1 or len(group) == 1:
        for action in group:
            error = _tried(work, action)
            if error:
                failed.append((action, error))
                break
            done.append(action)
        return done, failed
    with concurrent.futures.ThreadPoolExecutor(max_workers=lanes) as pool:
        results = {pool.submit(_tried, work, action): action for action in group}
        for future in concurrent.futures.as_completed(results):
            if future.cancelled():
                continue
            error = future.result()
            if error:
                failed.append((results[future], error))
                for other in results:
                    other.cancel()
            else:
                done.append(results[future])
    return done, failed


def _tried(work: t.Callable[[Action], None], action: Action) -> EngineError | None:
    try:
        work(action)
    except EngineError as exc:
        return exc
    return None


def _carry_out(action: Action, server: t.Any) -> None:
    family = action.family
    if action.verb == "delete":
        try:
            family.delete(server, action.current or {})
        except RefusedError as exc:
            if exc.status != 404:  # somebody else was faster, or the first try arrived after all
                raise
    elif action.verb == "create":
        _create(action, server)
    else:
        family.update(server, action.current or {}, action.wanted or {}, action.changes, action.mark)


def _link(action: Action, server: t.Any) -> None:
    action.family.link(server, action.wanted or {}, action.changes, action.mark)


def _create(action: Action, server: t.Any) -> None:
    family, wanted = action.family, action.wanted or {}
    try:
        action.stored = family.create(server, wanted, action.mark)
        return
    except (LostError, RefusedError) as exc:
        if isinstance(exc, RefusedError) and exc.status not in _CREATED_MEANWHILE:
            raise
        there = family.read(server, [action.name]).get(action.name)
        if there is None and isinstance(exc, RefusedError):
            raise
    # The answer was lost, or another run was faster: what is there decides.
    if there is None:
        family.create(server, wanted, action.mark)
        return
    changes = compare.differences(wanted, there, family.rules)
    family.update(server, there, compare.merged(there, wanted, family.rules), changes, action.mark)
