"""Members of staff: their second factor, and how they leave."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django_otp.plugins.otp_totp.models import TOTPDevice
from uuid_utils.compat import uuid7

from tests.support.approvals import post_and_approve
from tests.support.backoffice import page_of, worker
from tests.support.log_ins import codes_on, is_in, log_in, secret_on, shown_by, token_of
from tests.support.lossy_wire import cut_at_commit
from tests.support.staff import allow
from users.staff import members

pytestmark = pytest.mark.django_db

SET_UP = "/admin/second-factor/"


@pytest.fixture
def boss(staff: Any) -> Browser:
    """Another superuser, logged in."""
    browser = Browser()
    browser.force_login(staff)
    return browser


def inside(name: str = "supervisor") -> Browser:
    browser = Browser()
    assert log_in(browser, name=name).status_code == 302
    return browser


def acting(person: Any, action: str) -> str:
    return f"{page_of(person).removesuffix('change/')}action/{action}/"


def do(browser: Browser, person: Any, action: str, **values: Any) -> Any:
    return browser.post(acting(person, action), {"key": str(uuid7())} | values, follow=True)


def words_about(person: Any) -> list[str]:
    found = LogEntry.objects.filter(object_id=str(person.pk)).order_by("id")
    return [entry.get_change_message() for entry in found]


# --- The second factor ---------------------------------------------------------------------------


@pytest.mark.slow
def test_every_set_up_visit_gets_a_new_secret(supervisor):
    first, second = inside(), inside()
    seen = [secret_on(browser.get(SET_UP)) for browser in (first, second, first)]
    assert len(set(seen)) == 3
    assert not TOTPDevice.objects.exists()


@pytest.mark.slow
def test_token_of_another_visitors_secret_is_refused(supervisor):
    thief, owner = inside(), inside()
    stolen = secret_on(thief.get(SET_UP))
    secret = secret_on(owner.get(SET_UP))
    assert "Wrong code" in owner.post(SET_UP, {"token": shown_by(stolen)}).text
    assert len(codes_on(owner.post(SET_UP, {"token": shown_by(secret)}))) == 10
    thief.post(SET_UP, {"token": shown_by(stolen)})
    assert not is_in(thief)
    assert [shown_by(secret)] == [token_of(device) for device in TOTPDevice.objects.all()]


@pytest.mark.slow
def test_secret_is_not_shown_again(supervisor):
    browser = inside()
    secret = secret_on(browser.get(SET_UP))
    browser.post(SET_UP, {"token": shown_by(secret)})
    page = browser.get(SET_UP).text
    assert "You have a second factor" in page
    assert secret not in page
    assert "data:image" not in page
    assert TOTPDevice.objects.get().key not in str(
        [row.get_decoded() for row in Session.objects.all()]
    )


@pytest.mark.slow
def test_wrong_token_keeps_the_secret_of_the_visit(supervisor):
    browser = inside()
    secret = secret_on(browser.get(SET_UP))
    for token in ("000000", "", "x", "²²²²²²"):
        assert secret_on(browser.post(SET_UP, {"token": token})) == secret
    assert len(codes_on(browser.post(SET_UP, {"token": shown_by(secret)}))) == 10


@pytest.mark.slow
def test_token_of_the_enrolment_does_not_log_in(supervisor):
    browser = inside()
    token = shown_by(secret_on(browser.get(SET_UP)))
    browser.post(SET_UP, {"token": token})
    assert "missing or wrong" in log_in(Browser(), token=token).text


@pytest.mark.slow
def test_enrolment_ends_other_sessions_and_their_enrolments(supervisor):
    other, browser = inside(), inside()
    other.get(SET_UP)
    browser.post(SET_UP, {"token": shown_by(secret_on(browser.get(SET_UP)))})
    assert is_in(browser)
    assert not is_in(other)
    assert words_about(supervisor) == ["Second factor set up."]


def test_second_enrolment_is_refused(supervisor, device):
    browser = Browser()
    browser.force_login(supervisor)
    assert browser.get(SET_UP).status_code == 403
    assert browser.post(SET_UP, {"token": "000000"}).status_code == 403


def test_no_page_shows_the_secret_of_a_colleague(boss, device):
    below = f"/admin/otp_totp/totpdevice/{device.pk}"
    for page in ("change/", "config/", "qrcode/"):
        assert boss.get(f"{below}/{page}").status_code == 404
    assert boss.get("/admin/otp_totp/totpdevice/").status_code == 404
    for page in ("/admin/", page_of(device.user), page_of(device.user, "history")):
        text = boss.get(page).text
        assert device.key not in text
        assert "otp_totp" not in text.partition("<fieldset")[0]


@pytest.mark.slow
def test_reset_deletes_the_factor_and_ends_sessions_and_is_recorded(boss, supervisor, device):
    browser = Browser()
    log_in(browser, token=token_of(device))
    assert is_in(browser)
    form = {"key": str(uuid7())}
    post_and_approve(boss, acting(supervisor, "reset-second-factor"), form)
    assert not TOTPDevice.objects.exists()
    assert not is_in(browser)
    assert words_about(supervisor) == ["Second factor reset."]
    assert secret_on(inside().get(SET_UP))


@pytest.mark.slow
def test_superuser_is_changed_only_by_a_superuser(supervisor, device):
    person = worker()
    codes = ["view_user", "change_user", "delete_user", "give_roles"]
    person.user_permissions.set(Permission.objects.filter(codename__in=codes))
    browser = Browser()
    browser.force_login(person)
    for action in (
        "roles",
        "names",
        "password-link",
        "reset-second-factor",
        "log-out",
        "deactivate",
    ):
        assert "You don&#x27;t have permission to change" in do(browser, supervisor, action).text
    assert browser.get(page_of(supervisor, "delete")).status_code == 403
    password = supervisor.password
    supervisor.refresh_from_db()
    assert supervisor.is_active
    assert supervisor.password == password
    assert TOTPDevice.objects.exists()
    assert not words_about(supervisor)


def test_nobody_sets_the_password_of_a_colleague(boss):
    person = worker(password="correct horse battery")
    form = {"password1": "another password 7", "password2": "another password 7"}
    boss.post(f"/admin/auth/user/{person.pk}/password/", form)
    person.refresh_from_db()
    assert person.check_password("correct horse battery")


# --- How they leave ------------------------------------------------------------------------------


def gone(person: Any) -> bool:
    return not get_user_model().objects.filter(pk=person.pk).exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_staff_without_a_history_is_deleted_by_the_serving_role(boss, as_serving):
    person = worker()
    person.groups.add(Group.objects.create(name="testers"))
    person.user_permissions.add(Permission.objects.all()[0])
    TOTPDevice.objects.create(user=person, name="App")
    assert boss.get(page_of(person, "delete")).status_code == 200
    assert boss.post(page_of(person, "delete"), {"post": "yes"}).status_code == 302
    assert gone(person)


@pytest.mark.django_db(transaction=True)
def test_staff_with_a_history_can_only_be_deactivated(boss, supervisor, as_serving):
    browser = inside()
    answer = boss.post(page_of(supervisor, "delete"), {"post": "yes"}, follow=True)
    assert answer.status_code == 200
    assert "can&#x27;t be deleted because the log" in answer.text
    assert not gone(supervisor)
    assert " deactivated." in do(boss, supervisor, "deactivate").text
    assert not is_in(browser)
    assert log_in(Browser()).status_code == 200
    post_and_approve(boss, acting(supervisor, "activate"), {"key": str(uuid7())})
    assert is_in(inside())
    assert words_about(supervisor) == ["Deactivated.", "Activated."]


def test_staff_are_not_deleted_in_bulk(boss):
    person = worker()
    chosen = {"action": "delete_selected", "_selected_action": str(person.pk), "post": "yes"}
    boss.post("/admin/auth/user/", chosen)
    assert not gone(person)


def test_deletion_of_staff_with_a_history_raises(supervisor):
    inside()
    supervisor.refresh_from_db()
    with pytest.raises(ValueError, match="history"):
        members.delete(supervisor)


@pytest.mark.slow
def test_name_and_address_of_a_member_are_changed_and_recorded(boss):
    person = worker()
    page = boss.get(page_of(person)).text
    assert "Deactivate" in page
    assert 'type="checkbox"' not in page
    form = {"first_name": "Bob", "last_name": "", "email": "bob@example.com"}
    do(boss, person, "names", **form)
    do(boss, person, "names", **form)
    person.refresh_from_db()
    assert (person.first_name, person.email) == ("Bob", "bob@example.com")
    assert words_about(person) == ["Changed: first_name, email."]


def test_single_permissions_are_shown_and_removed(boss):
    person = worker()
    assert "single-permissions" not in boss.get(page_of(person)).text
    allow(person, "wallets.release_hold")
    page = boss.get(page_of(person)).text
    assert "Has single permissions beside the roles." in page
    assert "Can release holds." in page
    do(boss, person, "single-permissions")
    assert not person.user_permissions.exists()
    assert words_about(person) == ["Single permissions removed."]


@pytest.mark.parametrize("field", ["is_superuser", "is_staff", "user_permissions", "groups"])
def test_posted_field_that_is_not_in_the_form_changes_nothing(boss, field):
    """Not even for a superuser: the page of a member has no form of its own."""
    person = worker()
    permission = Permission.objects.all()[0]
    form = {"username": "worker", field: str(permission.pk) if field[-1] == "s" else "on"}
    assert boss.post(page_of(person), form).status_code == 403
    do(boss, person, "names", **form)
    person.refresh_from_db()
    assert not person.is_superuser
    assert not person.groups.exists()
    assert not person.user_permissions.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_member_is_deactivated_once_when_the_answer_to_commit_is_lost(supervisor):
    with cut_at_commit(is_done=True):
        members.set_active(supervisor, is_active=False, by=supervisor)
    supervisor.refresh_from_db()
    assert not supervisor.is_active
    assert words_about(supervisor) == ["Deactivated."]
