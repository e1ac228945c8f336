"""Staff choose a group of clients in the back office; their roles are those of home."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from iocash import errors
from iocash.db import groups
from iocash.db.transactions import fetch
from iocash.http import sessions
from tests.support import barrier, people
from tests.support.approvals import a_request, approve
from tests.support.groups import west_beside_home
from tests.support.staff import ADMINISTRATOR, OPERATOR, SUPERVISOR, VIEWER, a_member, browser_of
from users.approvals.asking import member_now
from users.chosen_groups import DIGEST_OF_MEMBERS, copy_members
from users.duties.members import CopyMembers
from users.models import Client
from wallets.bank.safeguarding_reports import ELSEWHERE
from wallets.dashboard.money import read_sums
from wallets.dashboard.periods import ShownPeriod
from wallets.models import Wallet

pytestmark = pytest.mark.django_db(transaction=True)

Member: Any = get_user_model()
TODAY = "/admin/"
STAFF_LIST = "/admin/auth/user/"
USERS = "/admin/users/user/"
CHOOSE = "/admin/group/"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@pytest.fixture(autouse=True)
def two_groups() -> Iterator[None]:
    groups.AWAY.clear()
    with west_beside_home():
        yield
    assert groups.current() == "home"


@pytest.fixture
def wests(two_groups: None) -> Wallet:
    """A wallet of the west with 20 EUR, of Alice."""
    with groups.entered("west"):
        barrier.put(barrier.ALWAYS)
        wallet = people.first_wallet(people.a_user(people.a_client("Of the west"), people.ALICE))
        people.cash_in(wallet, 20_00)
        return wallet


@pytest.fixture
def homes(two_groups: None) -> Wallet:
    """A wallet of home with 10 EUR, of Bob."""
    wallet = people.first_wallet(people.a_user(people.a_client("Of home"), people.BOB))
    people.cash_in(wallet, 10_00)
    return wallet


@pytest.fixture
def operator() -> Any:
    return a_member(OPERATOR, name="Olga")


def in_group(name: str, member: Any) -> Browser:
    browser = browser_of(member)
    assert browser.post(CHOOSE, {"group": name}).status_code == 302
    return browser


def shown(browser: Browser, path: str) -> str:
    response = browser.get(path)
    assert response.status_code == 200, response.status_code
    content = b"".join(response) if response.streaming else response.content
    return str(content.decode())


@pytest.mark.slow
def test_lists_show_the_chosen_group(wests, homes, operator):
    browser = browser_of(operator)
    assert "Bob" in shown(browser, USERS)
    browser.post(CHOOSE, {"group": "west"})
    page = shown(browser, USERS)
    assert "Alice" in page
    assert "Bob" not in page
    browser.post(CHOOSE, {"group": "home"})
    assert "Alice" not in shown(browser, USERS)


@pytest.mark.slow
def test_unknown_group_is_not_chosen(wests, operator):
    browser = in_group("north", operator)
    assert "Alice" not in shown(browser, USERS)


@pytest.mark.slow
@pytest.mark.parametrize("after", ["https://elsewhere.example/admin/", "//elsewhere.example", "/"])
def test_choice_leads_to_pages_of_the_back_office_only(operator, after):
    answer = browser_of(operator).post(CHOOSE, {"group": "west", "next": after})
    assert answer.headers["Location"] == TODAY


@pytest.mark.slow
def test_choice_needs_a_form(wests, operator):
    browser = browser_of(operator)
    browser.get(f"{CHOOSE}?group=west")
    assert "Alice" not in shown(browser, USERS)


@pytest.mark.slow
def test_sessions_and_staff_stay_at_home(wests, operator, monkeypatch):
    monkeypatch.setattr(sessions, "STEP", -1)  # each request saves its session
    admin = a_member(ADMINISTRATOR, name="Ada")
    browser = in_group("west", admin)
    assert "Olga" in shown(browser, STAFF_LIST)
    shown(browser, TODAY)
    assert Session.objects.count() == 1
    with groups.entered("west"):
        assert not Session.objects.exists()
    assert "home" in shown(browser, STAFF_LIST)


@pytest.mark.slow
def test_page_copies_members_and_their_roles(wests, operator):
    shown(in_group("west", operator), USERS)
    with groups.entered("west"):
        copy = Member.objects.get(username="Olga")
        assert (copy.pk, copy.is_staff) == (operator.pk, True)
        assert not copy.has_usable_password()
        assert list(copy.groups.values_list("name", flat=True)) == [OPERATOR]
        assert copy.has_perm("wallets.view_wallet")


@pytest.mark.slow
def test_role_revoked_at_home_is_revoked_in_the_group(wests, operator):
    browser = in_group("west", operator)
    page = f"/admin/wallets/wallet/{wests.pk}/change/"
    shown(browser, page)
    operator.groups.clear()
    assert browser.get(page).status_code == 403
    with groups.entered("west"):
        assert not Member.objects.get(username="Olga").groups.exists()
        assert not Member.objects.get(username="Olga").has_perm("wallets.view_wallet")


@pytest.mark.slow
def test_members_without_the_page_are_up_to_date_too(wests, operator):
    """Whoever opens a page: others are chosen as owners and second persons there."""
    other = a_member(VIEWER, name="Vera")
    copy_members("west")
    Member.objects.filter(pk=other.pk).update(is_active=False, is_staff=False)
    operator.groups.clear()
    shown(in_group("west", a_member(ADMINISTRATOR, name="Ada")), TODAY)
    with groups.entered("west"):
        assert not Member.objects.get(pk=other.pk).is_staff
        assert not Member.objects.get(pk=operator.pk).groups.exists()


@pytest.mark.slow
def test_member_now_is_the_one_of_home(wests, operator):
    copy_members("west")
    operator.groups.clear()
    with groups.entered("west"):
        found = member_now(operator.pk)
        assert not found.has_perm("wallets.view_wallet")
    Member.objects.filter(pk=operator.pk).update(is_active=False)
    with groups.entered("west"), pytest.raises(errors.PermissionDenied):
        member_now(operator.pk)


@pytest.mark.slow
@pytest.mark.parametrize(
    "removed", [{"is_active": False}, {"is_staff": False}, {"is_active": False, "is_staff": False}]
)
def test_removed_member_can_work_in_no_group(wests, homes, operator, removed):
    """Not with an open session either, and though a copy of the member has all rights."""
    supervisor = a_member(SUPERVISOR, name="Susan")
    browser = in_group("west", operator)
    pages = [TODAY, USERS, f"/admin/users/user/{wests.user_id}/change/", "/admin/search/?q=alice"]
    shown(browser, pages[1])
    with groups.entered("west"):
        asked = a_request(wests, 5_00, supervisor)
        Member.objects.filter(pk=operator.pk).update(is_superuser=True)
    Member.objects.filter(pk=operator.pk).update(**removed)
    for page in pages:
        assert browser.get(page).status_code == 302
        assert browser.post(page).status_code == 302
    headers = {"Accept": "application/json"}
    assert browser.get("/api/v1/wallets", headers=headers).status_code == 401
    with groups.entered("west"):
        former = Member.objects.get(pk=operator.pk)
        assert (former.is_active, former.is_superuser) == (True, True)
        with pytest.raises(errors.PermissionDenied):
            approve(asked, former)
        assert not former.has_usable_password()


def as_worker_of(name: str) -> int:
    """Perform the duty in a group."""
    with groups.entered(name):
        return CopyMembers().perform()


@pytest.mark.slow
def test_worker_of_a_group_brings_copies_up_to_date(wests, operator):
    assert as_worker_of("west") == 1
    assert as_worker_of("west") == 0
    operator.groups.clear()
    Member.objects.filter(pk=operator.pk).update(is_active=False, is_staff=False)
    assert as_worker_of("west") == 1
    with groups.entered("west"):
        copy = Member.objects.get(pk=operator.pk)
        assert (copy.is_active, copy.is_staff, copy.groups.count()) == (False, False, 0)


def test_worker_of_home_copies_no_members(operator, settings):
    before = fetch(DIGEST_OF_MEMBERS, ())
    assert as_worker_of("home") == 0
    settings.GROUPS = {"home": settings.GROUPS["home"]}
    assert as_worker_of("home") == 0
    assert fetch(DIGEST_OF_MEMBERS, ()) == before


@pytest.mark.slow
def test_name_of_a_former_member_is_free(wests, operator):
    copy_members("west")
    Member.objects.filter(pk=operator.pk).update(username="Olga Former")
    a_member(VIEWER, name="Olga")
    copy_members("west")
    with groups.entered("west"):
        copies = dict(Member.objects.filter(is_staff=True).values_list("username", "pk"))
    assert copies == dict(Member.objects.values_list("username", "pk"))


@pytest.mark.slow
def test_equal_members_are_compared_and_not_written(wests, operator):
    copy_members("west")
    mark = "SELECT xmin::text FROM auth_user"
    with groups.entered("west"):
        before = fetch(mark, ())
        digest = fetch(DIGEST_OF_MEMBERS, ())
    copy_members("west")
    with groups.entered("west"):
        assert fetch(mark, ()) == before
    assert fetch(DIGEST_OF_MEMBERS, ()) == digest


@pytest.mark.slow
def test_each_group_has_its_own_content_types(wests):
    """Their ids differ between databases that were migrated at different times."""
    ContentType.objects.clear_cache()
    at_home = ContentType.objects.get_for_model(Client)
    with groups.entered("west"), connection.cursor() as cursor:
        cursor.execute("UPDATE django_content_type SET model = 'other' WHERE id = %s", [at_home.pk])
        there = ContentType.objects.get_for_model(Client)
        assert there.pk != at_home.pk
    assert ContentType.objects.get_for_model(Client).pk == at_home.pk


@pytest.mark.slow
def test_change_in_the_group_is_written_and_recorded_there(wests, operator):
    page = shown(in_group("west", operator), "/admin/export/users/user/")
    assert "Alice" in page
    with groups.entered("west"):
        assert LogEntry.objects.get().user.username == "Olga"
    assert not LogEntry.objects.exists()


@pytest.mark.slow
def test_first_page_adds_up_all_groups(wests, homes, operator):
    page = shown(browser_of(operator), TODAY)
    assert "All groups" in page
    for amount in ("10.00 EUR", "20.00 EUR", "30.00 EUR"):
        assert amount in page


@pytest.mark.slow
def test_moved_clients_are_counted_once(wests, homes, operator):
    with groups.entered("west"):
        Client.objects.update(status=Client.Status.MOVED)
    page = shown(browser_of(operator), TODAY)
    assert "30.00 EUR" not in page
    assert "20.00 EUR" not in page


@pytest.mark.slow
def test_search_finds_users_of_all_groups_and_opens_them_there(wests, homes, operator):
    browser = browser_of(operator)
    page = shown(browser, "/admin/search/?q=alice")
    assert "In the group west" in page
    address = f"/admin/users/user/{wests.user_id}/change/"
    assert address in page
    answer = browser.post(CHOOSE, {"group": "west", "next": address})
    assert answer.headers["Location"] == address
    assert "Alice" in shown(browser, address)
    assert "In the group home" in shown(browser, "/admin/search/?q=bob")


@pytest.mark.slow
def test_api_shows_staff_the_chosen_group(wests, homes, operator):
    browser = in_group("west", operator)
    answer = browser.get("/api/v1/wallets", headers={"Accept": "application/json"})
    ids = [each["id"] for each in answer.json()["_embedded"]["wallets"]]
    assert ids == [str(wests.pk)]


def test_form_of_one_group_is_refused_after_another_was_chosen(operator):
    """Rows of two groups can have one number, and the form says the number only."""
    browser = browser_of(operator)
    browser.handler.enforce_csrf_checks = True
    token = TOKEN.search(shown(browser, TODAY))
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1], "group": "west"}
    assert browser.post(CHOOSE, form).status_code == 302
    assert browser.post(CHOOSE, form).status_code == 403


def test_old_group_does_not_count_money_of_a_moved_client(homes):
    period = ShownPeriod.of("7", timezone.now())
    assert read_sums(period)[0] == {"EUR": 10_00}
    assert fetch(ELSEWHERE, ()) == [("EUR", 10_00)]
    Client.objects.update(status="MOVED")
    assert read_sums(period) == ({}, {})
    assert fetch(ELSEWHERE, ()) == []


@pytest.mark.slow
def test_unreachable_group_is_named(wests, homes, operator, monkeypatch):
    def away(name: str) -> None:
        if name == "west":
            raise errors.DatabaseUnavailable

    monkeypatch.setattr(groups, "require_reachable", away)
    browser = browser_of(operator)
    page = shown(browser, TODAY)
    assert "No answer from: west." in page
    assert "10.00 EUR" in page
    assert "In the group west" in shown(browser, "/admin/search/?q=alice")


@pytest.mark.slow
def test_nothing_is_shown_without_groups(operator, settings):
    settings.GROUPS = {"home": settings.GROUPS["home"]}
    page = shown(browser_of(operator), TODAY)
    assert "Groups of clients" not in page
    assert 'id="group-menu"' not in page
