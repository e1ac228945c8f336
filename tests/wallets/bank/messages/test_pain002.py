"""pain.002 as it is read, in every version, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from wallets.bank.messages import pain002
from wallets.bank.messages.xml import Unreadable

HEAD = "<GrpHdr><MsgId>A1</MsgId><CreDtTm>2026-11-27T10:00:00</CreDtTm></GrpHdr>"
GROUP = "<OrgnlGrpInfAndSts><OrgnlMsgId>F1</OrgnlMsgId>{}</OrgnlGrpInfAndSts>"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001."


def a_message(
    group: str = "",
    rest: str = "",
    version: str = "10",
    element: str = "CstmrPmtStsRpt",
    head: str = HEAD,
) -> bytes:
    return (
        f'<Document xmlns="{NAMESPACE}{version}"><{element}>{head}{GROUP.format(group)}{rest}'
        f"</{element}></Document>"
    ).encode()


def a_payment(name: str, status: str, more: str = "") -> str:
    return (
        f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>{status}</TxSts>{more}"
        "</TxInfAndSts>"
    )


def a_batch(inside: str, name: str = "B1") -> str:
    return f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId>{inside}</OrgnlPmtInfAndSts>"


REASON = (
    "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>Account</AddtlInf><AddtlInf>closed</AddtlInf>"
    "</StsRsnInf>"
)


@pytest.mark.parametrize("version", [f"{number:02}" for number in range(3, 16)])
def test_every_version_is_read(version):
    report = pain002.read_report(a_message("<GrpSts>ACCP</GrpSts>", version=version))
    assert (report.version, report.message_id) == (f"pain.002.001.{version}", "A1")
    assert (report.original_id, report.group.code) == ("F1", "ACCP")


def test_first_version_has_payments_below_the_report():
    rest = a_payment("E1", "RJCT", REASON)
    report = pain002.read_report(a_message("", rest, version="02", element="pain.002.001.02"))
    assert report.payments["E1"].status.reason_code == "AC04"


def test_message_in_an_envelope_is_read():
    content = b"<Envelope><Body>" + a_message("<GrpSts>ACCP</GrpSts>") + b"</Body></Envelope>"
    assert pain002.read_report(content).group.code == "ACCP"


def test_reason_has_code_and_words():
    status = pain002.read_report(a_message(f"<GrpSts>RJCT</GrpSts>{REASON}")).group
    assert (status.reason_code, status.information) == ("AC04", "Account closed")


def test_reason_of_the_bank_itself_is_read():
    reason = "<StsRsnInf><Rsn><Prtry>DUPL</Prtry></Rsn></StsRsnInf>"
    assert (
        pain002.read_report(a_message(f"<GrpSts>RJCT</GrpSts>{reason}")).group.reason_code == "DUPL"
    )


def test_amount_is_read():
    more = '<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">12.50</InstdAmt></Amt></OrgnlTxRef>'
    payment = pain002.read_report(a_message("", a_batch(a_payment("E1", "ACCP", more)))).payments[
        "E1"
    ]
    assert (payment.amount, payment.currency) == (Decimal("12.50"), "EUR")


@pytest.mark.parametrize(
    ("group", "batch", "payment", "expected"),
    [
        ("RJCT", "", "", "RJCT"),
        ("PART", "", "", None),
        ("PART", "RJCT", "", "RJCT"),
        ("PART", "PART", "ACSC", "ACSC"),
        ("ACCP", "ACSP", "", "ACSP"),
        ("ACCP", "", "RJCT", "RJCT"),
        ("RJCT", "RJCT", "RJCT", "RJCT"),
    ],
)
def test_most_precise_status_holds(group, batch, payment, expected):
    inside = f"<PmtInfSts>{batch}</PmtInfSts>" if batch else ""
    inside += a_payment("E1", payment) if payment else ""
    report = pain002.read_report(a_message(f"<GrpSts>{group}</GrpSts>", a_batch(inside)))
    status = report.of_payment("E1", "B1")
    assert (status and status.code) == expected


WRONG = {
    "empty": b"",
    "text": b"RJCT",
    "cut off": a_message("<GrpSts>RJCT</GrpSts>")[:-20],
    "statement": b"<Document><BkToCstmrStmt/></Document>",
    "without a file": f"<Document><CstmrPmtStsRpt>{HEAD}</CstmrPmtStsRpt></Document>".encode(),
    "without an id": a_message("<GrpSts>ACCP</GrpSts>", head=""),
    "without a status": a_message(),
    "unknown status": a_message("<GrpSts>DONE</GrpSts>"),
    "cancelled": a_message("<GrpSts>CANC</GrpSts>"),
    "payment without an id": a_message("", a_batch(a_payment("", "RJCT"))),
    "two statuses": a_message("", a_batch(a_payment("E", "RJCT") + a_payment("E", "ACSC"))),
    "accepted in a rejected file": a_message(
        "<GrpSts>RJCT</GrpSts>", a_batch(a_payment("E", "ACSC"))
    ),
    "accepted in a rejected batch": a_message(
        "", a_batch("<PmtInfSts>RJCT</PmtInfSts>" + a_payment("E", "ACCP"))
    ),
    "accepted batch in a rejected file": a_message(
        "<GrpSts>RJCT</GrpSts>", a_batch("<PmtInfSts>ACSC</PmtInfSts>")
    ),
    "no number": a_message("<OrgnlNbOfTxs>many</OrgnlNbOfTxs><GrpSts>ACCP</GrpSts>"),
    "no sum": a_message("<OrgnlCtrlSum>NaN</OrgnlCtrlSum><GrpSts>ACCP</GrpSts>"),
    "entities": b'<!DOCTYPE d [<!ENTITY a "RJCT">]>' + a_message("<GrpSts>&a;</GrpSts>"),
    "entity bomb": b'<!DOCTYPE d [<!ENTITY a "xx"><!ENTITY b "&a;&a;">]>' + a_message("&b;"),
    "file of the machine": b'<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    + a_message("<GrpSts>&a;</GrpSts>"),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_wrong_message_is_refused_with_a_reason(content):
    with pytest.raises(Unreadable) as refused:
        pain002.read_report(content)
    assert str(refused.value)
