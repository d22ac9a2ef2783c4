# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a permission backend does for the families users, roles and grants, which know none of them."""

from __future__ import annotations

import base64
import typing as t

from ...engine.family import Entry
from .. import documents
from .model import Grant
from .resources import Resources

if t.TYPE_CHECKING:
    from ..session import Session

Subject = tuple[str, str, str]  # workspace, user or role, name


class Backend:
    """Keeps users, roles and grants on one server. Entries are those of the document; permissions of roles are named by `on`.

    :cvar name: as people call it.
    :cvar user_fields: what it keeps of a user.
    :cvar role_fields: what it keeps of a role.
    :cvar default_setting: how the server is told that who is granted nothing may do nothing.
    """

    name: t.ClassVar[str]
    user_fields: t.ClassVar[frozenset[str]] = frozenset()
    role_fields: t.ClassVar[frozenset[str]] = frozenset()
    default_setting: t.ClassVar[str] = ""

    def __init__(self, server: Session) -> None:
        self.server = server
        self.resources = Resources(server)
        self.default_is_known = False

    def refreshed(self) -> None:
        """Forgets what was read of users and roles: something of them was written since."""

    # Users

    def users(self, names: t.Collection[str]) -> list[Entry]:
        """All users; what costs a request per user only of these."""
        raise NotImplementedError

    def user_problem(self, entry: Entry, there: Entry | None) -> str:
        """Why this backend cannot keep a user like this; empty if it can.

        :param there: the user as the server has it; None for a new one.
        """
        raise NotImplementedError

    def create_user(self, entry: Entry) -> str:
        """Creates a user; returns its identifier."""
        raise NotImplementedError

    def update_user(self, wanted: Entry, fields: t.Collection[str]) -> None:
        """Writes these fields of a user."""
        raise NotImplementedError

    def delete_user(self, username: str) -> None:
        raise NotImplementedError

    # Roles

    def roles(self, keys: t.Collection[str]) -> list[Entry]:
        """All roles of the workspaces the document speaks of; what costs a request per role only of these."""
        raise NotImplementedError

    def role_problem(self, entry: Entry) -> str:
        """Why this backend cannot keep a role like this; empty if it can."""
        raise NotImplementedError

    def create_role(self, entry: Entry) -> str:
        """Creates a role without members and permissions; returns its identifier."""
        raise NotImplementedError

    def describe_role(self, entry: Entry) -> None:
        """Writes a role's description."""
        raise NotImplementedError

    def delete_role(self, entry: Entry) -> None:
        raise NotImplementedError

    def assign(self, role: Entry, username: str) -> None:
        """Makes a user a member of a role."""
        raise NotImplementedError

    def unassign(self, role: Entry, username: str) -> None:
        """Takes a role from a user."""
        raise NotImplementedError

    # Grants

    def grants(self, asked: t.Collection[Grant] | None) -> dict[Grant, str]:
        """Permissions by address: at least these, where they are granted; all for None."""
        raise NotImplementedError

    def grant_problem(self, grant: Grant, permission: str) -> str:
        """Why this backend cannot keep a grant like this; empty if it can."""
        raise NotImplementedError

    def give(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        """Grants what was not granted.

        :param priority: of a regular expression; None for the usual one.
        """
        raise NotImplementedError

    def change(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        """Changes a grant; a priority of None stays as it is."""
        raise NotImplementedError

    def take(self, grant: Grant) -> None:
        """Revokes a grant."""
        raise NotImplementedError

    def priority(self, grant: Grant) -> int | None:
        """The priority of a regular expression that was read; None for every other grant."""
        return None

    # For all of them

    def default(self) -> str:
        """What users may do who are granted nothing, if that is anything; empty where the server does not tell."""
        return ""

    def caller(self) -> tuple[str, str]:
        """Name and password this run logs in with; empty where it uses a token."""
        value = dict(self.server.http.settings.headers).get("Authorization", "")
        scheme, _sep, coded = value.partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        name, _sep, password = base64.b64decode(coded).decode("utf-8", "replace").partition(":")
        return name, password


def plain(workspace: str | None) -> str:
    """A workspace as entries have it: empty for the default one."""
    return "" if workspace in (None, "", documents.DEFAULT) else str(workspace)
