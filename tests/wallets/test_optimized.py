"""What must always hold is checked under `python -O` too, which leaves out assert statements."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from iocash.settings import BASE_DIR

CARELESS = """
import django
django.setup()

from datetime import UTC, datetime
from uuid import UUID

from iocash import errors
from users.models.events import By
from wallets.posting.group import run
from wallets.books import Books
from wallets.orders.base import Order

class Careless(Order):
    made = "movement"
    def apply(self, books):
        books.insert(None)
        raise errors.NotFound()

assert False, "this is left out"
books = Books(now=datetime(2026, 1, 1, tzinfo=UTC), users={}, wallets={}, keys={})
try:
    run(books, Careless(client_id=UUID(int=1), by=By("system:test")))
except errors.Inconsistent as found:
    print(found)
"""


@pytest.mark.slow
def test_refusal_after_a_change_is_detected_without_asserts():
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-O", "-c", CARELESS],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "Careless changed the books, then refused\n", done.stderr
