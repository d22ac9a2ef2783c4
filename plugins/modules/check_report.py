#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: check_report
short_description: Write the report of a verification
version_added: 0.1.0
description:
  - Writes the outcomes of checks to a JSON file, and returns them as an aligned table.
  - A report records a look at the platform and is no part of it, so the task is never reported as changed. A report of no check at all is not ok.
author: The mlops.platform authors (@mlops-platform)
options:
  path:
    description: File to write; its folder is made when it is missing.
    type: path
    required: true
  checks:
    description: Outcomes, each with C(name), C(ok), C(detail) and C(seconds).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the check.
        type: str
        required: true
      ok:
        description: Whether it passed.
        type: bool
        required: true
      detail:
        description: What was seen.
        type: str
        default: ""
      seconds:
        description: How long it took.
        type: float
        default: 0
  started:
    description: When the verification began, in ISO 8601.
    type: str
    required: true
  mode:
    description: What kind of verification it was.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: In check mode the file is not written.
  diff_mode:
    support: none
    description: Reports have no diff.
"""

EXAMPLES = r"""
- name: Write the report
  mlops.platform.check_report:
    path: "{{ platform_state_dir }}/reports/verify.json"
    started: "{{ now(utc=true, fmt='%Y-%m-%dT%H:%M:%SZ') }}"
    mode: read_only
    checks:
      - {name: MLflow is healthy, ok: true, detail: GET /health 200, seconds: 0.01}
"""

RETURN = r"""
ok:
  description: Whether there was a check and every check passed.
  returned: success
  type: bool
failed_checks:
  description: Names of the checks that did not pass.
  returned: success
  type: list
  elements: str
table:
  description: The outcomes as lines for people.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils import checks


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "checks": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "ok": {"type": "bool", "required": True},
                    "detail": {"type": "str", "default": ""},
                    "seconds": {"type": "float", "default": 0},
                },
            },
            "started": {"type": "str", "required": True},
            "mode": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    outcomes, path = module.params["checks"], module.params["path"]
    content = checks.report(outcomes, module.params["started"], module.params["mode"])
    if not module.check_mode:
        try:
            checks.write(path, content)
        except OSError as exc:
            module.fail_json(msg=f"Cannot write the report {path}: {exc.strerror or exc}. Make its folder writable, or choose another place.")
    module.exit_json(changed=False, ok=content["ok"], failed_checks=[item["name"] for item in outcomes if not item["ok"]], table=checks.table(outcomes))


if __name__ == "__main__":
    main()
