"""The timeline of a user: all that happened, newest first, in pages.

Each kind of row is read by an index, from where the page before ended. The rows are then merged by
time. A page costs the same for any number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext

from iocash.db.prepared import read_each
from users.actions import address_of
from users.history import actor_in_words, names_of
from users.models import Access, Case, Event, Note, User
from users.models.events import EventKind
from wallets.admin import wording
from wallets.admin.notices import VIEW_NOTICE
from wallets.models import DormancyNotice, Hold, Movement, Wallet

ROWS: Final = 20
MOST_STEPS: Final = 6
"""The most steps of one movement or hold that are shown: the last ones."""

OF_DOCUMENTS: Final = tuple(kind for kind in EventKind if kind.startswith("user.kyc_document_"))
OF_VERIFICATIONS: Final = tuple(kind for kind in EventKind if kind.startswith("user.identity_"))
REPEATED: Final = (EventKind.USER_VERIFIED,)
"""Events that another event of the same instant says better."""

STEPS: Final = """
    SELECT event.* FROM unnest(%s::uuid[]) AS subject (id)
    CROSS JOIN LATERAL (
        (SELECT * FROM users_event WHERE subject_id = subject.id ORDER BY position LIMIT 1)
        UNION ALL
        (SELECT * FROM users_event WHERE subject_id = subject.id ORDER BY position DESC LIMIT %s)
    ) AS event
    ORDER BY position
"""
SALT: Final = "timeline"
Cursor = dict[str, Any]
"""For each stream, the key of the last row that was shown."""


@dataclass(frozen=True, slots=True)
class LaterStep:
    """What happened later to a movement or a hold."""

    at: datetime
    words: str
    who: str


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line. `text` is what a person has written: a concept, or a note."""

    at: datetime
    words: str
    kind: str
    who: str = ""
    text: str = ""
    link: str = ""
    steps: Sequence[LaterStep] = ()


@dataclass(frozen=True, slots=True)
class Page:
    entries: Sequence[TimelineEntry]
    next_cursor: str


class Stream(NamedTuple):
    """One kind of row: a queryset without an order, and the names of the columns of its order."""

    name: str
    querysets: Sequence[QuerySet[Any]]
    """They are read one by one, each by its index, and the newest rows of all are taken."""
    order: tuple[str, ...]

    def key(self, row: Any) -> list[Any]:
        """The place of a row, as JSON can write it."""
        return [cursor_value(getattr(row, name)) for name in self.order]

    def query(self, after: Sequence[Any] | None) -> QuerySet[Any]:
        """The next rows after a key, and one more than a page has."""
        newest = [f"-{name}" for name in self.order]
        found = [
            each.filter(rows_before(self.order, after)).order_by(*newest)[: ROWS + 1]
            for each in self.querysets
        ]
        first, *others = found
        return first.union(*others, all=True).order_by(*newest)[: ROWS + 1] if others else first


def rows_before(order: tuple[str, ...], key: Sequence[Any] | None) -> Q:
    """Rows that come after `key` when sorted from new to old."""
    if key is None:
        return Q()
    first, *rest = order
    if not rest:
        return Q(**{f"{first}__lt": key[0]})
    (last,) = rest
    same = Q(**{first: key[0], f"{last}__lt": key[1]})
    return Q(**{f"{first}__lte": key[0]}) & (Q(**{f"{first}__lt": key[0]}) | same)


def streams(request: HttpRequest, user: User, wallets: Sequence[Wallet]) -> list[Stream]:
    """The streams that this member of staff may see."""
    may = request.user.has_perm
    by_time = ("created_at", "id")
    found = [Stream("event", visible_events(request, user, wallets), ("position",))]
    if wallets and may("wallets.view_movement"):
        rows = [Movement.objects.filter(wallet=each) for each in wallets]
        found.append(Stream("movement", rows, by_time))
    if wallets and may("wallets.view_hold"):
        holds = [Hold.objects.promised().filter(wallet=each) for each in wallets]
        found.append(Stream("hold", holds, by_time))
    if wallets and may(VIEW_NOTICE):
        notices = [DormancyNotice.objects.filter(wallet=each) for each in wallets]
        found.append(Stream("notice", notices, by_time))
    if may("users.view_note"):
        found.append(Stream("note", [visible_notes(request, user)], by_time))
    if may("users.view_case"):
        found.append(Stream("case", [Case.objects.of(user)], ("id",)))
    if may("users.view_access"):
        found.append(Stream("access", [Access.objects.filter(user=user)], ("id",)))
    return found


def visible_events(
    request: HttpRequest, user: User, wallets: Sequence[Wallet]
) -> list[QuerySet[Event]]:
    """The events of the user and of each wallet that the member of staff may view."""
    may = request.user.has_perm
    hidden = {*REPEATED}
    hidden |= set() if may("users.view_review") else {*OF_DOCUMENTS}
    hidden |= set() if may("users.view_identityverification") else {*OF_VERIFICATIONS}
    subjects = [user.id, *(wallet.id for wallet in wallets if may("wallets.view_wallet"))]
    return [Event.objects.filter(subject_id=each).exclude(kind__in=hidden) for each in subjects]


def visible_notes(request: HttpRequest, user: User) -> QuerySet[Note]:
    """The notes on a user, and on what the member of staff may view of its money."""
    may = request.user.has_perm
    subjects = [Note.Subject.USER]
    subjects += [Note.Subject.WALLET] if may("wallets.view_wallet") else []
    subjects += [Note.Subject.MOVEMENT] if may("wallets.view_movement") else []
    return Note.objects.of(user).filter(subject__in=subjects)


# --- Reading -------------------------------------------------------------------------------------


def read_page(
    request: HttpRequest, user: User, wallets: Sequence[Wallet], cursor: str = ""
) -> Page:
    """A page of the timeline, from `cursor` on; an unknown cursor gives the first page."""
    keys = read_cursor(cursor)
    sources = streams(request, user, wallets)
    answers = read_each(*(each.query(keys.get(each.name)) for each in sources))
    rows = {source.name: answer for source, answer in zip(sources, answers, strict=True)}
    chosen = newest(rows)
    for source in sources:
        if taken := [row for name, row in chosen if name == source.name]:
            keys[source.name] = source.key(taken[-1])
    has_more = sum(map(len, answers)) > len(chosen)
    return Page(
        entries=Describer.read(user, wallets, chosen).entries(chosen),
        next_cursor=signing.dumps(keys, salt=SALT) if has_more else "",
    )


def newest(rows: Mapping[str, Iterable[Any]]) -> list[tuple[str, Any]]:
    """The newest rows of all streams, each with the name of its stream.

    Within a stream the order stays: that of positions can differ from that of times.
    """
    waiting = {name: list(found) for name, found in rows.items() if found}
    chosen: list[tuple[str, Any]] = []
    while waiting and len(chosen) < ROWS:
        name = max(waiting, key=lambda each: waiting[each][0].created_at)
        chosen.append((name, waiting[name].pop(0)))
        if not waiting[name]:
            del waiting[name]
    return chosen


def cursor_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def read_cursor(cursor: str) -> Cursor:
    try:
        keys: Cursor = signing.loads(cursor, salt=SALT)
    except signing.BadSignature:
        return {}
    return keys


# --- Describing ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Describer:
    """Everything beside the rows that their sentences need."""

    user: User
    wallets: Mapping[UUID, str]
    """The names of the user's own wallets."""
    others: Mapping[UUID, User]
    """The owners of the other wallets."""
    steps: Mapping[UUID, Sequence[Event]]
    """The events of movements and holds, oldest first."""
    freezes: Mapping[str, Hold]
    """The freezes that events name, by id."""
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, user: User, wallets: Sequence[Wallet], chosen: Sequence[tuple[str, Any]]
    ) -> Describer:
        """Read what the sentences need: at most five statements."""
        money = [row for name, row in chosen if name in {"movement", "hold"}]
        steps = steps_of(money)
        actors = {
            row.actor
            for name, row in chosen
            if name in {"event", "note", "notice", "case", "access"}
        }
        actors |= {event.actor for events in steps.values() for event in events}
        return cls(
            user=user,
            wallets={wallet.id: label_of_wallet(wallet) for wallet in wallets},
            others=owners_of(map(other_wallet, money)),
            steps=steps,
            freezes=freezes_named_by(row for name, row in chosen if name == "event"),
            names=names_of(actors),
        )

    def entries(self, chosen: Sequence[tuple[str, Any]]) -> list[TimelineEntry]:
        describe: Mapping[str, Callable[[Any], TimelineEntry]] = {
            "event": self.event,
            "movement": self.movement,
            "hold": self.hold,
            "note": self.note,
            "notice": self.notice,
            "case": self.case,
            "access": self.access,
        }
        return [describe[name](row) for name, row in chosen]

    def who(self, actor: str) -> str:
        return actor_in_words(actor, self.names)

    def event(self, event: Event) -> TimelineEntry:
        freeze = self.freezes.get(event.data.get("freeze", ""))
        if freeze:
            return self.of_freeze(event, freeze)
        words = wording.of_event(event, self.wallets)
        kind = "kyc" if event.kind in {*OF_DOCUMENTS, *OF_VERIFICATIONS} else "account"
        return TimelineEntry(event.created_at, words, kind, self.who(event.actor))

    def of_freeze(self, event: Event, freeze: Hold) -> TimelineEntry:
        number = freeze.case.number if freeze.case else ""
        words = wording.of_event(event, self.wallets, number)
        who, text = self.who(event.actor), reason_of_freeze(event, freeze)
        return TimelineEntry(event.created_at, words, "hold", who, text, address_of(freeze))

    def movement(self, movement: Movement) -> TimelineEntry:
        words = wording.of_movement(movement, self.user.display_name, self.other(movement))
        return self.of_money(movement, words, "money", movement.reason)

    def hold(self, hold: Hold) -> TimelineEntry:
        words = wording.of_hold(hold, self.user.display_name, self.other(hold))
        return self.of_money(hold, words, "hold")

    def of_money(self, row: Any, words: str, kind: str, reason: str = "") -> TimelineEntry:
        events = self.steps.get(row.id, [])
        steps = [self.step(event, reason) for event in events[1:] if event.kind in wording.STEPS]
        who = self.who(events[0].actor) if events else ""
        return TimelineEntry(
            row.created_at, words, kind, who, row.concept or "", address_of(row), steps
        )

    def step(self, event: Event, reason: str) -> LaterStep:
        words = str(wording.STEPS[event.kind])
        if reason and event.kind == EventKind.MOVEMENT_ERROR:
            words = gettext("Rejected. Reason: %(reason)s") % {"reason": reason}
        return LaterStep(event.created_at, words, self.who(event.actor))

    def note(self, note: Note) -> TimelineEntry:
        words = {
            Note.Subject.USER: gettext("Note on the user"),
            Note.Subject.WALLET: gettext("Note on a wallet"),
            Note.Subject.MOVEMENT: gettext("Note on a movement"),
        }[Note.Subject(note.subject)]
        return TimelineEntry(note.created_at, words, "note", self.who(note.actor), note.text)

    def notice(self, notice: DormancyNotice) -> TimelineEntry:
        """A notice of dormancy; its date can be before that of its entry."""
        values = {
            "channel": notice.get_channel_display(),
            "wallet": self.wallets[notice.wallet_id],
            "day": date_format(notice.sent_on),
        }
        words = gettext("Notice of dormancy, %(wallet)s: %(channel)s of %(day)s.") % values
        who = self.who(notice.actor)
        return TimelineEntry(notice.created_at, words, "note", who, notice.note)

    def case(self, case: Case) -> TimelineEntry:
        values = {"number": case.number, "kind": case.get_kind_display()}
        words = gettext("Case %(number)s was opened: %(kind)s.") % values
        who = self.who(case.actor)
        return TimelineEntry(case.created_at, words, "case", who, case.title, address_of(case))

    def access(self, access: Access) -> TimelineEntry:
        words = {
            Access.What.REVIEW: gettext("The review page was opened."),
            Access.What.BLOCK: gettext("KYC data were opened: %(document)s."),
            Access.What.DOCUMENT: gettext("A KYC document was opened: %(document)s."),
        }[Access.What(access.what)]
        shown = words % {"document": wording.document_name(access.kind)}
        return TimelineEntry(access.created_at, shown, "access", self.who(access.actor))

    def other(self, row: Any) -> str:
        owner = self.others.get(other_wallet(row)) if other_wallet(row) else None
        return owner.display_name if owner else ""


def freezes_named_by(events: Iterable[Event]) -> dict[str, Hold]:
    """The freezes that events name, with their cases, by id; at most one statement."""
    ids = {event.data["freeze"] for event in events if "freeze" in event.data}
    found = Hold.objects.filter(id__in=ids).select_related("case") if ids else []
    return {str(each.id): each for each in found}


def reason_of_freeze(event: Event, freeze: Hold) -> str:
    """Why the freeze was placed or lifted, whatever the event says."""
    is_lifted = event.kind == EventKind.WALLET_AMOUNT_UNFROZEN
    return (freeze.reason if is_lifted else freeze.concept) or ""


def other_wallet(row: Any) -> Any:
    return row.target_id if isinstance(row, Hold) else row.counterparty_id


def owners_of(wallet_ids: Iterable[Any]) -> dict[UUID, User]:
    """The owners of wallets, in one statement."""
    ids = {each for each in wallet_ids if each}
    found = Wallet.objects.filter(id__in=ids).select_related("user")
    return {wallet.id: wallet.user for wallet in found}


def steps_of(rows: Sequence[Any]) -> dict[UUID, list[Event]]:
    """The first and the last events of movements and holds, oldest first, in one statement."""
    found: dict[UUID, list[Event]] = {}
    asked = [row.id for row in rows]
    events = Event.objects.raw(STEPS, [asked, MOST_STEPS]) if asked else []
    for event in {each.position: each for each in events}.values():
        found.setdefault(event.subject_id, []).append(event)
    return found


def label_of_wallet(wallet: Wallet) -> str:
    """The currency of a wallet, and its alias."""
    return f"{wallet.currency} «{wallet.alias}»" if wallet.alias else wallet.currency
