"""Lists of events of several clients, of which two can have the same position after a move."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import people
from tests.support.backoffice import Office
from users.change_lists import exports
from users.models import Client, Event
from users.models.ids import new_id

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]


@pytest.fixture
def ids(client_demo: Client) -> list[str]:
    """The ids of two events with each of three positions, the newest first."""
    Event.objects.all().delete()
    found = []
    for position in (1, 2, 3):
        for client in (client_demo, people.a_client(f"Moved {position}")):
            about = {"subject": "client", "subject_id": new_id(), "kind": "client.changed"}
            made = Event.objects.create(client=client, position=position, **about)
            found.append((position, made.id))
    return [str(own) for _, own in sorted(found, reverse=True)]


def test_file_has_both_events_of_a_position(ids, monkeypatch):
    """Also where a part of it ends."""
    monkeypatch.setattr(exports, "PART_ROWS", 3)
    parts = [*exports.parts(Event.objects.all())]
    assert [str(row.id) for rows in parts for row in rows] == ids
    assert [len(rows) for rows in parts] == [3, 3]


def test_pages_have_each_event_once(ids, staff):
    """Between two events of one position, PostgreSQL may order each page anew."""
    asked: Any = Office(staff).browser.get("/admin/users/event/").context["cl"].queryset.query
    assert list(asked.order_by)[:2] == ["-position", "-id"]
