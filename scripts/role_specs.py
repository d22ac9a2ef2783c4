# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks and the documentation read of a role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


class Role:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.defaults: dict[str, Any] = load(folder / "defaults" / "main.yml") or {}
        self.vars: dict[str, Any] = load(folder / "vars" / "main.yml") or {}
        self.meta: dict[str, Any] = load(folder / "meta" / "main.yml") or {}
        specs: dict[str, Any] = load(folder / "meta" / "argument_specs.yml") or {}
        self.entries: dict[str, dict[str, Any]] = specs.get("argument_specs") or {}

    def options(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Every option of every entry point: entry point, name, specification."""
        return [(entry, name, option) for entry, spec in self.entries.items() for name, option in (spec.get("options") or {}).items()]

    def defaults_lines(self) -> list[str]:
        path = self.folder / "defaults" / "main.yml"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def roles() -> list[Role]:
    return [Role(path) for path in sorted((ROOT / "roles").iterdir()) if path.is_dir()]
