"""How a member of staff is added, and sets a password with a link that works once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.utils import timezone
from uuid_utils.compat import uuid7

from iocash import errors
from tests.support.approvals import (
    password_reset_approved,
    post_and_approve,
    staff_action_approved,
)
from tests.support.backoffice import page_of
from tests.support.log_ins import is_in, log_in
from tests.support.staff import (
    ADMINISTRATOR,
    OPERATOR,
    SUPERVISOR,
    VIEWER,
    a_member,
    allow,
    browser_of,
)
from tests.support.threads import at_once
from users.models.approvals import ApprovalKind
from users.staff import members
from users.staff.sessions import open_sessions

pytestmark = pytest.mark.django_db

ADD = "/admin/auth/user/add/"
NEW = "a horse of another colour"
Staff = get_user_model()


@pytest.fixture
def chief() -> Browser:
    return browser_of(a_member(ADMINISTRATOR, name="chief"))


def new_member(**values: Any) -> dict[str, Any]:
    form = {"username": "alice", "first_name": "Alice", "email": "alice@example.com"}
    return {"key": str(uuid7()), "roles": [OPERATOR]} | form | values


def added(browser: Browser, **values: Any) -> Any:
    """The page with the link of a new member, whom a colleague has approved."""
    post_and_approve(browser, ADD, new_member(**values))
    return do_action(browser, Staff.objects.get(username="alice"), "password-link")


def the_chief() -> Any:
    return Staff.objects.get(username="chief")


def link_on(page: Any) -> str:
    """The path of the link that a page shows."""
    found = re.search(r"<code id=\"secret\">http://[^/]+(/[^<]+)</code>", page.text)
    assert found, page.text
    return found[1]


def do_action(browser: Browser, member: Any, name: str) -> Any:
    address = f"{page_of(member).removesuffix('change/')}action/{name}/"
    return browser.post(address, {"key": str(uuid7())}, follow=True)


def set_password(link: str, password: str = NEW, browser: Browser | None = None) -> Any:
    browser = browser or Browser()
    form = browser.get(link, follow=True)
    passwords = {"new_password1": password, "new_password2": password}
    return browser.post(form.request["PATH_INFO"], passwords, follow=True)


@pytest.mark.slow
def test_added_member_sets_a_password_and_logs_in(chief):
    link = link_on(added(chief))
    alice = Staff.objects.get(username="alice")
    assert (alice.is_staff, alice.is_superuser, alice.has_usable_password()) == (True, False, False)
    assert [group.name for group in alice.groups.all()] == [OPERATOR]
    assert "Password set. Log in with it." in set_password(link).text
    browser = Browser()
    assert log_in(browser, NEW, name="alice").status_code == 302
    assert is_in(browser)
    words = LogEntry.objects.filter(object_id=str(alice.pk)).values_list(
        "change_message", flat=True
    )
    assert list(words.order_by("pk")) == [
        "Added with these roles: operator.",
        "New link to set a password.",
        "Password set.",
    ]


def test_link_leaves_the_address_before_the_form(chief):
    link = link_on(added(chief))
    token = link.rstrip("/").rpartition("/")[2]
    led = Browser().get(link, follow=True)
    assert led.redirect_chain
    assert token not in led.request["PATH_INFO"]
    assert token not in led.text
    assert "Your user name is <strong>alice</strong>" in led.text


@pytest.mark.slow
def test_link_works_once(chief):
    link = link_on(added(chief))
    late = Browser()
    form = late.get(link, follow=True).request["PATH_INFO"]
    set_password(link)
    assert "This link does not work" in Browser().get(link, follow=True).text
    passwords = {"new_password1": "another password 7", "new_password2": "another password 7"}
    assert "This link does not work" in late.post(form, passwords, follow=True).text
    assert Staff.objects.get(username="alice").check_password(NEW)


@pytest.mark.slow
def test_link_is_void_after_a_newer_one_a_day_and_deactivation(chief, settings):
    first = link_on(added(chief))
    alice = Staff.objects.get(username="alice")
    second = link_on(do_action(chief, alice, "password-link"))
    assert "does not work" in Browser().get(first, follow=True).text
    assert "Set your password" in Browser().get(second, follow=True).text
    do_action(chief, alice, "deactivate")
    assert "does not work" in Browser().get(second, follow=True).text
    staff_action_approved(ApprovalKind.ACTIVATE_MEMBER, alice, the_chief())
    assert settings.PASSWORD_RESET_TIMEOUT == 86_400
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "does not work" in Browser().get(second, follow=True).text


@pytest.mark.parametrize("uid", ["MQ", "x", "OTk5OTk5", "%00", "LTE"])
def test_invented_link_does_not_work(uid):
    for token in ("set-password", "x-y", "cabc12-0123456789abcdef0123456789abcdef"):
        answer = Browser().get(f"/admin/set-password/{uid}/{token}/", follow=True)
        assert answer.status_code == 200
        assert "This link does not work" in answer.text


def test_token_of_another_purpose_does_not_work():
    alice = a_member(VIEWER, name="alice")
    assert not members.is_open_link(alice, default_token_generator.make_token(alice))
    assert members.is_open_link(alice, members.TOKENS.make_token(alice))


@pytest.mark.slow
def test_weak_password_is_refused(chief):
    link = link_on(added(chief))
    for weak in ("short", "password", "12345678901"):
        assert "errorlist" in set_password(link, weak).text
    assert not Staff.objects.get(username="alice").has_usable_password()


def test_new_link_voids_the_password_and_closes_sessions(chief):
    bob = a_member(OPERATOR, name="bob")
    bob.set_password(NEW)
    bob.save()
    browser = Browser()
    log_in(browser, NEW, name="bob")
    password_reset_approved(bob, the_chief())
    assert open_sessions(bob) == []
    assert not is_in(browser)
    assert log_in(Browser(), NEW, name="bob").status_code == 200


def test_link_keeps_the_second_factor_needed(chief, supervisor, device):
    boss = a_member(OPERATOR, name="bob")
    device.user = boss
    device.save()
    password_reset_approved(boss, the_chief())
    set_password(link_on(do_action(chief, boss, "password-link")))
    assert "missing or wrong" in log_in(Browser(), NEW, name="bob").text


@pytest.mark.slow
def test_session_of_the_link_is_not_logged_in(chief):
    browser = Browser()
    link = link_on(added(chief))
    set_password(link, browser=browser)
    assert not is_in(browser)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Alice", "ALICE", "alice", "\uff41lice"])
def test_name_like_that_of_another_member_is_refused(chief, name):
    added(chief)
    assert "already a member of staff" in chief.post(ADD, new_member(username=name)).text
    assert Staff.objects.filter(username__iexact="alice").count() == 1


@pytest.mark.slow
def test_member_is_not_added_with_more_rights_than_ones_own():
    giver = allow(a_member(VIEWER, name="giver"), "auth.view_user", "auth.add_user")
    browser = browser_of(giver)
    for role in (SUPERVISOR, ADMINISTRATOR):
        assert "errorlist" in browser.post(ADD, new_member(roles=[role])).text
        with pytest.raises(errors.PermissionDenied):
            members.add_member({"username": "alice"}, [role], by=giver)
    assert not Staff.objects.filter(username="alice").exists()
    post_and_approve(browser, ADD, new_member(roles=[VIEWER]))
    assert Staff.objects.filter(username="alice").exists()


def test_crafted_field_makes_no_superuser(chief):
    link_on(added(chief, is_superuser="on", user_permissions="1", groups="1"))
    alice = Staff.objects.get(username="alice")
    assert not alice.is_superuser
    assert not alice.user_permissions.exists()
    assert [group.name for group in alice.groups.all()] == [OPERATOR]


def test_member_is_added_with_the_permission_only():
    browser = browser_of(a_member(SUPERVISOR))
    assert browser.get(ADD).status_code == 403
    assert browser.post(ADD, new_member()).status_code == 403


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_link_sets_one_of_two_simultaneous_passwords():
    alice = a_member(VIEWER, name="alice")
    token = members.TOKENS.make_token(alice)
    passwords = ["first password 1", "second password 2"]
    answers = at_once(
        *(lambda each=each: members.set_password(alice, each, token=token) for each in passwords)
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "PermissionDenied"]
    alice.refresh_from_db()
    assert alice.check_password(passwords[answers.index(None)])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_members_are_added_by_the_serving_role(chief, as_serving):
    set_password(link_on(added(chief)))
    assert log_in(Browser(), NEW, name="alice").status_code == 302


# --- Sessions ------------------------------------------------------------------------------------

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.slow
def test_page_shows_where_a_member_is_logged_in(chief, supervisor):
    browser = Browser(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="203.0.113.7")
    log_in(browser)
    boss = browser_of(Staff.objects.create_superuser("boss"))
    page = boss.get(page_of(supervisor)).text
    assert "Firefox on Linux" in page
    assert "203.0.113.7" in page
    own = browser.get("/admin/log-out-everywhere/").text
    assert "this session" in own
    assert "203.0.113.7" in own


def test_own_log_out_closes_every_session(supervisor):
    here, there = Browser(), Browser()
    for browser in (here, there):
        log_in(browser)
    page = here.post("/admin/log-out-everywhere/", follow=True)
    assert "You are logged out everywhere." in page.text
    assert not is_in(here)
    assert not is_in(there)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (supervisor, "Logged out everywhere.")


def test_looking_at_ones_sessions_closes_none(supervisor):
    browser = Browser()
    log_in(browser)
    browser.get("/admin/log-out-everywhere/")
    assert is_in(browser)


@pytest.mark.slow
def test_administrator_logs_a_member_out_everywhere(chief):
    bob = a_member(OPERATOR, name="bob")
    browsers = [browser_of(bob), browser_of(bob)]
    assert "2 sessions of bob closed." in do_action(chief, bob, "log-out").text
    assert not any(map(is_in, browsers))
    assert is_in(chief)


def test_ended_session_is_not_listed(supervisor):
    browser = Browser(REMOTE_ADDR="203.0.113.7")
    log_in(browser)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    boss = browser_of(Staff.objects.create_superuser("boss"))
    assert "203.0.113.7" not in boss.get(page_of(supervisor)).text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roles", "deactivate", "password-link", "reset-second-factor"])
def test_administrator_does_not_take_these_actions_on_themselves(name):
    own = a_member(ADMINISTRATOR, name="own")
    browser = browser_of(own)
    assert f"action/{name}/" not in browser.get(page_of(own)).text
    assert "do this to yourself" in do_action(browser, own, name).text
    own.refresh_from_db()
    assert own.is_active
    assert browser.get(page_of(own, "delete")).status_code == 403
