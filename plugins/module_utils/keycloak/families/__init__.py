# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of a realm, in the order in which they are written: what others refer to comes first. Deletions go the other way."""

from __future__ import annotations

from ...engine.family import Family
from .authorization import Authorization
from .client_policies import ClientPolicies, ClientProfiles
from .client_scopes import ClientScopes, DefaultClientScopes
from .clients import Clients
from .components import Components
from .flows import FlowBindings, Flows
from .groups import DefaultGroups, Groups
from .identity_providers import IdentityProviders
from .localization import Localization
from .organization_groups import OrganizationGroups
from .organizations import Organizations
from .realm import Realm
from .realm_documents import EventsConfig, UserProfile
from .required_actions import RequiredActions
from .roles import Roles
from .scope_mappings import ScopeMappings
from .users import Users
from .workflows import Workflows

ALL: tuple[Family, ...] = (
    Realm(),
    EventsConfig(),
    ClientProfiles(),
    ClientPolicies(),
    ClientScopes(),
    DefaultClientScopes(),
    Flows(),
    FlowBindings(),
    RequiredActions(),
    Clients(),
    Roles(),
    ScopeMappings(),
    Groups(),
    DefaultGroups(),
    Components(),
    UserProfile(),
    IdentityProviders(),
    Users(),
    Organizations(),
    OrganizationGroups(),
    Workflows(),
    Authorization(),
    Localization(),
)
