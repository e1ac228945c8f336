"""The queue of payments out: which cash-outs it shows, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.db.models import Count, Q, Sum, TextChoices
from django.http import QueryDict
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import money
from iocash.db import clock
from users.models import Client, User
from users.models.ids import as_id
from users.models.searches import compact
from wallets.admin.facts import said
from wallets.admin.states import IN_A_FILE, SENT, TO_SEND, state_of
from wallets.models import Movement, Wallet
from wallets.models.movement_querysets import MovementQuerySet

PAGE: Final = 100
"""Rows of a page."""
MOST: Final = 500
"""The most cash-outs of one bulk action."""
MOST_COUNTED: Final = 2_000
"""Above it, what matches is neither counted nor added up."""
MOST_OWNERS: Final = 100
"""The most owners whose cash-outs a name finds."""


class QueueState(TextChoices):
    """The tabs."""

    TO_SEND = "to-send", TO_SEND
    IN_A_FILE = "in-a-file", IN_A_FILE
    SENT = "sent", SENT
    SETTLED = "settled", _("Settled")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")


PENDING: Final = frozenset({QueueState.TO_SEND, QueueState.IN_A_FILE, QueueState.SENT})
"""The states that wait for staff: the oldest first, and counted."""


class FilterForm(forms.Form):
    """The filters of the queue, as they are in its address."""

    q = forms.CharField(label=_("Name, IBAN or id"), required=False, max_length=100)
    client = forms.ModelChoiceField(
        Client.objects.order_by("name"),
        label=_("Client"),
        required=False,
        empty_label=_("All clients"),
    )
    currency = forms.ChoiceField(
        label=_("Currency"),
        required=False,
        choices=[("", _("All")), *((code, code) for code in money.currencies())],
    )
    days = forms.TypedChoiceField(
        label=_("Waiting for"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("Any time")),
            (1, _("1 day or more")),
            (2, _("2 days or more")),
            (3, _("3 days or more")),
            (7, _("7 days or more")),
        ],
    )
    state = forms.ChoiceField(choices=QueueState.choices, required=False, widget=forms.HiddenInput)
    after = forms.UUIDField(required=False, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class Queue:
    """A tab of the queue with its filters, from the row `after` on."""

    state: str = QueueState.TO_SEND
    q: str = ""
    client: Client | None = None
    currency: str = ""
    days: int | None = None
    after: UUID | None = None
    may_see_users: bool = False
    """Whether `q` can be the name of an owner."""

    @property
    def address(self) -> str:
        """The address of the page, with its filters."""
        return f"{reverse('admin:payments-out')}?{self.query}"

    @property
    def query(self) -> str:
        """The filters, as `read_queue` reads them."""
        client = self.client.id if self.client else None
        values = {
            "state": self.state,
            "q": self.q,
            "client": client,
            "currency": self.currency,
            "days": self.days,
            "after": self.after,
        }
        given = {name: value for name, value in values.items() if value}
        return urlencode(given)

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING

    @property
    def is_filtered(self) -> bool:
        return bool(self.q.strip() or self.client or self.currency or self.days)

    def matching(self) -> MovementQuerySet:
        """All that matches, in the order of the list, from the first row on."""
        found = TABS[self.state](Movement.objects.all())
        if self.client:
            found = found.filter(client=self.client)
        if self.currency:
            found = found.filter(currency=self.currency)
        if self.days:
            found = found.filter(created_at__lte=clock.now() - timedelta(days=self.days))
        if words := self.q.strip():
            found = found.filter(with_words(words, may_see_users=self.may_see_users))
        if self.is_pending:
            return found.order_by("created_at", "id")
        return found.order_by("-created_at", "-id") if words else found.order_by("-id")

    def rows(self) -> Sequence[Movement]:
        """The rows of the page, and one more if there is another page."""
        found = self.matching().select_related("wallet__user", "client")
        if self.after:
            found = found.filter(self.behind(self.after))
        return list(found[: PAGE + 1])

    def behind(self, last: UUID) -> Q:
        """The rows after the last one of a page, in the order of `matching`."""
        if not (self.is_pending or self.q.strip()):
            return Q(id__lt=last)
        found = Movement.objects.filter(id=last).values_list("created_at", flat=True)
        at = found.first()
        if at is None:
            return Q(pk__in=[])
        if self.is_pending:
            return Q(created_at__gte=at) & (Q(created_at__gt=at) | Q(id__gt=last))
        return Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(id__lt=last))

    def first_ids(self, most: int) -> list[UUID]:
        """The ids of the first cash-outs that match, at most `most`."""
        return list(self.matching().values_list("id", flat=True)[:most])

    def to(self, **changes: Any) -> Queue:
        """The same filters, from the first row on, with changes."""
        return replace(self, **({"after": None} | changes))


TABS: Final[Mapping[str, Callable[[MovementQuerySet], MovementQuerySet]]] = {
    QueueState.TO_SEND: lambda found: found.to_send(),
    QueueState.IN_A_FILE: lambda found: found.in_a_file(),
    QueueState.SENT: lambda found: found.pending_cash_outs(is_sent=True),
    QueueState.SETTLED: lambda found: found.filter(type="CASH_OUT", status="SUCCESS"),
    QueueState.REJECTED: lambda found: found.filter(status="ERROR"),
    QueueState.CANCELLED: lambda found: found.filter(status="CANCELLED"),
}


def with_words(words: str, *, may_see_users: bool) -> Q:
    """Cash-outs by id, wallet, operation or IBAN; with `may_see_users`, by their owner's name."""
    if found := as_id(words):
        return Q(id=found) | Q(wallet=found) | Q(operation_id=found)
    if not may_see_users:
        return Q(iban=compact(words))
    with_name = User.objects.with_name(words).values_list("id", flat=True)
    with_log_in = User.objects.filter(user_name=words).values_list("id", flat=True)
    owners = {*with_name[:MOST_OWNERS], *with_log_in[:MOST_OWNERS]}
    wallets = list(Wallet.objects.filter(user__in=owners).values_list("id", flat=True))
    return Q(iban=compact(words)) | Q(wallet__in=wallets)


def read_queue(data: QueryDict, person: Any) -> tuple[Queue, FilterForm]:
    """The queue of an address, as a member of staff may search it.

    Wrong filters are errors of the form, and show nothing.
    """
    form = FilterForm(data)
    form.is_valid()
    may_see_users = person.has_perm("users.view_user")
    if not may_see_users:
        form.fields["q"].label = _("IBAN or id")
    values = {name: value for name, value in form.cleaned_data.items() if value}
    return Queue(**values, may_see_users=may_see_users), form


# --- Rows and sums --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A cash-out as the queue shows it; the amount is positive, in minor units."""

    movement: Movement
    amount: int
    state: Any
    age: str

    @classmethod
    def of(cls, movement: Movement, now: datetime) -> Row:
        return cls(
            movement,
            -movement.amount,
            state_of(movement),
            age_of(movement, now),
        )


def age_of(movement: Movement, now: datetime) -> str:
    if now - movement.created_at < timedelta(minutes=1):
        return gettext("just now")
    return timesince(movement.created_at, now, depth=1)


def shown_rows(movements: Iterable[Movement]) -> list[Row]:
    now = clock.now()
    return [Row.of(movement, now) for movement in movements]


@dataclass(frozen=True, slots=True)
class QueueTotal:
    """How many cash-outs of a currency there are, and their sum in minor units."""

    currency: str
    count: int
    amount: int

    @property
    def words(self) -> str:
        return said(self.amount, self.currency)


def totals_of(movements: Iterable[Movement]) -> list[QueueTotal]:
    """The sums of cash-outs by currency."""
    sums: dict[str, tuple[int, int]] = {}
    for each in movements:
        count, amount = sums.get(each.currency, (0, 0))
        sums[each.currency] = count + 1, amount - each.amount
    return [QueueTotal(currency, *sums[currency]) for currency in sorted(sums)]


def totals_of_all(queue: Queue) -> list[QueueTotal] | None:
    """The sums of all that matches, by currency; None if more than MOST_COUNTED match."""
    some = queue.matching().values("id")[: MOST_COUNTED + 1]
    rows = (
        Movement.objects.filter(id__in=some)
        .values_list("currency")
        .annotate(Count("id"), Sum("amount"))
        .order_by("currency")
    )
    totals = [QueueTotal(currency, count, -int(amount)) for currency, count, amount in rows]
    return totals if sum(each.count for each in totals) <= MOST_COUNTED else None
