"""Plays the whole API and every verb, those of staff too: for tests of what is sent meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from iocash.times import moment
from tests.support import (
    bank,
    bank_files,
    freezes,
    order_guard,
    people,
    published_story,
    story,
    user_actions,
)
from tests.support import kyc as shown
from tests.support.approvals import a_colleague, approve, ask
from tests.support.camt import incoming
from tests.support.people import Api
from tests.support.staff import SUPERVISOR, a_member
from tests.support.story import Recorder, pass_two_minutes
from tests.support.user_bodies import ALICE, NEW
from users import kyc
from users.kyc import Kind, looks
from users.models import Client, User
from wallets import posting
from wallets.admin.approvals.bank_files import ask_to_take_back
from wallets.bank import files
from wallets.duties.holds import ExpireOverdueHolds
from wallets.models import Wallet
from wallets.orders.bank_files import ReturnCashOut
from wallets.orders.base import Order
from wallets.orders.cash_outs import CashOut, MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.payments import BANK, Adjust
from wallets.orders.users import BlockUser, UnblockUser, UnsubscribeUser
from wallets.orders.wallets import BlockWallet, UnblockWallet
from wallets.posting import group

LIMITS = {"EUR": {"0": {"balance": "500", "cashIn": "500", "cashOut": "500"}}}
IBAN = str(shown.BLOCKS["external-iban"]["externalIban"])
OTHER_ALICE = people.ALICE | {"user_name": "alice3", "mobile_phone": "+34600000021"}
OTHER_BOB = people.ALICE | {"user_name": "bob3", "mobile_phone": "+34600000022"}


def verbs() -> set[type[Order]]:
    """Every order that can be posted."""
    return {*order_guard.concrete()}


@contextmanager
def noted_orders() -> Iterator[set[type[Order]]]:
    """Note which orders are posted."""
    played: set[type[Order]] = set()
    run = group.run

    def running(books: Any, order: Order) -> Any:
        played.add(type(order))
        return run(books, order)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "run", running)
        yield played


def play() -> None:
    """Play everything. Limits must be set (`LIMITS`)."""
    play_the_stories()
    client = people.a_client("Verbs")
    wallet = play_orders(client)
    play_bank(wallet)
    play_reviews(client)
    play_users(client)
    play_lists(client, wallet)


def play_the_stories() -> None:
    client = people.a_client()
    api = Recorder(people.a_key(client))
    stranger = Recorder(people.a_key(people.a_client("Another")), api.kept)
    reader = Recorder(people.a_key(client, "wallets:read"), api.kept)
    story.tell(api, stranger, reader)
    published_story.tell(Recorder(people.a_key(people.a_client("Published"))))


def play_orders(client: Client) -> Wallet:
    """Those that only staff give; holds that are overdue; a group of several clients' orders."""
    alices, bobs = (
        people.first_wallet(people.a_user(client, person)) for person in (people.ALICE, people.BOB)
    )
    people.cash_in(alices, 100_00)
    about = people.about(alices)
    for end in (SettleCashOut, partial(RejectCashOut, reason="Unknown account")):
        amount = people.decimal(10_00)
        sent = posting.submit(CashOut(**about, amount=amount, iban=IBAN)).id
        posting.submit(MarkCashOutSent(**about, movement_id=sent))
        posting.submit(end(**about, movement_id=sent))
    posting.submit(Adjust(**about, amount=people.decimal(1_00), is_debit=True))
    for verb in (BlockWallet, UnblockWallet):
        posting.submit(verb(**about, reason="OTHER"))
    owner: dict[str, Any] = {"client_id": client.id, "by": people.BY, "user_id": alices.user_id}
    for user_verb in (BlockUser, UnblockUser):
        posting.submit(user_verb(**owner, reason="OTHER"))
    freezes.lift(freezes.freeze(alices, 1_00))
    people.place(alices, bobs, 1_00, expires_at=timezone.now() + timedelta(hours=1))
    people.pass_time(timedelta(hours=2), alices)
    ExpireOverdueHolds().perform()
    play_group(alices)
    return alices


def play_group(wallet: Wallet) -> None:
    """Orders of two clients in one transaction; then the other client's user ends."""
    stranger = people.a_user(people.a_client("Other"), people.ALICE)
    other = people.first_wallet(stranger)
    group.post([people.a_cash_in(wallet, 1_00), people.a_cash_in(other, 1_00)])
    people.reverse(people.movements(other)[0])
    posting.submit(UnsubscribeUser(client_id=other.client_id, by=people.BY, user_id=stranger.id))


def play_bank(wallet: Wallet) -> None:
    """Files that are discarded, taken back, and sent; answers to them, and a line of a statement.

    The bank returns one payment, by itself and with a line.
    """
    account = bank.an_account(wallet.client, cash_ins="API")
    paid, rejected = movements = bank_files.some_cash_outs(wallet, 2_00, 1_00)
    builder, approver = bank_files.two_members()
    discarded = bank_files.build(account, movements, builder)
    files.discard_file(file_id=discarded.id, reason="Wrong day", by=builder)
    taken_back = bank_files.approve(bank_files.build(account, movements, builder), approver)
    request = ask(ask_to_take_back(taken_back, {}), a_member(SUPERVISOR, name="asker"))
    assert approve(request, a_colleague()).state == "APPROVED"
    sent = bank_files.send(bank_files.build(account, movements, builder), approver)
    bank_files.say(sent, payments={paid: "ACSC", rejected: "RJCT AC04"})
    bank.receive(incoming("1.00", "R1", end_to_end=paid.id.hex, returned="AC04"))
    half = people.decimal(1_00)
    order = ReturnCashOut(**people.about(wallet) | {"by": BANK}, movement_id=paid.id, amount=half)
    posting.submit(order)


def play_reviews(client: Client) -> None:
    """Staff decide about what a user shows; new names then wait for them."""
    other_alice = people.a_user(client, OTHER_ALICE)
    shown.approve(other_alice, [Kind.HOME_ADDRESS, *kyc.IDENTITY])
    shown.approve(other_alice, [Kind.HOME_ADDRESS], city="Toledo")
    shown.review(other_alice, *shown.send(other_alice, Kind.OCCUPATION), reason="Illegible")
    for name in ("Alicia", "Alice", "Ally"):
        user_actions.change(other_alice, first_name=name)
    shown.review(other_alice, kyc.current_documents(other_alice)[Kind.NAME])
    card = kyc.current_documents(other_alice)[Kind.DOCUMENT_IDENTITY_FRONT]
    looks.record_look(card, people.BY)
    api = Api(people.a_key(client))
    api.get(f"users/{other_alice.id}/compliance")
    for kept in shown.files(other_alice):
        kept.unlink()
    with pytest.raises(FileNotFoundError):
        looks.open_file(card)


def play_users(client: Client) -> None:
    """Keys that are sent again, duplicates, numbers that are taken back, and an end."""
    api = Api(people.a_key(client))
    other_bob = people.a_user(client, OTHER_BOB)
    path = f"users/{other_bob.id}"
    for phone in (NEW, OTHER_BOB["mobile_phone"], ALICE["mobilePhone"]):
        pass_two_minutes()
        api.patch(path, {"mobilePhone": phone})
    api.patch(path, {"userName": "alice3"})
    body = ALICE | {"userName": "erin", "mobilePhone": "+34600000023"}
    for _ in ("made", "sent again"):
        api.post("users", body, key="erin")
        api.post(f"{path}/home-address", shown.BLOCKS["home-address"], key="address")
    api.post(f"users/{people.unknown_id()}/request-otp", {})
    api.patch(path, {"status": "UNSUBSCRIBED"})
    api.put(path, ALICE)


def play_lists(client: Client, wallet: Wallet) -> None:
    """Every filter, every key that is sent again, and a page for people."""
    api = Api(people.a_key(client))
    path = f"wallets/{wallet.id}"
    bob = User.objects.get(client=client, user_name="bob")
    paid = people.to(people.first_wallet(bob), "1.00")
    batch = {"movements": [paid, paid]}
    hold = {"targetWalletId": paid["targetWalletId"], "amount": "1.00"}
    for _ in ("made", "sent again"):
        api.post(f"{path}/movements", paid, key="paid")
        api.post(f"{path}/movements/batch", batch, key="batch")
        api.post(f"{path}/holds", hold, key="hold")
    now = moment(timezone.now())
    for query in (
        "users?email=a@example.com",
        f"wallets?userId={wallet.user_id}&status=READY&currency=EUR",
        f"{path}/movements?minAmount=0.50&maxAmount=50.00&endDate={now}",
        f"{path}/movements?status=PENDING",
        f"{path}/movements?type=CASH_OUT&status=ERROR&size=1",
        f"{path}/movements?idempotencyKey=paid",
        f"{path}/movements?idempotencyKey=batch",
        f"{path}/holds?idempotencyKey=hold",
        f"{path}/holds?status=EXPIRED&endDate={now}",
        f"{path}/balance?at={moment(wallet.created_at)}",
        "me",
        "users?q=ali",
        f"users/{wallet.user_id}/wallets?status=READY&sort=createdAt,asc",
        f"users/{wallet.user_id}/documents",
        f"movements?userId={wallet.user_id},{bob.id}&expand=counterparty&sort=createdAt,asc",
        f"movements?walletId={wallet.id}&minAmount=0.50&currency=EUR",
        f"movements?type=CASH_OUT,CASH_IN&iban={IBAN}&status=PENDING,ERROR",
        "movements?reference=INV-1&idempotencyKey=paid",
        f"holds?targetWalletId={paid['targetWalletId']}&status=OPEN&minAmount=0.50&currency=EUR",
        f"external-accounts?userId={wallet.user_id}&status=ACTIVE&iban={IBAN}",
        *(
            f"totals?groupBy={each}&startDate={moment(wallet.created_at)}"
            for each in ("type", "day", "user")
        ),
    ):
        api.get(query)
    etag = api.get(path).headers["ETag"]
    api.patch(path, {"alias": "Mine"}, headers={"If-Match": etag})
    headers = {"Authorization": f"Bearer {api.secret}", "Accept": "text/html"}
    for page in (path, f"{path}/movements", f"users/{wallet.user_id}", "wallets"):
        assert api.browser.get(f"/api/v1/{page}", headers=headers).status_code == 200
