# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second client: fetches the champion through MLflow, predicts on data it has not seen, and compares with what was tracked.

Prints one line of JSON. Environment: MLFLOW_TRACKING_URI, VERIFY_MODEL (name of the registered model).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import typing as t

import mlflow
from sklearn.datasets import load_wine
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

NAME = os.environ.get("VERIFY_MODEL", "platform-verify")
# The split of train.py.
SPLIT = {"test_size": 0.3, "random_state": 25}
EXPECTED_PARAMETERS = {"model", "C", "dataset", "test_size", "random_state"}


def predict(client: mlflow.MlflowClient) -> dict[str, t.Any]:
    """Loads the champion and predicts the held-out part of the data."""
    wine = load_wine(as_frame=True)
    _seen, unseen, _seen_class, unseen_class = train_test_split(wine.data, wine.target, stratify=wine.target, **SPLIT)
    version = client.get_model_version_by_alias(NAME, "champion")
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    accuracy = float(accuracy_score(unseen_class, model.predict(unseen)))
    run = client.get_run(version.run_id)
    tracked = run.data.metrics["accuracy"]
    problems = []
    if abs(accuracy - tracked) > 1e-9:
        problems.append(f"accuracy is {accuracy:.4f}, but {tracked:.4f} was tracked: this is not the model that was trained")
    if model.metadata.signature is None:
        problems.append("the model has no signature")
    if missing := EXPECTED_PARAMETERS - set(run.data.params):
        problems.append(f"parameters {', '.join(sorted(missing))} were not tracked")
    if "confusion_matrix.png" not in {item.path for item in client.list_artifacts(version.run_id)}:
        problems.append("the plot is not among the run's artifacts")
    return {"ok": not problems, "error": "; ".join(problems), "version": str(version.version), "accuracy": accuracy, "rows": len(unseen)}


def main() -> int:
    try:
        result = predict(mlflow.MlflowClient())
    except Exception as exc:  # whatever it is, the report says so
        traceback.print_exc()
        result = {"ok": False, "error": f"{type(exc).__name__}: {exc}"[:500]}
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
