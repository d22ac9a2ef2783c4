# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's application, with the platform's login where there is one, and whose clients fetch and store artifacts through it.

MLflow tells its clients to fetch every file from the object store itself whenever that is S3, and has no option against
it. A store inside the cluster cannot be reached from outside: clients wait a minute a file, and fail. Answering as for a store
that cannot do this, MLflow serves the files itself.
"""

from __future__ import annotations

import os

from mlflow.server import handlers

if os.environ.get("OIDC_DISCOVERY_URL"):
    from login import app
else:
    from mlflow.server.fastapi_app import app


class NoRepository:
    """What no artifact repository is an instance of."""


if os.environ.get("MLFLOW_DIRECT_ARTIFACTS") != "true":
    for name in ("MultipartUploadMixin", "MultipartDownloadMixin"):
        if not hasattr(handlers, name):
            raise ImportError(f"this version of MLflow has no {name} in mlflow.server.handlers: set mlflow_direct_artifacts, or use the pinned version")
        setattr(handlers, name, NoRepository)

__all__ = ["app"]
