"""Statements as camt.053.001.08 of ISO 20022, which accounting programs read.

Ids have at most 35 characters there: a UUID without its hyphens. Texts are escaped, and characters
that XML 1.0 doesn't have are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID
from xml.sax.saxutils import escape

from iocash import money
from iocash.times import moment
from wallets.models import Movement
from wallets.statements import Point
from wallets.statements.content import StatementContent, name_of_other, settled_at

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
CREDIT, DEBIT = "CRDT", "DBIT"
CODES: Final = {
    ("CASH_IN", CREDIT): ("RCDT", "ESCT"),
    ("CASH_OUT", DEBIT): ("ICDT", "ESCT"),
    ("TRANSFER", CREDIT): ("RCDT", "BOOK"),
    ("TRANSFER", DEBIT): ("ICDT", "BOOK"),
    ("REVERSAL", CREDIT): ("RCDT", "BOOK"),
    ("REVERSAL", DEBIT): ("ICDT", "BOOK"),
    ("ADJUSTMENT", CREDIT): ("MCOP", "ADJT"),
    ("ADJUSTMENT", DEBIT): ("MDOP", "ADJT"),
}
"""The family and sub-family, in the domain of payments, of each type and direction."""


def write_camt(content: StatementContent) -> bytes:
    """The whole file."""
    return "".join(camt_parts(content)).encode()


def camt_parts(content: StatementContent) -> Iterator[str]:
    statement, file = content.statement, content.file
    at, own = moment(file.created_at), short_id(file.id)
    yield (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}">'
        f"<BkToCstmrStmt>{within('GrpHdr', tag('MsgId', own), tag('CreDtTm', at))}<Stmt>"
        f"{tag('Id', own)}{tag('CreDtTm', at)}"
    )
    start, end = moment(statement.start), moment(statement.end)
    yield within("FrToDt", tag("FrDtTm", start), tag("ToDtTm", end))
    yield account_part(content)
    yield balance_part("OPBD", statement.start, statement.opening, content.wallet.currency)
    yield balance_part("CLBD", statement.end, statement.closing, content.wallet.currency)
    yield summary_part(content)
    for movement in content.lines:
        yield entry_part(movement)
    heads = f"Hash chain: {statement.opening.hex or '-'} to {statement.closing.hex or '-'}"
    yield f"{tag('AddtlStmtInf', heads)}</Stmt></BkToCstmrStmt></Document>\n"


def short_id(number: UUID) -> str:
    return number.hex


def xml_text(words: str, most: int) -> str:
    """A text as XML has it."""
    return escape(NOT_IN_XML.sub("", words)[:most])


def tag(name: str, words: str, most: int = 500) -> str:
    """An element with a text; nothing without one."""
    return f"<{name}>{xml_text(words, most)}</{name}>" if words else ""


def within(name: str, *parts: str) -> str:
    """An element around others; nothing without any."""
    inner = "".join(parts)
    return f"<{name}>{inner}</{name}>" if inner else ""


def amount_part(minor: int, currency: str) -> str:
    """An amount, which has no sign, and its direction."""
    side = DEBIT if minor < 0 else CREDIT
    shown = money.to_text(abs(minor), currency)
    return f'<Amt Ccy="{currency}">{shown}</Amt><CdtDbtInd>{side}</CdtDbtInd>'


def account_part(content: StatementContent) -> str:
    wallet = content.wallet
    other = within("Othr", tag("Id", short_id(wallet.id)))
    number = tag("IBAN", wallet.iban) if wallet.iban else other
    owner = within("Ownr", tag("Nm", content.holder, 140))
    return within("Acct", within("Id", number), tag("Ccy", wallet.currency), owner)


def balance_part(code: str, at: datetime, point: Point, currency: str) -> str:
    kind = within("Tp", within("CdOrPrtry", tag("Cd", code)))
    return within(
        "Bal", kind, amount_part(point.balance, currency), within("Dt", tag("DtTm", moment(at)))
    )


def summary_part(content: StatementContent) -> str:
    statement, currency = content.statement, content.wallet.currency
    return within(
        "TxsSummry",
        within("TtlNtries", tag("NbOfNtries", str(statement.count))),
        within("TtlCdtNtries", tag("Sum", money.to_text(statement.total_in, currency))),
        within("TtlDbtNtries", tag("Sum", money.to_text(statement.total_out, currency))),
    )


def entry_part(movement: Movement) -> str:
    side = DEBIT if movement.amount < 0 else CREDIT
    family, sub = CODES[movement.type, side]
    at = tag("DtTm", moment(settled_at(movement)))
    return within(
        "Ntry",
        tag("NtryRef", str(movement.seq)),
        amount_part(movement.amount, movement.currency),
        tag("RvslInd", "true" if movement.type == Movement.Type.REVERSAL else ""),
        within("Sts", tag("Cd", "BOOK")),
        within("BookgDt", at),
        within("ValDt", at),
        tag("AcctSvcrRef", short_id(movement.id)),
        within(
            "BkTxCd",
            within(
                "Domn",
                tag("Cd", "PMNT"),
                within("Fmly", tag("Cd", family), tag("SubFmlyCd", sub)),
            ),
            within("Prtry", tag("Cd", movement.type)),
        ),
        within("NtryDtls", within("TxDtls", *details_parts(movement, side))),
        tag("AddtlNtryInf", movement.reference or ""),
    )


def details_parts(movement: Movement, side: str) -> Iterator[str]:
    operation = short_id(movement.operation_id)
    yield within("Refs", tag("EndToEndId", operation), tag("TxId", operation))
    yield amount_part(movement.amount, movement.currency)
    role = "Cdtr" if side == DEBIT else "Dbtr"
    other = movement.counterparty_id
    number = tag("IBAN", movement.iban or "")
    number = number or (within("Othr", tag("Id", short_id(other))) if other else "")
    yield within(
        "RltdPties",
        within(role, within("Pty", tag("Nm", name_of_other(movement), 140))),
        within(f"{role}Acct", within("Id", number)),
    )
    yield within("RmtInf", tag("Ustrd", movement.concept or "", 140))
