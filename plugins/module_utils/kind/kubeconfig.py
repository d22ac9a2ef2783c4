# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubeconfig of a cluster in a file of its own, and, when asked for, its entries in the user's."""

from __future__ import annotations

import contextlib
import os
import typing as t

SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}


def merged(into: dict[str, t.Any], config: dict[str, t.Any]) -> dict[str, t.Any]:
    """A kubeconfig with the entries of another one put in; the current context stays what it is, if there is one."""
    result = {"apiVersion": "v1", "kind": "Config", "preferences": {}, **into}
    for section in SECTIONS:
        added = config.get(section) or []
        names = {entry["name"] for entry in added}
        result[section] = [entry for entry in result.get(section) or [] if entry["name"] not in names] + added
    result["current-context"] = into.get("current-context") or config.get("current-context", "")
    return result


def without(config: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    """A kubeconfig without the entries of this name; sections that it does not have are not added."""
    result = dict(config)
    for section in SECTIONS:
        if config.get(section):
            result[section] = [entry for entry in config[section] if entry["name"] != name]
    if config.get("current-context") == name:
        result["current-context"] = ""
    return result


def has_entries(config: dict[str, t.Any], name: str) -> bool:
    """Whether a kubeconfig has entries of this name."""
    return without(config, name) != config


def holds_nothing(config: dict[str, t.Any]) -> bool:
    """Whether a kubeconfig says nothing at all, as one that was made for entries that are gone."""
    return not any(config.get(key) for key in config.keys() - {"apiVersion", "kind"})


def parse(text: str) -> t.Any:
    """What a YAML text says."""
    import yaml  # the controller's

    return yaml.safe_load(text)


def dump(data: t.Any) -> str:
    """Data as YAML, in its own order."""
    import yaml

    return yaml.safe_dump(data, sort_keys=False)


def read(path: str) -> dict[str, t.Any]:
    """The kubeconfig in a file; an empty one when there is none or it is none."""
    import yaml  # the controller's

    try:
        with open(path, encoding="utf-8") as stream:
            data = yaml.safe_load(stream)
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return data if isinstance(data, dict) else {}


def write(path: str, text: str) -> None:
    """Writes a file in one step, readable by its owner only; it belongs to the owner of its folder, whoever runs this."""
    folder = os.path.dirname(path)
    make_folder(folder)
    owner = os.stat(path if os.path.exists(path) else folder)
    aside = f"{path}.{os.getpid()}"
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    _give(aside, owner)
    os.rename(aside, path)


def make_folder(folder: str) -> None:
    """Makes a folder and what is missing above it, each for its owner only; they belong to the owner of the nearest that was there."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    owner = os.stat(folder)
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, mode=0o700)
            _give(path, owner)


def _give(path: str, owner: os.stat_result) -> None:
    with contextlib.suppress(PermissionError):
        os.chown(path, owner.st_uid, owner.st_gid)


def same(one: dict[str, t.Any], other: dict[str, t.Any], name: str) -> bool:
    """Whether both lead to the same cluster in the same way under this name."""
    return bool(one) and all(
        [entry for entry in one.get(section) or [] if entry["name"] == name] == [entry for entry in other.get(section) or [] if entry["name"] == name]
        for section in SECTIONS
    )
