# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of an MLflow server, in the order in which they are written: what others refer to comes first."""

from __future__ import annotations

import typing as t

from ...engine.family import Family
from .datasets import Datasets
from .experiments import Experiments
from .gateway import GatewayEndpoints, GatewayModelDefinitions, GatewaySecrets
from .gateway_budgets import GatewayBudgets
from .gateway_guardrails import GatewayGuardrails
from .grants import Grants
from .label_schemas import LabelSchemas
from .prompts import Prompts
from .registered_models import RegisteredModels
from .review_queues import ReviewQueues
from .roles import Roles
from .scorers import Scorers
from .users import Users
from .webhooks import Webhooks
from .workspaces import Workspaces

# Whoever adds a family adds its line here.
CLASSES: tuple[type[Family[t.Any]], ...] = (
    Workspaces,
    Experiments,
    RegisteredModels,
    Prompts,
    Webhooks,
    GatewaySecrets,
    GatewayModelDefinitions,
    GatewayEndpoints,
    GatewayBudgets,
    Datasets,
    LabelSchemas,
    Scorers,
    GatewayGuardrails,
    Users,
    Roles,
    Grants,
    ReviewQueues,
)


def everything() -> list[Family[t.Any]]:
    """One of each."""
    return [family() for family in CLASSES]
