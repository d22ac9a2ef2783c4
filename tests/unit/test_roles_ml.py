# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles mlflow and verify apply, rendered from their own defaults and a contract like the local inventory's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.template import trust_as_template
from ansible_collections.mlops.platform.plugins.filter.objects import labelled, patched

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mlflow_role import CLOUD, CONTRACT, Role  # pylint: disable=wrong-import-position


@pytest.fixture
def folder(repository: Path) -> Path:
    return repository / "roles" / "mlflow"


def test_no_secret_is_in_the_objects_and_the_database_is_checked(folder: Path) -> None:
    env = Role(folder).env()
    assert env["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg2://postgres-rw.platform-storage.svc:5432/mlflow"
    assert (env["PGSSLMODE"], env["PGSSLROOTCERT"]) == ("verify-full", "/etc/mlflow/database-ca/ca.crt")
    assert [item["secretRef"]["name"] for item in Role(folder).container()["envFrom"]] == ["mlflow-database", "mlflow-object-store", "mlflow-server"]


def test_secrets_are_copied_under_the_names_of_the_environment_and_the_servers_own_are_generated(folder: Path) -> None:
    wanted = {item["name"]: item for item in Role(folder)["__mlflow_wanted_secrets"]}
    origin = {"namespace": "platform-storage", "name": "postgres-mlflow"}
    assert wanted["mlflow-database"]["copy"] == origin | {"keys": {"username": "PGUSER", "password": "PGPASSWORD"}}
    assert wanted["mlflow-object-store"]["copy"]["keys"] == {name: name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    assert wanted["mlflow-database-ca"]["copy"] == {"namespace": "platform-storage", "name": "postgres-ca", "keys": {"ca.crt": "ca.crt"}}
    keys = wanted["mlflow-server"]["data"]
    assert keys["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"] == {"generate": {"length": 32, "format": "base64url"}}, "a Fernet key"
    own = Role(folder, mlflow_server_secret="our-keys")
    assert "mlflow-server" not in {item["name"] for item in own["__mlflow_wanted_secrets"]}
    assert {"secretRef": {"name": "our-keys"}} in own.container()["envFrom"]


def test_the_server_answers_to_its_names_and_to_no_others(folder: Path) -> None:
    env = Role(folder, mlflow_allowed_hosts=["ml.example.org"], mlflow_cors_allowed_origins=["https://ml.example.org"]).env()
    hosts = env["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    for host in ("mlflow.mlflow.svc", "mlflow.mlflow.svc:5000", "127.0.0.1:*", "mlflow.mlops.localhost:8080", "$(POD_IP):5000", "ml.example.org"):
        assert host in hosts
    assert "*" not in hosts
    origins = env["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert {"http://mlflow.mlops.localhost:8080", "https://mlflow.mlops.localhost:8443", "https://ml.example.org"} <= set(origins)
    names = [item["name"] for item in Role(folder).container()["env"]]
    assert names.index("POD_IP") < names.index("MLFLOW_SERVER_ALLOWED_HOSTS"), "the kubelet expands only what stands before"


@pytest.mark.parametrize(("setting", "expected"), [(False, "false"), (True, "true")])
def test_jobs_run_only_when_asked_for(folder: Path, setting: bool, expected: str) -> None:
    assert Role(folder, mlflow_job_execution=setting).env()["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == expected


def test_the_migration_has_a_new_name_exactly_when_it_does_something_else(folder: Path) -> None:
    name = Role(folder)["__mlflow_migration_name"]
    assert name == Role(folder)["__mlflow_migration_name"]
    assert name == Role(folder, mlflow_replicas=2, mlflow_allowed_hosts=["x"])["__mlflow_migration_name"]
    assert name != Role(folder, platform_images={"mlflow": "localhost/mlops-platform/mlflow:3.17.2-abd"})["__mlflow_migration_name"]
    assert name != Role(folder, **CLOUD)["__mlflow_migration_name"]
    patch = {"kind": "Job", "metadata": {"name": "mlflow-migrate"}, "spec": {"template": {"spec": {"priorityClassName": "high"}}}}
    patched_role = Role(folder, mlflow_patches=[patch])
    assert name != patched_role["__mlflow_migration_name"], "what is in the cluster under the old name cannot be changed"
    assert patched_role.one("Job")["spec"]["template"]["spec"]["priorityClassName"] == "high"
    assert len(name) == len("mlflow-migrate-") + 10


def test_a_changed_secret_replaces_the_servers(folder: Path) -> None:
    def checksum(**settings: Any) -> str:
        return Role(folder, **settings).one("Deployment")["spec"]["template"]["metadata"]["annotations"]["mlops.platform/checksum"]

    def read(value: str) -> dict[str, Any]:
        return {"mlflow/mlflow-database": {"PGPASSWORD": value}}

    assert checksum() == checksum(mlflow_replicas=3)
    assert checksum(__mlflow_secrets=read("1")) != checksum(__mlflow_secrets=read("2"))


@pytest.mark.parametrize(
    ("expose", "balancer", "kind", "blocks"),
    [("node_port", "node_port", "NodePort", 1), ("none", "node_port", "ClusterIP", 0), ("node_port", "cloud", "ClusterIP", 0)],
)
def test_the_node_port_and_its_policy_go_together(folder: Path, expose: str, balancer: str, kind: str, blocks: int) -> None:
    role = Role(folder, mlflow_expose=expose, platform_load_balancer=balancer)
    assert role.one("Service")["spec"]["type"] == kind
    assert ("nodePort" in role.one("Service")["spec"]["ports"][0]) == bool(blocks)
    (rule,) = role.one("NetworkPolicy", "mlflow-clients")["spec"]["ingress"]
    found = [peer["ipBlock"] for peer in rule["from"] if "ipBlock" in peer]
    assert found == [{"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16"]}] * blocks
    assert rule["ports"] == [{"protocol": "TCP", "port": 5000}]


def test_servers_reach_names_their_database_and_their_store_and_nothing_else(folder: Path) -> None:
    rules = Role(folder).one("NetworkPolicy", "mlflow-services")["spec"]["egress"]
    assert sorted(port["port"] for rule in rules for port in rule["ports"]) == [53, 53, 5432, 8333]
    assert all(rule["to"] for rule in rules)


def test_a_cloud_without_keys_and_with_public_certificates(folder: Path) -> None:
    role = Role(folder, **CLOUD, mlflow_service_account_annotations={"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/mlflow"})
    env = role.env()
    assert env["PGSSLROOTCERT"] == "/etc/ssl/certs/ca-certificates.crt"
    assert "MLFLOW_S3_ENDPOINT_URL" not in env
    assert [item["name"] for item in role["__mlflow_wanted_secrets"]] == ["mlflow-database", "mlflow-server"]
    assert [item["secretRef"]["name"] for item in role.container()["envFrom"]] == ["mlflow-database", "mlflow-server"]
    assert role.one("ServiceAccount")["metadata"]["annotations"]
    ports = [rule["ports"][0]["port"] for rule in role.one("NetworkPolicy", "mlflow-services")["spec"]["egress"]]
    assert ports == [53, 5432, 443]


def test_an_own_certificate_of_the_store_is_mounted(folder: Path) -> None:
    ca = {"namespace": "platform-storage", "name": "s3-ca", "key": "ca.crt"}
    role = Role(folder, platform_object_store=CONTRACT["platform_object_store"] | {"ca": ca})
    assert role.env()["AWS_CA_BUNDLE"] == "/etc/mlflow/object-store-ca/ca.crt"
    assert {item["name"] for item in role["__mlflow_wanted_secrets"]} >= {"mlflow-object-store-ca"}


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_are_restricted_and_know_their_limits(folder: Path, kind: str) -> None:
    spec = Role(folder).one(kind)["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False, "MLFLOW_PORT=tcp://… of a Service would be taken for an option"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert set(container["resources"]) == {"requests", "limits"}
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {volume["name"] for volume in spec["volumes"]}


def test_the_users_patches_come_last(folder: Path) -> None:
    role = Role(folder)
    patch = {"kind": "Deployment", "metadata": {"name": "mlflow"}, "spec": {"template": {"spec": {"nodeSelector": {"disk": "fast"}}}}}
    (found,) = patched(labelled([role["__mlflow_server"]], "mlflow"), [patch])
    assert found["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "fast"}
    assert found["spec"]["template"]["metadata"]["labels"]["mlops.platform/component"] == "mlflow"


@pytest.fixture
def verify(repository: Path) -> Path:
    return repository / "roles" / "verify"


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, "full"),
        ({"platform_contract_data": {"verified": "of something else"}}, "full"),
        ({"platform_contract_data": {"verified": "this"}}, "read_only"),
        ({"platform_contract_data": {"verified": "this"}, "verify_mode": "full"}, "full"),
        ({"verify_mode": "read_only"}, "read_only"),
        ({"verify_mode": "full", "ansible_check_mode": True}, "read_only"),
    ],
)
def test_verify_writes_only_where_something_changed_or_when_told(verify: Path, settings: dict[str, Any], mode: str) -> None:
    known = {
        "platform_contract_data": {},
        "ansible_check_mode": False,
        "platform_api_available": True,
        "__verify_found": {"pods": [], "not_ready": [], "running": "abc"},
    }
    now = Role(verify, **known)["__verify_running"]
    data = {key: now if value == "this" else value for key, value in settings.get("platform_contract_data", {}).items()}
    assert Role(verify, **(known | settings | {"platform_contract_data": data}))["__verify_effective"] == mode


@pytest.mark.parametrize(
    ("api", "check", "last", "possible"),
    [(True, False, "", True), (True, True, "", False), (True, True, "x", True), (False, True, "", False), (False, False, "", False)],
)
def test_a_check_run_looks_only_at_what_was_finished_once(verify: Path, api: bool, check: bool, last: str, possible: bool) -> None:
    role = Role(verify, platform_api_available=api, ansible_check_mode=check, platform_contract_data={"verified": last})
    assert role["__verify_possible"] is possible


def test_the_clients_know_the_server_only(verify: Path) -> None:
    client = {"name": "a model is trained", "script": "train"}
    job = trust_as_template("{{ lookup('ansible.builtin.template', 'client.yml.j2') | from_yaml }}")
    role = Role(verify, __verify_client=client, __verify_job="verify-train-1", job=job)
    spec = role["job"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["command"] == ["python", "-I", "/verify/train.py"]
    assert "envFrom" not in container
    assert {"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow.mlflow.svc:5000"} in container["env"]
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_summary_names_secrets_and_shows_none(verify: Path) -> None:
    settings = {"platform_state_dir": "/state", "platform_kubeconfig": "/state/kubeconfig"}
    text = Role(verify, **settings)["__verify_summary"]
    for part in ("http://127.0.0.1:8080", "platform-storage/postgres-mlflow", "platform-storage/s3-mlflow", "KUBECONFIG=/state/kubeconfig", "make down"):
        assert part in text
    assert "workload identity" in Role(verify, **settings, **CLOUD)["__verify_summary"]
    assert "mlflow/mlflow-server" in text
    assert "mlflow/our-keys" in Role(verify, **settings, mlflow_server_secret="our-keys")["__verify_summary"]


@pytest.mark.parametrize(("settings", "url"), [({}, "http://127.0.0.1:8080"), ({"mlflow_expose": "none"}, ""), ({"platform_load_balancer": "cloud"}, "")])
def test_verify_looks_from_outside_only_where_mlflow_is_exposed(verify: Path, settings: dict[str, Any], url: str) -> None:
    role = Role(verify, platform_state_dir="/state", platform_kubeconfig="/state/kubeconfig", **settings)
    assert role["verify_mlflow_url"] == url
    assert ("ssh -L" in role["__verify_summary"]) == bool(url)
    assert 'set_tracking_uri("")' not in role["__verify_summary"]
