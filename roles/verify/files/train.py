# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains a model on the wine data that ships with scikit-learn, tracks and registers it, and removes what earlier runs left.

Prints one line of JSON. Environment: MLFLOW_TRACKING_URI, VERIFY_MODEL (name of the experiment and of the registered model).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
import traceback
import typing as t

import mlflow
import mlflow.sklearn
from matplotlib.figure import Figure
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = os.environ.get("VERIFY_MODEL", "platform-verify")
# predict.py splits the same way, so that it predicts on what the model has not seen.
SPLIT = {"test_size": 0.3, "random_state": 25}
REGULARISATION = 0.5
LONGEST_RUN = 1800  # seconds; more than the role waits for this script
REQUIREMENTS = ("mlflow", "scikit-learn", "numpy", "pandas")


def train(client: mlflow.MlflowClient) -> dict[str, t.Any]:
    """One tracked run with parameters, metrics, a plot and a registered model; its version becomes the champion."""
    wine = load_wine(as_frame=True)
    seen, unseen, seen_class, unseen_class = train_test_split(wine.data, wine.target, stratify=wine.target, **SPLIT)
    experiment = mlflow.set_experiment(NAME)
    with mlflow.start_run() as run:
        mlflow.log_params({"model": "LogisticRegression", "C": REGULARISATION, "dataset": "wine", **SPLIT})
        model = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=500)).fit(seen, seen_class)
        predicted = model.predict(unseen)
        metrics = {
            "accuracy": float(accuracy_score(unseen_class, predicted)),
            "f1_macro": float(f1_score(unseen_class, predicted, average="macro")),
            "log_loss": float(log_loss(unseen_class, model.predict_proba(unseen))),
        }
        mlflow.log_metrics(metrics)
        mlflow.log_figure(confusion_matrix(unseen_class, predicted), "confusion_matrix.png")
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(seen, predicted),
            input_example=seen.head(3),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS],
        )
        version = mlflow.register_model(logged.model_uri, NAME)  # inside the run, which is at work until its model is in its place
        client.set_registered_model_alias(NAME, "champion", version.version)
    location = client.get_logged_model(logged.model_id).artifact_location
    return {
        "experiment_id": experiment.experiment_id,
        "run_id": run.info.run_id,
        "model_id": logged.model_id,
        "version": str(version.version),
        "artifacts": location.removeprefix("mlflow-artifacts:").strip("/"),
        **metrics,
    }


def confusion_matrix(actual: t.Any, predicted: t.Any) -> Figure:
    """The plot, drawn without a display."""
    figure = Figure(figsize=(4, 4))
    ConfusionMatrixDisplay.from_predictions(actual, predicted, ax=figure.subplots(), colorbar=False)
    figure.tight_layout()
    return figure


class Left(t.NamedTuple):
    """What earlier runs of this script left."""

    versions: list[t.Any]
    models: list[t.Any]
    runs: list[t.Any]


def look_for_older(client: mlflow.MlflowClient) -> Left:
    """What there is before this run. Not what belongs to a run at work: two verifications at once leave each other alone."""
    experiment = client.get_experiment_by_name(NAME)
    if experiment is None:
        return Left([], [], [])
    runs = client.search_runs([experiment.experiment_id])
    recently = (time.time() - LONGEST_RUN) * 1000  # a run that was killed never ends
    at_work = {run.info.run_id for run in runs if run.info.status == "RUNNING" and run.info.start_time > recently}
    return Left(
        [item for item in client.search_model_versions(f"name = '{NAME}'") if item.run_id not in at_work],
        [item for item in client.search_logged_models([experiment.experiment_id]) if item.source_run_id not in at_work],
        [run for run in runs if run.info.run_id not in at_work],
    )


def remove(client: mlflow.MlflowClient, older: Left) -> dict[str, int]:
    """Removes versions, models and runs, each with its files."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    for item in older.versions:
        client.delete_model_version(NAME, item.version)
    for model in older.models:
        get_artifact_repository(model.artifact_location).delete_artifacts()
        client.delete_logged_model(model.model_id)
    for run in older.runs:
        get_artifact_repository(run.info.artifact_uri).delete_artifacts()
        client.delete_run(run.info.run_id)
    return {"removed_versions": len(older.versions), "removed_models": len(older.models), "removed_runs": len(older.runs)}


def main() -> int:
    try:
        client = mlflow.MlflowClient()
        older = look_for_older(client)
        result = {"ok": True, **train(client), **remove(client, older)}
    except Exception as exc:  # whatever it is, the report says so
        traceback.print_exc()
        result = {"ok": False, "error": f"{type(exc).__name__}: {exc}"[:500]}
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
