"""Files for the bank, and answers that a bank could give to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from iocash import money
from iocash.db import clock
from tests.support import people
from tests.support.cash_outs import a_cash_out
from tests.support.staff import SUPERVISOR, a_member
from users.models import Client
from users.models.events import By
from wallets.bank import answers, files
from wallets.bank.answers import Imported
from wallets.models import BankAccount, BankFile, BankPayment, Movement, Wallet

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"


def an_account(*clients: Client, **values: Any) -> BankAccount:
    """The bank account with the money of these clients."""
    facts = {
        "iban": "NL85MOCK0000000001",
        "holder_name": "Demo Money",
        "currency": "EUR",
        "purpose": BankAccount.Purpose.SAFEGUARDING,
        "actor": "system:tests",
    }
    account = BankAccount.objects.create(**facts | values)
    account.clients.set(clients)
    return account


def two_members() -> tuple[By, By]:
    """A member of staff who builds files, and one who approves them."""
    return by_member("builder"), by_member("approver")


def by_member(name: str) -> By:
    return By(f"staff:{a_member(SUPERVISOR, name=name).pk}")


def some_cash_outs(source: Wallet, *amounts: int) -> list[Movement]:
    return [a_cash_out(source, amount) for amount in amounts]


def build(account: BankAccount, movements: Iterable[Movement], by: By, **values: Any) -> BankFile:
    facts: dict[str, Any] = {"file_id": uuid4(), "execution_date": clock.today()}
    ids = [each.id for each in movements]
    return files.build_file(account=account, ids=ids, by=by, **facts | values).file


def a_file(source: Wallet) -> BankFile:
    """A file with a cash-out of 1.00, which waits for its approval."""
    account = an_account(source.client)
    return build(account, some_cash_outs(source, 1_00), by_member("file-builder"))


def approve(file: BankFile, by: By) -> BankFile:
    return files.approve_file(file_id=file.id, sha256=file.hash, by=by)


def send(file: BankFile, by: By) -> BankFile:
    """Approve a file and take it to the bank."""
    approve(file, by)
    return files.take_file(file_id=file.id, by=by)[0]


def say(
    file: BankFile,
    by: By = people.BY,
    *,
    group: str = "",
    batch: str = "",
    payments: dict[Movement, str] | None = None,
    **values: Any,
) -> Imported:
    """Import what the bank says: of the file, of its batch, and of single payments.

    A status is a code, or a code and a reason with a space between them.
    """
    content = an_answer(file, group=group, batch=batch, payments=payments or {}, **values)
    return answers.import_status(content=content, by=by)


def an_answer(
    file: BankFile,
    *,
    group: str = "",
    batch: str = "",
    payments: dict[Movement, str] | None = None,
    original_id: str = "",
    message_id: str = "ANSWER-1",
    count: int | None = None,
    namespace: str = NAMESPACE,
    amounts: dict[Movement, int] | None = None,
) -> bytes:
    """Write a pain.002 as a bank could."""
    amounts = amounts or {}
    inside = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{movement.id.hex}</OrgnlEndToEndId>"
        f"{status_xml('TxSts', status)}{amount_xml(movement, amounts)}</TxInfAndSts>"
        for movement, status in (payments or {}).items()
    )
    batch_xml = (
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{file.message_id[:30]}-1</OrgnlPmtInfId>"
        f"{status_xml('PmtInfSts', batch)}{inside}</OrgnlPmtInfAndSts>"
    )
    number = "" if count is None else f"<OrgnlNbOfTxs>{count}</OrgnlNbOfTxs>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{namespace}"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>2026-11-27T10:00:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{original_id or file.message_id}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{number}{status_xml('GrpSts', group)}"
        f"</OrgnlGrpInfAndSts>{batch_xml if batch or inside else ''}</CstmrPmtStsRpt></Document>"
    ).encode()


def status_xml(tag: str, status: str) -> str:
    code, _, reason = status.partition(" ")
    if not code:
        return ""
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    return f"<{tag}>{code}</{tag}>{why}"


def amount_xml(movement: Movement, amounts: dict[Movement, int]) -> str:
    if movement not in amounts:
        return ""
    amount = money.to_text(amounts[movement], movement.currency)
    return (
        f'<OrgnlTxRef><Amt><InstdAmt Ccy="{movement.currency}">{amount}</InstdAmt></Amt>'
        "</OrgnlTxRef>"
    )


def content_of(file: BankFile) -> bytes:
    assert file.content is not None
    return bytes(file.content)


def states(movements: Iterable[Movement]) -> list[str]:
    """The states of cash-outs: a pending one is QUEUED, IN A FILE or SENT."""
    found = []
    for movement in movements:
        movement.refresh_from_db()
        pending = "SENT" if movement.sent_at else "IN A FILE" if movement.bank_file_id else "QUEUED"
        found.append(pending if movement.status == "PENDING" else movement.status)
    return found


def payment_of(movement: Movement) -> BankPayment:
    return BankPayment.objects.filter(movement=movement).latest("id")
