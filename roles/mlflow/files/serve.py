# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mlflow server`, with three things changed in how it starts uvicorn.

- In one process instead of two: MLflow checks its options and the database, then starts uvicorn as a child and waits for it with
  everything still loaded (180 MB). Here uvicorn takes that process's place and gets the kubelet's signals itself. With background
  jobs MLflow's process has work of its own, and stays.
- With the application of app.py beside this file: MLflow's own but for where clients fetch artifacts from, and behind the platform's login where there is one.
- It trusts the platform's CA beside the system's, whichever of Python's libraries asks.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import typing as t

MLFLOW_APP = "mlflow.server.fastapi_app:app"
SYSTEM_CA = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def with_our_app(command: list[str]) -> list[str]:
    """The command that starts uvicorn, with the application of app.py."""
    if command[-1] != MLFLOW_APP:
        return command
    return [*command[:-1], "--app-dir", str(pathlib.Path(__file__).resolve().parent), "app:app"]


def trust(platform_ca: pathlib.Path, bundle: pathlib.Path) -> None:
    """Writes the system's certificates and the platform's to one file, since OpenSSL and requests each take only one."""
    bundle.write_text("\n".join(path.read_text() for path in (SYSTEM_CA, platform_ca) if path.exists()))
    os.environ.update(SSL_CERT_FILE=str(bundle), REQUESTS_CA_BUNDLE=str(bundle))


def become(command: list[str], extra_env: dict[str, str], **_how: t.Any) -> t.NoReturn:
    """Runs the command in place of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    command = with_our_app(command)
    os.execvpe(command[0], command, {**os.environ, **extra_env})  # noqa: S606  MLflow's own command


def main() -> None:
    if os.environ.get("MLFLOW_PLATFORM_CA"):
        trust(pathlib.Path(os.environ["MLFLOW_PLATFORM_CA"]), pathlib.Path(tempfile.gettempdir()) / "ca.crt")
    import mlflow.server
    from mlflow.cli import cli

    start = mlflow.server._exec_cmd

    def start_child(command: list[str], **how: t.Any) -> t.Any:
        return start(with_our_app(command), **how)

    alone = os.environ.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION") == "false"
    mlflow.server._exec_cmd = become if alone else start_child
    cli(["server", *sys.argv[1:]])


if __name__ == "__main__":
    main()
