"""What the database refuses of bank accounts and bank files, each by its name."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.support import audited, bank_files
from tests.support.bank_files import build, say, some_cash_outs
from tests.support.constraints import refused_by
from wallets.bank import files

pytestmark = pytest.mark.django_db

FILE = "UPDATE wallets_bankfile SET {} WHERE id = %(file)s"
SENT = "UPDATE wallets_bankfile SET {} WHERE id = %(sent)s"
DISCARDED = "UPDATE wallets_bankfile SET {} WHERE id = %(discarded)s"
ACCOUNT = "UPDATE wallets_bankaccount SET {} WHERE id = %(account)s"
MOVEMENT = "UPDATE wallets_movement SET {} WHERE id = %(waiting)s"
SENT_ONE = "UPDATE wallets_movement SET {} WHERE id = %(sent_one)s"
APPROVED = "state = 'APPROVED', approved_at = now(), approved_by = "

AGAIN = """
    INSERT INTO wallets_bankaccount
        (id, iban, bic, holder_name, currency, purpose, booked_by, actor)
    SELECT gen_random_uuid(), iban, '', 'x', currency, purpose, booked_by, actor
    FROM wallets_bankaccount
"""
TWICE = """
    INSERT INTO wallets_bankpayment SELECT made.* FROM wallets_bankpayment AS source,
    LATERAL jsonb_populate_record(
        source, jsonb_build_object('id', gen_random_uuid(), 'number', 9)) AS made
"""


@pytest.fixture
def stage(client_demo: Any, alices: Any) -> dict[str, Any]:
    """A file that waits, one that was sent and answered, and one that was discarded."""
    builder, approver = bank_files.two_members()
    account = bank_files.an_account(client_demo)
    waiting, sent_one, rejected, given_up = some_cash_outs(alices, 1_00, 2_00, 3_00, 4_00)
    sent = bank_files.send(build(account, [sent_one, rejected], builder), approver)
    say(sent, payments={rejected: "RJCT AC04"})
    discarded = build(account, [given_up], builder)
    files.discard_file(file_id=discarded.id, reason="Wrong", by=builder)
    return {
        "account": account.id,
        "file": build(account, [waiting], builder).id,
        "sent": sent.id,
        "discarded": discarded.id,
        "waiting": waiting.id,
        "sent_one": sent_one.id,
        "rejected": rejected.id,
        "builder": builder.actor,
    }


BROKEN = [
    ("bank_account_is_added_once", AGAIN),
    ("bank_account_purpose_is_known", ACCOUNT.format("purpose = 'FUN'")),
    ("bank_account_has_a_holder", ACCOUNT.format("holder_name = ''")),
    ("bank_account_iban_is_compact", ACCOUNT.format("iban = 'ES91 2100'")),
    ("bank_account_bic_has_8_or_11_characters", ACCOUNT.format("bic = 'DEUT'")),
    ("bank_file_is_approved_by_another", FILE.format(APPROVED + "created_by")),
    ("bank_file_is_approved_by_another", FILE.format(APPROVED + "'system:worker'")),
    ("bank_file_is_approved_before_it_is_sent", FILE.format("state = 'APPROVED'")),
    ("bank_file_is_approved_before_it_is_sent", FILE.format("approved_by = 'staff:0'")),
    ("bank_file_is_sent_before_it_is_answered",
     FILE.format(APPROVED + "'staff:0', sent_by = 'staff:0'")),
    ("bank_file_is_discarded_with_a_reason", FILE.format("state = 'DISCARDED'")),
    ("bank_file_is_taken_back_by_an_approval", FILE.format("approval_id = gen_random_uuid()")),
    ("bank_file_is_dropped_after_it_was_sent", FILE.format("dropped_at = now()")),
    ("bank_file_is_dropped_after_it_was_sent", SENT.format("dropped_at = now(), lost_at = now()")),
    ("bank_file_is_built_once", FILE.format("count = count + 1")),
    ("bank_file_is_built_once", FILE.format("control_sum = control_sum + 1")),
    ("bank_file_is_built_once", FILE.format("content = 'other'")),
    ("bank_file_is_built_once", FILE.format("content = NULL")),
    ("bank_file_is_built_once", FILE.format("sha256 = sha256('other')")),
    ("bank_file_is_built_once", SENT.format("content = 'other'")),
    ("bank_file_is_built_once", FILE.format("created_by = 'staff:0'")),
    ("bank_file_is_approved_once", SENT.format("approved_by = 'staff:0'")),
    ("bank_file_is_approved_once", SENT.format("sent_by = 'staff:0'")),
    ("bank_file_never_goes_back", SENT.format("state = 'BUILT'")),
    ("bank_file_never_goes_back", SENT.format("state = 'DISCARDED'")),
    ("bank_file_never_goes_back", SENT.format("state = 'ACCEPTED'")),
    ("bank_file_never_goes_back", DISCARDED.format("state = 'BUILT'")),
    ("bank_file_is_never_removed", "DELETE FROM wallets_bankfile WHERE id = %(file)s"),
    ("bank_payment_is_once_in_its_file", TWICE),
    ("bank_payment_is_positive", "UPDATE wallets_bankpayment SET amount = 0"),
    ("movement_is_in_one_file", MOVEMENT.format("bank_file_id = %(sent)s")),
    ("movement_is_in_one_file", MOVEMENT.format("bank_file_id = NULL, sent_at = now()")),
    ("movement_is_in_one_file", SENT_ONE.format("bank_file_id = NULL")),
    ("movement_only_a_cash_out_is_in_a_file",
     MOVEMENT.format("status = 'CANCELLED', ended_at = now()")),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("constraint", "statement"), BROKEN)
def test_invalid_bank_file_violates_the_named_constraint(stage, constraint, statement):
    assert refused_by(statement, stage) == constraint


WRONG = [
    ("files", "UPDATE wallets_bankpayment SET amount = amount + 1 WHERE movement_id = %(waiting)s"),
    ("files", "DELETE FROM wallets_bankpayment WHERE movement_id = %(sent_one)s"),
    ("files", MOVEMENT.format("bank_file_id = NULL")),
    ("files", FILE.format(APPROVED + "'staff:0'")),
    ("file_sums", "UPDATE wallets_bankpayment SET number = 7 WHERE movement_id = %(waiting)s"),
    ("answers", "UPDATE wallets_bankpayment SET status = 'ACSC' WHERE movement_id = %(rejected)s"),
    ("answers", "UPDATE wallets_bankpayment SET status = 'RJCT' WHERE movement_id = %(sent_one)s"),
    ("answers", "UPDATE wallets_bankpayment SET status = 'ACCP' WHERE movement_id = %(waiting)s"),
]  # fmt: skip


@pytest.mark.spoils_the_books
@pytest.mark.parametrize(("equation", "statement"), WRONG)
def test_wrong_row_violates_the_named_equation(stage, equation, statement):
    assert audited.wrong() == []
    with connection.cursor() as cursor:
        cursor.execute(statement, stage)
    assert equation in {each.split(" violated")[0] for each in audited.wrong()}
