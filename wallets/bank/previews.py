"""What an uploaded file would do, before anybody releases it. Nothing is written or locked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from wallets.bank import booking, importing, matching, openings
from wallets.bank.answers import ends_by_report
from wallets.bank.messages import camt, pain002
from wallets.bank.messages.camt import ReadStatement
from wallets.bank.repeated import new_and_known
from wallets.models import BankAccount, BankFile, BankLine, BankPayment
from wallets.models.bank_lines import Suspense
from wallets.orders.bank_lines import ExplainLine

SHOWN: Final = 20
"""The most lines of an effect, and wallets, that are shown; all are counted."""


@dataclass(slots=True)
class Effects:
    """How many lines of a file do what, and their sums in minor units by wallet or kind."""

    credited: dict[tuple[UUID, str], int] = field(default_factory=lambda: defaultdict(int))
    """What wallets would get by cash-ins and returns, by wallet and currency."""
    counts: Counter[str] = field(default_factory=Counter)
    """The number of lines by their effect."""
    sums: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The sums, by effect and currency."""
    lines: dict[str, list[BankLine]] = field(default_factory=lambda: defaultdict(list))
    """The first lines of each effect."""

    def add(self, effect: str, amount: int, currency: str) -> None:
        self.counts[effect] += 1
        self.sums[effect, currency] += amount


@dataclass(frozen=True, slots=True)
class StatementPreview:
    """The statements of a file, and what its new lines would do."""

    statements: Sequence[ReadStatement]
    known: int
    effects: Effects


@dataclass(frozen=True, slots=True)
class AnswerPreview:
    """The file that an answer is about, and what would end, in its currency."""

    file: BankFile | None
    effects: Effects


def preview_statements(content: bytes) -> StatementPreview:
    """What a file with statements would do now.

    Raises:
        Unreadable: it can't be imported.
    """
    statements, effects = camt.read_statements(content), Effects()
    importing.require_past(statements)
    rows = BankAccount.objects.prefetch_related("clients")
    accounts = importing.accounts_of(statements, rows)
    known = 0
    for statement, each in importing.by_day(statements, None, accounts):
        openings.require_opening_kept(statement)
        if not importing.brings_lines(statement):
            continue
        new, found = new_and_known(statement, each.entries)
        lines = importing.lines_of_entries(statement, new)
        known += len(found)
        add_effects(effects, lines)
    return StatementPreview(statements, known, effects)


def add_effects(effects: Effects, lines: Sequence[BankLine]) -> None:
    """Count what lines would do; those in suspense do nothing before two people decide."""
    for place in range(0, len(lines), booking.BATCH):
        batch = lines[place : place + booking.BATCH]
        for line, answer in zip(batch, matching.match(batch), strict=True):
            effect = "suspense" if line.reason else effect_of(answer)
            effects.add(effect, line.amount, line.currency)
            if len(effects.lines[effect]) < SHOWN:
                effects.lines[effect].append(line)
            if effect in {"cash-in", "return"} and isinstance(answer, ExplainLine):
                effects.credited[answer.wallet_id, line.currency] += line.amount


def effect_of(answer: matching.Answer) -> str:
    """What the answer to a line does: `cash-in`, `settle`, `return`, `match` or `suspense`."""
    if isinstance(answer, Suspense):
        return "suspense"
    if answer.movement_id is None:
        return "cash-in"
    if answer.returns:
        return "return"
    return "settle" if answer.settles else "match"


def preview_answer(content: bytes) -> AnswerPreview:
    """What an answer to a bank file would do now: which payments it settles and rejects.

    Raises:
        Unreadable: it can't be read.
    """
    said, effects = pain002.read_report(content), Effects()
    file = BankFile.objects.filter(message_id=said.original_id).first()
    payments = list(BankPayment.objects.of(file)) if file else []
    for payment, status in ends_by_report(payments, said):
        effect = "settle" if status.is_settled else "reject"
        effects.add(effect, payment.amount, payment.currency)
    return AnswerPreview(file, effects)
