# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over lists of Kubernetes objects: marks of ownership, and the user's own patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.platform.plugins.module_utils.kube.labels import labels_of


def labelled(objects: Any, component: str) -> list[dict[str, Any]]:
    """Returns copies of the objects with the platform's labels on each and on its pod templates."""
    if not isinstance(component, str) or not component:
        raise AnsibleFilterError(f"labelled: the component must be a name, not {component!r}")
    labels = labels_of(component)
    result = _objects(objects, "labelled")
    for item in result:
        _label(item, labels)
        for template in _pod_templates(item):
            _label(template, labels)
    return result


def patched(objects: Any, patches: Any) -> list[dict[str, Any]]:
    """Returns copies of the objects with each patch merged into every object it names."""
    result = _objects(objects, "patched")
    if patches is None:
        return result
    if not _is_list(patches):
        raise AnsibleFilterError(f"patched: the patches must be a list of objects, not {type(patches).__name__}")
    for number, patch in enumerate(patches, 1):
        _check_patch(patch, number)
        hits = [index for index, item in enumerate(result) if _matches(item, patch)]
        if not hits:
            known = ", ".join(sorted(_title(item) for item in result if item.get("kind") == patch["kind"])) or "no object of that kind"
            raise AnsibleFilterError(f"patched: patch {number} is for {_title(patch)}, which is not among the objects ({known})")
        for index in hits:
            result[index] = _merge(result[index], patch)
    return result


def _objects(objects: Any, who: str) -> list[dict[str, Any]]:
    """Plain, independent copies: empty documents dropped, List objects unpacked, each checked for what makes it an object."""
    if isinstance(objects, Mapping):
        objects = [objects]
    if not _is_list(objects):
        raise AnsibleFilterError(f"{who}: expected a list of Kubernetes objects, not {type(objects).__name__}")
    result: list[dict[str, Any]] = []
    for number, item in enumerate(objects, 1):
        if not item:
            continue
        if not isinstance(item, Mapping):
            raise AnsibleFilterError(f"{who}: object {number} is not a map but {type(item).__name__}")
        if item.get("kind") == "List" and "items" in item:
            result.extend(_objects(item["items"], who))
            continue
        metadata = item.get("metadata")
        if not item.get("apiVersion") or not item.get("kind") or not isinstance(metadata, Mapping) or not metadata.get("name"):
            raise AnsibleFilterError(f"{who}: object {number} needs apiVersion, kind and metadata.name; it has {', '.join(map(str, item)) or 'nothing'}")
        result.append(_copy(item))
    return result


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if _is_list(value):
        return [_copy(item) for item in value]
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _label(item: dict[str, Any], labels: dict[str, str]) -> None:
    metadata = item.get("metadata") or {}
    item["metadata"] = {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}


def _pod_templates(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The templates of pods (and of a CronJob's jobs) inside a built-in workload."""
    if str(item["apiVersion"]).partition("/")[0] not in ("apps", "batch"):
        return []
    spec = item.get("spec") or {}
    job = spec.get("jobTemplate")
    if isinstance(job, dict):
        return [job, *_template_of(job.get("spec") or {})]
    return _template_of(spec)


def _template_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    template = spec.get("template")
    return [template] if isinstance(template, dict) else []


def _check_patch(patch: Any, number: int) -> None:
    if not isinstance(patch, Mapping):
        raise AnsibleFilterError(f"patched: patch {number} is not a map but {type(patch).__name__}")
    metadata = patch.get("metadata")
    if not patch.get("kind") or not isinstance(metadata, Mapping) or not metadata.get("name"):
        raise AnsibleFilterError(f"patched: patch {number} must say which object it is for: kind and metadata.name (and metadata.namespace)")


def _matches(item: Mapping[str, Any], patch: Mapping[str, Any]) -> bool:
    if item["kind"] != patch["kind"] or patch.get("apiVersion", item["apiVersion"]) != item["apiVersion"]:
        return False
    meta, wanted = item["metadata"], patch["metadata"]
    return meta["name"] == wanted["name"] and wanted.get("namespace", meta.get("namespace")) == meta.get("namespace")


def _title(item: Mapping[str, Any]) -> str:
    metadata = item["metadata"]
    namespace = metadata.get("namespace")
    return f"{item['kind']} {namespace + '/' if namespace else ''}{metadata['name']}"


def _merge(old: Any, new: Any) -> Any:
    """Maps are merged, lists of named maps are merged by name, everything else is replaced; null removes a key."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        merged = dict(old)
        for key, value in new.items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = _merge(merged.get(key), value)
        return merged
    if isinstance(new, Mapping):
        return _merge({}, new)
    if _named(new):
        return _merge_named(old if _named(old) else [], new)
    return _copy(new)


def _named(value: Any) -> bool:
    return _is_list(value) and bool(value) and all(isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in value)


def _merge_named(old: list[Any], new: list[Any]) -> list[Any]:
    merged = {item["name"]: item for item in old}
    for item in new:
        change = {key: value for key, value in item.items() if key != "$patch"}
        if item.get("$patch") == "delete":
            merged.pop(item["name"], None)
        elif item.get("$patch") == "replace":
            merged[item["name"]] = _merge({}, change)
        else:
            merged[item["name"]] = _merge(merged.get(item["name"], {}), change)
    return list(merged.values())


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"labelled": labelled, "patched": patched}
