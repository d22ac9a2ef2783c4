# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what the platform's objects are known in a cluster."""

from __future__ import annotations

PART_OF = {"app.kubernetes.io/part-of": "mlops-platform", "app.kubernetes.io/managed-by": "ansible"}
COMPONENT = "mlops.platform/component"


def labels_of(component: str) -> dict[str, str]:
    """The labels of a component's objects."""
    return {**PART_OF, COMPONENT: component}
