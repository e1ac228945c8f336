"""The history of objects, as staff read it: who did what, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from users.models import ApiKey, Case, Event
from users.models.events import EventKind
from users.templatetags.words import details_in_words

LAST_EVENTS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """An event with the actor's name and its data in words."""

    event: Event
    actor: str
    words: str


def history(*objects: Model) -> Sequence[Line]:
    """The last events of the objects, newest first, in words and with the names of the actors."""
    ids = [obj.pk for obj in objects]
    return lines_of(list(Event.objects.about(*ids).order_by("-position")[:LAST_EVENTS]))


def lines_of(events: Sequence[Event]) -> Sequence[Line]:
    """Events in words, with the names of the actors and the numbers of the cases."""
    names = names_of({event.actor for event in events})
    numbers = case_numbers(events)
    return [
        Line(
            event,
            actor_in_words(event.actor, names),
            details_in_words(event.data, numbers.get(event.data.get("case", ""), "")),
        )
        for event in events
    ]


def case_numbers(events: Iterable[Event]) -> dict[str, str]:
    """The numbers of the cases that events name, by id; at most one statement."""
    ids = {event.data["case"] for event in events if "case" in event.data}
    return {str(each.pk): each.number for each in Case.objects.filter(pk__in=ids)} if ids else {}


def actor_in_words(actor: str, names: Mapping[str, str]) -> str:
    """Who acted: a member of staff, an API key, an identity provider, or a command."""
    kind, _, rest = actor.partition(":")
    if kind == "key":
        return gettext("API key %(name)s") % {"name": names.get(actor, rest[-8:])}
    if kind == "provider":
        return gettext("Provider %(name)s") % {"name": rest}
    if kind == "system":
        return gettext("System (%(command)s)") % {"command": rest.replace(":", ", ")}
    return names.get(actor, actor)


def name_actors(rows: Iterable[Any], *columns: str) -> None:
    """Read the names of who acted in each of these rows, in at most two statements."""
    rows = list(rows)
    names = names_of({getattr(row, name) for row in rows for name in columns or ("actor",)})
    for row in rows:
        row.actor_names = names


def actor_name(row: Any, actor: str) -> str:
    """Who acted, in words; of a row that `name_actors` has not prepared, two statements."""
    names = getattr(row, "actor_names", None)
    return actor_in_words(actor, names_of({actor}) if names is None else names)


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Map `staff:7` and `key:<id>` to user names and key labels, in at most two queries."""
    ids: dict[str, list[str]] = {"staff": [], "key": []}
    for actor in actors:
        kind, _, number = actor.partition(":")
        ids.get(kind, []).append(number)
    staff = get_user_model().objects.filter(pk__in=ids["staff"]).values_list("pk", "username")
    keys = ApiKey.objects.filter(pk__in=ids["key"]).values_list("pk", "prefix", "label")
    return {f"staff:{pk}": name for pk, name in staff} | {
        f"key:{pk}": f"{prefix}… ({label})" for pk, prefix, label in keys
    }


# --- Who was first --------------------------------------------------------------------------------

CHANGES: Final[Mapping[str, Any]] = {
    EventKind.HOLD_EXECUTED: _("%(who)s executed it %(when)s."),
    EventKind.HOLD_EXPIRED: _("It expired %(when)s."),
    EventKind.HOLD_RELEASED: _("%(who)s released it %(when)s."),
    EventKind.MOVEMENT_CANCELLED: _("%(who)s cancelled it %(when)s."),
    EventKind.MOVEMENT_ERROR: _("%(who)s rejected it %(when)s."),
    EventKind.MOVEMENT_RECALLED: _("%(who)s took it back %(when)s."),
    EventKind.MOVEMENT_SENT: _("%(who)s marked it as sent %(when)s."),
    EventKind.MOVEMENT_SETTLED: _("%(who)s settled it %(when)s."),
    EventKind.USER_BLOCKED: _("%(who)s blocked the user %(when)s."),
    EventKind.USER_ERASED: _("%(who)s erased the personal data %(when)s."),
    EventKind.USER_UNBLOCKED: _("%(who)s unblocked the user %(when)s."),
    EventKind.USER_UNSUBSCRIBED: _("%(who)s closed the user %(when)s."),
    EventKind.WALLET_BLOCKED: _("%(who)s blocked the wallet %(when)s."),
    EventKind.WALLET_UNBLOCKED: _("%(who)s unblocked the wallet %(when)s."),
    EventKind.WALLET_UNSUBSCRIBED: _("%(who)s closed the wallet %(when)s."),
}
"""What a member of staff reads if somebody else was faster."""


def last_changes(*ids: Any) -> dict[UUID, str]:
    """Who changed the status of each object last, and when, in a sentence; four queries.

    Members of staff have no events, and no UUIDs.
    """
    subjects = [each for each in ids if isinstance(each, UUID)]
    found = Event.objects.filter(subject_id__in=subjects, kind__in=[*CHANGES])
    events = list(found.order_by("subject_id", "-position").distinct("subject_id"))
    if not events:
        return {}
    names = names_of({event.actor for event in events if event.actor.startswith("staff:")})
    now = clock.now()
    return {
        event.subject_id: CHANGES[event.kind]
        % {"who": names.get(event.actor) or role_of(event.actor), "when": ago(event, now)}
        for event in events
    }


def role_of(actor: str) -> str:
    """What an actor without a name of its own is called."""
    return gettext("The client") if actor.startswith("key:") else gettext("The system")


def ago(event: Event, now: Any) -> str:
    if (now - event.created_at).total_seconds() < 60:
        return gettext("just now")
    return gettext("%(time)s ago") % {"time": timesince(event.created_at, now, depth=1)}
