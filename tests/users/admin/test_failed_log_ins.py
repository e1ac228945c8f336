"""The list of failed log-ins."""

from __future__ import annotations

import pytest
from axes.models import AccessFailureLog
from django.test import Client as Browser
from django.utils import timezone

from tests.support.log_ins import log_in
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, a_member, browser_of, somebody
from users import log_ins
from users.admin import access_pages

pytestmark = pytest.mark.django_db

PAGE = "/admin/failed-log-ins/"


def failure(name: str) -> AccessFailureLog:
    return AccessFailureLog.objects.create(
        username=name, ip_address="203.0.113.7", attempt_time=timezone.now()
    )


def test_wrong_password_and_wrong_token_are_listed_with_name_time_and_address(device):
    browser = Browser(REMOTE_ADDR="203.0.113.7")
    log_in(browser, "wrong")
    log_in(browser, token="000000")
    page = browser_of(a_member(SUPERVISOR, name="boss")).get(PAGE).text
    assert page.count("203.0.113.7") == 2
    assert page.count(">supervisor</a>") == 2
    assert page.count("Refused") == 2


def test_success_keeps_the_failures_in_the_list(supervisor):
    browser = Browser()
    log_in(browser, "wrong")
    log_in(browser)
    assert AccessFailureLog.objects.count() == 1


def test_lock_is_listed(supervisor):
    for _ in range(5):
        log_in(Browser(), "wrong")
    page = browser_of(a_member(SUPERVISOR, name="boss")).get(PAGE).text
    assert page.count("Locked for 15 minutes") == 1


def test_name_that_no_member_has_is_not_shown():
    log_in(Browser(), "wrong", name="my secret password")
    page = browser_of(a_member(SUPERVISOR, name="boss")).get(PAGE).text
    assert "my secret password" not in page
    assert "Unknown name" in page


def test_failed_log_ins_need_the_permission_to_see_staff():
    for role in (VIEWER, OPERATOR):
        assert somebody(role).get(PAGE).status_code == 403
    assert Browser().get(PAGE).status_code == 302


def test_pages_follow_without_a_count(monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(access_pages, "ROWS", 2)
    a_member(VIEWER, name="bob")
    for _ in range(5):
        failure("bob")
    browser = browser_of(a_member(SUPERVISOR, name="boss"))
    seen, address = [], PAGE
    while address:
        with django_assert_max_num_queries(8):
            page = browser.get(address)
        seen.append(page.text.count("203.0.113.7"))
        before = page.context["before"]
        address = f"{PAGE}?before={before}" if before else ""
    assert seen == [2, 2, 1]


@pytest.mark.parametrize("before", ["x", "-1", "²", "9" * 30, "1 OR 1=1"])
def test_malformed_place_shows_the_first_page(before):
    failure("bob")
    page = browser_of(a_member(SUPERVISOR, name="boss")).get(PAGE, {"before": before})
    assert (page.status_code, page.text.count("203.0.113.7")) == (200, 1)


def test_oldest_failures_are_deleted_over_the_limit(monkeypatch, supervisor):
    monkeypatch.setattr(log_ins, "MOST_FAILURES", 3)
    for _ in range(5):
        failure("bob")
    log_in(Browser(), "wrong")
    names = AccessFailureLog.objects.order_by("pk").values_list("username", flat=True)
    assert list(names) == ["bob", "bob", "supervisor"]


def test_newest_failure_of_a_name_is_kept_however_many_there_are(supervisor):
    """Over a thousand rows of a name, axes deletes the newest."""
    AccessFailureLog.objects.bulk_create(
        AccessFailureLog(username="supervisor", ip_address="203.0.113.7") for _ in range(1000)
    )
    log_in(Browser(), "wrong")
    assert AccessFailureLog.objects.count() == 1001
    assert AccessFailureLog.objects.order_by("-pk")[0].ip_address == "127.0.0.1"
