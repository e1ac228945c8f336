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
from wallets import ledger, posting
from wallets.models import Audit, Hold, Movement, MovementQuerySet, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(alices, bobs):
    """Rows that the ledger wrote, by name; and ids of things of another client."""
    cast.transfer(alices, bobs, 10_00, concept="Lunch", metadata={"a": "1"})
    brought, out = cast.movements(alices)
    (into,) = cast.movements(bobs)
    hold = cast.place(alices, bobs, 5_00, concept="Deposit", metadata={"a": "1"})
    theirs = cast.a_user(cast.a_client("Another"), cast.ALICE)
    return {
        "hold": hold.id,
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
    (
        "wallet_balance_has_a_ceiling",
        f"balance = {money.MAX_BALANCE + 1}, received = {money.MAX_BALANCE + 1}",
    ),
    ("wallet_received_covers_balance", "received = balance - 1"),
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
        Wallet.objects.filter(id=stage["alices"]).update(
            balance=money.MAX_BALANCE, received=money.MAX_BALANCE
        )
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
    ("hold_is_never_removed", "wallets_hold", "hold"),
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

UNSETTLED = {
    "seq": None,
    "balance_after": None,
    "received_after": None,
    "settled_at": None,
    "digest": None,
}
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
            "digest": "\\x00",
        }.items()
    ],
    ("movement_cash_out_goes_outside", "into", WAITING | {"amount": 1}),
    ("movement_cash_out_has_an_iban_unless_erased", "into", WAITING | {"iban": None}),
    ("movement_cash_out_settles_after_it_was_sent", "into", AS_CASH_OUT),
    ("movement_only_a_transfer_executes_a_hold", "brought", {"hold_id": "hold"}),
    ("movement_reversal_names_what_it_reverses", "into", {"type": "REVERSAL"}),
    ("movement_reversal_names_what_it_reverses", "into", {"reversal_of_id": "out"}),
    (
        "movement_reversal_to_outside_goes_out",
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
    tested_by_prefix = ("external_account_", "wallets_externalaccount_", "wallets_movement_")
    broken = [*BROKEN_WALLETS, *BROKEN_MOVEMENTS, *BROKEN_HOLDS, *REMOVALS]
    tested = {name for name, *_ in broken}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype IN ('c', 'f', 'u')"
            " AND conrelid::regclass::text LIKE 'wallets_%'"
        )
        there = {name for (name,) in cursor.fetchall() if not name.startswith(tested_by_prefix)}
    triggers = {"movement_is_never_removed", "hold_is_never_removed"}
    assert there == tested - triggers | {"wallet_iban_is_given_once"} | unbreakable


@pytest.mark.parametrize("column", ["hold_id", "reversal_of_id"])
def test_what_a_movement_names_is_there(stage, column):
    kind = {"type": "REVERSAL"} if column == "reversal_of_id" else {}
    changes: dict[str, Any] = {"operation_id": new_id(), column: "nobody"} | kind
    constraint = refused_by(*a_copy(stage, "into", **changes))
    assert constraint.startswith(f"wallets_movement_{column}_")


# --- Holds and external accounts -----------------------------------------------------------------

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
    ("hold_has_its_wallets_client_and_currency", "wallet_id = %(dollars)s"),
    ("hold_has_its_wallets_client_and_currency", "client_id = %(another)s"),
    ("hold_has_its_targets_client_and_currency", "target_id = %(their_wallet)s"),
    ("hold_has_its_targets_client_and_currency", "target_id = %(nobody)s"),
]


def unguarded(table: str, trigger: str) -> None:
    """Take the trigger down, so that the constraints behind it are seen."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


@pytest.mark.parametrize(("constraint", "change"), BROKEN_HOLDS)
def test_a_hold_is_refused_by_name(stage, constraint, change):
    unguarded("wallets_hold", "hold_is_placed_once")
    statement = f"UPDATE wallets_hold SET {change} WHERE id = %(hold)s"
    assert refused_by(statement, stage) == constraint


PLACED_ONCE = {
    "id": "%(nobody)s",
    "client_id": "%(another)s",
    "wallet_id": "%(bobs)s",
    "target_id": "%(their_wallet)s",
    "currency": "'USD'",
    "amount": "amount + 1",
    "created_at": "created_at - interval '1us'",
}
NEVER_GROWS = {"remaining": "remaining + 1"}
ENDS_ONCE = {
    "status": "'EXPIRED'",
    "remaining": "1",
    "expires_at": "now()",
    "ended_at": "now() + interval '1s'",
}
HOLD_ONLY_ERASED = {"concept": "'Dinner'", "metadata": """'{"a": "2"}'"""}


@pytest.mark.parametrize(
    ("rule", "column", "value"),
    [("hold_is_placed_once", *item) for item in PLACED_ONCE.items()]
    + [("hold_never_grows", *item) for item in NEVER_GROWS.items()]
    + [("hold_texts_are_only_erased", *item) for item in HOLD_ONLY_ERASED.items()],
)
def test_no_fact_of_a_hold_changes(stage, rule, column, value):
    statement = f"UPDATE wallets_hold SET {column} = {value} WHERE id = %(hold)s"
    assert refused_by(statement, stage) == rule


@pytest.mark.parametrize(("column", "value"), ENDS_ONCE.items())
def test_an_ended_hold_does_not_change(stage, column, value):
    posting.submit(cast.about_hold(ledger.ReleaseHold, cast.seen(stage["hold"])))
    statement = f"UPDATE wallets_hold SET {column} = {value} WHERE id = %(hold)s"
    assert refused_by(statement, stage) == "hold_ends_once"


def test_every_column_of_a_hold_is_guarded():
    columns = {field.column for field in Hold._meta.fields}
    assert columns == {*PLACED_ONCE, *NEVER_GROWS, *ENDS_ONCE, *HOLD_ONLY_ERASED}


def test_the_texts_of_a_hold_are_erased_together(stage):
    for kept in HOLD_ONLY_ERASED:
        erased = ", ".join(f"{name} = NULL" for name in HOLD_ONLY_ERASED if name != kept)
        statement = f"UPDATE wallets_hold SET {erased} WHERE id = %(hold)s"
        assert refused_by(statement, stage) == "hold_texts_are_only_erased"
    run("UPDATE wallets_hold SET concept = NULL, metadata = NULL WHERE id = %(hold)s", stage)


ACCOUNT = """
    INSERT INTO wallets_externalaccount (id, client_id, wallet_id, alias, iban, status)
    VALUES (%s, %s, %s, '', 'ES91', %s)
"""


def an_account(stage: dict[str, Any], status: str = "ACTIVE", wallet: str = "alices") -> Any:
    return ACCOUNT, [new_id(), stage["client"], stage[wallet], status]


def test_an_external_account_is_there_once(stage):
    run(*an_account(stage, "REMOVED"))
    run(*an_account(stage))
    run(*an_account(stage, "REMOVED"))
    run(*an_account(stage, wallet="bobs"))
    assert refused_by(*an_account(stage)) == "external_account_is_there_once"


def test_an_external_account_is_removed_for_ever(stage):
    run(*an_account(stage, "REMOVED"))
    for change in ("status = 'ACTIVE'", "wallet_id = %(bobs)s", "client_id = %(another)s"):
        statement = f"UPDATE wallets_externalaccount SET {change}"
        assert refused_by(statement, stage) == "external_account_is_removed_for_ever"


@pytest.mark.parametrize(
    ("constraint", "status", "wallet"),
    [
        ("external_account_status_is_known", "GONE", "alices"),
        ("wallets_externalaccount_wallet_id_", "ACTIVE", "nobody"),
    ],
)
def test_an_external_account_is_refused_by_name(stage, constraint, status, wallet):
    assert refused_by(*an_account(stage, status, wallet)).startswith(constraint)


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
    "hold_id": "%(hold)s",
    "reversal_of_id": "%(out)s",
    "created_at": "created_at - interval '1us'",
    "details_digest": "NULL",
}
SETTLED_ONCE = {
    "status": "'ERROR'",
    "seq": "2",
    "balance_after": "balance_after + 1",
    "received_after": "received_after + 1",
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
    "SUCCESS": "status = 'SUCCESS', seq = 9, balance_after = 0, received_after = 0,"
    " settled_at = now(), digest = 'x', sent_at = now()",
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
    late = truncated + timedelta(microseconds=999)
    assert ids(found.within(None, late)) == ids(found.within(None, truncated))


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


def test_what_is_not_held_is_available(alices, bobs):
    cast.place(alices, bobs, 3_00)
    assert Wallet.objects.seen().get(id=alices.id).available == 97_00
