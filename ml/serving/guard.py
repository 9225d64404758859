"""What is refused before anybody looks at it: too long, too slow, without the key, or under a strange name."""

from __future__ import annotations

import asyncio
import hmac
import json

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024
LONGEST_TARGET = 2 * 1024
LARGEST_HEADERS = 16 * 1024
BODY_SECONDS = 5.0
"""How long a body may take to arrive."""

OPEN = ("/health",)
"""What may be asked without a key: whoever watches over the container has none."""


class Guard:
    """Stands before an application; every answer that leaves says which versions of the models gave it.

    Args:
        app: what is behind it.
        api_key: asked for in ``X-API-Key``; None if everybody may ask.
        hosts: names in the header ``Host`` that are ours, without port; None for any.
        told: the versions.
    """

    def __init__(self, app: ASGIApp, api_key: str | None, hosts: frozenset[str] | None, told: str) -> None:
        self._app, self._hosts = app, hosts
        self._key = None if api_key is None else api_key.encode()
        self._told = (b"x-model-versions", told.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        body = _Body(scope, receive)

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # What was not read is not waited for.
                close = () if body.over else ((b"connection", b"close"),)
                message = {**message, "headers": [*message.get("headers", ()), self._told, *close]}
            await send(message)

        try:
            self._check(scope)
        except HTTPException as refused:
            await _answer(signed, refused)
        else:
            await self._app(scope, body.read, signed)

    def _check(self, scope: Scope) -> None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_TARGET:
            raise HTTPException(414, f"The address is longer than {LONGEST_TARGET} bytes.")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEADERS:
            raise HTTPException(431, f"The headers are longer than {LARGEST_HEADERS} bytes.")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if self._hosts is not None and _name(headers.get(b"host", b"")) not in self._hosts:
            raise HTTPException(400, f"This server answers as {', '.join(sorted(self._hosts))} only.")
        if scope["path"] not in OPEN and not self._may_enter(headers.get(b"x-api-key", b"")):
            raise HTTPException(401, "The header X-API-Key is missing or wrong.")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > LARGEST_BODY:
            raise HTTPException(413, f"The body is longer than {LARGEST_BODY} bytes.")

    def _may_enter(self, key: bytes) -> bool:
        # Takes as long for a key that begins right as for any other.
        return self._key is None or hmac.compare_digest(key, self._key)


class _Body:
    """The body of a request, as long as it is neither too long nor too slow.

    Attributes:
        over: whether it has been read to its end, or there is none.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        self.over = b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"
        self._receive = receive
        self._so_far = 0
        self._until: float | None = None

    async def read(self) -> Message:
        clock = asyncio.get_running_loop()
        if self._until is None:
            self._until = clock.time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"The body took longer than {BODY_SECONDS:g} seconds.") from None
        self._so_far += len(message.get("body", b""))
        if self._so_far > LARGEST_BODY:
            raise HTTPException(413, f"The body is longer than {LARGEST_BODY} bytes.")
        self.over = not message.get("more_body", False)
        return message


async def _answer(send: Send, refused: HTTPException) -> None:
    body = json.dumps({"error": refused.detail}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **(refused.headers or {})}
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status_code, "headers": named})
    await send({"type": "http.response.body", "body": body})


def _name(host: bytes) -> str:
    """The name in a header ``Host``, which may have a port."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
