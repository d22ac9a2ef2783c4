# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/bundle.yml on a machine with an empty cache: nothing is built or fetched, everything is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the playbook becomes root")


@pytest.fixture
def play(repository: Path, cache_home: Path):
    """Runs the playbook with a cache and a state of the test's own."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "playbooks/bundle.yml", *arguments]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})

    run.cache = cache_home / "cache"
    return run


def test_it_says_what_it_would_build(play):
    done = play("--check", "--tags", "bundle", "-e", "platform_source=packages")
    assert done.returncode == 0, done.stdout
    assert "Would build:" in done.stdout and "- kubernetes v1." in done.stdout
    assert not play.cache.exists()


def test_it_says_what_it_would_fetch_and_that_released_images_are_no_bundle(play, tmp_path):
    done = play("--check", "-e", "platform_source=upstream", "-e", f"bundle_archive={tmp_path}/bundle.tar")
    assert "Would fetch:" in done.stdout and "kind-linux-amd64" in done.stdout
    assert not play.cache.exists()
    assert done.returncode != 0
    assert "there is no bundle to write to" in done.stdout


def test_an_import_reads_its_file(play, tmp_path):
    done = play("--tags", "import", "-e", "platform_source=packages", "-e", f"bundle_archive={tmp_path}/bundle.tar")
    assert done.returncode != 0
    assert f"there is no file '{tmp_path}/bundle.tar'" in done.stdout
