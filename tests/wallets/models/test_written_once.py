"""What is written of a movement once: nothing changes it, and its texts are only erased."""

from __future__ import annotations

import pytest

from tests.support.constraints import UNSETTLED, WAITING, a_copy, refused_by, run
from users.models.ids import new_id
from wallets.models import Movement

pytestmark = pytest.mark.django_db

WRITTEN_ONCE = {
    "id": "%(nobody)s",
    "client_id": "%(another)s",
    "wallet_id": "%(alices)s",
    "operation_id": "%(nobody)s",
    "type": "'CASH_IN'",
    "amount": "amount + 1",
    "currency": "'USD'",
    "counterparty_id": "%(their_wallet)s",
    "hold_id": "%(hold)s",
    "reversal_of_id": "%(out)s",
    "external_account_id": "%(nobody)s",
    "created_at": "created_at - interval '1us'",
    "details_digest": "NULL",
}
SETTLED_ONCE = {
    "status": "'ERROR'",
    "seq": "2",
    "balance_after": "balance_after + 1",
    "received_after": "received_after + 1",
    "settled_at": "settled_at + interval '1us'",
    "ended_at": "now()",
    "digest": "''",
    "reason": "'Closed'",
    "updated_at": "now()",
}
SENT_ONCE = {"sent_at": "now()"}
ONLY_ERASED = {
    "concept": "'Dinner'",
    "iban": "'ES91'",
    "holder_name": "'Bob'",
    "metadata": """'{"a": "2"}'""",
    "reference": "'1002'",
    "salt": "''",
}


@pytest.mark.parametrize(
    ("rule", "column", "value"),
    [("movement_is_written_once", *item) for item in WRITTEN_ONCE.items()]
    + [("movement_is_settled_once", *item) for item in SETTLED_ONCE.items()]
    + [("movement_is_sent_once", *item) for item in SENT_ONCE.items()]
    + [("movement_texts_are_only_erased", *item) for item in ONLY_ERASED.items()],
)
def test_no_column_of_a_settled_movement_changes(stage, rule, column, value):
    statement = f"UPDATE wallets_movement SET {column} = {value} WHERE id = %(into)s"
    assert refused_by(statement, stage) == rule


def test_every_column_of_a_movement_is_protected():
    columns = {field.column for field in Movement._meta.fields}
    in_a_file = {"bank_file_id"}  # see tests/wallets/bank/test_constraints_of_bank_files.py
    assert columns == {*WRITTEN_ONCE, *SETTLED_ONCE, *SENT_ONCE, *ONLY_ERASED} | in_a_file


def test_settled_movement_cannot_become_pending_again(stage):
    unsettled = "status = 'PENDING', " + ", ".join(f"{name} = NULL" for name in UNSETTLED)
    statement = f"UPDATE wallets_movement SET {unsettled} WHERE id = %(out)s"
    assert refused_by(statement, stage) == "movement_is_settled_once"


@pytest.mark.parametrize("kept", ["concept", "metadata", "salt"])
def test_texts_cannot_be_erased_in_part(stage, kept):
    erased = ", ".join(f"{name} = NULL" for name in ONLY_ERASED if name != kept)
    statement = f"UPDATE wallets_movement SET {erased} WHERE id = %(out)s"
    assert refused_by(statement, stage) == "movement_texts_are_only_erased"


@pytest.mark.spoils_the_books
def test_texts_are_erased_together(stage):
    erased = ", ".join(f"{name} = NULL" for name in ONLY_ERASED)
    run(f"UPDATE wallets_movement SET {erased} WHERE id = %(out)s", stage)
    movement = Movement.objects.get(id=stage["out"])
    assert (movement.concept, movement.metadata, movement.salt) == (None, None, None)
    assert movement.details_digest


@pytest.mark.spoils_the_books
def test_only_a_failed_cash_out_has_an_end(stage):
    pending = new_id()
    run(*a_copy(stage, "into", **WAITING | {"id": str(pending)}))
    statement = "UPDATE wallets_movement SET ended_at = now() WHERE id = %s"
    assert refused_by(statement, [pending]) == "movement_end_is_of_a_failed_one"


ENDS = {
    "SUCCESS": "status = 'SUCCESS', seq = 9, balance_after = 0, received_after = 0,"
    " settled_at = now(), digest = 'x', sent_at = now()",
    "ERROR": "status = 'ERROR', reason = 'Closed'",
    "CANCELLED": "status = 'CANCELLED'",
}


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("status", ENDS)
def test_pending_movement_is_closed_once(stage, status):
    pending = new_id()
    copy = a_copy(stage, "into", **WAITING | {"id": str(pending)})
    run(*copy)
    run(f"UPDATE wallets_movement SET {ENDS[status]} WHERE id = %s", [pending])
    for end in [ENDS[other] for other in ENDS if other != status]:
        statement = f"UPDATE wallets_movement SET {end} WHERE id = %s"
        assert refused_by(statement, [pending]) == "movement_is_settled_once"


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("end", ["sent_at = now()", ENDS["ERROR"], ENDS["CANCELLED"]])
def test_digest_of_a_cash_out_changes_only_when_it_settles(stage, end):
    pending = new_id()
    run(*a_copy(stage, "into", **WAITING | {"id": str(pending)}))
    statement = f"UPDATE wallets_movement SET {end}, digest = 'x' WHERE id = %s"
    assert refused_by(statement, [pending]) == "movement_is_written_once"
    run(f"UPDATE wallets_movement SET {end} WHERE id = %s", [pending])
