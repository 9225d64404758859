"""One question, one answer: what the HTTP interface, pyfunc and ``score.py`` all call.

A question is a mapping of plain values, an answer too, ready for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.serving import arrays
from ml.serving.arrays import Online
from ml.serving.recommendations import Offer, Recommendations
from ml.serving.risks import Risks

RECOMMENDER, CHURN = "recommender", "churn"
MODELS = (RECOMMENDER, CHURN)

LONGEST_KEY = 128
MOST_PRODUCTS = 50
"""How many products a basket or the last views may name; a learned method looks at the last twenty."""

SUBJECTS = ("customer", "risk_of", "product", "basket", "views", "state")
"""What a question may be about."""


class BadQuestion(Exception):
    """A question that cannot be understood; the message says what to ask instead."""


class NotKnown(Exception):
    """A question about something that is not known, or to a model that is not there."""


class Service:
    """The champions, ready to answer.

    Args:
        stored: by model, what :func:`ml.serving.arrays.read` gives.
    """

    def __init__(self, stored: Mapping[str, Online]) -> None:
        self._recommendations = Recommendations(stored[RECOMMENDER]) if RECOMMENDER in stored else None
        self._risks = Risks(stored[CHURN]) if CHURN in stored else None
        self._origin = {name: _origin(name, one) for name, one in stored.items()}

    @classmethod
    def open(cls, folder: Path) -> Service:
        """The models of a folder that ``lakehouse score`` wrote.

        Raises:
            FileNotFoundError: it holds none.
            ValueError: a file is damaged, or of another version of this program.
        """
        there = {name: path for name in MODELS if (path := folder / f"{name}{arrays.SUFFIX}").is_file()}
        if not there:
            raise FileNotFoundError(f"{folder} holds no model: {' and '.join(f'{name}.npz' for name in MODELS)}")
        stored = {name: arrays.read(path) for name, path in there.items()}
        try:
            return cls(stored)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{folder} was written by another version: {type(error).__name__}, {error}") from error

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """What answers, by model: name, version and as_of_date."""
        return self._origin

    @property
    def states(self) -> Sequence[str]:
        """The states that a question may name."""
        return self._recommendations.states if self._recommendations else ()

    def score(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question.

        Args:
            question: one of
                ``{"customer": id}`` (new products, and those to buy again),
                ``{"risk_of": id}`` (whether somebody will buy again),
                ``{"product": id}`` (what goes with it),
                ``{"basket": [ids], "state": name}``, ``{"views": [ids], "state": name}`` (for somebody who is not
                known; the state, and either list, may be left out; ids are in their order, oldest first).

        Returns:
            Plain values, with the model and its version. Where nothing is known of a customer, or of all the products
            named, it is what is popular, and ``cold_start`` is true.

        Raises:
            BadQuestion: it is none of these.
            NotKnown: the product, or the person whose risk is asked for, is not known; or the model that it is for
                had no champion that scored.
        """
        about = _checked(question)
        if "customer" in about:
            return self._of_customer(about["customer"])
        if "risk_of" in about:
            return self._risk(about["risk_of"])
        if "product" in about:
            return self._similar(about["product"])
        return self._of_visitor(about)

    def _of_customer(self, customer: str) -> dict[str, Any]:
        lists = self._recommender()
        offers = lists.of_customer(customer)
        return {
            "customer": customer,
            "cold_start": offers is None,
            "recommendations": _plain(lists.of_stranger(None) if offers is None else offers),
            "buy_again": _plain(lists.again(customer)),
            "model": self._origin[RECOMMENDER],
        }

    def _of_visitor(self, about: Mapping[str, Any]) -> dict[str, Any]:
        lists = self._recommender()
        state = about.get("state")
        if state is not None and state not in lists.states:
            raise BadQuestion(
                f"There is no state {state!r} among the customers. Known are: {', '.join(lists.states)}."
            )
        products = about.get("basket") or about.get("views") or []
        offers = lists.with_basket(products) if about.get("basket") else lists.after_views(products, state)
        return {
            "cold_start": offers is None,
            "unknown_products": lists.unknown(products),
            "recommendations": _plain(lists.of_stranger(state) if offers is None else offers),
            "model": self._origin[RECOMMENDER],
        }

    def _similar(self, product: str) -> dict[str, Any]:
        offers = self._recommender().similar(product)
        if offers is None:
            raise NotKnown(f"No product {product!r} had been sold by {self._origin[RECOMMENDER]['as_of_date']}.")
        return {"product": product, "similar": _plain(offers), "model": self._origin[RECOMMENDER]}

    def _risk(self, customer: str) -> dict[str, Any]:
        if self._risks is None:
            raise NotKnown("churn has no champion that has scored: run `lakehouse score churn` first.")
        found = self._risks.of(customer)
        if found is None:
            day = self._origin[CHURN]["as_of_date"]
            raise NotKnown(f"No customer {customer!r} had ordered by {day}: there is no risk to tell.")
        return {"customer": customer, **found, "model": self._origin[CHURN]}

    def _recommender(self) -> Recommendations:
        if self._recommendations is None:
            raise NotKnown("recommender has no champion that has scored: run `lakehouse score recommender` first.")
        return self._recommendations


def _origin(name: str, stored: Online) -> Mapping[str, Any]:
    return {"name": name, "version": stored.about.get("version"), "as_of_date": stored.about["as_of_date"]}


def _plain(offers: Sequence[Offer]) -> list[dict[str, Any]]:
    return [offer._asdict() for offer in offers]


def _checked(question: Mapping[str, Any]) -> dict[str, Any]:
    """What a question is about; nothing that is null."""
    if not isinstance(question, Mapping):
        raise BadQuestion('A question is a JSON object, as {"customer": "..."}.')
    strange = sorted(str(name) for name in set(question) - set(SUBJECTS))
    if strange:
        raise BadQuestion(f"A question cannot name {', '.join(strange)[:200]}. It may name: {', '.join(SUBJECTS)}.")
    about = {name: value for name, value in question.items() if value is not None}
    subjects = [name for name in ("customer", "risk_of", "product", "basket", "views") if name in about]
    if len(subjects) > 1:
        raise BadQuestion(f"A question has one subject, and this one names {' and '.join(subjects)}.")
    if "state" in about and subjects and subjects[0] not in ("basket", "views"):
        raise BadQuestion(f"The state goes with a basket or views, not with {subjects[0]}.")
    for name, value in about.items():
        for key in _keys(name, value):
            _check_key(name, key)
    return about


def _keys(name: str, value: Any) -> Sequence[Any]:
    if name not in ("basket", "views"):
        return (value,)
    if not isinstance(value, list | tuple):
        raise BadQuestion(f"{name} is a list of product ids, not {type(value).__name__}.")
    if len(value) > MOST_PRODUCTS:
        raise BadQuestion(f"{name} names {len(value)} products, and may name {MOST_PRODUCTS}.")
    return value


def _check_key(name: str, key: Any) -> None:
    if not isinstance(key, str):
        raise BadQuestion(f"{name} takes text, not {type(key).__name__}.")
    # What a web framework makes of bytes that are no UTF-8.
    if "\ufffd" in key:
        raise BadQuestion(f"{name} takes a key whose bytes are UTF-8.")
    if not key or len(key) > LONGEST_KEY or not key.isprintable() or key != key.strip():
        raise BadQuestion(f"{name} takes a key of 1 to {LONGEST_KEY} printable characters, without blanks around it.")
