"""One person with every role at the bank: no sequence of actions moves money without a second."""

from __future__ import annotations

import sys
from collections import Counter

import pytest
from hypothesis.stateful import initialize

from tests.model.play import play_with_a_new_seed
from tests.support import bank_rules, people, sandbox
from tests.support.one_person import OnePerson
from wallets.models import BankFile, Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.ci]


class OnePersonAtTheBank(bank_rules.AtTheBank, OnePerson):
    """Alice is a superuser with every role, and tries everything at the bank too."""

    @initialize()
    def begin(self) -> None:
        """Each game begins with everything once: as Alice, and as a colleague whom she has made."""
        super().begin()
        self.add_a_member(number=0)
        self.build_file(minor=1_00, who=0)
        self.upload_statement(minor=1_00, who=0)
        self.ask_about_a_line(which=0, who=0, kind="ASSIGN")
        self.ask_for_a_file_back(which=0, who=0)
        for who in range(2):
            for which in range(BankFile.objects.count()):
                self.approve_file(which=which, who=who)
            self.release(which=0, who=who)
            self.answer_about_a_line(which=0, who=who, does=1)
            self.decide(which=0, who=who, does=3)
            self.sign_report(who=who)


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
    """Takes 45 s."""
    play_with_a_new_seed(machine, 40, 40, capsys)
    with capsys.disabled():
        sys.stdout.write(f" {OnePerson.steps} steps: {dict(OnePerson.tally.most_common())} ")
    tried = {name.split()[0] for name in OnePerson.tally}
    assert tried >= {"build", "approve", "upload", "release", "answer", "sign", "ask", "decide"}
