# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply of many objects over one connection, with an honest account of what changed."""

from __future__ import annotations

import base64
import copy
import time
import typing as t

from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ApiError, Client, Json, KubeError, UnknownKindError, UnreachableError, title
from ansible_collections.mlops.platform.plugins.module_utils.kube.kept import is_kept

HIDDEN = "**********"
# What the server writes into every object by itself; a change there is nobody's change.
_SERVER_METADATA = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionGracePeriodSeconds")
_FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ServiceAccount", "Role", "ClusterRole")
_RETRY_SECONDS = 1.0


class Change(t.NamedTuple):
    """What an object was and became; before is None where it is new, after is None where only its name is known."""

    title: str
    action: str  # created, changed, unchanged
    before: Json | None
    after: Json | None


class RejectedError(KubeError):
    """Objects that were refused; one line each."""


def ordered(objects: list[Json]) -> list[Json]:
    """What others need first; otherwise as given."""
    rank = {kind: number for number, kind in enumerate(_FIRST)}
    return sorted(objects, key=lambda item: rank.get(item["kind"], len(_FIRST)))


def normalised(item: Json) -> Json:
    """The object as the server keeps it: stringData is written but never read."""
    if item.get("kind") != "Secret" or "stringData" not in item:
        return item
    item = dict(item)
    text = item.pop("stringData") or {}
    item["data"] = {**(item.get("data") or {}), **{key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()}}
    return item


def essence(item: Json) -> Json:
    """The object without what the server writes by itself."""
    result = {key: value for key, value in item.items() if key != "status"}
    result["metadata"] = {key: value for key, value in (item.get("metadata") or {}).items() if key not in _SERVER_METADATA}
    return result


def redacted(before: Json | None, after: Json | None) -> tuple[Json | None, Json | None]:
    """Both without the values of Secrets; a value that changes is seen to change."""

    def hide(item: Json | None, other: Json | None, mark: str) -> Json | None:
        if item is None or item.get("kind") != "Secret":
            return item
        result = copy.deepcopy(item)
        others = (other or {}).get("data") or {}
        for key, value in (result.get("data") or {}).items():
            result["data"][key] = HIDDEN if key not in others or others[key] == value else f"{HIDDEN} ({mark})"
        return result

    return hide(before, after, "before"), hide(after, before, "after")


class Applier:
    """Applies objects one after the other.

    :param client: None when no API answers: then everything counts as created, which is only right in check mode.
    :param say: shows a line on what changed.
    :param timeout: seconds during which what is only not ready yet (a webhook, a new kind) is tried again.
    """

    def __init__(self, client: Client | None, field_manager: str, check_mode: bool, say: t.Callable[[str], object], timeout: float = 60.0) -> None:
        self._client = client
        self._manager = field_manager
        self._check = check_mode
        self._say = say
        self._timeout = timeout
        self._new_kinds: set[tuple[str, str]] = set()
        self._new_namespaces: set[str] = set()

    def apply(self, objects: list[Json]) -> list[Change]:
        """Applies all objects; what is wrong is reported for all of them at once.

        :raises RejectedError: when the server refused any of them. :raises UnreachableError: when it stopped answering.
        """
        changes, errors = [], []
        for item in ordered([normalised(item) for item in objects]):
            try:
                change = self._apply(item)
            except UnreachableError:
                raise
            except KubeError as exc:
                errors.append(f"{title(item)}: {advice(exc)}")
                if item["kind"] in ("Namespace", "CustomResourceDefinition"):
                    break  # all others would fail for the same reason
                continue
            changes.append(change)
            self._remember(item, change)
            if change.action != "unchanged":
                self._say(f"{'would be ' if self._check else ''}{change.action}: {change.title}")
        if errors:
            done = [change.title for change in changes if change.action != "unchanged"]
            state = f" (before that, changed: {', '.join(done)})" if done and not self._check else ""
            raise RejectedError("; ".join(errors) + state)
        return changes

    def _remember(self, item: Json, change: Change) -> None:
        if item["kind"] == "CustomResourceDefinition":
            spec = item.get("spec") or {}
            kind = str((spec.get("names") or {}).get("kind"))
            self._new_kinds.update((f"{spec.get('group')}/{version.get('name')}", kind) for version in spec.get("versions") or [])
        if item["kind"] == "Namespace" and change.action == "created":
            self._new_namespaces.add(item["metadata"]["name"])

    def _apply(self, item: Json) -> Change:
        if self._client is None:
            return Change(title(item), "created", None, item)
        deadline = time.monotonic() + self._timeout
        told = False
        while True:
            try:
                return self._apply_once(self._client, item)
            except KubeError as exc:
                if self._check and self._will_come(item, exc):
                    return Change(title(item), "created", None, item)
                if not self._not_yet(item, exc) or time.monotonic() > deadline:
                    raise
                if not told:
                    self._say(f"waiting to apply {title(item)}: {exc}")
                    told = True
            time.sleep(_RETRY_SECONDS)

    def _apply_once(self, client: Client, item: Json) -> Change:
        metadata = item["metadata"]
        path = client.resource(item["apiVersion"], item["kind"]).path(metadata.get("namespace"), metadata["name"])
        before = client.find(path)
        if before is not None and is_kept(item, before, self._manager):
            kept = essence(before)
            return Change(title(item), "unchanged", kept, kept)
        query = {"fieldManager": self._manager, "force": "true", "fieldValidation": "Strict", "dryRun": "All" if self._check else None}
        after = client.request("PATCH", path, item, query, "application/apply-patch+yaml")
        if before is None:
            return Change(title(item), "created", None, essence(after))
        old, new = essence(before), essence(after)
        return Change(title(item), "unchanged" if old == new else "changed", old, new)

    def _will_come(self, item: Json, exc: KubeError) -> bool:
        """In check mode: whether only something that a real run makes first keeps the object from being applied."""
        if isinstance(exc, UnknownKindError):
            return True
        return isinstance(exc, ApiError) and exc.status == 404 and "namespace" in exc.message

    def _not_yet(self, item: Json, exc: KubeError) -> bool:
        """Whether the object can be expected to be accepted soon."""
        if isinstance(exc, UnknownKindError):
            return (item["apiVersion"], item["kind"]) in self._new_kinds
        if not isinstance(exc, ApiError):
            return False
        if exc.status == 404:
            return (item["apiVersion"], item["kind"]) in self._new_kinds
        if exc.status == 403:
            return "being terminated" in exc.message
        return exc.status in (429, 503, 504) or (exc.status == 500 and ("webhook" in exc.message or "etcdserver" in exc.message))


def advice(exc: KubeError) -> str:
    """The server's message with what to do about it, where that is known."""
    text = str(exc)
    if isinstance(exc, ApiError):
        if "field is immutable" in text or "Forbidden: updates to" in text:
            return f"{text}; this cannot be changed in place: delete the object (mind its data) and run again"
        if exc.status == 404 and "namespace" in exc.message:
            return f"{text}; create the namespace first"
        if exc.status == 403:
            return f"{text}; the user of this kubeconfig lacks the right"
        if "unknown field" in text or "field not declared in schema" in text:
            return f"{text}; correct the template or the patch that sets it"
    if isinstance(exc, UnknownKindError):
        return f"{text}; the operator that brings it is not installed, or in another version"
    return text
