"""The head of a user's page: totals, limits, missing documents, and what waits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, CharField, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.history import actor_in_words, names_of
from users.kyc import Kind
from users.models import Event, KycDocument, User
from users.models.events import EventKind
from wallets import compliance
from wallets.admin.wording import REASONS, amount_in_words
from wallets.compliance import Compliance, Requirement
from wallets.models import Hold, Movement, Wallet

MOST_WALLETS: Final = 20
"""The most wallets that the page shows: the open ones first."""

MOST_WAITING: Final = 99
"""The highest number that is shown; above it, "99+"."""

HOLDS, CASH_OUTS, DOCUMENTS = "holds", "cash_outs", "documents"
CLOSED: Final = Wallet.Status.UNSUBSCRIBED
STATUSES: Final = {
    User.Status.CREATED: _("Phone not verified"),
    User.Status.VERIFIED: _("Phone verified"),
    User.Status.ACTIVATED: _("Active"),
    User.Status.BLOCKED: _("Blocked"),
    User.Status.UNSUBSCRIBED: _("Closed"),
}
KINDS: Final = {User.Kind.NATURAL: _("Person"), User.Kind.JURIDICAL: _("Company")}
LIMITS: Final = (
    ("balance", _("Balance")),
    ("cash_in", _("Cash-ins in 30 days")),
    ("cash_out", _("Payments out in 30 days")),
)
STATES: Final = {
    "MISSING": _("missing"),
    "PENDING": _("waits for review"),
    "REJECTED": _("rejected"),
    "EXPIRED": _("expired"),
    "APPROVED": _("approved"),
}


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """The money of all wallets in one currency, in minor units."""

    currency: str
    balance: int
    held: int

    @property
    def available(self) -> int:
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class LimitBar:
    """How much of a limit is used."""

    name: Any
    used: int
    limit: int | None
    currency: str

    @property
    def percent(self) -> int:
        """From 0 to 100; a limit of zero is used up."""
        if not self.limit:
            return 100
        return max(0, min(100, self.used * 100 // self.limit))

    @property
    def is_used_up(self) -> bool:
        return self.limit is not None and self.used >= self.limit

    @property
    def words(self) -> str:
        used = amount_in_words(self.used, self.currency)
        if self.limit is None:
            return gettext("%(used)s used; no limit") % {"used": used}
        values = {
            "used": used,
            "limit": amount_in_words(self.limit, self.currency),
            "left": amount_in_words(max(0, self.limit - self.used), self.currency),
            "percent": self.percent,
        }
        return gettext("%(used)s of %(limit)s used (%(percent)s %%); %(left)s left") % values


@dataclass(frozen=True, slots=True)
class MissingDocument:
    """A document that the next level needs and that is not approved."""

    name: str
    state: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """Who blocked a user, why and when."""

    who: str
    reason: Any
    at: datetime


@dataclass(slots=True)
class Profile:
    """What the head shows. What the member of staff may not see is empty or None."""

    user: User
    standing: Compliance
    wallets: list[Wallet] = field(default_factory=list)
    has_more_wallets: bool = False
    totals: list[CurrencyTotal] | None = None
    bars: list[tuple[str, list[LimitBar]]] | None = None
    missing: list[MissingDocument] | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    block: Block | None = None

    @property
    def status(self) -> Any:
        return STATUSES[User.Status(self.user.status)]

    @property
    def has_documents(self) -> bool:
        """Whether there is something to see on the review page."""
        sent = [each for each in self.standing.requirements if each.status != "MISSING"]
        is_open = self.user.status != User.Status.UNSUBSCRIBED
        return is_open and bool(sent or self.standing.name_change)

    @property
    def kind(self) -> Any:
        return KINDS[User.Kind(self.user.kind)]


def read_profile(request: HttpRequest, user: User) -> Profile:
    """Read the head: the KYC status in one trip, and two more statements.

    Of a blocked user, at most two more: its last block, and the name of who did it.
    """
    may = request.user.has_perm
    standing = compliance.of(user.client_id, user.id)
    found = Profile(user, standing, block=last_block(user))
    if may("wallets.view_wallet"):
        wallets = list(wallets_of(user)[: MOST_WALLETS + 1])
        found.has_more_wallets = len(wallets) > MOST_WALLETS
        found.wallets = wallets[:MOST_WALLETS]
        found.totals = list(totals(found.wallets))
        if may("wallets.view_movement"):
            owned = {wallet.currency for wallet in wallets}
            found.bars = list(limit_bars(standing, owned))
    if may("users.view_review"):
        found.missing = list(missing_documents(standing))
    found.waiting = count_waiting(request, user, found.wallets)
    return found


def last_block(user: User) -> Block | None:
    """The block of a user that is blocked; the timeline shows it to the same members of staff."""
    if user.status != User.Status.BLOCKED:
        return None
    blocks = Event.objects.about(user.pk).filter(kind=EventKind.USER_BLOCKED)
    event = blocks.order_by("-position").first()
    if event is None:
        return None
    code = event.data.get("reason", "")
    who = actor_in_words(event.actor, names_of({event.actor}))
    return Block(who, REASONS.get(code, code), event.created_at)


def wallets_of(user: User) -> QuerySet[Wallet]:
    """The user's wallets, the closed ones last."""
    is_closed = Case(When(status=CLOSED, then=1), default=0)
    return Wallet.objects.seen().filter(user=user).order_by(is_closed, "created_at", "id")


def totals(wallets: Sequence[Wallet]) -> Iterator[CurrencyTotal]:
    """The totals of each currency of an open wallet."""
    for currency in sorted({each.currency for each in wallets if each.status != CLOSED}):
        own = [each for each in wallets if each.currency == currency]
        yield CurrencyTotal(
            currency, sum(each.balance for each in own), sum(each.held_now for each in own)
        )


def limit_bars(
    standing: Compliance, currencies: Collection[str]
) -> Iterator[tuple[str, list[LimitBar]]]:
    """The bars of each of these currencies that has limits."""
    for each in standing.allowances:
        if each.currency not in currencies:
            continue
        limits = [
            (label, getattr(each, name), getattr(each.limits, name)) for name, label in LIMITS
        ]
        if any(limit is not None for _, _, limit in limits):
            yield each.currency, [LimitBar(*values, each.currency) for values in limits]


def missing_documents(standing: Compliance) -> Iterator[MissingDocument]:
    for each in standing.requirements:
        if standing.next_level and each.level <= standing.next_level and not each.is_met:
            yield MissingDocument(requirement_name(each), STATES[each.status], each.reason)


def requirement_name(requirement: Requirement) -> str:
    return next(str(kind.label) for kind in Kind if kind.path == requirement.path)


def count_waiting(request: HttpRequest, user: User, wallets: Sequence[Wallet]) -> dict[str, str]:
    """How many documents, open holds and pending cash-outs wait, in one statement."""
    may, ids = request.user.has_perm, [wallet.id for wallet in wallets]
    asked: dict[str, QuerySet[Any]] = {}
    if may("users.view_review"):
        asked[DOCUMENTS] = KycDocument.objects.of(user).waiting()
    if ids and may("wallets.view_hold"):
        asked[HOLDS] = Hold.objects.filter(wallet__in=ids).standing(Hold.Status.OPEN)
    if ids and may("wallets.view_movement"):
        pending = Movement.objects.filter(wallet__in=ids)
        asked[CASH_OUTS] = pending.filter(status=Movement.Status.PENDING)
    return count_each(asked)


def count_each(asked: dict[str, QuerySet[Any]]) -> dict[str, str]:
    """The numbers of rows, up to `MOST_WAITING`; names without rows are left out."""
    if not asked:
        return {}
    first, *others = [
        rows.order_by()
        .annotate(counted=Value(name, CharField()))
        .values_list("counted", flat=True)[: MOST_WAITING + 1]
        for name, rows in asked.items()
    ]
    names = list(first.union(*others, all=True) if others else first)
    numbers = {name: names.count(name) for name in asked}
    return {
        name: f"{MOST_WAITING}+" if number > MOST_WAITING else str(number)
        for name, number in numbers.items()
        if number
    }
