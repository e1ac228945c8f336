"""The duty that delivers one-time passwords by e-mail or SMS."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from iocash.db import clock
from iocash.worker import Duty
from users import deliveries, phones
from users.models import Otp

logger = logging.getLogger(__name__)

BATCH: Final = 16
"""Codes that are delivered at the same time. A gateway that hangs holds them for some seconds."""


class CodesNotDelivered(Exception):
    """No code of a batch was delivered. Each is tried again while it is valid."""


class DeliverCodes(Duty):
    """Deliver the codes that wait, and remove them from the database.

    A code that was delivered can be delivered once more if this process is killed before it has
    written so. No transaction is open meanwhile.
    """

    name = "deliver-codes"
    every = 0.1
    longest_pause = 5.0

    def perform(self) -> int:
        """Deliver a batch; return how many codes were delivered or are over.

        Raises:
            CodesNotDelivered: all deliveries failed.
        """
        taken, now = deliveries.take_codes(BATCH), clock.now()
        valid = [otp for otp in taken if otp.is_open(now)]
        over = [otp for otp in taken if not otp.is_open(now)]
        for otp in over:
            give_up_code(otp)
        if not valid:
            return len(over)
        with ThreadPoolExecutor(len(valid), "deliveries") as pool:
            failures = [*pool.map(deliveries.attempt_delivery, valid)]
        delivered = [otp for otp, failure in zip(valid, failures, strict=True) if not failure]
        for otp in delivered:
            deliveries.forget_code(otp)
        if not delivered:
            raise CodesNotDelivered(f"{len(valid)}: {type(failures[0]).__name__}")
        return len(over) + len(delivered)


def give_up_code(otp: Otp) -> None:
    """Remove a code that is over. If it was never tried, it does not count for its number."""
    logger.error("the one-time password of user %s expired before its delivery", otp.user_id)
    if otp.attempts == 1:
        phones.uncount_code(client_id=otp.client_id, phone=otp.mobile_phone, sent_at=otp.sent_at)
    deliveries.forget_code(otp)
