"""One person with every role, as a machine: what it tries, and what is always true."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from iocash import errors
from iocash.db import clock
from tests.support import people, sandbox, staff
from tests.support.approvals import ask, raise_threshold, seen_now
from tests.support.ibans import IBAN
from users.admin import approved_staff
from users.approvals.deciding import approve_request, refuse_request, withdraw_request
from users.approvals.thresholds import asked_threshold, lower_threshold, threshold_of
from users.models import Approval, Event
from users.models.approvals import CEILINGS, ApprovalKind
from users.models.events import By
from users.staff import members, roles
from wallets import posting
from wallets.admin.approvals.money import asked_about, asked_movement
from wallets.models import Movement, Wallet
from wallets.orders.base import Order
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CashOut, MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.payments import Adjust, CashIn, Reverse

AMOUNTS = st.integers(1, 6_00)
KINDS = st.sampled_from([*CEILINGS])
WALLETS = st.integers(0, 2)
DAY = timedelta(hours=24)


class OnePerson(RuleBasedStateMachine):
    """Alice is a superuser with every role. Whoever she has made or reset does what she wants."""

    wallets: ClassVar[list[Wallet]]
    steps: ClassVar[int] = 0
    tally: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        self.point = transaction.atomic()
        self.point.__enter__()
        self.alice = staff.a_member(*staff.ROLES, name="alice")
        self.alice.is_superuser = True
        self.alice.save()
        honest = staff.a_member(*staff.ROLES, name="honest")
        for kind, minor in ((ApprovalKind.CASH_IN, 10_00), (ApprovalKind.SETTLE_CASH_OUT, 5_00)):
            raise_threshold(kind, minor, self.alice, honest)
        self.captured: list[Any] = []
        self.sent: list[Movement] = []
        self.done: list[tuple[datetime, str, int]] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.point.__exit__(None, None, None)

    # Actions

    def try_to(self, name: str, call: Any) -> Any:
        """What Alice tries; whether it was refused is counted."""
        OnePerson.steps += 1
        try:
            found = call()
        except errors.Refused as refused:
            OnePerson.tally[f"{name} {type(refused).__name__}"] += 1
            return None
        OnePerson.tally[name] += 1
        return found

    def submit(self, kind: ApprovalKind, minor: int, order: Order) -> None:
        """Submit an order; Alice's actions of the last 24 hours must be within its threshold."""
        now = clock.now()
        if self.try_to(type(order).__name__, lambda: posting.submit(order)) is None:
            return
        wallet = Wallet.objects.get(id=order.wallet_id)  # type: ignore[attr-defined]
        self.done.append((now, wallet.currency, minor))
        total = sum(
            amount
            for at, currency, amount in self.done
            if currency == wallet.currency and at > now - DAY
        )
        assert total <= threshold_of(kind, wallet.currency)

    def about(self, number: int) -> dict[str, Any]:
        wallet = self.wallets[number]
        by = By(f"staff:{self.alice.pk}")
        return {"client_id": wallet.client_id, "wallet_id": wallet.id, "by": by}

    def amount(self, number: int, minor: int) -> Any:
        return people.decimal(minor, self.wallets[number].currency)

    @rule(number=WALLETS, minor=AMOUNTS)
    def cash_in(self, number: int, minor: int) -> None:
        order = CashIn(**self.about(number), amount=self.amount(number, minor))
        self.submit(ApprovalKind.CASH_IN, minor, order)

    @rule(number=WALLETS, minor=AMOUNTS, times=st.integers(1, 3))
    def cash_in_by_batch(self, number: int, minor: int, times: int) -> None:
        item = CashIn(**self.about(number), amount=self.amount(number, minor))
        order = Batch(**self.about(number), items=(item,) * times)
        self.submit(ApprovalKind.CASH_IN, minor * times, order)

    @rule(number=WALLETS, minor=AMOUNTS, is_debit=st.booleans())
    def adjust(self, number: int, minor: int, is_debit: bool) -> None:
        amount = self.amount(number, minor)
        order = Adjust(**self.about(number), amount=amount, is_debit=is_debit)
        self.submit(ApprovalKind.ADJUSTMENT, minor, order)

    @rule(number=WALLETS, minor=AMOUNTS)
    def reverse(self, number: int, minor: int) -> None:
        received = Movement.objects.filter(wallet=self.wallets[number], type="CASH_IN").latest("id")
        amount = self.amount(number, minor)
        order = Reverse(**self.about(number), movement_id=received.id, amount=amount)
        self.submit(ApprovalKind.REVERSAL, minor, order)

    @rule(number=WALLETS, minor=AMOUNTS)
    def send_cash_out(self, number: int, minor: int) -> None:
        about = self.about(number) | {"by": people.BY}
        order = CashOut(**about, amount=self.amount(number, minor), iban=IBAN)
        made = self.try_to("CashOut", lambda: posting.submit(order))
        if made:
            posting.submit(MarkCashOutSent(**about, movement_id=made.id))
            self.sent.append(Movement.objects.get(id=made.id))

    @rule(which=st.integers(0, 5), settles=st.booleans())
    def end_cash_out(self, which: int, settles: bool) -> None:
        if not self.sent:
            return
        sent = self.sent[which % len(self.sent)]
        by = By(f"staff:{self.alice.pk}")
        about: dict[str, Any] = {"client_id": sent.client_id, "by": by}
        about |= {"wallet_id": sent.wallet_id, "movement_id": sent.id}
        if settles:
            self.submit(ApprovalKind.SETTLE_CASH_OUT, sent.magnitude, SettleCashOut(**about))
        else:
            order = RejectCashOut(**about, reason="Returned")
            self.submit(ApprovalKind.REJECT_CASH_OUT, sent.magnitude, order)

    # Approvals

    @rule(number=WALLETS, minor=AMOUNTS, kind=st.sampled_from(["CASH_IN", "UP", "DOWN"]))
    def ask_for_movement(self, number: int, minor: int, kind: str) -> None:
        amount = self.amount(number, minor)
        asked = asked_movement(self.wallets[number], kind=kind, amount=amount, concept="x")
        self.try_to("ask", lambda: ask(asked, self.alice))

    @rule(which=st.integers(0, 5))
    def ask_to_settle(self, which: int) -> None:
        if self.sent:
            sent = self.sent[which % len(self.sent)]
            asked = asked_about(sent, ApprovalKind.SETTLE_CASH_OUT)
            self.try_to("ask", lambda: ask(asked, self.alice))

    @rule(kind=KINDS, minor=st.integers(1, 20_00))
    def ask_for_threshold(self, kind: ApprovalKind, minor: int) -> None:
        self.try_to("ask", lambda: ask(asked_threshold(kind, "EUR", minor), self.alice))

    @rule(kind=KINDS, minor=st.integers(0, 20_00))
    def set_threshold(self, kind: ApprovalKind, minor: int) -> None:
        before = threshold_of(kind, "EUR")
        self.try_to("lower", lambda: lower_threshold(kind, "EUR", minor, by=self.alice, reason="x"))
        assert threshold_of(kind, "EUR") <= before

    @rule(which=st.integers(0, 9), who=st.integers(0, 5), does=st.integers(0, 3))
    def decide(self, which: int, who: int, does: int) -> None:
        """Approve most of the time: as Alice, or as somebody whom she controls."""
        waiting = list(Approval.objects.waiting().order_by("id"))
        if not waiting:
            return
        asked = waiting[which % len(waiting)]
        by = [self.alice, *self.captured][who % (1 + len(self.captured))]
        calls = {
            0: lambda: withdraw_request(asked.id, by=by),
            1: lambda: refuse_request(asked.id, by=by, reason="x"),
        }
        approve = lambda: approve_request(asked.id, by=by, seen=seen_now(asked))  # noqa: E731
        self.try_to("decide", calls.get(does, approve))

    @rule(number=st.integers(0, 100))
    def add_a_member(self, number: int) -> None:
        """Make a colleague, as pages never do without an approval, and act as the colleague."""
        names = {"username": f"made {len(self.captured)} {number}"}
        made = members.add_member(names, [*staff.ROLES], by=self.alice)
        self.captured.append(made)

    @rule(who=st.integers(0, 5))
    def promote(self, who: int) -> None:
        if self.captured:
            member = self.captured[who % len(self.captured)]
            roles.give_roles(member, [staff.SUPERVISOR], by=self.alice)
            members.new_link(member, by=self.alice)
            assert not approved_staff.may_make_link(member, self.alice)

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        sandbox.set_clock(clock.now() + timedelta(hours=hours))

    # What is always true

    @invariant()
    def own_requests_are_never_approved(self) -> None:
        approved = Approval.objects.filter(state="APPROVED", asked_by=self.alice.pk)
        assert set(approved.values_list("kind", flat=True)) == {"RAISE_THRESHOLD"}
        assert not Event.objects.filter(data__has_key="approval").exists()
