"""`manage.py create_staff`: the first members of staff, and the record of all others."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from tests.support.log_ins import is_in, log_in
from tests.support.staff import ADMINISTRATOR, OPERATOR, SUPERVISOR, VIEWER, a_member
from users.approvals.influence import are_independent
from users.staff.records import recorded_words

pytestmark = pytest.mark.django_db

PASSWORD = "a horse of another colour"
Staff = get_user_model()


@pytest.fixture(autouse=True)
def _address(settings: Any) -> None:
    settings.PUBLIC_URL = "https://pay.example"


def create(capsys: Any, *words: str) -> str:
    """Run the command; return the path of the link."""
    call_command("create_staff", *words)
    printed = str(capsys.readouterr().out).strip()
    assert printed.startswith("https://pay.example/admin/set-password/")
    return printed.removeprefix("https://pay.example")


def set_password(path: str) -> bool:
    """Follow the link, as a browser does; whether it works."""
    browser = Browser()
    form = browser.get(path, follow=True).request["PATH_INFO"]
    passwords = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    return "Password set." in browser.post(form, passwords, follow=True).text


def two_who_can_add() -> None:
    for name in ("alice", "bob"):
        member = a_member(ADMINISTRATOR, name=name)
        member.set_password(PASSWORD)
        member.save()


@pytest.mark.slow
def test_first_member_sets_a_password_with_the_link_and_logs_in(capsys):
    path = create(capsys, "alice", "--email", "alice@Pay.Example", "--role", ADMINISTRATOR)
    alice = Staff.objects.get()
    assert (alice.is_staff, alice.is_superuser, alice.email) == (True, False, "alice@pay.example")
    assert [group.name for group in alice.groups.all()] == [ADMINISTRATOR]
    assert not alice.has_usable_password()
    assert set_password(path)
    browser = Browser()
    log_in(browser, PASSWORD, name="alice")
    assert is_in(browser)


def test_link_of_the_command_works_once(capsys):
    path = create(capsys, "alice", "--role", VIEWER)
    assert set_password(path)
    assert not set_password(path)


def test_command_records_the_shells_user_and_the_reason(capsys):
    create(capsys, "alice", "--role", OPERATOR, "--role", VIEWER, "--reason", "No phone: lost")
    first, second = LogEntry.objects.order_by("pk")
    words = recorded_words(first)
    assert words.startswith("Added on the command line: ")
    assert words.endswith(" → viewer, operator; No phone: lost.")
    assert recorded_words(second) == "New link to set a password."
    assert first.object_id == str(Staff.objects.get().pk)


def test_first_two_members_are_independent_of_each_other(capsys):
    for name in ("alice", "bob"):
        create(capsys, name, "--role", ADMINISTRATOR, "--role", SUPERVISOR)
    alice, bob = Staff.objects.order_by("username")
    assert are_independent(alice.pk, bob.pk)


def test_superuser_is_created_only_when_asked(capsys):
    create(capsys, "alice", "--superuser")
    assert Staff.objects.get().is_superuser
    create(capsys, "bob", "--role", VIEWER)
    assert not Staff.objects.get(username="bob").is_superuser


def refused(*words: str) -> str:
    before = Staff.objects.count()
    with pytest.raises(CommandError) as refusal:
        call_command("create_staff", *words)
    assert Staff.objects.count() == before
    return str(refusal.value)


def test_taken_name_is_refused_in_upper_case_too():
    a_member(VIEWER, name="alice")
    words = "There is already a member of staff with the name 'Alice'."
    assert refused("Alice", "--role", VIEWER) == words


def test_unknown_role_is_refused_with_the_known_ones():
    a_member(VIEWER)
    words = refused("alice", "--role", "boss", "--role", VIEWER)
    assert words.startswith("Unknown role: boss. There are: viewer, operator, reviewer, ")


def test_member_without_a_role_is_refused():
    assert refused("alice").startswith("Name a role: ")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("al ice", "--role", VIEWER), "username"),
        (("alice", "--email", "nobody", "--role", VIEWER), "email"),
    ],
)
def test_malformed_values_are_refused_by_field(words, field):
    a_member(VIEWER)
    assert refused(*words).startswith(f"{field}: ")


def test_third_member_needs_a_reason_once_two_can_add_members(capsys):
    two_who_can_add()
    assert "in the back office: alice, bob." in refused("carol", "--role", VIEWER)
    assert "--reason" in refused("carol", "--role", VIEWER, "--reason", " ")
    create(capsys, "carol", "--role", VIEWER, "--reason", "Both have lost their phones")
    assert Staff.objects.filter(username="carol").exists()


def test_members_without_a_password_do_not_ask_for_a_reason(capsys):
    for name in ("alice", "bob"):
        a_member(ADMINISTRATOR, name=name).set_unusable_password()
    Staff.objects.update(password="!")
    create(capsys, "carol", "--role", ADMINISTRATOR)


@pytest.mark.slow
def test_new_link_voids_the_former_one(capsys):
    former = create(capsys, "alice", "--role", VIEWER)
    path = create(capsys, "alice", "--new-link")
    assert not set_password(former)
    assert set_password(path)
    assert refused("alice", "--new-link").startswith("alice has a password. ")


def test_new_link_needs_a_known_name():
    assert refused("alice", "--new-link") == "There is no active member of staff 'alice'."
