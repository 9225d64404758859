"""A file is written whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bi.dashboards import site
from lakehouse.replacing import replacing, write_text
from lakehouse.settings import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from lakehouse.replacing import replacing
with replacing(Path(sys.argv[1])) as new:
    new.write_text("half of")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_text(page, "before, ção")

    def fail() -> None:
        with replacing(page) as new:
            new.write_text("half of")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert page.read_text(encoding="utf-8") == "before, ção"
    assert list(tmp_path.iterdir()) == [page]


def test_a_killed_write_leaves_the_old_file_and_the_next_one_clears_up(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_text(page, "before")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(page)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert page.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2
    write_text(page, "after")
    assert page.read_text() == "after"
    assert list(tmp_path.iterdir()) == [page]


def test_a_bundle_of_charts_that_was_cut_short_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told by its first line; on a disk that filled up it had its first line, and no chart was ever drawn."""
    import vl_convert

    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda _: "x = 1;" * 1000)
    whole = Path.write_text

    def fills_up(path: Path, text: str, encoding: str) -> int:
        whole(path, text[: len(text) // 2], encoding=encoding)
        raise OSError(28, "No space left on device")

    assets = tmp_path / "assets"
    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", fills_up)
        with pytest.raises(OSError, match="No space left"):
            site._write_assets(assets)
    site._write_assets(assets)
    assert (assets / "charts.js").read_text().endswith("x = 1;" * 1000)
