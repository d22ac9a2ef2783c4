# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keycloak_config as people run it: ansible-playbook in a process of its own, which a test can end at any moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT
from processes import kill_all

CONFIG = "mlops.platform.keycloak_config"


class Play:
    """A play that runs.

    :ivar output: all that it has shown, once it has ended.
    """

    def __init__(self, folder: Path, tasks: list[dict[str, Any]], *arguments: str, environment: dict[str, str] | None = None, **variables: Any) -> None:
        """Starts it; failures of its tasks end nothing.

        :param folder: of this run alone, or of several that share a token cache.
        :param environment: for the modules, beside what every program needs.
        """
        folder.mkdir(exist_ok=True)
        self.folder, self.output = folder, ""
        (folder / "results.json").unlink(missing_ok=True)
        named = [{**task, "register": f"r{number}", "ignore_errors": True} for number, task in enumerate(tasks)]
        kept: dict[str, Any] = {
            "ansible.builtin.copy": {"content": "{{ kept | to_json }}", "dest": f"{folder}/results.json", "mode": "0600"},
            "vars": {"kept": [f"{{{{ r{number} }}}}" for number in range(len(tasks))]},
            "no_log": True,
            "check_mode": False,
        }
        (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [*named, kept]}], sort_keys=False))
        (folder / "variables.json").write_text(json.dumps({"ansible_python_interpreter": sys.executable, **variables}))
        known = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                 "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}  # fmt: skip
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{folder}/variables.json", *arguments]
        with open(folder / "output", "wb") as output:
            self._process = subprocess.Popen(
                [*command, folder / "play.yml"], env=known | (environment or {}), cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait(self) -> int:
        """The exit code, once it has ended; negative, the signal that ended it."""
        return self._process.wait(300)

    def kill(self) -> None:
        """kill -9, of everything that runs in it."""
        kill_all(self._process.pid)
        self._process.wait()

    def results(self) -> list[dict[str, Any]]:
        """What its tasks returned, when it has ended."""
        self.wait()
        self.output = (self.folder / "output").read_text()
        assert self._process.returncode == 0, self.output[-6000:]
        return list(json.loads((self.folder / "results.json").read_text()))

    def result(self) -> dict[str, Any]:
        """What its only task returned."""
        (result,) = self.results()
        return result


def config(**options: Any) -> dict[str, Any]:
    """A task that applies the variable `document`."""
    return {CONFIG: {"config": "{{ document }}", "secret_hash_key": "tests", "max_deletes": "100%", **options}}
