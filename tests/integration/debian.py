# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages that real servers need. A test that cannot have them fails: what is not run proves nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_APT = ["apt-get", "-qq"]


def install(is_there: Callable[[], object], *packages: str) -> None:
    """Installs packages where this is root on a Debian; fails the test with the command where it is not.

    :param is_there: whether what they bring is there already. It is not asked while another worker installs them: a program is unpacked before it works.
    """
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        if is_there():
            return
        pytest.fail(f"this test runs a real server: apt-get install {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _alone():
        if is_there():
            return
        for verb in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run([*_APT, "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0", *verb], check=True, capture_output=True, env=environment)


def programs(*names: str) -> Callable[[], bool]:
    """Asks whether all of some programs are there."""
    return lambda: all(map(shutil.which, names))


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """The workers of one run come at the same time."""
    with open(Path(tempfile.gettempdir()) / "mlops-platform-apt.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_postgresql() -> None:
    """The server's programs, and no cluster of Debian's own that would start with the machine."""

    def is_there() -> bool:
        return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

    settings = Path("/etc/postgresql-common/createcluster.conf")
    if os.geteuid() == 0 and not is_there() and not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    install(is_there, "postgresql-15")


def unpack(folder: Path, *packages: str) -> None:
    """Unpacks packages into a folder: what would start a service of the machine's when installed."""
    if not shutil.which("apt-get"):
        pytest.fail(f"this test runs a real server of Debian's: {' '.join(packages)}")
    archives = folder / "archives"
    archives.mkdir()
    with _alone() if os.geteuid() == 0 else contextlib.nullcontext():
        subprocess.run([*_APT, "-o", "APT::Sandbox::User=root", "download", *packages], check=True, capture_output=True, cwd=archives)
    for archive in archives.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True, capture_output=True)
