# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's own client beside the modules: it finds what they declared, and what it makes comes as a document that changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from mlflow_servers import CURRENT, Server, environment

DOCUMENT: dict[str, Any] = {
    "experiments": [{"name": "official-declared", "tags": {"team": "ours"}}],
    "registered_models": [
        {
            "name": "official-declared",
            "versions": [{"source": "s3://models/a"}, {"label": "second", "source": "s3://models/b"}],
            "aliases": {"champion": "second"},
        }
    ],
    "prompts": [{"name": "official-prompt", "template": "Hi {{ name }}", "aliases": {"production": "latest"}, "+experiments": ["official-declared"]}],
    "datasets": [{"name": "official-declared", "experiments": ["official-declared"], "records": [{"inputs": {"q": "one"}}]}],
    "webhooks": [{"name": "official-hook", "url": "https://127.0.0.1/x", "events": ["model_version.created"]}],
}
FAMILIES = dict.fromkeys(DOCUMENT, "owned")


def exported(server: Server) -> dict[str, Any]:
    return dict(server.told(names=["official-made*"], versions=True)["config"])


def test_what_is_declared_and_what_the_client_makes(mlflow_plain: Server, tmp_path: Path) -> None:
    server = mlflow_plain
    declared = server.declare(DOCUMENT, owner="official")
    assert not declared.get("failed"), declared["msg"]
    done = subprocess.run(
        [environment(CURRENT) / "bin" / "python", "-I", Path(__file__).with_name("mlflow_client_script.py")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MLFLOW_TRACKING_URI": server.url, "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])  # the client talks of its runs before
    assert found.pop("tags")["team"] == "ours"
    assert found == {
        "champion": "s3://models/b",
        "versions": [2, 1],
        "prompt": "Hi Ada",
        "records": [{"q": "one"}],
        "webhooks": ["official-hook"],
        "prompts of the experiment": ["official-prompt"],
    }
    assert server.declare(DOCUMENT, owner="official")["plan"] == []

    document = exported(server)
    made = {family: [entry["name"] for entry in document[family]] for family in ("experiments", "registered_models", "prompts", "datasets")}
    names = ["official-made"]
    assert made == {"experiments": names, "registered_models": names, "prompts": ["official-made-prompt"], "datasets": names}
    assert document["registered_models"][0]["versions"][0]["run_id"] and document["registered_models"][0]["aliases"] == {"champion": "1"}
    assert server.declare(document, owner="", mode="exact")["plan"] == []
    # A judge is declared with the words that the client was called with.
    judge = {"experiment": "official-made", "name": "official-judge", "instructions": "Is {{ outputs }} short?", "model": "openai:/gpt-4o"}
    assert server.declare({"scorers": [judge]}, owner="")["plan"] == []
    assert server.declare(document, owner="official")["counts"]["experiments"]["update"] == 1, "they are taken over by a mark alone"
    gone = server.declare({}, owner="official", prune=FAMILIES)
    assert len(gone["plan"]) == len(declared["plan"]) + 4
