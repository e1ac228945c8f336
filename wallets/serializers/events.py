"""The query and the answers about events."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages, waiting
from iocash.http.links import LINKS, location
from iocash.http.naming import camel
from users.models.events import EventKind
from users.serializers.event_bodies import EventMessage, EventSubject
from wallets.serializers.shared import OF_WALLETS, hrefs

BELOW: Final[Mapping[str, str]] = {
    "movement": "movements",
    "hold": "holds",
    "external_account": "external-accounts",
    "scheduled_operation": "scheduled-operations",
}
"""Where the subjects of events are, below their wallets."""


class EventAnswer(EventMessage):
    """A change of a user, wallet, movement, hold, external account or key."""

    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, event: dict[str, Any]) -> dict[str, Any]:
        request = self.context["request"]
        links = {"self": location(request, "event", event_id=event["id"])}
        subject, subject_id = event["subject"], event["subject_id"]
        if event["wallet_id"]:
            links["wallet"] = location(request, "wallet", wallet_id=event["wallet_id"])
        if subject == "user":
            links["user"] = location(request, "user", user_id=subject_id)
        if subject in BELOW and event["wallet_id"]:
            rel = camel(subject)
            links[rel] = f"{links['wallet']}/{BELOW[subject]}/{subject_id}"
        if event["operation_id"]:
            links["operation"] = location(request, "operation", operation_id=event["operation_id"])
        return hrefs(links)


class EventSort(pages.Sort):
    """From old to new, in the order in which events happened, or the newest first."""

    words = (pages.OLDEST_FIRST, pages.NEWEST_FIRST)


class EventQuery(pages.PageQuery):
    """The filters of events; all of them together."""

    default_error_messages = {"oldest_first": "Needs the sort order createdAt,asc."}

    sort = EventSort(
        default=pages.OLDEST_FIRST,
        help_text="The order of the list. Only from old to new it is complete: no event appears "
        "later before one that you have read.",
    )
    cursor = pages.HiddenCursorToken(
        400,
        required=False,
        example="b3BhcXVl",
        help_text="Where the page begins: an opaque value from a link of another page.",
    )
    kind = fields.Several(
        fields.Choice(EventKind), required=False, help_text="Only events of these kinds."
    )
    subject = fields.Several(
        EventSubject(), required=False, help_text="Only events about objects of these kinds."
    )
    subject_id = fields.Several(
        fields.Id(), required=False, help_text="Only events about the objects with these ids."
    )
    wallet_id = fields.Several(fields.Id(), required=False, help_text=OF_WALLETS)
    user_id = fields.Several(
        fields.Id(), required=False, help_text="Only of these users and of their wallets."
    )
    start_date = fields.Instant(
        required=False,
        help_text="Only what was created at this time or later. A date alone means midnight UTC.",
    )
    wait = pages.WholeText(
        0,
        waiting.LONGEST,
        default=0,
        example=waiting.LONGEST,
        help_text="If the page would be empty: how many seconds to wait for the next event. The "
        "server may answer an empty page earlier. Needs `sort=createdAt,asc`.",
    )

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if values.get("wait") and values.get("sort") == pages.NEWEST_FIRST:
            return {"wait": "oldest_first"}
        return {}
