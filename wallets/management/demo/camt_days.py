"""The statements (camt.053) that the bank of the demo sends. Amounts are in minor units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from xml.sax.saxutils import escape

from iocash import money

CURRENCY: Final = "EUR"

DOCUMENT: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>{name}</MsgId><CreDtTm>{day}T23:30:00Z</CreDtTm></GrpHdr>
<Stmt><Id>{name}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{day}T23:30:00Z</CreDtTm>
<FrToDt><FrDtTm>{day}T00:00:00Z</FrDtTm><ToDtTm>{day}T23:59:59Z</ToDtTm></FrToDt>
<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>{currency}</Ccy></Acct>
{balances}
{entries}
</Stmt></BkToCstmrStmt></Document>
"""
BALANCE: Final = (
    "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{amount}<Dt><Dt>{day}</Dt></Dt></Bal>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEntry:
    """An entry of a statement; `amount` is below zero for a debit, `returned` a code of ISO."""

    amount: int
    end_to_end: str = ""
    name: str = ""
    iban: str = ""
    text: str = ""
    returned: str = ""

    def written(self, day: date, number: int) -> str:
        party = "Cdtr" if self.amount < 0 else "Dbtr"
        parties = wrapped_in(party, wrapped_in("Pty", element("Nm", self.name)))
        parties += wrapped_in(f"{party}Acct", wrapped_in("Id", element("IBAN", self.iban)))
        details = (
            wrapped_in("Refs", element("EndToEndId", self.end_to_end))
            + written_amount(self.amount)
            + wrapped_in("RltdPties", parties)
            + wrapped_in("RmtInf", element("Ustrd", self.text))
            + wrapped_in("RtrInf", wrapped_in("Rsn", element("Cd", self.returned)))
        )
        return (
            f"<Ntry>{written_amount(self.amount)}<Sts><Cd>BOOK</Cd></Sts>"
            f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
            f"<AcctSvcrRef>{day:%Y%m%d}{number:05}</AcctSvcrRef>"
            f"<NtryDtls><TxDtls>{details}</TxDtls></NtryDtls></Ntry>"
        )


def write_statement(
    *, iban: str, day: date, number: int, opening: int, entries: Sequence[DemoEntry]
) -> bytes:
    """The statement of a day, as the bank sends it."""
    closing = opening + sum(each.amount for each in entries)
    balances = ((opening, "OPBD"), (closing, "CLBD"))
    return DOCUMENT.format(
        name=f"{iban[-4:]}-{day}",
        number=number,
        day=day,
        iban=iban,
        currency=CURRENCY,
        balances="".join(
            BALANCE.format(code=code, amount=written_amount(each), day=day)
            for each, code in balances
        ),
        entries="\n".join(written_entries(entries, day)),
    ).encode()


def written_entries(entries: Iterable[DemoEntry], day: date) -> Iterable[str]:
    return (each.written(day, number) for number, each in enumerate(entries, 1))


def written_amount(amount: int) -> str:
    text = money.to_text(abs(amount), CURRENCY)
    sign = "DBIT" if amount < 0 else "CRDT"
    return f'<Amt Ccy="{CURRENCY}">{text}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'


def element(name: str, text: str) -> str:
    """An element with a text; nothing without a text."""
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def wrapped_in(name: str, content: str) -> str:
    """An element around others; nothing around nothing."""
    return f"<{name}>{content}</{name}>" if content else ""
