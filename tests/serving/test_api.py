"""The HTTP interface as a client meets it, over the wire."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import ROOT
from ml.serving import api, arrays, guard, server
from ml.serving.core import Service
from tests.serving.running import LOOPBACK, Running, running
from tests.serving.shop import Scored

KEY = "a key that is long enough"


@pytest.fixture(scope="module")
def locked(service: Service) -> Iterator[Running]:
    with running(service, KEY) as there:
        yield there


@pytest.mark.parametrize(
    ("path", "question", "shape"),
    [
        ("/recommendations/c0001", {"customer": "c0001"}, api.ForCustomer),
        ("/recommendations/nobody", {"customer": "nobody"}, api.ForCustomer),
        ("/recommendations/jos%C3%A9", {"customer": "josé"}, api.ForCustomer),
        ("/similar/p003", {"product": "p003"}, api.Similar),
        ("/risks/c0001", {"risk_of": "c0001"}, api.Risk),
        ("/risks/c0000", {"risk_of": "c0000"}, api.Risk),
    ],
)
def test_a_path_is_answered_by_the_core_in_the_declared_shape(
    path: str, question: dict[str, Any], shape: Any, served: Running, service: Service
) -> None:
    reply = served.get(path)
    assert reply.status == 200
    assert reply.json == service.score(question)
    assert shape.model_validate(reply.json, strict=True).model_dump() == reply.json
    assert reply.headers["x-model-versions"] == "recommender=7, churn=2"


@pytest.mark.parametrize(
    "body",
    [
        {"basket": ["p003"]},
        {"basket": ["p001", "p002", "p003", "p004", "p005"], "state": "SP"},
        {"views": ["p003", "p010"], "state": "RJ"},
        {"views": ["never met"]},
        {"basket": None, "state": "SP"},
        {},
    ],
)
def test_a_visitor_is_answered_by_the_core(body: dict[str, Any], served: Running, service: Service) -> None:
    reply = served.post("/recommendations", body)
    assert reply.status == 200
    assert reply.json == service.score(body)
    assert api.ForVisitor.model_validate(reply.json, strict=True).model_dump() == reply.json


def test_health_names_what_is_ready(served: Running) -> None:
    assert served.get("/health").json == {
        "status": "ok",
        "models": [
            {"name": "recommender", "version": 7, "as_of_date": "2018-05-15"},
            {"name": "churn", "version": 2, "as_of_date": "2018-05-15"},
        ],
    }


JSON = "application/json"
BAD: dict[str, tuple[str, str, bytes | None, dict[str, str], int]] = {
    "no page": ("GET", "/", None, {}, 404),
    "another page": ("GET", "/admin", None, {}, 404),
    "no customer": ("GET", "/recommendations/", None, {}, 404),
    "a path up": ("GET", "/recommendations/../../etc/passwd", None, {}, 404),
    "a path up, encoded": ("GET", "/recommendations/..%2f..%2fetc%2fpasswd", None, {}, 404),
    "a path up, encoded twice": ("GET", "/similar/%252e%252e%252fetc", None, {}, 404),
    "a drive": ("GET", "/similar/C:%5Cwindows%5Cwin.ini", None, {}, 404),
    "an unknown product": ("GET", "/similar/never-met", None, {}, 404),
    "an unknown customer's risk": ("GET", "/risks/nobody", None, {}, 404),
    "SQL": ("GET", "/similar/x'%20or%20'1'='1", None, {}, 404),
    "a script": ("GET", "/similar/%3Cscript%3Ealert(1)%3C%2Fscript%3E", None, {}, 404),
    "a template": ("GET", "/risks/%7B%7B7*7%7D%7D", None, {}, 404),
    "a null byte": ("GET", "/recommendations/c%00", None, {}, 422),
    "a line break": ("GET", "/recommendations/c%0d%0aSet-Cookie:x", None, {}, 422),
    "blanks": ("GET", "/recommendations/%20%20", None, {}, 422),
    "a mark that turns text around": ("GET", "/recommendations/%E2%80%AEc", None, {}, 422),
    "bytes that are no text": ("GET", "/recommendations/%ff%fe", None, {}, 422),
    "a key of 129": ("GET", "/recommendations/" + "c" * 129, None, {}, 422),
    "an address of 3,000": ("GET", "/similar/" + "p" * 3000, None, {}, 414),
    "a question of 3,000": ("GET", "/health?" + "q" * 3000, None, {}, 414),
    "headers of 20,000": ("GET", "/health", None, {"X-Long": "x" * 20_000}, 431),
    "another method": ("DELETE", "/recommendations/c0001", None, {}, 405),
    "a method of nobody's": ("PROPFIND", "/recommendations", None, {}, 405),
    "no body": ("POST", "/recommendations", b"", {"Content-Type": JSON}, 422),
    "no JSON": ("POST", "/recommendations", b"{basket:", {"Content-Type": JSON}, 422),
    "no text": ("POST", "/recommendations", b"\xff\xfe\x00", {"Content-Type": JSON}, 400),
    "a list": ("POST", "/recommendations", b"[]", {"Content-Type": JSON}, 422),
    "null": ("POST", "/recommendations", b"null", {"Content-Type": JSON}, 422),
    "a form": (
        "POST",
        "/recommendations",
        b"basket=p001",
        {"Content-Type": "application/x-www-form-urlencoded"},
        422,
    ),
    "a basket that is text": ("POST", "/recommendations", b'{"basket":"p001"}', {"Content-Type": JSON}, 422),
    "a basket of numbers": ("POST", "/recommendations", b'{"basket":[1,NaN,1e999]}', {"Content-Type": JSON}, 422),
    "a basket of objects": ("POST", "/recommendations", b'{"basket":[{"$ne":null}]}', {"Content-Type": JSON}, 422),
    "an empty key": ("POST", "/recommendations", b'{"basket":[""]}', {"Content-Type": JSON}, 422),
    "half a character": ("POST", "/recommendations", b'{"basket":["\\ud800"]}', {"Content-Type": JSON}, 422),
    "51 products": (
        "POST",
        "/recommendations",
        json.dumps({"basket": ["p"] * 51}).encode(),
        {"Content-Type": JSON},
        422,
    ),
    "basket and views": ("POST", "/recommendations", b'{"basket":["p"],"views":["p"]}', {"Content-Type": JSON}, 422),
    "an unknown state": ("POST", "/recommendations", b'{"state":"Atlantis"}', {"Content-Type": JSON}, 422),
    "an unknown field": ("POST", "/recommendations", b'{"user_id":3}', {"Content-Type": JSON}, 422),
    "30,000 brackets": ("POST", "/recommendations", b"[" * 30_000, {"Content-Type": JSON}, 400),
    "10 MB": ("POST", "/recommendations", b" " * 10_000_000, {"Content-Type": JSON}, 413),
    "another host's name": ("GET", "/health", None, {"Host": "example.com"}, 400),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_with_what_is_wrong(name: str, served: Running) -> None:
    method, path, body, headers, status = BAD[name]
    try:
        reply = served.ask(method, path, body, **headers)
    except (BrokenPipeError, ConnectionResetError):
        # The server has answered and closed while ten megabytes were still being sent.
        assert status == 413
        return
    assert reply.status == status, reply.text
    assert len(reply.json["error"]) > 10
    assert len(reply.text) < 1000
    assert "Traceback" not in reply.text
    assert served.get("/health").status == 200


def test_a_body_without_a_length_is_cut_off(served: Running) -> None:
    head = b"POST /recommendations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    assert served.raw(head + 3 * chunk).startswith(b"HTTP/1.1 413 ")


def test_what_is_no_http_is_refused(served: Running) -> None:
    assert served.raw(b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_slow_body_and_a_slow_head_are_not_waited_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.2)
    with running(service) as there:
        slow = b"POST /recommendations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
        assert b" 408 " in there.raw(slow).splitlines()[0]
        assert there.raw(b"GET /health HTTP/1.1\r\nHost: ") == b""
        assert there.raw(b"") == b""
        assert there.get("/health").status == 200


@pytest.mark.parametrize(
    ("asked", "then", "said"),
    [
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n", b""),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", b"x", b"connection: close"),
        (
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1",
            b"connection: close",
        ),
    ],
)
def test_a_byte_after_an_answer_does_not_keep_a_connection(
    asked: bytes, then: bytes, said: bytes, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.2)
    with running(service) as there:
        found = there.raw(asked, then)
        assert found.startswith(b"HTTP/1.1 200 ")
        assert said in found


def test_a_connection_serves_the_next_request_too(served: Running) -> None:
    question = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
    body = b"POST /recommendations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    body += b"Content-Length: 2\r\n\r\n{}"
    for first in (question + b"\r\n", body):
        found = served.raw(first, question + b"Connection: close\r\n\r\n")
        assert found.count(b"HTTP/1.1 200 ") == 2


def unread(there: Running) -> socket.socket:
    """A connection that takes few bytes, and reads none of them."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect((LOOPBACK, there.port))
    return connection


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the server gives a connection up; who has sent a line break to one that is closed is told so."""
    told = select.poll()
    told.register(connection, 0)
    with suppress(ConnectionError):
        for _ in range(200):
            connection.sendall(b"\r\n")
            told.poll(100)
        return False
    return True


LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_answers_that_nobody_reads_are_not_waited_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(server, "PIPELINED", 1000)
    with running(service) as there, unread(there) as connection:
        # Ten megabytes of answers: more than both ends keep.
        connection.sendall(LARGE * 1000)
        assert is_cut_off(connection)
        assert there.get("/health").status == 200


def test_requests_far_ahead_of_their_answers_are_not_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SEND_SECONDS", 600)
    with running(service) as there, unread(there) as connection:
        with pytest.raises(ConnectionError):
            for _ in range(100):
                connection.sendall(LARGE * 1000)
        assert there.get("/health").status == 200


def test_a_key_is_asked_for_everywhere_but_for_health(locked: Running) -> None:
    assert locked.get("/health").status == 200
    for path in ("/recommendations/c0001", "/similar/p003", "/risks/c0001", "/docs", "/openapi.json", "/nothing"):
        for headers in ({}, {"X_API_Key": ""}, {"X_API_Key": KEY[:-1]}, {"X_API_Key": KEY + "x"}):
            reply = locked.get(path, **headers)
            assert (reply.status, "X-API-Key" in reply.json["error"]) == (401, True)
    assert locked.get("/recommendations/c0001", X_API_Key=KEY).status == 200
    assert locked.post("/recommendations", {}, X_API_Key=KEY).status == 200
    assert locked.get("/recommendations/c0001", X_API_Key=KEY, Host="shop.example").status == 200


@pytest.mark.parametrize(
    ("host", "key", "said"),
    [
        ("0.0.0.0", None, "set LAKEHOUSE_API_KEY"),
        ("::", None, "set LAKEHOUSE_API_KEY"),
        ("192.0.2.1", None, "set LAKEHOUSE_API_KEY"),
        ("shop.example", None, "set LAKEHOUSE_API_KEY"),
        ("0.0.0.0", "short", "at least 16"),
        (LOOPBACK, "ü" * 20, "ASCII"),
    ],
)
def test_nobody_else_may_reach_it_without_a_key(host: str, key: str | None, said: str, service: Service) -> None:
    with pytest.raises(server.NotSafe, match=said):
        server.server(service, host, 0, key)


def test_loopback_needs_no_key_and_a_key_opens_any_address(service: Service) -> None:
    for host in (LOOPBACK, "::1", "localhost"):
        assert server.server(service, host, 0, None).config.host == host
    assert server.server(service, "0.0.0.0", 0, KEY).config.host == "0.0.0.0"


def test_the_address_that_it_listens_on_is_one_of_its_names(service: Service) -> None:
    with running(service, host="127.0.0.2") as there:
        assert there.get("/health", Host=f"127.0.0.2:{there.port}").status == 200
        assert there.get("/health", Host="127.0.0.3").status == 400


@pytest.mark.parametrize("named", ["basket", "views"])
def test_others_do_not_wait_for_a_long_list(named: str, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    score = service.score

    def slowly(question: dict[str, Any]) -> dict[str, Any]:
        if named in question:
            begun.set()
            assert go_on.wait(60)
        return score(question)

    monkeypatch.setattr(service, "score", slowly)
    with running(service) as there:
        body = {named: ["p001", "p002", "p003", "p004"]}
        asking = threading.Thread(target=lambda: there.post("/recommendations", body))
        asking.start()
        try:
            assert begun.wait(20)
            assert there.get("/similar/p003").status == 200
        finally:
            go_on.set()
            asking.join(20)


class Outward(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_page_lists_every_path_and_loads_nothing(served: Running) -> None:
    paths = served.get("/openapi.json").json["paths"]
    page = served.get("/docs")
    for path in paths:
        assert f"{path}</code>" in page.text
    found = Outward()
    found.feed(page.text)
    assert found.found == ["openapi.json"]
    assert not re.search(r"https?://|@import|url\(", page.text)


def test_requests_under_way_are_answered_before_it_ends(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    score = service.score

    def slowly(question: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(20)
        return score(question)

    monkeypatch.setattr(service, "score", slowly)
    replies = []
    made = server.server(service, LOOPBACK, 0, None)
    with socket.create_server((LOOPBACK, 0)) as listening:
        there = Running(listening.getsockname()[1])
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listening]})
        body = {"basket": ["p001", "p002", "p003", "p004"]}
        asking = threading.Thread(target=lambda: replies.append(there.post("/recommendations", body)))
        thread.start()
        asking.start()
        assert begun.wait(20)
        made.should_exit = True
        go_on.set()
        for each in (asking, thread):
            each.join(20)
    assert [reply.status for reply in replies] == [200]
    assert not thread.is_alive()


@pytest.mark.slow
def test_a_process_says_where_it_listens_and_ends_when_it_is_told(small: Scored, tmp_path: Path) -> None:
    arrays.write(tmp_path / "recommender.npz", small.online.saying(version=1))
    words = [sys.executable, "-m", "ml.serving", str(tmp_path), "--port", "0"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        there = Running(int(process.stdout.readline().rpartition(":")[2]))
        assert there.get("/similar/p003").status == 200
        assert there.get("/risks/c0001").status == 404
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (-signal.SIGTERM, "", "")
    beyond = subprocess.run([*words[:-1], "99999"], cwd=ROOT, capture_output=True, text=True)
    assert (beyond.returncode, beyond.stderr) == (1, "error: bind(): port must be 0-65535.\n")
    open_to_all = subprocess.run(
        [*words, "--host", "0.0.0.0"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != server.API_KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert open_to_all.returncode == 1
    assert "error: 0.0.0.0 can be reached" in open_to_all.stderr


def test_the_body_of_an_answer_does_not_wait_for_the_head_to_be_confirmed() -> None:
    with server.listen("127.0.0.1", 0, 1) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
