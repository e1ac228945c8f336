"""The duty that ends approvals that nobody decided in time."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Min

from iocash.worker import Duty
from users.approvals.deciding import expire_requests
from users.models import Approval
from users.models.clients import IS_AWAY


class ExpireApprovals(Duty):
    """Write which approvals have expired. Decisions don't wait for this: they compare the time."""

    name = "expire-approvals"
    every = 60.0

    def next_due(self) -> datetime | None:
        waiting = Approval.objects.filter(state=Approval.State.ASKED).exclude(IS_AWAY)
        found: datetime | None = waiting.aggregate(at=Min("expires_at"))["at"]
        return found

    def perform(self) -> int:
        return expire_requests()
