"""What a bank does, in sandboxes: messages like those of a bank, imported as theirs are."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID
from xml.sax.saxutils import escape

from iocash import errors
from iocash.db import clock
from iocash.db.sandbox import is_sandbox
from users.models import Client
from users.models.ids import new_id
from wallets import posting
from wallets.bank import answers
from wallets.bank.booking import book
from wallets.bank.importing import store_file
from wallets.bank.messages import pain001
from wallets.bank.messages.reasons import reason_in_words
from wallets.models import BankAccount, BankLine, Movement, Wallet
from wallets.orders.bank_files import RejectByBank, SettleByBank
from wallets.orders.cash_outs import CashOut, MarkCashOutSent, RejectCashOut
from wallets.orders.payments import BANK

SETTLED: Final = "ACSC"
REJECTED: Final = "RJCT"
SETTLING: Final = "sandbox:settle"
"""The concept of a cash-out that the bank pays at once."""
REJECTING: Final = re.compile("sandbox:reject(?::([A-Z0-9]{1,4}))?")
"""The concept of a cash-out that the bank rejects at once, perhaps with a reason."""

ANSWER: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{at}</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{file}</OrgnlMsgId><OrgnlMsgNmId>{kind}</OrgnlMsgNmId>
</OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>{batch}</OrgnlPmtInfId><TxInfAndSts>
<OrgnlEndToEndId>{payment}</OrgnlEndToEndId><TxSts>{status}</TxSts>{reason}
</TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>
"""
STATEMENT: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}.001.08"><{message}>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{at}</CreDtTm></GrpHdr>
<{part}><Id>{id}</Id><CreDtTm>{at}</CreDtTm>
<Acct><Id><IBAN>{account}</IBAN></Id><Ccy>{currency}</Ccy></Acct>
<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{id}</AcctSvcrRef>
<NtryDtls><TxDtls><Amt Ccy="{currency}">{amount}</Amt>
<RltdPties><Dbtr><Nm>Sandbox</Nm></Dbtr>{target}</RltdPties>
<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></{part}></{message}></Document>
"""
MESSAGES: Final = {
    BankAccount.BookedBy.STATEMENT: ("camt.053", "BkToCstmrStmt", "Stmt"),
    BankAccount.BookedBy.NOTIFICATION: ("camt.054", "BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}
"""The kind of message that books the lines of an account, and the names of its elements."""


def end_if_asked(order: CashOut, movement_id: UUID) -> None:
    """End a new cash-out as its concept asks for, in a sandbox.

    Raises:
        Refused: as `end_cash_out`; it is tried again when the request is repeated with its key.
    """
    concept = order.concept or ""
    rejecting = REJECTING.fullmatch(concept)
    if not (concept == SETTLING or rejecting) or not is_sandbox():
        return
    found = Movement.objects.select_related("bank_file").get(client=order.client_id, id=movement_id)
    if found.status == Movement.Status.PENDING:
        status = REJECTED if rejecting else SETTLED
        end_cash_out(found, status, reason=(rejecting and rejecting[1]) or "")


def end_cash_out(movement: Movement, status: str, *, reason: str = "") -> None:
    """Settle or reject a cash-out as the bank does.

    One that is in a file is answered by a message of the bank about this file. Another one is
    marked as sent first, as if staff had given it to the bank.

    Raises:
        MovementNotPending: it has ended.
        CashOutInFile: its file was not handed over to the bank.
    """
    about: dict[str, Any] = {
        "client_id": movement.client_id,
        "by": BANK,
        "wallet_id": movement.wallet_id,
        "movement_id": movement.id,
    }
    if movement.status != Movement.Status.PENDING:
        raise errors.MovementNotPending(movement_id=movement.id, status=movement.status)
    if movement.bank_file is not None:
        if movement.bank_file.state in answers.NEVER_SENT:
            raise errors.CashOutInFile(movement_id=movement.id)
        answer_file(movement, status, reason)
    elif status == SETTLED:
        if movement.sent_at is None:
            posting.submit(MarkCashOutSent(**about))
        posting.submit(SettleByBank(**about))
    elif movement.sent_at is None:
        posting.submit(RejectCashOut(**about, reason=reason_in_words(reason)))
    else:
        posting.submit(RejectByBank(**about, reason=reason_in_words(reason)))


def answer_file(movement: Movement, status: str, code: str) -> None:
    """Import a message of the bank about one payment of a file."""
    file = movement.bank_file
    if file is None:
        raise errors.Inconsistent("the cash-out is in no file")
    reason = f"<StsRsnInf><Rsn><Cd>{escape(code)}</Cd></Rsn></StsRsnInf>" if code else ""
    instant = clock.now()
    content = ANSWER.format(
        id=new_id().hex,
        at=f"{instant:%Y-%m-%dT%H:%M:%SZ}",
        file=escape(file.message_id),
        kind=pain001.VERSION,
        batch=escape(pain001.batch_id(file.message_id, 1)),
        payment=movement.id.hex,
        status=status,
        reason=reason,
    )
    answers.import_status(content=content.encode(), by=BANK)


def pay_in(*, wallet: Wallet, amount: str, text: str) -> BankLine:
    """Let a transfer to the wallet arrive at the client's bank account, and book it.

    Raises:
        CashInsFromBank: the client has no bank account in the currency.
        Overloaded: messages of banks are being read.
    """
    client = Client.objects.get(id=wallet.client_id)
    accounts = BankAccount.objects.holding(client).safeguarding().filter(currency=wallet.currency)
    account = accounts.order_by("id").first()
    if account is None:
        words = "The client has no bank account in {currency}."
        raise errors.CashInsFromBank(errors.Message(words, currency=wallet.currency))
    now, number = clock.now(), new_id().hex
    kind, message, part = MESSAGES[BankAccount.BookedBy(account.booked_by)]
    iban = f"<CdtrAcct><Id><IBAN>{wallet.iban}</IBAN></Id></CdtrAcct>" if wallet.iban else ""
    content = STATEMENT.format(
        kind=kind,
        message=message,
        part=part,
        id=number,
        at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        day=f"{now:%Y-%m-%d}",
        account=account.iban,
        currency=wallet.currency,
        amount=amount,
        target=iban,
        text=escape(text),
    )
    stored = store_file(content.encode(), name=f"sandbox-{number}.xml", actor=BANK.actor)
    book([account])
    return BankLine.objects.get(statement__file=stored.file)
