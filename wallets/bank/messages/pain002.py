"""Read pain.002 in every version: what the bank says of a file, its batches and its payments.

The reader takes what real banks send, also if it is not valid against its schema. It refuses what
does not say of which file it speaks, and what contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from iocash.errors import Message
from wallets.bank.messages.apart import parse_apart
from wallets.bank.messages.xml import Element, Unreadable

REPORTS: Final = frozenset({"CstmrPmtStsRpt", "pain.002.001.02"})
"""The element of the report, now and in its first versions."""

REJECTED: Final = "RJCT"
SETTLED: Final = frozenset({"ACSC", "ACCC"})
ACCEPTED: Final = frozenset(
    {"ACCP", "ACFC", "ACFW", "ACPD", "ACSP", "ACTC", "ACWC", "ACWP", "ACIS", *SETTLED}
)
PARTIAL: Final = "PART"
VERIFIED: Final = frozenset({"RCVC", "RVCM", "RVMC", "RVNA", "RVNC", "RVNM"})
"""Results of the verification of payees: match, close match, no match, or none was possible."""
UNDECIDED: Final = frozenset({"RCVD", "PDNG", "PATC", "PRES", *VERIFIED})

KNOWN: Final = frozenset({REJECTED, PARTIAL, *ACCEPTED, *UNDECIDED})
"""All statuses. CANC and BLCK are not among them: what they mean for the money is not agreed."""


@dataclass(frozen=True, slots=True)
class Status:
    """A status with its reason: codes of ISO 20022, and words of the bank."""

    code: str
    reason_code: str = ""
    information: str = ""
    verification: str = ""

    @property
    def is_rejected(self) -> bool:
        return self.code == REJECTED

    @property
    def is_settled(self) -> bool:
        return self.code in SETTLED

    @property
    def is_accepted(self) -> bool:
        return self.code in ACCEPTED


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """What the bank says of a payment; `amount` and `currency` if it repeats them."""

    end_to_end_id: str
    batch_id: str
    status: Status
    amount: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """What the bank says of the file `original_id`."""

    version: str
    message_id: str
    original_id: str
    original_name: str
    count: int | None
    control_sum: Decimal | None
    group: Status
    batches: dict[str, Status]
    payments: dict[str, PaymentStatus]

    def of_payment(self, end_to_end_id: str, batch_id: str) -> Status | None:
        """What holds for a payment: what is said of it, of its batch, or of the whole file.

        PART says nothing of a payment.
        """
        named = self.payments.get(end_to_end_id)
        for status in (named and named.status, self.batches.get(batch_id), self.group):
            if status and status.code:
                return None if status.code == PARTIAL else status
        return None


def read_report(content: bytes) -> StatusReport:
    """Read a message, in a process with limits.

    Raises:
        Unreadable: it is no such message, lacks an id, contradicts itself, or is too large.
        Overloaded: other files are being read.
    """
    return report_of_json(parse_apart("pain.002", content))


def report_of_json(values: list[Any]) -> StatusReport:
    """A report that the other process has packed."""
    found = dict(zip(REPORT, values, strict=True))
    found["control_sum"] = decimal_of_text(found["control_sum"])
    found["group"] = Status(*found["group"])
    found["batches"] = {name: Status(*each) for name, each in found["batches"].items()}
    found["payments"] = {
        name: PaymentStatus(
            end_to_end_id, batch_id, Status(*status), decimal_of_text(amount), currency
        )
        for name, (end_to_end_id, batch_id, status, amount, currency) in found["payments"].items()
    }
    return StatusReport(**found)


REPORT: Final = [each.name for each in fields(StatusReport)]


# --- From elements --------------------------------------------------------------------------------


def report_of_root(root: Element, namespace: str) -> StatusReport:
    """Read the report of a document.

    Raises:
        Unreadable: it is no such message, lacks an id, or contradicts itself.
    """
    found = next((each for each in root.iter() if each.tag in REPORTS), None)
    if found is None:
        raise Unreadable(Message("This is no message pain.002: it has no status report."))
    group = found.find("OrgnlGrpInfAndSts")
    if group is None:
        raise Unreadable(Message("The report does not say of which file it speaks."))
    report = StatusReport(
        version=namespace.rpartition(":")[2],
        message_id=required(found, "GrpHdr/MsgId"),
        original_id=required(group, "OrgnlMsgId"),
        original_name=text_at(group, "OrgnlMsgNmId"),
        count=whole(text_at(group, "OrgnlNbOfTxs")),
        control_sum=decimal_of_text(text_at(group, "OrgnlCtrlSum")),
        group=status_of(group, "GrpSts"),
        batches=dict(batches_of(found)),
        payments=by_end_to_end_id(payments_of(found)),
    )
    check_known(report)
    check_consistent(report)
    return report


def by_end_to_end_id(payments: Iterable[PaymentStatus]) -> dict[str, PaymentStatus]:
    """The payments by their ids.

    Raises:
        Unreadable: a payment has two statuses.
    """
    found: dict[str, PaymentStatus] = {}
    for payment in payments:
        name = payment.end_to_end_id
        if found.setdefault(name, payment).status.code != payment.status.code:
            words = "The report contradicts itself about the payment {id}."
            raise Unreadable(Message(words, id=name[:35]))
    return found


def batches_of(report: Element) -> Iterator[tuple[str, Status]]:
    for batch in report.findall("OrgnlPmtInfAndSts"):
        yield required(batch, "OrgnlPmtInfId"), status_of(batch, "PmtInfSts")


def payments_of(report: Element) -> Iterator[PaymentStatus]:
    """The payments: below their batches, or below the report in the first versions."""
    for payment in report.iter("TxInfAndSts"):
        parent = payment.getparent()
        batch_id = text_at(payment, "OrgnlPmtInfId")
        if parent is not None and parent.tag == "OrgnlPmtInfAndSts":
            batch_id = text_at(parent, "OrgnlPmtInfId")
        amount = payment.find("OrgnlTxRef/Amt/InstdAmt")
        yield PaymentStatus(
            required(payment, "OrgnlEndToEndId"),
            batch_id,
            status_of(payment, "TxSts"),
            decimal_of_text(amount.text) if amount is not None else None,
            amount.get("Ccy", "") if amount is not None else "",
        )


def status_of(parent: Element, tag: str) -> Status:
    """The status of an element with its first reason; the results of the payee's verification.

    Only reasons of the element itself count, not those of elements in it.
    """
    code, reasons = text_at(parent, tag), parent.findall("StsRsnInf")
    found = [text_at(each, "Rsn/Cd") or text_at(each, "Rsn/Prtry") for each in reasons]
    lines = [line.text or "" for each in reasons for line in each.findall("AddtlInf")]
    verification = next((each for each in (code, *found) if each in VERIFIED), "")
    first = next((each for each in found if each), "")
    words = " ".join(" ".join(lines).split())
    return Status(code, first[:35], words[:210], verification)


def check_known(report: StatusReport) -> None:
    """Refuse a status that is not known: it could mean that money has moved."""
    statuses = [
        report.group,
        *report.batches.values(),
        *(each.status for each in report.payments.values()),
    ]
    for status in statuses:
        if status.code and status.code not in KNOWN:
            raise Unreadable(Message("The status {status} is not known.", status=status.code[:8]))
    if not any(status.code for status in statuses):
        raise Unreadable(Message("The report has no status."))


def check_consistent(report: StatusReport) -> None:
    """Refuse an accepted payment or batch in what is rejected."""
    for name, payment in report.payments.items():
        above = (report.group, report.batches.get(payment.batch_id, report.group))
        if payment.status.is_accepted and any(each.is_rejected for each in above):
            words = "The payment {id} is accepted, but its file or batch is rejected."
            raise Unreadable(Message(words, id=name[:35]))
    if report.group.is_rejected and any(each.is_accepted for each in report.batches.values()):
        raise Unreadable(Message("A batch is accepted, but its file is rejected."))


def required(parent: Element, path: str) -> str:
    """The text at a path.

    Raises:
        Unreadable: there is none.
    """
    if found := text_at(parent, path):
        return found
    raise Unreadable(Message("The report lacks {element}.", element=path.rpartition("/")[2]))


def text_at(parent: Element, path: str) -> str:
    found = parent.findtext(path)
    return found.strip() if found else ""


def whole(text: str) -> int | None:
    """A number of payments.

    Raises:
        Unreadable: it is no number.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Unreadable(Message("{text} is no number of payments.", text=text[:15]))
    return int(text)


def decimal_of_text(text: str | None) -> Decimal | None:
    """An amount or a control sum.

    Raises:
        Unreadable: it is no decimal number.
    """
    if not text or not text.strip():
        return None
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        raise Unreadable(Message("{text} is no amount.", text=text.strip()[:20])) from None
    if not found.is_finite():
        raise Unreadable(Message("{text} is no amount.", text=text.strip()[:20]))
    return found
