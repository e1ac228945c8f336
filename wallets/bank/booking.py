"""Book the stored lines of statements: match them in batches, and submit their orders.

A line is booked once whatever happens: its order writes the movement and the outcome in one
transaction. Any number of processes may book the same lines.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from iocash import errors
from iocash.db import clock
from wallets import posting
from wallets.bank.matching import Answer, match
from wallets.models import BankAccount, BankDecision, BankLine, BankOutcome
from wallets.models.bank_lines import Suspense
from wallets.orders.base import Result

log = logging.getLogger(__name__)

BATCH: Final = 200
"""The most lines that are matched together; 50 orders share a transaction."""

RETRIED: Final = (
    Suspense.NO_WALLET,
    Suspense.NO_CASH_OUT,
    Suspense.NO_CASH_IN,
    Suspense.BOOKED_BEFORE,
    Suspense.NOT_SENT,
    Suspense.RETURNED,
    Suspense.WALLET_NOT_READY,
    Suspense.USER_NOT_ACTIVE,
    Suspense.LIMIT,
    Suspense.REFUSED,
)
"""The reasons that can pass: the lines are looked at again, unless staff are deciding."""

RETRIED_DAYS: Final = 30
MOST_RETRIED: Final = 2_000
"""The most lines of one account that are looked at again together. If it has more, they are chosen
at random, so each has its turn within some hours."""

FOLLOWING: Final = (Suspense.RETURNED, Suspense.ENDED)
"""The reasons that can be of a line whose cash-out another line of the batch has just settled."""

BOOKED: Final = "booked"
REASONS: Final = {each.value: each for each in Suspense}


def book(accounts: Iterable[BankAccount] | None = None) -> Counter[str]:
    """Book all lines that nobody has looked at; of some accounts, or of all.

    Return how many lines have which outcome, or which reason for none. It ends when none is left,
    or when a batch has made no progress because the database refuses work.
    """
    total: Counter[str] = Counter()
    while batch := new_lines(accounts):
        counted = book_lines(batch)
        total += counted
        if not counted:
            break
    return total


def new_lines(accounts: Iterable[BankAccount] | None) -> list[BankLine]:
    """The next batch of lines that nobody has looked at."""
    lines = BankLine.objects.filter(is_open=True, reason="").select_related("account")
    if accounts is not None:
        lines = lines.filter(account__in=accounts)
    return list(lines.prefetch_related("account__clients").order_by("account", "id")[:BATCH])


def retry(accounts: Iterable[BankAccount] | None = None) -> Counter[str]:
    """Look again at the lines in suspense whose reason can have passed."""
    since = clock.today() - timedelta(days=RETRIED_DAYS)
    deciding = BankDecision.objects.open().filter(line=OuterRef("pk"))
    lines = BankLine.objects.unexplained().filter(
        ~Exists(deciding), reason__in=RETRIED, booking_date__gte=since
    )
    total: Counter[str] = Counter()
    for account in BankAccount.objects.all() if accounts is None else accounts:
        rows = lines.filter(account=account).order_by("?").values_list("id", flat=True)
        chosen = lines.filter(id__in=list(rows[:MOST_RETRIED]))
        found = chosen.select_related("account").prefetch_related("account__clients")
        for batch in batches(found.order_by("booking_date", "id")):
            total += book_lines(batch)
    return total


def batches(lines: Iterable[BankLine]) -> Iterator[Sequence[BankLine]]:
    rows = list(lines)
    yield from (rows[first : first + BATCH] for first in range(0, len(rows), BATCH))


def has_more_new_lines(accounts: Iterable[BankAccount], most: int) -> bool:
    """Whether more lines of these accounts than `most` wait to be looked at."""
    lines = BankLine.objects.filter(is_open=True, reason="", account__in=accounts)
    return lines[: most + 1].count() > most


def book_lines(lines: Sequence[BankLine]) -> Counter[str]:
    """Match and post a batch of lines, and note why the others are in suspense.

    A line can be about a cash-out that another line of the batch settles, as its return is. Such
    lines are looked at a second time.
    """
    counted, following = book_once(lines)
    if not counted[BOOKED] or not following:
        return counted
    first = Counter(line.reason for line in following)
    again, _ = book_once(following)
    return counted - first + again


def book_once(lines: Sequence[BankLine]) -> tuple[Counter[str], list[BankLine]]:
    """Book lines; return how many have which outcome or reason, and those to look at again.

    A line that another process has explained is closed. What the database could not do is left as
    it was, and not counted.
    """
    close_lines(lines)
    answers = dict(zip(lines, match(lines), strict=True))
    orders = {line: each for line, each in answers.items() if not isinstance(each, Suspense)}
    results = dict(zip(orders, posting.submit_each([*orders.values()]), strict=True))
    counted: Counter[str] = Counter()
    reasons: dict[Suspense, list[BankLine]] = {}
    for line, answer in answers.items():
        reason = reason_for_suspense(answer, results.get(line))
        if reason is None:
            continue
        if reason is Suspense.NEW:
            counted[BOOKED] += 1
        else:
            counted[reason.value] += 1
            reasons.setdefault(reason, []).append(line)
            line.reason = reason.value
    for reason, some in reasons.items():
        note_reason(some, reason)
    close_lines(orders)
    return counted, [line for reason in FOLLOWING for line in reasons.get(reason, ())]


def reason_for_suspense(answer: Answer, result: Result | None) -> Suspense | None:
    """Why a line is in suspense; NEW: it is explained; None: it is to be tried again."""
    if isinstance(answer, Suspense):
        return answer
    if not isinstance(result, errors.Refused):
        return Suspense.NEW
    if isinstance(result, errors.Unavailable):
        return None
    if isinstance(result, errors.IdempotencyKeyReused):
        return Suspense.TAKEN
    return REASONS.get(result.code, Suspense.REFUSED)


def note_reason(lines: Iterable[BankLine], reason: Suspense) -> None:
    """Note why lines are in suspense, unless they are explained."""
    explained = BankOutcome.objects.filter(line=OuterRef("pk"))
    ids = [line.id for line in lines]
    rows = BankLine.objects.filter(~Exists(explained), id__in=ids, is_open=True)
    with transaction.atomic():
        BankLine.objects.locked_in_order(ids)
        rows.exclude(reason=reason.value).update(reason=reason.value)


def close_lines(lines: Iterable[BankLine]) -> None:
    """Take lines that have an outcome out of the index of open lines."""
    ids = [line.id for line in lines]
    explained = BankOutcome.objects.filter(line=OuterRef("pk"))
    rows = BankLine.objects.filter(Q(Exists(explained)), id__in=ids, is_open=True)
    with transaction.atomic():
        BankLine.objects.locked_in_order(ids)
        rows.update(is_open=False)
