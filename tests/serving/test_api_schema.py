"""Requests made up from the OpenAPI schema, allowed and forbidden: no answer that it does not foresee."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from ml.serving.core import Service
from tests.serving.running import Running, running

pytestmark = pytest.mark.slow


def try_what_the_schema_says(address: str, examples: int) -> Counter[str]:
    """Send requests that the OpenAPI schema allows, and requests that it forbids; raises for an answer that it does
    not foresee.

    Returns:
        How many were sent, by operation.
    """
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    checks = (not_a_server_error, status_code_conformance, response_schema_conformance)
    sent: Counter[str] = Counter()

    def attempt(case: Any) -> None:
        sent[case.operation.label] += 1
        case.validate_response(case.call(timeout=20), checks=checks)

    told = settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    schema: Any = schemathesis.openapi.from_url(f"{address}/openapi.json")
    for operation in schema.get_all_operations():
        for mode in schemathesis.GenerationMode:
            # Nothing that could be forbidden is in a request for /health.
            with suppress(Unsatisfiable):
                told(given(case=operation.ok().as_strategy(generation_mode=mode))(attempt))()
    return sent


def test_nothing_that_the_schema_allows_or_forbids_breaks_it(served: Running) -> None:
    sent = try_what_the_schema_says(served.address, examples=20)
    assert len(sent) == 5
    assert sent["POST /recommendations"] >= 30


@pytest.mark.parametrize(
    ("answer", "said"), [({"similar": "nothing"}, "violates schema"), (RuntimeError("broken"), "Server error")]
)
def test_an_answer_that_the_schema_does_not_foresee_is_found(
    answer: Any, said: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from schemathesis.core.failures import FailureGroup

    def score(question: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(service, "score", score)
    with running(service) as there, pytest.raises(FailureGroup) as found:
        try_what_the_schema_says(there.address, examples=1)
    assert said in str(found.value.exceptions)
