# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of registered models. They have no name: which declared one is which of the server's is found out here. Pure."""

from __future__ import annotations

import typing as t

from ..engine.family import Entry
from .scoped import plain_tags, tags_of

LABEL = "ansible.label"


def key(entry: Entry) -> str:
    """What tells a declared version from the others: its label, or where it comes from."""
    if entry.get("label"):
        return str(entry["label"])
    run = f" of run {entry['run_id']}" if entry.get("run_id") else ""
    return f"{entry.get('source', '')}{run}"


def is_same(declared: Entry, there: Entry) -> bool:
    """Whether a version of the server is the declared one."""
    label = tags_of(there.get("tags")).get(LABEL)
    if declared.get("label"):
        return label == declared["label"]
    return not label and there.get("source") == declared.get("source") and (not declared.get("run_id") or there.get("run_id") == declared["run_id"])


def entries(declared: t.Sequence[Entry], there: t.Sequence[Entry]) -> tuple[list[Entry], dict[str, str]]:
    """The server's versions in the document's format, and their numbers by key.

    Of several that fit one declaration the newest counts: whoever registers a source twice means the later one.
    """
    found: list[Entry] = []
    numbers: dict[str, str] = {}
    exact_first = sorted(declared, key=lambda entry: not (entry.get("label") or entry.get("run_id")))
    for item in sorted(there, key=lambda item: int(item["version"]), reverse=True):
        match = next((entry for entry in exact_first if is_same(entry, item) and key(entry) not in numbers), None)
        label = key(match) if match else f"version {item['version']}"
        numbers[label] = str(item["version"])
        own = {name: value for name, value in plain_tags(tags_of(item.get("tags")), (match or {}).get("tags") or {}).items() if name != LABEL}
        found.append(
            {
                "key": label,
                "source": item.get("source", ""),
                "description": item.get("description", ""),
                "tags": own,
                **{name: item[name] for name in ("run_id", "model_id") if item.get(name)},
                **({"label": match["label"]} if match and match.get("label") else {}),
            }
        )
    return found[::-1], numbers


def target(value: t.Any, numbers: t.Mapping[str, str]) -> str | None:
    """The number of the version that an alias is declared for; None while there is no such version."""
    text = str(value)
    if text in numbers:
        return numbers[text]
    return text if text.isdigit() else None


def aliases(declared: t.Mapping[str, t.Any] | None, there: t.Any, numbers: t.Mapping[str, str]) -> dict[str, str]:
    """The server's aliases, each as it is declared where that means the same."""
    found = {str(item["alias"]): str(item["version"]) for item in there or []}
    wanted = declared or {}
    return {name: str(wanted[name]) if wanted.get(name) is not None and target(wanted[name], numbers) == number else number for name, number in found.items()}
