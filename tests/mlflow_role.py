# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role mlflow with a contract like the local inventory's, for tests of what it applies."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

CONTRACT: dict[str, Any] = {
    "platform_namespaces": {
        "platform": "mlops-platform",
        "storage": "platform-storage",
        "mlflow": "mlflow",
        "verify": "platform-verify",
        "observability": "observability",
        "gateway": "gateway-system",
    },
    "platform_images": {"mlflow": "localhost/mlops-platform/mlflow:3.17.2-abc"},
    "platform_domain": "mlops.localhost",
    "platform_http_port": 8080,
    "platform_https_port": 8443,
    "platform_load_balancer": "node_port",
    "platform_pod_networks": ["10.244.0.0/16"],
    "platform_databases": {
        "mlflow": {
            "host": "postgres-rw.platform-storage.svc",
            "port": 5432,
            "name": "mlflow",
            "sslmode": "verify-full",
            "ca": {"namespace": "platform-storage", "name": "postgres-ca", "key": "ca.crt"},
            "secret": {"namespace": "platform-storage", "name": "postgres-mlflow", "user_key": "username", "password_key": "password"},
        }
    },
    "platform_object_store": {
        "endpoint": "http://seaweedfs.platform-storage.svc:8333",
        "region": "us-east-1",
        "path_style": True,
        "ca": {},
        "buckets": {
            "mlflow": {
                "name": "mlflow",
                "secret": {
                    "namespace": "platform-storage",
                    "name": "s3-mlflow",
                    "access_key_key": "AWS_ACCESS_KEY_ID",
                    "secret_key_key": "AWS_SECRET_ACCESS_KEY",
                },
            }
        },
    },
}
CLOUD: dict[str, Any] = {
    "platform_databases": {
        "mlflow": CONTRACT["platform_databases"]["mlflow"] | {"host": "db.example.org", "ca": {}},
    },
    "platform_object_store": {"endpoint": "", "region": "eu-central-1", "path_style": False, "ca": {}, "buckets": {"mlflow": {"name": "site-mlflow"}}},
}


class Role:
    """Renders variables of a role as a play would."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        loader = DataLoader()
        variables: dict[str, Any] = {}
        for name in ("defaults", "vars"):
            variables.update(loader.load_from_file(str(folder / name / "main.yml"), trusted_as_template=True))
        variables.update(copy.deepcopy(CONTRACT) | settings)
        variables.update(ansible_search_path=[str(folder)], role_path=str(folder))
        self.templar = Templar(loader, variables)

    def __getitem__(self, name: str) -> Any:
        return self.templar.template(self.templar.available_variables[name])

    def one(self, kind: str, name: str = "mlflow") -> dict[str, Any]:
        objects = [*self["__mlflow_base"], self["__mlflow_migration"], self["__mlflow_server"]]
        (found,) = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] in (name, self["__mlflow_migration_name"])]
        return found

    def env(self) -> dict[str, Any]:
        return {item["name"]: item.get("value") for item in self.container()["env"]}

    def container(self) -> dict[str, Any]:
        return self.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
