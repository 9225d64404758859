"""Where people and sellers live: Brazil's states with their zip prefixes, and made-up towns in them."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from faker import Faker

from data_generation.draws import Draws, Floats, Ints, Keys, child_keys, numbered

# First and last zip prefix, latitude and longitude of the middle, spread in degrees, and the capital.
STATES: dict[str, tuple[int, int, float, float, float, str]] = {
    "AC": (69900, 69999, -9.5, -69.0, 1.2, "rio branco"),
    "AL": (57000, 57999, -9.6, -36.3, 0.5, "maceió"),
    "AM": (69000, 69299, -3.5, -61.0, 2.0, "manaus"),
    "AP": (68900, 68999, 0.5, -51.3, 0.6, "macapá"),
    "BA": (40000, 48999, -12.9, -40.5, 1.8, "salvador"),
    "CE": (60000, 63999, -4.8, -39.2, 1.0, "fortaleza"),
    "DF": (70000, 72799, -15.8, -47.9, 0.1, "brasília"),
    "ES": (29000, 29999, -20.0, -40.5, 0.6, "vitória"),
    "GO": (72800, 76799, -16.4, -49.5, 1.2, "goiânia"),
    "MA": (65000, 65999, -4.3, -45.0, 1.3, "são luís"),
    "MG": (30000, 39999, -19.6, -44.5, 1.5, "belo horizonte"),
    "MS": (79000, 79999, -21.2, -54.6, 1.1, "campo grande"),
    "MT": (78000, 78899, -14.0, -55.8, 1.6, "cuiabá"),
    "PA": (66000, 68899, -3.0, -50.0, 1.8, "belém"),
    "PB": (58000, 58999, -7.1, -36.0, 0.7, "joão pessoa"),
    "PE": (50000, 56999, -8.3, -36.5, 0.9, "recife"),
    "PI": (64000, 64999, -6.5, -42.7, 1.1, "teresina"),
    "PR": (80000, 87999, -24.6, -51.2, 1.1, "curitiba"),
    "RJ": (20000, 28999, -22.6, -43.2, 0.5, "rio de janeiro"),
    "RN": (59000, 59999, -5.7, -36.3, 0.6, "natal"),
    "RO": (76800, 76999, -10.5, -62.8, 1.0, "porto velho"),
    "RR": (69300, 69399, 2.6, -61.0, 0.6, "boa vista"),
    "RS": (90000, 99999, -29.6, -52.5, 1.1, "porto alegre"),
    "SC": (88000, 89999, -27.1, -50.0, 0.8, "florianópolis"),
    "SE": (49000, 49999, -10.6, -37.3, 0.4, "aracaju"),
    "SP": (1000, 19999, -23.1, -47.2, 0.9, "são paulo"),
    "TO": (77000, 77999, -9.8, -48.3, 1.1, "palmas"),
}
PREFIXES = 19_000
CAPITAL = 0.25
"""The share of a state's zip prefixes, the most populous ones, that are in its capital."""
PREFIXES_PER_TOWN = 5
CROWDING = 0.55
"""How fast the number of people falls with the rank of a zip prefix in its state (Zipf's exponent)."""
WITHOUT_POINTS = 0.01
"""Share of zip prefixes of which the geolocation file knows nothing."""
POINTS_PER_PREFIX = 52.6
ADDRESSES_PER_POINT = 1.5
"""How many addresses a zip prefix has for a point of the file: so few that a quarter of the rows repeat another."""


class Places(NamedTuple):
    """Zip prefixes, those of a state side by side.

    Attributes:
        states: names of the states, alphabetically.
        prefix: five digits as text, shape (z,).
        city, city_accented: the town, as customers spell it and as it is written, shape (z,).
        state: number of the state, shape (z,).
        latitude, longitude: degrees, shape (z,).
        reached: running sum of people over all prefixes of a state, 0 to 1 in each, shape (z,).
        bounds: where each state's prefixes begin, and the end, shape (states + 1,).
    """

    states: pa.StringArray
    prefix: pa.StringArray
    city: pa.StringArray
    city_accented: pa.StringArray
    state: Ints
    latitude: Floats
    longitude: Floats
    reached: Floats
    bounds: Ints

    def draw(self, uniform: Floats, state: Ints) -> Ints:
        """Positions of zip prefixes in the given states, at quantiles of their people."""
        place = np.searchsorted(self.reached + self.state, state + uniform, side="right")
        return np.clip(place, self.bounds[state], self.bounds[state + 1] - 1)


def places(draws: Draws, shares: dict[str, float]) -> Places:
    """All places of a world: a function of its seed and of the states' shares of the people."""
    fake = Faker("pt_BR")
    fake.seed_instance(draws.seed)
    prefix, city, state, latitude, longitude, reached = [], [], [], [], [], []
    for number, (name, (first, last, north, east, spread, capital)) in enumerate(STATES.items()):
        count = min(last - first + 1, max(10, round(PREFIXES * shares.get(name, 0.0))))
        # Low numbers are in the capital, in Brazil as here.
        prefix.append(np.linspace(first, last, count).astype(int))
        in_capital = max(1, round(CAPITAL * count))
        towns = [fake.unique.city().lower() for _ in range(0, count - in_capital, PREFIXES_PER_TOWN)]
        city += [capital] * in_capital + [towns[rank // PREFIXES_PER_TOWN] for rank in range(count - in_capital)]
        fake.unique.clear()
        state.append(np.full(count, number))
        town = np.concatenate([np.zeros(in_capital), 1 + np.arange(count - in_capital) // PREFIXES_PER_TOWN])
        keys = child_keys(numbered(number, number + 1), town.astype(np.uint64))
        latitude.append(north + spread * draws.normal("latitude", keys).clip(-2, 2))
        longitude.append(east + spread * draws.normal("longitude", keys).clip(-2, 2))
        people = np.cumsum(np.arange(1, count + 1) ** -CROWDING)
        reached.append(people / people[-1])
    sizes = [len(part) for part in prefix]
    return Places(
        pa.array(list(STATES)),
        pc.utf8_lpad(pa.array(np.concatenate(prefix)).cast(pa.string()), 5, "0"),
        pa.array([without_accents(town) for town in city]),
        pa.array(city),
        np.concatenate(state),
        np.concatenate(latitude),
        np.concatenate(longitude),
        np.concatenate(reached),
        np.concatenate([[0], np.cumsum(sizes)]),
    )


def points(draws: Draws, where: Places, share: float, first: int, last: int) -> pa.Table:
    """Rows of the geolocation file for the zip prefixes ``first`` to ``last``.

    Args:
        draws: of the world's seed.
        where: all places.
        share: 1 for as many points as the real file has; a prefix has at least one.
        first, last: a slice of the prefixes.
    """
    keys = numbered(first, last)
    known = ~draws.happens("without points", keys, WITHOUT_POINTS)
    crowd = -np.log1p(-draws.uniform("points", keys))
    count = np.where(known, 1 + (POINTS_PER_PREFIX * share * crowd).astype(np.int64), 0)
    place = np.repeat(np.arange(first, last), count)
    inside = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    uniform = draws.uniform("address", child_keys(place.astype(np.uint64), inside))
    address = (uniform * np.round(ADDRESSES_PER_POINT * count).repeat(count)).astype(np.int64)
    each: Keys = child_keys(place.astype(np.uint64), address)
    accented = pa.array(draws.happens("accent", each, 0.4))
    return pa.table(
        {
            "geolocation_zip_code_prefix": where.prefix.take(pa.array(place)),
            "geolocation_lat": _degrees(where.latitude[place] + 0.02 * draws.normal("lat", each)),
            "geolocation_lng": _degrees(where.longitude[place] + 0.02 * draws.normal("lng", each)),
            "geolocation_city": pc.if_else(
                accented, where.city_accented.take(pa.array(place)), where.city.take(pa.array(place))
            ),
            "geolocation_state": where.states.take(pa.array(where.state[place])),
        }
    )


def without_accents(text: str) -> str:
    """The text in ASCII: ``são paulo`` as ``sao paulo``."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _degrees(values: Floats) -> pa.StringArray:
    return pa.array(np.round(values, 12)).cast(pa.string())
