# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mlflow server`, in one process instead of two.

MLflow checks its options and the database, then starts uvicorn as a child and waits for it with everything still loaded (180 MB).
Here uvicorn takes the place of that process: less memory, and it gets the kubelet's signals itself. With background jobs MLflow's
process has work of its own, so nothing is changed then.
"""

from __future__ import annotations

import os
import sys
import typing as t


def become(command: list[str], extra_env: dict[str, str], **_how: t.Any) -> t.NoReturn:
    """Runs the command in place of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], command, {**os.environ, **extra_env})  # noqa: S606  MLflow's own command


def main() -> None:
    import mlflow.server
    from mlflow.cli import cli

    if os.environ.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION") == "false" and hasattr(mlflow.server, "_exec_cmd"):
        mlflow.server._exec_cmd = become
    cli(["server", *sys.argv[1:]])


if __name__ == "__main__":
    main()
