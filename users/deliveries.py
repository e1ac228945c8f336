"""Delivery of one-time passwords: on the console, by e-mail, or by an SMS gateway.

A request only stores the code, encrypted, beside its digest, in the same transaction. The worker
delivers it (`users.duties.codes`) and removes it, so requests never wait for a gateway. At most
`WAITING` codes wait. The console is for development: the process prints the code itself.
"""

from __future__ import annotations

import json
import logging
from http.client import HTTPException
from smtplib import SMTPException
from typing import Final, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection

from iocash import errors
from users.models import Otp, User
from users.models.clients import NOT_AWAY
from users.sealing import Seal

logger = logging.getLogger(__name__)

SEAL: Final = Seal("users.deliveries")
WAITING: Final = 1_000
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 120.0
"""Seconds before a code is delivered again. It is valid for ten minutes."""

TAKE: Final = f"""
    UPDATE users_otp AS otp SET attempts = attempts + 1,
        next_try_at = iocash_clock()
            + interval '1 second' * least(%s * 2 ^ least(attempts, 10), %s)
    FROM (
        SELECT id FROM users_otp WHERE sealed IS NOT NULL AND next_try_at <= iocash_now()
          AND {NOT_AWAY}
        ORDER BY next_try_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
    WHERE otp.id = due.id
    RETURNING otp.id
"""  # noqa: S608 (a constant)


class Backend(Protocol):
    def __call__(self, user: User, phone: str, code: str) -> None: ...


def console(user: User, phone: str, code: str) -> None:
    """Print one line on the console of the server, for development."""
    print(f"OTP {code} for user {user.id}", flush=True)  # noqa: T201


def email(user: User, phone: str, code: str) -> None:
    if not user.email:
        logger.error("otp not sent: user %s has no e-mail address", user.id)
        return
    send_mail("Your one-time password", message(code), None, [user.email])


def sms(user: User, phone: str, code: str) -> None:
    """Ask an SMS gateway: POST {"to", "text"} to the URL named in the settings."""
    body = json.dumps({"to": phone, "text": message(code)}).encode()
    request = Request(  # noqa: S310 (the operator names the URL)
        settings.OTP_SMS_URL, body, {"Content-Type": "application/json"}
    )
    try:
        with urlopen(request, timeout=5):  # noqa: S310
            pass
    except HTTPError as refusal:
        refusal.close()
        raise


def message(code: str) -> str:
    return f"Your code is {code}. It is valid for {Otp.LIFETIME_SECONDS // 60} minutes."


BACKENDS: dict[str, Backend] = {"console": console, "email": email, "sms": sms}
OVER_A_NETWORK: Final = frozenset({"email", "sms"})


# --- Waiting codes -------------------------------------------------------------------------------


def is_queued() -> bool:
    """Whether the worker delivers codes. Otherwise they are printed by the process."""
    return settings.OTP_BACKEND in OVER_A_NETWORK


def require_capacity() -> None:
    """Refuse (Overloaded) while too many codes wait to be delivered."""
    if is_queued() and len(Otp.objects.waiting().values_list("id")[:WAITING]) == WAITING:
        raise errors.Overloaded(
            "Too many one-time passwords are waiting. Nothing was changed; retry later."
        )


def seal_code(code: str) -> bytes:
    """Encrypt a code with the server's secret."""
    return SEAL.close(code)


def unseal_code(sealed: bytes) -> str:
    """Decrypt a code; also with a former secret.

    Raises:
        InvalidToken: it was sealed with another secret.
    """
    return SEAL.open(sealed)


def take_codes(most: int) -> list[Otp]:
    """Take codes to deliver. If this process is killed, they are due again after a pause.

    The pause is longer than a delivery takes, and doubles with each attempt.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [FIRST_PAUSE, LONGEST_PAUSE, most])
        ids = [row[0] for row in cursor.fetchall()]
    return [*Otp.objects.filter(id__in=ids, sealed__isnull=False).select_related("user")]


def attempt_delivery(otp: Otp) -> Exception | None:
    """Deliver a code over the network. Returns the error, if it was not delivered."""
    try:
        code = unseal_code(bytes(otp.sealed or b""))
        BACKENDS[settings.OTP_BACKEND](otp.user, otp.mobile_phone, code)
    except (OSError, SMTPException, HTTPException, InvalidToken, ValueError) as error:
        words = "the one-time password of user %s was not delivered, attempt %d: %s"
        logger.error(words, otp.user_id, otp.attempts, type(error).__name__)
        return error
    return None


def forget_code(otp: Otp) -> None:
    """Remove a code that need not be delivered any more, unless a newer one has replaced it."""
    own = Otp.objects.filter(id=otp.id, sealed=otp.sealed)
    own.update(sealed=None, next_try_at=None)
