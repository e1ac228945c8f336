"""Statements as CSV, for spreadsheets: UTF-8 with a byte order mark, a point in amounts.

The first line is the opening balance and the last one the closing balance. A text that a
spreadsheet would calculate begins with an apostrophe.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, Final

from iocash import money
from iocash.times import moment
from users.change_lists.exports import BYTE_ORDER_MARK, Echo, Plain, cell
from wallets.models import Movement
from wallets.statements.content import StatementContent, name_of_other

COLUMNS: Final = (
    "settledAt",
    "type",
    "amount",
    "balance",
    "currency",
    "concept",
    "reference",
    "name",
    "iban",
    "counterpartyWalletId",
    "movementId",
    "operationId",
    "seq",
    "digest",
)


def write_csv(content: StatementContent) -> bytes:
    """The whole file."""
    return "".join(csv_rows(content)).encode()


def csv_rows(content: StatementContent) -> Iterator[str]:
    writer, statement = csv.writer(Echo()), content.statement
    yield BYTE_ORDER_MARK + writer.writerow(COLUMNS)
    yield writer.writerow(edge_row(content, "OPENING_BALANCE", statement.start, statement.opening))
    for movement in content.lines:
        yield writer.writerow([cell(each) for each in movement_row(movement)])
    yield writer.writerow(edge_row(content, "CLOSING_BALANCE", statement.end, statement.closing))


def edge_row(content: StatementContent, kind: str, at: Any, point: Any) -> list[Any]:
    """The line of the opening or of the closing balance."""
    currency = content.wallet.currency
    values = {
        "settledAt": moment(at),
        "type": kind,
        "balance": money.to_text(point.balance, currency),
        "currency": currency,
        "seq": point.seq,
        "digest": point.hex,
    }
    return [values.get(name, "") for name in COLUMNS]


def movement_row(movement: Movement) -> list[Any]:
    currency = movement.currency
    return [
        movement.settled_at,
        movement.type,
        Plain(money.to_text(movement.amount, currency)),
        Plain(money.to_text(movement.balance_after or 0, currency)),
        currency,
        movement.concept,
        movement.reference,
        name_of_other(movement),
        movement.iban,
        movement.counterparty_id,
        movement.id,
        movement.operation_id,
        movement.seq,
        bytes(movement.digest).hex(),
    ]
