"""The audit reads each row a few times only, also before PostgreSQL has statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.support import people
from users import demo_documents, kyc
from users.kyc import Kind
from users.models import Event, KycDocument, User
from wallets import audit

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]

USERS = 400
MOST_FOR_EACH_USER = 100
"""Rows that a node of a plan reads; a user has two documents and ten events."""

COPY_USERS = """
    INSERT INTO users_user
    SELECT made.* FROM users_user AS source, generate_series(1, %s) AS n,
    LATERAL jsonb_populate_record(source, jsonb_build_object(
        'id', md5('user ' || n)::uuid, 'user_name', 'user' || n,
        'mobile_phone', '+347' || lpad(n::text, 8, '0'))) AS made
    WHERE source.id = %s
"""
COPY_DOCUMENTS = """
    INSERT INTO users_kycdocument
    SELECT made.* FROM users_kycdocument AS source, generate_series(1, %s) AS n,
    LATERAL jsonb_populate_record(source, jsonb_build_object(
        'id', md5(source.kind || n)::uuid, 'user_id', md5('user ' || n)::uuid)) AS made
    WHERE source.user_id = %s
"""
ADD_EVENTS = """
    INSERT INTO users_event (id, client_id, subject, subject_id, kind, actor, request_id, data)
    SELECT gen_random_uuid(), client_id, 'user', user_id, kinds.kind, reviewed_by, '',
           jsonb_build_object('id', document.id)
    FROM users_kycdocument AS document,
         (VALUES ('user.kyc_document_approved'), ('user.kyc_document_sent'), ('user.changed'),
                 ('user.changed'), ('user.changed')) AS kinds (kind)
"""


@pytest.fixture
def many_users(alice: User) -> None:
    """Users with approved documents, in tables without statistics."""
    for kind in (Kind.IDENTITY, Kind.OCCUPATION):
        about: dict[str, Any] = {"client_id": alice.client_id, "user_id": alice.id, "by": people.BY}
        kyc.send(**about, kind=kind, shown=demo_documents.sample(kind))
    KycDocument.objects.update(status="APPROVED", reviewed_by="staff:1", reviewed_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in (COPY_USERS, COPY_DOCUMENTS):
            cursor.execute(statement, [USERS, alice.id])
        cursor.execute(ADD_EVENTS)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def rows_read(node: dict[str, Any]) -> float:
    """The rows that a node returned or dropped, in all its loops."""
    dropped = (value for name, value in node.items() if name.startswith("Rows Removed"))
    return float((node["Actual Rows"] + sum(dropped)) * node["Actual Loops"])


@pytest.mark.slow
def test_equations_read_few_rows_without_statistics(many_users):
    values = {"first": audit.LOWEST, "last": audit.HIGHEST}
    most = {}
    with connection.cursor() as cursor:
        for equation in audit.EQUATIONS:
            query = audit.FIRST_WRONG.format(equation.query)
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", values)
            plan = cursor.fetchone()[0][0]["Plan"]
            most[equation.name] = max(map(rows_read, nodes(plan)))
    assert Event.objects.count() > 10 * USERS
    assert max(most.values()) <= MOST_FOR_EACH_USER * USERS, most
    assert most["levels"] >= USERS


def test_object_of_each_key_is_looked_up():
    """The table is not read as a whole in each step, even if the planner has no index to use."""
    (keys,) = (each for each in audit.EQUATIONS if each.name == "keys")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_indexonlyscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        values = {"first": audit.LOWEST, "last": audit.HIGHEST}
        cursor.execute(f"EXPLAIN {keys.query}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "SubPlan" in plan
    assert "hashed" not in plan
