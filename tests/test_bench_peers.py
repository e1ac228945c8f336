"""The benchmark's peers: they keep the same books as the product, by the same rules."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from rest_framework import exceptions
from uuid_utils.compat import uuid7

from tests.bench import pgbench, stage
from tests.support import people
from users.models import Event, Key, User
from wallets.models import Movement, Wallet

CHOSEN_BY_CHANCE = {"id", "operation_id", "digest", "settled_at", "created_at"}


@pytest.fixture
def known(alice: User, bob: User) -> None:
    """Nobody has limits any more: this is what the bench's users are."""
    make_known(alice.client_id)


def make_known(client_id: UUID) -> None:
    """Make companies of a client's users, of which staff have approved everything."""
    User.objects.filter(client=client_id).update(
        kind="JURIDICAL", company_name="Company", first_name="", last_name="", kyc_level=2
    )
    with connection.cursor() as cursor:
        for statement in (stage.PAPERS, stage.APPROVALS):
            cursor.execute(statement, {"client": client_id})


@pytest.fixture
def function(transactional_db: None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute((pgbench.FOLDER / "transfer.sql").read_text())
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA bench CASCADE")


def call(source: Wallet, target: Wallet, amount: int, key: str) -> Any:
    """Transfer as L1 does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bench.transfer(%s, 'key:bench', %s, %s, %s, %s)",
            [source.client_id, source.id, target.id, amount, key],
        )
        return cursor.fetchone()[0]


def the_usual_way(source: Wallet, target: Wallet, amount: int, key: str) -> Any:
    from tests.bench.peers.usual import views

    class Caller:
        client = source.client
        actor = "key:bench"

    values = {"targetWalletId": target.id, "amount": people.decimal(amount)}
    return views.transfer(caller=Caller(), source_id=source.id, key=key, values=values).id


REFUSALS = (DatabaseError, exceptions.APIException)
PEERS = pytest.mark.parametrize("peer", [call, the_usual_way])


def rows(wallet: Wallet) -> list[dict[str, Any]]:
    """All that is known of the wallet's movements but what chance and the clock decide."""
    found = Movement.objects.filter(wallet=wallet).order_by("seq").values()
    return [
        {name: value for name, value in row.items() if name not in CHOSEN_BY_CHANCE}
        for row in found
    ]


def events() -> list[tuple[str, str, bool]]:
    found = Event.objects.filter(kind="movement.settled").order_by("id")
    return [(each.subject, each.kind, each.wallet_id is not None) for each in found]


@PEERS
def test_peer_writes_the_rows_of_the_product(
    peer: Any, function: None, known: None, alices: Wallet, bobs: Wallet
) -> None:
    before = len(events())
    people.transfer(alices, bobs, 10_00, key="ours")
    ours = rows(alices)[-1], rows(bobs)[-1], events()[before:]
    peer(alices, bobs, 10_00, "theirs")
    theirs = rows(alices)[-1], rows(bobs)[-1], events()[before + len(ours[2]) :]
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        moved = {"seq", "balance_after", "received_after"}
        assert {name: mine[name] for name in mine.keys() - moved} == {
            name: other[name] for name in mine.keys() - moved
        }
    assert ours[2] == theirs[2]
    assert people.balances(alices, bobs) == [80_00, 20_00]
    assert Key.objects.filter(made="movement", status=201).count() == 2


@PEERS
def test_peer_moves_once_with_the_same_key(
    peer: Any, function: None, known: None, alices: Wallet, bobs: Wallet
) -> None:
    assert peer(alices, bobs, 10_00, "lunch") == peer(alices, bobs, 10_00, "lunch")
    assert people.balances(alices, bobs) == [90_00, 10_00]


@PEERS
def test_peer_refuses_more_than_is_available(
    peer: Any, function: None, known: None, alices: Wallet, bobs: Wallet
) -> None:
    people.place(alices, bobs, 95_00)
    with pytest.raises(REFUSALS, match=r"insufficient_funds|Less is available"):
        peer(alices, bobs, 5_01, "lunch")
    peer(alices, bobs, 5_00, "lunch")
    assert people.balances(alices, bobs) == [95_00, 5_00]


@PEERS
@pytest.mark.parametrize("thing", ["wallet", "user"])
def test_peer_refuses_blocked_recipients(
    peer: Any, thing: str, function: None, known: None, alices: Wallet, bobs: Wallet
) -> None:
    people.block(bobs if thing == "wallet" else bobs.user)
    with pytest.raises(REFUSALS, match=r"not_ready|not_active|not ready|not active"):
        peer(alices, bobs, 1_00, "lunch")


@PEERS
def test_peer_does_not_find_a_wallet_of_another_client(
    peer: Any, function: None, known: None, alices: Wallet
) -> None:
    other = people.first_wallet(people.a_user(people.a_client("Another"), people.BOB))
    make_known(other.client_id)
    with pytest.raises(REFUSALS, match=r"not_found|Not found"):
        peer(alices, other, 1_00, "lunch")


@pytest.mark.parametrize("maker", ["new_id", "put_together"])
def test_ids_of_peers_are_uuid7(maker: str, function: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT bench.{maker}()")
        made = cursor.fetchone()[0]
    assert made.version == 7
    assert abs(made.int - uuid7().int) >> 80 < 10_000, "ten seconds are a long time"
