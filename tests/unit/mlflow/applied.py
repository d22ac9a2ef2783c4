# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents applied to an MLflow in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.platform.plugins.module_utils.engine import plan, runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings, basic
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import families, session
from fake_mlflow import FakeMlflow

Document = dict[str, Any]


def applied(
    fake: FakeMlflow, document: Document, *, prune: Sequence[str] | Mapping[str, str] = (), password: str = "admin-password", retries: int = 3, **more: Any
) -> dict[str, Any]:
    """The result of a run, or of a check; raises runner.FailedError. Options are those of the planner and of the request.

    :param prune: families whose undeclared objects of ours go; or policies by family.
    """
    session._known.clear()  # what a server of an earlier test on this port could do
    headers = (("Authorization", basic("admin", password)),)
    http = Http(Settings(fake.url + fake.prefix, timeout=10, retries=retries, retry_delay=0.01, headers=headers), sleep=lambda seconds: None)
    try:
        policies = dict(prune) if isinstance(prune, Mapping) else dict.fromkeys(prune, "owned")
        of_request = {key: more.pop(key) for key in ("check", "verify", "absent", "families", "fail_on_drift", "parallel") if key in more}
        chosen = plan.Options(**{"prune": policies, "max_deletes": "100%", "secret_key": "k"} | more)
        server = session.Session(http, families.everything(), policies, "delete")
        return runner.run(server, runner.Request(document, chosen, **of_request), lambda line: None)
    finally:
        http.close()
