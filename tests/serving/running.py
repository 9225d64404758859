"""A server in a thread, and requests to it as they go over the wire."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from ml.serving.core import Service
from ml.serving.server import server

LOOPBACK = "127.0.0.1"


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Running(NamedTuple):
    """Where a server listens."""

    port: int

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, content, **{"Content-Type": "application/json"} | headers)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request as it is: nothing in the path is tidied up."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=20)
        connection._validate_path = lambda _: None  # type: ignore[attr-defined]
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        finally:
            connection.close()

    def raw(self, content: bytes, then: bytes = b"") -> bytes:
        """What a connection that sends these bytes gets until the server closes it.

        Args:
            then: sent when the first part of an answer is there, if the connection is still open.
        """
        with socket.create_connection((LOOPBACK, self.port), timeout=20) as connection:
            connection.sendall(content)
            found = b""
            if then:
                found += connection.recv(65536)
                with suppress(ConnectionError):
                    connection.sendall(then)
            while part := _received(connection):
                found += part
            return found


def _received(connection: socket.socket) -> bytes:
    """The next bytes, none if the server has closed."""
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


@contextmanager
def running(service: Service, api_key: str | None = None, host: str = LOOPBACK) -> Iterator[Running]:
    """The server of a service, for the length of the block; ``host`` is what it is told, and not listened on."""
    made = server(service, host, 0, api_key)
    with socket.create_server((LOOPBACK, 0)) as listening:
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Running(listening.getsockname()[1])
        finally:
            made.should_exit = True
            thread.join()
