"""The lab, filled once for all tests that disturb it."""

from __future__ import annotations

import pytest

from tests.chaos.lab import Lab
from tests.conftest import Once


@pytest.fixture(scope="session")
def lab(once: Once) -> Lab:
    """Every state of the pipeline's two rounds; each test puts it to the state that it begins from."""
    return Lab(once("lab", lambda folder: Lab(folder).fill()))
