"""A sandbox: who can make one, and that its clock moves all that has a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from iocash import errors
from iocash.db import clock
from tests.support import people, sandbox
from tests.support.limits import LEVELS
from users import otp
from users.models import Otp, Sandbox, User
from users.models.sandbox import advance_clock, make_sandbox

pytestmark = pytest.mark.django_db


def test_empty_database_becomes_a_sandbox():
    before = clock.now()
    make_sandbox(clock_offset=timedelta(days=3), using="default")
    assert clock.now() - before >= timedelta(days=3)
    make_sandbox(using="default")
    assert Sandbox.objects.get().clock_offset == timedelta(days=3)


def test_database_with_clients_does_not_become_a_sandbox(client_demo):
    with pytest.raises(ValueError, match="has clients"):
        make_sandbox(using="default")
    assert not Sandbox.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_command_refuses_a_sandbox_with_clients_and_gives_the_reason(client_demo):
    with pytest.raises(CommandError, match="Only an empty one"):
        call_command("make_sandbox")


@pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=-1)])
def test_clock_never_goes_back(by):
    sandbox.make()
    with pytest.raises(ValueError, match="only be advanced"):
        advance_clock(by)
    assert Sandbox.objects.get().clock_offset == timedelta(0)


def test_clock_of_another_database_can_not_be_advanced():
    with pytest.raises(ValueError, match="not a sandbox"):
        advance_clock(timedelta(days=1))


def test_hold_expires_when_the_clock_is_advanced(alices, bobs):
    sandbox.make()
    hold = people.place(alices, bobs, 60_00, expires_at=clock.now() + timedelta(days=5))
    advance_clock(timedelta(days=5))
    assert people.seen(hold.id).standing == "EXPIRED"
    people.transfer(alices, bobs, 100_00)
    assert people.balances(alices, bobs) == [0, 100_00]


def test_new_movement_is_dated_by_the_advanced_clock(alices, bobs):
    sandbox.make()
    real = clock.now()
    advance_clock(timedelta(days=40))
    people.transfer(alices, bobs, 1_00)
    settled_at = people.movements(alices)[-1].settled_at
    assert settled_at
    assert settled_at >= real + timedelta(days=40)


def test_cash_ins_of_thirty_days_ago_count_no_more(alice, alices, bobs, settings):
    settings.KYC_LIMITS = LEVELS
    sandbox.make()
    people.transfer(alices, bobs, 100_00)
    User.objects.filter(id=alice.id).update(kyc_level=0)
    with pytest.raises(errors.LimitExceeded):
        people.cash_in(alices, 101_00)
    advance_clock(timedelta(days=30))
    people.cash_in(alices, 101_00)


def test_one_time_password_expires_when_the_clock_is_advanced(alice):
    sandbox.make()
    alice.unverified_phone = "+34600000009"
    alice.save()
    otp.send_code(alice, alice.unverified_phone)
    advance_clock(timedelta(seconds=Otp.LIFETIME_SECONDS))
    with pytest.raises(errors.OtpExpired):
        otp.check_code(alice, "000000")
