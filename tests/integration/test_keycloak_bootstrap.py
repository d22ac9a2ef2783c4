# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the role keycloak comes to its permanent administrator, on a real Keycloak that runs on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from keycloak_client import Realm
from keycloak_server import HEAP, Keycloak, home

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from keycloak_role import Role  # noqa: E402  pylint: disable=wrong-import-position


def test_a_temporary_administrator_is_made_beside_a_running_server(keycloak_postgres: Keycloak) -> None:
    (container,) = Role(ROOT).one("Job", "keycloak-bootstrap")["spec"]["template"]["spec"]["containers"]
    password = "made beside a running server"
    own = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "LC_ALL": "C.UTF-8", "JAVA_OPTS_KC_HEAP": HEAP}
    environment = own | keycloak_postgres.database | {"ADMIN_USERNAME": "bootstrap-admin", "ADMIN_PASSWORD": password}
    command = [home("postgres") / "bin" / "kc.sh", *container["args"]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert password not in done.stdout + done.stderr
    temporary = Realm(Keycloak(keycloak_postgres.url, "bootstrap-admin", password), "made-by-it", enabled=True)
    (user,) = Realm(keycloak_postgres, "other").api.get("/admin/realms/master/users", username="bootstrap-admin")
    assert user["attributes"]["is_temporary_admin"] == ["true"]
    temporary.remove()
