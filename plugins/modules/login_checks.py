#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: login_checks
short_description: Log in as a browser does, and look at what a session may do
version_added: 0.1.0
description:
  - Follows a page to the login form, fills it in, and asks several URLs with the session; then logs out, and asks with the cookies of before,
    as somebody who had stolen them would.
  - What differs from what is expected is an outcome in RV(checks), not a failure of the task, so that a report can hold all of them.
  - It speaks HTTP alone, and runs no scripts of a page. Nothing is changed but the sessions it begins and ends.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the login in the report.
    type: str
    required: true
  url:
    description: Page that leads to the login form. No proxy is used.
    type: str
    required: true
  username:
    description: Who logs in.
    type: str
    required: true
  password:
    description: Password of O(username).
    type: str
    required: true
  one_time_password:
    description: What to answer when the login asks for a second factor, as P(mlops.platform.one_time_password#filter) makes it.
    type: str
  checks:
    description: What to ask with the session, and what to expect; each as in M(mlops.platform.http_checks).
    type: list
    elements: dict
    default: []
  logout_url:
    description: Page that ends the session; the session stays when it is not given.
    type: str
  after_logout:
    description: What to ask after that with the cookies of before; each as in M(mlops.platform.http_checks).
    type: list
    elements: dict
  after_logout_within:
    description: Seconds in which O(after_logout) has to become as expected, for sessions that live on in a short-lived token.
    type: float
    default: 0
  timeout:
    description: Seconds to wait for a connection, and for each read.
    type: float
    default: 10
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
seealso:
  - module: mlops.platform.http_checks
"""

EXAMPLES = r"""
- name: A viewer may look, and after logging out nothing
  mlops.platform.login_checks:
    name: a viewer logs in
    url: https://mlflow.mlops.localhost:8443/login
    username: viewer
    password: "{{ viewer_password }}"
    ca_path: "{{ platform_ca_bundle }}"
    checks:
      - name: a viewer may look
        url: https://mlflow.mlops.localhost:8443/ajax-api/2.0/mlflow/experiments/search?max_results=1
    logout_url: https://mlflow.mlops.localhost:8443/logout
    after_logout:
      - name: a stolen session is worth nothing
        url: https://mlflow.mlops.localhost:8443/ajax-api/2.0/mlflow/experiments/search?max_results=1
        status: [401]
  register: looks
"""

RETURN = r"""
ok:
  description: Whether everything was as expected.
  returned: success
  type: bool
checks:
  description: Outcomes in the order of what was done; after a login that failed nothing else is tried.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
    ok:
      description: Whether it was as expected.
      type: bool
    detail:
      description: What was seen, or what was wrong with it.
      type: str
    seconds:
      description: How long it took.
      type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.web_login import Browser, login_checks


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "one_time_password": {"type": "str", "no_log": True},
            "checks": {"type": "list", "elements": "dict", "default": []},
            "logout_url": {"type": "str"},
            "after_logout": {"type": "list", "elements": "dict"},
            "after_logout_within": {"type": "float", "default": 0},
            "timeout": {"type": "float", "default": 10},
            "ca_path": {"type": "path"},
        },
        required_by={"after_logout": "logout_url"},
        supports_check_mode=True,
    )
    missing = [
        f"{option}: an entry has no {key}"
        for option in ("checks", "after_logout")
        for look in module.params[option] or []
        for key in ("name", "url")
        if not look.get(key)
    ]
    if missing:
        module.fail_json("; ".join(missing))
    ca_path = module.params["ca_path"] or None
    outcomes = login_checks(Browser(module.params["timeout"], ca_path), module.params, ca_path)
    module.exit_json(changed=False, ok=all(outcome["ok"] for outcome in outcomes), checks=outcomes)


if __name__ == "__main__":
    main()
