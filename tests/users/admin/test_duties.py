"""The page of duties, and the tile of Today about those that are late or have failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from iocash import worker
from iocash.worker.loop import DutyReport, load_duties
from tests.support.backoffice import Office
from tests.support.webhooks import a_failed_delivery, an_endpoint
from users.models import DutyState, Event
from users.templatetags.words import WORDS
from wallets.dashboard.waiting import Tile, tiles

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(hours=2)


def report(name: str = "expire-holds", failure: str = "") -> None:
    """Record a run now."""
    about = DutyReport(name, runs=1, failures=int(bool(failure)), failure=failure, done=3)
    DutyState.objects.add_report(about)


def page(staff: Any) -> str:
    return Office(staff).get(reverse("admin:duties"))


def tiles_about(staff: Any, label: str) -> list[Tile]:
    return [each for each in tiles(staff, timezone.now()) if str(each.label).startswith(label)]


def test_every_duty_is_explained():
    load_duties()
    assert worker.DUTIES.keys() <= WORDS.keys()


def test_page_without_a_worker_says_how_to_start_it(staff):
    assert "manage.py work" in page(staff)


def test_page_lists_duties_with_their_numbers(staff):
    report()
    report("audit", failure="BadAnchor")
    text = page(staff)
    assert "Expire holds" in text
    assert "BadAnchor" in text
    assert "Late" not in text


@pytest.mark.parametrize("name", ["last_run_at", "next_due_at"])
def test_late_duty_is_marked_and_counted_on_today(staff, name):
    report()
    assert tiles_about(staff, "Worker") == []
    DutyState.objects.update(**{name: LONG_AGO})
    assert ">Late<" in page(staff)
    (tile,) = tiles_about(staff, "Worker")
    assert (tile.figure, tile.details) == ("1 duty", ["Expire holds"])


def test_duty_that_a_process_has_is_not_late(staff):
    report()
    until = timezone.now() + timedelta(minutes=1)
    DutyState.objects.update(last_run_at=LONG_AGO, lease=uuid4(), lease_until=until)
    assert tiles_about(staff, "Worker") == []


def test_failed_duty_is_on_today_until_it_succeeds(staff):
    report(failure="OSError")
    assert [tile.figure for tile in tiles_about(staff, "Worker")] == ["1 duty"]
    report()
    assert tiles_about(staff, "Worker") == []


def test_today_says_that_the_worker_has_never_run(staff):
    assert [tile.figure for tile in tiles_about(staff, "Worker")] == ["Never run"]


def test_duty_of_a_former_version_is_not_shown(staff):
    report("old-duty")
    DutyState.objects.update(last_run_at=timezone.now() - timedelta(days=2))
    report()
    assert "old-duty" not in page(staff)
    assert tiles_about(staff, "Worker") == []


def test_failed_deliveries_are_on_today(staff, alices):
    assert tiles_about(staff, "Webhooks not delivered") == []
    event = Event.objects.filter(client=alices.client_id).latest("position")
    a_failed_delivery(an_endpoint(alices.client), event)
    (tile,) = tiles_about(staff, "Webhooks not delivered")
    assert tile.figure == "1 event"
    assert "Failed" in Office(staff).get(tile.address)
