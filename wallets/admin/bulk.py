"""Actions on many cash-outs: each of them is an order of its own, with its own key and refusal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from django import forms
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from iocash import errors
from users.actions import by
from users.approvals.asking import ask_for_approval
from users.approvals.pages import answering
from users.approvals.words import problem_in_words
from users.history import last_changes
from users.models import Approval, idempotency
from users.models.approvals import ApprovalKind
from users.models.ids import as_id
from wallets import posting
from wallets.admin.approvals.money import asked_about
from wallets.admin.closing import finish_paid
from wallets.admin.movements import SEND, SETTLE, is_pending
from wallets.admin.queue import MOST, Queue, QueueTotal, totals_of
from wallets.admin.refusals import explain_refusal
from wallets.admin.states import state_of
from wallets.models import Closing, Movement
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import CashOutOrder, MarkCashOutSent, RejectCashOut, SettleCashOut


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """What staff can do with many cash-outs. `title` and `done` take their number."""

    name: str
    label: Any
    permission: str
    order: type[CashOutOrder]
    is_possible: Callable[[Movement], bool]
    title: Callable[[int], str]
    done: Callable[[int], str]
    effect: Any
    asks: ApprovalKind | None = None
    """What is asked for if somebody else must approve it."""
    takes_reason: bool = False
    """Whether it is harmful and has a reason, which the client can read."""


ACTIONS: Final = {
    action.name: action
    for action in (
        BulkAction(
            name="send",
            label=_("Mark as sent"),
            permission=SEND,
            order=MarkCashOutSent,
            is_possible=lambda movement: is_pending(movement) and movement.sent_at is None,
            title=lambda n: ngettext("Mark %d payment as sent", "Mark %d payments as sent", n) % n,
            done=lambda n: (
                ngettext("%d payment marked as sent.", "%d payments marked as sent.", n) % n
            ),
            effect=_(
                "Do this after you have sent them to the bank. Their clients can't cancel them "
                "any more."
            ),
        ),
        BulkAction(
            name="settle",
            label=_("Settle"),
            permission=SETTLE,
            order=SettleCashOut,
            is_possible=lambda movement: is_pending(movement) and movement.sent_at is not None,
            title=lambda n: ngettext("Settle %d payment", "Settle %d payments", n) % n,
            done=lambda n: ngettext("%d payment settled.", "%d payments settled.", n) % n,
            effect=_("Do this after the bank has paid. The money leaves the wallets for good."),
            asks=ApprovalKind.SETTLE_CASH_OUT,
        ),
        BulkAction(
            name="reject",
            label=_("Reject"),
            permission=SETTLE,
            order=RejectCashOut,
            is_possible=is_pending,
            title=lambda n: ngettext("Reject %d payment", "Reject %d payments", n) % n,
            done=lambda n: ngettext("%d payment rejected.", "%d payments rejected.", n) % n,
            effect=_("The money becomes available again to the owners of the wallets."),
            asks=ApprovalKind.REJECT_CASH_OUT,
            takes_reason=True,
        ),
    )
}
"""The actions, by name."""


LONGEST_TO_ASK: Final = 5.0
"""Seconds after which no more approvals are asked for; `submit_each` has taken its time before."""


class TooMany(Exception):
    """More than MOST cash-outs are selected."""


def action_of(request: HttpRequest) -> BulkAction:
    """The action that a form asks for.

    Raises:
        BadRequest: there is no such action.
    """
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        raise BadRequest("There is no such action.")
    return action


def selected_ids(request: HttpRequest, queue: Queue) -> list[UUID]:
    """The ids that a form of the queue selects: those ticked, those of the page, or all.

    Raises:
        BadRequest: one is no id.
        TooMany: there are more than MOST.
    """
    scope = request.POST.get("scope", "ticked")
    if scope == "all":
        return queue.first_ids(MOST)
    return as_ids(request.POST.getlist("shown" if scope == "page" else "item"))


def as_ids(texts: Iterable[str]) -> list[UUID]:
    """Read ids without duplicates."""
    ids = list(dict.fromkeys(as_id(text) for text in texts))
    if None in ids:
        raise BadRequest("This is no id.")
    if len(ids) > MOST:
        raise TooMany
    return [each for each in ids if each]


def read_cash_outs(ids: Sequence[UUID]) -> list[Movement]:
    """The cash-outs with these ids, in their sequence; what is no cash-out is left out."""
    found = Movement.objects.filter(type=Movement.Type.CASH_OUT).select_related("wallet__user")
    by_id = found.in_bulk(ids)
    return [by_id[each] for each in ids if each in by_id]


# --- Before: what is to be confirmed --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selection:
    """What an action will change, and what it can't change, with the reason."""

    ready: Sequence[Movement]
    left_out: Sequence[tuple[Movement, str]]
    unknown: int
    """How many ids are of no cash-out."""

    @property
    def totals(self) -> list[QueueTotal]:
        return totals_of(self.ready)


def select(action: BulkAction, ids: Sequence[UUID]) -> Selection:
    found = read_cash_outs(ids)
    ready = [each for each in found if action.is_possible(each)]
    others = [each for each in found if not action.is_possible(each)]
    changes = last_changes(*(each.id for each in others)) if others else {}
    left_out = [(each, changes.get(each.id) or str(state_of(each))) for each in others]
    return Selection(ready, left_out, len(ids) - len(found))


# --- The action -----------------------------------------------------------------------------------


class BulkForm(forms.Form):
    """What a confirmed action takes beside its items."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Reason"), max_length=140, help_text=_("The clients can read it.")
    )

    approval_reason = forms.CharField(
        label=_("Reason for the approval"),
        max_length=Approval.MOST_CHARACTERS,
        required=False,
        help_text=_(
            "For the colleague who decides about payments that were sent to the bank: why, and "
            "where the proof is."
        ),
    )

    def __init__(self, action: BulkAction, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if not action.takes_reason:
            del self.fields["reason"]
        if not action.asks:
            del self.fields["approval_reason"]


@dataclass(slots=True)
class BulkReport:
    """What became of the items of an action."""

    done: list[Movement] = field(default_factory=list)
    refused: list[tuple[Movement, str]] = field(default_factory=list)
    again: list[tuple[Movement, str]] = field(default_factory=list)
    """Those of `refused` that can be sent again, with the same form and the same versions."""
    unknown: int = 0
    unclear: int = 0
    """How many of `refused` may have been done all the same."""

    closed: list[Closing] = field(default_factory=list)
    """The closings that the settled payments have completed."""
    asked: list[Movement] = field(default_factory=list)
    """Those that somebody else must approve now."""

    def ask(self, movement: Movement, refused: errors.Refused | None, refusals: Any) -> None:
        """Note that the approval of an item was asked for, or why it could not be."""
        if refused is None:
            self.asked.append(movement)
        else:
            refusals.append((movement, refused))

    @property
    def count(self) -> int:
        return len(self.done) + len(self.refused) + len(self.asked) + self.unknown

    @property
    def totals(self) -> list[QueueTotal]:
        return totals_of(self.done)


def execute(
    request: HttpRequest, action: BulkAction, items: dict[UUID, str], values: dict[str, Any]
) -> BulkReport:
    """Submit one order for each item: its id, and the version that was confirmed.

    The key of each order is that of the form and the id of its item. So a form that is sent twice
    acts once on each item, and the same key with other items is another action on those.
    """
    movements = read_cash_outs([*items])
    actor, key = by(request), values.pop("key")
    reason = values.pop("approval_reason", "")
    orders = [
        action.order(
            client_id=movement.client_id,
            by=actor,
            key=idempotency.staff_key(f"{key}-{movement.id}"),
            if_match=frozenset({items[movement.id]}),
            wallet_id=movement.wallet_id,
            movement_id=movement.id,
            **values,
        )
        for movement in movements
    ]
    report = BulkReport(unknown=len(items) - len(movements))
    refusals: list[tuple[Movement, errors.Refused]] = []
    answers = posting.submit_each(orders)
    until = time.monotonic() + LONGEST_TO_ASK
    for movement, answer in zip(movements, answers, strict=True):
        if isinstance(answer, Outcome):
            report.done.append(movement)
        elif isinstance(answer, errors.ApprovalRequired) and action.asks and reason:
            asked = asked_about(movement, action.asks, **values)
            refused = ask_for_each(request, asked, reason=reason, key=key, until=until)
            report.ask(movement, refused, refusals)
        else:
            refusals.append((movement, answer))
    explain(report, refusals, items)
    if action.order is SettleCashOut:
        report.closed = finish_settled(request, report.done)
    return report


def finish_settled(request: HttpRequest, settled: Sequence[Movement]) -> list[Closing]:
    """Finish the closings whose last payments these are.

    The payments are settled anyway. If the database does not answer, that is logged, and the duty
    `finish-closings` does it.
    """
    try:
        with answering(request):
            return finish_paid((each.wallet.user_id for each in settled), by(request))
    except errors.Refused:
        return []


def ask_for_each(
    request: HttpRequest, asked: Approval, *, reason: str, key: UUID, until: float
) -> errors.Refused | None:
    """Ask for the approval of one item; return why it could not be asked for, or None.

    `key` is that of the form. After `until`, of `time.monotonic`, nothing is asked for. What is
    refused because of the database or the time can be sent again.
    """
    if time.monotonic() > until:
        return errors.Overloaded()
    own_key, request_id = uuid5(key, asked.subject_id), by(request).request_id
    try:
        with answering(request):
            ask_for_approval(
                asked, by=request.user, reason=reason, key=own_key, request_id=request_id
            )
    except errors.Refused as refused:
        return refused
    return None


def explain(
    report: BulkReport,
    refusals: Sequence[tuple[Movement, errors.Refused]],
    items: dict[UUID, str],
) -> None:
    """Add the refused items to the report, with what somebody else did to them.

    What can be sent again keeps the version that was confirmed: what a colleague did meanwhile was
    not seen by who sends it again.
    """
    changed = [each.id for each, refused in refusals if isinstance(refused, STALE)]
    changes = last_changes(*changed) if changed else {}
    for movement, refused in refusals:
        report.refused.append((movement, changes.get(movement.id) or why_refused(refused)))
        report.unclear += isinstance(refused, errors.OutcomeUnknown)
        if isinstance(refused, errors.Unavailable | errors.OutcomeUnknown):
            report.again.append((movement, items[movement.id]))


def why_refused(refused: errors.Refused) -> str:
    is_of_fields = isinstance(refused, errors.InvalidFields)
    return problem_in_words(refused) if is_of_fields else explain_refusal(refused)[1]


STALE: Final = (errors.MovementNotPending, errors.CashOutSent, errors.VersionConflict)
"""The refusals that somebody else has caused."""


def summary(action: BulkAction, report: BulkReport) -> str:
    """How many items an action changed, of how many."""
    if report.asked:
        wait = ngettext(
            "%d payment waits for an approval.",
            "%d payments wait for an approval.",
            len(report.asked),
        )
        rest = len(report.refused) + report.unknown
        done = f"{action.done(len(report.done))} " if report.done or rest else ""
        return f"{done}{wait % len(report.asked)}"
    if len(report.done) == report.count:
        return f"{action.done(len(report.done))} {closed_in_words(report.closed)}".strip()
    values = {
        "done": action.done(len(report.done)),
        "others": report.count - len(report.done) - report.unclear,
        "unclear": report.unclear,
        "count": report.count,
    }
    if report.unclear:
        text = gettext(
            "%(done)s %(others)d of %(count)d could not be changed. "
            "%(unclear)d may have been changed."
        )
    else:
        text = gettext("%(done)s %(others)d of %(count)d could not be changed.")
    return text % values


def closed_in_words(closings: Sequence[Closing]) -> str:
    """Which users were closed because their last payment was settled."""
    if not closings:
        return ""
    names = ", ".join(each.user.display_name for each in closings)
    return gettext("Paid out and closed: %(names)s.") % {"names": names}
