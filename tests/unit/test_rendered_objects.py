# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every object that the roles apply, rendered with the local inventory for both sources and held against Kubernetes' own schemas.

Molecule applies the objects of the source `packages` to a real API server. Registries of images are not to be had everywhere, so
for `upstream` this is the proof that there is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

SOURCES = ["packages", "upstream"]
FACTS: dict[str, Any] = {"cluster_kind_cgroup": 2, "ansible_check_mode": False, "playbook_dir": "/playbooks", "__verify_job": "verify-train-1",
                         "__verify_tokens": {"good": "token"}}  # fmt: skip
# The operator's manifest is its authors'; what the role makes of it is tested with the role.
MANIFEST = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cnpg-system"}},
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cnpg-controller-manager", "namespace": "cnpg-system"},
        "spec": {
            "selector": {"matchLabels": {"app": "cnpg"}},
            "template": {
                "metadata": {"labels": {"app": "cnpg"}},
                "spec": {"containers": [{"name": "manager", "image": "x:1", "env": [{"name": "OPERATOR_IMAGE_NAME", "value": "x:1"}]}]},
            },
        },
    },
]


class Site:
    """The local inventory, with one role's variables at a time."""

    def __init__(self, repository: Path, folder: Path, source: str) -> None:
        self._repository = repository
        self._loader = DataLoader()
        manifest = folder / "cnpg.json"
        manifest.write_text(json.dumps(MANIFEST), encoding="utf-8")
        self._variables = self._load(repository / "roles" / "catalog" / "defaults" / "main.yml")
        for path in sorted((repository / "inventories" / "local" / "group_vars" / "all").glob("*.yml")):
            self._variables |= self._load(path)
        artifacts = {"cnpg-manifests": {"path": str(manifest)}, "etcd": {"version": "v3"}, "coredns": {"version": "v1"}}
        self._variables |= FACTS | {"platform_source_effective": source, "bundle_artifacts": artifacts}

    def _load(self, path: Path) -> dict[str, Any]:
        return self._loader.load_from_file(str(path), trusted_as_template=True) if path.exists() else {}

    def render(self, role: str, expression: str, **settings: Any) -> Any:
        folder = self._repository / "roles" / role
        variables = dict(self._variables)
        for part in ("defaults", "vars"):
            variables |= self._load(folder / part / "main.yml")
        variables |= {"ansible_search_path": [str(folder)], "role_path": str(folder)} | settings
        self._loader.set_basedir(str(folder))
        return Templar(self._loader, variables).template(trust_as_template("{{ " + expression + " }}"))

    def objects(self) -> list[dict[str, Any]]:
        keys = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"}
        secrets = {f"platform-storage/{name}": keys for name in ("seaweedfs-admin", "s3-mlflow", "s3-keycloak")}
        client = {"name": "a model is trained", "script": "train"}
        return [
            *self.render("cluster_kind", "lookup('ansible.builtin.template', 'addons.yml.j2') | from_yaml_all | select | list"),
            *self.render("storage", "__storage_base + __storage_postgres", __storage_secrets=secrets),
            *self.render("gateway", "__gateway_base + __gateway_objects", __gateway_manifest_there=False),
            *self.render("keycloak", "__keycloak_objects + __keycloak_route + [lookup('ansible.builtin.template', 'bootstrap.yml.j2') | from_yaml]"),
            *self.render("mlflow", "__mlflow_base + [__mlflow_migration, __mlflow_server]"),
            *self.render("verify", "lookup('ansible.builtin.template', 'base.yml.j2') | from_yaml_all | list"),
            self.render("verify", "lookup('ansible.builtin.template', 'client.yml.j2') | from_yaml", __verify_client=client),
        ]


@pytest.fixture(params=SOURCES)
def site(request: pytest.FixtureRequest, repository: Path, tmp_path: Path) -> Site:
    return Site(repository, tmp_path, request.param)


def images(node: Any) -> list[str]:
    """Every value of a key named image or imageName, however deep."""
    if isinstance(node, dict):
        own = [value for key, value in node.items() if key in ("image", "imageName") and isinstance(value, str)]
        return own + [found for value in node.values() for found in images(value)]
    return [found for value in node for found in images(value)] if isinstance(node, list) else []


def test_objects_are_what_the_api_server_of_the_catalogue_takes(site: Site) -> None:
    version = site.render("catalog", "catalog_versions.kubernetes")
    wrong, seen = [], set()
    for item in site.objects():
        if item["apiVersion"].split("/")[0].endswith(("cnpg.io", "apiregistration.k8s.io", "gateway.networking.k8s.io", "gateway.envoyproxy.io")):
            continue  # kinds of the operators and of the aggregator have no schema there
        seen.add(item["kind"])
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as exc:
            wrong.append(f"{item['kind']} {item['metadata']['name']}: {'.'.join(map(str, exc.path))}: {exc.message}")
    assert not wrong
    assert seen >= {"Deployment", "StatefulSet", "Job", "NetworkPolicy", "Service", "ConfigMap"}


@pytest.mark.parametrize("source", SOURCES)
def test_images_come_from_one_source(repository: Path, tmp_path: Path, source: str) -> None:
    site = Site(repository, tmp_path, source)
    found = set(images(site.objects()))
    known = set(site.render("catalog", "platform_images").values())
    assert found
    assert found <= known, "every image has its entry in the catalogue"
    assert all(name.startswith("localhost/") == (source == "packages") for name in found)


@pytest.mark.parametrize(("source", "own_network"), [("packages", True), ("upstream", False)])
def test_a_released_node_image_brings_its_network_and_its_control_plane(repository: Path, tmp_path: Path, source: str, own_network: bool) -> None:
    config = Site(repository, tmp_path, source).render("cluster_kind", "lookup('ansible.builtin.template', 'kind.yml.j2') | from_yaml")
    assert config["networking"]["disableDefaultCNI"] is own_network
    patches = [yaml.safe_load(patch) for patch in config["kubeadmConfigPatches"]]
    assert ("ClusterConfiguration" in [patch["kind"] for patch in patches]) is own_network
    assert {port["listenAddress"] for port in config["nodes"][0]["extraPortMappings"]} == {"127.0.0.1"}
