"""Limits of codes and attempts per phone number.

Both are counted for each number, across users and clients. A client is refused only for its own
requests. If other clients have used up the limit of a number, the code is *withheld*: it is
recorded like any other, but never delivered, and it verifies nothing. So the answers don't reveal
that another client uses the number.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from django.db import connection
from django.utils.crypto import salted_hmac

from iocash import errors
from users import locking
from users.models import PhoneUse

PAUSE: Final = timedelta(seconds=PhoneUse.PAUSE_SECONDS)
DAY: Final = timedelta(days=1)

COUNT_CODE: Final = """
    INSERT INTO users_phoneuse AS used
        (number, client_id, day, asked, asked_at, sent, sent_at, tries)
    VALUES (%s, %s, %s, 1, %s, %s, %s, 0)
    ON CONFLICT (number, client_id, day) DO UPDATE SET
        asked = used.asked + 1, asked_at = excluded.asked_at,
        sent = used.sent + excluded.sent, sent_at = coalesce(excluded.sent_at, used.sent_at)
"""
UNCOUNT_CODE: Final = """
    UPDATE users_phoneuse
    SET asked = asked - 1, asked_at = NULL, sent = sent - 1, sent_at = NULL
    WHERE number = %s AND client_id = %s AND day = %s AND sent_at = %s
"""
COUNT_TRY: Final = """
    INSERT INTO users_phoneuse AS used (number, client_id, day, asked, sent, tries)
    VALUES (%s, %s, %s, 0, 0, 1)
    ON CONFLICT (number, client_id, day) DO UPDATE SET tries = used.tries + 1
    WHERE used.tries < %s
    RETURNING tries
"""
FORGET: Final = """
    DELETE FROM users_phoneuse WHERE id IN (
        SELECT id FROM users_phoneuse WHERE day < %s LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
"""


def number_digest(phone: str) -> bytes:
    """Name a number without storing it."""
    return salted_hmac("users.phones", phone, algorithm="sha256").digest()


def lock_number(phone: str) -> None:
    """Let nobody else count codes of this number until the transaction ends.

    Lock a user before its number, and a number before its one-time passwords.
    """
    locking.lock_value(locking.PHONES, number_digest(phone))


def count_code(*, client_id: uuid.UUID, phone: str, now: datetime) -> bool:
    """Count a code for `phone`, which is locked. Returns False if it must be withheld.

    Raises:
        OtpTooSoon: the client requested one less than a minute ago, or ten today.
    """
    number = number_digest(phone)
    uses = PhoneUse.objects.filter(number=number, day__gte=now.date() - DAY)
    require_few_codes([use for use in uses if use.client_id == client_id], now)
    is_sent = not is_used_up(uses, now)
    sent_at = now if is_sent else None
    with connection.cursor() as cursor:
        cursor.execute(COUNT_CODE, [number, client_id, now.date(), now, int(is_sent), sent_at])
    forget(now)
    return is_sent


def require_few_codes(own: Sequence[PhoneUse], now: datetime) -> None:
    """Refuse (OtpTooSoon) what is too much for one client; `own` are its rows of the number."""
    last = max((use.asked_at for use in own if use.asked_at), default=None)
    if last and now < last + PAUSE:
        raise later(errors.OtpTooSoon(retry_at=last + PAUSE), now, last + PAUSE)
    if sum(use.asked for use in own if use.day == now.date()) >= PhoneUse.CODES_A_DAY:
        until = tomorrow(now)
        words = errors.Message(
            "{limit} one-time passwords were requested for this number today;"
            " request another at {retry_at}.",
            limit=PhoneUse.CODES_A_DAY,
            retry_at=errors.fact_text(until),
        )
        raise later(errors.OtpTooSoon(words, retry_at=until), now, until)


def is_used_up(uses: Collection[PhoneUse], now: datetime) -> bool:
    """Whether all clients together have used up the limits of the number."""
    today = [use for use in uses if use.day == now.date()]
    return (
        any(use.sent_at and now < use.sent_at + PAUSE for use in uses)
        or sum(use.sent for use in today) >= PhoneUse.CODES_A_DAY
        or sum(use.tries for use in today) >= PhoneUse.TRIES_A_DAY
    )


def uncount_code(*, client_id: uuid.UUID, phone: str, sent_at: datetime) -> None:
    """Undo the count of a code whose delivery was not attempted."""
    with connection.cursor() as cursor:
        cursor.execute(UNCOUNT_CODE, [number_digest(phone), client_id, sent_at.date(), sent_at])


def count_try(*, client_id: uuid.UUID, user_id: uuid.UUID, phone: str, now: datetime) -> None:
    """Count an attempt for `phone`, right or wrong.

    Raises:
        OtpTriedOut: the client's users made fifteen attempts today.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT_TRY, [number_digest(phone), client_id, now.date(), PhoneUse.TRIES_A_DAY]
        )
        counted = cursor.fetchone()
    if counted is None:
        until = tomorrow(now)
        words = errors.Message(
            "Too many attempts for this number today; retry at {retry_at}.",
            retry_at=errors.fact_text(until),
        )
        raise later(errors.OtpTriedOut(words, user_id=user_id, retry_at=until), now, until)


def forget(now: datetime) -> None:
    """Delete counts older than yesterday, which are no longer used."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [now.date() - DAY])


def tomorrow(now: datetime) -> datetime:
    return datetime.combine(now.date() + DAY, time(), UTC)


def later(refused: errors.Conflict, now: datetime, until: datetime) -> errors.Conflict:
    """Set the seconds until a retry can succeed."""
    refused.retry_after = math.ceil((until - now).total_seconds())
    return refused
