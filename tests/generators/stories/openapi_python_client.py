"""Alice is paid, pays and promises, with the client that openapi-python-client makes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from iocash_client import AuthenticatedClient
from iocash_client.api.holds import create_hold, update_hold
from iocash_client.api.movements import (
    create_batch,
    create_movement,
    execute_hold,
    get_statement,
    list_movements,
)
from iocash_client.api.users import create_user, validate_otp
from iocash_client.api.wallets import create_wallet, list_wallets
from iocash_client.models import (
    BatchAnswer,
    BatchBody,
    CashInBody,
    CashOutBody,
    Conflict,
    Error,
    ExecutionBody,
    HoldAnswer,
    HoldBody,
    HoldChange,
    JuridicalUserBody,
    ListMovementsMetadata,
    Metadata,
    MovementAnswer,
    MovementAnswerPage,
    NaturalUserBody,
    OtpBody,
    StatementAnswer,
    TransferBody,
    UserAnswer,
    WalletAnswer,
    WalletAnswerPage,
    WalletBody,
)
from iocash_client.types import UNSET, Unset

CLIENT = AuthenticatedClient(os.environ["IOCASH_URL"], os.environ["IOCASH_KEY"])


def main() -> None:
    alice, company = create_users()
    alices, companys = wallet_of(alice), wallet_of(company)
    open_wallet(alice)
    move_money(alices, companys)
    hold_and_execute(alices, companys)
    assert pages_of_movements(alices) == [2, 2, 2]
    find_by_metadata(alices)
    read_statement(alices)
    read_refusal(alices, companys)


def create_users() -> tuple[UUID, UUID]:
    person = NaturalUserBody(
        kind="NATURAL",
        user_name="alice",
        first_name="Alice",
        last_name="Example",
        mobile_phone="+34600000011",
    )
    company = JuridicalUserBody(
        kind="JURIDICAL",
        user_name="example-ltd",
        company_name="Example Ltd",
        mobile_phone="+34600000012",
    )
    return create(person), create(company)


def create(body: NaturalUserBody | JuridicalUserBody) -> UUID:
    user = create_user.sync(client=CLIENT, body=body)
    assert isinstance(user, UserAnswer), user
    assert (user.kind, user.status) == (body.kind, "CREATED")
    code = input(f"Code of {user.id}: ")
    user = validate_otp.sync(user.id, client=CLIENT, body=OtpBody(otp=code))
    assert isinstance(user, UserAnswer), user
    assert user.status == "ACTIVATED"
    return user.id


def wallet_of(user: UUID) -> UUID:
    page = list_wallets.sync(client=CLIENT, user_id=[user])
    assert isinstance(page, WalletAnswerPage), page
    (wallet,) = page.field_embedded.wallets
    return wallet.id


def open_wallet(user: UUID) -> None:
    body = WalletBody(user_id=user, currency="USD", alias="Travel")
    wallet = create_wallet.sync(client=CLIENT, body=body)
    assert isinstance(wallet, WalletAnswer), wallet
    assert (wallet.alias, wallet.balance, wallet.iban) == ("Travel", "0.00", None)


def move_money(alices: UUID, companys: UUID) -> None:
    order = Metadata.from_dict({"order": "17"})
    cash_in = CashInBody(type_="CASH_IN", amount="100.00", metadata=order)
    first, again = (
        create_movement.sync(alices, client=CLIENT, body=cash_in, idempotency_key="alice-1")
        for _ in range(2)
    )
    assert isinstance(first, MovementAnswer), first
    assert isinstance(again, MovementAnswer), again
    assert (first.id, first.balance_after) == (again.id, "100.00")

    transfer = TransferBody(type_="TRANSFER", target_wallet_id=companys, amount="12.50")
    paid = create_movement.sync(alices, client=CLIENT, body=transfer)
    assert isinstance(paid, MovementAnswer), paid
    assert (paid.status, paid.counterparty_wallet_id) == ("SUCCESS", companys)

    iban = "ES9121000418450200051332"
    cash_out = CashOutBody(type_="CASH_OUT", amount="5.00", iban=iban)
    sent = create_movement.sync(alices, client=CLIENT, body=cash_out)
    assert isinstance(sent, MovementAnswer), sent
    assert (sent.status, sent.settled_at) == ("PENDING", None)

    amounts = ("1.00", "2.00")
    batch = BatchBody(
        [TransferBody(type_="TRANSFER", target_wallet_id=companys, amount=each) for each in amounts]
    )
    made = create_batch.sync(alices, client=CLIENT, body=batch)
    assert isinstance(made, BatchAnswer), made
    assert tuple(each.amount for each in made.field_embedded.movements) == amounts


def hold_and_execute(alices: UUID, companys: UUID) -> None:
    ends = datetime.now(UTC) + timedelta(days=7)
    body = HoldBody(target_wallet_id=companys, amount="30.00", expiration=ends)
    hold = create_hold.sync(alices, client=CLIENT, body=body)
    assert isinstance(hold, HoldAnswer), hold
    part = ExecutionBody(amount="10.00", keep_open=True)
    paid = execute_hold.sync(alices, hold.id, client=CLIENT, body=part)
    assert isinstance(paid, MovementAnswer), paid
    assert paid.hold_id == hold.id
    change = HoldChange(status="RELEASED")
    released = update_hold.sync(alices, hold.id, client=CLIENT, body=change)
    assert isinstance(released, HoldAnswer), released
    assert (released.status, released.remaining_amount) == ("RELEASED", "0.00")


def find_by_metadata(wallet: UUID) -> None:
    """The client sends the pairs as parameters of their own, so their keys name the parameter."""
    order = ListMovementsMetadata.from_dict({"metadata[order]": "17"})
    page = list_movements.sync(wallet, client=CLIENT, metadata=order)
    assert isinstance(page, MovementAnswerPage)
    assert [each.amount for each in page.field_embedded.movements] == ["100.00"]


def pages_of_movements(wallet: UUID) -> list[int]:
    sizes: list[int] = []
    cursor: str | Unset = UNSET
    while True:
        page = list_movements.sync(wallet, client=CLIENT, size=2, cursor=cursor)
        assert isinstance(page, MovementAnswerPage), page
        sizes.append(len(page.field_embedded.movements))
        if isinstance(page.field_links.next_, Unset):
            return sizes
        (cursor,) = parse_qs(urlsplit(page.field_links.next_.href).query)["cursor"]


def read_statement(wallet: UUID) -> None:
    now = datetime.now(UTC)
    statement = get_statement.sync(
        wallet, client=CLIENT, start_date=now - timedelta(days=1), end_date=now
    )
    assert isinstance(statement, StatementAnswer), statement
    balances = statement.opening_balance, statement.closing_balance
    assert (*balances, statement.movement_count) == ("0.00", "74.50", 5)


def read_refusal(alices: UUID, companys: UUID) -> None:
    body = TransferBody(type_="TRANSFER", target_wallet_id=companys, amount="500.00")
    refusal = create_movement.sync(alices, client=CLIENT, body=body)
    assert isinstance(refusal, Error), refusal
    assert (refusal.status, refusal.code) == (409, "insufficient_funds")
    assert isinstance(refusal.conflict, Conflict)
    assert refusal.conflict.wallet_id == alices
    assert (refusal.conflict.available, refusal.conflict.required) == ("69.50", "500.00")


main()
