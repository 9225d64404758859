"""Where what is generated goes: whole or not at all, and nothing of anybody else's is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_generation.files import WORKPLACE
from data_generation.generate import generate
from lakehouse import cli
from lakehouse.errors import LakehouseError
from tests.unit.generated import START, content, small


def test_other_content_is_never_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LakehouseError, match=r"is not empty: it holds notes\.txt\..*--overwrite"):
        generate(small(tmp_path))
    assert content(tmp_path) == {"notes.txt": b"mine"}


def test_overwriting_replaces_what_was_generated_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    generate(small(out, dirt=0.1))
    (out / "notes.txt").write_text("mine")
    generate(small(out, file_format="parquet", overwrite=True))
    generate(small(tmp_path / "fresh", file_format="parquet"))
    assert content(out) == {**content(tmp_path / "fresh"), "notes.txt": b"mine"}


def test_a_request_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    generate(small(out))
    before = content(out)
    done = []

    def stop(*progress: int) -> None:
        done.append(progress)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(small(out, seed=9, overwrite=True), stop)
    assert content(out) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_a_delivery_without_days_takes_the_place_of_one_with_days(tmp_path: Path) -> None:
    out = tmp_path / "out"
    generate(small(out, days=3, start=START))
    (out / "2018-03-06" / "notes.txt").write_text("mine")
    generate(small(out, overwrite=True))
    generate(small(tmp_path / "fresh"))
    assert content(out) == {**content(tmp_path / "fresh"), "2018-03-06/notes.txt": b"mine"}
    assert {entry.name for entry in out.iterdir() if entry.is_dir()} == {"truth", "2018-03-06"}


def folder_for_a_file(out: Path) -> None:
    (out / "clickstream_events.csv").unlink()
    (out / "clickstream_events.csv").mkdir()


def folder_for_an_old_file(out: Path) -> None:
    (out / "olist_orders_dataset.csv").unlink()
    (out / "olist_orders_dataset.csv").mkdir()


def file_for_the_truth(out: Path) -> None:
    for path in (out / "truth").iterdir():
        path.unlink()
    (out / "truth").rmdir()
    (out / "truth").write_text("it is out there")


def truth_elsewhere(out: Path) -> None:
    (out / "truth").rename(out.parent / "elsewhere")
    (out / "truth").symlink_to(out.parent / "elsewhere")


def manifest_says(text: str) -> Callable[[Path], object]:
    return lambda out: (out / "truth" / "manifest.json").write_text(text)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (folder_for_a_file, "clickstream_events.csv is a folder, and a file has to be there"),
        (folder_for_an_old_file, "olist_orders_dataset.csv is a folder, and a file has to be there"),
        (file_for_the_truth, "truth is in the way: a folder has to be there"),
        (truth_elsewhere, "truth is in the way: a folder has to be there"),
        (manifest_says("{"), "manifest.json does not say what was generated"),
        (manifest_says("[]"), "manifest.json does not say what was generated"),
        (manifest_says('{"files": 3}'), "manifest.json does not say what was generated"),
        (manifest_says('{"rows": ["a"]}'), "manifest.json does not say what was generated"),
        (manifest_says('{"rows": {"../other.csv": 3}}'), "lists '../other.csv', which was never generated"),
        (manifest_says('{"rows": {"notes.txt": 3}}'), "lists 'notes.txt', which was never generated"),
        (manifest_says('{"rows": {"/etc/passwd": 3}}'), "lists '/etc/passwd', which was never generated"),
    ],
)
def test_what_is_in_the_way_is_found_before_the_work(
    spoil: Callable[[Path], object], what: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    generate(small(out, scale=0.001))
    (tmp_path / "other.csv").write_text("mine")
    (out / "notes.txt").write_text("mine")
    spoil(out)
    before = content(tmp_path)
    with pytest.raises(LakehouseError) as error:
        generate(small(out, only=("clickstream_events",), overwrite=True), lambda *_: pytest.fail("it has begun"))
    assert what in error.value.what
    assert error.value.mend
    assert content(tmp_path) == before


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    with pytest.raises(LakehouseError, match="is a link to something that is not there"):
        generate(small(tmp_path / "out", overwrite=True))
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_link_to_a_folder_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    generate(small(tmp_path / "out"))
    generate(small(tmp_path / "fresh"))
    assert content(tmp_path / "real") == content(tmp_path / "fresh")


@pytest.mark.skipif(sys.platform != "linux", reason="has no such folders")
@pytest.mark.parametrize(
    ("out", "what"),
    [
        ("/proc/foo", "/proc/foo cannot be written: no such file or directory"),
        ("/dev/null/foo", "/dev/null/foo cannot be written: not a directory"),
        ("x" * 256, "cannot be written: file name too long"),
        (f"a/{'x' * 256}/b", "cannot be written: file name too long"),
    ],
)
def test_a_folder_that_cannot_be_made_is_named(
    out: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LakehouseError, match=what):
        generate(small(Path(out)))
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_looks_like_markup_is_a_name(tmp_path: Path) -> None:
    out = tmp_path / "a[" / "b]x"
    words = ["generate", "--out", str(out), "--scale", "0.001", "--only", "orders"]
    outcome = CliRunner().invoke(cli.app, words)
    assert outcome.exit_code == 0, outcome.output
    assert f"The files are in {out}" in outcome.output


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_full_disk_is_named_and_nothing_is_left_on_it(small_disk: Path, file_format: str) -> None:
    with pytest.raises(
        LakehouseError, match=r"no space left on the disk that holds .*Free some space, or point --out"
    ):
        generate(small(small_disk / "out", file_format=file_format))
    assert list(small_disk.iterdir()) == []


def test_a_disk_of_its_own_can_be_written_to(small_disk: Path) -> None:
    few = small(small_disk, scale=0.001, only=("clickstream_events",))
    generate(few)
    assert {entry.name for entry in small_disk.iterdir()} == {"clickstream_events.csv", "truth"}
    generate(replace(few, overwrite=True))
    assert {entry.name for entry in small_disk.iterdir()} == {"clickstream_events.csv", "truth"}


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_stopped_cleans_up_and_says_so(sign: signal.Signals, code: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "lakehouse", "generate", "--out", str(out), "--workers", "1"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        while not list(out.glob(f"{WORKPLACE}/made/*.csv")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(sign)
        _, said = process.communicate()
    assert process.returncode == code, said.decode()
    assert f"Stopped. {out} is as it was." in said.decode().replace("\n", " ")
    assert b"tables" not in said
    assert b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []
