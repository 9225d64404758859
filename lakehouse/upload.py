"""Landing files to a folder in Azure Data Lake Storage, each checked end to end.

A file goes up in blocks and appears when all are there. Blocks that an upload left behind when it was stopped are
not sent again: Azure keeps them for a week. Last comes ``delivery.json``, which says what the folder holds. Until
then ``delivery.under_way`` is there, and nothing is taken in from the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from lakehouse import acceptance
from lakehouse.delivery import MANIFEST, UNDER_WAY
from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient

NO_CONTAINER = "ContainerNotFound"
BLOCK_BYTES = 8 << 20
RETRIES = 3
"""How often a request is tried again before the upload gives up."""
ADDRESS = re.compile(
    r"abfss?://(?P<container>[a-z0-9][a-z0-9-]{2,62})@(?P<account>[a-z0-9]{3,24})\.dfs\.core\.windows\.net/(?P<folder>.+)"
)
_CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"

Progress = Callable[[str, int, int], None]
"""Called with a file's name, how many of its bytes are there, and how many there are."""


class Sent(NamedTuple):
    """What became of one file: how much of it went over the line, and whether it was there already."""

    file: str
    size: int
    sent: int
    already_there: bool


class _File(NamedTuple):
    name: str
    size: int
    sha256: str


class _Place(NamedTuple):
    """A folder in a container, and the file system that reaches it."""

    address: str
    container: str
    folder: str
    files: Any

    def blob(self, name: str) -> BlobClient:
        client: BlobClient = self.files.service_client.get_blob_client(self.container, f"{self.folder}/{name}")
        return client


def upload(
    source: str,
    paths: Sequence[Path],
    to: str,
    progress: Progress = lambda *_: None,
    delivered_on: date | None = None,
) -> list[Sent]:
    """Put a delivery into a folder of the lake. A file that is there with the same content is not sent again.

    Who uploads is said by the environment, as adlfs reads it (``AZURE_STORAGE_CONNECTION_STRING``, ``..._SAS_TOKEN``,
    ``..._CLIENT_ID`` and so on); without it by a managed identity or ``az login``.

    Args:
        source: which landing files these are.
        paths: folders and zips that hold them.
        to: ``abfss://<container>@<account>.dfs.core.windows.net/<folder>``.
        progress: called as bytes go up.
        delivered_on: the day that this is a drop of.

    Returns:
        A report per file, in the order of the landing contract.

    Raises:
        LakehouseError: the delivery could not be taken in, the address is none, or Azure refuses or is out of reach.
    """
    checked = acceptance.check(source, paths, delivered_on)
    place = _open(to)
    files = {
        _File(name, delivery.size(name), delivery.sha256(name)): delivery
        for delivery, name in checked.places.values()
    }
    told = json.dumps({"files": [file._asdict() for file in files]}, indent=2).encode()
    reports = []
    with _explained(place):
        for file, delivery in files.items():
            if _run(place, _is_there(place.blob(file.name), file)):
                reports.append(Sent(file.name, file.size, 0, already_there=True))
                continue
            # While a file is on its way the folder is not what the old word says.
            _run(place, _write(place.blob(UNDER_WAY), b""))
            _run(place, _remove(place.blob(MANIFEST)))
            with delivery.open(file.name, file.sha256) as stream:
                sent = _run(place, _send(place.blob(file.name), file, stream, progress))
            reports.append(Sent(file.name, file.size, sent, already_there=False))
        _run(place, _write(place.blob(MANIFEST), told))
        _run(place, _remove(place.blob(UNDER_WAY)))
    return reports


def _open(to: str) -> _Place:
    found = ADDRESS.fullmatch(to.rstrip("/"))
    if found is None:
        raise LakehouseError(
            f"{to} is no folder of a data lake.",
            "Write it as abfss://<container>@<account>.dfs.core.windows.net/<folder>, each delivery in its own.",
        )
    try:
        from adlfs import AzureBlobFileSystem
    except ModuleNotFoundError as error:
        raise LakehouseError(
            "Uploading to Azure needs packages that are not installed.", "Run `python -m pip install -e '.[azure]'`."
        ) from error
    connection = os.environ.get(_CONNECTION, "")
    account = re.search(r"AccountName=([^;]*)", connection)
    if connection and (account is None or account[1] != found["account"]):
        its = account[1] if account else "no account"
        raise LakehouseError(
            f"{_CONNECTION} is of {its}, and the files are to go to {found['account']}.",
            "Unset it, or name the account that it is of.",
        )
    try:
        files = AzureBlobFileSystem(account_name=found["account"], anon=False, skip_instance_cache=True)
    except (ValueError, TypeError) as error:
        raise LakehouseError(
            f"What the environment says of {found['account']} is no way to sign in: {_first_line(error)}",
            "Look at the variables that begin with AZURE_STORAGE_.",
        ) from error
    return _Place(to, found["container"], found["folder"], files)


def _run(place: _Place, work: Any) -> Any:
    """The answer of a coroutine, from the thread in which the file system works."""
    from fsspec.asyn import sync

    return sync(place.files.loop, lambda: work)


async def _is_there(blob: BlobClient, file: _File) -> bool:
    from azure.core.exceptions import ResourceNotFoundError

    async with blob:
        try:
            there = await blob.get_blob_properties(retry_total=RETRIES)
        except ResourceNotFoundError as error:
            if _code(error) == NO_CONTAINER:
                raise
            return False
    return bool(there.size == file.size and (there.metadata or {}).get("sha256") == file.sha256)


async def _send(blob: BlobClient, file: _File, stream: BinaryIO, progress: Progress) -> int:
    """Send the blocks that are not there yet and put them together; returns how many bytes were sent."""
    from azure.storage.blob import BlobBlock, ContentSettings

    md5 = hashlib.md5(usedforsecurity=False)
    blocks: list[BlobBlock] = []
    done = sent = 0
    async with blob:
        staged = await _staged(blob)
        while chunk := stream.read(BLOCK_BYTES):
            # The name of a block says of which content it is part: what another file left behind is not taken.
            name = f"{file.sha256[:32]}-{len(blocks):06d}"
            md5.update(chunk)
            if staged.get(name) != len(chunk):
                await blob.stage_block(name, chunk, len(chunk), validate_content=True, retry_total=RETRIES)
                sent += len(chunk)
            blocks.append(BlobBlock(name))
            done += len(chunk)
            progress(file.name, done, file.size)
        settings = ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5.digest()))
        metadata = {"sha256": file.sha256}
        await blob.commit_block_list(blocks, content_settings=settings, metadata=metadata, retry_total=RETRIES)
    return sent


async def _staged(blob: BlobClient) -> dict[str, int]:
    """The sizes of the blocks that an earlier upload left behind, by their name."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        _, waiting = await blob.get_block_list("uncommitted", retry_total=RETRIES)
    except ResourceNotFoundError:
        return {}
    return {block.id: block.size for block in waiting}


async def _remove(blob: BlobClient) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    async with blob:
        try:
            await blob.delete_blob(retry_total=RETRIES)
        except ResourceNotFoundError as error:
            if _code(error) == NO_CONTAINER:
                raise


async def _write(blob: BlobClient, content: bytes) -> None:
    async with blob:
        await blob.upload_blob(content, overwrite=True, validate_content=True, retry_total=RETRIES)


@contextmanager
def _explained(place: _Place) -> Iterator[None]:
    """What Azure says, as a message about the folder."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    try:
        yield
    except AzureError as error:
        status = getattr(error, "status_code", None)
        if _code(error) == NO_CONTAINER:
            what = f"There is no container {place.container} in that account."
            mend = "Look at the address; deploy/azure makes the containers landing, bronze, silver and gold."
        elif isinstance(error, ClientAuthenticationError) or status in (401, 403):
            what = f"You may not write to {place.address}: {_first_line(error)}"
            mend = "Sign in (`az login`), or ask for the role Storage Blob Data Contributor on the container."
        elif isinstance(error, HttpResponseError):
            what = f"{place.address} refused a file: {_first_line(error)}"
            mend = "Look at what it says, then run the command again: what is there is not sent again."
        else:
            what = f"{place.address} cannot be reached: {_first_line(error)}"
            mend = "Look at the address and the network, then run the command again: what is there is not sent again."
        raise LakehouseError(what, mend) from error


def _code(error: Exception) -> str:
    """What the storage service calls an error; its library adds it to the class of another."""
    return str(getattr(error, "error_code", ""))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
