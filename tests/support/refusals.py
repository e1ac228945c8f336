"""How a refusal is looked at, wherever it comes from."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import connection

from tests.support import prepared
from tests.support.people import Answer, Api

Door = tuple[str, str, dict[str, Any]]
"""Where a body is taken: the method, the address, and a body that would be taken there."""


def state() -> dict[str, Any]:
    """What is in every table: how many rows, and a digest of all of them."""
    found = prepared.execute("state_of_tests", digests)
    return {table: (rows, digest) for table, rows, digest in found}


def digests() -> str:
    """The statement that reads all tables."""
    return " UNION ALL ".join(
        f"SELECT '{table}', count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
        f' FROM "{table}" AS t'
        for table in sorted(connection.introspection.table_names())
    )


def everything() -> tuple[Any, ...]:
    """The digest of every table, and the last value of every sequence."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        return state(), cursor.fetchall()


def refused(answer: Answer, status: int, code: str) -> Answer:
    """Check all that every refusal has; return it for what is its own."""
    assert (answer.status, answer.json.get("code")) == (status, code), answer.json
    assert answer.headers["Content-Type"] == "application/json"
    assert UUID(answer.headers["X-Request-Id"]).version == 7
    body = answer.json
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert body["type"] == f"http://testserver/api/docs/errors#{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/")
    own = {"invalid_fields": {"errors"}, "invalid_parameters": {"errors"}}.get(code, set())
    members = {"type", "status", "code", "title", "detail", "instance", "requestId"}
    assert set(body) == members | own
    for error in body.get("errors", []):
        assert set(error) == {"field", "code", "detail"}
        assert error["detail"]
    return answer


def refused_everywhere(
    api: Api, doors: list[Door], raw: bytes | None, code: str, **kwargs: Any
) -> list[Answer]:
    """Send the bytes, or else what would be taken, to every door."""
    answers = [
        api.call(method, address, raw=json.dumps(body).encode() if raw is None else raw, **kwargs)
        for method, address, body in doors
    ]
    return [refused(answer, 400, code) for answer in answers]
