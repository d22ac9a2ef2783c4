# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: keycloak_token
short_description: An access token of a Keycloak server
version_added: 0.2.0
description:
  - Logs in as the modules do, with the same options and environment variables, and returns an access token.
  - Tokens are kept between tasks until shortly before they end, so that looking one up again costs nothing.
author: The mlops.platform authors (@mlops-platform)
options:
  _terms:
    description: Not used.
    required: false
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.connection
notes:
  - A variable that holds a lookup is looked up each time it is used; a long play therefore never uses a token that has ended.
"""

EXAMPLES = r"""
- name: Ask MLflow who we are
  ansible.builtin.uri:
    url: https://mlflow.example.com/api/2.0/mlflow/users/current
    headers:
      Authorization: "Bearer {{ token }}"
  vars:
    token: "{{ lookup('mlops.platform.keycloak_token', url='https://sso.example.com', auth_realm='mlops', auth_client_id='pipeline',
      auth_client_secret=pipeline_secret) }}"
  no_log: true
"""

RETURN = r"""
_raw:
  description: The access token.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.platform.plugins.module_utils.engine.connection import without_environment
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.arguments import COMMON, overridden, tokens_of
from ansible_collections.mlops.platform.plugins.plugin_utils.in_process import plain


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        # As the modules do, so that environment variables and wrong options mean the same.
        given = plain(kwargs)
        off = overridden({name for name, value in given.items() if value not in (None, "")})
        validation = ArgumentSpecValidator(without_environment(COMMON, off)).validate(given)
        if validation.error_messages:
            raise AnsibleError(f"keycloak_token: {'; '.join(validation.error_messages)}")
        try:
            http, tokens = tokens_of(validation.validated_parameters)
            token = tokens.header()["Authorization"].partition(" ")[2]
            http.close()  # tasks run in forks of this process, which must not share its connection
        except EngineError as exc:
            raise AnsibleError(f"keycloak_token: {exc}") from exc
        return [token]
