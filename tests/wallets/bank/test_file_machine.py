"""A game with files: cash-outs, files and answers in any sequence agree with a model of them.

Takes 20 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from iocash import errors
from tests.support import audited, bank_files, people
from tests.support.bank_files import build, say, states
from tests.support.cash_outs import end, money_of
from wallets import posting
from wallets.bank import files
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankFile
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
NUMBERS = st.integers(0, COUNT - 1)
FILES = st.integers(0, 4)


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
        self.messages = 0
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
    def act_by_hand(self, number: int, verb: Any) -> None:
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
        assert money_of(self.wallet) == (100_00 - AMOUNT * gone, AMOUNT * (COUNT - ended))
        for (file, _), state in zip(self.files, self.file_states, strict=True):
            file.refresh_from_db()
            answered = {"ACCEPTED", "PARTIALLY_ACCEPTED", "REJECTED", "SENT"}
            assert file.state in (answered if state == "SENT" else {state})

    def set_states(self, numbers: list[int], state: str) -> None:
        for number in numbers:
            self.model[number] = state


@pytest.fixture
def stage(client_demo: Any, alices: Any) -> Iterator[None]:
    FileGame.stage = alices, bank_files.an_account(client_demo), bank_files.two_members()
    yield
    FileGame.stage = None


def test_any_sequence_of_acts_agrees_with_the_model(stage):
    """Takes 20 s."""
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
