"""What one person tries at the bank, as rules of a machine: files, uploads, lines, signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support import bank, bank_files, people
from tests.support.approvals import ask
from tests.support.camt import Statement, incoming
from tests.support.cash_outs import a_cash_out
from users.admin.approved_clients import asked_source
from users.models import Approval, Client
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets.admin.approvals.bank_accounts import ask_to_add, ask_to_change, ask_to_close
from wallets.admin.approvals.bank_files import ask_to_take_back
from wallets.admin.approvals.money import asked_about
from wallets.admin.approvals.set_apart import ask_to_set_apart
from wallets.bank import decisions, files, safeguarding_reports, uploads
from wallets.models import (
    BankAccount,
    BankDecision,
    BankFile,
    BankLine,
    BankOutcome,
    BankUpload,
    Movement,
    SafeguardingReport,
    SafeguardingSignature,
    Wallet,
)

WHO, WHICH = st.integers(0, 5), st.integers(0, 9)
STRANGE = "ES7921000813610123456789"


def make_stage(wallet: Wallet) -> None:
    """An account whose source is the bank, two suspense lines, two files of others, and a report.

    One file waits for its approval, and the other one is at the bank.
    """
    client = wallet.client
    account = bank.an_account(client)
    builder, approver = bank_files.two_members()
    for minor in (1_00, 2_00):
        file = bank_files.build(account, bank_files.some_cash_outs(wallet, minor), builder)
        if minor == 1_00:
            bank_files.send(file, approver)
    bank.receive(incoming("3.00", "R1"), incoming("4.00", "R2"), opening="0.00", closing="7.00")
    safeguarding_reports.make_report()


class AtTheBank(RuleBasedStateMachine):
    """The rules and invariants about the bank; `alice` and who is `captured` are one person."""

    wallets: ClassVar[list[Wallet]]
    alice: Any
    captured: list[Any]
    try_to: Callable[[str, Any], Any]

    def member(self, who: int) -> Any:
        """Alice, or somebody whom she controls."""
        return [self.alice, *self.captured][who % (1 + len(self.captured))]

    def actor(self, who: int) -> By:
        return By(f"staff:{self.member(who).pk}")

    def ask_for(self, asked: Any, who: int) -> None:
        self.try_to("ask", lambda: ask(asked(), self.member(who)))

    # Files

    @rule(minor=st.integers(1, 3_00), who=WHO)
    def build_file(self, minor: int, who: int) -> None:
        wallet = Wallet.objects.seen().get(id=self.wallets[1].id)
        if wallet.available < minor:
            return
        cash_out = a_cash_out(wallet, minor)
        account = BankAccount.objects.get()
        self.try_to("build", lambda: bank_files.build(account, [cash_out], self.actor(who)))

    def file(self, which: int) -> BankFile:
        found = list(BankFile.objects.order_by("id"))
        return found[which % len(found)]

    @rule(which=WHICH, who=WHO)
    def approve_file(self, which: int, who: int) -> None:
        file = self.file(which)
        if file.created_by in self.actors():
            self.try_to("approve", lambda: bank_files.approve(file, self.actor(who)))

    @rule(which=WHICH, who=WHO)
    def discard_file(self, which: int, who: int) -> None:
        file = self.file(which)
        discard = files.discard_file
        self.try_to("discard", lambda: discard(file_id=file.id, reason="x", by=self.actor(who)))

    @rule(which=WHICH, who=WHO)
    def take_file(self, which: int, who: int) -> None:
        file = self.file(which)
        self.try_to("take", lambda: files.take_file(file_id=file.id, by=self.actor(who)))

    @rule(which=WHICH, who=WHO)
    def ask_for_a_file_back(self, which: int, who: int) -> None:
        self.ask_for(lambda: ask_to_take_back(self.file(which), {}), who)

    @rule(which=WHICH, who=WHO, settles=st.booleans())
    def ask_to_end_a_payment(self, which: int, who: int, settles: bool) -> None:
        movement = Movement.objects.filter(bank_file=self.file(which)).first()
        kind = ApprovalKind.SETTLE_CASH_OUT if settles else ApprovalKind.REJECT_CASH_OUT
        if movement:
            self.ask_for(lambda: asked_about(movement, kind, reason="x"), who)

    # Uploads

    @rule(minor=st.integers(1, 9_00), who=WHO)
    def upload_statement(self, minor: int, who: int) -> None:
        """A forged credit for the wallet of Bob."""
        amount = str(people.decimal(minor))
        line = incoming(amount, f"F{minor}", remittance=f"to {self.wallets[1].id}")
        name = str(uuid4())
        content = Statement(lines=(line,), name=name, opening="7.00", closing="7.00").xml()
        self.upload(content, "STATEMENT", who)

    @rule(which=WHICH, who=WHO, status=st.sampled_from(["ACSC", "RJCT AC04"]))
    def upload_answer(self, which: int, who: int, status: str) -> None:
        """A forged answer to a file."""
        message = uuid4().hex
        content = bank_files.an_answer(self.file(which), group=status, message_id=message)
        self.upload(content, "ANSWER", who)

    def upload(self, content: bytes, kind: str, who: int) -> None:
        store = uploads.store_upload
        self.try_to("upload", lambda: store(content, kind=kind, name="x", by=self.actor(who)))

    @rule(which=WHICH, who=WHO)
    def release(self, which: int, who: int) -> None:
        found = list(BankUpload.objects.order_by("id"))
        if found:
            upload, by = found[which % len(found)], self.actor(who)
            call = uploads.release_upload
            self.try_to("release", lambda: call(upload, sha256=upload.hash, by=by))

    # Lines, movements, accounts, sources and reports

    @rule(which=st.integers(0, 1), who=WHO, kind=st.sampled_from(["ASSIGN", "RETURN", "IGNORE"]))
    def ask_about_a_line(self, which: int, who: int, kind: str) -> None:
        line = BankLine.objects.select_related("account").order_by("id")[which]
        values: dict[str, Any] = {"wallet": self.wallets[1]} if kind == "ASSIGN" else {}
        ask_about = decisions.ask_for_decision
        self.try_to(
            "ask about", lambda: ask_about(line, kind, by=self.actor(who), reason="x", **values)
        )

    @rule(which=WHICH, who=WHO, does=st.integers(0, 3))
    def answer_about_a_line(self, which: int, who: int, does: int) -> None:
        found = list(BankDecision.objects.order_by("id"))
        if found:
            decision, by = found[which % len(found)], self.actor(who)
            answer = decisions.answer_decision
            self.try_to("answer", lambda: answer(decision, by=by, is_approved=does > 0))

    @rule(which=WHICH, who=WHO)
    def ask_to_set_apart(self, which: int, who: int) -> None:
        rows = Movement.objects.filter(counterparty=None).select_related("wallet__user")
        movement = list(rows.order_by("id")[:10])[which % min(10, rows.count())]
        values = {"pair": None, "why": "OTHER"}
        self.ask_for(lambda: ask_to_set_apart(movement, values), who)

    @rule(who=WHO, does=st.integers(0, 2))
    def ask_about_an_account(self, who: int, does: int) -> None:
        account = BankAccount.objects.get()
        about = {name: getattr(account, name) for name in ("bic", "holder_name", "booked_by")}
        clients: dict[str, Any] = {"clients": [] if does == 1 else [*account.clients.all()]}
        facts = {"currency": "EUR", "purpose": "SAFEGUARDING", "iban": STRANGE, "key": uuid4()}
        asks = {
            0: lambda: ask_to_add(None, about | clients | facts),
            1: lambda: ask_to_change(account, about | clients),
            2: lambda: ask_to_close(account, {}),
        }
        self.ask_for(asks[does], who)

    @rule(who=WHO)
    def ask_for_another_source(self, who: int) -> None:
        client = self.wallets[0].client
        self.ask_for(lambda: asked_source(client, {"cash_ins": "API"}), who)

    @rule(who=WHO)
    def sign_report(self, who: int) -> None:
        report = SafeguardingReport.objects.get()
        sign = safeguarding_reports.sign_report
        self.try_to("sign", lambda: sign(report, self.actor(who)))

    # What is always true

    def actors(self) -> list[str]:
        return [f"staff:{each.pk}" for each in (self.alice, *self.captured)]

    @invariant()
    def one_person_does_nothing_at_the_bank(self) -> None:
        mine = self.actors()
        ended = BankFile.objects.filter(created_by__in=mine).exclude(
            state__in=["BUILT", "DISCARDED"]
        )
        assert not ended.exists()
        assert not BankUpload.objects.filter(is_released=True).exists()
        assert not BankDecision.objects.filter(is_approved=True).exists()
        assert not BankOutcome.objects.exists()
        assert {*BankLine.objects.values_list("reference", flat=True)} == {"R1", "R2"}
        assert SafeguardingSignature.objects.count() <= 1
        account = BankAccount.objects.get()
        assert (account.is_open, account.approval_id) == (True, None)
        assert [each.pk for each in account.clients.all()] == [self.wallets[0].client_id]
        assert Client.objects.get(pk=self.wallets[0].client_id).cash_ins == "BANK"
        people_asked = [each.pk for each in (self.alice, *self.captured)]
        own = Approval.objects.filter(state="APPROVED", asked_by__in=people_asked)
        assert {*own.values_list("kind", flat=True)} <= {"RAISE_THRESHOLD"}
        sent = Movement.objects.filter(sent_at__isnull=False, bank_file__isnull=False)
        assert [each.status for each in sent] == ["PENDING"]
