# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the machine that a cluster changes: recorded before the first change, put back with the last cluster.

Nothing is made permanent: a machine that is started anew has its own settings again, and so has the next run to set them.
Debian packages are only recorded, so that people can be told of them: what else has come to need them is not known here.
"""

from __future__ import annotations

import json
import os
import typing as t

from .command import KindError, Run, run


class Record(t.NamedTuple):
    """What was there before the first change.

    :ivar sysctls: values by name.
    :ivar folders: folders that were made.
    :ivar packages: Debian packages that were installed.
    """

    sysctls: dict[str, str]
    folders: list[str]
    packages: list[str]


EMPTY = Record({}, [], [])


class Change(t.NamedTuple):
    """A sysctl to be set."""

    name: str
    before: str
    after: str


def raised(current: t.Mapping[str, str], least: t.Mapping[str, int]) -> list[Change]:
    """Sysctls below what is needed; higher values are left alone."""
    return [Change(name, current[name], str(value)) for name, value in least.items() if name in current and int(current[name].split()[0]) < value]


def recorded(record: Record, current: t.Mapping[str, str], folders: t.Iterable[str], packages: t.Iterable[str]) -> Record:
    """The record with what it does not hold yet. What it holds stays: only the first value was the machine's own."""
    return Record({**current, **record.sysctls}, _joined(record.folders, folders), _joined(record.packages, packages))


def _joined(known: list[str], more: t.Iterable[str]) -> list[str]:
    return [*known, *[name for name in more if name not in known]]


def not_installed(packages: t.Iterable[str], runner: Run = run) -> list[str]:
    """Debian packages that this machine does not have."""
    status = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}"]
    return [package for package in packages if runner([*status, package]).out != "installed"]


def restored(record: Record, current: t.Mapping[str, str]) -> list[Change]:
    """Sysctls that differ from the record."""
    return [Change(name, current[name], value) for name, value in record.sysctls.items() if name in current and current[name] != value]


def _path(name: str, root: str) -> str:
    return os.path.join(root, "proc/sys", *name.split("."))


def read_sysctls(names: t.Iterable[str], root: str = "/") -> dict[str, str]:
    """Current values; a name that this kernel does not have is missing."""
    values = {}
    for name in names:
        try:
            with open(_path(name, root), encoding="ascii") as stream:
                values[name] = stream.read().strip()
        except OSError:
            continue
    return values


def write_sysctl(name: str, value: str, root: str = "/") -> None:
    try:
        with open(_path(name, root), "w", encoding="ascii") as stream:
            stream.write(f"{value}\n")
    except OSError as exc:
        raise KindError(
            f"sysctl {name} cannot be set to {value} ({exc.strerror}): run with become, or set it on the machine that this container runs on"
        ) from exc


def read_record(path: str) -> Record:
    try:
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
    except FileNotFoundError:
        return EMPTY
    except (OSError, ValueError) as exc:
        raise KindError(f"the record of this machine's settings {path} cannot be read ({exc}): mend or remove it") from exc
    return Record(dict(data.get("sysctls") or {}), list(data.get("folders") or []), list(data.get("packages") or []))


def to_json(record: Record) -> str:
    return json.dumps(record._asdict(), indent=2, sort_keys=True) + "\n"
