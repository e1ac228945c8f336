"""A client that has moved to another group is counted there: nothing of it waits here."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from iocash.db import clock
from tests.support import barrier, kyc, people, sandbox
from tests.support.approvals import a_request
from tests.support.cases import a_case
from tests.support.cash_outs import a_cash_out, end
from tests.support.prometheus import TARGET, series_of
from tests.support.schedules import make_due, scheduled
from tests.support.staff import SUPERVISOR, a_member
from tests.support.tasks import a_task
from tests.support.user_actions import a_newcomer
from tests.support.webhooks import a_failed_delivery, an_endpoint
from users.kyc import Kind
from users.menu import MENU
from users.models import Case, Client, Event, Otp, Task, WebhookEndpoint
from wallets.dashboard import families, limits, waiting
from wallets.models import Closing, ScheduledOperation, ScheduledRun, Wallet
from wallets.orders.cash_outs import MarkCashOutSent

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]

BY_DATE = {"due_on": date(2020, 1, 1)}
OF_BANKS = {"bank_lines_in_suspense", "bank_decisions_waiting"}
"""They are of the institution, whose bank accounts stay in the group."""
STREAMS = "webhook_streams_behind"
TILES = {
    "Waiting for my approval",
    "My tasks due",
    "Documents to review",
    "Payments out to send",
    "Sent, no answer",
    "Failed scheduled runs in 24 hours",
    "Overdue cases",
    "Closings under way",
    "Holds that expire in 24 hours",
    "Webhooks disabled",
    "Webhooks not delivered",
}


@pytest.fixture
def member(staff: Any) -> Any:
    """A member of staff for whom the client has everything that can wait."""
    return staff


@pytest.fixture
def client(alices: Wallet, bobs: Wallet, member: Any, settings: Any) -> Client:
    """A client of which everything waits that can wait."""
    settings.OTP_BACKEND = "email"
    sandbox.make()
    people.place(alices, bobs, 1_00, expires_at=clock.now() + timedelta(minutes=1))
    people.place(alices, bobs, 1_00, expires_at=clock.now() + timedelta(hours=1))
    a_cash_out(alices, 1_00)
    end(MarkCashOutSent, a_cash_out(alices, 2_00))
    schedule = scheduled(alices, bobs)
    make_due(schedule)
    run_fails(schedule)
    deliver_nothing(alices, bobs)
    kyc.send_one(alices.user, Kind.DOCUMENT_INCOME_TAX)
    a_request(alices, 5_00, a_member(SUPERVISOR))
    a_task(alices.user, owner=f"staff:{member.pk}")
    a_case(alices.user)
    for late in (Task, Case):
        late.objects.update(**BY_DATE)
    about: dict[str, Any] = {"client": alices.client, "user": bobs.user, "actor": "staff:1"}
    Closing.objects.create(**about)
    a_newcomer(alices.client, user_name="carol", mobile_phone="+34600999888")
    Otp.objects.exclude(sealed=None).update(attempts=2)
    sandbox.set_clock(clock.now() + timedelta(minutes=10))
    return alices.client


def run_fails(schedule: ScheduledOperation) -> None:
    about = {each: getattr(schedule, each) for each in ("client", "wallet", "currency", "amount")}
    failed = {"number": 99, "status": "FAILED", "code": "insufficient_funds"}
    ScheduledRun.objects.create(schedule=schedule, due_date=date(2026, 1, 1), **about | failed)


def deliver_nothing(alices: Wallet, bobs: Wallet) -> None:
    """An endpoint waits, with a failed event, and another one was disabled."""
    endpoint = an_endpoint(alices.client)
    people.transfer(alices, bobs, 1_00)
    event = Event.objects.latest("position")
    a_failed_delivery(endpoint, event)
    again = {"status": "WAITING", "failed_at": None, "next_attempt_at": timezone.now()}
    a_failed_delivery(endpoint, event, **again)
    gone = an_endpoint(alices.client)
    disabled = {"status": "DISABLED", "disabled_reason": "GONE", "updated_at": clock.now()}
    WebhookEndpoint.objects.filter(id=gone.id).update(**disabled)


def figures() -> dict[str, float]:
    """What `/metrics` says of what waits, without ages."""
    text = Browser().get("/metrics").content.decode()
    names = {*families.WAITING} - OF_BANKS | {"cash_outs", "webhook_endpoints_just_disabled"}
    names.add("webhook_endpoints")
    found = {series: float(value) for series, value in series_of(text).items()}
    return {
        series: value
        for series, value in found.items()
        if series.partition("{")[0].removeprefix("iocash_") in names
    }


def read_metric(name: str) -> float:
    text = Browser().get("/metrics").content.decode()
    return float(series_of(text)[f"iocash_{name}{{{TARGET}}}"])


def become(client: Client, status: Client.Status) -> None:
    Client.objects.filter(id=client.id).update(status=status)


def waiting_tiles(member: Any) -> set[str]:
    """The tiles of what waits, which say that something does."""
    found = waiting.tiles(member, clock.now())
    return {str(each.label) for each in found if each.figure != "None"} & TILES


def test_metrics_count_a_moved_client_in_its_new_group_only(client):
    before = figures()
    counted = {name.partition("{")[0] for name, value in before.items() if value}
    names = {name.partition("{")[0] for name in before}
    assert counted == names
    become(client, Client.Status.MOVING)
    assert {name: value for name, value in figures().items() if STREAMS not in name} == {
        name: value for name, value in before.items() if STREAMS not in name
    }
    become(client, Client.Status.MOVED)
    assert [name for name, value in figures().items() if value] == []


def test_outbox_is_not_old_for_a_client_on_its_way_here(client):
    """Its copied events have positions that this group has not reached yet."""
    barrier.put(barrier.NEVER)
    assert read_metric("outbox_age_seconds") >= 600
    become(client, Client.Status.MOVED)
    assert read_metric("outbox_age_seconds") == 0


def test_first_page_and_menu_count_a_moved_client_in_its_new_group_only(client, member):
    assert waiting_tiles(member) == TILES
    entries = MENU.waiting_for(member)
    assert len(entries) >= 6
    become(client, Client.Status.MOVING)
    assert waiting_tiles(member) == TILES
    assert MENU.waiting_for(member) == entries
    become(client, Client.Status.MOVED)
    assert waiting_tiles(member) == set()
    assert MENU.waiting_for(member) == []


def test_moved_users_are_near_no_limit(client, settings):
    settings.KYC_LIMITS = {"EUR": {"0": {"balance": "100", "cashIn": None, "cashOut": None}}}
    assert limits.nearly_used()
    become(client, Client.Status.MOVED)
    assert limits.nearly_used() == []
