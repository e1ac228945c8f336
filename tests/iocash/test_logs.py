"""What the log tells of a crash: where it was, and nothing of whose data it was about."""

from __future__ import annotations

import io
import json
import logging
import smtplib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from pythonjsonlogger.json import JsonFormatter

from iocash.logs import Lines, chain
from tests.support import people
from users.models import User

FORMATTERS: dict[str, dict[str, Any]] = settings.LOGGING["formatters"]  # type: ignore[assignment]
OPTIONS = {name: value for name, value in FORMATTERS["json"].items() if name != "()"}
PHONE = "+34600000001"


@pytest.fixture(params=[logging.Formatter(), JsonFormatter()], ids=["lines", "json"])
def console(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the console shows, by the filters of the settings."""
    (handler,) = (each for each in logging.getLogger().handlers if each.name == "console")
    assert isinstance(handler, logging.StreamHandler)
    shown, formatter = io.StringIO(), handler.formatter
    before = handler.setStream(shown)
    handler.setFormatter(request.param)
    yield shown
    handler.setStream(before)
    handler.setFormatter(formatter)


def test_log_time_is_utc_with_milliseconds():
    record = logging.LogRecord("iocash.access", logging.INFO, "", 0, "GET /", None, None)
    record.created = 1_767_225_599.1236
    shown = json.loads(Lines(**OPTIONS).format(record))
    assert shown["time"] == "2025-12-31T23:59:59.123Z"


def crash(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:
        logging.getLogger("tests").exception("It crashed: %s", error)


def again(user: User) -> None:
    with transaction.atomic():
        User.objects.create(**people.ALICE | {"client": user.client, "user_name": "other"})


@pytest.mark.django_db
def test_unexpected_duplicate_is_logged_without_the_phone_number(alice, console):
    crash(lambda: again(alice))
    shown = console.getvalue()
    assert PHONE not in shown
    assert "in again" in shown
    assert shown.count("user_mobile_phone_is_taken_once") == 3


@pytest.mark.django_db
def test_constraint_violation_is_logged_without_the_row(alice, console):
    with connection.cursor() as cursor, transaction.atomic():
        crash(lambda: cursor.execute("UPDATE users_user SET status = 'X'"))
        transaction.set_rollback(True)
    shown = console.getvalue()
    assert PHONE not in shown
    assert "Failing row" not in shown
    assert "user_status_is_known" in shown


def test_refused_mail_is_logged_without_the_address(console):
    address = "alice@example.com"

    def refused() -> None:
        raise smtplib.SMTPRecipientsRefused({address: (550, address.encode())})

    crash(refused)
    shown = console.getvalue()
    assert address not in shown
    assert "SMTPRecipientsRefused" in shown


def test_cause_of_an_exception_is_logged_without_values(alice, console):
    def call() -> None:
        try:
            again(alice)
        except Exception as error:
            raise RuntimeError("No") from error

    crash(call)
    shown = console.getvalue()
    assert PHONE not in shown
    assert "RuntimeError: No" in shown


def test_exception_chain_that_contains_itself_is_logged():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert list(islice(chain(first), 3)) == [first, second]


def test_other_exception_is_logged_unchanged(console):
    crash(lambda: int("7 euros"))
    assert "7 euros" in console.getvalue()
