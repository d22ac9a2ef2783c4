#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_config
short_description: Bring an MLflow server to the state that one document declares
version_added: 0.2.0
description:
  - Reads each family of objects once, plans what has to be done, and does it; check mode makes the same plan and carries out nothing.
  - The document's keys are C(workspaces), C(experiments), C(registered_models), C(prompts), C(webhooks), C(gateway) (with C(secrets),
    C(model_definitions), C(endpoints), C(budgets) and C(guardrails)), C(datasets), C(label_schemas), C(review_queues), C(scorers), C(users),
    C(roles) and C(grants). Each is a list of objects in the words of MLflow's REST API, with tags and aliases as maps.
  - A family stands at the top of the document, for the workspace that O(workspace) or the document's key C(workspace) names, or inside an entry of
    C(workspaces). In results, an object outside the default workspace is called C(name@workspace).
  - Ownership marks are kept as tags of experiments, models, prompts, endpoints and datasets. Those of other objects are kept as tags of an experiment
    named C(.ansible-state) in the same workspace.
  - An experiment or registered model with C(rename_from) is renamed when only its earlier name is there, and keeps everything else; the plan shows that
    as an update of its C(name).
  - C(experiments) of a dataset or a prompt are the names of those it is shown with. MLflow's client adds the one in which it loads a prompt, so that
    C(+experiments) suits prompts better.
  - A scorer is the C(instructions) and C(model) of a judge, or a C(definition) as MLflow writes it. C(online), with C(sample_rate) and C(filter_string), lets
    the server run it on new traces; its C(model) is then an endpoint of the gateway, C(gateway:/NAME), and a binding that was taken away is made again.
  - A gateway secret that a model definition uses, and a model definition that an endpoint uses, are deleted only together with it.
  - An experiment that was deleted is restored when it is declared. What MLflow cannot change (an experiment's C(artifact_location), a version's
    C(source)) is refused before the first write when it differs.
  - Versions and aliases of a registered model are looked at only where they are declared, for pipelines make them too. A version is recognised by its
    C(label), which is kept as a tag, or by its C(source) and C(run_id); an alias is declared for a number, a label or a source.
  - In the gateway, objects refer to each other by name, as C(secret_name), C(model_definition), C(endpoint) and C(experiment). A C(secret_value) is a map of
    credentials, or a text that is the C(api_key). A budget has no name; it is recognised by its target and duration.
  - Of webhooks, budgets and guardrails the server may hold several that look like the declared one. One is adopted; more are refused,
    but for those that a killed run of ours has left while it made a guardrail anew, of which one stays.
  - The C(template) of a prompt is compared with its latest version, and a new version is made when it differs. An alias declared for C(latest) follows.
author: The mlops.platform authors (@mlops-platform)
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.content
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.document
seealso:
  - module: mlops.platform.mlflow_experiment
  - module: mlops.platform.mlflow_registered_model
"""

EXAMPLES = r"""
- name: Declare what an MLflow server holds
  mlops.platform.mlflow_config:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    owner: fraud-team
    prune: owned
    config:
      experiments:
        - name: fraud/training
          description: Nightly training of the fraud model
          tags:
            team: fraud
      registered_models:
        - name: fraud
          description: Scores payments
          versions:
            - label: imported
              source: s3://models/fraud/2026-01
          aliases:
            baseline: imported
      prompts:
        - name: fraud.explain
          template: "Explain in {{ '{{' }} language {{ '}}' }} why the payment was refused."
          commit_message: First version
          aliases:
            production: latest

- name: See what would change, from a file of the repository
  mlops.platform.mlflow_config:
    url: https://mlflow.example.com
    token: "{{ mlflow_token }}"
    config_file: mlflow.yml
  check_mode: true
  diff: true

- name: Fill the workspaces of two teams
  mlops.platform.mlflow_config:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    secret_hash_key: "{{ secret_hash_key }}"
    config:
      workspaces:
        - name: fraud
          description: Fraud team
          experiments:
            - name: training
        - name: search
          webhooks:
            - name: deploy
              url: https://ci.example.com/hooks/mlflow
              events: [model_version_alias.created]
              secret: "{{ webhook_secret }}"

- name: Offer models of two providers under one name, with a budget
  mlops.platform.mlflow_config:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    secret_hash_key: "{{ secret_hash_key }}"
    config:
      gateway:
        secrets:
          - name: openai
            provider: openai
            secret_value:
              api_key: "{{ openai_api_key }}"
          - name: anthropic
            provider: anthropic
            secret_value: "{{ anthropic_api_key }}"
        model_definitions:
          - name: gpt
            secret_name: openai
            provider: openai
            model_name: gpt-4o
          - name: claude
            secret_name: anthropic
            provider: anthropic
            model_name: claude-sonnet-4-5
        endpoints:
          - name: chat
            model_configs:
              - model_definition: gpt
              - model_definition: claude
                linkage_type: FALLBACK
                fallback_order: 0
            fallback_config:
              strategy: SEQUENTIAL
              max_attempts: 1
        budgets:
          - target_scope: ENDPOINT
            target_value: chat
            duration:
              unit: MONTHS
              value: 1
            budget_amount: 200
            budget_action: REJECT
"""

RETURN = r"""
plan:
  description: What was done, or would be, in order; the same in check mode.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "experiments", "name": "fraud/training", "fields": ["name", "tags"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged, by family.
  returned: always
  type: dict
  sample: {"experiments": {"create": 1, "update": 0, "delete": 0, "unchanged": 12}}
drift:
  description: Fields that somebody changed on the server since they were applied.
  returned: always
  type: list
  elements: dict
  sample: [{"family": "experiments", "name": "fraud/training", "fields": ["tags.team"]}]
ids:
  description: The server's identifiers of the declared objects, by C(family/name).
  returned: success
  type: dict
  sample: {"experiments/fraud/training": "12"}
requests:
  description: How many requests were sent, in all and by method, how many of them again, and the milliseconds they took.
  returned: always
  type: dict
  sample: {"total": 3, "by_method": {"GET": 3}, "retries": 0, "elapsed_ms": 21}
server:
  description: Version and features of the server.
  returned: success
  type: dict
  sample: {"version": "3.17.2", "features": {"workspaces": false, "gateway": true}}
warnings:
  description: What could not be told, such as whether a secret changed.
  returned: when there are any
  type: list
  elements: str
problems:
  description: Everything that is wrong with the document, when it cannot be applied.
  returned: failure
  type: list
  elements: str
done:
  description: What had been carried out when a write failed. The parts of the plan that failed and that were not tried are in C(not_run) and the message.
  returned: failure during the writes
  type: list
  elements: dict
"""

from ansible_collections.mlops.platform.plugins.module_utils.engine.door import run_module
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.config import door

DOOR = door()


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
