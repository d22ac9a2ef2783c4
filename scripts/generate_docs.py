# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/roles/ and the README.md of every role from its argument_specs; with --check, only says whether they are current."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from role_specs import ROOT, Role, roles

MARKER = "<!-- Written by scripts/generate_docs.py from meta/argument_specs.yml: change that, then run `make docs`. -->"


def text(value: str | list[str]) -> str:
    """Ansible's markup as Markdown."""
    joined = " ".join(value) if isinstance(value, list) else value
    joined = re.sub(r"\b[CVOEMP]\(([^)]*)\)", r"`\1`", joined)
    joined = re.sub(r"\bB\(([^)]*)\)", r"**\1**", joined)
    joined = re.sub(r"\bI\(([^)]*)\)", r"*\1*", joined)
    joined = re.sub(r"\bL\(([^,]*), *([^)]*)\)", r"[\1](\2)", joined)
    return re.sub(r"\bU\(([^)]*)\)", r"<\1>", joined)


def kind(option: dict[str, Any]) -> str:
    name = option.get("type", "str")
    return f"list of {option['elements']}" if name == "list" and "elements" in option else str(name)


def default(option: dict[str, Any]) -> str:
    if option.get("required"):
        return "required"
    value = option.get("default")
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"`{value}`" if value else "empty"
    if isinstance(value, (dict, list)):
        return "see below" if value else f"`{value!r}`"
    return f"`{value}`"


def description(option: dict[str, Any]) -> str:
    words = text(option.get("description", ""))
    if "choices" in option:
        words += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
    return words.replace("|", "\\|")


def table(options: dict[str, dict[str, Any]], prefix: str = "") -> list[str]:
    rows = []
    for name, option in options.items():
        rows.append(f"| `{prefix}{name}` | {kind(option)} | {default(option)} | {description(option)} |")
        inner = option.get("options")
        if inner:
            rows += table(inner, f"{prefix}{name}{'[]' if option.get('type') == 'list' else ''}.")
    return rows


def entry_point(name: str, spec: dict[str, Any], main: dict[str, Any]) -> list[str]:
    options: dict[str, dict[str, Any]] = spec.get("options") or {}
    lines = [f"## Entry point `{name}`", "", f"{text(spec.get('short_description', ''))}."]
    details = spec.get("description")
    if details:
        lines += ["", *(f"- {text(line)}" for line in ([details] if isinstance(details, str) else details))]
    if not options:
        return [*lines, "", "It takes no variables.", ""]
    if name != "main" and options == main.get("options"):
        return [*lines, "", "It takes the variables of `main`.", ""]
    lines += ["", "| variable | type | default | what it is |", "| --- | --- | --- | --- |", *table(options), ""]
    for variable, option in options.items():
        value = option.get("default")
        if isinstance(value, (dict, list)) and value:
            dumped = yaml.safe_dump({variable: value}, sort_keys=False, default_flow_style=False, width=120, allow_unicode=True)
            lines += [f"Default of `{variable}`:", "", "```yaml", dumped.rstrip(), "```", ""]
    return lines


def page(role: Role) -> str:
    info = role.meta.get("galaxy_info", {})
    lines = [f"# Role `mlops.platform.{role.name}`", "", MARKER, "", f"{info.get('description', '').rstrip('.')}.", ""]
    for name, spec in role.entries.items():
        lines += entry_point(name, spec, role.entries.get("main", {}))
    return "\n".join(lines).rstrip() + "\n"


def index(all_roles: list[Role]) -> str:
    lines = ["# Roles", "", MARKER, "", "| role | what it does |", "| --- | --- |"]
    for role in all_roles:
        lines.append(f"| [`{role.name}`]({role.name}.md) | {role.meta.get('galaxy_info', {}).get('description', '')} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    wanted: dict[Path, str] = {ROOT / "docs" / "roles" / "README.md": index(roles())}
    for role in roles():
        wanted[ROOT / "docs" / "roles" / f"{role.name}.md"] = wanted[role.folder / "README.md"] = page(role)
    return wanted


def main() -> int:
    wanted = pages()
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != content]
    orphans = [path for path in (ROOT / "docs" / "roles").glob("*.md") if path not in wanted]
    if "--check" in sys.argv:
        for path in stale + orphans:
            print(f"{path.relative_to(ROOT)}: not what argument_specs say: run `make docs`")
        return int(bool(stale or orphans))
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in orphans:
        path.unlink()
    print(f"{len(wanted)} pages, {len(stale)} written, {len(orphans)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
