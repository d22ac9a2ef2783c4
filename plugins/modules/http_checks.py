#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: http_checks
short_description: Look at several URLs at once
version_added: 0.1.0
description:
  - Asks several URLs at once and compares each answer with what is expected.
  - An answer that differs is an outcome in RV(checks), not a failure of the task, so that a report can hold all of them.
author: The mlops.platform authors (@mlops-platform)
options:
  checks:
    description: What to ask, and what to expect.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name in the report.
        type: str
        required: true
      url:
        description: Address to ask. Redirects are not followed, and no proxy is used.
        type: str
        required: true
      method:
        description: Method of the request.
        type: str
        default: GET
      headers:
        description: Headers of the request; V(Host) may be given.
        type: dict
        default: {}
      body:
        description: Body of the request, sent as JSON.
        type: dict
      status:
        description: Accepted statuses.
        type: list
        elements: int
        default: [200]
      header:
        description: Headers of the answer, and a part that each must have; case does not matter.
        type: dict
        default: {}
      contains:
        description: Text that the answer must contain.
        type: str
  timeout:
    description: Seconds to wait for a connection, and for each read.
    type: float
    default: 5
  ca_path:
    description: File of certificate authorities to trust beside the system's.
    type: path
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Look at MLflow
  mlops.platform.http_checks:
    checks:
      - {name: it is healthy, url: "http://127.0.0.1:8080/health"}
      - name: a stranger's host name is refused
        url: http://127.0.0.1:8080/
        headers: {Host: stranger.example}
        status: [403]
  register: looks
"""

RETURN = r"""
ok:
  description: Whether every answer was as expected.
  returned: success
  type: bool
checks:
  description: Outcomes in the order of O(checks).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
    ok:
      description: Whether the answer was as expected.
      type: bool
    detail:
      description: What was seen, or what was wrong with it.
      type: str
    seconds:
      description: How long it took.
      type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.checks import http_checks


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "checks": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "url": {"type": "str", "required": True},
                    "method": {"type": "str", "default": "GET"},
                    "headers": {"type": "dict", "default": {}},
                    "body": {"type": "dict"},
                    "status": {"type": "list", "elements": "int", "default": [200]},
                    "header": {"type": "dict", "default": {}},
                    "contains": {"type": "str"},
                },
            },
            "timeout": {"type": "float", "default": 5},
            "ca_path": {"type": "path"},
        },
        supports_check_mode=True,
    )
    outcomes = http_checks(module.params["checks"], module.params["timeout"], module.params["ca_path"])
    module.exit_json(changed=False, ok=all(outcome["ok"] for outcome in outcomes), checks=outcomes)


if __name__ == "__main__":
    main()
