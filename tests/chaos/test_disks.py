"""A disk that fills up, and folders that may only be read: one clear error, and the next run finishes."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.chaos.lab import STAGES, Lab
from tests.chaos.mounts import disk, leave, read_only, size

pytestmark = pytest.mark.chaos
BIG = 1 << 31


@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_fills_up_in_a_stage(stage: str, lab: Lab) -> None:
    """When a third of what the stage adds has been written."""
    step = lab.step("first", stage)
    shutil.rmtree(lab.home)
    lab.home.mkdir()
    added = size(lab.state(step.after)) - size(lab.state(step.before))
    with disk(lab.home):
        shutil.copytree(lab.state(step.before), lab.home, dirs_exist_ok=True)
        leave(lab.home, added // 3)
        said = lab.fail(step)
        # On so full a disk not even the word that a table is to be what it was before may find room.
        assert "no space left on the disk" in said
        assert re.search(r"Free (some )?space", said)
        assert lab.torn(step) == []
        leave(lab.home, BIG)
        lab.take(step)
        assert lab.changed(step.after) == []


@pytest.mark.parametrize(
    ("stage", "folder"),
    [
        ("generate", "behaviour"),
        ("ingest", "warehouse"),
        ("silver", "warehouse"),
        ("silver", "dbt_target"),
        ("silver", "site"),
        ("gold", "warehouse"),
        ("train", "warehouse"),
        ("train", "warehouse/mlartifacts"),
        ("score", "warehouse"),
        ("score", "warehouse/serving"),
        ("marts", "site"),
        ("site", "site"),
    ],
)
def test_a_folder_that_may_only_be_read(stage: str, folder: str, lab: Lab) -> None:
    step = lab.step("again", stage)
    lab.stand(step.before)
    with read_only(lab.home / folder):
        said = lab.fail(step)
        assert "cannot be written: read-only file system" in said
        assert str(lab.home / folder) in said
        assert lab.torn(step) == []
    lab.take(step)
    assert lab.changed(step.after) == []
