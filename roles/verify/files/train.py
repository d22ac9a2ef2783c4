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
    version = mlflow.register_model(logged.model_uri, NAME)
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


def remove_older(client: mlflow.MlflowClient, kept: dict[str, t.Any]) -> dict[str, int]:
    """Removes what earlier runs of this script left: versions, runs and models, each with its files."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    versions = [item for item in client.search_model_versions(f"name = '{NAME}'") if str(item.version) != kept["version"]]
    for item in versions:
        client.delete_model_version(NAME, item.version)
    models = [item for item in client.search_logged_models([kept["experiment_id"]]) if item.model_id != kept["model_id"]]
    for model in models:
        get_artifact_repository(model.artifact_location).delete_artifacts()
        client.delete_logged_model(model.model_id)
    runs = [item for item in client.search_runs([kept["experiment_id"]]) if item.info.run_id != kept["run_id"]]
    for run in runs:
        get_artifact_repository(run.info.artifact_uri).delete_artifacts()
        client.delete_run(run.info.run_id)
    return {"removed_versions": len(versions), "removed_models": len(models), "removed_runs": len(runs)}


def main() -> int:
    try:
        client = mlflow.MlflowClient()
        done = train(client)
        result = {"ok": True, **done, **remove_older(client, done)}
    except Exception as exc:  # whatever it is, the report says so
        traceback.print_exc()
        result = {"ok": False, "error": f"{type(exc).__name__}: {exc}"[:500]}
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
