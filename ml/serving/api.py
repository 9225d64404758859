"""The HTTP interface: paths and bodies become questions for :class:`ml.serving.core.Service`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from ml.serving.core import LONGEST_KEY, MOST_PRODUCTS, BadQuestion, NotKnown, Service
from ml.serving.guard import Guard

VERSION = "1"
QUICK = 3
"""A list of more products takes long enough that others should not wait for it."""

Key = Annotated[str, Path(min_length=1, max_length=LONGEST_KEY)]
Product = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY)]
Products = Annotated[list[Product], Field(max_length=MOST_PRODUCTS)]


class Origin(BaseModel):
    """Which version of which model answers, and as of which day."""

    name: str
    version: int | None
    as_of_date: str


class Offer(BaseModel):
    """A product; of equal lists the scores can be compared, of different ones they cannot."""

    product_id: str
    rank: int
    score: float
    method: str


class ForCustomer(BaseModel):
    """What a customer is offered; `cold_start` if nobody knows them: then it is what is popular."""

    customer: str
    cold_start: bool
    recommendations: list[Offer]
    buy_again: list[Offer]
    model: Origin


class ForVisitor(BaseModel):
    """What a visitor is offered; `cold_start` if no product that they named is known: then it is what is popular."""

    cold_start: bool
    unknown_products: list[str]
    recommendations: list[Offer]
    model: Origin


class Similar(BaseModel):
    """What goes with a product."""

    product: str
    similar: list[Offer]
    model: Origin


class Risk(BaseModel):
    """Whether a customer will buy again; decile 1 has the highest churn probability."""

    customer: str
    churn_probability: float
    repurchase_probability: float
    previous_repurchase_probability: float | None
    decile: int
    method: str
    reason_1: str | None
    reason_2: str | None
    reason_3: str | None
    model: Origin


class Health(BaseModel):
    """What is ready to answer."""

    status: str
    models: list[Origin]


class Problem(BaseModel):
    """What is wrong with a request, in a sentence."""

    error: str


class Visitor(BaseModel):
    """Somebody without an account: the current basket or the last views, and the state if it is known."""

    model_config = ConfigDict(extra="forbid", strict=True)

    basket: Products | None = Field(None, description="Product ids, oldest first; not together with views.")
    views: Products | None = Field(None, description="Product ids, oldest first; not together with basket.")
    state: str | None = Field(None, min_length=1, max_length=LONGEST_KEY, description="As in gold.dim_customer.")


def create_app(service: Service, api_key: str | None = None, hosts: frozenset[str] | None = None) -> FastAPI:
    """The application.

    Args:
        service: answers.
        api_key: asked for in the header ``X-API-Key``, except by ``/health``; None if everybody may ask.
        hosts: the names by which it may be called, so that no web page can reach it under another; None for any.
    """
    app = FastAPI(
        title="Recommendations and risks",
        version=VERSION,
        description="Business keys in, recommendations and risks out. Every answer names the model's version.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={code: {"model": Problem} for code in (400, 401, 404, 408, 413, 414, 422, 431)},
    )
    told = ", ".join(f"{name}={origin['version']}" for name, origin in service.models.items())
    app.add_middleware(Guard, api_key=api_key, hosts=hosts, told=told)

    # The answers are of the declared shape by the way they are made; a test compares them with it, and no request
    # has to pay for it.
    @app.get("/health", response_model=Health, tags=["health"])
    async def health() -> Response:
        """Which models are ready to answer."""
        return answer({"status": "ok", "models": list(service.models.values())})

    @app.get("/recommendations/{customer}", response_model=ForCustomer, tags=["recommendations"])
    async def for_customer(customer: Key) -> Response:
        """New products for a customer, and those to buy again. Who is not known gets what is popular."""
        return answer(service.score({"customer": customer}))

    @app.post("/recommendations", response_model=ForVisitor, tags=["recommendations"])
    async def for_visitor(visitor: Visitor) -> Response:
        """What completes a basket, or goes on from the last views."""
        question = visitor.model_dump(exclude_none=True)
        if len(question.get("basket") or question.get("views") or ()) <= QUICK:
            return answer(service.score(question))
        return answer(await run_in_threadpool(service.score, question))

    @app.get("/similar/{product}", response_model=Similar, tags=["recommendations"])
    async def similar(product: Key) -> Response:
        """What goes with a product."""
        return answer(service.score({"product": product}))

    @app.get("/risks/{customer}", response_model=Risk, tags=["risks"])
    async def risk(customer: Key) -> Response:
        """Whether a customer will buy again, and what speaks for it."""
        return answer(service.score({"risk_of": customer}))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()))

    @app.exception_handler(BadQuestion)
    async def bad_question(_: Request, problem: BadQuestion) -> Response:
        return answer({"error": str(problem)}, 422)

    @app.exception_handler(NotKnown)
    async def not_known(_: Request, problem: NotKnown) -> Response:
        return answer({"error": str(problem)}, 404)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_: Request, problem: RequestValidationError) -> Response:
        return answer({"error": " ".join(map(_in_words, problem.errors()[:3]))}, 422)

    @app.exception_handler(HTTPException)
    async def no_such_page(request: Request, problem: HTTPException) -> Response:
        no_such = problem.status_code in (404, 405)
        said = f"{problem.detail}: /docs lists what can be asked." if no_such else problem.detail
        return answer({"error": said}, problem.status_code, problem.headers)

    return app


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Plain values as JSON."""
    body = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return Response(body.encode(), status, headers, media_type="application/json")


def page(schema: Mapping[str, Any]) -> str:
    """What can be asked, as a page that loads nothing from anywhere: the usual one comes from another host."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            shape = schema["components"]["schemas"].get(body.get("$ref", "").rsplit("/", 1)[-1], {})
            takes = "".join(
                f"<li><code>{escape(name)}</code> {escape(field.get('description', ''))}</li>"
                for name, field in shape.get("properties", {}).items()
            )
            rows.append(
                f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2><p>{escape(told['description'])}</p>"
                f"{f'<p>Body, JSON:</p><ul>{takes}</ul>' if takes else ''}"
            )
    info = schema["info"]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(info['title'])}</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:45rem;margin:2rem auto;padding:0 1rem}</style>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])} "
        'The schema is <a href="openapi.json">openapi.json</a>.</p>' + "".join(rows) + "</html>\n"
    )


def _in_words(error: Mapping[str, Any]) -> str:
    """What is wrong with a field, without what was sent: that may be long, or no text."""
    where = ".".join(str(part) for part in error["loc"][1:])
    return f"{where[:200]}: {error['msg']}." if where else f"{error['msg']}."
