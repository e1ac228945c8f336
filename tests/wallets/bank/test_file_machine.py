"""A game with the bank: cash-outs, files, answers, statements and decisions in any sequence agree
with a model of them, and the money of the wallets is in the bank all the time.

Takes 40 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from iocash import errors, money
from tests.support import audited, bank, bank_files, people
from tests.support.approvals import approve, ask
from tests.support.bank_files import build, say, states
from tests.support.camt import Line, Part
from tests.support.cash_outs import end, money_of
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets import posting
from wallets.admin.approvals.money import asked_about
from wallets.bank import decisions, files, safeguarding
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankFile, BankLine, BankOutcome, Movement
from wallets.orders.bank_files import ReturnCashOut
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.users import BlockUser, UnblockUser

pytestmark = [pytest.mark.django_db, pytest.mark.ci]

COUNT, AMOUNT = 5, 10_00
BY_HAND = {
    CancelCashOut: ({"QUEUED"}, "CANCELLED"),
    MarkCashOutSent: ({"QUEUED"}, "BY HAND"),
    SettleCashOut: ({"BY HAND"}, "SUCCESS"),
    RejectCashOut: ({"QUEUED", "BY HAND"}, "ERROR"),
}
"""From which states each order leads, and to which."""
ANSWERS = ("ACCP", "ACSC", "RJCT AC04", "RJCT AM05")
FIRST_DAY = date(2026, 1, 1)
BOTH_HANDS = (ApprovalKind.SETTLE_CASH_OUT, ApprovalKind.REJECT_CASH_OUT)
NUMBERS = st.integers(0, COUNT - 1)
FILES = st.integers(0, 4)


def member_of(by: By) -> Any:
    return get_user_model().objects.get(pk=int(by.actor.removeprefix("staff:")))


class FileGame(RuleBasedStateMachine):
    """Five cash-outs of Alice's; the model is the state of each, and of each file."""

    stage: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.wallet, self.account, (self.builder, self.approver) = FileGame.stage
        self.cash_outs = bank_files.some_cash_outs(self.wallet, *[AMOUNT] * COUNT)
        self.model = ["QUEUED"] * COUNT
        self.files: list[tuple[BankFile, list[int]]] = []
        self.file_states: list[str] = []
        self.is_blocked = False
        self.returned: set[int] = set()
        self.debited: set[int] = set()
        self.suspense: list[tuple[str, int]] = []
        self.credits = 0
        self.closing = 0
        self.messages = 0
        self.iban = bank.an_iban(self.wallet)
        self.add_file([0, 1, 2])

    def teardown(self) -> None:
        assert audited.wrong() == []
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def add_file(self, numbers: list[int]) -> None:
        """Build a file, which has those of these cash-outs that wait in the queue."""
        fitting = [n for n in numbers if self.model[n] == "QUEUED"]
        file = build(self.account, [self.cash_outs[n] for n in numbers], self.builder)
        assert (file.count, file.control_sum) == (len(fitting), AMOUNT * len(fitting))
        self.files.append((file, fitting))
        self.file_states.append("BUILT")
        self.set_states(fitting, "IN A FILE")

    def pick(self, which: int, state: str) -> int:
        """A file; mostly the newest in a state, so that the game gets somewhere."""
        there = [number for number, each in enumerate(self.file_states) if each == state]
        return there[-1] if there and which else which % len(self.files)

    @rule(chosen=st.sets(NUMBERS, min_size=1))
    def build(self, chosen: set[int]) -> None:
        numbers = sorted(chosen)
        fitting = [] if self.is_blocked else [n for n in numbers if self.model[n] == "QUEUED"]
        if not fitting:
            with pytest.raises(errors.InvalidFields):
                build(self.account, [self.cash_outs[n] for n in numbers], self.builder)
            return
        self.add_file(numbers)

    @rule(which=FILES)
    def approve(self, which: int) -> None:
        which = self.pick(which, "BUILT")
        file, numbers = self.files[which]
        if self.file_states[which] != "BUILT":
            with pytest.raises(errors.InvalidFields):
                bank_files.approve(file, self.approver)
            return
        bank_files.approve(file, self.approver)
        self.file_states[which] = "DISCARDED" if self.is_blocked else "APPROVED"
        self.set_states(numbers, "QUEUED" if self.is_blocked else "SENT")

    @rule(which=FILES)
    def discard(self, which: int) -> None:
        which = self.pick(which, "BUILT")
        file, numbers = self.files[which]
        if self.file_states[which] != "BUILT":
            with pytest.raises(errors.InvalidFields):
                files.discard_file(file_id=file.id, reason="Wrong", by=self.builder)
            return
        files.discard_file(file_id=file.id, reason="Wrong", by=self.builder)
        self.file_states[which] = "DISCARDED"
        self.set_states(numbers, "QUEUED")

    @rule(which=FILES)
    def take(self, which: int) -> None:
        which = self.pick(which, "APPROVED")
        file, _numbers = self.files[which]
        if self.file_states[which] in {"BUILT", "DISCARDED"}:
            with pytest.raises(errors.InvalidFields):
                files.take_file(file_id=file.id, by=self.builder)
            return
        files.take_file(file_id=file.id, by=self.builder)
        if self.file_states[which] == "APPROVED":
            self.file_states[which] = "SENT"

    @rule(which=FILES, said=st.lists(st.sampled_from(["", *ANSWERS]), min_size=5, max_size=5))
    def answer(self, which: int, said: list[str]) -> None:
        """The bank says something of some payments; what contradicts an end changes nothing."""
        which = self.pick(which, "SENT")
        file, numbers = self.files[which]
        told = {n: status for n, status in zip(numbers, said, strict=False) if status}
        if not told:
            return
        self.messages += 1
        about = {self.cash_outs[n]: status for n, status in told.items()}
        if self.file_states[which] != "SENT":
            with pytest.raises(Unreadable):
                say(file, payments=about, message_id=f"A{self.messages}")
            return
        for _ in range(2):
            say(file, payments=about, message_id=f"A{self.messages}")
        for n, status in told.items():
            if self.model[n] == "SENT" and status in {"ACSC", "RJCT AC04"}:
                self.model[n] = "SUCCESS" if status == "ACSC" else "ERROR"

    @rule(number=NUMBERS, verb=st.sampled_from([*BY_HAND]))
    def action_by_hand(self, number: int, verb: Any) -> None:
        """Cash-outs in files are refused; a second cancellation changes nothing."""
        allowed, after = BY_HAND[verb]
        values = {"reason": "Closed"} if verb is RejectCashOut else {}
        if self.model[number] in allowed:
            end(verb, self.cash_outs[number], **values)
            self.model[number] = after
        elif not (verb is CancelCashOut and self.model[number] == "CANCELLED"):
            with pytest.raises(errors.Conflict):
                end(verb, self.cash_outs[number], **values)

    @rule(number=NUMBERS)
    def give_back(self, number: int) -> None:
        order = ReturnCashOut(**people.about(self.wallet), movement_id=self.cash_outs[number].id)
        if self.model[number] == "SUCCESS" and number not in self.returned:
            posting.submit(order)
            self.returned.add(number)
            return
        with pytest.raises(errors.Conflict):
            posting.submit(order)

    # What statements bring, and what two people decide

    def receive(self, line: Line) -> bool:
        """Import a statement with a line, and its closing balance; tell whether it is explained.

        It is so old that no later import looks at it again.
        """
        self.messages += 1
        sign = 1 if line.sign == "CRDT" else -1
        opening, amount = self.closing, sign * int(line.amount.replace(".", ""))
        self.closing += amount
        texts = [money.to_text(each, "EUR") for each in (opening, self.closing)]
        day = FIRST_DAY + timedelta(days=self.messages)
        values = {"opening": texts[0], "closing": texts[1], "day": day.isoformat()}
        line = replace(line, reference=f"L{self.messages}", day=day.isoformat())
        bank.receive(line, name=f"S{self.messages}", iban=self.account.iban, **values)
        stored = BankLine.objects.get(reference=line.reference)
        is_explained = BankOutcome.objects.filter(line=stored).exists()
        if not is_explained:
            self.suspense.append((line.reference, amount))
        return is_explained

    @rule(number=NUMBERS)
    def debit(self, number: int) -> None:
        """It settles a sent cash-out, or belongs to one that was settled otherwise; once."""
        fits = self.model[number] in {"SENT", "BY HAND", "SUCCESS"} and number not in self.debited
        part = Part(amount="10.00", end_to_end=self.cash_outs[number].id.hex)
        line = Line(amount="10.00", sign="DBIT", parts=(part,))
        assert self.receive(line) == fits
        if fits:
            self.model[number] = "SUCCESS"
            self.debited.add(number)

    @rule(number=NUMBERS)
    def give_back_by_statement(self, number: int) -> None:
        fits = self.model[number] == "SUCCESS" and number not in self.returned
        end_to_end = self.cash_outs[number].id.hex
        part = Part(amount="10.00", end_to_end=end_to_end, returned="AC04")
        assert self.receive(Line(amount="10.00", parts=(part,))) == fits
        if fits:
            self.returned.add(number)

    @rule(is_known=st.booleans())
    def credit(self, is_known: bool) -> None:
        part = Part(amount="3.00", target=self.iban if is_known else "", remittance="Lunch")
        is_booked = self.receive(Line(amount="3.00", parts=(part,)))
        assert is_booked == (is_known and not self.is_blocked)
        self.credits += 3_00 * is_booked

    @rule(which=FILES, kind=st.sampled_from(["ASSIGN", "IGNORE"]))
    def decide(self, which: int, kind: str) -> None:
        """Two people set a line apart, or assign a credit to the wallet."""
        if not self.suspense:
            return
        which %= len(self.suspense)
        reference, amount = self.suspense[which]
        line = BankLine.objects.select_related("account").get(reference=reference)
        wallet = self.wallet if kind == "ASSIGN" else None
        about = {"by": self.builder, "reason": "Called", "wallet": wallet}
        if kind == "ASSIGN" and amount < 0:
            with pytest.raises(errors.InvalidFields):
                decisions.ask_for_decision(line, kind, **about)
            return
        asked = decisions.ask_for_decision(line, kind, **about)
        if kind == "ASSIGN" and self.is_blocked:
            with pytest.raises(errors.Refused):
                decisions.answer_decision(asked, by=self.approver, is_approved=True)
            decisions.answer_decision(asked, by=self.approver, is_approved=False)
            return
        decisions.answer_decision(asked, by=self.approver, is_approved=True)
        self.credits += amount if kind == "ASSIGN" else 0
        self.suspense.pop(which)

    @rule(number=NUMBERS, kind=st.sampled_from(BOTH_HANDS))
    def end_approved(self, number: int, kind: ApprovalKind) -> None:
        """A member of staff asks for an end of a cash-out that was sent by hand; another agrees."""
        if self.model[number] != "BY HAND":
            return
        movement = Movement.objects.select_related("wallet").get(id=self.cash_outs[number].id)
        texts: dict[str, Any] = {"reason": "Closed"} if kind == ApprovalKind.REJECT_CASH_OUT else {}
        asker, second = (member_of(each) for each in (self.builder, self.approver))
        asked = approve(ask(asked_about(movement, kind, **texts), asker), second)
        assert asked.state == "APPROVED"
        self.model[number] = "SUCCESS" if kind == ApprovalKind.SETTLE_CASH_OUT else "ERROR"

    @invariant()
    def money_of_the_wallets_is_in_the_bank(self) -> None:
        """The equation of safeguarding, with the bank's own balance, and the sum of all lines."""
        (position,) = safeguarding.safeguarding_positions()
        assert position.difference == 0
        assert position.banked == self.closing
        assert [each.is_right for each in position.balances if each.closing is not None] in (
            [True],
            [],
        )

    @rule()
    def block_or_unblock(self) -> None:
        about: dict[str, Any] = {"client_id": self.wallet.client_id, "by": people.BY}
        verb = UnblockUser if self.is_blocked else BlockUser
        reason = "RESOLVED" if self.is_blocked else "OTHER"
        posting.submit(verb(**about, user_id=self.wallet.user_id, reason=reason))
        self.is_blocked = not self.is_blocked

    @invariant()
    def cash_outs_and_files_agree_with_the_model(self) -> None:
        shown = ["SENT" if each == "BY HAND" else each for each in self.model]
        assert states(self.cash_outs) == shown
        gone = self.model.count("SUCCESS") - len(self.returned)
        ended = sum(each in {"SUCCESS", "ERROR", "CANCELLED"} for each in self.model)
        balance = 100_00 + self.credits - AMOUNT * gone
        assert money_of(self.wallet) == (balance, AMOUNT * (COUNT - ended))
        for (file, _), state in zip(self.files, self.file_states, strict=True):
            file.refresh_from_db()
            answered = {"ACCEPTED", "PARTIALLY_ACCEPTED", "REJECTED", "SENT"}
            assert file.state in (answered if state == "SENT" else {state})

    def set_states(self, numbers: list[int], state: str) -> None:
        for number in numbers:
            self.model[number] = state


@pytest.fixture
def stage(client_demo: Any, alices: Any) -> Iterator[None]:
    bank.agree_to_source(client_demo, "BANK")
    account = bank_files.an_account(client_demo)
    bank.receive(name="S0", iban=account.iban, day=str(FIRST_DAY), opening="0.00", closing="0.00")
    FileGame.stage = alices, account, bank_files.two_members()
    yield
    FileGame.stage = None


def test_any_sequence_of_actions_agrees_with_the_model(stage):
    """Takes 40 s."""
    run_state_machine_as_test(
        FileGame,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],  # making an example smaller takes minutes
            suppress_health_check=[*HealthCheck],
        ),
    )
