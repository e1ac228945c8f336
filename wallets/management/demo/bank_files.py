"""The bank files of the demo: one was answered, and one waits for its approval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from iocash.db import clock
from users.models import Client
from users.models.events import By
from users.models.ids import new_id
from wallets.bank import answers, files
from wallets.bank.messages.pain001 import batch_id
from wallets.models import BankAccount, BankFile, Movement

IBAN: Final = "ES7921000813610123456789"
HOLDER: Final = "Demo Institution"
LEAST: Final = 5
"""With fewer pending payments there are no files: the queue must not become empty."""

ANSWER: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{at}</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
<GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>{batch}</OrgnlPmtInfId>{payments}</OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>
"""
PAYMENT: Final = """
<TxInfAndSts><OrgnlEndToEndId>{id}</OrgnlEndToEndId><TxSts>{status}</TxSts>{reason}</TxInfAndSts>
"""
CLOSED: Final = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"


def make_bank_files(client_id: UUID, staff: list[By]) -> None:
    """Make the files of the oldest payments to send: the second member approves what the first
    has built.
    """
    builder, approver = staff[:2]
    account = BankAccount.objects.create(
        iban=IBAN,
        holder_name=HOLDER,
        currency="EUR",
        purpose=BankAccount.Purpose.SAFEGUARDING,
        actor="system:seed_demo",
    )
    account.clients.set(Client.objects.filter(id=client_id))
    to_send = Movement.objects.filter(client=client_id, currency="EUR").to_send()
    waiting = list(to_send.order_by("created_at", "id"))
    if len(waiting) < LEAST:
        return
    share = len(waiting) // 3
    answer_for_demo(build_for_demo(account, waiting[: max(share, 2)], builder), approver)
    build_for_demo(account, waiting[max(share, 2) : 2 * share + 1], builder)


def build_for_demo(account: BankAccount, movements: Sequence[Movement], by: By) -> BankFile:
    return files.build_file(
        file_id=new_id(),
        account=account,
        ids=[each.id for each in movements],
        execution_date=clock.today(),
        by=by,
    ).file


def answer_for_demo(file: BankFile, approver: By) -> None:
    """Approve a file and take it to the bank, which rejects the first payment."""
    file = files.approve_file(file_id=file.id, sha256=file.hash, by=approver)
    files.take_file(file_id=file.id, by=approver)
    payments = "".join(
        PAYMENT.format(
            id=each.end_to_end_id,
            status="RJCT" if each.number == 1 else "ACCP",
            reason=CLOSED if each.number == 1 else "",
        )
        for each in file.payments.order_by("number")
    )
    content = ANSWER.format(
        id=file.message_id,
        at=clock.now().isoformat(),
        batch=batch_id(file.message_id, 1),
        payments=payments,
    )
    answers.import_status(content=content.encode(), by=approver)
