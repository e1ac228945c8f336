"""KYC levels end by time, with their events, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from iocash.db import clock
from iocash.db.transactions import single_transaction
from tests.support import people, sandbox
from tests.support.kyc import approve, review, send_one
from tests.support.threads import Caller, at_once
from users.duties.levels import EndLapsedLevels
from users.kyc import NEEDED, Kind
from users.models import Event, KycDocument, User
from users.users import locked_user
from wallets import erasure, posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LEVEL_1 = NEEDED[User.Kind.NATURAL][1]


@pytest.fixture
def duty() -> EndLapsedLevels:
    return EndLapsedLevels()


def end_document(user: User, days: int) -> None:
    """Let the approved identity document end so many days from today."""
    day = clock.today() + days * DAY
    KycDocument.objects.of(user).filter(kind=Kind.IDENTITY).update(expires_on=day)
    User.objects.filter(pk=user.pk).update(kyc_until=day)


def level(user: User) -> tuple[int, object]:
    user.refresh_from_db()
    return user.kyc_level, user.kyc_until


def levels_recorded() -> list[tuple[str, str]]:
    found = Event.objects.filter(kind="user.level_changed").order_by("position")
    return [*found.values_list("data__level", "actor")]


@pytest.mark.slow
def test_level_ends_after_the_last_day_with_an_event(duty, alice):
    sandbox.make()
    approve(alice, LEVEL_1, expiry_date=clock.today())
    assert duty.perform() == 0
    assert level(alice)[0] == 1
    sandbox.set_clock(clock.now() + DAY)
    assert duty.perform() == 1
    assert level(alice) == (0, None)
    assert levels_recorded()[1:] == [("0", "system:clock")]
    assert duty.perform() == 0


def test_level_without_an_end_stays(duty, alice):
    approve(alice, LEVEL_1, expiry_date=clock.today() + DAY)
    assert duty.perform() == 0
    assert level(alice)[0] == 1


@pytest.mark.slow
def test_new_document_gives_the_level_again(duty, alice):
    approve(alice, LEVEL_1)
    end_document(alice, -1)
    duty.perform()
    review(alice, send_one(alice, Kind.IDENTITY, expiry_date=clock.today() + DAY))
    assert level(alice) == (1, clock.today() + DAY)
    assert [value for value, _ in levels_recorded()] == ["1", "0", "1"]


@pytest.mark.slow
def test_other_approval_gives_no_level_after_the_end(duty, alice):
    """Neither before the worker has written it, nor after."""
    approve(alice, LEVEL_1)
    end_document(alice, -1)
    review(alice, send_one(alice, Kind.OCCUPATION))
    assert level(alice) == (0, None)
    assert duty.perform() == 0
    review(alice, send_one(alice, Kind.HOME_ADDRESS))
    assert [value for value, _ in levels_recorded()] == ["1", "0"]


@pytest.mark.slow
def test_erased_user_is_left_alone(duty, alice):
    approve(alice, LEVEL_1)
    end_document(alice, -1)
    end = UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id)
    posting.submit(end)
    erasure.erase(user_id=alice.id, by=people.BY, reason="OTHER")
    assert level(alice)[1]
    assert duty.perform() == 0


def test_lapsed_levels_are_found_by_their_index(alice):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # there are few rows
    plan = User.objects.lapsed().order_by("kyc_until", "id")[:100].explain()
    assert "user_lapsing" in plan


@pytest.mark.django_db(transaction=True)
def test_two_processes_end_a_level_once(alice):
    approve(alice, LEVEL_1)
    end_document(alice, -1)
    assert sorted(at_once(*[EndLapsedLevels().perform] * 3)) == [0, 0, 1]
    assert [value for value, _ in levels_recorded()] == ["1", "0"]


@pytest.mark.django_db(transaction=True)
def test_locked_user_is_left_for_the_next_look(duty, alice):
    approve(alice, LEVEL_1)
    end_document(alice, -1)
    with single_transaction():
        locked_user(alice.id, alice.client_id)
        assert Caller(duty.perform).answer == 0
    assert duty.perform() == 1
