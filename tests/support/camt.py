"""Statements of a bank, written for tests. Amounts are texts, as in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

IBAN = "ES9121000418450200051332"
"""The bank account of the institution."""


def of_day(days: int) -> str:
    """Today, or some days before."""
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


DAY = of_day(2)
"""The day of statements and lines without another one: nothing of it is late."""

MESSAGES = {"camt.052": "BkToCstmrAcctRpt", "camt.053": "BkToCstmrStmt"}
PARTS = {"camt.052": "Rpt", "camt.053": "Stmt", "camt.054": "Ntfctn"}


def tag(name: str, text: str, attributes: str = "") -> str:
    """An element with a text; nothing without a text."""
    return f"<{name}{attributes}>{escape(text)}</{name}>" if text else ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A payment of an entry. `amount` None: it has none of its own."""

    amount: str | None = None
    sign: str = ""
    end_to_end: str = ""
    name: str = ""
    iban: str = ""
    target: str = ""
    remittance: str = ""
    returned: str = ""
    currency: str = "EUR"

    def xml(self, sign: str) -> str:
        amount = "" if self.amount is None else tag("Amt", self.amount, f' Ccy="{self.currency}"')
        party = "Dbtr" if sign == "CRDT" else "Cdtr"
        parties = f"<{party}>{tag('Nm', self.name)}</{party}>" if self.name else ""
        for kind, number in ((party, self.iban), ("Cdtr", self.target)):
            if number:
                parties += f"<{kind}Acct><Id>{tag('IBAN', number)}</Id></{kind}Acct>"
        return (
            "<TxDtls>"
            f"<Refs>{tag('EndToEndId', self.end_to_end)}</Refs>"
            f"{amount}{tag('CdtDbtInd', self.sign)}"
            f"<RltdPties>{parties}</RltdPties>"
            f"<RmtInf>{tag('Ustrd', self.remittance)}</RmtInf>"
            + (f"<RtrInf><Rsn>{tag('Cd', self.returned)}</Rsn></RtrInf>" if self.returned else "")
            + "</TxDtls>"
        )


@dataclass(frozen=True, kw_only=True)
class Line:
    """An entry of a statement."""

    amount: str
    sign: str = "CRDT"
    reference: str = ""
    day: str = DAY
    status: str = "<Cd>BOOK</Cd>"
    currency: str = "EUR"
    is_reversal: bool = False
    text: str = ""
    parts: tuple[Part, ...] = ()

    def xml(self) -> str:
        details = "".join(each.xml(self.sign) for each in self.parts)
        return (
            "<Ntry>"
            f'<Amt Ccy="{self.currency}">{self.amount}</Amt>{tag("CdtDbtInd", self.sign)}'
            + tag("RvslInd", "true" if self.is_reversal else "")
            + f"<Sts>{self.status}</Sts>"
            + (f"<BookgDt>{tag('Dt', self.day)}</BookgDt>" if self.day else "")
            + tag("AcctSvcrRef", self.reference)
            + (f"<NtryDtls>{details}</NtryDtls>" if details else "")
            + f"{tag('AddtlNtryInf', self.text)}</Ntry>"
        )


def incoming(amount: str, reference: str, **part: str) -> Line:
    """A transfer that somebody has sent."""
    return Line(amount=amount, reference=reference, parts=(Part(amount=amount, **part),))


def outgoing(amount: str, reference: str, **part: str) -> Line:
    """A transfer that was sent."""
    parts = (Part(amount=amount, **part),)
    return Line(amount=amount, sign="DBIT", reference=reference, parts=parts)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement about one account."""

    lines: tuple[Line, ...] = ()
    kind: str = "camt.053"
    version: str = "001.08"
    name: str = "STATEMENT-1"
    number: str = "1"
    iban: str = IBAN
    currency: str = "EUR"
    opening: str | None = None
    closing: str | None = None
    day: str = DAY
    more: str = ""
    statements: tuple[Statement, ...] = field(default=())

    def balance(self, code: str, amount: str) -> str:
        sign = "DBIT" if amount.startswith("-") else "CRDT"
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
            f'<Amt Ccy="{self.currency}">{amount.lstrip("-")}</Amt>'
            f"<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>{self.day}</Dt></Dt></Bal>"
        )

    def part(self) -> str:
        balances = ((self.opening, "OPBD"), (self.closing, "CLBD"))
        return (
            f"<{PARTS[self.kind]}><Id>{self.name}</Id>"
            f"{tag('ElctrncSeqNb', self.number)}<CreDtTm>{self.day}T23:00:00Z</CreDtTm>"
            f"<Acct><Id>{tag('IBAN', self.iban)}</Id>{tag('Ccy', self.currency)}</Acct>"
            + "".join(self.balance(code, each) for each, code in balances if each is not None)
            + "".join(each.xml() for each in self.lines)
            + f"{self.more}</{PARTS[self.kind]}>"
        )

    def xml(self) -> bytes:
        message = MESSAGES.get(self.kind, "BkToCstmrDbtCdtNtfctn")
        namespace = f"urn:iso:std:iso:20022:tech:xsd:{self.kind}.{self.version}"
        parts = "".join(each.part() for each in (self, *self.statements))
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<Document xmlns="{namespace}"><{message}>'
            f"<GrpHdr><MsgId>M{self.name}</MsgId><CreDtTm>{self.day}T23:00:00Z</CreDtTm></GrpHdr>"
            f"{parts}</{message}></Document>"
        ).encode()
