"""Delivery of one-time passwords: on the console, by e-mail, or by an SMS gateway.

Two threads of each process deliver e-mails and SMS after the commit and after the answer, so
requests never wait for a gateway. At most `WAITING` codes wait for the threads.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import Any, Final, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.mail import send_mail

from iocash import errors
from users.models import Otp, User

logger = logging.getLogger(__name__)

THREADS: Final = 2
WAITING: Final = 20


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


class Deliveries:
    """Two threads with a bounded queue."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(THREADS, "deliveries")
        self.places = BoundedSemaphore(THREADS + WAITING)

    @property
    def is_full(self) -> bool:
        """Whether the queue is full."""
        if not self.places.acquire(blocking=False):
            return True
        self.places.release()
        return False

    def take(self, call: Callable[[], None]) -> bool:
        """Queue a call for the threads; False if the queue is full."""
        if not self.places.acquire(blocking=False):
            return False
        self.pool.submit(call).add_done_callback(self.end)
        return True

    def end(self, future: Future[Any]) -> None:
        self.places.release()
        if error := future.exception():
            logger.error("a one-time password was not delivered", exc_info=error)


DELIVERIES = Deliveries()


def require_capacity() -> None:
    """Refuse (Overloaded) while too many codes wait to be delivered."""
    if settings.OTP_BACKEND in OVER_A_NETWORK and DELIVERIES.is_full:
        raise errors.Overloaded(
            "Too many one-time passwords are waiting. Nothing was changed; retry later."
        )


def deliver(user: User, phone: str, code: str) -> bool:
    """Deliver a code or queue it; False if the queue is full."""
    call = partial(BACKENDS[settings.OTP_BACKEND], user, phone, code)
    if settings.OTP_BACKEND in OVER_A_NETWORK:
        return DELIVERIES.take(call)
    call()
    return True
