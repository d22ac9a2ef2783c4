# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a platform before anything is done: whether its API answers, what it keeps of itself, and its source."""

from __future__ import annotations

import concurrent.futures
import time
import typing as t
import urllib.error

from ansible.module_utils.urls import open_url

from .kube.client import ApiError, KubeError, connect


class ContractError(Exception):
    """A contradiction between what is declared and what was kept; the message is one line for a user."""


def choose_source(declared: str, kept: str, probe: t.Callable[[], tuple[bool, str]]) -> tuple[str, str]:
    """The source in force and why; pure but for the probe, which is called only when nothing else decides.

    :param declared: ``auto``, ``packages`` or ``upstream``.
    :param kept: what the cluster was made with, or an empty string.
    :param probe: tells whether container registries answer, and how that was found out.
    :raises ContractError: when a cluster made with one source is declared with the other.
    """
    if kept and declared not in ("auto", kept):
        raise ContractError(
            f"platform_source is {declared}, but this platform was made with {kept}: set platform_source to {kept} or auto, "
            "or remove the platform (make down) and make it anew"
        )
    if kept:
        return kept, "kept with the cluster"
    if declared != "auto":
        return declared, "declared"
    answers, how = probe()
    return ("upstream" if answers else "packages"), how


def _answers(url: str, deadline: float) -> bool:
    try:
        open_url(url, timeout=deadline).close()
        return True
    except urllib.error.HTTPError as exc:
        return exc.code in (401, 404)  # a registry that wants a login is a registry that answers
    except (OSError, ValueError):
        return False


def probe_registries(urls: list[str], deadline: float = 5.0) -> tuple[bool, str]:
    """Asks all container registries at once, for at most ``deadline`` seconds.

    :returns: whether all of them answered, and a sentence on it.
    """
    began = time.monotonic()
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(urls)))
    asked = {pool.submit(_answers, url, deadline): url for url in urls}
    over, _late = concurrent.futures.wait(asked, timeout=deadline)
    pool.shutdown(wait=False, cancel_futures=True)
    reached = [url for future, url in asked.items() if future in over and future.result()]
    silent = [url for url in urls if url not in reached]
    seconds = f"{time.monotonic() - began:.1f} s"
    if silent:
        return False, f"container registries do not answer ({', '.join(silent)}; asked for {seconds})"
    return True, f"container registries answer (asked for {seconds})"


def read_contract(kubeconfig: str, context: str, namespace: str, timeout: float = 3.0) -> dict[str, str] | None:
    """Data of the ConfigMap ``platform-contract``; ``{}`` when it does not exist, ``None`` when the API does not answer.

    :param timeout: seconds to wait for the API.
    """
    try:
        return connect(kubeconfig, context, timeout).get(f"/api/v1/namespaces/{namespace}/configmaps/platform-contract").get("data") or {}
    except ApiError as exc:
        return {} if exc.status == 404 else None
    except KubeError:
        return None
