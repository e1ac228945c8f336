"""One's own account: the language and the time zone of the back office."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser
from django.utils import timezone, translation

from tests.support import people
from tests.support.backoffice import Office, list_of, worker
from users.models import Preferences
from users.staff import members
from wallets.models import Movement, Wallet

pytestmark = pytest.mark.django_db

ACCOUNT = "/admin/account/"
MADRID = {"language": "es", "time_zone": "Europe/Madrid"}


@pytest.fixture
def office(staff: Any) -> Office:
    return Office(staff)


def test_account_is_for_staff_of_any_permission():
    assert Office(worker()).status("get", ACCOUNT) == 200
    assert Office(None).status("get", ACCOUNT) == 302


@pytest.mark.slow
def test_language_is_that_of_the_member_and_not_of_the_browser(staff):
    spanish = Browser(headers={"Accept-Language": "es"})
    spanish.force_login(staff)
    assert '<html lang="es"' in spanish.get(ACCOUNT).text
    assert spanish.post(ACCOUNT, {"language": "en", "time_zone": "UTC"}).status_code == 302
    assert '<html lang="en"' in spanish.get(ACCOUNT).text


def test_times_are_in_the_zone_of_the_member(office, alices: Wallet):
    people.cash_in(alices, 1_00)
    movement = Movement.objects.latest("pk")
    assert "UTC" in office.get(list_of(Movement))
    office.browser.post(ACCOUNT, MADRID)
    shown = timezone.localtime(movement.created_at, ZoneInfo("Europe/Madrid"))
    assert f"{shown:%Y-%m-%d %H:%M %Z}" in office.get(list_of(Movement))


def test_language_and_zone_end_with_the_request(office):
    office.browser.post(ACCOUNT, MADRID)
    office.get("/admin/")
    assert timezone.get_current_timezone_name() == "UTC"
    assert translation.get_language().startswith("en")


def test_preferences_survive_the_log_out(office, staff):
    office.browser.post(ACCOUNT, MADRID)
    assert '<html lang="es"' in Office(staff).get(ACCOUNT)


@pytest.mark.parametrize(
    "wrong", [{"language": "fr", "time_zone": "UTC"}, {"time_zone": "Europe/Nowhere"}, {}]
)
def test_unknown_language_or_zone_is_refused(office, wrong):
    assert office.browser.post(ACCOUNT, wrong).status_code == 200
    assert not Preferences.objects.exists()


def test_stored_values_that_are_unknown_today_do_not_break_the_back_office(office, staff):
    Preferences.objects.create(person=staff, language="xx", time_zone="Gone/Away")
    assert '<html lang="en' in office.get(ACCOUNT)


def test_preferences_cost_no_query_of_their_own(office, django_assert_num_queries):
    office.get(ACCOUNT)
    with django_assert_num_queries(
        5
    ) as captured:  # session, person, second factor, what waits twice
        office.get(ACCOUNT)
    assert [each["sql"] for each in captured if 'FROM "users_preferences"' in each["sql"]] == []


def test_api_keeps_its_own_language(office, alices):
    office.browser.post(ACCOUNT, MADRID)
    answer = office.browser.get("/api/v1/wallets/unknown", headers={"Accept": "application/json"})
    assert answer.json()["title"] == "Not found"


def test_member_of_staff_with_preferences_is_deleted(staff):
    person = worker()
    Preferences.objects.create(person=person)
    members.delete(person)
    assert not Preferences.objects.exists()


@pytest.mark.slow
def test_theme_password_and_second_factor_are_reached_from_the_account(office, supervisor):
    shown = Office(supervisor).get(ACCOUNT)
    for part in ('name="theme"', "/admin/password_change/", "/admin/second-factor/"):
        assert part in shown
    assert "/admin/password_change/" not in office.get(ACCOUNT)  # there is no password to change
