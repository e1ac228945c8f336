"""Anchors are sent to another machine, signed, once each, the oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from standardwebhooks import Webhook

from iocash.db import clock
from iocash.worker import loop
from tests.support import people
from tests.support.receivers import Receiver
from tests.support.webhooks import to
from users import signatures
from users.models import DutyState
from wallets import audit
from wallets.anchors import folder
from wallets.anchors.settings import wrong_anchor_settings
from wallets.duties.witness import AnchorNotSent, SendAnchors

pytestmark = pytest.mark.django_db

SECRET = signatures.new_secret()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def kept(tmp_path: Path, settings: Any, receiver: Receiver) -> Path:
    settings.ANCHORS_DIR, settings.ANCHORS_SECRET = str(tmp_path), SECRET
    settings.ANCHORS_URL = to(receiver, "/anchors")
    return tmp_path


def write(kept: Path, days: int = 0) -> Path:
    with audit.snapshot():
        return folder.write_next(kept, clock.now() + timedelta(days=days))


def bodies(receiver: Receiver) -> list[bytes]:
    return [each.body for each in receiver.received]


def test_anchor_is_sent_once_and_signed(alices, bobs, kept, receiver):
    people.transfer(alices, bobs, 10_00)
    anchor = write(kept)
    assert SendAnchors().perform_period() == 1
    assert SendAnchors().perform_period() == 0
    (received,) = receiver.received
    assert (received.path, received.body) == ("/anchors", anchor.read_bytes())
    assert received.headers["webhook-id"] == anchor.name
    Webhook(SECRET).verify(received.body, received.headers, json_parse=False)


def test_refused_anchor_is_sent_again_before_later_ones(alices, kept, receiver):
    first = write(kept)
    second = write(kept, days=1)
    receiver.answering = lambda handler, _: handler.answer(503)
    with pytest.raises(AnchorNotSent, match="status 503"):
        SendAnchors().perform_period()
    assert bodies(receiver) == [first.read_bytes()]
    receiver.answering = lambda handler, _: handler.answer(200)
    assert SendAnchors().perform_period() == 2
    assert bodies(receiver)[1:] == [first.read_bytes(), second.read_bytes()]


def test_failure_is_in_the_state_of_the_duty(alices, kept, receiver):
    write(kept)
    receiver.answering = lambda handler, _: handler.answer(500)
    assert not loop.perform_once(SendAnchors(), DutyState.objects.add_report)
    state = DutyState.objects.get(name="send-anchors")
    assert (state.last_failure, state.has_failed) == ("AnchorNotSent", True)
    receiver.answering = lambda handler, _: handler.answer(200)
    assert loop.perform_once(SendAnchors(), DutyState.objects.add_report)
    state.refresh_from_db()
    assert (state.done, state.has_failed) == (1, False)


def test_anchor_is_not_sent_to_this_machine_in_production(alices, kept, receiver, settings):
    write(kept)
    settings.WEBHOOK_LOOPBACK = False
    with pytest.raises(AnchorNotSent, match="ADDRESS_REFUSED"):
        SendAnchors().perform_period()
    assert receiver.received == []


def test_mark_is_no_anchor(alices, kept, receiver):
    anchor = write(kept)
    SendAnchors().perform_period()
    assert folder.newest_anchor(kept) == anchor
    assert folder.mark_of(anchor).stat().st_mode & 0o077 == 0


def test_without_a_url_nothing_is_sent(alices, kept, receiver, settings):
    write(kept)
    settings.ANCHORS_URL = ""
    assert SendAnchors().perform_period() == 0
    assert receiver.received == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ANCHORS_DIR", "", "needs ANCHORS_DIR"),
        ("ANCHORS_URL", "ftp://witness.example", "ANCHORS_URL is wrong"),
        ("ANCHORS_SECRET", "", "ANCHORS_SECRET is wrong"),
    ],
)
def test_wrong_settings_are_named(kept, settings, name, value, words):
    assert [*wrong_anchor_settings()] == []
    setattr(settings, name, value)
    (wrong,) = wrong_anchor_settings()
    assert words in wrong


def test_wrong_settings_stop_the_start(kept, settings):
    settings.ANCHORS_SECRET = "short"
    with pytest.raises(ImproperlyConfigured, match="ANCHORS_SECRET"):
        apps.get_app_config("wallets").ready()
