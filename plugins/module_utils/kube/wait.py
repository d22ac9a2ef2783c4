# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until objects are ready, with a word on what is missing."""

from __future__ import annotations

import time
import typing as t

from . import diagnose, readiness
from .client import ApiError, Client, KubeError, UnknownKindError
from .readiness import Object

SAY_EVERY = 5.0  # seconds between two looks at what to say
REPEAT_EVERY = 30.0  # seconds until the same is said again


class WaitError(Exception):
    """Something did not become ready; the message holds what a person would look at next."""


class Target(t.NamedTuple):
    """What is waited for: one object by name, or at least one by label."""

    api_version: str
    kind: str
    namespace: str | None
    name: str | None
    label_selector: str | None
    condition: str | None

    def __str__(self) -> str:
        what = self.name or f"[{self.label_selector}]"
        return f"{self.kind} {self.namespace}/{what}" if self.namespace else f"{self.kind} {what}"


class Waiter:
    """Waits for targets of one cluster."""

    def __init__(self, api: Client, say: t.Callable[[str], None], interval: float) -> None:
        self._api = api
        self._say = say
        self._interval = interval

    def _read(self, target: Target) -> tuple[list[Object], str]:
        """Objects of a target, and why there are none."""
        try:
            resource = self._api.resource(target.api_version, target.kind)
            if target.name is None:
                return self._api.items(resource.path(target.namespace), labelSelector=target.label_selector), "no object with that label yet"
            found = self._api.find(resource.path(target.namespace, target.name))
        except UnknownKindError:
            return [], f"the API knows no {target.kind} of {target.api_version} yet"
        except ApiError as exc:
            if exc.status in (401, 403):
                raise WaitError(f"k8s_wait: {target} may not be read ({exc}): use a kubeconfig with that right") from exc
            return [], f"the API answers: {exc}"
        except KubeError as exc:
            return [], str(exc)
        return ([{"apiVersion": target.api_version, "kind": target.kind, **found}] if found else []), "does not exist yet"

    def _not_ready(self, target: Target) -> tuple[list[tuple[Object, readiness.State]], str]:
        objects, why_none = self._read(target)
        if not objects:
            return [], why_none
        judged = [(obj, readiness.state(obj, target.condition)) for obj in objects]
        return [(obj, state) for obj, state in judged if not state.ready], ""

    def wait(self, targets: list[Target], timeout: float) -> float:
        """Waits until all targets are ready.

        :param timeout: seconds.
        :returns: seconds waited.
        :raises WaitError: when time is up, or when waiting is hopeless.
        """
        began = time.monotonic()
        # What is over within seconds needs no word; and right after a change the pods are still those from before.
        said, last_said, last_look = "", began, began
        left = list(targets)
        while True:
            left = [target for target in left if self._not_ready(target) != ([], "")]
            elapsed = time.monotonic() - began
            if not left:
                return elapsed
            if elapsed >= timeout:
                raise WaitError(self._failure(left, f"not ready within {timeout:g} s"))
            now = time.monotonic()
            if now - last_look >= SAY_EVERY:
                last_look = now
                text, lost = self._brief(left)
                if lost:
                    raise WaitError(self._failure(lost, "will not become ready"))
                if text != said or now - last_said >= REPEAT_EVERY:
                    self._say(f"waiting for {text}, {elapsed:.0f} s")
                    said, last_said = text, now
            time.sleep(self._interval)

    def _brief(self, left: list[Target]) -> tuple[str, list[Target]]:
        """What to say of the first target, and those for which waiting is hopeless."""
        looks = [self._look(target) for target in left]
        more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
        return looks[0][0] + more, [target for target, (_text, hopeless) in zip(left, looks, strict=True) if hopeless]

    def _look(self, target: Target) -> tuple[str, bool]:
        waiting, why_none = self._not_ready(target)
        if not waiting:
            return f"{target}: {why_none or 'ready'}", False
        try:
            looks = [diagnose.brief(self._api, *found) for found in waiting]
        except KubeError as exc:
            return f"{target}: {waiting[0][1].reason} (the API does not answer: {exc})", False
        return f"{target}: {looks[0][0]}", any(hopeless for _text, hopeless in looks)

    def _failure(self, left: list[Target], what: str) -> str:
        subject = str(left[0]) if len(left) == 1 else f"{len(left)} of what was waited for"
        lines = [f"k8s_wait: {subject}: {what}."]
        for target in left:
            waiting, why_none = self._not_ready(target)
            if not waiting:
                lines.append(f"{target}: {why_none or 'became ready just now'}")
            for obj, state in waiting:
                lines.append(f"{target}: {state.reason}")
                try:
                    lines += diagnose.report(self._api, obj)
                except KubeError as exc:
                    lines.append(f"  the API does not answer ({exc})")
        lines.append("Mend the cause shown above and run the playbook again; it goes on where it stopped.")
        return "\n".join(lines)
