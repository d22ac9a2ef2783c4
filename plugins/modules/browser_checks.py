#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: browser_checks
short_description: Log in with a real browser, and look at pages
version_added: 0.2.0
description:
  - Walks through pages with Chromium, without a window and with a profile of its own, and takes pictures.
  - A step that fails is an outcome in RV(checks), not a failure of the task, so that a report can hold all of them; the steps after it are not tried.
author: The mlops.platform authors (@mlops-platform)
requirements:
  - chromium, and certutil (Debian's libnss3-tools) for O(ca_path)
  - websocket-client (Python)
options:
  username:
    description: Who logs in.
    type: str
  password:
    description: Password of O(username).
    type: str
  steps:
    description: What to do, one after the other.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name in the report.
        type: str
        required: true
      open:
        description: Address to go to. No proxy is used.
        type: str
      login:
        description: Fill in the form that asks for a password, with O(username) and O(password).
        type: bool
        default: false
      type:
        description: Texts to type, each by the CSS selector of its field.
        type: dict
      click:
        description: CSS selectors of what to click, one after the other.
        type: list
        elements: str
      at:
        description: Beginning of the address that the browser has to come to.
        type: str
      find:
        description: CSS selector of what has to appear.
        type: str
      see:
        description: Text that has to appear.
        type: str
      screenshot:
        description: Name of the picture to take then.
        type: str
  screenshots:
    description: Folder of the pictures; made when it is missing.
    type: path
    required: true
  timeout:
    description: Seconds to wait for each thing that has to appear.
    type: float
    default: 30
  ca_path:
    description: File of certificate authorities to trust beside the system's.
    type: path
attributes:
  check_mode:
    support: full
    description: Changes nothing but the pictures.
  diff_mode:
    support: none
    description: Changes nothing but the pictures.
seealso:
  - module: mlops.platform.login_checks
"""

EXAMPLES = r"""
- name: Look at MLflow after the login
  mlops.platform.browser_checks:
    username: ann
    password: "{{ ann_password }}"
    ca_path: "{{ platform_ca_bundle }}"
    screenshots: "{{ platform_state_dir }}/reports"
    steps:
      - {name: the login page is shown, open: "https://mlflow.mlops.localhost:8443", find: "input[type=password]", screenshot: login.png}
      - {name: ann logs in, login: true, at: "https://mlflow.mlops.localhost:8443", see: Experiments, screenshot: mlflow.png}
  register: looks
"""

RETURN = r"""
ok:
  description: Whether every step was possible.
  returned: success
  type: bool
checks:
  description: Outcomes in the order of O(steps), to the first that failed.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the step.
      type: str
    ok:
      description: Whether it was possible.
      type: bool
    detail:
      description: Path of the picture, or what was wrong.
      type: str
    seconds:
      description: How long it took.
      type: float
"""

import os
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.mlops.platform.plugins.module_utils import chromium

try:
    import websocket  # noqa: F401  pylint: disable=unused-import

    WEBSOCKET_ERROR = None
except ImportError:
    WEBSOCKET_ERROR = traceback.format_exc()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "steps": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "open": {"type": "str"},
                    "login": {"type": "bool", "default": False},
                    "type": {"type": "dict"},
                    "click": {"type": "list", "elements": "str"},
                    "at": {"type": "str"},
                    "find": {"type": "str"},
                    "see": {"type": "str"},
                    "screenshot": {"type": "str"},
                },
            },
            "screenshots": {"type": "path", "required": True},
            "timeout": {"type": "float", "default": 30},
            "ca_path": {"type": "path"},
        },
        required_together=[("username", "password")],
        supports_check_mode=True,
    )
    if WEBSOCKET_ERROR:
        module.fail_json(missing_required_lib("websocket-client"), exception=WEBSOCKET_ERROR)
    params = module.params
    os.makedirs(params["screenshots"], mode=0o700, exist_ok=True)
    try:
        with chromium.running(params["timeout"], params["ca_path"] or None) as browser:
            outcomes = chromium.walked(browser, params["steps"], params["username"] or "", params["password"] or "", params["screenshots"])
    except chromium.BrowserError as exc:
        module.fail_json(str(exc))
    module.exit_json(changed=False, ok=all(outcome["ok"] for outcome in outcomes), checks=outcomes)


if __name__ == "__main__":
    main()
