# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role keycloak with the local inventory, for tests of what it applies and of what a real Keycloak makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

CLIENTS = ("mlflow", "mlflow-config", "pipelines", "ui-grafana")
SECRETS: dict[str, dict[str, str]] = {
    "keycloak/keycloak-admin": {"username": "admin", "password": "canary-admin", "hash-key": "canary-hash-key"},
    "keycloak/keycloak-bootstrap": {"username": "bootstrap-admin", "password": "canary-bootstrap"},
    "keycloak/keycloak-users": {"admin": "canary-first-password"},
    **{f"keycloak/keycloak-client-{name}": {"client-secret": f"canary-{name}"} for name in CLIENTS},
}


class Role:
    """Renders variables of the role as a play would."""

    def __init__(self, repository: Path, **settings: Any) -> None:
        folder = repository / "roles" / "keycloak"
        loader = DataLoader()
        loader.set_basedir(str(folder))
        variables: dict[str, Any] = {}
        files = [repository / "roles" / "catalog" / "defaults" / "main.yml", *sorted((repository / "inventories/local/group_vars/all").glob("*.yml"))]
        for path in (*files, folder / "defaults" / "main.yml", folder / "vars" / "main.yml"):
            variables |= loader.load_from_file(str(path), trusted_as_template=True)
        variables |= {"platform_source_effective": "packages", "playbook_dir": "/playbooks", "__keycloak_secrets": SECRETS}
        variables |= {"platform_images": {"keycloak": "localhost/mlops-platform/keycloak:26.7.3-abc"}} | settings
        variables |= {"ansible_search_path": [str(folder)], "role_path": str(folder)}
        bootstrap = "{{ lookup('ansible.builtin.template', 'bootstrap.yml.j2') | from_yaml }}"
        self._checks = loader.load_from_file(str(folder / "tasks" / "check.yml"), trusted_as_template=True)
        self._templar = Templar(loader, variables | {"bootstrap": trust_as_template(bootstrap)})

    def __getitem__(self, name: str) -> Any:
        return self._templar.template(self._templar.available_variables[name])

    def refusals(self) -> list[str]:
        """What the role's checks say, but for those of each of a list."""
        found = []
        for task in self._checks:
            check, templar = task["ansible.builtin.assert"], self._templar
            that, when = ([one] if isinstance(one, str) else one for one in (check["that"], task.get("when", [])))
            with templar.set_temporary_context(available_variables=templar.available_variables | task.get("vars", {})):
                if "loop" not in task and all(map(templar.evaluate_conditional, when)) and not all(map(templar.evaluate_conditional, that)):
                    found.append(templar.template(check["fail_msg"]))
        return found

    def one(self, kind: str, name: str = "keycloak") -> dict[str, Any]:
        items = [*self["__keycloak_objects"], *self["__keycloak_route"], self["bootstrap"]]
        (found,) = [item for item in items if (item["kind"], item["metadata"]["name"]) == (kind, name)]
        return found

    def container(self) -> dict[str, Any]:
        return self.one("Deployment")["spec"]["template"]["spec"]["containers"][0]

    def env(self) -> dict[str, Any]:
        return {item["name"]: item.get("value") for item in self.container()["env"]}
