"""Archives made to do harm: nothing is written where it should not be, and nothing is read that was not asked for."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse import ingest
from lakehouse.delivery import Delivery
from lakehouse.errors import LakehouseError
from lakehouse.landing import OLIST
from tests.delta import query
from tests.shop import write_shop

pytestmark = pytest.mark.slow

SELLERS = "olist_sellers_dataset.csv"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"), orders=30)


def pack(path: Path, files: Path, folder: str = "", without: Iterable[str] = ()) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for landing in OLIST:
            if landing.file not in without:
                archive.write(files / landing.file, folder + landing.file)
    return path


@pytest.mark.parametrize("folder", ["../../", "/etc/", "..\\..\\"])
def test_a_name_that_leads_out_of_the_archive_leads_nowhere(
    folder: str, files: Path, tmp_path: Path, warehouse: Path
) -> None:
    """Nothing is ever unpacked to disk: a file's last name is what it is found by, and its bytes are read."""
    (tmp_path / "deep" / "down").mkdir(parents=True)
    archive = pack(tmp_path / "deep" / "down" / "shop.zip", files, folder)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    ingest.ingest("olist", [archive], warehouse)
    [told] = query(warehouse, "select sum(row_count) as n from bronze__deliveries")
    assert told["n"] > 100
    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in after - before if not path.is_relative_to(warehouse)} == set()


def test_a_link_in_an_archive_is_not_followed(files: Path, tmp_path: Path, warehouse: Path) -> None:
    archive = pack(tmp_path / "shop.zip", files, without=[SELLERS])
    link = zipfile.ZipInfo(SELLERS)
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(link, str(files / SELLERS))
    with pytest.raises(LakehouseError, match=f"{SELLERS} lacks the column"):
        ingest.ingest("olist", [archive], warehouse)


def test_what_was_not_asked_for_is_not_unpacked(files: Path, tmp_path: Path, warehouse: Path) -> None:
    """A stranger whose bytes are spoilt, and an archive in the archive: reading either would fail."""
    archive = pack(tmp_path / "shop.zip", files)
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("bomb.csv", b"0" * 10_000)
        more.write(pack(tmp_path / "inner.zip", files), "inner.zip")
    archive.write_bytes(archive.read_bytes().replace(b"0" * 5_000, b"1" * 5_000))
    with zipfile.ZipFile(archive) as spoilt, pytest.raises(zipfile.BadZipFile):
        spoilt.read("bomb.csv")
    ingest.ingest("olist", [archive], warehouse)


def test_a_file_that_is_longer_than_the_archive_says_is_refused(files: Path, tmp_path: Path) -> None:
    """So no more is ever unpacked than the archive has said."""
    archive = pack(tmp_path / "shop.zip", files)
    with zipfile.ZipFile(archive) as packed:
        true = packed.getinfo(SELLERS).file_size
    data = bytearray(archive.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(SELLERS.encode()))
    assert int.from_bytes(data[entry + 24 : entry + 28], "little") == true
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(LakehouseError, match="is not a whole zip archive"):
        Delivery(archive).sha256(SELLERS)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_done_to_an_archive_it_is_read_or_refused_in_words(
    data: st.DataObject, files: Path, tmp_path: Path
) -> None:
    archive = pack(tmp_path / "shop.zip", files)
    content = bytearray(archive.read_bytes())
    # Most of what can be wrong with an archive is in its index, at its end.
    places = st.integers(0, len(content) - 1) | st.integers(len(content) - 1_200, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    archive.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    with suppress(LakehouseError):
        checked = ingest.check("olist", [archive])
        for delivery, file in checked.places.values():
            delivery.sha256(file)
