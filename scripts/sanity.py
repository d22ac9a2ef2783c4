# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `ansible-test sanity` on the built archive, with nothing but the Python package index in reach.

ansible-test wants to run inside a tree `ansible_collections/<namespace>/<name>`, loops on this repository's link under
collections/, and downloads a bootstrap script for pip. So the archive is built and unpacked elsewhere, and the bootstrap script
is put where ansible-test caches it: it does by `ensurepip` what the downloaded one would do.

Its virtual environments are kept in the cache between runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import ansible_collections
import ansible_test
import yaml

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

# Not run, and why:
SKIPPED = {
    "pslint": "there is no PowerShell here",
    "shellcheck": "bash files are checked by `bash -n`; ShellCheck is no Python package",
    "yamllint": "a check of its own, with this project's rules",
}

BOOTSTRAP = """\
import subprocess
import sys

environment = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
wanted = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
sys.exit(subprocess.run([sys.executable, *environment, *wanted], check=False).returncode)
"""


def unpack(folder: Path) -> Path:
    """Build the collection and lay it out as an installed one, beside the collections it uses."""
    subprocess.run(
        [BIN / "ansible-galaxy", "collection", "build", "--force", "--output-path", folder, ROOT],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    tree = folder / "ansible_collections"
    target = tree / galaxy["namespace"] / galaxy["name"]
    target.mkdir(parents=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(target)
    installed = Path(ansible_collections.__path__[0])
    for dependency in galaxy["dependencies"]:
        namespace, name = dependency.split(".")
        (tree / namespace).mkdir(exist_ok=True)
        (tree / namespace / name).symlink_to(installed / namespace / name)
    return target


def home() -> Path:
    """A home folder for ansible-test in the cache, with the bootstrap script of ours where it looks for a downloaded one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-platform"
    key = hashlib.sha256((ROOT / "requirements-dev.txt").read_bytes() + BOOTSTRAP.encode() + sys.version.encode()).hexdigest()[:16]
    folder = cache / "ansible-test" / key
    scripts = folder / ".ansible" / "test" / "cache"
    scripts.mkdir(parents=True, exist_ok=True)
    data = Path(ansible_test.__path__[0], "_internal", "python_requirements.py").read_text(encoding="utf-8")
    (version,) = re.findall(r"^ +pip='([\d.]+)'", data, re.MULTILINE)
    (scripts / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP, encoding="utf-8")
    return folder


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mlops-platform-sanity-") as folder:
        target = unpack(Path(folder))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment.update(HOME=str(home()), PIP_QUIET="1", PIP_PROGRESS_BAR="off", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
        skips = [argument for name in SKIPPED for argument in ("--skip-test", name)]
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        command = [str(BIN / "ansible-test"), "sanity", "--color", "no", "--python", python, *skips, *sys.argv[1:]]
        result = subprocess.run(command, cwd=target, env=environment, stdin=subprocess.DEVNULL, check=False)
        shutil.rmtree(target / "tests" / "output", ignore_errors=True)
    for name, reason in SKIPPED.items():
        print(f"not run: {name} ({reason})")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
