"""What is said of bad input: one clear message, of a length that can be read, and as the page has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import bad_input
from tests.bad_input import FILES, PAGE, Kind

Told = list[tuple[Kind, int, str]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return list(bad_input.rows(tmp_path_factory.mktemp("bad")))


def test_each_kind_gets_one_message_that_says_what_and_where(told: Told) -> None:
    for kind, ended, message in told:
        assert ended in (1, 2), f"{kind.name} ended with {ended}: {message}"
        assert message.strip(), kind.name
        assert "Traceback" not in message, kind.name
        assert len(message) < 800, f"{kind.name} is told in {len(message)} characters"


def test_those_that_are_not_about_words_say_how_to_go_on(told: Told) -> None:
    """Two sentences at least."""
    for kind, ended, message in told:
        if ended == 1:
            assert message.count(". ") >= 1, f"{kind.name}: {message}"


def test_no_table_is_made(told: Told, tmp_path: Path) -> None:
    shop = bad_input.write_shop(tmp_path / "shop", orders=30)
    for kind in bad_input.KINDS:
        if kind.name in ("a file without one good line", "an archive with spoilt bytes"):
            ended, _ = bad_input.said(kind, shop, tmp_path / "warehouse")
            assert ended == 1
            assert not list((tmp_path / "warehouse").glob("bronze/*/_delta_log/*.json"))


def test_the_page_says_what_the_program_says(told: Told) -> None:
    assert bad_input.page(told) == PAGE.read_text(encoding="utf-8"), "run python -m tests.bad_input"


def test_input_that_is_good_is_noticed(tmp_path: Path) -> None:
    """The looks above would fail on a command that succeeds."""
    shop = bad_input.write_shop(tmp_path / "shop", orders=30)
    ended, message = bad_input.said(Kind("none", ("generate", "--help")), shop, tmp_path / "warehouse")
    assert (ended, message) == (0, "")
    assert FILES not in message
