"""The duty that makes the daily report of safeguarding."""

from __future__ import annotations

from users.duties.periods import NightlyDuty
from wallets.bank import safeguarding_reports


class ReportSafeguarding(NightlyDuty):
    """Make the report of the day: all safeguarding accounts, with the statements of the night."""

    name = "report-safeguarding"
    hour = 6

    def perform_period(self) -> int:
        return 1 if safeguarding_reports.make_report() else 0
