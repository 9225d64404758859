"""What the lock installs is on the page of dependencies, under licences that may be used."""

from __future__ import annotations

import pytest

from tests import licences
from tests.licences import LOCK, PAGE, Package


@pytest.fixture(scope="module")
def found() -> list[Package]:
    return licences.packages(LOCK.read_text())


def test_the_page_is_of_the_lock(found: list[Package]) -> None:
    assert len(found) > 200
    assert licences.page(found) == PAGE.read_text(encoding="utf-8"), "run python -m tests.licences"


def test_a_licence_that_is_not_allowed_has_a_reason(found: list[Package]) -> None:
    assert {package.name for package in found if licences.unusual(package)} == licences.SPECIAL.keys()


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND LicenseRef-Own", "Other/Proprietary"]
)
def test_another_licence_is_noticed(licence: str) -> None:
    assert licences.unusual(Package("new", ("1",), licence))


def test_a_package_of_unknown_licence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(licences.BY_HAND, "huey")
    with pytest.raises(LookupError, match="huey states no licence"):
        licences.licence("huey")
