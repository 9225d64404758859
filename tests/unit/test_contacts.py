"""Contacts: made up, plausible, and the same for the same person."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_generation.contacts import contacts
from data_generation.draws import Draws, numbered
from lakehouse.landing import BEHAVIOUR

DRAWS = Draws(3)
PEOPLE = DRAWS.ids("person", numbered(0, 5_000))


def test_a_contact_belongs_to_the_person_and_not_to_the_others() -> None:
    whole = contacts(DRAWS, PEOPLE)
    assert whole.slice(100, 50).equals(contacts(DRAWS, PEOPLE.slice(100, 50)))
    assert not whole.equals(contacts(Draws(4), PEOPLE))
    assert whole.column_names == list(BEHAVIOUR[1].columns)


def test_nobody_real_can_be_reached() -> None:
    frame = contacts(DRAWS, PEOPLE).to_pandas()
    assert frame["email"].str.fullmatch(r"[a-z]+\.[a-z]+\.[0-9a-f]{6}@example\.(com|org|net)").all()
    assert frame["phone"].str.fullmatch(r"\+55 [1-9]\d 9\d{8}").all()
    assert set(frame["marketing_consent"]) == {"true", "false"}
    assert frame["email"].is_unique
    assert frame["full_name"].nunique() > 1_000


def test_nobody_has_no_contact() -> None:
    assert len(contacts(DRAWS, pa.array([], pa.string()))) == 0


def test_consent_is_as_frequent_as_it_is_said_to_be() -> None:
    """Within four standard errors."""
    many = contacts(DRAWS, DRAWS.ids("many people", numbered(0, 40_000)))
    assert pc.mean(pc.equal(many["marketing_consent"], "true")).as_py() == pytest.approx(0.45, abs=0.01)
