"""A body that nobody reads costs its caller no answer, and nobody else a connection."""

from __future__ import annotations

import http.client
import io
import json
from typing import Any

import pytest
from django.conf import settings

from iocash.http.unread import draining
from tests.support.server import PATIENCE, Served, database_of_tests

LARGEST = settings.MAX_DOCUMENT_BODY_BYTES


def refuse(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return [environ["wsgi.input"].read(10)]


@pytest.mark.parametrize(
    ("length", "left"),
    [("30", 0), (str(LARGEST), 0), (str(LARGEST + 1), 20), ("", 20), ("-1", 20), ("x", 20)],
)
def test_unread_body_is_drained_up_to_the_limit(length, left):
    body = io.BytesIO(b"a" * 30)
    answer = draining(refuse)({"CONTENT_LENGTH": length, "wsgi.input": body}, None)
    assert answer == [b"a" * 10]
    assert len(body.read()) == left


def test_broken_request_body_does_not_raise():
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise BrokenPipeError

    def deaf(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return []

    assert draining(deaf)({"CONTENT_LENGTH": "9", "wsgi.input": Broken()}, None) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_connection_serves_the_next_request_after_a_refusal(tmp_path):
    """If the body is not read, granian closes the connection and may lose the answer."""
    headers = {"Authorization": "Bearer unknown", "Content-Type": "application/json"}
    with Served(database_of_tests(), tmp_path / "server.log") as server:
        caller = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        caller.connect()
        connection = caller.sock
        for method, path in [("POST", "/api/v1/users"), ("GET", "/api/v1"), ("PUT", "/x")] * 3:
            caller.request(method, path, b"a" * 600_000, headers)
            assert json.loads(caller.getresponse().read())["status"] in {401, 404}
            assert caller.sock is connection
        caller.close()
