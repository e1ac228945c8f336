"""What a file of a statement contains, in any format: wallet, balances and movements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from iocash import errors
from users.models import Client, User
from wallets import statements
from wallets.models import Movement, StatementFile, Wallet
from wallets.statements import Statement
from wallets.statements.counterparties import show_counterparties

CHUNK: Final = 2_000
"""Movements that are in memory at once."""


@dataclass(frozen=True, slots=True)
class StatementContent:
    """A statement for a file. Names are those of now; erased ones are empty."""

    file: StatementFile
    statement: Statement
    holder: str
    issuer: str

    @property
    def wallet(self) -> Wallet:
        return self.statement.wallet

    @property
    def lines(self) -> Iterator[Movement]:
        """The movements in the order of settlement, with their counterparties.

        Raises:
            Inconsistent: they don't lead from the opening balance to the closing one.
        """
        balance, number = self.statement.opening.balance, self.statement.opening.seq
        for movements in self.chunks():
            show_counterparties(movements)
            for movement in movements:
                balance, number = balance + movement.amount, number + 1
                if (movement.balance_after, movement.seq) != (balance, number):
                    raise errors.Inconsistent("the movements of a statement don't add up")
                yield movement
        closing = self.statement.closing
        if (balance, number) != (closing.balance, closing.seq):
            raise errors.Inconsistent("the movements of a statement don't lead to its closing")

    def chunks(self) -> Iterator[Sequence[Movement]]:
        last, ordered = self.statement.opening.seq, self.statement.movements.order_by("seq")
        while chunk := list(ordered.filter(seq__gt=last)[:CHUNK]):
            yield chunk
            last = chunk[-1].seq or last


def read_content(file: StatementFile) -> StatementContent:
    """Read the statement of a file, with the names as they are now.

    Raises:
        LockTimeout, DatabaseUnavailable: the period may still get movements; see `wait_until`.
    """
    wallet = Wallet.objects.get(client=file.client_id, id=file.wallet_id)
    statement = statements.over(wallet, file.starts_at, file.ends_at)
    holder = User.objects.get(client=file.client_id, id=wallet.user_id)
    issuer = Client.objects.get(id=file.client_id)
    return StatementContent(file, statement, holder.name, issuer.name)


def settled_at(movement: Movement) -> datetime:
    """When it settled.

    Raises:
        Inconsistent: it has not, so it is in no statement.
    """
    if movement.settled_at is None:
        raise errors.Inconsistent("a movement of a statement has not settled")
    return movement.settled_at.astimezone(UTC)


def name_of_other(movement: Movement) -> str:
    """The name of who paid or was paid; empty if there is none, or if it was erased."""
    shown = movement.counterparty_shown
    return shown.name if shown else movement.holder_name or ""


def account_of_other(movement: Movement) -> str:
    """The IBAN that was paid, or else the id of the other wallet."""
    return movement.iban or str(movement.counterparty_id or "")


def name_of_statement(file: StatementFile) -> str:
    """The name of the file for people: it has no personal data in it."""
    ending = {"PDF": "pdf", "CSV": "csv", "CAMT_053": "xml"}[file.format]
    period = f"{file.starts_at:%Y%m%d}-{file.ends_at:%Y%m%d}"
    return f"statement-{file.wallet_id}-{period}.{ending}"


CONTENT_TYPES: Final = {
    "PDF": "application/pdf",
    "CSV": "text/csv; charset=utf-8",
    "CAMT_053": "application/xml",
}
