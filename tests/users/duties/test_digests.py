"""The worker sends the daily e-mails, from the morning of each member on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.support import mail_server, sandbox
from tests.support.mail_server import MailServer
from tests.support.staff import VIEWER, a_member
from tests.support.threads import at_once
from users.duties import digests
from users.duties.digests import DigestNotSent, SendDigests
from users.models import Preferences

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server.of_digests(settings) as server:
        yield server


def a_reader(name: str, time_zone: str = "UTC") -> None:
    member = a_member(VIEWER, name=name)
    member.email = f"{name}@example.com"
    member.save(update_fields=["email"])
    Preferences.objects.create(person=member, digest=True, time_zone=time_zone)


def set_hour(hour: int, day: int = 15) -> None:
    sandbox.set_clock(datetime(2030, 1, day, hour, tzinfo=UTC))


@pytest.fixture
def morning() -> None:
    sandbox.make()
    set_hour(7)


@pytest.mark.slow
def test_digest_is_sent_once_a_day(server, morning):
    a_reader("alice")
    duty = SendDigests()
    assert [duty.perform(), duty.perform()] == [1, 0]
    set_hour(7, day=16)
    assert duty.perform() == 1
    assert len(server.received) == 2


@pytest.mark.slow
def test_digest_waits_for_the_morning_of_the_member(server, morning):
    a_reader("alice")
    a_reader("bob", "America/New_York")
    assert SendDigests().perform() == 1
    set_hour(12)
    assert SendDigests().perform() == 1
    assert server.mails().keys() == {"alice@example.com", "bob@example.com"}


@pytest.mark.slow
def test_nothing_is_sent_without_a_mail_server(server, morning, settings):
    a_reader("alice")
    settings.HAS_MAIL_SERVER = False
    assert SendDigests().perform() == 0
    assert server.received == []


@pytest.mark.slow
def test_failure_is_raised_and_the_digest_is_sent_later(server, morning, settings):
    a_reader("alice")
    settings.EMAIL_PORT = 1
    with pytest.raises(DigestNotSent, match="1 of 1 digests: ConnectionRefusedError"):
        SendDigests().perform()
    settings.EMAIL_PORT = server.port
    assert SendDigests().perform() == 1


@pytest.mark.slow
def test_digest_of_a_process_that_ends_meanwhile_is_sent_later(server, morning, monkeypatch):
    def end(member: Any, today: date) -> None:
        raise SystemExit

    a_reader("alice")
    with monkeypatch.context() as patch:
        patch.setattr(digests, "send_digest", end)
        with pytest.raises(SystemExit):
            SendDigests().perform()
    assert SendDigests().perform() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_processes_send_a_digest_once(server):
    a_reader("alice", "UTC" if datetime.now(UTC).hour >= 6 else "Pacific/Auckland")
    assert sorted(at_once(*[SendDigests().perform] * 3)) == [0, 0, 1]
    assert len(server.received) == 1
