"""Cash-outs of a wallet, and their ends."""

from typing import Any

from tests.support import people
from tests.support.ibans import IBAN
from wallets import posting
from wallets.models import Movement, Wallet
from wallets.orders.cash_outs import CashOut, CashOutOrder


def a_cash_out(source: Wallet, amount: int) -> Movement:
    order = CashOut(
        client_id=source.client_id,
        by=people.BY,
        wallet_id=source.id,
        amount=people.decimal(amount),
        iban=IBAN,
        concept="Rent",
    )
    return Movement.objects.get(id=posting.submit(order).id)


def end(verb: type[CashOutOrder], movement: Movement, **values: Any) -> Movement:
    order = verb(
        client_id=movement.client_id,
        by=people.BY,
        wallet_id=movement.wallet_id,
        movement_id=movement.id,
        **values,
    )
    posting.submit(order)
    movement.refresh_from_db()
    return movement


def money_of(wallet: Wallet) -> tuple[int, int]:
    wallet.refresh_from_db()
    return wallet.balance, wallet.held
