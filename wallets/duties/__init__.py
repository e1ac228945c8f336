"""What happens to wallets without a request. `manage.py work` imports this."""

from __future__ import annotations

from iocash.worker import add_duties
from wallets.duties.audits import AuditLedger, WriteAnchor
from wallets.duties.closings import FinishClosings
from wallets.duties.erasure import EraseUsers
from wallets.duties.holds import ExpireOverdueHolds
from wallets.duties.schedules import RunSchedules, RunTriggers
from wallets.duties.statements import DropStatementFiles, WriteStatementFiles
from wallets.duties.witness import SendAnchors

add_duties(
    ExpireOverdueHolds(),
    RunSchedules(),
    RunTriggers(),
    EraseUsers(),
    FinishClosings(),
    AuditLedger(),
    WriteAnchor(),
    SendAnchors(),
    WriteStatementFiles(),
    DropStatementFiles(),
)
