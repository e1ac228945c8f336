"""How the back office shows ids, people, amounts and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from tests.support.backoffice import worker
from users.models import User

ID = "01980000-0000-7000-8000-0123456789ab"


def drawn(tag: str, **context: Any) -> str:
    return Template("{% load office %}{% " + tag + " %}").render(Context(context))


def test_id_is_shortened_and_copied_whole():
    shown = drawn("short_id id", id=ID)
    assert ">…456789ab<" in shown
    assert f'data-copy="{ID}"' in shown
    assert drawn("short_id id", id=None) == ""


@pytest.mark.django_db
def test_person_links_to_the_page_of_the_user_with_the_permission_only(rf, staff, alice):
    request = rf.get("/")
    request.user = staff
    assert drawn("person user", request=request, user=alice) == (
        f'<a class="person" href="/admin/users/user/{alice.pk}/change/">Alice Example</a>'
    )
    request.user = worker()
    assert drawn("person user", request=request, user=alice) == (
        '<span class="person">Alice Example</span>'
    )
    assert drawn("person user", request=request, user=None) == ""


@pytest.mark.parametrize(
    ("minor", "currency", "language", "shown"),
    [
        (500000000, "EUR", "en", '<span class="amount">5,000,000.00 EUR</span>'),
        (500000000, "EUR", "es", '<span class="amount">5.000.000,00 EUR</span>'),
        (-5, "EUR", "en", '<span class="amount out">-0.05 EUR</span>'),
        (1234, "JPY", "en", '<span class="amount">1,234 JPY</span>'),
        (99999999999999999, "EUR", "en", '<span class="amount">999,999,999,999,999.99 EUR</span>'),
        (0, "KWD", "en", '<span class="amount">0.000 KWD</span>'),
        (None, "EUR", "en", ""),
    ],
)
def test_amount_is_grouped_and_exact(minor, currency, language, shown):
    with translation.override(language):
        assert drawn("amount minor currency", minor=minor, currency=currency) == shown


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "2026-07-01 21:30 UTC"),
        ("Europe/Madrid", "2026-07-01 23:30 CEST"),
        ("America/Sao_Paulo", "2026-07-01 18:30 UTC-03"),
    ],
)
def test_time_names_its_zone(zone, shown):
    at = datetime(2026, 7, 1, 21, 30, 15, tzinfo=UTC)
    with timezone.override(zone):
        drawn_time = drawn("moment at", at=at)
        assert f">{shown}<" in drawn_time
        assert 'datetime="2026-07-01T21:30:15.000+00:00"' in drawn_time
        assert ":15 " in drawn("moment at seconds=True", at=at)
    assert drawn("moment at", at=None) == ""


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"first_name": "Alice", "last_name": "Example", "user_name": "alice"}, "Alice Example"),
        ({"company_name": "Example Ltd", "user_name": "shop"}, "Example Ltd"),
        ({"user_name": "alice"}, "alice"),
        ({}, "Erased user"),
    ],
)
def test_user_has_a_name_for_people(values, shown):
    assert User(**values).display_name == shown
