"""One person with every role at the bank: no sequence of actions moves money without a second."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.model.play import play_with_a_new_seed
from tests.support import bank_rules, people, sandbox
from tests.support.one_person import OnePerson
from wallets.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.ci]


class OnePersonAtTheBank(bank_rules.AtTheBank, OnePerson):
    """Alice is a superuser with every role, and tries everything at the bank too."""


@pytest.fixture
def machine(alices: Wallet, bobs: Wallet) -> type[OnePersonAtTheBank]:
    sandbox.make()
    dollars = people.a_wallet(alices.user, "USD")
    people.cash_in(bobs, 50_00)
    people.cash_in(dollars, 50_00)
    bank_rules.make_stage(alices)
    OnePerson.wallets = [alices, bobs, dollars]
    OnePerson.steps, OnePerson.tally = 0, Counter()
    return OnePersonAtTheBank


def test_one_person_moves_no_money_at_the_bank(machine, capsys):
    """Takes 120 s."""
    play_with_a_new_seed(machine, 15, 40, capsys)
    with capsys.disabled():
        sys.stdout.write(f" {OnePerson.steps} steps: {dict(OnePerson.tally.most_common())} ")
    tried = {name.split()[0] for name in OnePerson.tally}
    assert tried >= {"build", "approve", "upload", "release", "answer", "sign", "ask", "decide"}
