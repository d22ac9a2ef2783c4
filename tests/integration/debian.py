# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages that real servers need. A test that cannot have them fails: what is not run proves nothing."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def install(*packages: str) -> None:
    """Installs packages where this is root on a Debian; fails the test with the command where it is not."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.fail(f"this test runs a real server: apt-get install {' '.join(packages)}")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with open(Path(tempfile.gettempdir()) / "mlops-platform-apt.lock", "w") as lock:  # the workers of one run come at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        for verb in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run([*apt, *verb], check=True, capture_output=True, env=environment)


def install_postgresql() -> None:
    """The server's programs, and no cluster of Debian's own that would start with the machine."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if os.geteuid() == 0 and not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    install("postgresql-15")


def unpack(folder: Path, *packages: str) -> None:
    """Unpacks packages into a folder: what would start a service of the machine's when installed."""
    if not shutil.which("apt-get"):
        pytest.fail(f"this test runs a real server of Debian's: {' '.join(packages)}")
    archives = folder / "archives"
    archives.mkdir()
    subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *packages], check=True, capture_output=True, cwd=archives)
    for archive in archives.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True, capture_output=True)
