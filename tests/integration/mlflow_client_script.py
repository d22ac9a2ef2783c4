# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do with MLflow's own client: reads what a document declared, prints it as JSON, and makes objects that no document knows."""

from __future__ import annotations

import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.genai import datasets, judges

client = MlflowClient()
dataset = datasets.get_dataset(name="official-declared")
found = {
    "tags": mlflow.get_experiment_by_name("official-declared").tags,
    "champion": client.get_model_version_by_alias("official-declared", "champion").source,
    "versions": [int(version.version) for version in client.search_model_versions("name = 'official-declared'")],
    "prompt": mlflow.genai.load_prompt("prompts:/official-prompt@production").format(name="Ada"),
    "records": [record["inputs"] for record in dataset.to_df().to_dict("records")],
    "webhooks": [hook.name for hook in client.list_webhooks() if hook.name == "official-hook"],
    "prompts of the experiment": [
        prompt.name for prompt in client.search_prompts(f"experiment_id = '{mlflow.get_experiment_by_name('official-declared').experiment_id}'")
    ],
}

experiment = mlflow.set_experiment("official-made").experiment_id
mlflow.set_experiment_tag("team", "theirs")


class Echo(mlflow.pyfunc.PythonModel):
    """The smallest model there is."""

    def predict(self, context, model_input, params=None):
        return model_input


with mlflow.start_run():
    mlflow.pyfunc.log_model(name="model", python_model=Echo(), pip_requirements=[], registered_model_name="official-made")
client.set_registered_model_alias("official-made", "champion", "1")
mlflow.genai.register_prompt(name="official-made-prompt", template="Hi {{ name }}", commit_message="first", tags={"language": "en"})
mlflow.genai.set_prompt_alias("official-made-prompt", alias="production", version=1)
made = datasets.create_dataset(name="official-made", experiment_id=[experiment], tags={"team": "theirs"})
made.merge_records([{"inputs": {"q": "one"}, "expectations": {"a": 1}}])
judge = judges.make_judge(name="official-judge", instructions="Is {{ outputs }} short?", model="openai:/gpt-4o", feedback_value_type=bool)
judge.register(experiment_id=experiment)
print()
json.dump(found, sys.stdout)
