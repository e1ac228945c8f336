"""The page that exports a list of the back office as CSV, with the list's filters and search."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_noop

from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users import pages
from users.actions import ReadOnly
from users.change_lists import exports
from users.staff.records import english_words_of_export

NO_FILTERS: Final = gettext_noop("none")
EXPORT: Final = 4
"""The action flag of an export; Django uses 1 to 3."""
FIND_ENTRY: Final = "SELECT FROM django_admin_log WHERE id = %s"


@pages.page("export/<slug:app_label>/<slug:model_name>/", name="export", permission=None)
def export(request: HttpRequest, app_label: str, model_name: str) -> HttpResponseBase:
    """The rows of a list as CSV. Each export is recorded with its filters, before it begins.

    Who may view the list may export it. A list with too many rows is refused with a message.
    """
    shown = list_of(app_label, model_name)
    if not shown.has_view_permission(request):
        raise PermissionDenied
    back = reverse(f"admin:{app_label}_{model_name}_changelist")
    asked = request.GET.copy()
    asked.pop(PAGE_VAR, None)
    request.GET = asked  # type: ignore[assignment]
    try:
        queryset = shown.get_changelist_instance(request).queryset
    except IncorrectLookupParameters:
        return HttpResponseRedirect(back)
    if exports.is_cut(shown, request, asked.get(SEARCH_VAR, "")):
        messages.error(request, gettext("The search finds too much for an export. Type more."))
        return HttpResponseRedirect(f"{back}?{asked.urlencode()}")
    number = exports.number_of_rows(queryset)
    if number > exports.MOST_ROWS:
        words = gettext(
            "This list has more than %(most)s rows. Filter or search it, then export it again."
        )
        most = number_format(exports.MOST_ROWS, force_grouping=True)
        messages.error(request, words % {"most": most})
        return HttpResponseRedirect(f"{back}?{asked.urlencode()}")
    record_export(request, shown, number)
    return StreamingHttpResponse(
        exports.csv_lines(queryset, shown.csv_columns, shown.prepare),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name(shown)}"'},
    )


def list_of(app_label: str, model_name: str) -> ReadOnly:
    """The registered list of a model that has columns for CSV.

    Raises:
        Http404: there is none.
    """
    lists = {model._meta.label_lower: each for model, each in admin.site._registry.items()}
    found = lists.get(f"{app_label}.{model_name}")
    if not isinstance(found, ReadOnly) or not found.csv_columns:
        raise Http404
    return found


def file_name(shown: ReadOnly) -> str:
    at = clock.now()
    return f"{shown.opts.model_name}-{at:%Y-%m-%dT%H%M}Z.csv"


def record_export(request: HttpRequest, shown: ReadOnly, number: int) -> None:
    """Record in the log of the back office who exported what."""
    filters = exports.filters_in_log(request.GET.dict(), shown.list_filter) or NO_FILTERS
    user: Any = request.user
    with single_transaction():
        entry = LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(shown.model, for_concrete_model=False),
            object_repr=str(shown.opts.verbose_name_plural)[:200],
            action_flag=EXPORT,
            change_message=english_words_of_export(number, filters[:500]),
        )
        note_witness(Witness(FIND_ENTRY, [entry.pk]))
