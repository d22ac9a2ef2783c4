# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role storage applies, rendered by Ansible itself with the role's own defaults and variables."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.mlops.platform.plugins.filter.cnpg_operator import cnpg_operator
from ansible_collections.mlops.platform.plugins.filter.objects import labelled

NAMESPACES = {
    "cnpg": "cnpg-system", "storage": "platform-storage", "mlflow": "mlflow", "observability": "observability", "keycloak": "keycloak",
}  # fmt: skip
MANIFEST = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cnpg-system"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cnpg-manager", "namespace": "cnpg-system"}},
    {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "cnpg-manager-rolebinding"},
        "subjects": [{"kind": "ServiceAccount", "name": "cnpg-manager", "namespace": "cnpg-system"}],
    },
    {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cnpg-controller-manager", "namespace": "cnpg-system"},
        "spec": {"template": {"spec": {"containers": [
            {"name": "manager", "image": "ghcr.io/x:1", "imagePullPolicy": "Always", "env": [{"name": "OPERATOR_IMAGE_NAME", "value": "ghcr.io/x:1"}]},
        ]}}},
    },
    {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "cnpg-webhooks"},
        "webhooks": [{"name": "v.cnpg.io", "clientConfig": {"service": {"name": "s", "namespace": "cnpg-system"}}}],
    },
]  # fmt: skip


@pytest.fixture
def render(repository: Path, tmp_path: Path):
    """Renders a variable of the role as a play would, with these variables over the defaults."""
    role = repository / "roles" / "storage"

    def load(name: str) -> Any:
        return DataLoader().load_from_file(str(role / name / "main.yml"), trusted_as_template=True)

    def render_variable(name: str, **changes: Any) -> Any:
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps(MANIFEST), encoding="utf-8")
        keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}
        variables = {
            **load("defaults"), **load("vars"),
            "platform_namespaces": NAMESPACES,
            "platform_storage_class": "standard",
            "platform_images": {"cnpg": "localhost/cnpg:1", "postgresql": "localhost/postgresql:15-ab", "seaweedfs": "localhost/seaweedfs:4"},
            "bundle_artifacts": {"cnpg-manifests": {"path": str(manifest)}},
            "ansible_search_path": [str(role)],
            "__storage_secrets": {
                f"platform-storage/{name}": {k: f"{v}-{name}" for k, v in keys.items()} for name in ("seaweedfs-admin", "s3-mlflow", "s3-keycloak")
            },
            **changes,
        }  # fmt: skip
        loader = DataLoader()
        loader.set_basedir(str(role))
        return Templar(loader=loader, variables=variables).template(variables[name])

    return render_variable


def pick(objects: list[dict[str, Any]], kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name and namespace in (None, item["metadata"].get("namespace"))]
    assert len(found) == 1, f"{kind} {name}: {len(found)}"
    return found[0]


# The operator's manifest


def test_operator_runs_the_platforms_image_in_the_platforms_namespace():
    objects = cnpg_operator(json.dumps(MANIFEST), "localhost/cnpg:2", "databases")
    assert "Namespace" not in [item["kind"] for item in objects]
    container = pick(objects, "Deployment", "cnpg-controller-manager", "databases")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == container["env"][0]["value"] == "localhost/cnpg:2"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert "cnpg-system" not in json.dumps(objects) and "ghcr.io" not in json.dumps(objects)


def test_operators_manifest_may_be_yaml():
    text = yaml.safe_dump_all(MANIFEST)
    assert cnpg_operator(text, "i", "cnpg-system") == cnpg_operator(json.dumps(MANIFEST), "i", "cnpg-system")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop(0), "has 0 namespaces instead of one"),
        (lambda m: m.pop(3), "no Deployment cnpg-controller-manager"),
        (lambda m: m[3]["spec"]["template"]["spec"]["containers"][0]["env"].clear(), "OPERATOR_IMAGE_NAME is set 0 times"),
        (lambda m: m.append("text"), "holds something that is no Kubernetes object"),
    ],
)
def test_another_manifest_is_refused(change, message):
    manifest = copy.deepcopy(MANIFEST)
    change(manifest)
    with pytest.raises(AnsibleFilterError, match=message):
        cnpg_operator(json.dumps(manifest), "i", "n")


def test_a_broken_manifest_is_refused():
    with pytest.raises(AnsibleFilterError, match="neither as JSON nor as YAML"):
        cnpg_operator("[{", "i", "n")


# What is applied first: operator, policies, object store


def test_every_object_is_complete(render):
    objects = render("__storage_base") + render("__storage_postgres")
    assert all(item["apiVersion"] and item["kind"] and item["metadata"]["name"] for item in objects)
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects]
    assert len(names) == len(set(names))


def test_object_store_has_the_flags_that_were_measured(render):
    container = pick(render("__storage_base"), "StatefulSet", "seaweedfs")["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["/usr/bin/weed"]
    for flag in (
        "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.electionTimeout=1s", "-master.volumeSizeLimitMB=256",
        "-s3.concurrentUploadLimitMB=64", "-filer.concurrentUploadLimitMB=64", "-volume.minFreeSpace=1GiB", "-volume.preStopSeconds=1",
    ):  # fmt: skip
        assert flag in container["args"]
    assert {"name": "GOMEMLIMIT", "value": "700MiB"} in container["env"]
    assert container["resources"]["limits"]["memory"] == "1Gi"


def test_inner_ports_listen_on_the_loopback_only(render):
    args = pick(render("__storage_base"), "StatefulSet", "seaweedfs")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {arg for arg in args if arg.endswith(("=0.0.0.0", "=127.0.0.1"))} == {
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0", "-metricsIp=0.0.0.0",
    }  # fmt: skip


def test_object_store_passes_restricted(render):
    pod = pick(render("__storage_base"), "StatefulSet", "seaweedfs")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert pod["automountServiceAccountToken"] is False
    assert all(container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe")) and container["imagePullPolicy"] == "IfNotPresent"


def test_object_store_restarts_when_its_identities_change(render):
    def mark(**changes: Any) -> str:
        return pick(render("__storage_base", **changes), "StatefulSet", "seaweedfs")["spec"]["template"]["metadata"]["annotations"]["mlops.platform/config"]

    assert mark() == mark()
    assert mark() != mark(storage_buckets=[{"name": "mlflow", "owner": "mlflow"}, {"name": "other", "owner": "mlflow"}])


def test_a_pod_that_never_became_ready_is_replaced_when_its_cause_is_mended(render):
    assert pick(render("__storage_base"), "StatefulSet", "seaweedfs")["spec"]["podManagementPolicy"] == "Parallel"


def test_an_owner_may_use_its_own_buckets_only(render):
    buckets = [{"name": "mlflow", "owner": "mlflow"}, {"name": "backup", "owner": "keycloak"}, {"name": "models", "owner": "mlflow"}]
    admin, mlflow, keycloak = json.loads(render("__storage_s3_config", storage_buckets=buckets))["identities"]
    assert admin["actions"] == ["Admin", "Read", "Write", "List", "Tagging"]
    assert set(mlflow["actions"]) == {f"{verb}:{bucket}" for verb in ("Read", "Write", "List", "Tagging") for bucket in ("mlflow", "models")}
    assert set(keycloak["actions"]) == {"Read:backup", "Write:backup", "List:backup", "Tagging:backup"}
    assert mlflow["credentials"] == [{"accessKey": "AK-s3-mlflow", "secretKey": "SK-s3-mlflow"}]
    assert len({identity["credentials"][0]["secretKey"] for identity in (admin, mlflow, keycloak)}) == 3


# Who may reach what


def reaches(policies: list[dict[str, Any]], labels: dict[str, str], port: int, namespace: str, source: dict[str, str]) -> bool:
    """Whether a pod with these labels in platform-storage accepts a connection, by the rules of NetworkPolicy."""

    def selects(selector: dict[str, Any] | None, have: dict[str, str]) -> bool:
        terms = (selector or {}).get("matchExpressions") or []
        assert all(term["operator"] == "In" for term in terms)
        return all(have.get(k) == v for k, v in ((selector or {}).get("matchLabels") or {}).items()) and all(have.get(t["key"]) in t["values"] for t in terms)

    def admits(peer: dict[str, Any]) -> bool:
        where = peer.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": "platform-storage"}})
        return selects(where, {"kubernetes.io/metadata.name": namespace}) and selects(peer.get("podSelector"), source)

    mine = [item["spec"] for item in policies if item["kind"] == "NetworkPolicy" and item["metadata"]["namespace"] == "platform-storage"]
    mine = [spec for spec in mine if "Ingress" in spec["policyTypes"] and selects(spec["podSelector"], labels)]
    assert mine, "no policy selects the pod: everything reaches it"
    rules = [rule for spec in mine for rule in spec.get("ingress") or []]
    return any(port in [p["port"] for p in rule["ports"]] and ("from" not in rule or any(map(admits, rule["from"]))) for rule in rules)


POSTGRES, SEAWEEDFS, ANY = {"cnpg.io/cluster": "postgres"}, {"app.kubernetes.io/name": "seaweedfs"}, {"app": "x"}
OPERATOR = {"app.kubernetes.io/name": "cloudnative-pg"}
REACH = [
    # of whom, port, from namespace, pod, allowed
    (SEAWEEDFS, 8333, "mlflow", ANY, True),
    (SEAWEEDFS, 9327, "observability", ANY, True),
    (SEAWEEDFS, 8333, "observability", ANY, False),
    (SEAWEEDFS, 8333, "default", ANY, False),
    (SEAWEEDFS, 8333, "platform-storage", ANY, False),
    (SEAWEEDFS, 9327, "mlflow", ANY, False),
    *[(SEAWEEDFS, port, source, ANY, False) for port in (8888, 18888, 9333, 19333, 8080, 18080, 18333) for source in ("mlflow", "observability", "default")],
    (POSTGRES, 5432, "mlflow", ANY, True),
    (POSTGRES, 5432, "platform-storage", POSTGRES, True),
    (POSTGRES, 8000, "platform-storage", POSTGRES, True),
    (POSTGRES, 8000, "cnpg-system", OPERATOR, True),
    (POSTGRES, 9187, "observability", ANY, True),
    (POSTGRES, 5432, "keycloak", ANY, False),
    (POSTGRES, 5432, "platform-storage", SEAWEEDFS, False),
    (POSTGRES, 5432, "observability", ANY, False),
    (POSTGRES, 8000, "mlflow", ANY, False),
    (POSTGRES, 8000, "cnpg-system", ANY, False),
    (POSTGRES, 9187, "mlflow", ANY, False),
    (ANY, 80, "mlflow", ANY, False),
]


@pytest.mark.parametrize(("labels", "port", "namespace", "source", "allowed"), REACH)
def test_who_reaches_what(render, labels, port, namespace, source, allowed):
    assert reaches(render("__storage_base"), labels, port, namespace, source) is allowed


def test_a_further_consumer_is_admitted(render):
    assert reaches(render("__storage_base", storage_postgres_consumers=["mlflow", "keycloak"]), POSTGRES, 5432, "keycloak", ANY)


def test_operators_webhooks_stay_open_to_the_api_server(render):
    policy = pick(render("__storage_base"), "NetworkPolicy", "cnpg-operator", "cnpg-system")
    assert {"ports": [{"protocol": "TCP", "port": 9443}]} in policy["spec"]["ingress"]
    assert policy["spec"]["policyTypes"] == ["Ingress"]


def test_object_store_calls_nobody(render):
    policy = pick(render("__storage_base"), "NetworkPolicy", "seaweedfs")["spec"]
    assert "Egress" in policy["policyTypes"] and "egress" not in policy


# PostgreSQL


def test_passwords_and_keys_are_generated_once_for_each_owner(render):
    databases = [{"name": "mlflow", "owner": "mlflow"}, {"name": "more", "owner": "mlflow"}, {"name": "keycloak", "owner": "keycloak"}]
    secrets = yaml.safe_load(
        render("secrets", storage_databases=databases, secrets=trust_as_template("{{ lookup('ansible.builtin.template', 'secrets.yml.j2') }}"))
    )
    assert [secret["name"] for secret in secrets] == ["postgres-mlflow", "postgres-keycloak", "seaweedfs-admin", "s3-mlflow"]
    assert secrets[0]["type"] == "kubernetes.io/basic-auth" and secrets[0]["labels"] == {"cnpg.io/reload": "true"}
    assert secrets[0]["data"] == {"username": {"value": "mlflow"}, "password": {"generate": {"length": 32}}}
    assert all("generate" in value for value in secrets[3]["data"].values())


def test_each_owner_has_a_role_and_only_its_own_databases(render):
    databases = [{"name": "mlflow", "owner": "mlflow"}, {"name": "key_cloak", "owner": "keycloak"}]
    objects = render("__storage_postgres", storage_databases=databases)
    spec = pick(objects, "Cluster", "postgres")["spec"]
    assert {role["name"]: role["passwordSecret"]["name"] for role in spec["managed"]["roles"]} == {"mlflow": "postgres-mlflow", "keycloak": "postgres-keycloak"}
    assert spec["postgresql"]["pg_hba"] == [
        "hostssl mlflow mlflow all scram-sha-256", "hostssl key_cloak keycloak all scram-sha-256", "host all all all reject",
    ]  # fmt: skip
    assert spec["enableSuperuserAccess"] is False
    database = pick(objects, "Database", "key-cloak")["spec"]
    assert (database["name"], database["owner"], database["databaseReclaimPolicy"]) == ("key_cloak", "keycloak", "retain")


@pytest.mark.parametrize(("instances", "budget"), [(1, False), (2, True)])
def test_a_single_instance_does_not_block_a_drain(render, instances, budget):
    assert pick(render("__storage_postgres", storage_postgres_instances=instances), "Cluster", "postgres")["spec"]["enablePDB"] is budget


def operators_schemas() -> dict[str, Any]:
    """Schemas out of the manifest that the bundle took from the operator's module, where it is built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-platform" / "manifests"
    built = sorted(cache.glob("cnpg-manifests@*.json"), key=lambda path: path.stat().st_mtime)
    if not built:
        return {}
    definitions = [item for item in json.loads(built[-1].read_text(encoding="utf-8")) if item["kind"] == "CustomResourceDefinition"]
    return {item["spec"]["names"]["kind"]: item["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for item in definitions}


def closed(schema: Any) -> Any:
    """The schema without room for unknown fields, as server-side apply reads it."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items() if key != "format"}
    if result.pop("x-kubernetes-int-or-string", False):
        result["type"] = ["integer", "string"]
        result.pop("anyOf", None)
    if "properties" in result and result.get("type") == "object" and "additionalProperties" not in result:
        result["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return result


def test_objects_of_the_operator_are_valid(render):
    jsonschema = pytest.importorskip("jsonschema")
    schemas = operators_schemas()
    if not schemas:
        pytest.skip("the bundle is not built here; molecule applies these objects to the operator's own definitions (tests/storage.yml)")
    for item in render("__storage_postgres"):
        schema = closed(schemas[item["kind"]])
        schema["properties"]["metadata"] = {"type": "object"}
        jsonschema.validate(item, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**item, "spec": {**item["spec"], "unknown": 1}}, schema)


# Providers and patches


def test_what_is_external_is_not_applied(render):
    kinds = {item["kind"] for item in render("__storage_base", storage_object_provider="external")}
    assert "StatefulSet" not in kinds and "Deployment" in kinds
    objects = render("__storage_base", storage_postgres_provider="external")
    assert "Deployment" not in {item["kind"] for item in objects}
    assert not [item for item in objects if item["metadata"]["name"] in ("postgres", "cnpg-operator")]


def test_without_a_built_manifest_the_rest_is_still_there(render):
    kinds = {item["kind"] for item in render("__storage_base", bundle_artifacts={"cnpg-manifests": {"path": "/nonexistent"}})}
    assert "StatefulSet" in kinds and "Deployment" not in kinds
    assert "StatefulSet" in {item["kind"] for item in render("__storage_base", bundle_artifacts={})}


def test_patches_of_the_server_are_none_of_the_base(render):
    patches = [{"kind": "Cluster", "metadata": {"name": "postgres"}}, {"kind": "StatefulSet", "metadata": {"name": "seaweedfs"}}]
    assert [item["kind"] for item in render("__storage_patches_base", storage_patches=patches)] == ["StatefulSet"]


def test_an_unknown_consumer_is_an_error(render):
    with pytest.raises(AnsibleError):
        render("__storage_base", storage_object_consumers=["nobody"])


def test_removing_the_component_leaves_the_namespace_of_the_volumes(render):
    spaces = {space["name"]: space["component"] for space in render("__storage_spaces")}
    assert spaces == {"platform-storage": "storage-data", "cnpg-system": "storage"}


def test_volumes_do_not_bear_the_label_that_an_uninstall_goes_by(render):
    objects = labelled(render("__storage_base") + render("__storage_postgres"), "storage")
    claim = pick(objects, "StatefulSet", "seaweedfs")["spec"]["volumeClaimTemplates"][0]
    assert "labels" not in claim["metadata"]
    assert pick(objects, "StatefulSet", "seaweedfs")["spec"]["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert "inheritedMetadata" not in pick(objects, "Cluster", "postgres")["spec"]
    assert "PersistentVolumeClaim" not in {item["kind"] for item in objects}
