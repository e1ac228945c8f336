"""Members of staff for the tests of the bank: `staff:1` to `staff:9` are people."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

SPARED = 100
"""Other members get higher numbers."""


@pytest.fixture(autouse=True)
def members(request: pytest.FixtureRequest, books_are_right: None) -> None:
    """Nine active members of staff, of whom nobody depends on another."""
    uses_rows = {"db", "transactional_db"} & {*request.fixturenames}
    if request.node.get_closest_marker("django_db") is None and not uses_rows:
        return
    with connection.cursor() as cursor:
        sequence = "pg_get_serial_sequence('auth_user', 'id')"
        cursor.execute(
            f"SELECT setval({sequence}, greatest(nextval({sequence}), %s))",
            [SPARED],
        )
    person = get_user_model()
    people = [person(pk=pk, username=f"member {pk}", is_staff=True) for pk in range(1, 10)]
    person.objects.bulk_create(people, ignore_conflicts=True)
