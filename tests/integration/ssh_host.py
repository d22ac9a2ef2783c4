# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine as a remote one: Debian's SSH server, unpacked and not installed, on a free port of 127.0.0.1, for a user without rights."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import debian
import pytest
from ports import free_port

# The server looks for a user of its own when it is started by root, and lets in only whom it runs as when it is not.
USER = "postgres" if os.geteuid() == 0 else getpass.getuser()


@pytest.fixture(scope="session")
def ssh_host() -> Iterator[dict[str, Any]]:
    """Variables of an inventory's host."""
    folder = Path(tempfile.mkdtemp(prefix="mlops-ssh-"))  # pytest's folders cannot be entered by another user
    port = free_port()
    try:
        debian.unpack(folder, "openssh-server", "libwrap0")
        for name in ("host", "login"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/login.pub\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\n"
        )
        host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
        shutil.copy(folder / "login", folder / "private")  # the client's: it takes no key that belongs to somebody else
        become = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        if become:
            for path in (folder, *folder.iterdir()):
                if path.name != "private":
                    shutil.chown(path, USER)
        server = [*become, "env", f"LD_LIBRARY_PATH={folder}/usr/lib/x86_64-linux-gnu", f"{folder}/usr/sbin/sshd", "-D", "-e", "-f", f"{folder}/sshd_config"]
        with open(folder / "sshd.log", "wb") as log:
            process = subprocess.Popen(server, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            _listens(port, process, folder / "sshd.log")
            yield {
                "ansible_connection": "ansible.builtin.ssh",
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_user": USER,
                "ansible_ssh_private_key_file": f"{folder}/private",
                "ansible_ssh_common_args": f"-o UserKnownHostsFile={folder}/known_hosts -o ControlPath=none -o IdentitiesOnly=yes",
                "ansible_ssh_transfer_method": "piped",
                "ansible_remote_tmp": f"{folder}/ansible",
                "ansible_python_interpreter": "/usr/bin/python3",
            }
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int, process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    pytest.fail(f"the SSH server does not answer:\n{log.read_text(errors='replace')[-2000:]}")
