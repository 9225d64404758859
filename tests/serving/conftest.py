"""A service over the recommender's small shop, and a server of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
import pytest

from ml.recommender.uses import COMPLEMENTS, NEW_PRODUCTS, OTHERWISE
from ml.serving import risks
from ml.serving.core import Service
from tests.ml.recommender_shop import gold
from tests.serving.running import Running, running
from tests.serving.shop import Scored, scored
from tests.serving.shop import risks as some_risks


@pytest.fixture(scope="session")
def frames() -> Mapping[str, pd.DataFrame]:
    return gold()


@pytest.fixture(scope="session")
def small(frames: Mapping[str, pd.DataFrame]) -> Scored:
    """The methods that are promoted on the real shop."""
    return scored(frames, COMPLEMENTS, OTHERWISE[NEW_PRODUCTS])


@pytest.fixture(scope="session")
def churn_scores(small: Scored) -> pd.DataFrame:
    return some_risks(list(small.shop.state.index[:100]))


@pytest.fixture(scope="session")
def service(small: Scored, churn_scores: pd.DataFrame) -> Service:
    return Service(
        {
            "recommender": small.online.saying(version=7),
            "churn": risks.online(churn_scores, "2018-05-15").saying(version=2),
        }
    )


@pytest.fixture(scope="session")
def served(service: Service) -> Iterator[Running]:
    with running(service) as there:
        yield there
