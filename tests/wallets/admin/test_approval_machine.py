"""One person with every role: whatever this person does, and in any sequence, no money moves above
a threshold without a second person."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.model.play import play, play_with_a_new_seed
from tests.support import people, sandbox
from tests.support.one_person import OnePerson
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine(alices: Wallet, bobs: Wallet) -> type[OnePerson]:
    sandbox.make()
    dollars = people.a_wallet(alices.user, "USD")
    people.cash_in(bobs, 50_00)
    people.cash_in(dollars, 50_00)
    OnePerson.wallets = [alices, bobs, dollars]
    OnePerson.steps, OnePerson.tally = 0, Counter()
    return OnePerson


@pytest.mark.slow
def test_one_person_moves_no_money_above_a_threshold(machine, capsys):
    play(machine, 6, 40, derandomize=True)
    assert machine.steps >= 60


@pytest.mark.ci
def test_one_person_moves_no_money_above_a_threshold_in_many_games(machine, capsys):
    """Takes 60 s."""
    play_with_a_new_seed(machine, 40, 50, capsys)
    with capsys.disabled():
        sys.stdout.write(f" {machine.steps} steps: {dict(machine.tally.most_common())} ")
    assert machine.steps >= 600


@pytest.mark.long
def test_one_person_moves_no_money_above_a_threshold_in_long_games(machine, capsys):
    """Takes several minutes."""
    play_with_a_new_seed(machine, 400, 80, capsys)
    assert machine.steps >= 10_000
