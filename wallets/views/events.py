"""The endpoints of events."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from rest_framework.request import Request

from iocash import errors
from iocash.http import fields, waiting
from iocash.http.operations import operation
from iocash.http.pages import NEXT, Listing
from iocash.http.rendering import Response
from users.models import Event
from users.models.events import EventKind, position_since
from users.serializers.event_bodies import published, subject_of_kind
from users.views.event_pages import EventPages, rows_of_events
from users.views.latest import LATEST
from users.views.users import ClientView
from wallets.models import Wallet
from wallets.serializers.events import EventAnswer, EventQuery


class EventView(ClientView):
    scope = "events"
    model = Event
    serializer_class = EventAnswer
    path_fields = {"event_id": fields.Id(help_text="The id of the event.")}


class EventListView(EventView):
    """What has happened to the client's users, wallets and money."""

    title = "Events"
    collection = "events"
    pagination_class = EventPages

    @operation(name="list_events", query=EventQuery)
    def get(self, request: Request) -> Response:
        """List the events of the client.

        From old to new by default: complete, and for each wallet in the order of its changes. Keep
        the link `resume` of the last page, and follow it to read what comes afterwards; with `wait`
        the response comes as soon as there is an event.

        An operator can archive events after years: the list begins behind them, and a cursor or
        `startDate` before is refused with the code `archived`.
        """
        until, client_id = time.monotonic() + self.query["wait"], self.caller.client_id
        listing = self.listing()
        response = self.page(listing)
        while self.can_wait() and self.wait_for_more(until - time.monotonic()):
            if client_id is not None:
                self.look_up()  # the key may have been revoked meanwhile
            response = self.page(listing)
        return response

    def can_wait(self) -> bool:
        pages: Any = self.paginator
        return not pages.rows and pages.where == NEXT and pages.is_at_the_end

    def wait_for_more(self, seconds: float) -> bool:
        """Wait until the client has a later event; return whether it has."""
        pages: Any = self.paginator
        client_id, reached = self.caller.client_id, pages.reached
        if seconds <= 0:
            return False
        with LATEST.here.of(client_id) as may_wait:
            return may_wait and waiting.wait_for(
                lambda: LATEST.here.position(client_id) > reached, seconds
            )

    def paginate_queryset(self, queryset: Any) -> Any:
        """The values of the events of the page."""
        return published(super().paginate_queryset(queryset) or ())

    def listing(self) -> Listing:
        """The events that the query asks for."""
        query, client_id = self.query, self.caller.client_id
        start, users = query.get("start_date"), query.get("user_id")
        owned = Wallet.objects.owned_by(client_id).filter(user__in=users or [])
        filters = {
            "kinds": self.kinds(),
            "subject_ids": query.get("subject_id"),
            "wallet_ids": query.get("wallet_id"),
            "user_ids": users,
            "wallets_of_users": list(owned.values_list("id", flat=True)) if users else None,
            "start_date": start,
        }
        since = position_since(client_id, start) if client_id and start else None
        values = {"client_id": client_id, "until": None, "since": since, "filters": filters}
        return Listing(rows_of_events, values)

    def kinds(self) -> list[str] | None:
        """The kinds that `kind` and `subject` leave; None: all."""
        kinds, subjects = self.query.get("kind"), self.query.get("subject")
        if subjects is None:
            return None if kinds is None else [str(each) for each in kinds]
        return [str(each) for each in kinds or EventKind if subject_of_kind(each) in subjects]


class EventDetailView(EventView):
    """One event."""

    title = "Event"

    @operation(name="get_event")
    def get(self, request: Request, event_id: UUID) -> Response:
        """Get an event.

        As it was recorded: also if what it is about has changed since.
        """
        found = Event.objects.owned_by(self.caller.client_id).filter(id=event_id)
        events = published(list(found))
        if not events:
            raise errors.NotFound()
        return Response(self.show(events[0]))
