"""Names, e-mail addresses and phone numbers for people: made up, and this project's personal data."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from faker import Faker

from data_generation.draws import Draws, hex_texts, keys_of
from data_generation.places import without_accents

NAMES = 400
DOMAINS = ("example.com", "example.org", "example.net")
CONSENT = 0.45
"""Share of people who want to be written to or called."""


@cache
def _pools() -> tuple[pa.Array, pa.Array]:
    """First names and surnames as they occur in Brazil."""
    fake = Faker("pt_BR")
    fake.seed_instance(0)
    first, last = ({make() for _ in range(NAMES)} for make in (fake.first_name, fake.last_name))
    return pa.array(sorted(first)), pa.array(sorted(last))


def contacts(draws: Draws, customer_unique_id: pa.StringArray) -> pa.Table:
    """A row a person: a function of the seed and the person's id alone.

    Args:
        draws: of the world's seed.
        customer_unique_id: distinct, shape (n,).
    """
    key = keys_of(customer_unique_id)
    pools = _pools()
    first, last = (
        pool.take(pa.array(draws.integers(part, key, 0, len(pool))))
        for pool, part in zip(pools, ("first name", "surname"), strict=True)
    )
    plain = [_plain(pool) for pool in pools]
    local = [
        pool.take(pa.array(draws.integers(part, key, 0, len(pool))))
        for pool, part in zip(plain, ("first name", "surname"), strict=True)
    ]
    digits = pc.utf8_slice_codeunits(hex_texts(draws.words("mailbox", key)[:, None]), 0, 6)
    domain = pa.array(DOMAINS).take(pa.array(draws.integers("domain", key, 0, len(DOMAINS))))
    area = pa.array(11 + draws.integers("area code", key, 0, 89)).cast(pa.string())
    number = pa.array(900_000_000 + draws.integers("phone number", key, 0, 100_000_000)).cast(pa.string())
    return pa.table(
        {
            "customer_unique_id": customer_unique_id,
            "full_name": pc.binary_join_element_wise(first, last, " "),
            "email": pc.binary_join_element_wise(pc.binary_join_element_wise(*local, digits, "."), domain, "@"),
            "phone": pc.binary_join_element_wise("+55", area, number, " "),
            "marketing_consent": pa.array(["false", "true"]).take(
                pa.array(draws.happens("consent", key, CONSENT).astype(np.int8))
            ),
            "provenance": pa.repeat(pa.scalar("generated"), len(key)),
        }
    )


def _plain(names: pa.Array) -> pa.Array:
    return pa.array(["".join(c for c in without_accents(name).lower() if c.isalpha()) for name in names.to_pylist()])
