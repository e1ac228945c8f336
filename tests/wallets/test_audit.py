"""The audit: every kind of wrong row is found, and named."""

from __future__ import annotations

import dataclasses
import json
from io import StringIO
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.functions import Now

from tests.support import audit_stage, audited, corruptions, people
from tests.support.audit_stage import spoil
from tests.support.corruptions import MOVEMENT, SPOILED, WALLET, WRONG_LEVELS, WRONG_RUNS
from users import demo_documents
from users.models import User
from wallets import audit, posting
from wallets.books import chain
from wallets.books.rows import Leg
from wallets.models import Movement
from wallets.orders.wallets import PutWallet

pytestmark = pytest.mark.django_db


stage = audit_stage.stage


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


@pytest.mark.slow
@pytest.mark.spoils_the_books
@pytest.mark.parametrize(("equation", "statement", "column", "row"), SPOILED)
def test_wrong_row_is_reported(stage, equation, statement, column, row):
    assert found(equation) == {}
    stage["first"] = min(stage["out"], stage["into"])
    stage["third"] = min(stage["first"], stage["new"])
    stage["executions"] = first_leg(stage["execution"])
    stage["reversals"] = first_leg(stage["reversal"])
    spoil(statement, stage)
    assert found(equation)[column] == stage[row]
    assert equation in audited.violated()


def test_every_equation_has_a_test_that_violates_it():
    broken = {name for name, *_ in (*SPOILED, *WRONG_LEVELS, *WRONG_RUNS)}
    broken |= {name for names, _ in corruptions.WRONG_APPROVALS for name in names}
    assert broken | corruptions.OF_THE_BANK == {equation.name for equation in audit.EQUATIONS}


@pytest.mark.spoils_the_books
def test_level_without_an_approval_is_reported(alice, bob):
    demo_documents.approve(alice, 1, people.BY)
    ids = {"alice": alice.id, "bob": bob.id}
    assert found("levels") == {}
    for equation, statement, column, row in WRONG_LEVELS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, ids)
            assert cursor.rowcount == 1
            assert found(equation)[column] == ids[row], statement
            assert equation in audited.violated()
            transaction.set_rollback(True)


@pytest.mark.spoils_the_books
def test_last_movements_deleted_with_a_restored_wallet_are_detected(stage):
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
def test_legs_exchanged_between_two_payments_are_detected(bob, alices, bobs):
    """Two payments of one amount in one moment: each leg has a mirror, of the other payment."""
    with transaction.atomic():
        one = people.transfer(alices, bobs, 1_00, concept="Rent")
        other = people.transfer(alices, bobs, 1_00, concept="Food")
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
def test_key_with_a_resource_of_another_client_is_detected(stage):
    another = people.a_user(people.a_client("Another"), people.ALICE)
    spoil(
        "UPDATE users_key SET made = 'user', made_id = %(other)s WHERE key = 'k'",
        {"other": another.id},
    )
    assert found("keys") == {"client": stage["client"], "made": "user", "id": another.id}


@pytest.mark.spoils_the_books
def test_forged_movement_with_matching_sums_fails_the_chain(stage):
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
        bytes(people.movements(rows["bobs_wallet"])[0].digest or b""), Leg(**values)
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
def test_forged_movement_with_new_digests_is_detected(stage, bobs, change, wrong):
    spoil(MOVEMENT.format(change, "cash_in"), stage)
    rewrite_the_end(stage | {"bobs_wallet": bobs})
    found_wrong = {finding.equation.name: finding.row for _, finding in audit.findings() if finding}
    assert set(found_wrong) == wrong
    assert found_wrong["chain"]["movement"] == stage["cash_in"]


def test_erased_texts_pass_the_audit(stage):
    User.objects.filter(id=stage["alice"]).update(status="UNSUBSCRIBED", unsubscribed_at=Now())
    with connection.cursor() as cursor:
        none = "concept = NULL, metadata = NULL, salt = NULL"
        cursor.execute(f"UPDATE wallets_movement SET {none}, iban = NULL, reason = ''")
        closed = f"UPDATE wallets_hold SET {none}, reason = NULL WHERE id <> %(frozen)s"
        cursor.execute(closed, stage)
    assert [finding for _, finding in audit.findings() if finding] == []


def test_empty_ledger_passes_the_audit(db):
    assert [finding for _, finding in audit.findings() if finding] == []


# --- The command ---------------------------------------------------------------------------------


def test_audit_command_reports_each_equation_as_right(stage):
    out = StringIO()
    call_command("audit", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[:-2]] == [
        ["passed", equation.name] for equation in audit.EQUATIONS
    ]
    assert lines[-2].startswith("Everything was verified since 20")
    assert lines[-1] == "The ledger is correct."


@pytest.mark.spoils_the_books
def test_audit_command_fails_and_reports_the_wrong_row(stage):
    spoil(WALLET.format("balance = balance + 1", "alices"), stage)
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("audit", stdout=out)
    assert failed.value.returncode == 1
    wrong = str(failed.value).splitlines()
    assert wrong[0].startswith("balance violated: a wallet's balance, seq, head and time are")
    assert f"wallet {stage['alices']}, balance 7701, movements 7700" in wrong[0]
    assert [line.split(" ")[0] for line in wrong] == ["balance", "outside"]
    assert out.getvalue().count("failed") == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_audit_only_reads(stage):
    """As the outermost transaction it is read-only, so it may be run by anybody at any time."""
    with audit.snapshot(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        assert cursor.fetchone() == ("on",)
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("repeatable read",)


def test_audit_command_reports_as_json(stage):
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
def test_audit_command_reports_the_wrong_row_as_json(stage):
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


def test_progress_increases_up_to_the_total(stage, monkeypatch):
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
def test_steps_cover_all_ids_without_overlap(stage, monkeypatch, step):
    monkeypatch.setattr(audit, "STEP", step)
    for walk in (audit.BY_WALLET, audit.BY_OPERATION):
        steps = list(audit.steps(audit.survey()[0][walk.name]))
        assert len(steps) > 1
        assert (steps[0].first, steps[-1].last) == (audit.LOWEST, audit.HIGHEST)
        for one, other in pairwise(steps):
            assert other.first.int == one.last.int + 1
            assert one.first <= one.last


@pytest.mark.slow
@pytest.mark.spoils_the_books
@pytest.mark.parametrize("step", [1, 3, 50_000])
def test_flipped_byte_or_deleted_row_is_detected_with_any_step_size(stage, monkeypatch, step):
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


def test_last_step_includes_the_highest_id(alices, monkeypatch):
    monkeypatch.setattr(audit, "STEP", 1)
    order = PutWallet(
        client_id=alices.client_id, by=people.BY, user_id=alices.user_id, wallet_id=audit.HIGHEST
    )
    posting.submit(order)
    assert list(audit.steps(audit.survey()[0][audit.BY_WALLET.name]))[-1].last == audit.HIGHEST
