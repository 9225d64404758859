"""What stays the same while people come and go: the calendar of trade, the sellers, and what they sell."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtr

from data_generation.draws import Draws, Floats, Ints, Keys, numbered, pick
from data_generation.parameters import Parameters
from data_generation.places import Places, places
from data_generation.profile import PRODUCT_TRAITS, SIZES, from_quantiles, load
from data_generation.tastes import STYLES, Catalog, price_levels

PEOPLE, PRODUCTS, SELLERS = 96_096, 32_951, 3_095
"""How many there are at scale 1."""
POPULARITY = 1.5
"""Standard deviation of the logarithm of a product's popularity."""
SELLER_SIZE = 1.3
"""Standard deviation of the logarithm of a seller's size."""
FEWEST_A_DAY = 5
"""Months with fewer orders a day than this are stray beginnings and ends, without a rhythm of their own."""
DAY = 86_400


class World:
    """A made-up shop without its orders: a function of seed, scale and parameters.

    Args:
        seed: another one gives another shop.
        scale: 1 for a shop of about 100,000 orders, 32,951 products and 3,095 sellers.
        parameters: the rates of behaviour.
    """

    def __init__(self, seed: int, scale: float, parameters: Parameters) -> None:
        self.draws = Draws(seed)
        self.parameters = parameters
        self.profile: dict[str, Any] = load()
        self.people = max(1, round(PEOPLE * scale))
        self.products = max(len(self.profile["categories"]), round(PRODUCTS * scale))
        self.sellers = max(len(self.profile["categories"]), round(SELLERS * scale))
        self.categories: list[dict[str, Any]] = self.profile["categories"]
        self.statuses = sorted(self.profile["status"])
        self.payment_types = sorted(self.profile["payment_type"])

    @cached_property
    def places(self) -> Places:
        return places(self.draws, self.profile["states"])

    @cached_property
    def state_shares(self) -> Floats:
        """The share of each state in the customers, shape (states,)."""
        return np.array([self.profile["states"].get(state, 0.0) for state in self.places.states.to_pylist()])

    @cached_property
    def days(self) -> Ints:
        """The days of trade, as days since the epoch, shape (d,)."""
        months = self.profile["months"]
        first = date.fromisoformat(f"{min(months)}-{months[min(months)][1]:02}")
        last = date.fromisoformat(f"{max(months)}-{months[max(months)][2]:02}")
        return np.arange(np.datetime64(first, "D").astype(int), np.datetime64(last, "D").astype(int) + 1)

    @cached_property
    def seasons(self) -> pa.Table:
        """The planted components of demand, a row a day: level × weekday × event × noise, in shares of all orders."""
        days = [date(1970, 1, 1) + timedelta(int(day)) for day in self.days]
        months = self.profile["months"]
        level = np.zeros(len(days))
        centres, rates = [], []
        for month, (orders, first, last) in months.items():
            rate = orders / (last - first + 1)
            if rate < FEWEST_A_DAY or last - first < 20:
                inside = [f"{day:%Y-%m}" == month and first <= day.day <= last for day in days]
                level[inside] = rate
            else:
                centres.append(np.datetime64(f"{month}-15", "D").astype(int))
                rates.append(rate)
        regular = np.array([f"{day:%Y-%m}" for day in days])
        steady = np.isin(regular, [str(np.datetime64(int(centre), "D"))[:7] for centre in centres])
        level[steady] = np.interp(self.days[steady], centres, rates)
        weekday = np.array([self.profile["weekday"][day.weekday()] for day in days])
        event = np.array([self.profile["special_days"].get(str(day), 1.0) for day in days])
        spread = self.profile["day_noise"]
        noise = np.exp(spread * self.draws.normal("day", self.days.astype(np.uint64)) - spread**2 / 2)
        demand = level * weekday * event * noise
        # Interpolation smooths within the months; each keeps its measured sum.
        for month, (orders, *_) in months.items():
            inside = regular == month
            scale = orders / max(demand[inside].sum(), 1e-9)
            level[inside] *= scale
            demand[inside] *= scale
        total = demand.sum()
        return pa.table(
            {
                "day": pa.array(days),
                "level": level / total,
                "weekday": weekday,
                "event": event,
                "noise": noise,
                "demand": demand / total,
            }
        )

    @cached_property
    def reached(self) -> Floats:
        """The running sum of demand over the days, shape (d + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self.seasons["demand"].to_numpy())])

    @cached_property
    def category_names(self) -> pa.StringArray:
        """In Portuguese, as in the products file, shape (c,); null for the category without a name."""
        return pa.array([category["name"] or None for category in self.categories], pa.string())

    @cached_property
    def category_sales(self) -> Floats:
        """The share of each category in what is sold, shape (c,)."""
        return np.array([category["sales"] for category in self.categories])

    @cached_property
    def _product_keys(self) -> Keys:
        return numbered(0, self.products)

    @cached_property
    def product_category(self) -> Ints:
        """Shape (p,); every category has a product."""
        drawn = self.draws.choice(
            "product category", self._product_keys, [category["products"] for category in self.categories]
        )
        drawn[: len(self.categories)] = np.arange(len(self.categories))
        return drawn.astype(np.int16)

    @cached_property
    def product_traits(self) -> dict[str, Floats]:
        """Price as a rank among all prices, grams, centimetres, photos, lengths of texts; each of shape (p,).

        Normal scores with the measured correlation, put through each category's own quantiles; boxes by what is in
        them.
        """
        mix = np.linalg.cholesky(np.array(self.profile["product_correlation"]))
        normal = np.column_stack(
            [self.draws.normal(f"trait {trait}", self._product_keys) for trait in PRODUCT_TRAITS]
        )
        traits = {}
        for column, trait in enumerate(PRODUCT_TRAITS):
            score = normal @ mix[column]
            usual = self.profile["product_traits"][trait]
            tables = [category.get(trait, usual) for category in self.categories]
            if trait == "price":
                # Between two quantiles of a category prices lie where the prices of all lie.
                tables = [self._price_ranks(table) for table in tables]
            values = by_cell(ndtr(score), self.product_category, tables)
            if trait == "weight_g":
                coarse = self.draws.happens("round weight", self._product_keys, self.profile["round_weights"])
                values = np.where(coarse & (values >= 50), np.round(values / 50) * 50, values)
            traits["price_rank" if trait == "price" else trait] = values if trait == "price" else np.round(values)
        known = {**traits, "category": self.product_category, "price": self.price_at(traits["price_rank"])}
        for size in SIZES:
            uniform = self.draws.uniform(size, self._product_keys)
            traits[size] = known[size] = np.round(self.profile["trees"][size].draw(uniform, known))
        return traits

    def price_at(self, rank: Floats) -> Floats:
        """The price with this share of all prices below it, as shops write it: 49.90 rather than 47.13."""
        points = np.array(self.profile["price_points"])
        return points[(rank * len(points)).astype(np.int64).clip(0, len(points) - 1)]

    def _price_ranks(self, prices: list[float]) -> list[float]:
        points = np.array(self.profile["price_points"])
        below, upto = np.searchsorted(points, prices, side="left"), np.searchsorted(points, prices, side="right")
        return ((below + upto) / 2 / len(points)).tolist()

    @cached_property
    def product_seller(self) -> Ints:
        """Shape (p,)."""
        return self._sellers_of_products("product seller")

    @cached_property
    def second_seller(self) -> Ints:
        """Who else sells a product, mostly nobody, but its seller again, shape (p,)."""
        other = self.draws.happens("second seller", self._product_keys, self.profile["second_seller"])
        return np.where(other, self._sellers_of_products("which second seller"), self.product_seller)

    def _sellers_of_products(self, purpose: str) -> Ints:
        """Sellers by their size, shape (p,); a seller keeps to one category."""
        keys = numbered(0, self.sellers)
        category = self.draws.choice("seller category", keys, [each["products"] for each in self.categories])
        category[: len(self.categories)] = np.arange(len(self.categories))
        sales, sellers = self.profile["sales_by_seller_state"], self.profile["seller_states"]
        states = self.places.states.to_pylist()
        worth = np.array([sales.get(state, 0.0) / sellers.get(state, 1.0) for state in states])
        size = np.exp(SELLER_SIZE * self.draws.normal("seller size", keys))
        size = size * worth[self.seller_state]
        order = np.argsort(category, kind="stable")
        reached = np.concatenate([[0.0], np.cumsum(size[order])])
        bounds = np.searchsorted(category[order], np.arange(len(self.categories) + 1))
        low, high = reached[bounds[:-1]][self.product_category], reached[bounds[1:]][self.product_category]
        uniform = self.draws.uniform(purpose, self._product_keys)
        place = np.searchsorted(reached, low + uniform * (high - low), side="right") - 1
        return order[place.clip(max=self.sellers - 1)].astype(np.int32)

    @cached_property
    def seller_place(self) -> Ints:
        """Position in ``places`` of each seller, shape (s,)."""
        keys = numbered(0, self.sellers)
        shares = [self.profile["seller_states"].get(state, 0.0) for state in self.places.states.to_pylist()]
        state = self.draws.choice("seller state", keys, shares)
        return self.places.draw(self.draws.uniform("seller place", keys), state)

    @cached_property
    def seller_state(self) -> Ints:
        """Number of each seller's state, shape (s,)."""
        return self.places.state[self.seller_place]

    @cached_property
    def state_rank(self) -> Ints:
        """The place of each state in the profile's order of states, shape (states,)."""
        order = self.profile["state_order"]
        return np.array([order.index(state) for state in self.places.states.to_pylist()])

    @cached_property
    def product_ids(self) -> pa.StringArray:
        return self.draws.ids("product", self._product_keys)

    @cached_property
    def seller_ids(self) -> pa.StringArray:
        return self.draws.ids("seller", numbered(0, self.sellers))

    @cached_property
    def popularity(self) -> Floats:
        """How often each product is picked from its group, shape (p,)."""
        return np.exp(POPULARITY * self.draws.normal("popularity", self._product_keys))

    @cached_property
    def catalog(self) -> Catalog:
        style = self.draws.integers("product style", self._product_keys, 0, STYLES).astype(np.int8)
        level = price_levels(self.product_category, self.product_traits["price_rank"], self.popularity)
        return Catalog(self.product_ids, self.product_category, style, level, self.popularity, len(self.categories))

    @cached_property
    def _by_seller(self) -> tuple[Ints, Floats, Ints]:
        order = np.argsort(self.product_seller, kind="stable")
        reached = np.concatenate([[0.0], np.cumsum(self.popularity[order])])
        return order, reached, np.searchsorted(self.product_seller[order], np.arange(self.sellers + 1))

    def draw_of_seller(self, uniform: Floats, seller: Ints) -> Ints:
        """Products of the given sellers, which have some, at quantiles of their popularity."""
        order, reached, bounds = self._by_seller
        low, high = reached[bounds[seller]], reached[bounds[seller + 1]]
        place = np.searchsorted(reached, low + uniform * (high - low), side="right") - 1
        return order[np.clip(place, bounds[seller], bounds[seller + 1] - 1)]

    def product_file(self, first: int, last: int) -> pa.Table:
        """Rows of the products file."""
        keys = self._product_keys[first:last]
        category = self.product_category[first:last]
        names = self.category_names.take(pa.array(category))
        described = names.is_valid()
        measured = pa.array(~self.draws.happens("never measured", keys, 6e-5))
        traits = {trait: values[first:last] for trait, values in self.product_traits.items()}

        def whole(trait: str, given: pa.Array) -> pa.Array:
            values = pa.array(traits[trait].astype(np.int64)).cast(pa.string())
            return pc.if_else(given, values, None)

        return pa.table(
            {
                "product_id": self.product_ids.slice(first, last - first),
                "product_category_name": names,
                "product_name_lenght": whole("name_length", described),
                "product_description_lenght": whole("description_length", described),
                "product_photos_qty": whole("photos_qty", described),
                "product_weight_g": whole("weight_g", measured),
                "product_length_cm": whole("length_cm", measured),
                "product_height_cm": whole("height_cm", measured),
                "product_width_cm": whole("width_cm", measured),
            }
        )

    def product_truth(self, first: int, last: int) -> pa.Table:
        """What is true of products and in no file: style, price level, and how often they are picked."""
        part = slice(first, last)
        return pa.table(
            {
                "product_id": self.product_ids.slice(first, last - first),
                "style": self.catalog.style[part],
                "price_level": self.catalog.price_level[part],
                "popularity": self.popularity[part],
            }
        )

    def seller_file(self) -> pa.Table:
        """Rows of the sellers file."""
        place = pa.array(self.seller_place)
        return pa.table(
            {
                "seller_id": self.seller_ids,
                "seller_zip_code_prefix": self.places.prefix.take(place),
                "seller_city": self.places.city.take(place),
                "seller_state": self.places.states.take(pa.array(self.seller_state)),
            }
        )

    def translation_file(self) -> pa.Table:
        """Rows of the translations file; like the real one it lacks some categories."""
        known = [(each["name"], each["english"]) for each in self.categories if each["english"]]
        return pa.table(
            {
                "product_category_name": [name for name, _ in known],
                "product_category_name_english": [english for _, english in known],
            }
        )


def month_of(at: Ints) -> Ints:
    """The month of each moment, counted from the epoch's first."""
    return at.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def weekday_of(at: Ints) -> Ints:
    """The weekday of each moment, 0 for Monday; the epoch began on a Thursday."""
    return (at // DAY + 3) % 7


def by_cell(uniform: Floats, cell: Ints, tables: list[list[float]]) -> Floats:
    """Values of the distribution of each one's cell."""
    values = np.empty(len(uniform))
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(len(tables) + 1))
    for number, table in enumerate(tables):
        inside = order[bounds[number] : bounds[number + 1]]
        values[inside] = from_quantiles(uniform[inside], table)
    return values


def shares_by_cell(uniform: Floats, cell: Ints, tables: list[list[float]]) -> Ints:
    """Positions drawn by the shares of each one's cell."""
    drawn = np.zeros(len(uniform), dtype=np.int64)
    for number, table in enumerate(tables):
        inside = cell == number
        drawn[inside] = pick(uniform[inside], table)
    return drawn
