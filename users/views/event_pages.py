"""Pages of events: in the order of their positions, complete, and with a place to go on at."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request

from iocash import errors
from iocash.http.cursors import Cursor, HiddenCursor
from iocash.http.pages import LAST, NEXT, OLDEST_FIRST, Listing, Parts, ScanningPages
from users.models import Barrier, Event
from users.models.barrier import release_events


class EventPages(ScanningPages):
    """From old to new they end at the barrier, and `resume` leads to what comes afterwards.

    The values of the listing have `until`, the last position; None: there is no end.
    """

    columns = ("position",)
    cursor_kind = HiddenCursor
    links_schema: ClassVar[dict[str, Any]] = {"$ref": "#/components/schemas/EventPageLinks"}
    archived = 0
    """The position up to which events are in an archive."""
    released = 0
    """The position up to which the page was read."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.edge = None
        if view.query["sort"] != OLDEST_FIRST:
            return super().paginate_queryset(queryset, request, view)
        columns = ("released_position", "archived_position", "archived_until")
        self.released, self.archived, until = Barrier.objects.values_list(*columns).get()
        if until is not None:
            self.require_kept(view.query, until)
        rows = super().paginate_queryset(self.up_to(queryset), request, view)
        if self.is_at_the_end:
            before, self.released = self.released, release_events()
            if before < self.released:
                self.edge = None
                return super().paginate_queryset(self.up_to(queryset), request, view)
        return rows

    def up_to(self, listing: Listing) -> Listing:
        """End at the barrier, and begin behind what is only in an archive."""
        values = {**listing.values, "until": self.released}
        if self.archived:
            values["since"] = max(values["since"] or 0, self.archived + 1)
        return listing._replace(values=values)

    def require_kept(self, query: dict[str, Any], until: datetime) -> None:
        """Check that the page begins behind what is only in an archive.

        Raises:
            InvalidParameters: the cursor or the date lies before.
        """
        cursor: Cursor | None = query.get("cursor")
        start: datetime | None = query.get("start_date")
        if cursor and cursor.where != LAST and cursor.place < self.archived:
            raise archived("cursor", until)
        if start is not None and start < until:
            raise archived("startDate", until)

    @property
    def is_at_the_end(self) -> bool:
        return self.where == LAST or (self.where == NEXT and not self.more and self.edge is None)

    def place_of_key(self, key: Any) -> tuple[int, str]:
        return key[0], ""

    def place(self, row: Event) -> tuple[int, str]:
        return row.position, ""

    def key(self, cursor: Cursor) -> list[Any]:
        return [cursor.place]

    def beyond(self, key: list[Any], descending: bool) -> Q:
        return Q(("position__lt" if descending else "position__gt", key[0]))

    def until(self, key: list[Any], descending: bool) -> Q:
        return Q(("position__gte" if descending else "position__lte", key[0]))

    def _cursors(self) -> dict[str, Cursor | None]:
        cursors = super()._cursors()
        if self.sort == OLDEST_FIRST:
            cursors["resume"] = cursors.get("next") or self.cursor_at(NEXT, (self.reached, ""))
        return cursors

    @property
    def reached(self) -> int:
        """The position up to which a reader has read everything, at the end of the list."""
        known = self.cursor.place if self.cursor else 0
        return max(self.released, known)


def archived(field: str, until: datetime) -> errors.InvalidParameters:
    """The refusal of a query for events that are not kept in the database any more."""
    words = "Events before {time} are archived. Ask the operator for them; begin at that time."
    message = errors.Message(words, time=until.isoformat())
    return errors.InvalidParameters(errors.FieldError(field, "archived", message))


def rows_of_events(
    client_id: UUID | None,
    until: int | None,
    since: int | None,
    filters: dict[str, Any],
) -> Parts:
    """The events of a client between two positions that the filters leave.

    The filters are those of `EventQuerySet.chosen`.
    """
    walked = Event.objects.owned_by(client_id)
    walked = walked if until is None else walked.filter(position__lte=until)
    walked = walked if since is None else walked.filter(position__gte=since)
    found = walked.chosen(**filters)
    if subject_ids := filters["subject_ids"]:
        return Parts([found.filter(subject_id=each) for each in subject_ids])
    found_by_index = {"start_date"} if since is not None else set()
    is_sparse = any(
        value is not None for name, value in filters.items() if name not in found_by_index
    )
    return Parts([found], [walked] if is_sparse else None)
