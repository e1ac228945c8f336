"""Processes of the last release work on the present tables, while instances are renewed in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader

from tests.support import people, release
from users.models.ids import new_id

pytestmark = pytest.mark.django_db

RELEASED = release.listed(release.DIGESTS.read_text())


@pytest.fixture
def former() -> Any:
    """The models as the migrations of the last release describe them."""
    last: dict[str, str] = {}
    for path in sorted(RELEASED):
        app, _, file = path.split("/")
        last[app] = file.removesuffix(".py")
    return MigrationLoader(connection).project_state([*last.items()]).apps


def models_of(apps: Any) -> Iterator[type[models.Model]]:
    for app in release.APPS:
        yield from apps.get_app_config(app).get_models()


def test_former_models_read_the_present_tables(former, alices, bobs):
    people.transfer(alices, bobs, 10_00)
    read: dict[str, Any] = {
        model.__name__: model._default_manager.first() for model in models_of(former)
    }
    assert read["Event"].kind
    assert {"Client", "User", "Wallet", "Movement", "Key", "Hold"} <= read.keys()


@pytest.mark.spoils_the_books
def test_former_process_records_an_event(former, alices):
    event = former.get_model("users", "Event")
    about = {"subject": "wallet", "subject_id": alices.id, "kind": "wallet.blocked"}
    made = event.objects.create(id=new_id(), client_id=alices.client_id, actor="key:1", **about)
    assert event.objects.get(position=made.position).kind == "wallet.blocked"
