"""The bank files of the demo: one waits for its approval, one was sent and its answer waits to be
released, one was accepted but for a payment, and one was rejected as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from iocash.db import clock
from users.models.events import By
from users.models.ids import new_id
from wallets.bank import files, uploads
from wallets.bank.messages.pain001 import batch_id
from wallets.management.demo.bank_days import IBAN
from wallets.models import BankAccount, BankFile, BankUpload, Movement

LEAST: Final = 10
"""With fewer pending payments there are no files: the queue must not become empty."""

ANSWER: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{at}</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
<GrpSts>{group}</GrpSts></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>{batch}</OrgnlPmtInfId>{payments}</OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>
"""
PAYMENT: Final = """
<TxInfAndSts><OrgnlEndToEndId>{id}</OrgnlEndToEndId><TxSts>{status}</TxSts>{reason}</TxInfAndSts>
"""
LAST: Final = ("ACSC", "ACSC", "ACSC")
STATUSES: Final = (("RJCT", "RJCT", "RJCT"), ("PART", "RJCT", "ACCP"), LAST)
"""The answers to the files: the status of the group, of the first payment, and of the others. The
last answer is not released, and the file after it waits for its approval."""
CLOSED: Final = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"


def make_bank_files(client_id: UUID, staff: list[By]) -> None:
    """Make the files of the oldest payments to send: the second member approves what the first
    has built.
    """
    builder, approver = staff[:2]
    account = BankAccount.objects.get(iban=IBAN)
    to_send = Movement.objects.filter(client=client_id, currency="EUR").to_send()
    waiting = list(to_send.order_by("created_at", "id"))
    if len(waiting) < LEAST:
        return
    share = len(waiting) // 5
    parts = [waiting[share * number :][:share] for number in range(4)]
    files_of_parts = [build_for_demo(account, part, builder) for part in parts]
    for file, statuses in zip(files_of_parts, STATUSES, strict=False):
        send_for_demo(file, approver)
        upload = uploads.store_upload(
            answer_of_bank(file, *statuses),
            kind=BankUpload.Kind.ANSWER,
            name=f"answer-{file.message_id[-6:]}.xml",
            by=builder,
        )
        if statuses != LAST:
            uploads.release_upload(upload, sha256=upload.hash, by=approver)


def build_for_demo(account: BankAccount, movements: Sequence[Movement], by: By) -> BankFile:
    return files.build_file(
        file_id=new_id(),
        account=account,
        ids=[each.id for each in movements],
        execution_date=clock.today(),
        by=by,
    ).file


def send_for_demo(file: BankFile, approver: By) -> None:
    """Approve a file, and take it to the bank."""
    approved = files.approve_file(file_id=file.id, sha256=file.hash, by=approver)
    files.take_file(file_id=approved.id, by=approver)


def answer_of_bank(file: BankFile, group: str, first: str, other: str) -> bytes:
    """The answer to a file: the status of the first payment, and that of the others."""
    payments = "".join(
        PAYMENT.format(id=each.end_to_end_id, status=status, reason=CLOSED * (status == "RJCT"))
        for each in file.payments.order_by("number")
        for status in [first if each.number == 1 else other]
    )
    content = ANSWER.format(
        id=file.message_id,
        at=clock.now().isoformat(),
        group=group,
        batch=batch_id(file.message_id, 1),
        payments=payments,
    )
    return content.encode()
