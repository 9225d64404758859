"""Runs the HTTP interface until it is told to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ml.serving.api import create_app
from ml.serving.core import Service

HEADER_SECONDS = 5.0
"""How long the head of a request may take to arrive."""
SEND_SECONDS = 5.0
"""How long what is sent may wait for a client to take it."""
KEEP_ALIVE_SECONDS = 30
PIPELINED = 100
"""How many requests of one connection may wait for the answers before them when more come in."""
SHUTDOWN_SECONDS = 10
"""How long requests under way may take to end when the server is told to stop."""
CONNECTIONS = 1000
API_KEY = "LAKEHOUSE_API_KEY"
"""The environment variable that holds the key."""
SHORTEST_KEY = 16
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class NotSafe(Exception):
    """The server would be open to everybody."""


class Impatient(HttpToolsProtocol):
    """Closes a connection that does not send a head, or take an answer, in time, or that asks too far ahead.

    Uvicorn waits for ever for both: any byte stops its clock of idle connections, and a line break, which may stand
    before a request, begins none. And it reads on after each answer, a thousand requests at a time, and keeps them.
    """

    _head: asyncio.TimerHandle | None = None
    _unsent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is waited for."""
        # The transport is to say when anything is unsent, and when nothing is.
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Bytes after an answer: a head is begun, whether or not they are part of one."""
        if len(self.pipeline) > PIPELINED:
            self.transport.abort()
            return
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """A request begins, maybe while another is answered."""
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._stop_waiting_for_head()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """The client does not take what is sent as fast as it is sent."""
        super().pause_writing()
        self._unsent = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken all."""
        self._stop_waiting_for_client()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing to wait for any more."""
        self._stop_waiting_for_head()
        self._stop_waiting_for_client()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_waiting_for_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _stop_waiting_for_client(self) -> None:
        if self._unsent is not None:
            self._unsent.cancel()
            self._unsent = None


def server(service: Service, host: str, port: int, api_key: str | None) -> uvicorn.Server:
    """A server that has not been started.

    Args:
        service: answers.
        host: a name or address of this machine.
        port: 0 for any that is free.
        api_key: see :func:`ml.serving.api.create_app`; required unless ``host`` is the loopback interface.

    Raises:
        NotSafe: there is no key, or too short a one.
    """
    here = is_loopback(host)
    if api_key is None and not here:
        raise NotSafe(f"{host} can be reached from other machines: set {API_KEY} to a key that clients send.")
    if api_key is not None and (len(api_key) < SHORTEST_KEY or not api_key.isascii()):
        raise NotSafe(f"{API_KEY} needs at least {SHORTEST_KEY} characters, all of them ASCII.")
    app = create_app(service, api_key, LOOPBACK | {host.lower()} if here and api_key is None else None)
    config: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": Impatient,
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "limit_concurrency": CONNECTIONS,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    }
    return uvicorn.Server(uvicorn.Config(app, **config))


def run(service: Service, host: str, port: int, api_key: str | None, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered first.

    Args:
        ready: called with the address once connections are taken.

    Raises:
        NotSafe: as :func:`server`.
        OSError: the address cannot be had.
    """
    made = server(service, host, port, api_key)
    with listen(host, port, made.config.backlog) as listening:
        address, bound = listening.getsockname()[:2]
        ready(f"http://{f'[{address}]' if ':' in address else address}:{bound}")
        made.run(sockets=[listening])


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that is bound here, so that a port that is taken is an error and no line of a log.

    Its connections send each part of an answer at once. The event loop sees to that only for sockets that name their
    protocol, which this one cannot; without it the body waits 40 ms for the client to confirm the head.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=backlog)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
