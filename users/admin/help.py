"""The pages of the manual of staff."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import select_template
from django.utils.translation import get_language, gettext

from iocash.http.languages import ENGLISH
from users import pages
from users.manual import MANUAL


@pages.page("help/", name="help", permission=None)
def contents(request: HttpRequest) -> HttpResponse:
    return pages.render(
        request, "staff/contents.html", title=gettext("Manual"), chapters=MANUAL.chapters.values()
    )


@pages.page("help/<slug:slug>/", name="help-chapter", permission=None)
def chapter_page(request: HttpRequest, slug: str) -> HttpResponse:
    chapter = MANUAL.chapters.get(slug)
    if chapter is None:
        raise Http404
    language = (get_language() or ENGLISH).partition("-")[0]
    found = select_template([f"staff/{each}/{slug}.html" for each in (language, ENGLISH)])
    return pages.render(
        request,
        "staff/chapter.html",
        title=chapter.title,
        chapter=chapter,
        chapter_template=found,
        chapters=MANUAL.chapters.values(),
    )
