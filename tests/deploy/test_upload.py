"""Uploads to a real storage emulator: whole, checked, resumed, and refused in words."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse import upload as uploading
from lakehouse.cli import app
from lakehouse.delivery import MANIFEST, UNDER_WAY
from lakehouse.errors import LakehouseError
from lakehouse.upload import upload
from tests.conftest import need
from tests.deploy import azurite
from tests.deploy.azurite import Azurite

BLOCK = 64 << 10
BIG = "clickstream_events.csv"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """One emulator for all tests of this process; each test has a folder of its own in it."""
    reason = "azurite was not found: `npm install azurite`, or name azurite-blob with AZURITE"
    need(bool(azurite.command()), "REQUIRE_AZURITE", reason)
    with azurite.running(tmp_path_factory.mktemp("azurite")) as one:
        yield one


@pytest.fixture
def lake(emulator: Azurite, monkeypatch: pytest.MonkeyPatch) -> Azurite:
    """The emulator, signed in to by the environment, and blocks so small that a file has many."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", emulator.connection)
    monkeypatch.setattr(uploading, "BLOCK_BYTES", BLOCK)
    return emulator


def content(lake: Azurite, folder: str) -> dict[str, bytes]:
    """What a folder holds, by the names of its files."""
    container = lake.service.get_container_client(azurite.CONTAINER)
    names = [blob.name for blob in container.list_blobs(name_starts_with=f"{folder}/")]
    return {name.removeprefix(f"{folder}/"): container.download_blob(name).readall() for name in names}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_arrives_is_what_was_delivered_and_the_manifest_says_so(lake: Azurite, shop: Path) -> None:
    reports = upload("olist", [shop], lake.address("whole"))
    there = content(lake, "whole")
    told = {file["name"]: file for file in json.loads(there.pop(MANIFEST))["files"]}
    assert there == files(shop)
    assert {name: (file["size"], file["sha256"]) for name, file in told.items()} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in there.items()
    }
    assert sum(report.sent for report in reports) == sum(map(len, there.values()))
    properties = lake.service.get_blob_client(azurite.CONTAINER, f"whole/{BIG}").get_blob_properties()
    assert properties.metadata["sha256"] == told[BIG]["sha256"]
    assert bytes(properties.content_settings.content_md5 or b"") == hashlib.md5(there[BIG]).digest()


def test_a_zip_is_uploaded_as_the_files_in_it(lake: Azurite, shop: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in shop.iterdir():
            archive.write(path, f"shop/{path.name}")
    upload("olist", [tmp_path / "archive.zip"], lake.address("zip"))
    there = content(lake, "zip")
    assert MANIFEST in there
    assert {name: data for name, data in there.items() if name != MANIFEST} == files(shop)


def test_what_is_there_is_not_sent_again(lake: Azurite, shop: Path) -> None:
    upload("olist", [shop], lake.address("twice"))
    reports = upload("olist", [shop], lake.address("twice"))
    assert {report.already_there for report in reports} == {True}
    assert sum(report.sent for report in reports) == 0


def test_a_file_that_differs_is_sent_anew_though_it_is_as_long(lake: Azurite, shop: Path) -> None:
    upload("olist", [shop], lake.address("differs"))
    blob = lake.service.get_blob_client(azurite.CONTAINER, f"differs/{BIG}")
    size = blob.get_blob_properties().size
    blob.upload_blob(b"x" * size, overwrite=True)
    (sent,) = [report for report in upload("olist", [shop], lake.address("differs")) if report.sent]
    assert sent == (BIG, size, size, False)
    assert content(lake, "differs")[BIG] == (shop / BIG).read_bytes()


class Cut(Exception):
    """The line is cut."""


def cut_after(blocks: int, lake: Azurite, shop: Path, folder: str) -> None:
    def stop(file: str, done: int, size: int) -> None:
        if file == BIG and done >= blocks * BLOCK:
            raise Cut

    with pytest.raises(Cut):
        upload("olist", [shop], lake.address(folder), stop)


def test_an_upload_that_was_cut_goes_on_where_it_was(lake: Azurite, shop: Path) -> None:
    size = (shop / BIG).stat().st_size
    assert size > 3 * BLOCK, "the file has too few blocks to be cut in the middle"
    cut_after(2, lake, shop, "cut")
    there = content(lake, "cut")
    assert BIG not in there
    assert MANIFEST not in there
    assert UNDER_WAY in there
    reports = {report.file: report for report in upload("olist", [shop], lake.address("cut"))}
    assert reports[BIG] == (BIG, size, size - 2 * BLOCK, False)
    there = content(lake, "cut")
    assert there[BIG] == (shop / BIG).read_bytes()
    assert MANIFEST in there
    assert UNDER_WAY not in there


def test_blocks_of_another_content_are_not_taken(lake: Azurite, shop: Path, tmp_path: Path) -> None:
    cut_after(2, lake, shop, "other")
    other = tmp_path / "other"
    other.mkdir()
    for path in shop.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    lines = (shop / BIG).read_bytes().splitlines(keepends=True)
    (other / BIG).write_bytes(b"".join([lines[0], *reversed(lines[1:])]))
    reports = {report.file: report for report in upload("olist", [other], lake.address("other"))}
    assert reports[BIG].sent == (shop / BIG).stat().st_size
    assert content(lake, "other")[BIG] == (other / BIG).read_bytes()


def test_the_word_that_a_delivery_is_whole_is_gone_while_it_is_replaced(
    lake: Azurite, shop: Path, tmp_path: Path
) -> None:
    upload("olist", [shop], lake.address("replaced"))
    day = tmp_path / "day"
    day.mkdir()
    lines = (shop / BIG).read_bytes().splitlines(keepends=True)
    (day / BIG).write_bytes(b"".join(lines[: len(lines) // 2]))

    def stop(*_: object) -> None:
        raise Cut

    with pytest.raises(Cut):
        upload("olist", [day], lake.address("replaced"), stop, date(2018, 9, 1))
    assert MANIFEST not in content(lake, "replaced")


def test_a_delivery_that_could_not_be_taken_in_is_not_sent(lake: Azurite, shop: Path, tmp_path: Path) -> None:
    orders = "olist_orders_dataset.csv"
    (tmp_path / orders).write_bytes((shop / orders).read_bytes())
    with pytest.raises(LakehouseError, match=r"lacks olist_customers_dataset\.csv"):
        upload("olist", [tmp_path], lake.address("lacking"))
    assert content(lake, "lacking") == {}


@pytest.mark.parametrize(
    "address",
    [
        "bronze/landing",
        "https://lakeaccount.blob.core.windows.net/bronze/landing",
        "abfss://bronze@lakeaccount.dfs.core.windows.net/",
        "abfss://lakeaccount.dfs.core.windows.net/landing",
    ],
)
def test_an_address_that_is_none_is_named(address: str, shop: Path) -> None:
    with pytest.raises(LakehouseError, match="is no folder of a data lake") as refused:
        upload("olist", [shop], address)
    assert "abfss://<container>@<account>" in refused.value.mend


def test_a_container_that_is_not_there_is_named(lake: Azurite, shop: Path) -> None:
    with pytest.raises(LakehouseError, match="There is no container nowhere in that account"):
        upload("olist", [shop], lake.address("x", container="nowhere"))


def test_a_wrong_key_is_no_stack_trace(lake: Azurite, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = lake.connection.split("AccountKey=")[1].split(";")[0]
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", lake.connection.replace(key, "A" * 86 + "=="))
    with pytest.raises(LakehouseError, match="You may not write to") as refused:
        upload("olist", [shop], lake.address("forbidden"))
    assert "Storage Blob Data Contributor" in refused.value.mend


def test_an_account_that_does_not_answer_is_named(lake: Azurite, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = lake.connection.rsplit(":", 1)[1].split("/")[0]
    monkeypatch.setattr(uploading, "RETRIES", 0)
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING", lake.connection.replace(f":{port}/", f":{azurite.free_port()}/")
    )
    with pytest.raises(LakehouseError, match="cannot be reached"):
        upload("olist", [shop], lake.address("unreachable"))


def test_credentials_of_another_account_are_not_used(lake: Azurite, shop: Path) -> None:
    with pytest.raises(LakehouseError, match="is of lakeaccount, and the files are to go to otheraccount"):
        upload("olist", [shop], lake.address("x", account="otheraccount"))


def test_credentials_that_are_none_are_named(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=lakeaccount;nonsense")
    with pytest.raises(LakehouseError, match="is no way to sign in"):
        upload("olist", [shop], "abfss://bronze@lakeaccount.dfs.core.windows.net/x")


def test_without_the_extra_it_is_said_how_to_get_it(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(LakehouseError, match="packages that are not installed") as refused:
        upload("olist", [shop], "abfss://bronze@lakeaccount.dfs.core.windows.net/x")
    assert "[azure]" in refused.value.mend


def test_the_command_says_what_it_sent(emulator: Azurite, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", emulator.connection)
    words = ["upload", "--path", str(shop), "--to", emulator.address("command")]
    first, second = (CliRunner().invoke(app, words) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0)
    size = (shop / BIG).stat().st_size
    (line,) = [line for line in first.stdout.splitlines() if BIG in line]
    assert line.split()[1:] == [f"{size:,}", f"{size:,}"]
    assert second.stdout.count("there already") == len(files(shop))
