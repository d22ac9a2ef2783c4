# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until objects are ready, with a word on what is missing."""

from __future__ import annotations

import time
import typing as t
import urllib.error
import urllib.parse

from . import diagnose, readiness
from .api import Api
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

    def __init__(self, api: Api, say: t.Callable[[str], None], interval: float) -> None:
        self._api = api
        self._say = say
        self._interval = interval
        self._resources: dict[str, dict[str, str]] = {}

    def _path(self, target: Target) -> str:
        root = "/api/v1" if target.api_version == "v1" else f"/apis/{target.api_version}"
        if target.api_version not in self._resources:
            listed = self._api.get(root)["resources"]
            self._resources[target.api_version] = {entry["kind"]: entry["name"] for entry in listed if "/" not in entry["name"]}
        plural = self._resources[target.api_version][target.kind]
        path = f"{root}/namespaces/{target.namespace}/{plural}" if target.namespace else f"{root}/{plural}"
        return f"{path}/{target.name}" if target.name else f"{path}?labelSelector={urllib.parse.quote(target.label_selector or '')}"

    def _read(self, target: Target) -> tuple[list[Object], str]:
        """Objects of a target, and why there are none."""
        try:
            found = self._api.get(self._path(target))
        except KeyError:
            self._resources.pop(target.api_version, None)
            return [], f"the API knows no {target.kind} of {target.api_version} yet"
        except urllib.error.HTTPError as exc:
            if exc.code == 404:
                return [], "does not exist yet"
            if exc.code in (401, 403):
                raise WaitError(f"k8s_wait: {target} may not be read ({exc.code} {exc.reason}): use a kubeconfig with that right") from exc
            return [], f"the API answers {exc.code} {exc.reason}"
        except OSError as exc:
            return [], f"the API does not answer ({exc})"
        items = found["items"] if target.name is None else [found]
        return [{"apiVersion": target.api_version, "kind": target.kind, **item} for item in items], "no object with that label yet"

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
        said, last_said, last_look = "", began, began - SAY_EVERY
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
                text, hopeless = self._brief(left)
                if hopeless:
                    raise WaitError(self._failure(left, "will not become ready"))
                # What is over within seconds needs no word.
                if elapsed >= SAY_EVERY and (text != said or now - last_said >= REPEAT_EVERY):
                    self._say(f"waiting for {text}, {elapsed:.0f} s")
                    said, last_said = text, now
            time.sleep(self._interval)

    def _brief(self, left: list[Target]) -> tuple[str, bool]:
        target = left[0]
        more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
        waiting, why_none = self._not_ready(target)
        if not waiting:
            return f"{target}: {why_none or 'ready'}{more}", False
        try:
            text, hopeless = diagnose.brief(self._api, *waiting[0])
        except OSError as exc:
            text, hopeless = f"{waiting[0][1].reason} (the API does not answer: {exc})", False
        return f"{target}: {text}{more}", hopeless

    def _failure(self, left: list[Target], what: str) -> str:
        lines = [f"k8s_wait: {len(left)} of what was waited for {'is' if len(left) == 1 else 'are'} {what}." if what.startswith("not") else f"k8s_wait: {left[0]} {what}."]
        for target in left:
            waiting, why_none = self._not_ready(target)
            if not waiting:
                lines.append(f"{target}: {why_none or 'became ready just now'}")
            for obj, state in waiting:
                lines.append(f"{target}: {state.reason}")
                try:
                    lines += diagnose.report(self._api, obj)
                except OSError as exc:
                    lines.append(f"  the API does not answer ({exc})")
        lines.append("Mend the cause shown above and run the playbook again; it goes on where it stopped.")
        return "\n".join(lines)
