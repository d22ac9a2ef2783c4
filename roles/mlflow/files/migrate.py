# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings MLflow's database to this version, and the login's schema in it where there is a login. Safe to run again."""

from __future__ import annotations

import os

import sqlalchemy
from mlflow.cli import cli
from mlflow.store.db import utils

# MLflow's own ten attempts take minutes before it says what is wrong; here the Job tries again.
utils.MAX_RETRY_COUNT = 3
cli(["db", "upgrade", os.environ["MLFLOW_BACKEND_STORE_URI"]], standalone_mode=False)

login = os.environ.get("OIDC_USERS_DB_URI")
if login:
    from mlflow_oidc_auth.db import utils as tables

    engine = sqlalchemy.create_engine(login)
    schema = str(engine.url.query["options"]).rpartition("=")[2]
    with engine.begin() as connection:
        connection.execute(sqlalchemy.schema.CreateSchema(schema, if_not_exists=True))
    tables.migrate(engine, "head")
