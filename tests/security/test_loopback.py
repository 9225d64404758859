"""What the program listens on can be reached from this machine alone."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from lakehouse.session import open_session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def listening() -> set[str]:
    """The addresses, as the system writes them, that this process listens on."""
    own = set()
    for entry in os.scandir("/proc/self/fd"):
        try:
            own.add(os.readlink(entry.path))
        except OSError:  # the one by which this folder is read
            continue
    found = set()
    for name in ("tcp", "tcp6"):
        table = Path("/proc/net", name)
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and f"socket:[{inode}]" in own:
                found.add(local.partition(":")[0])
    return found


def test_the_engine_listens_to_this_machine_alone(warehouse: Path) -> None:
    open_session("local", warehouse).sql("select 1").collect()
    addresses = listening()
    assert addresses
    assert addresses <= LOOPBACK


def test_a_door_to_everybody_would_be_noticed() -> None:
    with socket.create_server(("0.0.0.0", 0)):
        assert not listening() <= LOOPBACK
