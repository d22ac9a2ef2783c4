#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: http_wait
short_description: Wait for an HTTP answer
version_added: 0.1.0
description:
  - Asks for a URL until the answer is as wanted, and shows meanwhile what the answer is.
  - Redirects are not followed and proxies not used.
author: The mlops.platform authors (@mlops-platform)
options:
  url:
    description: What to ask for.
    type: str
    required: true
  status:
    description: HTTP status codes that are wanted.
    type: list
    elements: int
    default: [200]
  headers:
    description: Headers to send.
    type: dict
    default: {}
  ca_path:
    description: File of certificates to trust, instead of the machine's.
    type: path
  timeout:
    description: Seconds to wait.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
    description: Does not ask.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Wait for MLflow
  mlops.platform.http_wait:
    url: http://127.0.0.1:8080/health
"""

RETURN = r"""
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import http.client
import ssl
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress

INTERVAL = 0.5
QUIET = 3.0  # what is over sooner needs no line
BETWEEN_LINES = 5.0
REPEAT = 30.0  # a line that has not changed is repeated


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        return None


def ask(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> tuple[int | None, str]:
    """The status, or None, and the answer in words."""
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, f"answers {answer.status}"
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, f"answers {exc.code} {exc.reason}"
    except urllib.error.URLError as exc:
        return None, str(getattr(exc.reason, "strerror", None) or exc.reason)
    except (OSError, http.client.HTTPException) as exc:
        return None, str(exc) or type(exc).__name__


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "status": {"type": "list", "elements": "int", "default": [200]},
            "headers": {"type": "dict", "default": {}},
            "ca_path": {"type": "path"},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    params = module.params
    url, wanted = params["url"], params["status"]
    if module.check_mode:
        module.exit_json(changed=False, seconds=0.0)
    if not url.startswith(("http://", "https://")):
        module.fail_json(msg=f"{url} is no URL that begins with http:// or https://")
    try:
        tls = ssl.create_default_context(cafile=params["ca_path"])
    except (OSError, ssl.SSLError) as exc:
        module.fail_json(msg=f"the certificates in {params['ca_path']} cannot be read: {exc}")
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    request = urllib.request.Request(url, headers={key: str(value) for key, value in params["headers"].items()})
    progress = Progress()
    began, said, said_at = time.monotonic(), "", time.monotonic() + QUIET - BETWEEN_LINES
    while True:
        status, words = ask(opener, request)
        now = time.monotonic()
        if status in wanted:
            module.exit_json(changed=False, seconds=round(now - began, 1))
        if now - began > params["timeout"]:
            module.fail_json(msg=f"{url}: {words}, not {' or '.join(map(str, wanted))}, after {params['timeout']} s")
        if now - said_at >= (REPEAT if words == said else BETWEEN_LINES):
            progress.say(f"waiting for {url}: {words}, {now - began:.0f} s")
            said, said_at = words, now
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
