"""What staff see of a document: pictures of its pages, drawn by us, and the original to save.

No browser of ours opens what was sent: a file can be made for the program that shows it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.templatetags.static import static

from iocash import errors
from users import kyc
from users.documents import MOST_PAGES, PDF, processes
from users.models import KycDocument

HARMLESS = "default-src 'none'; frame-ancestors 'none'; sandbox"


class Shown(NamedTuple):
    """The pages that the review page shows, and the number of further pages."""

    pages: range
    more: int = 0


def displayed_pages(document: KycDocument) -> Shown | None:
    """What can be drawn of a document; None for a block of facts.

    Raises:
        Overloaded: too many documents are being processed.
    """
    if not document.is_file:
        return None
    count = pages(document) if document.media_type == PDF else 1
    most = min(count, MOST_PAGES)
    return Shown(range(1, most + 1), count - most)


def pages(document: KycDocument) -> int:
    """How many pages can be drawn: none of a file that was lost, or is being erased."""
    try:
        with kyc.open_file(document) as file:
            content = file.read()
    except (FileNotFoundError, errors.NotFound):
        return 0
    return processes.page_count(content, PDF)


def page_image(document: KycDocument, number: int) -> HttpResponseBase:
    """A page as a JPEG; when it can't be drawn, a picture that says so.

    Raises:
        Overloaded: too many documents are being processed.
    """
    if not 1 <= number <= MOST_PAGES:
        raise Http404
    with opened(document) as file:
        content = file.read()
    drawn = processes.draw(content, document.media_type, number)
    if not drawn:
        return HttpResponseRedirect(static("iocash/not-displayed.svg"))
    return guarded(HttpResponse(drawn, content_type="image/jpeg"))


def original(document: KycDocument) -> HttpResponseBase:
    """The file as it was sent, for the browser to save."""
    response = FileResponse(opened(document), content_type=document.media_type)
    ending = document.media_type.rpartition("/")[2]
    response.headers["Content-Disposition"] = f'attachment; filename="{document.id}.{ending}"'
    return guarded(response)


def opened(document: KycDocument) -> Any:
    """The file; Http404 while it is being erased. A file that was lost is an error of ours."""
    try:
        return kyc.open_file(document)
    except errors.NotFound:
        raise Http404 from None


def guarded(response: Any) -> HttpResponseBase:
    """Let the browser run nothing, frame nothing, guess nothing, and keep nothing."""
    response.headers["Content-Security-Policy"] = HARMLESS
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    checked: HttpResponseBase = response
    return checked
