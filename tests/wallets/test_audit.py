"""The audit: every kind of wrong row is found, and named."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.functions import Now

from tests import cast
from tests.wallets import levels
from users import specimens
from users.models import User
from wallets import audit, chain, ledger, life, posting
from wallets.models import Movement
from wallets.rows import Leg

pytestmark = pytest.mark.django_db

NEW_ID = "'01980000-0000-7000-8000-000000000000'"


@pytest.fixture
def stage(alices, bobs):
    """Money in, money over, with words and a key: the rows that the spoilers name."""
    out = cast.transfer(alices, bobs, 10_00, concept="Lunch", metadata={"a": "1"}, key="k")
    moved = Movement.objects.get(id=out.id)
    into = Movement.objects.exclude(id=out.id).get(operation_id=moved.operation_id)
    expired = cast.place(alices, bobs, 1_00, expires_at=datetime(2999, 1, 1, tzinfo=UTC))
    cast.pass_time(timedelta(days=366 * 1000))
    words = {"concept": "Deposit", "metadata": {"a": "1"}}
    hold = cast.place(alices, bobs, 20_00, expires_at=datetime(2999, 1, 1, tzinfo=UTC), **words)
    execution = cast.execute(hold, 5_00, keep_open=True)
    reversal = cast.reverse(moved, 2_00)
    twin = cast.transfer(alices, bobs, 10_00)
    waiting, rejected, cancelled = (
        posting.submit(levels.a_cash_out(alices, 1_00, concept="Rent")).id for _ in range(3)
    )
    for verb, ended, more in (
        (ledger.MarkSent, rejected, {}),
        (ledger.Reject, rejected, {"reason": "Closed"}),
        (ledger.Cancel, cancelled, {}),
    ):
        posting.submit(verb(**cast.about(alices), movement_id=ended, **more))
    brought = cast.cash_in(bobs, 5_00)
    return {
        "alice": alices.user_id,
        "bob": bobs.user_id,
        "twin": twin.id,
        "waiting": waiting,
        "rejected": rejected,
        "cancelled": cancelled,
        "expired": expired.id,
        "new": UUID(NEW_ID.strip("'")),
        "hold": hold.id,
        "execution": execution.id,
        "reversal": reversal.id,
        "executed": Movement.objects.get(wallet=bobs.id, hold=hold.id).id,
        "alices": alices.id,
        "bobs": bobs.id,
        "out": moved.id,
        "into": into.id,
        "cash_in": brought.id,
        "client": alices.client_id,
    }


NULLABLE = [
    "ALTER TABLE wallets_wallet ALTER head DROP NOT NULL, ALTER balance DROP NOT NULL,"
    " ALTER held DROP NOT NULL",
    "ALTER TABLE wallets_movement ALTER digest DROP NOT NULL",
]


def spoil(statement: str, rows: dict[str, Any]) -> None:
    """Do what only the owner can do, with every guard of the tables taken down."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER movement_is_written_once")
        cursor.execute("ALTER TABLE wallets_hold DISABLE TRIGGER hold_is_placed_once")
        cursor.execute(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)"
            " FROM pg_constraint"
            " WHERE contype IN ('c', 'f') AND conrelid::regclass::text LIKE 'wallets_%'"
        )
        drops = [drop for (drop,) in cursor.fetchall()]
        cursor.execute(";".join([*drops, *NULLABLE]))
        cursor.execute(statement, rows)
        assert cursor.rowcount == 1


def found(name: str) -> dict[str, object]:
    """The row that the equation names; nothing when the equation is right."""
    for equation, finding in audit.findings():
        if equation.name == name:
            return finding.row if finding else {}
    raise AssertionError(f"there is no equation {name}")


def first_leg(movement_id: UUID) -> UUID:
    """The lower id of the two legs of a payment."""
    movement = Movement.objects.get(id=movement_id)
    assert movement.mirror
    return min(movement.id, movement.mirror.id)


WALLET = "UPDATE wallets_wallet SET {} WHERE id = %({})s"
MOVEMENT = "UPDATE wallets_movement SET {} WHERE id = %({})s"
HOLD = "UPDATE wallets_hold SET {} WHERE id = %(hold)s"
EARLIER = "created_at = created_at - interval '1us'"
LATER = "settled_at = settled_at + interval '1us'"
HEX = r"'\x00'"

EVENT = "UPDATE users_event SET {} WHERE subject_id = %({})s AND kind = '{}'"
NO_EVENT = "DELETE FROM users_event WHERE subject_id = %({})s AND kind = '{}'"
NO_MOVEMENT = "DELETE FROM wallets_movement WHERE id = %({})s"
TOMORROW = "now() + interval '1 day'"

WRONG_PROMISES = [
    (
        "details",
        MOVEMENT.format("iban = 'ES7921000813610123456789'", "waiting"),
        "movement",
        "waiting",
    ),
    (
        "details",
        MOVEMENT.format("iban = 'ES7921000813610123456789'", "rejected"),
        "movement",
        "rejected",
    ),
    ("promises", MOVEMENT.format("amount = -900", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("wallet_id = %(bobs)s", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("currency = 'USD'", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format(EARLIER, "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format(f"operation_id = {NEW_ID}", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format(f"details_digest = {HEX}", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("digest = ''", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("amount = -900", "rejected"), "promise", "rejected"),
    ("promises", MOVEMENT.format("amount = -900", "cancelled"), "promise", "cancelled"),
    ("promises", HOLD.format("target_id = wallet_id"), "promise", "hold"),
    ("promises", HOLD.format("amount = amount + 1, remaining = remaining + 1"), "promise", "hold"),
    ("promises", HOLD.format("currency = 'USD'"), "promise", "hold"),
    ("promises", HOLD.format(EARLIER), "promise", "hold"),
    ("promises", HOLD.format(f"details_digest = {HEX}"), "promise", "hold"),
    ("details", HOLD.format("concept = 'Another'"), "movement", "hold"),
    ("details", HOLD.format("concept = NULL, metadata = NULL, salt = NULL"), "movement", "hold"),
    (
        "details",
        MOVEMENT.format("concept = NULL, metadata = NULL, salt = NULL", "out"),
        "movement",
        "out",
    ),
    ("details", MOVEMENT.format("concept = 'Gift'", "cash_in"), "movement", "cash_in"),
    ("details", MOVEMENT.format("details_digest = NULL", "out"), "movement", "out"),
    (
        "holds",
        "UPDATE wallets_hold SET ended_at = ended_at + interval '1s' WHERE id = %(expired)s",
        "hold",
        "expired",
    ),
]
"""What was pending or open, or ended without moving money; and texts."""

WRONG_EVENTS = [
    ("events", NO_MOVEMENT.format("rejected"), "id", "rejected"),
    ("events", NO_MOVEMENT.format("cash_in"), "id", "cash_in"),
    ("events", "DELETE FROM wallets_hold WHERE id = %(expired)s", "id", "expired"),
    ("events", MOVEMENT.format("status = 'CANCELLED', reason = ''", "rejected"), "id", "rejected"),
    ("events", MOVEMENT.format("status = 'ERROR', reason = 'Closed'", "waiting"), "id", "waiting"),
    ("events", MOVEMENT.format("sent_at = created_at", "waiting"), "id", "waiting"),
    ("events", MOVEMENT.format("sent_at = NULL", "rejected"), "id", "rejected"),
    ("events", NO_EVENT.format("out", "movement.settled"), "id", "out"),
    ("events", NO_EVENT.format("waiting", "movement.pending"), "id", "waiting"),
    ("events", NO_EVENT.format("rejected", "movement.error"), "id", "rejected"),
    ("events", NO_EVENT.format("rejected", "movement.sent"), "id", "rejected"),
    ("events", NO_EVENT.format("hold", "hold.placed"), "id", "hold"),
    ("events", NO_EVENT.format("hold", "hold.partly_executed"), "id", "hold"),
    ("events", NO_EVENT.format("expired", "hold.expired"), "id", "expired"),
    ("events", NO_EVENT.format("alices", "wallet.opened"), "id", "alices"),
    ("events", NO_EVENT.format("alice", "user.created"), "id", "alice"),
    ("events", EVENT.format(f"subject_id = {NEW_ID}", "out", "movement.settled"), "id", "new"),
    ("events", EVENT.format("wallet_id = %(bobs)s", "out", "movement.settled"), "id", "out"),
    ("events", EVENT.format("kind = 'movement.pending'", "out", "movement.settled"), "id", "out"),
    ("events", EVENT.format("kind = 'hold.released'", "expired", "hold.expired"), "id", "expired"),
    (
        "events",
        "INSERT INTO users_event (client_id, subject, subject_id, wallet_id, kind, actor,"
        " request_id, data) SELECT client_id, subject, subject_id, wallet_id, kind, actor,"
        " request_id, data FROM users_event WHERE subject_id = %(out)s",
        "id",
        "out",
    ),
    (
        "events",
        WALLET.format(
            "user_id = (SELECT user_id FROM wallets_wallet WHERE id = %(bobs)s)", "alices"
        ),
        "id",
        "alices",
    ),
]
"""A thing without its events, with others, or events without their thing; a wallet given away."""

WRONG_PAIRS = [
    ("legs", MOVEMENT.format(f"details_digest = {HEX}", "out"), "movement", "first"),
    ("legs", MOVEMENT.format("details_digest = NULL", "out"), "movement", "first"),
    ("legs", MOVEMENT.format(LATER, "into"), "movement", "first"),
    ("legs", MOVEMENT.format("amount = 1000", "out"), "movement", "first"),
    (
        "legs",
        "INSERT INTO wallets_movement SELECT (jsonb_populate_record(movement,"
        f" jsonb_build_object('id', {NEW_ID}, 'seq', 99))).*"
        " FROM wallets_movement AS movement WHERE id = %(into)s",
        "movement",
        "third",
    ),
    ("reversals", MOVEMENT.format("reversal_of_id = %(twin)s", "reversal"), "movement", "reversal"),
]
"""Pairs of legs that do not match, and a leg too many."""

WRONG_TIMES = [
    ("future", WALLET.format(f"settled_at = {TOMORROW}", "bobs"), "wallet", "bobs"),
    ("future", MOVEMENT.format(f"created_at = {TOMORROW}", "waiting"), "dated", "waiting"),
    ("future", HOLD.format(f"created_at = {TOMORROW}"), "dated", "hold"),
    (
        "future",
        f"UPDATE wallets_hold SET ended_at = {TOMORROW} WHERE id = %(expired)s",
        "dated",
        "expired",
    ),
    ("chain", MOVEMENT.format("settled_at = NULL", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("digest = NULL", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("balance_after = NULL", "out"), "movement", "out"),
    ("balance", WALLET.format("head = NULL", "alices"), "wallet", "alices"),
    ("balance", WALLET.format("balance = NULL", "alices"), "wallet", "alices"),
    ("held", WALLET.format("held = NULL", "alices"), "wallet", "alices"),
    ("outside", WALLET.format("currency = 'USD'", "bobs"), "client", "client"),
]
"""Dates that have not come yet, and NULLs, which no comparison by <> tells."""

WRONG_LEVELS = [
    ("levels", "UPDATE users_user SET kyc_level = 2 WHERE id = %(alice)s", "user", "alice"),
    ("levels", "UPDATE users_user SET kyc_level = 1 WHERE id = %(bob)s", "user", "bob"),
    ("levels", "UPDATE users_user SET kyc_level = 0 WHERE id = %(alice)s", "user", "alice"),
    ("levels", "UPDATE users_user SET kyc_until = NULL WHERE id = %(alice)s", "user", "alice"),
    (
        "levels",
        "UPDATE users_evidence SET status = 'REPLACED'"
        " WHERE user_id = %(alice)s AND kind = 'IDENTITY'",
        "user",
        "alice",
    ),
    (
        "levels",
        "UPDATE users_event SET actor = 'system:nobody' WHERE subject_id = %(alice)s"
        " AND kind = 'user.evidence_approved' AND data ->> 'evidence' = 'IDENTITY'",
        "user",
        "alice",
    ),
]
"""Levels that no approval gave, or approvals that nobody made."""

SPOILED = [
    ("balance", WALLET.format("balance = balance + 1", "alices"), "wallet", "alices"),
    ("balance", WALLET.format("seq = seq + 1", "bobs"), "wallet", "bobs"),
    ("balance", WALLET.format(f"head = {HEX}", "bobs"), "wallet", "bobs"),
    (
        "balance",
        WALLET.format(LATER, "bobs"),
        "wallet",
        "bobs",
    ),
    ("balance", MOVEMENT.format("amount = 600", "cash_in"), "wallet", "bobs"),
    ("balance", "DELETE FROM wallets_movement WHERE id = %(cash_in)s", "wallet", "bobs"),
    ("held", WALLET.format("held = 1", "alices"), "wallet", "alices"),
    ("held", WALLET.format("held = -1", "bobs"), "wallet", "bobs"),
    ("balance", WALLET.format("received = received + 1", "alices"), "wallet", "alices"),
    ("held", HOLD.format("remaining = 1"), "wallet", "alices"),
    ("held", HOLD.format("status = 'RELEASED'"), "wallet", "alices"),
    ("holds", HOLD.format("remaining = remaining - 1"), "hold", "hold"),
    ("holds", HOLD.format("amount = 100"), "hold", "hold"),
    ("holds", MOVEMENT.format("amount = -600", "execution"), "hold", "hold"),
    ("holds", WALLET.format("next_expiry = NULL", "alices"), "hold", "hold"),
    ("holds", WALLET.format("next_expiry = 'infinity'", "alices"), "hold", "hold"),
    ("executions", HOLD.format("target_id = wallet_id"), "movement", "executions"),
    ("executions", HOLD.format(f"id = {NEW_ID}"), "movement", "executions"),
    ("executions", MOVEMENT.format("counterparty_id = NULL", "execution"), "movement", "execution"),
    ("reversals", MOVEMENT.format("amount = 1001", "reversal"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("amount = -amount", "reversal"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("reversal_of_id = id", "reversal"), "movement", "reversal"),
    (
        "reversals",
        MOVEMENT.format("reversal_of_id = %(into)s", "reversal"),
        "movement",
        "reversal",
    ),
    (
        "reversals",
        MOVEMENT.format(f"reversal_of_id = {NEW_ID}", "reversal"),
        "movement",
        "reversal",
    ),
    ("reversals", MOVEMENT.format("counterparty_id = NULL", "reversal"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("type = 'REVERSAL'", "out"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("status = 'ERROR'", "out"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("seq = 99", "out"), "movement", "reversal"),
    ("legs", MOVEMENT.format("hold_id = NULL", "execution"), "movement", "executions"),
    ("legs", MOVEMENT.format("reversal_of_id = NULL", "reversal"), "movement", "reversals"),
    ("legs", MOVEMENT.format("amount = -1001", "out"), "movement", "first"),
    ("legs", MOVEMENT.format("counterparty_id = %(bobs)s", "into"), "movement", "first"),
    ("legs", MOVEMENT.format("type = 'CASH_IN'", "into"), "movement", "first"),
    ("legs", MOVEMENT.format(f"operation_id = {NEW_ID}", "into"), "movement", "first"),
    ("legs", MOVEMENT.format("status = 'ERROR'", "into"), "movement", "first"),
    ("legs", MOVEMENT.format("currency = 'USD'", "into"), "movement", "first"),
    ("legs", MOVEMENT.format(f"client_id = {NEW_ID}", "into"), "movement", "first"),
    ("legs", "DELETE FROM wallets_movement WHERE id = %(into)s", "movement", "out"),
    ("legs", "DELETE FROM wallets_movement WHERE id = %(out)s", "movement", "into"),
    ("legs", MOVEMENT.format("counterparty_id = %(alices)s", "cash_in"), "movement", "cash_in"),
    ("chain", MOVEMENT.format("amount = -1001", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("balance_after = 1", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("received_after = 1", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("hold_id = NULL", "execution"), "movement", "execution"),
    ("chain", MOVEMENT.format("reversal_of_id = NULL", "reversal"), "movement", "reversal"),
    ("chain", MOVEMENT.format("currency = 'USD'", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"client_id = {NEW_ID}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"wallet_id = {NEW_ID}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("seq = 9", "out"), "movement", "execution"),
    ("chain", MOVEMENT.format("type = 'CASH_IN'", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"operation_id = {NEW_ID}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("counterparty_id = NULL", "out"), "movement", "out"),
    (
        "chain",
        MOVEMENT.format(EARLIER, "out"),
        "movement",
        "out",
    ),
    (
        "chain",
        MOVEMENT.format(LATER, "out"),
        "movement",
        "out",
    ),
    ("chain", MOVEMENT.format(f"digest = {HEX}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"details_digest = {HEX}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("details_digest = NULL", "out"), "movement", "out"),
    ("chain", "DELETE FROM wallets_movement WHERE id = %(into)s", "movement", "executed"),
    ("details", MOVEMENT.format("concept = 'Dinner'", "out"), "movement", "out"),
    ("details", MOVEMENT.format("concept = NULL", "out"), "movement", "out"),
    ("details", MOVEMENT.format("iban = 'ES9121000418450200051332'", "out"), "movement", "out"),
    ("details", MOVEMENT.format("""metadata = '{"a": "2"}'""", "into"), "movement", "into"),
    ("details", MOVEMENT.format("metadata = NULL", "into"), "movement", "into"),
    ("details", MOVEMENT.format(f"salt = {HEX}", "out"), "movement", "out"),
    ("outside", WALLET.format("balance = balance + 1", "bobs"), "client", "client"),
    ("outside", MOVEMENT.format("amount = 600", "cash_in"), "client", "client"),
    ("outside", "DELETE FROM wallets_movement WHERE id = %(cash_in)s", "client", "client"),
    ("keys", f"UPDATE users_key SET made_id = {NEW_ID} WHERE key = 'k'", "client", "client"),
    ("keys", "UPDATE users_key SET made = 'wallet' WHERE key = 'k'", "client", "client"),
    ("keys", "UPDATE users_key SET made = 'gift' WHERE key = 'k'", "client", "client"),
    *WRONG_PROMISES,
    *WRONG_EVENTS,
    *WRONG_PAIRS,
    *WRONG_TIMES,
]


@pytest.mark.spoils_the_books
@pytest.mark.parametrize(("equation", "statement", "column", "row"), SPOILED)
def test_a_wrong_row_is_named(stage, equation, statement, column, row):
    assert found(equation) == {}
    stage["first"] = min(stage["out"], stage["into"])
    stage["third"] = min(stage["first"], stage["new"])
    stage["executions"] = first_leg(stage["execution"])
    stage["reversals"] = first_leg(stage["reversal"])
    spoil(statement, stage)
    assert found(equation)[column] == stage[row]


def test_every_equation_is_broken_by_a_test():
    broken = {name for name, *_ in (*SPOILED, *WRONG_LEVELS)}
    assert broken == {equation.name for equation in audit.EQUATIONS}


@pytest.mark.spoils_the_books
def test_a_level_that_no_approval_gave_is_named(alice, bob):
    specimens.approve(alice, 1, cast.BY)
    people = {"alice": alice.id, "bob": bob.id}
    assert found("levels") == {}
    for equation, statement, column, row in WRONG_LEVELS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, people)
            assert cursor.rowcount == 1
            assert found(equation)[column] == people[row], statement
            transaction.set_rollback(True)


@pytest.mark.spoils_the_books
def test_last_movements_removed_with_the_row_set_back_are_found(stage):
    """The chain that is left is whole; the events tell what is missing."""
    spoil("UPDATE wallets_wallet SET balance = balance WHERE id = %(bobs)s", stage)
    before = Movement.objects.get(wallet=stage["bobs"], seq=4)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM wallets_movement WHERE id = %(cash_in)s", stage)
        cursor.execute(
            "UPDATE wallets_wallet SET balance = %s, received = %s, seq = 4, head = %s,"
            " settled_at = %s WHERE id = %s",
            [
                before.balance_after,
                before.received_after,
                bytes(before.digest),
                before.settled_at,
                stage["bobs"],
            ],
        )
    assert {finding.equation.name: finding.row for _, finding in audit.findings() if finding} == {
        "events": {
            "id": stage["cash_in"],
            "subject": "movement",
            "expected": None,
            "events": "movement.settled",
        }
    }


@pytest.mark.spoils_the_books
def test_legs_exchanged_between_two_payments_are_found(bob, alices, bobs):
    """Two payments of one amount in one moment: each leg has a mirror, of the other payment."""
    with transaction.atomic():
        one = cast.transfer(alices, bobs, 1_00, concept="Rent")
        other = cast.transfer(alices, bobs, 1_00, concept="Food")
    first, second = (Movement.objects.get(id=made.id) for made in (one, other))
    spoil("UPDATE wallets_wallet SET balance = balance WHERE id = %(id)s", {"id": alices.id})
    mirrors = first.mirror, second.mirror
    with connection.cursor() as cursor:
        for mirror, payment in zip(mirrors, (second, first), strict=True):
            assert mirror
            cursor.execute(
                "UPDATE wallets_movement SET operation_id = %s, created_at = %s WHERE id = %s",
                [payment.operation_id, payment.created_at, mirror.id],
            )
    assert found("legs")["operation"] in {first.operation_id, second.operation_id}


@pytest.mark.spoils_the_books
def test_a_key_that_names_another_clients_thing_is_found(stage):
    another = cast.a_user(cast.a_client("Another"), cast.ALICE)
    spoil(
        "UPDATE users_key SET made = 'user', made_id = %(other)s WHERE key = 'k'",
        {"other": another.id},
    )
    assert found("keys") == {"client": stage["client"], "made": "user", "id": another.id}


@pytest.mark.spoils_the_books
def test_a_forged_movement_is_found_though_its_sums_are_right(stage):
    """Somebody brings money from nowhere, and rewrites the wallet, but can't rewrite the past."""
    spoil(
        "UPDATE wallets_movement SET amount = amount + 1, balance_after = balance_after + 1,"
        " received_after = received_after + 1 WHERE id = %(cash_in)s",
        stage,
    )
    spoil(WALLET.format("balance = balance + 1, received = received + 1", "bobs"), stage)
    assert found("outside") == {}
    assert found("balance") == {}
    assert found("chain")["movement"] == stage["cash_in"]


def rewrite_the_end(rows: dict[str, Any]) -> None:
    """Forge the last digest of Bob's chain as well, and the head of his wallet."""
    movement = Movement.objects.get(id=rows["cash_in"])
    values = {item.name: getattr(movement, item.name) for item in dataclasses.fields(Leg)}
    digest = chain.digest(
        bytes(cast.movements(rows["bobs_wallet"])[0].digest or b""), Leg(**values)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE wallets_movement SET digest = %s WHERE id = %s", [digest, movement.id]
        )
        cursor.execute(
            "UPDATE wallets_wallet SET head = %s, seq = %s WHERE id = %s",
            [digest, movement.seq, rows["bobs"]],
        )


@pytest.mark.spoils_the_books
@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("seq = 9", {"chain", "balance"}),
        ("balance_after = balance_after + 1", {"chain"}),
        ("created_at = settled_at + interval '1us'", {"chain"}),
        (
            "created_at = created_at - interval '1d', settled_at = settled_at - interval '1d'",
            {"chain", "balance"},
        ),
    ],
)
def test_who_rewrites_the_digests_too_is_found(stage, bobs, change, wrong):
    spoil(MOVEMENT.format(change, "cash_in"), stage)
    rewrite_the_end(stage | {"bobs_wallet": bobs})
    found_wrong = {finding.equation.name: finding.row for _, finding in audit.findings() if finding}
    assert set(found_wrong) == wrong
    assert found_wrong["chain"]["movement"] == stage["cash_in"]


def test_erased_texts_leave_the_books_right(stage):
    User.objects.filter(id=stage["alice"]).update(status="UNSUBSCRIBED", unsubscribed_at=Now())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE wallets_movement SET concept = NULL, metadata = NULL, iban = NULL, salt = NULL,"
            " reason = ''"
        )
        cursor.execute("UPDATE wallets_hold SET concept = NULL, metadata = NULL, salt = NULL")
    assert [finding for _, finding in audit.findings() if finding] == []


def test_the_books_of_nobody_are_right(db):
    assert [finding for _, finding in audit.findings() if finding] == []


# --- The command ---------------------------------------------------------------------------------


def test_the_command_says_of_each_equation_that_it_is_right(stage):
    out = StringIO()
    call_command("audit", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["right", equation.name] for equation in audit.EQUATIONS
    ]
    assert lines[-1] == "The books are right."


@pytest.mark.spoils_the_books
def test_the_command_fails_and_names_the_wrong_row(stage):
    spoil(WALLET.format("balance = balance + 1", "alices"), stage)
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("audit", stdout=out)
    assert failed.value.returncode == 1
    wrong = str(failed.value).splitlines()
    assert wrong[0].startswith("balance: not true that a wallet's balance, seq, head and time are")
    assert f"wallet {stage['alices']}, balance 7701, movements 7700" in wrong[0]
    assert [line.split(":")[0] for line in wrong] == ["balance", "outside"]
    assert out.getvalue().count("wrong") == 2


@pytest.mark.django_db(transaction=True)
def test_the_audit_only_reads(stage):
    """As the outermost transaction it is read-only, so it may be run by anybody at any time."""
    with audit.snapshot(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        assert cursor.fetchone() == ("on",)
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("repeatable read",)


def test_the_command_reports_as_json(stage):
    out = StringIO()
    call_command("audit", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["right"] is True
    assert report["movements"] == Movement.objects.count()
    assert [each["name"] for each in report["equations"]] == [
        equation.name for equation in audit.EQUATIONS
    ]
    assert all(each["right"] and each["wrongRow"] is None for each in report["equations"])


@pytest.mark.spoils_the_books
def test_the_command_names_the_wrong_row_in_json(stage):
    spoil(WALLET.format("balance = balance + 1", "alices"), stage)
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("audit", "--json", stdout=out)
    assert failed.value.returncode == 1
    report = json.loads(out.getvalue())
    assert report["right"] is False
    wrong = {each["name"]: each["wrongRow"] for each in report["equations"] if not each["right"]}
    assert set(wrong) == {"balance", "outside"}
    assert wrong["balance"]["wallet"] == str(stage["alices"])


def test_progress_goes_from_nothing_to_all(stage, monkeypatch):
    monkeypatch.setattr(audit, "STEP", 2)
    told: list[tuple[str, int, int]] = []
    list(audit.findings(lambda *each: told.append(each)))
    done = [each[1] for each in told]
    assert done == sorted(done)
    assert len({total for _, _, total in told}) == 1
    assert done[-1] == told[-1][2]
    assert list(dict.fromkeys(each[0] for each in told)) == [
        equation.name for equation in audit.EQUATIONS
    ]


# --- Step by step --------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_steps_leave_no_row_out_and_ask_for_none_twice(stage, monkeypatch, step):
    monkeypatch.setattr(audit, "STEP", step)
    for walk in (audit.BY_WALLET, audit.BY_OPERATION):
        steps = list(audit.steps(walk))
        assert len(steps) > 1
        assert (steps[0].first, steps[-1].last) == (audit.LOWEST, audit.HIGHEST)
        for one, other in pairwise(steps):
            assert other.first.int == one.last.int + 1
            assert one.first <= one.last


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("step", [1, 3, 50_000])
def test_a_byte_that_is_flipped_or_a_row_that_is_gone_is_found_in_every_step(
    stage, monkeypatch, step
):
    monkeypatch.setattr(audit, "STEP", step)
    spoil("UPDATE wallets_wallet SET balance = balance WHERE id = %(alices)s", stage)
    flip = "digest = set_byte(digest, 7, get_byte(digest, 7) # 1)"
    for movement in Movement.objects.filter(status="SUCCESS"):
        for statement, names in (
            (f"UPDATE wallets_movement SET {flip} WHERE id = %s", {"chain"}),
            ("DELETE FROM wallets_movement WHERE id = %s", {"balance"}),
        ):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, [movement.id])
                found = {each.equation.name: each.row for _, each in audit.findings() if each}
                assert names <= set(found)
                if "chain" in names:
                    assert found["chain"]["movement"] == movement.id
                else:
                    assert found["balance"]["wallet"] == movement.wallet_id
                transaction.set_rollback(True)


def test_a_wallet_with_the_highest_id_ends_the_walk(alices, monkeypatch):
    monkeypatch.setattr(audit, "STEP", 1)
    order = life.PutWallet(
        client_id=alices.client_id, by=cast.BY, user_id=alices.user_id, wallet_id=audit.HIGHEST
    )
    posting.submit(order)
    assert list(audit.steps(audit.BY_WALLET))[-1].last == audit.HIGHEST
