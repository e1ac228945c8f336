"""What the database refuses, each by its name, and the questions that querysets ask."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from iocash import money
from tests import cast
from users.models import Otp
from users.models.clients import new_id
from wallets.models import Audit, Movement, MovementQuerySet, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(alices, bobs):
    """Rows that the ledger wrote, by name; and ids of things of another client."""
    cast.transfer(alices, bobs, 10_00, concept="Lunch", metadata={"a": "1"})
    brought, out = cast.movements(alices)
    (into,) = cast.movements(bobs)
    theirs = cast.a_user(cast.a_client("Another"), cast.ALICE)
    return {
        "alices": alices.id,
        "bobs": bobs.id,
        "client": alices.client_id,
        "brought": brought.id,
        "out": out.id,
        "into": into.id,
        "another": theirs.client_id,
        "their_user": theirs.id,
        "their_wallet": cast.first_wallet(theirs).id,
        "dollars": cast.a_wallet(cast.first_wallet(theirs).user, "USD").id,
        "nobody": cast.unknown_id(),
    }


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
    INSERT INTO wallets_movement SELECT (jsonb_populate_record(movement, %s::jsonb)).*
    FROM wallets_movement AS movement WHERE id = %s
"""


def a_copy(stage: dict[str, Any], name: str, **changes: Any) -> tuple[str, list[Any]]:
    """Insert a movement like that one, with the next `seq`, and with changes."""
    changes = {"id": new_id(), "seq": 99} | changes
    values = {column: stage.get(str(value), value) for column, value in changes.items()}
    return COPY, [json.dumps(values, default=str), stage[name]]


# --- Wallets -------------------------------------------------------------------------------------

BROKEN_WALLETS = [
    ("wallet_held_is_not_negative", "held = -1"),
    ("wallet_balance_covers_held", "held = balance + 1"),
    ("wallet_balance_covers_held", "balance = -1"),
    ("wallet_balance_has_a_ceiling", f"balance = {money.MAX_BALANCE + 1}"),
    ("wallet_closed_is_empty", "status = 'UNSUBSCRIBED'"),
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
def test_a_wallet_is_refused_by_name(stage, constraint, change):
    statement = f"UPDATE wallets_wallet SET {change} WHERE id = %(alices)s"
    assert refused_by(statement, stage) == constraint


def test_the_ceiling_of_a_balance_may_be_reached(stage):
    with transaction.atomic():
        Wallet.objects.filter(id=stage["alices"]).update(balance=money.MAX_BALANCE)
        transaction.set_rollback(True)


def test_an_iban_is_given_once_to_a_client(stage):
    for name in ("alices", "their_wallet"):
        run("UPDATE wallets_wallet SET iban = 'ES91' WHERE id = %s", [stage[name]])
    statement = "UPDATE wallets_wallet SET iban = 'ES91' WHERE id = %s"
    assert refused_by(statement, [stage["bobs"]]) == "wallet_iban_is_given_once"


REMOVALS = [
    ("movement_has_its_wallets_client_and_currency", "wallets_wallet", "alices"),
    ("wallet_is_of_its_users_client", "users_user", "their_user"),
    ("movement_is_never_removed", "wallets_movement", "out"),
]


@pytest.mark.parametrize(("constraint", "table", "name"), REMOVALS)
def test_nothing_that_money_hangs_on_is_removed(stage, constraint, table, name):
    Otp.objects.all().delete()
    assert refused_by(f"DELETE FROM {table} WHERE id = %s", [stage[name]]) == constraint


@pytest.mark.parametrize("model", [*apps.get_app_config("wallets").get_models()])
def test_every_foreign_key_protects(model):
    keys = [field for field in model._meta.fields if isinstance(field, models.ForeignKey)]
    assert keys or model is Audit
    assert all(field.remote_field.on_delete is models.PROTECT for field in keys)


# --- Movements -----------------------------------------------------------------------------------

UNSETTLED = {"seq": None, "balance_after": None, "settled_at": None, "digest": None}
AS_CASH_OUT = {"type": "CASH_OUT", "counterparty_id": None, "amount": -1, "iban": "ES91"}
WAITING = UNSETTLED | AS_CASH_OUT | {"status": "PENDING"}
WORDLESS = {"concept": None, "metadata": None, "salt": None, "details_digest": None}

BROKEN_MOVEMENTS: list[tuple[str, str, dict[str, Any]]] = [
    ("movement_amount_is_not_zero", "into", {"amount": 0}),
    ("movement_type_is_known", "into", {"type": "GIFT"}),
    ("movement_status_is_known", "into", WAITING | {"status": "DONE"}),
    ("movement_counterparty_is_another_wallet", "into", {"counterparty_id": "bobs"}),
    ("movement_transfer_has_a_counterparty", "into", {"counterparty_id": None}),
    ("movement_cash_in_comes_from_outside", "brought", {"counterparty_id": "bobs"}),
    ("movement_cash_in_comes_from_outside", "brought", {"amount": -1}),
    *[("movement_success_is_settled", "into", {name: None}) for name in UNSETTLED],
    ("movement_success_is_settled", "into", {"seq": 0}),
    ("movement_success_is_settled", "into", {"balance_after": -1}),
    *[
        ("movement_success_is_settled", "into", AS_CASH_OUT | {"status": status, "reason": reason})
        for status, reason in (("PENDING", ""), ("ERROR", "Closed"), ("CANCELLED", ""))
    ],
    *[
        ("movement_success_is_settled", "into", WAITING | {name: value})
        for name, value in {
            "seq": 99,
            "balance_after": 0,
            "settled_at": "2026-01-31T12:00:00Z",
            "digest": "\\x00",
        }.items()
    ],
    ("movement_cash_out_goes_outside", "into", WAITING | {"amount": 1}),
    ("movement_cash_out_has_an_iban_unless_erased", "into", WAITING | {"iban": None}),
    ("movement_cash_out_settles_after_it_was_sent", "into", AS_CASH_OUT),
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
def test_a_movement_is_refused_by_name(stage, constraint, name, changes):
    assert refused_by(*a_copy(stage, name, **changes)) == constraint


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("name", ["brought", "out", "into"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        WAITING,
        WORDLESS,
        {"concept": None, "metadata": None, "salt": None},
    ],
)
def test_the_same_movement_is_taken_when_nothing_is_wrong(stage, name, changes):
    """So that what refuses the others is what their names say."""
    if name == "brought" and "details_digest" not in changes:
        changes = {"salt": "\\x00", "details_digest": "\\x00"} | changes
    run(*a_copy(stage, name, **changes))


def test_every_constraint_of_the_tables_is_broken_by_a_test():
    unbreakable = {
        "wallet_is_of_one_client_and_currency",  # the primary key is stricter; a target of others
        "wallets_wallet_client_id_f5027de2_fk_users_client_id",  # the user's is stricter
    }
    broken = [*BROKEN_WALLETS, *BROKEN_MOVEMENTS, *REMOVALS]
    tested = {name for name, *_ in broken}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype IN ('c', 'f', 'u')"
            " AND conrelid::regclass::text LIKE 'wallets_%'"
        )
        there = {name for (name,) in cursor.fetchall()}
    assert (
        there
        == tested - {"movement_is_never_removed"} | {"wallet_iban_is_given_once"} | unbreakable
    )


# --- Written once --------------------------------------------------------------------------------

WRITTEN_ONCE = {
    "id": "%(nobody)s",
    "client_id": "%(another)s",
    "wallet_id": "%(alices)s",
    "operation_id": "%(nobody)s",
    "type": "'CASH_IN'",
    "amount": "amount + 1",
    "currency": "'USD'",
    "counterparty_id": "%(their_wallet)s",
    "created_at": "created_at - interval '1us'",
    "details_digest": "NULL",
}
SETTLED_ONCE = {
    "status": "'ERROR'",
    "seq": "2",
    "balance_after": "balance_after + 1",
    "settled_at": "settled_at + interval '1us'",
    "digest": "''",
    "reason": "'Closed'",
}
SENT_ONCE = {"sent_at": "now()"}
ONLY_ERASED = {
    "concept": "'Dinner'",
    "iban": "'ES91'",
    "metadata": """'{"a": "2"}'""",
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


def test_every_column_of_a_movement_is_guarded():
    columns = {field.column for field in Movement._meta.fields}
    assert columns == {*WRITTEN_ONCE, *SETTLED_ONCE, *SENT_ONCE, *ONLY_ERASED}


def test_a_settled_movement_does_not_go_back(stage):
    unsettled = "status = 'PENDING', " + ", ".join(f"{name} = NULL" for name in UNSETTLED)
    statement = f"UPDATE wallets_movement SET {unsettled} WHERE id = %(out)s"
    assert refused_by(statement, stage) == "movement_is_settled_once"


@pytest.mark.parametrize("kept", ["concept", "metadata", "salt"])
def test_texts_are_not_erased_one_by_one(stage, kept):
    erased = ", ".join(f"{name} = NULL" for name in ONLY_ERASED if name != kept)
    statement = f"UPDATE wallets_movement SET {erased} WHERE id = %(out)s"
    assert refused_by(statement, stage) == "movement_texts_are_only_erased"


def test_texts_are_erased_together(stage):
    erased = ", ".join(f"{name} = NULL" for name in ONLY_ERASED)
    run(f"UPDATE wallets_movement SET {erased} WHERE id = %(out)s", stage)
    movement = Movement.objects.get(id=stage["out"])
    assert (movement.concept, movement.metadata, movement.salt) == (None, None, None)
    assert movement.details_digest


ENDS = {
    "SUCCESS": "status = 'SUCCESS', seq = 9, balance_after = 0, settled_at = now(), digest = 'x',"
    " sent_at = now()",
    "ERROR": "status = 'ERROR', reason = 'Closed'",
    "CANCELLED": "status = 'CANCELLED'",
}


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("status", ENDS)
def test_a_pending_movement_ends_once(stage, status):
    pending = new_id()
    copy = a_copy(stage, "into", **WAITING | {"id": str(pending)})
    run(*copy)
    run(f"UPDATE wallets_movement SET {ENDS[status]} WHERE id = %s", [pending])
    for end in [ENDS[other] for other in ENDS if other != status]:
        statement = f"UPDATE wallets_movement SET {end} WHERE id = %s"
        assert refused_by(statement, [pending]) == "movement_is_settled_once"


# --- Questions -----------------------------------------------------------------------------------


def ids(movements: MovementQuerySet) -> list[Any]:
    return [movement.id for movement in movements.order_by("created_at")]


def test_movements_are_asked_for_by_time_to_the_millisecond(alices, history):
    found = Movement.objects.filter(wallet=alices)
    first, second, third = history
    start, end = second.created_at, second.created_at
    assert ids(found.within(None, None)) == [first.id, second.id, third.id]
    assert ids(found.within(start, None)) == [second.id, third.id]
    assert first.id in ids(found.within(None, end))
    assert second.id in ids(found.within(start, end))
    truncated = end.replace(microsecond=end.microsecond // 1000 * 1000)
    assert second.id in ids(found.within(None, truncated))
    assert not ids(found.within(None, truncated - timedelta(days=1)))


def test_movements_are_asked_for_by_direction_and_amount(alices, history):
    found = Movement.objects.filter(wallet=alices)
    first, second, third = (movement.id for movement in history)
    assert ids(found.directed("IN")) == [first, third]
    assert ids(found.directed("OUT")) == [second]
    assert ids(found.at_least(10_00)) == [first, second]
    assert ids(found.at_most(10_00)) == [second, third]
    assert ids(found.at_least(10_01).at_most(99_99)) == []


def test_movements_are_asked_for_by_the_key_that_made_them(alices, bobs, history):
    found = Movement.objects.made_with(alices.client_id, "lunch")
    assert {movement.wallet_id for movement in found} == {alices.id, bobs.id}
    assert not Movement.objects.made_with(alices.client_id, "dinner").exists()
    assert not Movement.objects.made_with(new_id(), "lunch").exists()


def test_one_client_owns_its_own_and_nobody_in_particular_sees_all(alices, history):
    for manager in (Movement.objects, Wallet.objects):
        assert manager.owned_by(alices.client_id).count() == manager.count()
        assert manager.owned_by(None).count() == manager.count()
        assert not manager.owned_by(new_id()).exists()


def test_a_movement_has_a_direction_and_a_magnitude(history):
    assert [(movement.direction, movement.magnitude) for movement in history] == [
        ("IN", 100_00),
        ("OUT", 10_00),
        ("IN", 5_00),
    ]


def test_things_are_called_by_their_ids(alices, history):
    assert str(alices) == str(alices.id)
    assert str(history[0]) == str(history[0].id)


def test_what_is_not_held_is_available():
    assert Wallet(balance=10_00, held=3_00).available == 7_00
