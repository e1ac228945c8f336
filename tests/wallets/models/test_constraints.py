"""What the database refuses of wallets and movements, each by its name."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction

from iocash import money
from tests.support.constraints import (
    AS_CASH_OUT,
    BROKEN_COPIES,
    BROKEN_FREEZES,
    BROKEN_HOLDS,
    UNSETTLED,
    WAITING,
    WORDLESS,
    a_copy,
    refused_by,
    run,
)
from tests.support.resources import make_each
from users.models import Otp
from users.models.ids import new_id
from wallets.models import (
    Audit,
    AuditProgress,
    BankAccount,
    BankUpload,
    ClientMove,
    SafeguardingReport,
    Wallet,
)

pytestmark = pytest.mark.django_db

# --- Wallets -------------------------------------------------------------------------------------

BROKEN_WALLETS = [
    ("wallet_held_is_not_negative", "held = -1"),
    ("wallet_balance_covers_held", "held = balance + 1"),
    ("wallet_balance_covers_held", "balance = -1"),
    (
        "wallet_balance_has_a_ceiling",
        f"balance = {money.MAX_BALANCE + 1}, received = {money.MAX_BALANCE + 1}",
    ),
    ("wallet_received_covers_balance", "received = balance - 1"),
    ("wallet_closed_is_empty", "status = 'UNSUBSCRIBED'"),
    ("wallet_alert_is_above_zero", "alert_below = 0"),
    ("wallet_alert_is_above_zero", "alert_below = -1"),
    ("wallet_status_is_known", "status = 'CLOSED'"),
    ("wallet_seq_has_a_head", "head = ''"),
    ("wallet_seq_has_a_head", "seq = 0"),
    ("wallet_seq_has_a_head", "settled_at = NULL"),
    ("wallet_seq_has_a_head", "seq = 0, head = ''"),
    ("wallet_is_of_its_users_client", "user_id = %(their_user)s"),
    ("wallet_is_of_its_users_client", "user_id = %(nobody)s"),
    ("movement_has_its_wallets_client_and_currency", "client_id = %(another)s"),
    ("movement_has_its_wallets_client_and_currency", "currency = 'USD'"),
    ("movement_has_its_wallets_client_and_currency", "id = %(nobody)s"),
]


@pytest.mark.parametrize(("constraint", "change"), BROKEN_WALLETS)
def test_invalid_wallet_violates_the_named_constraint(stage, constraint, change):
    statement = f"UPDATE wallets_wallet SET {change} WHERE id = %(alices)s"
    assert refused_by(statement, stage) == constraint


def test_balance_can_reach_its_maximum(stage):
    with transaction.atomic():
        Wallet.objects.filter(id=stage["alices"]).update(
            balance=money.MAX_BALANCE, received=money.MAX_BALANCE
        )
        transaction.set_rollback(True)


def test_iban_is_unique_per_client(stage):
    for name in ("alices", "their_wallet"):
        run("UPDATE wallets_wallet SET iban = 'ES91' WHERE id = %s", [stage[name]])
    statement = "UPDATE wallets_wallet SET iban = 'ES91' WHERE id = %s"
    assert refused_by(statement, [stage["bobs"]]) == "wallet_iban_is_given_once"


REMOVALS = [
    ("movement_has_its_wallets_client_and_currency", "wallets_wallet", "alices"),
    ("wallet_is_of_its_users_client", "users_user", "their_user"),
    ("movement_is_never_removed", "wallets_movement", "out"),
    ("hold_is_never_removed", "wallets_hold", "hold"),
]


@pytest.mark.parametrize(("constraint", "table", "name"), REMOVALS)
def test_row_with_references_cannot_be_deleted(stage, constraint, table, name):
    Otp.objects.all().delete()
    assert refused_by(f"DELETE FROM {table} WHERE id = %s", [stage[name]]) == constraint


@pytest.mark.parametrize("model", [*apps.get_app_config("wallets").get_models()])
def test_every_foreign_key_restricts_deletion(model):
    keys = [field for field in model._meta.fields if isinstance(field, models.ForeignKey)]
    without = {Audit, AuditProgress, BankAccount, BankUpload, ClientMove, SafeguardingReport}
    assert keys or model in without
    assert all(field.remote_field.on_delete is models.PROTECT for field in keys)


# --- Movements -----------------------------------------------------------------------------------

BROKEN_MOVEMENTS: list[tuple[str, str, dict[str, Any]]] = [
    ("movement_amount_is_not_zero", "into", {"amount": 0}),
    ("movement_type_is_known", "into", {"type": "GIFT"}),
    ("movement_status_is_known", "into", WAITING | {"status": "DONE"}),
    ("movement_counterparty_is_another_wallet", "into", {"counterparty_id": "bobs"}),
    ("movement_transfer_has_a_counterparty", "into", {"counterparty_id": None}),
    ("movement_cash_in_comes_from_outside", "brought", {"counterparty_id": "bobs"}),
    ("movement_cash_in_comes_from_outside", "brought", {"amount": -1}),
    ("movement_holder_has_an_iban", "into", {"holder_name": "Bob"}),
    *[("movement_success_is_settled", "into", {name: None}) for name in UNSETTLED],
    ("movement_success_is_settled", "into", {"seq": 0}),
    ("movement_success_is_settled", "into", {"balance_after": -1}),
    ("movement_success_is_settled", "into", {"received_after": 1}),
    *[
        ("movement_success_is_settled", "into", AS_CASH_OUT | {"status": status, "reason": reason})
        for status, reason in (("PENDING", ""), ("ERROR", "Closed"), ("CANCELLED", ""))
    ],
    *[
        ("movement_success_is_settled", "into", WAITING | {name: value})
        for name, value in {
            "seq": 99,
            "balance_after": 0,
            "received_after": 0,
            "settled_at": "2026-01-31T12:00:00Z",
        }.items()
    ],
    ("movement_cash_out_goes_outside", "into", WAITING | {"amount": 1}),
    ("movement_cash_out_has_an_iban_unless_erased", "into", WAITING | {"iban": None}),
    ("movement_cash_out_settles_after_it_was_sent", "into", AS_CASH_OUT),
    ("movement_only_a_transfer_executes_a_hold", "brought", {"hold_id": "hold"}),
    (
        "movement_goes_to_an_account_of_its_wallet",
        "into",
        WAITING | {"external_account_id": "nobody"},
    ),
    ("movement_only_a_cash_out_has_an_account", "into", {"external_account_id": "nobody"}),
    ("movement_reversal_names_what_it_reverses", "into", {"type": "REVERSAL"}),
    ("movement_reversal_names_what_it_reverses", "into", {"reversal_of_id": "out"}),
    (
        "movement_reversal_from_outside_has_an_iban_unless_erased",
        "brought",
        {"type": "REVERSAL", "reversal_of_id": "brought"},
    ),
    ("movement_adjustment_has_no_counterparty", "into", {"type": "ADJUSTMENT"}),
    ("movement_only_a_cash_out_waits", "into", UNSETTLED | {"status": "PENDING"}),
    ("movement_only_a_cash_out_waits", "into", {"sent_at": "2026-01-31T12:00:00Z"}),
    ("movement_reason_is_of_an_error", "into", {"reason": "Closed"}),
    ("movement_reason_is_of_an_error", "into", WAITING | {"status": "ERROR"}),
    ("movement_details_have_a_salt", "into", {"salt": None}),
    ("movement_details_have_a_salt", "into", {"details_digest": None}),
    *[
        ("movement_details_have_a_salt", "into", WORDLESS | {name: value})
        for name, value in {
            "concept": "Lunch",
            "iban": "ES91",
            "metadata": {"a": "1"},
            "reference": "1001",
            "salt": "\\x00",
        }.items()
    ],
    ("movement_seq_is_given_once_per_wallet", "into", {"seq": 1}),
    ("movement_has_its_wallets_client_and_currency", "brought", {"client_id": "another"}),
    ("movement_has_its_wallets_client_and_currency", "brought", {"wallet_id": "their_wallet"}),
    ("movement_has_its_wallets_client_and_currency", "brought", {"currency": "USD"}),
    (
        "movement_has_its_counterpartys_client_and_currency",
        "into",
        {"counterparty_id": "their_wallet"},
    ),
    ("movement_has_its_counterpartys_client_and_currency", "into", {"counterparty_id": "dollars"}),
    ("movement_has_its_counterpartys_client_and_currency", "into", {"counterparty_id": "nobody"}),
]


@pytest.mark.parametrize(("constraint", "name", "changes"), BROKEN_MOVEMENTS)
def test_invalid_movement_violates_the_named_constraint(stage, constraint, name, changes):
    assert refused_by(*a_copy(stage, name, **changes)) == constraint


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("name", ["brought", "out", "into"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        WAITING,
        WORDLESS,
        {"concept": None, "metadata": None, "reference": None, "salt": None},
    ],
)
def test_valid_copy_of_each_movement_is_accepted(stage, name, changes):
    """So that what refuses the others is what their names say."""
    if name == "brought" and "details_digest" not in changes:
        changes = {"salt": "\\x00", "details_digest": "\\x00"} | changes
    run(*a_copy(stage, name, **changes))


@pytest.mark.parametrize(("constraint", "name", "changes"), BROKEN_COPIES)
def test_invalid_row_violates_the_named_constraint(stage, alices, bobs, constraint, name, changes):
    rows = stage | make_each(alices, bobs, 5_00)
    assert refused_by(*a_copy(rows, name, **changes)).startswith(constraint)


def test_every_constraint_has_a_test_that_violates_it():
    unbreakable = {
        "wallet_is_of_one_client_and_currency",  # the primary key is stricter; a target of others
        "external_account_is_of_one_wallet",  # so too
        "schedule_is_of_one_wallet",  # so too
        "movement_only_a_cash_out_is_in_a_file",  # in test_constraints_of_bank_files
        "wallets_wallet_client_id_f5027de2_fk_users_client_id",  # the user's is stricter
    }
    broken = [*BROKEN_WALLETS, *BROKEN_MOVEMENTS, *BROKEN_HOLDS, *BROKEN_FREEZES]
    broken += [*BROKEN_COPIES, *REMOVALS]
    tested = {str(name) for name, *_ in broken}
    tested |= {f"wallets_movement_{column}_" for column in REFERENCES}
    with connection.cursor() as cursor:
        cursor.execute(CONSTRAINTS_AND_UNIQUE_INDEXES)
        there = {name for (name,) in cursor.fetchall()}
    prefixes = tuple(name for name in tested if name.endswith("_"))
    assert {name for name in prefixes if not any(each.startswith(name) for each in there)} == set()
    there = {name for name in there if not name.startswith(prefixes)}
    tested -= {*prefixes, "movement_is_never_removed", "hold_is_never_removed"}
    assert there == tested | {"wallet_iban_is_given_once"} | unbreakable


REFERENCES = ("hold_id", "reversal_of_id")
CONSTRAINTS_AND_UNIQUE_INDEXES = """
    SELECT conname FROM pg_constraint
    WHERE contype IN ('c', 'f', 'u')
    AND conrelid::regclass::text ~ '^wallets_(?!bank|clientmove|closing|dormancy|safeg|statement)'
    UNION SELECT indexrelid::regclass::text FROM pg_index
    WHERE indisunique AND NOT indisprimary
    AND indrelid::regclass::text ~ '^wallets_(?!bank|clientmove|closing|dormancy|safeg|statement)'
"""
"""Moves, closings, notices, statement files and the bank have test modules of their own."""


@pytest.mark.parametrize("column", REFERENCES)
def test_movement_with_a_missing_reference_is_refused(stage, column):
    kind = {"type": "REVERSAL"} if column == "reversal_of_id" else {}
    changes: dict[str, Any] = {"operation_id": new_id(), column: "nobody"} | kind
    constraint = refused_by(*a_copy(stage, "into", **changes))
    assert constraint.startswith(f"wallets_movement_{column}_")
