# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a document and a server, each as one line for people and as data for programs."""

from __future__ import annotations

import re
import typing as t

# Servers append the statement that failed, with its parameters, and with them what was to stay secret.
_ECHO = re.compile(r"\s*(?:\(Background on this error|\[SQL:|\[parameters:|Error: \(|Traceback \(most recent).*", re.DOTALL)


def cut(message: str, limit: int = 300) -> str:
    """A server's message on one line, without the statement or the parameters it may echo."""
    text = " ".join(_ECHO.sub("", message).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


class EngineError(Exception):
    """Anything that keeps the declared state from being reached.

    :ivar details: the same as data: status, error_code, method, path, object, hint; only what is known.
    """

    def __init__(self, message: str, **details: t.Any) -> None:
        super().__init__(message)
        self.details = {key: value for key, value in details.items() if value not in (None, "")}


class UnreachableError(EngineError):
    """The server does not answer, or its certificate is not trusted."""


class LostError(UnreachableError):
    """A connection broke after a request was sent: it may or may not have been carried out."""


class RefusedError(EngineError):
    """The server answered with an error.

    :ivar status: HTTP status.
    :ivar code: the server's own code for it; may be empty.
    """

    def __init__(self, message: str, *, status: int, code: str = "", **details: t.Any) -> None:
        super().__init__(message, status=status, error_code=code, **details)
        self.status = status
        self.code = code


class InvalidError(EngineError):
    """The document cannot be applied.

    :ivar problems: every problem found, each one line.
    """

    def __init__(self, problems: t.Sequence[str]) -> None:
        self.problems = list(problems)
        first = self.problems[0] if self.problems else "nothing"
        message = first if len(self.problems) == 1 else f"{len(self.problems)} problems: " + "; ".join(self.problems)
        super().__init__(message)
