"""The duty that ends approvals that nobody decided in time."""

from __future__ import annotations

from iocash.worker import Duty
from users.approvals.deciding import expire_requests


class ExpireApprovals(Duty):
    """Write which approvals have expired. Decisions don't wait for this: they compare the time."""

    name = "expire-approvals"
    every = 60.0

    def perform(self) -> int:
        return expire_requests()
