"""A small made-up shop in Olist's nine files, for tests.

It is the same for the same arguments, keeps every relation between the files, and holds on purpose what makes
the real files hard: leading zeros, line breaks in reviews, repeat buyers with several addresses, orders without
items, products without a category, a category without a translation, ties, and a first and a last stretch of
weeks in which trade is not complete. None of its rows is from the real data.
"""

from __future__ import annotations

import hashlib
import random
import re
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path

from lakehouse.landing import OLIST, LandingFile

CITIES = (
    ("01", "são paulo", "SP"),
    ("04", "santo andre", "SP"),
    ("20", "rio de janeiro", "RJ"),
    ("30", "belo horizonte", "MG"),
    ("69", "manaus", "AM"),
    ("80", "curitiba", "PR"),
)
TRANSLATIONS = {
    "cafe_torrado_na_hora": "freshly_roasted_coffee",
    "redes_de_descanso": "hammocks",
    "plantas_de_varanda": "balcony_plants",
    "discos_de_vinil": "vinyl_records",
    "bicicletas_dobraveis": "folding_bikes",
}
CATEGORIES = (*TRANSLATIONS, "cadeiras_de_praia")
COMMENTS = (
    ("", ""),
    ("", "Chegou antes do prazo, recomendo"),
    ("Ótimo", 'Embalagem com a etiqueta "frágil", tudo certo.'),
    ("", "Primeira linha\nsegunda linha\n\nquarta linha, com vírgula"),
    ("Não gostei", '"Errado", 2 de 3 peças\nveio "quebrado"'),
)
UNFINISHED = ("created", "approved", "invoiced", "processing", "shipped")
PRICES = (1990, 2990, 4990, 4990, 8990, 14990, 39900)  # In cents; few, so that there are ties.
PRODUCTS, SELLERS, ZIPS_PER_CITY = 60, 12, 12
EARLY_ORDERS, EARLY_WEEK = 3, datetime(2016, 9, 12)
FULL_WEEKS, FIRST_FULL_WEEK, PEAK_WEEK = 74, datetime(2017, 1, 2), 46
LATE_ORDERS = 4


def write_shop(folder: Path, orders: int = 400, seed: int = 7) -> Path:
    """Write the nine files.

    Args:
        folder: made if it is missing; files of the same names are replaced.
        orders: how many; from 300 on every week of the full stretch has some.
        seed: another seed gives another shop with other ids.

    Returns:
        ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shop = _Shop(orders, seed)
    for landing in OLIST:
        (folder / landing.file).write_bytes(_csv(landing, shop.rows[landing.table]))
    return folder


def _csv(landing: LandingFile, rows: list[tuple[object, ...]]) -> bytes:
    lines = [",".join(map(_field, row)) for row in rows]
    if landing.table == "product_category_translations":
        return "\r\n".join([",".join(landing.columns), *lines]).encode("utf-8-sig")
    header = ",".join(f'"{column}"' for column in landing.columns)
    return "\n".join([header, *lines, ""]).encode()


def _field(value: object) -> str:
    """As Olist writes it: quotes where CSV needs them, and around ids and zips that begin with a digit."""
    text = str(value)
    if re.fullmatch(r"\d[0-9a-f]{31}|\d{5}", text) or re.search('[",\n]', text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


class _Shop:
    """The rows of each table, drawn order by order."""

    def __init__(self, orders: int, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.rows: dict[str, list[tuple[object, ...]]] = {landing.table: [] for landing in OLIST}
        self.rows["product_category_translations"] = list(TRANSLATIONS.items())
        self.rows["sellers"] = [(self.id("seller", n), *self.place()) for n in range(SELLERS)]
        self.prices = [self.random.choice(PRICES) for _ in range(PRODUCTS)]
        self.add_products()
        self.add_geolocation()
        self.addresses: list[list[tuple[str, str, str]]] = []  # Of each person.
        times = self.purchase_times(orders)
        for number, time in enumerate(times):
            self.add_order(number, time, self.status(number, number >= 0.97 * orders))

    def id(self, kind: str, number: int) -> str:
        return hashlib.sha256(f"{self.seed}/{kind}/{number}".encode()).hexdigest()[:32]

    def place(self) -> tuple[str, str, str]:
        prefix, city, state = self.random.choice(CITIES)
        return f"{prefix}{self.random.randrange(ZIPS_PER_CITY):03}", city, state

    def add_products(self) -> None:
        between = self.random.randint
        for n in range(PRODUCTS):
            described = (CATEGORIES[n % len(CATEGORIES)], between(20, 60), between(80, 3000), between(1, 5))
            size = (between(1, 90) * 100, between(16, 60), between(2, 60), between(11, 60))
            self.rows["products"].append((self.id("product", n), *(("",) * 4 if n % 17 == 5 else described), *size))

    def add_geolocation(self) -> None:
        for prefix, city, state in CITIES:
            # The last zip prefix of each city has no point, like some of Olist's.
            for n in range(ZIPS_PER_CITY - 1):
                for spelling in (city, city, city.replace("ã", "a"))[: 1 + n % 3]:
                    point = (self.random.uniform(-25, -20), self.random.uniform(-50, -45))
                    self.rows["geolocation"].append((f"{prefix}{n:03}", *point, spelling, state))

    def purchase_times(self, orders: int) -> list[datetime]:
        """A stray start with empty weeks after it, steady growth with one peak, a collapse at the end."""
        weights = [(40 + week) * (2 if week == PEAK_WEEK else 1) for week in range(FULL_WEEKS)]
        full = max(orders - EARLY_ORDERS - LATE_ORDERS, 0)
        bounds = [full * reached // sum(weights) for reached in accumulate(weights, initial=0)]
        weeks = [week for week, (start, end) in enumerate(pairwise(bounds)) for _ in range(end - start)]
        weeks += range(FULL_WEEKS, FULL_WEEKS + LATE_ORDERS)
        starts = [EARLY_WEEK] * EARLY_ORDERS + [FIRST_FULL_WEEK + timedelta(weeks=week) for week in weeks]
        # On whole hours, so that several orders share their moment.
        return sorted(start + timedelta(hours=self.random.randrange(168)) for start in starts[:orders])

    def status(self, number: int, near_the_end: bool) -> str:
        if number % 40 == 7:
            return "canceled"
        if number % 50 == 11:
            return "unavailable"
        return self.random.choice(UNFINISHED) if near_the_end or number % 60 == 13 else "delivered"

    def add_customer(self, customer_id: str) -> None:
        if not self.addresses or self.random.random() < 0.75:
            self.addresses.append([])
            person = len(self.addresses) - 1
        else:
            # The earliest people come back most often.
            person = int(len(self.addresses) * self.random.random() ** 2)
        addresses = self.addresses[person]
        if not addresses or self.random.random() < 0.3:
            addresses.append(self.place())
        self.rows["customers"].append((customer_id, self.id("person", person), *addresses[-1]))

    def add_order(self, number: int, time: datetime, status: str) -> None:
        order_id, customer_id = self.id("order", number), self.id("customer", number)
        self.add_customer(customer_id)
        delivered = status == "delivered"
        days = self.random.randint(3, 20)
        self.rows["orders"].append(
            (
                order_id,
                customer_id,
                status,
                time,
                "" if status == "created" else time + timedelta(minutes=15),
                time + timedelta(days=2) if delivered or status == "shipped" else "",
                time + timedelta(days=days, hours=5) if delivered else "",
                (time + timedelta(days=14)).replace(hour=0),
            )
        )
        paid = self.add_items(order_id, time) if status != "unavailable" else 4990
        if number != 5:
            self.add_payments(order_id, paid)
        if delivered and number % 9:
            self.add_review(number, order_id, time + timedelta(days=days + 1))

    def add_items(self, order_id: str, time: datetime) -> int:
        """Popular products more often, and products in fixed pairs; returns the cents to pay."""
        first = int(PRODUCTS * self.random.random() ** 2)
        basket = [first]
        if self.random.random() < 0.35:
            basket.append(first ^ 1)
        if self.random.random() < 0.1:
            basket.append(first)
        freight = self.random.randint(8, 30) * 100 + 45
        for position, product in enumerate(basket, start=1):
            seller = self.id("seller", product % SELLERS)
            price = _money(self.prices[product])
            self.rows["order_items"].append(
                (
                    order_id,
                    position,
                    self.id("product", product),
                    seller,
                    time + timedelta(days=5),
                    price,
                    _money(freight),
                )
            )
        return sum(self.prices[product] + freight for product in basket)

    def add_payments(self, order_id: str, cents: int) -> None:
        kind = self.random.choice(("credit_card", "credit_card", "credit_card", "boleto", "debit_card"))
        vouchers = [cents // 3] * self.random.choice((0, 0, 0, 0, 0, 0, 0, 1, 2))
        parts = [(kind, cents - sum(vouchers)), *(("voucher", voucher) for voucher in vouchers)]
        for sequential, (payment_type, value) in enumerate(parts, start=1):
            installments = self.random.randint(1, 10) if payment_type == "credit_card" else 1
            self.rows["order_payments"].append((order_id, sequential, payment_type, installments, _money(value)))

    def add_review(self, number: int, order_id: str, time: datetime) -> None:
        # Now and then one review stands for two orders: review_id alone is no key.
        review_id = self.id("review", number - 1 if number % 30 == 2 else number)
        title, message = COMMENTS[number % len(COMMENTS)]
        score = self.random.choice((1, 2, 3, 4, 4, 5, 5, 5, 5))
        created = time.replace(hour=0)
        self.rows["order_reviews"].append(
            (review_id, order_id, score, title, message, created, time + timedelta(hours=30))
        )
