"""Any life of a user: what is refused, what is told and what moves is what the model says."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.model.play import play, play_with_a_new_seed
from tests.model.user_money_rules import MoneyMachine
from tests.model.user_state import MOST_WALLETS, SETTINGS
from tests.support import people
from tests.support.people import Api

pytestmark = pytest.mark.django_db

OUTCOMES = {
    "create": "done already_exists otp_too_soon",
    "change": "done already_exists not_found otp_too_soon user_not_active",
    "request_otp": "done already_verified otp_too_soon",
    "validate_otp": "done already_exists already_verified invalid_otp otp_expired otp_tried_out",
    "block": "done invalid_transition",
    "unblock": "done invalid_transition",
    "unsubscribe": "done wallet_not_empty",
    "erase": "done invalid_transition",
    "send": "done already_exists user_not_active",
    "approve": "done invalid_transition",
    "reject": "done invalid_transition",
    "look": "done not_found",
    "open_wallet": "done wallet_limit_reached user_not_active user_not_found",
    "block_wallet": "done invalid_transition",
    "unblock_wallet": "done invalid_transition",
    "close_wallet": "done wallet_not_empty",
    "cash_in": "done limit_exceeded not_found user_not_active wallet_not_ready",
    "transfer": (
        "done insufficient_funds limit_exceeded target_wallet_not_found user_not_active"
        " wallet_not_ready"
    ),
    "hold": "done insufficient_funds target_wallet_not_found user_not_active wallet_not_ready",
    "execute": "done hold_not_open limit_exceeded user_not_active wallet_not_ready",
    "release": "done hold_not_open",
    "cash_out": "done insufficient_funds limit_exceeded user_not_active wallet_not_ready",
    "settle": "done movement_not_pending",
    "reject_cash_out": "done movement_not_pending",
    "expire": "level 0,level 1,level 2",
}
"""Everything that may come of every rule; some of it seldom does."""


@pytest.fixture
def machine(codes, clock, staff, settings, one_person_acts):
    """The machine with its clients, staff and limits; what it did is counted anew."""
    settings.KYC_LIMITS, settings.MAX_WALLETS_PER_USER = SETTINGS, MOST_WALLETS
    MoneyMachine.codes, MoneyMachine.clock, MoneyMachine.staff = codes, clock, staff
    clients = {name: people.a_client(name.title()) for name in ("demo", "another")}
    MoneyMachine.clients = {name: client.id for name, client in clients.items()}
    MoneyMachine.apis = {name: Api(people.a_key(client)) for name, client in clients.items()}
    MoneyMachine.steps, MoneyMachine.tally = 0, Counter()
    return MoneyMachine


@pytest.mark.slow
def test_users_behave_as_the_model(machine, capsys):
    play(machine, 4, 60, derandomize=True)
    with capsys.disabled():
        sys.stdout.write(f" {machine.steps} steps ")
    assert machine.steps >= 150


@pytest.mark.ci
def test_users_behave_as_the_model_in_more_games(machine):
    """Takes 15 s."""
    play(machine, 8, 60, derandomize=True)
    assert machine.steps >= 300


@pytest.mark.long
def test_users_behave_as_the_model_in_long_runs(machine, capsys):
    """Takes a minute or two."""
    play_with_a_new_seed(machine, 60, 120, capsys)
    with capsys.disabled():
        sys.stdout.write(f" {machine.steps} steps: {dict(sorted(machine.tally.items()))} ")
    expected = {
        (name, outcome)
        for name, outcomes in OUTCOMES.items()
        for outcome in outcomes.split("," if name == "expire" else None)
    }
    assert not {*machine.tally} - expected, "something else came of a rule"
    assert {name for name, _ in machine.tally} == OUTCOMES.keys()
    assert len(machine.tally) > len(expected) * 3 / 4, "too much never happened"
