"""Closed users are erased without a request when their retention period has ended."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.cases import a_case
from tests.support.threads import at_once
from users.models import Case, DutyState, Event, User
from wallets import erasure, posting
from wallets.duties import erasure as duties
from wallets.duties.erasure import EraseUsers
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def duty() -> EraseUsers:
    return EraseUsers()


def close(user: User) -> User:
    posting.submit(UnsubscribeUser(client_id=user.client_id, by=people.BY, user_id=user.id))
    user.refresh_from_db()
    return user


def pass_retention() -> None:
    sandbox.make()
    sandbox.set_clock(clock.now() + erasure.retention() + timedelta(hours=1))


def perform_until_erased(duty: EraseUsers, user: User) -> None:
    """Perform at most so often that luck can't decide: 1 to 2 ** 100."""
    for _ in range(100):
        with suppress(OSError):
            duty.perform()
        user.refresh_from_db()
        if user.erased_at:
            return
    raise AssertionError("the user was never erased")


def erased() -> list[tuple[str, str]]:
    found = Event.objects.filter(kind="user.erased")
    return [*found.values_list("actor", "data__reason")]


def test_user_is_erased_after_the_retention_period(duty, alice):
    close(alice)
    assert duty.perform() == 0
    pass_retention()
    assert duty.perform() == 1
    alice.refresh_from_db()
    assert (alice.user_name, alice.erased_at is None) == ("", False)
    assert erased() == [("system:clock", "RETENTION_OVER")]
    assert duty.perform() == 0


def test_open_user_is_kept(duty, alice):
    pass_retention()
    assert duty.perform() == 0
    assert erased() == []


def test_user_of_an_open_case_is_kept_until_it_is_closed(duty, alice):
    case = a_case(close(alice))
    pass_retention()
    assert duty.perform() == 0
    Case.objects.filter(pk=case.pk).update(
        state="CLOSED", closed_at=clock.now(), outcome="Refunded"
    )
    DutyState.objects.update(next_due_at=clock.now())
    assert duty.perform() == 1


def test_batches_follow_at_once(duty, alice, bob, monkeypatch):
    monkeypatch.setattr(duties, "BATCH", 1)
    close(alice)
    close(bob)
    pass_retention()
    assert [duty.perform(), duty.perform(), duty.perform()] == [1, 1, 0]


def test_user_who_can_not_be_erased_stops_no_other(duty, alice, bob, monkeypatch):
    """The files of Alice can't be removed. She is due again."""
    close(alice)
    close(bob)
    pass_retention()
    remove = erasure.erase_files

    def refuse(user: User) -> None:
        if user.id == alice.id:
            raise PermissionError
        remove(user)

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "erase_files", refuse)
        with pytest.raises(PermissionError):
            duty.perform()
    assert User.objects.filter(erased_at=None).get() == alice
    assert duty.perform() == 1


def test_failing_erasures_keep_no_other_user_waiting(duty, alice, bob, monkeypatch):
    """A batch is one user. Alice is due first, and always fails."""
    monkeypatch.setattr(duties, "BATCH", 1)
    close(alice)
    close(bob)
    pass_retention()
    remove = erasure.erase_files

    def refuse(user: User) -> None:
        if user.id == alice.id:
            raise PermissionError
        remove(user)

    monkeypatch.setattr(erasure, "erase_files", refuse)
    perform_until_erased(duty, bob)
    alice.refresh_from_db()
    assert alice.erased_at is None


def test_case_that_is_opened_during_a_batch_keeps_its_user(duty, alice, bob, monkeypatch):
    """While Alice is erased, a case about Bob is opened."""
    close(alice)
    close(bob)
    User.objects.filter(id=bob.id).update(unsubscribed_at=alice.unsubscribed_at)
    pass_retention()
    opened: list[Case] = []
    erase = erasure.erase

    def open_case(*, user_id: UUID, **about: object) -> User:
        if not opened:
            opened.append(a_case(bob if user_id == alice.id else alice))
        return erase(user_id=user_id, **about)  # type: ignore[arg-type]

    monkeypatch.setattr(erasure, "erase", open_case)
    duty.perform()
    assert len(opened) == len(erased()) == 1


def test_users_to_erase_are_found_by_their_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # there are few rows
    assert "user_to_erase" in erasure.due(clock.now())[:20].explain()


@pytest.mark.django_db(transaction=True)
def test_two_processes_erase_a_user_once(alice, settings):
    settings.RETENTION_YEARS = 0
    close(alice)
    assert sorted(at_once(*[EraseUsers().perform] * 3)) == [0, 0, 1]
    assert len(erased()) == 1


@pytest.mark.django_db(transaction=True)
def test_serving_role_may_erase_users(duty, alice, settings, as_serving):
    settings.RETENTION_YEARS = 0
    close(alice)
    assert duty.perform() == 1
