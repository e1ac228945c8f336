"""The daily e-mail to members of staff, against a mail server on a socket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from iocash.db import clock
from tests.support import mail_server, sandbox
from tests.support.mail_server import MailServer
from tests.support.staff import OPERATOR, VIEWER, a_member, browser_of
from tests.support.tasks import a_task
from tests.support.threads import at_once
from users.models import Preferences

pytestmark = pytest.mark.django_db

ACCOUNT = "/admin/account/"


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server.of_digests(settings) as server:
        yield server


def a_reader(role: str, name: str, **values: Any) -> Any:
    """A member of staff who wants the digest."""
    member = a_member(role, name=name)
    member.email = f"{name}@example.com"
    member.save(update_fields=["email"])
    Preferences.objects.create(person=member, digest=True, **values)
    return member


def send() -> str:
    out = StringIO()
    call_command("send_digests", stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.slow
def test_digest_has_numbers_and_links_and_no_names(server, alices):
    alice = a_reader(OPERATOR, "alice")
    today = clock.now().date()
    for _ in range(2):
        a_task(alices, "Call Alice Example", owner=f"staff:{alice.pk}", due_on=today)
    assert "Digests sent: 1." in send()
    subject, text = server.mails()["alice@example.com"]
    assert subject.startswith("What waits for you on ")
    assert "Tasks: 2\nhttps://pay.example/admin/users/task/" in text.replace("\r", "")
    assert "https://pay.example/admin/account/" in text
    assert "Call" not in text
    assert "Example" not in text


@pytest.mark.slow
def test_digest_has_the_language_and_the_permissions_of_the_member(server):
    a_reader(VIEWER, "bob", language="es")
    send()
    subject, text = server.mails()["bob@example.com"]
    assert subject.startswith("Lo que está en espera el ")
    assert "Nada está en espera." in text


@pytest.mark.slow
def test_digest_is_sent_once_a_day(server):
    a_reader(VIEWER, "alice")
    send()
    send()
    assert len(server.received) == 1
    sandbox.make()
    sandbox.set_clock(clock.now() + timedelta(days=1))
    send()
    assert len(server.received) == 2


@pytest.mark.slow
def test_day_of_the_digest_is_that_of_the_members_time_zone(server):
    a_reader(VIEWER, "alice", time_zone="Europe/Madrid")
    sandbox.make()
    late = (clock.now() + timedelta(days=1)).replace(hour=23, minute=30)
    sandbox.set_clock(late.replace(hour=12))
    send()
    sandbox.set_clock(late)
    send()
    assert len(server.received) == 2
    assert Preferences.objects.get().digest_date == late.date() + timedelta(days=1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_processes_at_the_same_time_send_one_digest(server):
    a_reader(VIEWER, "alice")
    at_once(*[send] * 4)
    assert len(server.received) == 1


@pytest.mark.slow
def test_refused_digest_is_sent_the_next_time(server):
    a_reader(VIEWER, "alice")
    a_reader(VIEWER, "bob")
    server.refused.add("alice@example.com")
    out = StringIO()
    with pytest.raises(CommandError, match="not sent: 1"):
        call_command("send_digests", stdout=out, stderr=out)
    assert "Not sent to alice" in out.getvalue()
    assert server.mails().keys() == {"bob@example.com"}
    server.refused.clear()
    assert "Digests sent: 1." in send()
    assert [address for address, _ in server.received] == ["bob@example.com", "alice@example.com"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["HAS_MAIL_SERVER", "PUBLIC_URL"])
def test_without_configuration_nothing_is_claimed(server, name, settings):
    a_reader(VIEWER, "alice")
    setattr(settings, name, "")
    with pytest.raises(CommandError, match="not configured"):
        send()
    assert server.received == []
    assert Preferences.objects.get().digest_date is None


@pytest.mark.slow
def test_command_skips_inactive_members_and_members_without_digest(server):
    gone = a_reader(VIEWER, "gone")
    gone.is_active = False
    gone.save(update_fields=["is_active"])
    Preferences.objects.filter(person=a_reader(VIEWER, "bob")).update(digest=False)
    assert "Digests sent: 0." in send()


@pytest.mark.slow
def test_member_chooses_the_digest_in_the_account(server):
    member = a_member(VIEWER)
    browser = browser_of(member)
    chosen = {"language": "", "time_zone": "UTC", "digest": "on"}
    assert browser.get(ACCOUNT).text.count("You have no e-mail address.") == 1
    assert browser.post(ACCOUNT, chosen).text.count("You have no e-mail address.") == 2
    member.email = "alice@example.com"
    member.save(update_fields=["email"])
    assert "It is sent to alice@example.com." in browser.get(ACCOUNT).text
    assert browser.post(ACCOUNT, chosen).status_code == 302
    assert Preferences.objects.get().digest
    assert browser.post(ACCOUNT, {"language": "", "time_zone": "UTC"}).status_code == 302
    assert not Preferences.objects.get().digest
