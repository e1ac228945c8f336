"""The duty that finishes closings that are paid out."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from iocash.worker import Duty
from users.models.clients import IS_AWAY
from users.models.events import CLOCK
from wallets.admin.closing import finish_paid
from wallets.duties.draws import draw_due
from wallets.models import Closing, Movement, Wallet

BATCH: Final = 100


def paid_closings() -> QuerySet[Closing]:
    """The closings under way whose wallets are empty, with no payment out that is pending."""
    own = Wallet.objects.filter(user=OuterRef("user"), client=OuterRef("client"))
    pending = Movement.objects.filter(
        wallet__user=OuterRef("user"), client=OuterRef("client"), status=Movement.Status.PENDING
    )
    empty = (
        Closing.objects.under_way()
        .exclude(IS_AWAY)
        .filter(~Exists(own.exclude(balance=0)), ~Exists(pending))
    )
    return empty.order_by("id")


class FinishClosings(Duty):
    """Close the users that are paid out, as the page of the last payment does.

    It repeats what was interrupted there, and finishes what was settled through the API. Batches
    are drawn, so closings that can't be finished keep no others waiting.
    """

    name = "finish-closings"
    every = 60.0

    def perform(self) -> int:
        """Finish a batch; return how many are done. What is refused stays under way.

        Raises:
            DatabaseError: one could not be finished; those before it are.
        """
        done = 0
        for user_id in draw_due(paid_closings().values_list("user", flat=True), BATCH):
            self.require_time()
            done += len(finish_paid([user_id], CLOCK))
        return done
