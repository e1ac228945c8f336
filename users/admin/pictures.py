"""Documents in the back office: their pages rendered as JPEGs, and the original as a download.

Browsers of staff never open the original: it could contain an exploit for its viewer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.templatetags.static import static

from iocash import errors
from users.documents import MOST_PAGES, PDF, processes
from users.kyc import looks
from users.models import KycDocument

CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


class Preview(NamedTuple):
    """The pages that the review page shows, and the number of further pages."""

    pages: range
    more: int = 0


def preview(document: KycDocument) -> Preview | None:
    """The pages of a document that are displayed; None for a block.

    Raises:
        Overloaded: too many documents are being processed.
    """
    if not document.is_file:
        return None
    count = count_pdf_pages(document) if document.media_type == PDF else 1
    most = min(count, MOST_PAGES)
    return Preview(range(1, most + 1), count - most)


def count_pdf_pages(document: KycDocument) -> int:
    """The number of pages that can be rendered; 0 if the file is missing or being erased."""
    try:
        with looks.open_file(document) as file:
            content = file.read()
    except (FileNotFoundError, errors.NotFound):
        return 0
    return processes.page_count(content, PDF)


def page_image(document: KycDocument, number: int) -> HttpResponseBase:
    """A page as a JPEG. Redirects to a placeholder image if it can't be rendered.

    Raises:
        Overloaded: too many documents are being processed.
    """
    if not 1 <= number <= MOST_PAGES:
        raise Http404
    with open_or_404(document) as file:
        content = file.read()
    drawn = processes.draw(content, document.media_type, number)
    if not drawn:
        return HttpResponseRedirect(static("iocash/not-displayed.svg"))
    return guarded(HttpResponse(drawn, content_type="image/jpeg"))


def original(document: KycDocument) -> HttpResponseBase:
    """The original file, as a download."""
    response = FileResponse(open_or_404(document), content_type=document.media_type)
    ending = document.media_type.rpartition("/")[2]
    response.headers["Content-Disposition"] = f'attachment; filename="{document.id}.{ending}"'
    return guarded(response)


def open_or_404(document: KycDocument) -> Any:
    """Open the file.

    Raises:
        Http404: the file is being erased.
        FileNotFoundError: the file is missing, which is a fault of the server.
    """
    try:
        return looks.open_file(document)
    except errors.NotFound:
        raise Http404 from None


def guarded(response: Any) -> HttpResponseBase:
    """Forbid scripts, frames, content sniffing and caching."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    checked: HttpResponseBase = response
    return checked
