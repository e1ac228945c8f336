"""One-time passwords: creation, delivery and verification.

A code is for one phone number. It verifies the number, or signs the terms that it is about.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from iocash import errors
from iocash.db import clock
from iocash.db.sandbox import is_sandbox
from iocash.db.transactions import single_transaction
from users import deliveries, phones
from users.models import Otp, User

logger = logging.getLogger(__name__)

LONGEST = 3.0
"""Seconds after which counting is not retried, because callers and proxies wait 30 seconds."""

ATTEMPT = """
    UPDATE users_otp SET tries = tries + 1
    WHERE client_id = %s AND user_id = %s AND mobile_phone = %s
      AND about = %s
      AND digest IS NOT NULL AND expires_at > %s AND tries < %s
    RETURNING digest, tries
"""


def send_code(user: User, phone: str, about: str = "") -> None:
    """Make a code for `phone`, void older ones, and have it delivered once the change is durable.

    `about` is the id of the terms that the code signs. A code that verifies a number voids all
    others of the user. `user` and then `phone` are locked. A withheld code (see `users.phones`)
    is right for nothing.

    Raises:
        OtpTooSoon: the client requested one less than a minute ago, or ten today.
    """
    now = clock.now()
    is_sent = phones.count_code(client_id=user.client_id, phone=phone, now=now)
    is_queued = is_sent and deliveries.is_queued()
    code = sandbox_code(user.id, phone, now) if is_sandbox() else f"{secrets.randbelow(10**6):06d}"
    if not about:
        void(user)
    Otp.objects.update_or_create(
        client_id=user.client_id,
        user=user,
        mobile_phone=phone,
        defaults={
            "digest": code_digest(user.id, phone, code) if is_sent else secrets.token_bytes(32),
            "tries": 0,
            "about": about,
            "sent_at": now,
            "expires_at": now + timedelta(seconds=Otp.LIFETIME_SECONDS),
            "sealed": deliveries.seal_code(code) if is_queued else None,
            "next_try_at": now if is_queued else None,
            "attempts": 0,
        },
    )
    if is_sent and not is_queued:
        deliver = deliveries.BACKENDS[settings.OTP_BACKEND]
        transaction.on_commit(lambda: deliver(user, phone, code), robust=True)
    if not is_sent:
        logger.warning("otp withheld: other clients have used up the number of user %s", user.id)


def void(user: User) -> None:
    """Void all codes of the user."""
    Otp.objects.filter(client=user.client_id, user=user).void()


def code_digest(user_id: uuid.UUID, phone: str, code: str) -> bytes:
    """Keyed with the server's secret: a stolen table alone does not give six digits away."""
    return salted_hmac("users.otp", f"{user_id}{phone}{code}", algorithm="sha256").digest()


def sandbox_code(user_id: uuid.UUID, phone: str, sent_at: datetime) -> str:
    """The code that a sandbox sends at an instant, so that it need not be stored.

    Outside of sandboxes codes are random, and nothing gives them away.
    """
    mac = salted_hmac("users.otp.sandbox", f"{user_id}{phone}{sent_at.timestamp():.6f}")
    return f"{int.from_bytes(mac.digest()[:8]) % 10**6:06d}"


def last_code(user: User) -> tuple[Otp, str]:
    """The last code that was sent to the user, in a sandbox only.

    Raises:
        NotFound: none is open, or this is no sandbox.
    """
    otp = Otp.objects.filter(client=user.client_id, user=user).order_by("sent_at").last()
    if otp is None or not otp.is_open(clock.now()) or not is_sandbox():
        raise errors.NotFound()
    code = sandbox_code(user.id, otp.mobile_phone, otp.sent_at)
    right = code_digest(user.id, otp.mobile_phone, code)
    if not hmac.compare_digest(bytes(otp.digest or b""), right):
        raise errors.NotFound()
    return otp, code


def check_code(user: User, code: str) -> str:
    """Check a code for the number to verify, as `require_right`; return the number that is proved.

    Raises:
        AlreadyVerified: there is no number to verify.
        OtpExpired, OtpTriedOut, InvalidOtp: as `require_right`.
    """
    phone = user.phone_to_verify
    if not phone:
        raise errors.AlreadyVerified(user_id=user.id, status=user.status)
    require_right(user, phone, code)
    return phone


def require_right(user: User, phone: str, code: str, about: str = "") -> bytes:
    """Count a try and compare in constant time; return the digest of the code, which is right.

    The attempt is committed before the comparison, so parallel guesses share five attempts.

    Raises:
        OtpExpired: no code was sent for this, or it has expired.
        OtpTriedOut: five attempts for this code, or fifteen for the number today.
        InvalidOtp: the code is wrong.
    """
    expected, tries = count_attempt(user, phone, about)
    if not hmac.compare_digest(expected, code_digest(user.id, phone, code)):
        raise errors.InvalidOtp(tries_left=Otp.MAX_TRIES - tries)
    return expected


def use_up(user: User, phone: str, digest: bytes) -> Otp:
    """Void the code with this digest. `user` is locked.

    Raises:
        OtpExpired: it was used, or replaced by a newer one.
    """
    found = Otp.objects.filter(client=user.client_id, user=user, mobile_phone=phone, digest=digest)
    otp = found.first()
    if otp is None:
        raise errors.OtpExpired(user_id=user.id)
    found.void()
    return otp


def count_attempt(user: User, phone: str, about: str) -> tuple[bytes, int]:
    """Count a try, of the number and of its code; return the code's digest and its tries.

    If the outcome of the commit is unknown, it is counted again: at least once in any case.

    Raises:
        OutcomeUnknown: the outcome was unknown twice, or it took too long to find out.
    """
    begun = time.monotonic()
    try:
        return count_attempt_once(user, phone, about)
    except errors.OutcomeUnknown:
        if time.monotonic() - begun > LONGEST:
            raise
        return count_attempt_once(user, phone, about)


def count_attempt_once(user: User, phone: str, about: str) -> tuple[bytes, int]:
    now = clock.now()
    with single_transaction():
        phones.count_try(client_id=user.client_id, user_id=user.id, phone=phone, now=now)
        with connection.cursor() as cursor:
            values: list[Any] = [user.client_id, user.id, phone, about, now, Otp.MAX_TRIES]
            cursor.execute(ATTEMPT, values)
            row = cursor.fetchone()
        if row is None:
            raise why_not(user, phone, about, now)
    return bytes(row[0]), row[1]


def why_not(user: User, phone: str, about: str, now: datetime) -> errors.Refused:
    of_number = Otp.objects.filter(client=user.client_id, user=user, mobile_phone=phone)
    otp = of_number.filter(about=about).first()
    if otp and otp.is_open(now) and otp.tries >= Otp.MAX_TRIES:
        return errors.OtpTriedOut(user_id=user.id)
    return errors.OtpExpired(user_id=user.id)
