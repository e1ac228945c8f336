"""The cases of the demo: complaints, disputes and requests of authorities, and what staff do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from uuid_utils.compat import uuid7

from iocash import money
from users.admin.cases import act_on_case, closes, open_case, set_due
from users.models import Case, CaseEntry
from users.models.events import By
from wallets import posting
from wallets.admin.cases import concerned_by
from wallets.management.demo.actions import Orders
from wallets.management.demo.history import Action, History
from wallets.management.demo.members import Member
from wallets.models import Movement, Wallet
from wallets.orders.freezes import FreezeAmount

Deed = Callable[[Case, By], None]
"""What a member of staff does to a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A case, and what happens to it. One member of staff opens it, and may be its owner."""

    kind: Case.Kind
    title: str
    text: str
    about: Callable[[Member], Any]
    """The user, wallet or movement that it concerns."""
    days: int
    """Before the end, when it is opened."""
    term: int
    """Days from then until it is due."""
    staff: int
    """The position of the member of staff."""
    is_owned: bool = True
    deeds: tuple[tuple[int, Deed], ...] = ()
    """Each with the days after the opening."""


def open_story(story: Story, member: Member) -> Action:
    """Open the case, and plan what follows."""

    def action(history: History) -> Orders:
        by = history.staff[story.staff]
        values = {
            "kind": story.kind,
            "title": story.title,
            "text": story.text,
            "owner": by.actor if story.is_owned else "",
            "due_on": history.after(days=story.term).date(),
        }
        case = open_case(values, [concerned_by(story.about(member))], by=by, key=uuid7())
        for days, deed in story.deeds:
            history.plan(history.after(days=days), continue_case(case, deed, by))
        return iter(())

    return action


def continue_case(case: Case, deed: Deed, by: By) -> Action:
    def action(history: History) -> Orders:
        deed(case, by)
        return iter(())

    return action


# --- What a case concerns -------------------------------------------------------------------------


def own_user(member: Member) -> Any:
    return member.user


def own_wallet(member: Member) -> Wallet:
    return Wallet.objects.select_related("user").get(user=member.user)


def last_payment(member: Member) -> Movement | Wallet:
    """The last payment of the member to another one; the wallet, if there is none."""
    paid = Movement.objects.filter(wallet=member.wallet_id, type="TRANSFER", amount__lt=0)
    found = paid.select_related("wallet__user").order_by("-created_at", "-id").first()
    return found or own_wallet(member)


# --- What staff do --------------------------------------------------------------------------------


def act_once(kind: CaseEntry.Kind, case: Case, by: By, **values: Any) -> None:
    act_on_case(case, kind, by=by, key=uuid7(), **values)


def noting(text: str) -> Deed:
    return partial(act_once, CaseEntry.Kind.NOTE, text=text)


def postpone_by(days: int) -> Deed:
    def deed(case: Case, by: By) -> None:
        day = case.due_on + timedelta(days=days)
        act_once(CaseEntry.Kind.DUE, case, by, detail=day.isoformat(), change=set_due(day))

    return deed


def freezing(most: int, reason: str) -> Deed:
    """Freeze `most` minor units of the wallet that the case concerns, or what is available."""

    def deed(case: Case, by: By) -> None:
        wallet = Wallet.objects.seen().get(id=case.subjects.get().subject_id)
        amount = min(most, wallet.available)
        if amount:
            order = FreezeAmount(
                client_id=wallet.client_id,
                by=by,
                wallet_id=wallet.id,
                amount=Decimal(money.to_text(amount, wallet.currency)),
                concept=reason,
                case_id=case.pk,
            )
            posting.submit(order)

    return deed


def close_with(outcome: str) -> Deed:
    return partial(act_once, CaseEntry.Kind.CLOSED, text=outcome, change=closes(outcome))


# --- The stories ----------------------------------------------------------------------------------

STORIES: Final = (
    Story(
        kind=Case.Kind.AUTHORITY,
        title="Court: list of movements",
        text="A court asks for all movements of this user in the current year, as a list.",
        about=own_user,
        days=58,
        term=10,
        staff=0,
        deeds=(
            (1, noting("Legal has checked the request: it is signed, and the user is ours.")),
            (6, postpone_by(7)),
            (7, noting("The court agrees to the later date.")),
            (
                13,
                close_with(
                    "The list was sent through the portal of the court, which confirmed it."
                ),
            ),
        ),
    ),
    Story(
        kind=Case.Kind.COMPLAINT,
        title="A bank transfer arrived two days late",
        text="The user made a bank transfer on a Friday, and had the money on Monday evening.",
        about=own_wallet,
        days=42,
        term=21,
        staff=1,
        deeds=(
            (1, noting("The bank received the transfer after its cut-off time on Friday.")),
            (6, close_with("Explained to the user by e-mail, with the bank's cut-off times.")),
        ),
    ),
    Story(
        kind=Case.Kind.DISPUTE,
        title="Payment not recognised",
        text="The user does not remember this payment, and asks for the money back.",
        about=last_payment,
        days=34,
        term=15,
        staff=1,
        deeds=(
            (1, noting("Asked the shop for the receipt.")),
            (5, noting("The shop has sent the receipt. The day and the amount are the same.")),
            (7, close_with("The user has seen the receipt, and withdraws the dispute.")),
        ),
    ),
    Story(
        kind=Case.Kind.COMPLAINT,
        title="Goods were returned, but not refunded",
        text="The user returned the goods to the shop, and has not been refunded.",
        about=last_payment,
        days=26,
        term=15,
        staff=1,
        deeds=(
            (1, noting("Asked the shop whether it has the goods. It will answer this week.")),
            (8, noting("No answer yet. Asked again, by telephone.")),
        ),
    ),
    Story(
        kind=Case.Kind.DISPUTE,
        title="Charged twice for one purchase",
        text="The user says that the shop charged the same purchase twice.",
        about=last_payment,
        days=5,
        term=15,
        staff=1,
        deeds=((1, noting("There is one payment in the wallet. Asked the user for the other.")),),
    ),
    Story(
        kind=Case.Kind.AUTHORITY,
        title="Tax agency: holder and balance of the wallet",
        text="The tax agency asks who holds this wallet, and for its balance at the month's end.",
        about=own_wallet,
        days=3,
        term=10,
        staff=0,
        deeds=((1, noting("Legal is checking the request.")),),
    ),
    Story(
        kind=Case.Kind.AUTHORITY,
        title="Court: seizure of 40.00 EUR",
        text="A court orders to freeze 40.00 EUR of this wallet until it decides.",
        about=own_wallet,
        days=2,
        term=30,
        staff=1,
        deeds=((1, freezing(40_00, "Seizure order of the court")),),
    ),
    Story(
        kind=Case.Kind.COMPLAINT,
        title="The one-time password did not arrive",
        text="The user changed the telephone, and has received no one-time password since.",
        about=own_user,
        days=1,
        term=21,
        staff=0,
        is_owned=False,
    ),
)
