"""A storage account on this machine: azurite, an emulator of Azure's blob service."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from azure.storage.blob import BlobServiceClient

from lakehouse.settings import ROOT

ACCOUNT = "lakeaccount"
CONTAINER = "bronze"


class Azurite(NamedTuple):
    """A running emulator with one container."""

    connection: str
    service: BlobServiceClient

    def address(self, folder: str, container: str = CONTAINER, account: str = ACCOUNT) -> str:
        """A folder as one names it in Azure."""
        return f"abfss://{container}@{account}.dfs.core.windows.net/{folder}"


def command() -> list[str]:
    """The program: AZURITE names it, or it is on the path or in node_modules of the repository; empty if nowhere."""
    installed = ROOT / "node_modules" / ".bin" / "azurite-blob"
    for name in (os.environ.get("AZURITE"), shutil.which("azurite-blob"), str(installed)):
        if name and Path(name).exists():
            return [name]
    return []


@contextmanager
def running(folder: Path) -> Iterator[Azurite]:
    """Start the emulator for the length of the block, with a key made up for it."""
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    port = free_port()
    words = [
        "--blobPort",
        str(port),
        "--location",
        str(folder),
        "--silent",
        "--skipApiVersionCheck",
        "--disableTelemetry",
    ]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command(), *words], env=environment, stdout=log, stderr=log)
    try:
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT}"
        )
        _wait_for(port, process, folder / "log")
        service = BlobServiceClient.from_connection_string(connection)
        service.create_container(CONTAINER)
        yield Azurite(connection, service)
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path, patience: int = 600) -> None:
    for _ in range(patience):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"azurite does not answer: {log.read_text()}")
