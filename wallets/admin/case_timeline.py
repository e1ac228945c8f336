"""What a page of a case shows of its users, and what staff did to them since it was opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.utils.html import format_html

from users.actions import address_of
from users.admin import cases
from users.history import names_of
from users.models import Case, CaseSubject, Event, Task, User
from users.models.events import STAFF
from users.templatetags.words import event_amount
from wallets.admin.deeds import DEEDS
from wallets.admin.facts import named_user
from wallets.admin.links import movement_name, wallet_of
from wallets.admin.timeline import TimelineEntry, freezes_named_by, reason_of_freeze
from wallets.models import Hold, Movement, Wallet

LAST_MOVED: Final = 50
"""How many of the last movements and holds of each wallet the timeline of a case reads."""
MOST_DEEDS: Final = 200
"""The most actions of staff that the timeline of a case shows: the last ones."""


def deeds_of_staff(case: Case, subjects: Sequence[CaseSubject]) -> list[Event]:
    """What staff did to the users of a case since it was opened, newest first."""
    users = {each.user_id for each in subjects}
    wallets = list(Wallet.objects.filter(user__in=users).values_list("id", flat=True))
    moved: set[UUID] = {each.subject_id for each in subjects}
    for wallet in wallets:
        for rows in (Movement.objects, Hold.objects):
            last = rows.filter(wallet=wallet).order_by("-created_at", "-id")
            moved.update(last.values_list("id", flat=True)[:LAST_MOVED])
    found = Event.objects.filter(
        subject_id__in={*users, *wallets, *moved},
        actor__startswith=STAFF,
        created_at__gte=case.created_at,
    )
    return list(found.order_by("-position")[:MOST_DEEDS])


def timeline_of(request: HttpRequest, case: Case, subjects: Sequence[CaseSubject]) -> Any:
    """The actions on the case, and those on its users, newest first."""
    entries = list(case.entries.order_by("-created_at", "-id"))
    may = request.user.has_perm
    events = deeds_of_staff(case, subjects) if may("wallets.view_movement") else []
    actors = {each.actor for each in entries} | {each.actor for each in events}
    names = names_of(actors | {each.detail for each in entries})
    lines = [
        TimelineEntry(
            each.created_at,
            cases.entry_in_words(each, names),
            "note" if each.text else "account",
            names.get(each.actor, each.actor),
            each.text,
        )
        for each in entries
    ]
    named = freezes_named_by(events) if may("wallets.view_hold") else {}
    lines += [deed_of(each, names, named.get(each.data.get("freeze", ""))) for each in events]
    return sorted(lines, key=lambda line: line.at, reverse=True)


def deed_of(event: Event, names: Mapping[str, str], freeze: Hold | None) -> TimelineEntry:
    """What a member of staff did; of a freeze also how much and why."""
    words, who = str(DEEDS.get(event.kind, event.kind)), names.get(event.actor, event.actor)
    if freeze:
        words = f"{words} {event_amount(event.data['amount'], event.data['currency'])}"
        text = reason_of_freeze(event, freeze)
        return TimelineEntry(event.created_at, words, "money", who, text, address_of(freeze))
    kind = "money" if event.subject in {"movement", "hold"} else "account"
    link = link_of(event.subject, event.subject_id)
    return TimelineEntry(event.created_at, words, kind, who, link=link)


def link_of(kind: str, subject_id: UUID) -> str:
    models: dict[str, Any] = {"user": User, "wallet": Wallet, "movement": Movement, "hold": Hold}
    return address_of(models[kind](pk=subject_id)) if kind in models else ""


def shown_subjects(subjects: Iterable[CaseSubject | Task]) -> list[tuple[Any, str]]:
    """Links to whom and what a case or a task is about, each with its kind."""
    found = list(subjects)
    ids = [each.subject_id for each in found]
    wallets = Wallet.objects.select_related("user").in_bulk(ids)
    movements = Movement.objects.in_bulk(ids)
    return [(subject_link(each, wallets, movements), each.get_subject_display()) for each in found]


def subject_link(each: Any, wallets: Any, movements: Any) -> Any:
    if wallet := wallets.get(each.subject_id):
        return format_html('<a href="{}">{}</a>', address_of(wallet), wallet_of(wallet))
    if movement := movements.get(each.subject_id):
        link = format_html('<a href="{}">{}</a>', address_of(movement), movement_name(movement))
        return format_html("{}: {}", named_user(each.user), link)
    return named_user(each.user)
