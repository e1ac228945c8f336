"""Freeze an amount of a wallet at the request of an authority, and lift the freeze."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors, money
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.actions import UNSELECTED, Action, Facts
from users.admin import cases
from users.history import actor_in_words, ago, names_of
from users.models import Case, CaseSubject, Event
from users.models.events import EventKind
from users.templatetags.words import code_in_words
from wallets import posting
from wallets.admin.amounts import AMBIGUOUS, AmountField
from wallets.admin.approvals.freezes import ask_to_lift
from wallets.admin.facts import amount_facts, read_again, wallet_facts, with_currency
from wallets.admin.forms import LedgerForm
from wallets.admin.links import wallet_of
from wallets.admin.submit import Submission
from wallets.models import Hold, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.freezes import FreezeAmount, LiftFreeze

FREEZE: Final = "wallets.freeze_amount"
"""The permission to freeze amounts and to lift freezes."""
MOST_OTHERS: Final = 50
"""The most cases about others that the form on the page of a wallet offers: the newest."""


# --- Forms ----------------------------------------------------------------------------------------


class FreezeForm(LedgerForm):
    """An amount, or all that is available. `seen` is the last freeze that the form has seen."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    amount = AmountField(label=_("Amount"), required=False)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=140,
        help_text=_("Staff can read it; the client and the owner can't."),
    )

    def offer(self, obj: Any) -> None:
        self.offered = self.wallets_of(obj) if obj else []
        self.fields["seen"].initial = last_freeze(self.offered)

    def wallets_of(self, obj: Any) -> list[Wallet]:
        """The wallets that the form is about."""
        raise NotImplementedError

    def typed(self, text: str) -> str:
        return f"0{text}" if AMBIGUOUS.fullmatch(text) else text

    def show(self, refused: errors.Refused) -> None:
        """Show the refusal; sent again, the form has seen what was frozen meanwhile."""
        super().show(refused)
        sent: Any = self.data
        data = sent.copy()
        data["seen"] = last_freeze(self.offered)
        self.data = data


class WalletFreezeForm(FreezeForm):
    """On the page of a wallet: the case is chosen, or given by the link."""

    from_link = ("case",)

    case = forms.ChoiceField(label=_("Case"))
    field_order = ("case", "amount", "reason")

    def wallets_of(self, obj: Wallet) -> list[Wallet]:
        return [obj]

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        own, others = cases_to_choose(obj) if obj else ([], [])
        groups = [(_("About the owner"), own), (_("About others"), others)]
        chosen = self.fields["case"]
        assert isinstance(chosen, forms.ChoiceField)
        chosen.choices = [UNSELECTED, *((label, found) for label, found in groups if found)]
        chosen.help_text = (
            _("The request of the authority. The wallet is added to what the case concerns.")
            if own or others
            else _("No request of an authority is open. Open a case of this kind first.")
        )
        if obj:
            text = gettext("Leave empty to freeze all that is available: %(available)s.")
            shown = with_currency(obj.available, obj.currency)
            self.fields["amount"].help_text = text % {"available": shown}

    def clean_case(self) -> Case:
        return Case.objects.get(pk=self.cleaned_data["case"])


class CaseFreezeForm(FreezeForm):
    """On the page of a case: the wallet is one of those whose owners it concerns."""

    wallet = forms.ChoiceField(label=_("Wallet"))
    field_order = ("wallet", "amount", "reason")

    def wallets_of(self, obj: Case) -> list[Wallet]:
        users = CaseSubject.objects.filter(case=obj).values("user")
        found = Wallet.objects.seen().filter(user__in=users).select_related("user")
        return list(found.exclude(status=Wallet.Status.UNSUBSCRIBED).order_by("id"))

    def offer(self, obj: Any) -> None:
        super().offer(obj)
        chosen = self.fields["wallet"]
        assert isinstance(chosen, forms.ChoiceField)
        chosen.choices = [UNSELECTED, *((str(each.pk), choice_of(each)) for each in self.offered)]
        if not self.offered:
            chosen.help_text = _("Nobody with an open wallet is concerned. Add whom it concerns.")
        self.fields["amount"].help_text = _("Leave empty to freeze all that is available.")

    def clean_wallet(self) -> Wallet:
        return next(each for each in self.offered if str(each.pk) == self.cleaned_data["wallet"])


class LiftForm(LedgerForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=140,
        help_text=_("Staff can read it; the client and the owner can't."),
    )

    def explain(self, refused: errors.Refused) -> tuple[str | None, str]:
        if isinstance(refused, errors.HoldNotOpen):
            return None, gettext("The freeze has been lifted already.")
        return super().explain(refused)


def last_freeze(wallets: Iterable[Wallet]) -> str:
    """The id of the last freeze of these wallets; ids grow with time."""
    found = Hold.objects.frozen().filter(wallet__in=[each.pk for each in wallets])
    return str(found.order_by("-id").values_list("id", flat=True).first() or "")


def cases_to_choose(wallet: Wallet) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The open requests of authorities: those that concern the owner, and the newest others."""
    found = Case.objects.open().filter(kind=Case.Kind.AUTHORITY, erased_at=None).order_by("-pk")
    own = [*Case.objects.of(wallet.user).values_list("pk", flat=True)]
    groups = found.filter(pk__in=own), found.exclude(pk__in=own)[:MOST_OTHERS]
    first, second = ([(str(each.pk), case_choice(each)) for each in group] for group in groups)
    return first, second


def case_choice(case: Case) -> str:
    return f"{case.number} {case.title}"


def choice_of(wallet: Wallet) -> str:
    values = {
        "wallet": wallet_of(wallet),
        "available": with_currency(wallet.available, wallet.currency),
    }
    return gettext("%(wallet)s, available %(available)s") % values


# --- Actions --------------------------------------------------------------------------------------


def freeze_order(wallet: Wallet, *, amount: Decimal, reason: str, case: Case, **by: Any) -> Order:
    return FreezeAmount(wallet_id=wallet.id, amount=amount, concept=reason, case_id=case.pk, **by)


ORDERED: Final = Submission(freeze_order, "")


def freeze_in_case(request: HttpRequest, wallet: Wallet, values: dict[str, Any]) -> str:
    """Freeze an amount in a case, and add the wallet to what the case concerns."""
    order = order_values(wallet, values)
    ORDERED.post(frozen_in(values["case"], wallet, values["seen"]), request, wallet, order)
    return gettext("%(amount)s of %(name)s frozen.") % freeze_in_words(wallet, order["amount"])


def frozen_in(case: Case, wallet: Wallet, seen: str) -> Callable[[Order], Outcome]:
    """Submit a freeze, and act on its case, in one transaction. The wallet is locked first."""

    def send(order: Order) -> Outcome:
        with single_transaction():
            outcome = posting.submit(order)
            if not outcome.replayed:
                require_seen(wallet, outcome.id, seen)
                take_up(case, wallet)
        return outcome

    return send


def order_values(wallet: Wallet, values: dict[str, Any]) -> dict[str, Any]:
    """The values of the order; without an amount, all that is available.

    Raises:
        InvalidFields: nothing is available.
    """
    available = read_again(wallet.id).available
    if values["amount"] is None and not available:
        text = gettext("Nothing is available to be frozen.")
        raise errors.InvalidFields(errors.FieldError("amount", "refused", text))
    all_of_it = Decimal(money.to_text(available, wallet.currency))
    amount = all_of_it if values["amount"] is None else values["amount"]
    return {name: values[name] for name in ("key", "case", "reason")} | {"amount": amount}


def require_seen(wallet: Wallet, own: UUID, seen: str) -> None:
    """Refuse if another amount of the locked wallet was frozen since the form was opened.

    Raises:
        InvalidFields: it was.
    """
    others = Hold.objects.frozen().filter(wallet=wallet.id).exclude(id=own)
    last = (others.filter(id__gt=seen) if seen else others).order_by("id").last()
    if last is None:
        return
    actor = actors_of([last]).get(str(last.id), "")
    text = gettext("%(who)s has frozen %(amount)s meanwhile. Check it, and send the form again.")
    values = {"who": actor, "amount": with_currency(last.amount, last.currency)}
    raise refused_freeze(text % values)


def refused_freeze(text: str) -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError("freeze", "refused", text))


def take_up(case: Case, wallet: Wallet) -> None:
    """Lock the case, require that it is an open request of an authority, and add the wallet.

    Raises:
        InvalidFields: it is closed, erased, or of another kind.
    """
    locked = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    if not may_freeze(locked):
        raise cases.refused(gettext("The case is not an open request of an authority."))
    cases.concern(locked, (CaseSubject.Kind.WALLET, wallet.id, wallet.user))


def may_freeze(case: Case) -> bool:
    return case.kind == Case.Kind.AUTHORITY and case.is_open and case.erased_at is None


def rehearse_freeze(request: HttpRequest, wallet: Wallet, values: dict[str, Any]) -> Facts:
    """What is confirmed: the wallet before, the amount, the case, and the wallet afterwards."""
    order = order_values(wallet, values)
    ORDERED.check(request, wallet, order)
    wallet, minor = read_again(wallet.id), money.to_minor(order["amount"], wallet.currency)
    values["amount"] = money.to_text(minor, wallet.currency)  # what was confirmed will be frozen
    text = gettext("%(name)s can't spend %(amount)s until the freeze is lifted.")
    return [
        *wallet_facts(wallet),
        *amount_facts(minor, wallet.currency),
        (_("Case"), case_choice(values["case"])),
        (_("Reason"), values["reason"]),
        (_("Held afterwards"), with_currency(wallet.held_now + minor, wallet.currency)),
        (_("Available afterwards"), with_currency(wallet.available - minor, wallet.currency)),
        (_("What will happen"), text % freeze_in_words(wallet, order["amount"])),
    ]


def freeze_in_words(wallet: Wallet, amount: Decimal) -> dict[str, str]:
    shown = with_currency(money.to_minor(amount, wallet.currency), wallet.currency)
    return {"amount": shown, "name": wallet.user.display_name}


def effect_of_lift(hold: Hold) -> str:
    text = _("%(amount)s becomes available again to %(name)s.")
    values = {
        "amount": with_currency(hold.left, hold.currency),
        "name": hold.wallet.user.display_name,
    }
    return str(text) % values


def lift_order(hold: Hold, **values: Any) -> Order:
    return LiftFreeze(wallet_id=hold.wallet_id, freeze_id=hold.id, **values)


Run = Callable[[HttpRequest, Any, dict[str, Any]], Any]


def on_case_page(run: Run) -> Run:
    """The same on the page of a case: the wallet is chosen, and the case is given."""

    def run_on_case(request: HttpRequest, case: Case, values: dict[str, Any]) -> Any:
        values["case"] = case
        return run(request, values["wallet"], values)

    return run_on_case


ON_WALLET: Final = Action(
    name="freeze",
    label=_("Freeze an amount"),
    permission=FREEZE,
    form=WalletFreezeForm,
    do=freeze_in_case,
    rehearse=rehearse_freeze,
    is_available=lambda wallet: wallet.status != Wallet.Status.UNSUBSCRIBED,
    is_harmful=True,
)
ON_CASE: Final = Action(
    name="freeze",
    label=_("Freeze an amount"),
    permission=FREEZE,
    form=CaseFreezeForm,
    do=on_case_page(freeze_in_case),
    rehearse=on_case_page(rehearse_freeze),
    is_available=may_freeze,
    is_harmful=True,
)
LIFT: Final = Action(
    name="lift",
    label=_("Lift the freeze"),
    permission=FREEZE,
    form=LiftForm,
    do=Submission(lift_order, _("Freeze lifted. The amount is available again.")),
    asks=ask_to_lift,
    is_available=lambda hold: hold.is_freeze and hold.standing == Hold.Status.OPEN,
    effect=effect_of_lift,
    is_harmful=True,
)


# --- Reading --------------------------------------------------------------------------------------


def events_of(freezes: Iterable[Hold]) -> list[Event]:
    """The events of freezes, newest first. They are events of the wallets."""
    found = {str(each.id): each for each in freezes}
    kinds = (EventKind.WALLET_AMOUNT_FROZEN, EventKind.WALLET_AMOUNT_UNFROZEN)
    wallets = {each.wallet_id for each in found.values()}
    events = Event.objects.filter(subject_id__in=wallets, kind__in=kinds).order_by("-position")
    return [event for event in events if event.data["freeze"] in found]


def actors_of(freezes: Iterable[Hold]) -> Mapping[str, str]:
    """Who has placed each freeze, in words, by the id of the freeze."""
    events = [event for event in events_of(freezes) if event.kind == EventKind.WALLET_AMOUNT_FROZEN]
    names = names_of({event.actor for event in events})
    return {event.data["freeze"]: actor_in_words(event.actor, names) for event in events}


def who_lifted(freeze: Hold) -> str:
    """Who has lifted a freeze, and when, in a sentence; empty while it is open."""
    last = events_of([freeze])[0]
    if last.kind != EventKind.WALLET_AMOUNT_UNFROZEN:
        return ""
    who = actor_in_words(last.actor, names_of({last.actor}))
    return gettext("%(who)s lifted it %(when)s.") % {"who": who, "when": ago(last, clock.now())}


def state_of_hold(hold: Hold) -> Any:
    """The status of a hold or a freeze that was read with `seen`."""
    if hold.is_freeze:
        return _("Frozen") if hold.standing == Hold.Status.OPEN else _("Lifted")
    return code_in_words(hold.standing)


def shown_freezes(request: HttpRequest, case: Case) -> list[tuple[Hold, Any]]:
    """The freezes of a case, newest first, each with its state."""
    if not request.user.has_perm("wallets.view_hold"):
        return []
    found = Hold.objects.filter(case=case).seen().select_related("wallet__user")
    return [(each, state_of_hold(each)) for each in found.order_by("-id")]


def cases_of(holds: Iterable[Hold]) -> dict[int, Case]:
    """The cases of the freezes among these holds, by id; at most one statement."""
    ids = {each.case_id for each in holds if each.case_id}
    return Case.objects.in_bulk(ids) if ids else {}
