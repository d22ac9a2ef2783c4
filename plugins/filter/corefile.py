# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter over a Corefile: names of the platform's domains inside the cluster."""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

BEGIN = "# BEGIN mlops.platform"
END = "# END mlops.platform"
BLOCK = re.compile(rf"^[ \t]*{re.escape(BEGIN)}\n.*?^[ \t]*{re.escape(END)}\n", re.MULTILINE | re.DOTALL)
SERVER = re.compile(r"^\.:53[ \t]*\{[ \t]*\n", re.MULTILINE)
NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def with_dns_names(corefile: str, names: Sequence[dict[str, Any]]) -> str:
    """Returns the Corefile in which each domain, and every name below it, is answered with the address of a Service."""
    lines = []
    for entry in names:
        domain, service = str(entry["domain"]).strip("."), str(entry["service"]).strip(".")
        for name in (domain, service):
            if NAME.fullmatch(name) is None:
                raise AnsibleFilterError(f"with_dns_names: {name!r} is no DNS name")
        lines.append(rf"    rewrite name regex ^(.*\.)?{re.escape(domain)}\.$ {service}. answer auto")
    bare = BLOCK.sub("", corefile)
    if not lines:
        return bare
    found = SERVER.search(bare)
    if found is None:
        raise AnsibleFilterError("with_dns_names: the Corefile has no server block '.:53 {' to put the names into")
    block = "\n".join([f"    {BEGIN}", *lines, f"    {END}"]) + "\n"
    return bare[: found.end()] + block + bare[found.end():]


class FilterModule:
    """Corefile filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"with_dns_names": with_dns_names}
