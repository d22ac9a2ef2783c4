# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what on which resource, in one form whatever keeps it: MLflow's roles, its older tables, or mlflow-oidc-auth. Pure."""

from __future__ import annotations

import difflib
import re
import typing as t

from ...engine.family import Entry
from .. import documents

ANY = "*"
DENY = "DENY"
LEVELS = ("READ", "USE", "EDIT", "MANAGE", DENY)
WORKSPACE_LEVELS = ("USE", "MANAGE")
# Types whose single objects can be named, and the family of the document that declares them.
NAMED: t.Mapping[str, tuple[str, ...]] = {
    "experiment": ("experiments",),
    "registered_model": ("registered_models",),
    "prompt": ("prompts",),
    "scorer": ("scorers",),
    "gateway_secret": ("gateway", "secrets"),
    "gateway_endpoint": ("gateway", "endpoints"),
    "gateway_model_definition": ("gateway", "model_definitions"),
    "mcp_server": ("mcp_servers",),
}
# Types that are granted as a whole or not at all.
WHOLE = frozenset({
    "workspace", "run", "trace", "assessment", "logged_model", "review_queue",
    "registered_model_version", "prompt_version", "scorer_version", "mcp_server_version",
})  # fmt: skip
TYPES = (*NAMED, *sorted(WHOLE))
_GLOB = frozenset("*?[]")
_KEY = re.compile(f"(user|role):(.+?)/((?:{'|'.join(TYPES)}):.*)", re.DOTALL)


class Grant(t.NamedTuple):
    """The address of a permission.

    :ivar workspace: empty for the default one.
    :ivar subject: user or role.
    :ivar name: of the user or role.
    :ivar type: type of the resource.
    :ivar resource: its name, * for every one of the type, or a regular expression where `regex` says so.
    """

    workspace: str
    subject: str
    name: str
    type: str
    resource: str
    regex: bool = False

    @property
    def key(self) -> str:
        """As the object is called in results and patterns."""
        return documents.key(f"{self.subject}:{self.name}/{self.on}", self.workspace)

    @property
    def on(self) -> str:
        """What is granted."""
        return on(self.type, self.resource, self.regex)


def on(kind: str, resource: str, regex: bool = False) -> str:
    """A resource, or several, as one text."""
    return f"{kind}:{'~' if regex else ''}{resource}"


def target(entry: Entry) -> str:
    """What an entry of the document grants, as one text. What is granted as a whole needs no resource."""
    kind = str(entry.get("resource_type") or "")
    if entry.get("regex"):
        return on(kind, str(entry["regex"]), True)
    return on(kind, str(entry.get("resource") or (ANY if kind in WHOLE else "")))


def address(workspace: str, subject: str, name: str, what: str) -> Grant:
    """The address of what is granted to somebody; `what` as on() gives it."""
    kind, _sep, resource = what.partition(":")
    regex = resource.startswith("~")
    return Grant(workspace, subject, name, kind, resource[1:] if regex else resource, regex)


def of(entry: Entry) -> Grant:
    """The address that an entry under grants has."""
    subject = "role" if entry.get("role") else "user"
    return address(str(entry.get("workspace") or ""), subject, str(entry.get(subject) or ""), target(entry))


def parsed(key: str) -> Grant | None:
    """The address that a key stands for; None for something else."""
    name, workspace = documents.split(key)
    found = _KEY.fullmatch(name)
    return address(workspace, found[1], found[2], found[3]) if found else None


def problems(label: str, entry: Entry) -> list[str]:
    """What no server would take, or take and never heed.

    :param entry: with resource_type, resource (or regex) and permission.
    """
    kind, permission = entry.get("resource_type"), entry.get("permission")
    resource, regex = entry.get("resource"), entry.get("regex")
    if entry.get("priority") is not None and not regex:
        return [f"{label}: priority puts regular expressions in order: it needs regex"]
    if kind not in TYPES:
        near = difflib.get_close_matches(str(kind), TYPES, 1)
        return [f"{label}: resource_type {kind!r} is not known: {f'did you mean {near[0]}?' if near else 'known are ' + ', '.join(TYPES)}"]
    found = []
    if permission == "NO_PERMISSIONS":
        found.append(f"{label}: NO_PERMISSIONS cannot be granted: leave the grant out where the server's default is no permission, or write DENY")
    elif permission not in LEVELS:
        found.append(f"{label}: permission {permission!r} is not known: one of {', '.join(LEVELS)}")
    elif kind == "workspace" and permission not in WORKSPACE_LEVELS:
        found.append(f"{label}: a workspace is granted with USE (see it, create in it) or MANAGE, not {permission}: grant {permission} on the types in it")
    if regex and resource:
        found.append(f"{label}: both resource and regex are given: keep one")
    elif kind in WHOLE:
        if regex or resource not in (None, ANY):
            found.append(f"{label}: {kind} is granted as a whole: {regex or resource!r} would never match; leave resource out")
    elif not regex and not resource:
        found.append(f"{label}: resource is missing: the name of the {kind}, or '*' for every one")
    elif kind == "scorer" and resource and resource != ANY and "/" not in resource:
        found.append(f"{label}: a scorer belongs to an experiment: name it as experiment/scorer")
    return found


def dead(label: str, kind: str, resource: str) -> str:
    """The line about a resource that is neither there nor declared: such a grant would never match anything."""
    if _GLOB & set(resource):
        return (
            f"{label}: {resource!r} would never match: MLflow knows '*' and exact names, no patterns: name each {kind}, "
            "grant '*' in a workspace of its own, or use mlflow-oidc-auth with regex"
        )
    return f"{label}: there is no {kind} {resource!r}: declare it, or correct the name"


def declared_names(document: Entry, kind: str) -> set[tuple[str, str]]:
    """Workspace and name of every resource of a type that the document declares."""
    found = set()
    for entry in documents.within(document, NAMED[kind]) if kind in NAMED else []:
        name = str(entry.get("name") or "")
        found.add((str(entry["workspace"]), f"{entry.get('experiment')}/{name}" if kind == "scorer" else name))
    return found
