"""What happens to wallets without a request. `manage.py work` imports this."""

from __future__ import annotations

from iocash.worker import add_duties
from wallets.duties.audits import AuditLedger, WriteAnchor
from wallets.duties.bank import BookBankLines, RetryBankLines
from wallets.duties.bank_files import PlaceBankFiles
from wallets.duties.closings import FinishClosings
from wallets.duties.erasure import EraseBankTexts, EraseUsers
from wallets.duties.holds import ExpireOverdueHolds
from wallets.duties.safeguarding import ReportSafeguarding
from wallets.duties.schedules import RunSchedules, RunTriggers
from wallets.duties.statements import DropStatementFiles, WriteStatementFiles
from wallets.duties.witness import SendAnchors

add_duties(
    ExpireOverdueHolds(),
    RunSchedules(),
    RunTriggers(),
    BookBankLines(),
    RetryBankLines(),
    ReportSafeguarding(),
    EraseUsers(),
    EraseBankTexts(),
    AuditLedger(),
    WriteAnchor(),
    PlaceBankFiles(),
    FinishClosings(),
    SendAnchors(),
    WriteStatementFiles(),
    DropStatementFiles(),
)
