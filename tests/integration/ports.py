# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports for servers that start later, sometimes minutes later: nobody else may get them meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

# Below those that the kernel gives to whoever asks for any port (net.ipv4.ip_local_port_range), and each worker of pytest has its own.
_FIRST, _EACH = 20000, 1000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Another run on this machine would take the same ones in the same order, and both would find them free before either listens.
_ports = itertools.cycle(_FIRST + _WORKER * _EACH + (os.getpid() + number) % _EACH for number in range(_EACH))


def free_port() -> int:
    """A port of 127.0.0.1 at which nothing listens, given to nobody else in this run."""
    for port in itertools.islice(_ports, _EACH):
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
    raise OSError(f"none of {_EACH} ports is free")
