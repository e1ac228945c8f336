"""What the database is asked to do wrong, and by which name it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.support.resources import RESOURCES, table_of
from users.models.ids import new_id

UNSETTLED = {
    "seq": None,
    "balance_after": None,
    "received_after": None,
    "settled_at": None,
}
AS_CASH_OUT = {"type": "CASH_OUT", "counterparty_id": None, "amount": -1, "iban": "ES91"}
WAITING = UNSETTLED | AS_CASH_OUT | {"status": "PENDING"}
WORDLESS = {
    "concept": None,
    "metadata": None,
    "reference": None,
    "salt": None,
    "details_digest": None,
}

BROKEN_HOLDS = [
    ("hold_status_is_known", "status = 'DONE', remaining = 0, ended_at = now()"),
    ("hold_amount_is_positive", "amount = 0, remaining = 0"),
    ("hold_target_is_another_wallet", "target_id = wallet_id"),
    ("hold_remaining_is_within_amount", "remaining = amount + 1"),
    ("hold_open_has_something_left", "remaining = 0"),
    ("hold_open_has_something_left", "ended_at = now()"),
    ("hold_open_has_something_left", "status = 'RELEASED', ended_at = now()"),
    ("hold_open_has_something_left", "status = 'RELEASED', remaining = 0"),
    ("hold_expires_only_when_dated", "status = 'EXPIRED', remaining = 0, ended_at = now()"),
    ("hold_details_have_a_salt", "salt = NULL"),
    ("hold_details_have_a_salt", "details_digest = NULL"),
    ("hold_has_its_wallets_client_and_currency", "wallet_id = %(dollars)s"),
    ("hold_has_its_wallets_client_and_currency", "client_id = %(another)s"),
    ("hold_has_its_targets_client_and_currency", "target_id = %(their_wallet)s"),
    ("hold_has_its_targets_client_and_currency", "target_id = %(nobody)s"),
]
"""Changes that violate a constraint of holds, each with the name of that constraint."""

A_FREEZE = "hold_has_a_target_or_is_a_freeze"
LIFTED = "hold_freeze_is_lifted_as_a_whole_with_a_reason"
BROKEN_FREEZES = [
    (A_FREEZE, "hold", "target_id = NULL, expires_at = NULL, metadata = NULL, reference = NULL"),
    (A_FREEZE, "hold", "case_id = (SELECT max(id) FROM users_case)"),
    (A_FREEZE, "hold", "reason = 'Revoked'"),
    (A_FREEZE, "frozen", "target_id = %(bobs)s"),
    (A_FREEZE, "frozen", "case_id = NULL"),
    (A_FREEZE, "frozen", "expires_at = now()"),
    (A_FREEZE, "frozen", """metadata = '{"a": "1"}'"""),
    (A_FREEZE, "frozen", "reference = '7'"),
    (A_FREEZE, "lifted", "concept = NULL, reason = NULL, salt = NULL, details_digest = NULL"),
    (LIFTED, "frozen", "remaining = 1"),
    (LIFTED, "frozen", "concept = NULL"),
    (LIFTED, "frozen", "reason = 'Revoked'"),
    (LIFTED, "frozen", "status = 'RELEASED', remaining = 0, ended_at = now()"),
    (LIFTED, "frozen", "status = 'EXECUTED', remaining = 0, ended_at = now(), reason = 'Paid'"),
    (LIFTED, "frozen", "status = 'EXPIRED', remaining = 0, ended_at = now(), expires_at = now()"),
    (LIFTED, "lifted", "reason = NULL"),
    (LIFTED, "lifted", "concept = NULL"),
    (LIFTED, "lifted", "concept = NULL, salt = NULL"),
    ("wallets_hold_case_id_", "frozen", "case_id = 0"),
]
"""Changes of a hold, an open freeze or a lifted one, each with the constraint that refuses it.

The name of the constraint may be only its beginning: Django ends those of foreign keys in digits.
"""

PAYING = {"receiver": "WALLET", "iban": ""}
WATCHING = {
    "trigger": "BALANCE_ABOVE",
    "frequency": "",
    "start_date": None,
    "threshold": 0,
    "watched_id": "bobs",
}
BROKEN_COPIES: list[tuple[str, str, dict[str, Any]]] = [
    ("external_account_is_there_once", "account", {}),
    ("external_account_status_is_known", "account", {"status": "GONE"}),
    ("wallets_externalaccount_wallet_id_", "account", {"wallet_id": "nobody"}),
    ("schedule_amount_is_positive", "schedule", {"amount": 0}),
    ("schedule_has_dates_or_a_trigger", "schedule", {"frequency": "HOURLY"}),
    ("schedule_has_dates_or_a_trigger", "schedule", {"start_date": None}),
    ("schedule_has_dates_or_a_trigger", "schedule", {"amount": None}),
    ("schedule_has_dates_or_a_trigger", "schedule", {"trigger": "BALANCE_ABOVE"}),
    ("schedule_has_dates_or_a_trigger", "schedule", WATCHING | {"threshold": None}),
    ("schedule_has_dates_or_a_trigger", "schedule", WATCHING | {"threshold": -1}),
    ("schedule_has_dates_or_a_trigger", "schedule", WATCHING | {"watched_id": None}),
    ("schedule_has_dates_or_a_trigger", "schedule", WATCHING | {"count": 1}),
    ("schedule_missed_runs_are_known", "schedule", {"missed_runs": "SOME"}),
    ("schedule_has_one_receiver", "schedule", {"target_id": "bobs"}),
    ("schedule_has_one_receiver", "schedule", {"receiver": "WALLET"}),
    ("schedule_has_one_receiver", "schedule", {"receiver": "CASH"}),
    ("schedule_has_one_receiver", "schedule", {"account_id": "nobody"}),
    ("schedule_target_is_another_wallet", "schedule", PAYING | {"target_id": "alices"}),
    ("schedule_has_one_end", "schedule", {"count": 1, "end_date": "2099-01-01"}),
    ("schedule_has_one_end", "schedule", {"count": 0}),
    ("schedule_has_one_end", "schedule", {"end_date": "2001-01-01"}),
    ("schedule_is_due_while_it_goes_on", "schedule", {"status": "COMPLETED"}),
    ("schedule_is_due_while_it_goes_on", "schedule", {"status": "GONE"}),
    ("schedule_is_due_while_it_goes_on", "schedule", {"next_at": None}),
    ("schedule_counts_from_1", "schedule", {"next_number": 0}),
    ("schedule_has_its_wallets_client_and_currency", "schedule", {"currency": "USD"}),
    (
        "schedule_has_its_targets_client_and_currency",
        "schedule",
        PAYING | {"target_id": "their_wallet"},
    ),
    (
        "schedule_has_its_watched_wallets_client_and_currency",
        "schedule",
        WATCHING | {"watched_id": "their_wallet"},
    ),
    (
        "schedule_pays_an_account_of_its_wallet",
        "schedule",
        {"iban": "", "account_id": "nobody"},
    ),
    ("run_is_made_once", "execution", {}),
    ("run_has_a_movement_or_a_code", "execution", {"number": 9, "code": "run_missed"}),
    ("run_has_a_movement_or_a_code", "execution", {"number": 9, "status": "FAILED"}),
    ("run_has_a_movement_or_a_code", "execution", {"number": 9, "movement_id": None}),
    ("run_has_a_movement_or_a_code", "execution", {"number": 9, "status": "GONE"}),
    ("run_is_counted_from_1", "execution", {"number": 0}),
    ("run_amount_is_positive", "execution", {"number": 9, "amount": 0}),
    ("run_is_of_a_schedule_of_its_wallet", "execution", {"number": 9, "schedule_id": "nobody"}),
]
"""Copies of rows, by their names in `RESOURCES`, with changes that violate a constraint.

The name of the constraint may be only its beginning: Django ends those of foreign keys in digits.
"""


def run(statement: str, values: Any = None) -> None:
    """Run a statement in a transaction of its own, with nothing put off until the commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def refused_by(statement: str, values: Any = None) -> str:
    """Name the constraint that refuses the statement."""
    with transaction.atomic(), pytest.raises(IntegrityError) as refused:
        run(statement, values)
    return str(refused.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


COPY = """
    INSERT INTO {table} SELECT (jsonb_populate_record(original, %s::jsonb)).*
    FROM {table} AS original WHERE id = %s
"""
TABLES = {resource.name: table_of(resource) for resource in RESOURCES if resource.make}


def a_copy(stage: dict[str, Any], name: str, **changes: Any) -> tuple[str, list[Any]]:
    """Insert a row like that one, with changes: a movement, with the next `seq`, or another."""
    copy = COPY.format(table=TABLES.get(name, "wallets_movement"))
    changes = {"id": new_id(), "seq": 99} | changes
    values = {column: stage.get(str(value), value) for column, value in changes.items()}
    return copy, [json.dumps(values, default=str), stage[name]]
