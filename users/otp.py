"""One-time passwords: made, sent, counted and compared. A code belongs to one phone number."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.mail import send_mail
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from iocash import errors
from users.models import Otp, User

logger = logging.getLogger(__name__)

ATTEMPT = """
    UPDATE users_otp SET tries = tries + 1
    WHERE client_id = %s AND user_id = %s AND mobile_phone = %s
      AND digest IS NOT NULL AND expires_at > %s AND tries < %s
    RETURNING digest, tries
"""


def send(user: User, phone: str) -> None:
    """Make a code for `phone`, void all older ones, and deliver it once the change is durable.

    `user` is locked.

    Raises:
        OtpTooSoon: a code was sent to this number less than a minute ago.
    """
    now = timezone.now()
    require_pause(user, phone, now)
    code = f"{secrets.randbelow(10**6):06d}"
    void(user)
    Otp.objects.update_or_create(
        client_id=user.client_id,
        user=user,
        mobile_phone=phone,
        defaults={
            "digest": digest(user.id, phone, code),
            "tries": 0,
            "sent_at": now,
            "expires_at": now + timedelta(seconds=Otp.LIFETIME_SECONDS),
        },
    )
    transaction.on_commit(lambda: deliver(user, phone, code), robust=True)


def void(user: User) -> None:
    """Make all codes of the user worthless."""
    Otp.objects.filter(client=user.client_id, user=user).update(digest=None)


def require_pause(user: User, phone: str, now: datetime) -> None:
    last = (
        Otp.objects.filter(client=user.client_id, user=user, mobile_phone=phone)
        .values_list("sent_at", flat=True)
        .first()
    )
    if last and now < (retry_at := last + timedelta(seconds=Otp.PAUSE_SECONDS)):
        raise errors.OtpTooSoon(retry_at=retry_at)


def digest(user_id: uuid.UUID, phone: str, code: str) -> bytes:
    """Keyed with the server's secret: a stolen table alone does not give six digits away."""
    return salted_hmac("users.otp", f"{user_id}{phone}{code}", algorithm="sha256").digest()


def check(user: User, code: str) -> str:
    """Count a try and compare in constant time; return the phone number that is proved.

    The try is counted, durably, before the comparison: parallel guesses get five in all.

    Raises:
        AlreadyVerified: no number waits to be verified.
        OtpExpired: none was sent, or its time is over.
        OtpTriedOut: five tries were made.
        InvalidOtp: it is another code.
    """
    phone = user.phone_to_verify
    if not phone:
        raise errors.AlreadyVerified(user_id=user.id, status=user.status)
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(ATTEMPT, [user.client_id, user.id, phone, now, Otp.MAX_TRIES])
        row = cursor.fetchone()
    if row is None:
        raise why_not(user, phone, now)
    expected, tries = row
    if not hmac.compare_digest(bytes(expected), digest(user.id, phone, code)):
        raise errors.InvalidOtp(tries_left=Otp.MAX_TRIES - tries)
    return phone


def why_not(user: User, phone: str, now: datetime) -> errors.Refused:
    otp = Otp.objects.filter(client=user.client_id, user=user, mobile_phone=phone).first()
    if otp and otp.is_open(now) and otp.tries >= Otp.MAX_TRIES:
        return errors.OtpTriedOut(user_id=user.id)
    return errors.OtpExpired(user_id=user.id)


# --- Delivery ----------------------------------------------------------------------------------


class Backend(Protocol):
    def __call__(self, user: User, phone: str, code: str) -> None: ...


def console(user: User, phone: str, code: str) -> None:
    """For development: one line on the console of the server."""
    print(f"OTP {code} for user {user.id}", flush=True)  # noqa: T201


def email(user: User, phone: str, code: str) -> None:
    if not user.email:
        logger.error("otp not sent: user %s has no e-mail address", user.id)
        return
    send_mail("Your one-time password", text(code), None, [user.email])


def sms(user: User, phone: str, code: str) -> None:
    """Ask an SMS gateway: POST {"to", "text"} to the URL named in the settings."""
    body = json.dumps({"to": phone, "text": text(code)}).encode()
    request = Request(  # noqa: S310 (the operator names the URL)
        settings.OTP_SMS_URL, body, {"Content-Type": "application/json"}
    )
    try:
        with urlopen(request, timeout=5):  # noqa: S310
            pass
    except HTTPError as refusal:
        refusal.close()
        raise


def text(code: str) -> str:
    return f"Your code is {code}. It is valid for {Otp.LIFETIME_SECONDS // 60} minutes."


BACKENDS: dict[str, Backend] = {"console": console, "email": email, "sms": sms}


def deliver(user: User, phone: str, code: str) -> None:
    BACKENDS[settings.OTP_BACKEND](user, phone, code)
