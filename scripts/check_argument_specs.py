# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role has the same anatomy: its argument_specs and its defaults say the same, its names have its prefix, tasks are short.

Ansible checks arguments by the specification but takes values from the defaults, so nothing but this notices when they differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from role_specs import Role, roles

MAX_TASK_LINES = 60
MISSING = object()


def check_option(role: Role, entry: str, name: str, option: dict[str, Any]) -> Iterator[str]:
    where = f"argument_specs of {entry}, {name}"
    if not name.startswith((f"{role.name}_", "platform_")):
        yield f"{where}: not called {role.name}_* (or platform_*, for the contract)"
    for key in ("type", "description"):
        if not option.get(key):
            yield f"{where}: no {key}"
    if option.get("type") == "list" and "elements" not in option:
        yield f"{where}: a list without elements"
    required, default = option.get("required", False), option.get("default", MISSING)
    if required and default is not MISSING:
        yield f"{where}: required, and has a default"
    if name.startswith("platform_"):
        return
    if not required and default is MISSING and entry == "main":
        yield f"{where}: neither required nor with a default"
    value = role.defaults.get(name, MISSING)
    if default is not MISSING and value is MISSING:
        yield f"{where}: has a default, but defaults/main.yml does not set it"
    elif default is not MISSING and (value != default or type(value) is not type(default)):
        yield f"{where}: default is {default!r}, in defaults/main.yml it is {value!r}"
    elif default is MISSING and value is not MISSING and not required:
        yield f"{where}: no default, in defaults/main.yml it is {value!r}"


def check_defaults(role: Role) -> Iterator[str]:
    known = {name for _entry, name, _option in role.options()}
    for name in role.defaults:
        if name not in known:
            yield f"defaults/main.yml, {name}: not in argument_specs"
    lines = role.defaults_lines()
    for number, line in enumerate(lines):
        name = line.split(":")[0]
        if name in role.defaults and not (number and lines[number - 1].startswith("#")):
            yield f"defaults/main.yml, {name}: no comment line above it"
        if "{%" in line:
            yield f"defaults/main.yml, line {number + 1}: a program in Jinja"


def check(role: Role) -> Iterator[str]:
    if not role.entries:
        yield "no meta/argument_specs.yml"
    if not role.meta.get("galaxy_info"):
        yield "no galaxy_info in meta/main.yml"
    for entry, spec in role.entries.items():
        if not spec.get("short_description"):
            yield f"argument_specs of {entry}: no short_description"
        path = role.folder / "tasks" / f"{entry}.yml"
        if (role.folder / "tasks").exists() and not path.exists():
            yield f"argument_specs of {entry}: there is no tasks/{entry}.yml"
    for entry, name, option in role.options():
        yield from check_option(role, entry, name, option)
    yield from check_defaults(role)
    for name in role.vars:
        if not name.startswith(f"__{role.name}_"):
            yield f"vars/main.yml, {name}: not called __{role.name}_*"
    main = role.folder / "tasks" / "main.yml"
    if main.exists() and (lines := len(main.read_text(encoding="utf-8").splitlines())) > MAX_TASK_LINES:
        yield f"tasks/main.yml: {lines} lines, more than {MAX_TASK_LINES}"


def main() -> int:
    problems = [f"roles/{role.name}: {problem}" for role in roles() for problem in check(role)]
    print(*problems, f"{len(roles())} roles, {len(problems)} problems", sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
