"""What tests of users share: the codes that were sent, a clock that can be moved, real threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client as Browser
from django_otp.plugins.otp_totp.models import TOTPDevice

from iocash.db import clock as database_clock
from tests.support import identity_provider, sandbox
from tests.support.identity_provider import SECRET, Provider
from tests.support.kyc import send_one
from tests.support.staff import OPERATOR, somebody
from tests.support.user_actions import a_newcomer
from users import deliveries, otp
from users.kyc import Kind
from users.models import Client, KycDocument, User
from users.models.sandbox import advance_clock


class Sent(NamedTuple):
    """A one-time password, as the backend got it."""

    user_id: UUID
    phone: str
    code: str


@pytest.fixture
def codes(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Every code that is sent, in order.

    In a test whose transaction is never committed they are sent at once.
    """
    box: list[Sent] = []

    def keep(user: User, phone: str, code: str) -> None:
        box.append(Sent(user.id, phone, code))

    def at_once(call: Callable[[], None], **kwargs: Any) -> None:
        call()

    monkeypatch.setitem(deliveries.BACKENDS, "tests", keep)
    if connection.in_atomic_block:
        now = SimpleNamespace(on_commit=at_once, atomic=transaction.atomic)
        monkeypatch.setattr(otp, "transaction", now)
    settings.OTP_BACKEND = "tests"
    return box


class Clock:
    """The clock of the database, which can be advanced."""

    def now(self) -> datetime:
        return database_clock.now()

    def go(self, seconds: float) -> None:
        advance_clock(timedelta(seconds=seconds))


@pytest.fixture
def clock(db: None) -> Iterator[Clock]:
    with sandbox.made():
        yield Clock()


@pytest.fixture
def newcomer(client_demo: Client) -> User:
    """Alice, just created: nothing is verified, and she has no wallet."""
    return a_newcomer(client_demo)


@pytest.fixture
def newcomer_path(newcomer: User) -> str:
    return f"users/{newcomer.id}"


@pytest.fixture
def alice_created(client_demo: Client, codes: list[Sent]) -> User:
    """Alice, just created; her code is in `codes`."""
    return a_newcomer(client_demo)


@pytest.fixture
def operator(db: None) -> Browser:
    return somebody(OPERATOR)


@pytest.fixture
def sent(alice: User) -> KycDocument:
    """What Alice does for a living; it waits."""
    return send_one(alice, Kind.OCCUPATION)


@pytest.fixture
def device(supervisor: Any) -> TOTPDevice:
    """The authenticator app of the supervisor."""
    return TOTPDevice.objects.create(user=supervisor, name="App", confirmed=True)


@pytest.fixture(scope="session")
def running_provider() -> Iterator[Provider]:
    """An identity provider in a process of its own."""
    with identity_provider.serving() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: Provider, settings: Any) -> Iterator[Provider]:
    """The identity provider of the settings."""
    settings.IDENTITY_PROVIDER = "http"
    settings.IDENTITY_URL, settings.IDENTITY_SECRET = running_provider.url, [SECRET]
    yield running_provider
    running_provider.set_mode("")


@pytest.fixture
def in_sandbox(db: None) -> Iterator[None]:
    with sandbox.made():
        yield
