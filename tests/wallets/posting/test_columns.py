"""Fields of rows in memory and columns of tables: those of one name belong together."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from iocash import errors
from iocash.db import clock
from tests.support import people
from users.models import Key, User, events
from users.models.idempotency import UsedKey
from wallets import posting
from wallets.books import Books
from wallets.books.columns import columns
from wallets.books.hold_rows import LockedHold
from wallets.books.resources import RESOURCES
from wallets.books.rows import Leg, LockedAccount, LockedUser, LockedWallet
from wallets.models import ExternalAccount, Hold, Movement, Wallet
from wallets.orders.base import Needs, Order
from wallets.orders.external_accounts import AddExternalAccount
from wallets.orders.ibans import CreateIban
from wallets.posting import group, write

KINDS = (Leg, *RESOURCES, LockedHold, LockedUser, LockedWallet, UsedKey)
IBAN = "ES9121000418450200051332"
WRITTEN = {
    write.INSERT_WALLETS: LockedWallet,
    write.INSERT_HOLDS: LockedHold,
    write.INSERT_MOVEMENTS: Leg,
    **{statement: kind for kind, statement in write.INSERT_RESOURCES.items()},
    write.INSERT_KEYS: UsedKey,
    write.UPDATE_WALLETS: LockedWallet,
    write.UPDATE_WALLET_DETAILS: LockedWallet,
    write.UPDATE_HOLDS: LockedHold,
    write.UPDATE_MOVEMENTS: Leg,
    write.UPDATE_USERS: LockedUser,
    **{statement: kind for kind, statement in write.UPDATE_RESOURCES.items()},
    write.VOID_OTPS: LockedUser,
    events.INSERT: events.Fact,
}
"""The statements that take rows as JSON, and of which kind the rows are."""
WORDS: dict[str, Any] = {"concept": "Lunch", "metadata": {"a": "1"}}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Order):
    """An order that needs these rows, keeps the books, and changes nothing."""

    made = "wallet"

    rows: dict[str, Any]
    opened: list[Books] = dataclasses.field(default_factory=list)

    def needed(self) -> Needs:
        return Needs(**self.rows)

    def check_shape(self, books: Books) -> None:
        self.opened.append(books)
        raise errors.NotFound


def opened(client_id: UUID, *, key: str | None = None, **rows: Any) -> Books:
    order = Reading(client_id=client_id, by=people.BY, key=key, rows=rows)
    group.post([order])
    return order.opened[0]


def require_equal(row: Any, stored: Mapping[str, Any]) -> None:
    for name in columns(type(row)):
        value = stored[name]
        value = bytes(value) if isinstance(value, memoryview) else value
        assert getattr(row, name) == value, name


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_the_first_fields_of_the_row(kind):
    """`kind(*row)` fills fields by position, so no field that is not read may stand between."""
    names = [each.name for each in dataclasses.fields(kind)]
    assert list(columns(kind)) == names[: len(columns(kind))]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not UsedKey])
def test_first_column_is_the_id(kind):
    """Rows are found by it once they are read."""
    assert columns(kind)[0] == "id"


def test_key_is_found_by_its_client_and_text():
    assert columns(UsedKey)[:2] == ("client_id", "key")


@pytest.mark.django_db
def test_user_is_read_by_name(alice):
    User.objects.filter(id=alice.id).update(
        unverified_phone="+34600000009", dlt_address="0x1", dlt_network="A"
    )
    books = opened(alice.client_id, users=(alice.id,))
    require_equal(books.users[alice.id], User.objects.values().get(id=alice.id))


@pytest.mark.django_db
@pytest.mark.parametrize("needs", [("wallets",), ("wallets", "limits")])
def test_wallet_is_read_by_name(alices, bobs, needs):
    people.transfer(alices, bobs, 10_00)
    soon = clock.now() + timedelta(hours=1)
    people.place(alices, bobs, 5_00, expires_at=soon)
    posting.submit(CreateIban(**people.about(alices)))
    rows: dict[str, Any] = dict.fromkeys(needs, (alices.id,))
    books = opened(alices.client_id, **rows)
    stored = Wallet.objects.values().get(id=alices.id)
    assert len({stored["balance"], stored["held"], stored["received"], stored["seq"]}) == 4
    require_equal(books.wallets[alices.id], stored)


@pytest.mark.django_db
def test_movement_is_read_by_name(alices, bobs):
    people.transfer(alices, bobs, 10_00, **WORDS)
    movement = people.movements(alices)[-1]
    books = opened(alices.client_id, movements=(movement.id,))
    require_equal(books.movements[movement.id], Movement.objects.values().get(id=movement.id))


@pytest.mark.django_db
def test_hold_is_read_by_name(alices, bobs):
    hold = people.place(alices, bobs, 10_00, **WORDS)
    books = opened(alices.client_id, holds=(hold.id,))
    require_equal(books.holds[hold.id], Hold.objects.values().get(id=hold.id))


@pytest.mark.django_db
@pytest.mark.parametrize("is_new", [False, True])
def test_account_is_read_by_name(alices, is_new):
    order = AddExternalAccount(**people.about(alices), iban=IBAN, alias="Rent")
    account_id = posting.submit(order).id
    asked: dict[str, Any] = (
        {"new_resources": ((LockedAccount.table, alices.id, IBAN),)}
        if is_new
        else {"resources": ((LockedAccount.table, account_id),)}
    )
    books = opened(alices.client_id, **asked)
    stored = ExternalAccount.objects.values().get(id=account_id)
    require_equal(books.resources[account_id], stored)


@pytest.mark.django_db
def test_key_is_read_by_name(alices):
    people.cash_in(alices, 1_00, key="k")
    books = opened(alices.client_id, key="k")
    require_equal(books.keys[alices.client_id, "k"], Key.objects.values().get(key="k"))


@pytest.mark.parametrize(("statement", "kind"), WRITTEN.items())
def test_statement_takes_only_fields_of_its_rows(statement, kind):
    """JSON without a name that a statement takes would write NULL."""
    taken = re.search(r"json_to_recordset\(%s\) AS new\s*\(([^)]*)\)", statement)
    assert taken
    names = {column.split()[0] for column in taken[1].split(",")}
    assert names <= {each.name for each in dataclasses.fields(kind)}


def test_every_statement_that_takes_rows_is_tested():
    texts = [text for text in vars(write).values() if isinstance(text, str)]
    assert {text for text in texts if "json_to_recordset(%s)" in text} < set(WRITTEN)
