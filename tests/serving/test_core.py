"""Questions and answers without a shell around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml.serving import arrays, pyfunc_rows
from ml.serving.arrays import Online
from ml.serving.core import LONGEST_KEY, MOST_PRODUCTS, BadQuestion, NotKnown, Service
from tests.serving.shop import Scored


def test_an_answer_names_the_version_and_is_plain(service: Service) -> None:
    answers = [
        service.score(question)
        for question in (
            {"customer": "c0001"},
            {"customer": "nobody"},
            {"product": "p003"},
            {"basket": ["p003"], "state": "SP"},
            {"views": ["p003"]},
            {},
        )
    ]
    for answer in answers:
        assert answer["model"] == {"name": "recommender", "version": 7, "as_of_date": "2018-05-15"}
        assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_a_stranger_gets_a_cold_start_and_it_says_so(service: Service) -> None:
    nobody = service.score({"customer": "nobody"})
    assert nobody["cold_start"]
    assert len(nobody["recommendations"]) == 10
    assert nobody["buy_again"] == []
    assert not service.score({"customer": "c0001"})["cold_start"]
    basket = service.score({"basket": ["never met"], "state": "SP"})
    assert basket["cold_start"]
    assert basket["unknown_products"] == ["never met"]
    assert basket["recommendations"] == service.score({"state": "SP"})["recommendations"]
    assert not service.score({"basket": ["p003", "never met"]})["cold_start"]


def test_every_risk_is_the_row_of_the_table(service: Service, churn_scores: pd.DataFrame) -> None:
    for row in churn_scores.astype(object).where(churn_scores.notna(), None).to_dict("records"):
        answer = service.score({"risk_of": row["customer_unique_id"]})
        assert answer.pop("model") == {"name": "churn", "version": 2, "as_of_date": "2018-05-15"}
        assert answer == {"customer": row.pop("customer_unique_id"), **row}
    with pytest.raises(NotKnown, match="'nobody'"):
        service.score({"risk_of": "nobody"})


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ([], "JSON object"),
        ("c0001", "JSON object"),
        ({"user_id": 3}, "cannot name user_id"),
        ({"customer": 3}, "customer takes text, not int"),
        ({"customer": ""}, "1 to 128"),
        ({"customer": " c0001"}, "without blanks"),
        ({"customer": "c\x00"}, "printable"),
        ({"customer": "\ud800"}, "printable"),
        ({"customer": "c\ufffd"}, "UTF-8"),
        ({"customer": "c" * (LONGEST_KEY + 1)}, "1 to 128"),
        ({"customer": "c0001", "product": "p001"}, "one subject"),
        ({"customer": "c0001", "state": "SP"}, "state goes with"),
        ({"basket": ["p001"], "views": ["p001"]}, "one subject"),
        ({"basket": "p001"}, "list of product ids"),
        ({"basket": [["p001"]]}, "takes text, not list"),
        ({"basket": ["p001"] * (MOST_PRODUCTS + 1)}, "names 51 products"),
        ({"state": "Atlantis"}, "Known are: MG, RJ, SP"),
    ],
)
def test_what_is_no_question_is_refused_with_what_to_ask(question: Any, said: str, service: Service) -> None:
    with pytest.raises(BadQuestion, match=said):
        service.score(question)


def test_a_model_that_is_not_there_is_said(small: Scored, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no model"):
        Service.open(tmp_path)
    arrays.write(tmp_path / "recommender.npz", small.online.saying(version=1))
    service = Service.open(tmp_path)
    assert list(service.models) == ["recommender"]
    with pytest.raises(NotKnown, match="lakehouse score churn"):
        service.score({"risk_of": "c0001"})


def test_rows_of_a_frame_are_asked_one_by_one(small: Scored, service: Service, tmp_path: Path) -> None:
    path = tmp_path / arrays.ONLINE
    arrays.write(path, small.online)
    rows = pd.DataFrame(
        {
            "customer_unique_id": ["c0001", None, None, None],
            "basket": [None, ["p003"], None, None],
            "state": [None, None, "SP", float("nan")],
        }
    )
    answers = pyfunc_rows.recommended(path, rows)
    questions: list[dict[str, Any]] = [{"customer": "c0001"}, {"basket": ["p003"]}, {"state": "SP"}, {}]
    for number, question in enumerate(questions):
        told = answers[answers["question"] == number]
        expected = service.score(question)
        assert list(told["product_id"]) == [offer["product_id"] for offer in expected["recommendations"]]
        assert set(told["cold_start"]) == {expected["cold_start"]}


def test_nulls_and_repeated_words_survive_the_file(tmp_path: Path) -> None:
    codes, values = arrays.coded(["a", None, "b", "a"])
    arrays.write(
        tmp_path / "x.npz", Online({"said": "ü"}, {"codes": codes, "values": values, "none": arrays.text([])})
    )
    about, stored = arrays.read(tmp_path / "x.npz")
    assert about == {"said": "ü"}
    assert stored["codes"].tolist() == [0, -1, 1, 0]
    assert stored["values"].tolist() == ["a", "b"]
    assert stored["none"].tolist() == []
