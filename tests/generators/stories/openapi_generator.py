"""Alice is paid, pays and promises, with the client that openapi-generator makes for Python."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from openapi_client import (
    ApiClient,
    BatchBody,
    CashInBody,
    CashOutBody,
    Configuration,
    Error,
    ExecutionBody,
    HoldBody,
    HoldChange,
    HoldsApi,
    JuridicalUserBody,
    MovementBody,
    MovementsApi,
    NaturalUserBody,
    OtpBody,
    TransferBody,
    UserBody,
    UsersApi,
    WalletBody,
    WalletsApi,
)
from openapi_client.exceptions import ConflictException

CLIENT = ApiClient(
    Configuration(host=os.environ["IOCASH_URL"], access_token=os.environ["IOCASH_KEY"])
)
USERS, WALLETS = UsersApi(CLIENT), WalletsApi(CLIENT)
MOVEMENTS, HOLDS = MovementsApi(CLIENT), HoldsApi(CLIENT)


def main() -> None:
    alice, company = create_users()
    alices, companys = wallet_of(alice), wallet_of(company)
    open_wallet(alice)
    move_money(alices, companys)
    hold_and_execute(alices, companys)
    assert pages_of_movements(alices) == [2, 2, 2]
    read_statement(alices)
    read_refusal(alices, companys)


def create_users() -> tuple[UUID, UUID]:
    person = NaturalUserBody(
        kind="NATURAL",
        userName="alice",
        firstName="Alice",
        lastName="Example",
        mobilePhone="+34600000021",
    )
    company = JuridicalUserBody(
        kind="JURIDICAL",
        userName="example-ltd",
        companyName="Example Ltd",
        mobilePhone="+34600000022",
    )
    return create(person), create(company)


def create(body: NaturalUserBody | JuridicalUserBody) -> UUID:
    user = USERS.create_user(UserBody(body))
    assert (user.kind, user.status) == (body.kind, "CREATED")
    code = input(f"Code of {user.id}: ")
    user = USERS.validate_otp(user.id, OtpBody(otp=code))
    assert user.status == "ACTIVATED"
    return user.id


def wallet_of(user: UUID) -> UUID:
    (wallet,) = WALLETS.list_wallets(user_id=[user]).embedded.wallets
    return wallet.id


def open_wallet(user: UUID) -> None:
    wallet = WALLETS.create_wallet(WalletBody(userId=user, currency="USD", alias="Travel"))
    assert (wallet.alias, wallet.balance, wallet.iban) == ("Travel", "0.00", None)


def transfer(target: UUID, amount: str) -> MovementBody:
    return MovementBody(TransferBody(type="TRANSFER", targetWalletId=target, amount=amount))


def move_money(alices: UUID, companys: UUID) -> None:
    cash_in = MovementBody(CashInBody(type="CASH_IN", amount="100.00", concept="Card"))
    first, again = (
        MOVEMENTS.create_movement(alices, cash_in, idempotency_key="alice-1") for _ in range(2)
    )
    assert (first.id, first.balance_after) == (again.id, "100.00")

    paid = MOVEMENTS.create_movement(alices, transfer(companys, "12.50"))
    assert (paid.status, paid.counterparty_wallet_id) == ("SUCCESS", companys)

    iban = "ES9121000418450200051332"
    cash_out = MovementBody(CashOutBody(type="CASH_OUT", amount="5.00", iban=iban))
    sent = MOVEMENTS.create_movement(alices, cash_out)
    assert (sent.status, sent.settled_at) == ("PENDING", None)

    amounts = ["1.00", "2.00"]
    batch = BatchBody(movements=[transfer(companys, each) for each in amounts])
    made = MOVEMENTS.create_batch(alices, batch)
    assert [each.amount for each in made.embedded.movements] == amounts


def hold_and_execute(alices: UUID, companys: UUID) -> None:
    ends = datetime.now(UTC) + timedelta(days=7)
    body = HoldBody(targetWalletId=companys, amount="30.00", expiration=ends)
    hold = HOLDS.create_hold(alices, body)
    part = ExecutionBody(amount="10.00", keepOpen=True)
    paid = MOVEMENTS.execute_hold(alices, hold.id, execution_body=part)
    assert paid.hold_id == hold.id
    released = HOLDS.update_hold(alices, hold.id, HoldChange(status="RELEASED"))
    assert (released.status, released.remaining_amount) == ("RELEASED", "0.00")


def pages_of_movements(wallet: UUID) -> list[int]:
    sizes: list[int] = []
    cursor: str | None = None
    while True:
        page = MOVEMENTS.list_movements(wallet, size=2, cursor=cursor)
        sizes.append(len(page.embedded.movements))
        if page.links.next is None:
            return sizes
        (cursor,) = parse_qs(urlsplit(page.links.next.href).query)["cursor"]


def read_statement(wallet: UUID) -> None:
    now = datetime.now(UTC)
    statement = MOVEMENTS.get_statement(wallet, start_date=now - timedelta(days=1), end_date=now)
    balances = statement.opening_balance, statement.closing_balance
    assert (*balances, statement.movement_count) == ("0.00", "74.50", 5)


def read_refusal(alices: UUID, companys: UUID) -> None:
    try:
        MOVEMENTS.create_movement(alices, transfer(companys, "500.00"))
    except ConflictException as refused:
        refusal = refused.data
    assert isinstance(refusal, Error)
    assert (refusal.status, refusal.code) == (409, "insufficient_funds")
    assert refusal.conflict
    assert refusal.conflict.wallet_id == alices
    assert (refusal.conflict.available, refusal.conflict.required) == ("69.50", "500.00")


main()
