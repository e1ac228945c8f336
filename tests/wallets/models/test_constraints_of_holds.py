"""What the database refuses of holds and of external accounts, each by its name."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.support import people
from tests.support.constraints import BROKEN_FREEZES, BROKEN_HOLDS, refused_by, run
from users.models.ids import new_id
from wallets import posting
from wallets.models import Hold
from wallets.orders.holds import ReleaseHold

pytestmark = pytest.mark.django_db


def unguarded(table: str, trigger: str) -> None:
    """Take the trigger down, so that the constraints behind it are seen."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


@pytest.mark.parametrize(("constraint", "change"), BROKEN_HOLDS)
def test_invalid_hold_violates_the_named_constraint(stage, constraint, change):
    unguarded("wallets_hold", "hold_is_placed_once")
    statement = f"UPDATE wallets_hold SET {change} WHERE id = %(hold)s"
    assert refused_by(statement, stage) == constraint


@pytest.mark.parametrize(("constraint", "name", "change"), BROKEN_FREEZES)
def test_invalid_freeze_violates_the_named_constraint(stage, constraint, name, change):
    unguarded("wallets_hold", "hold_is_placed_once")
    statement = f"UPDATE wallets_hold SET {change} WHERE id = %({name})s"
    assert refused_by(statement, stage).startswith(constraint)


PLACED_ONCE = {
    "id": "%(nobody)s",
    "client_id": "%(another)s",
    "wallet_id": "%(bobs)s",
    "target_id": "%(their_wallet)s",
    "case_id": "7",
    "currency": "'USD'",
    "amount": "amount + 1",
    "created_at": "created_at - interval '1us'",
    "details_digest": "NULL",
    "digest": "''",
}
NEVER_GROWS = {"remaining": "remaining + 1"}
ENDS_ONCE = {
    "status": "'EXPIRED'",
    "remaining": "1",
    "expires_at": "now()",
    "ended_at": "now() + interval '1s'",
    "updated_at": "now() + interval '1s'",
}
HOLD_ONLY_ERASED = {
    "concept": "'Dinner'",
    "metadata": """'{"a": "2"}'""",
    "reference": "'1002'",
    "salt": "''",
    "reason": "'Revoked'",
}


@pytest.mark.parametrize(
    ("rule", "column", "value"),
    [("hold_is_placed_once", *item) for item in PLACED_ONCE.items()]
    + [("hold_never_grows", *item) for item in NEVER_GROWS.items()]
    + [("hold_texts_are_only_erased", *item) for item in HOLD_ONLY_ERASED.items()],
)
def test_fixed_fields_of_a_hold_do_not_change(stage, rule, column, value):
    statement = f"UPDATE wallets_hold SET {column} = {value} WHERE id = %(hold)s"
    assert refused_by(statement, stage) == rule


@pytest.mark.parametrize(("column", "value"), ENDS_ONCE.items())
def test_closed_hold_does_not_change(stage, column, value):
    posting.submit(people.about_hold(ReleaseHold, people.seen(stage["hold"])))
    statement = f"UPDATE wallets_hold SET {column} = {value} WHERE id = %(hold)s"
    assert refused_by(statement, stage) == "hold_ends_once"


def test_every_column_of_a_hold_is_protected():
    columns = {field.column for field in Hold._meta.fields}
    assert columns == {*PLACED_ONCE, *NEVER_GROWS, *ENDS_ONCE, *HOLD_ONLY_ERASED}


@pytest.mark.spoils_the_books
def test_the_texts_of_a_hold_are_erased_together(stage):
    for kept in HOLD_ONLY_ERASED.keys() - {"reason"}:
        erased = ", ".join(f"{name} = NULL" for name in HOLD_ONLY_ERASED if name != kept)
        statement = f"UPDATE wallets_hold SET {erased} WHERE id = %(hold)s"
        assert refused_by(statement, stage) == "hold_texts_are_only_erased"
    erased = ", ".join(f"{name} = NULL" for name in HOLD_ONLY_ERASED)
    run(f"UPDATE wallets_hold SET {erased} WHERE id = %(hold)s", stage)


def test_freeze_keeps_its_case_and_its_reason(stage):
    for change, rule in (
        ("case_id = case_id + 1", "hold_is_placed_once"),
        ("target_id = %(bobs)s", "hold_is_placed_once"),
        ("reason = 'Another'", "hold_texts_are_only_erased"),
        ("reason = NULL", "hold_texts_are_only_erased"),
        ("concept = NULL, salt = NULL", "hold_texts_are_only_erased"),
    ):
        assert refused_by(f"UPDATE wallets_hold SET {change} WHERE id = %(lifted)s", stage) == rule


@pytest.mark.spoils_the_books
def test_texts_of_a_freeze_are_erased_together(stage):
    erased = "concept = NULL, reason = NULL, salt = NULL"
    run(f"UPDATE wallets_hold SET {erased} WHERE id = %(lifted)s", stage)


ACCOUNT = """
    INSERT INTO wallets_externalaccount (id, client_id, wallet_id, alias, iban, status)
    VALUES (%s, %s, %s, '', 'ES91', %s)
"""


def an_account(stage: dict[str, Any], status: str = "ACTIVE", wallet: str = "alices") -> Any:
    return ACCOUNT, [new_id(), stage["client"], stage[wallet], status]


@pytest.mark.spoils_the_books
def test_active_external_account_is_unique_per_wallet(stage):
    run(*an_account(stage, "REMOVED"))
    run(*an_account(stage))
    run(*an_account(stage, "REMOVED"))
    run(*an_account(stage, wallet="bobs"))
    assert refused_by(*an_account(stage)) == "external_account_is_there_once"


@pytest.mark.spoils_the_books
def test_external_account_is_removed_permanently(stage):
    run(*an_account(stage, "REMOVED"))
    for change in ("status = 'ACTIVE'", "wallet_id = %(bobs)s", "client_id = %(another)s"):
        statement = f"UPDATE wallets_externalaccount SET {change}"
        assert refused_by(statement, stage) == "external_account_is_removed_for_ever"
