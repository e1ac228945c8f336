"""A database that ends the session at COMMIT."""

from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture
def dies_at_commit(transactional_db):
    """The server ends the connection while it commits a movement: nothing is committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
            "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON wallets_movement"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS die CASCADE")
