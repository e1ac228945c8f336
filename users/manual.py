"""The manual of staff: chapters at `/admin/help/`, and which chapter explains which page.

A chapter is the template `staff/<language>/<slug>.html`. Without a translation, the English one
is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class ManualChapter:
    """A page of the manual. `covers`: the beginnings of the names of the URLs that it explains."""

    slug: str
    title: Any
    sentence: Any
    covers: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return reverse("admin:help-chapter", args=[self.slug])


@dataclass(slots=True)
class Manual:
    """The chapters, in order. The first one is for pages that no chapter covers."""

    chapters: dict[str, ManualChapter] = field(default_factory=dict)

    def add(self, slug: str, title: Any, sentence: Any, *, covers: tuple[str, ...] = ()) -> None:
        """Add a chapter.

        Raises:
            ValueError: there is a chapter with this slug.
        """
        if slug in self.chapters:
            raise ValueError(f"There is already a chapter {slug}.")
        self.chapters[slug] = ManualChapter(slug, title, sentence, covers)

    def chapter_of(self, request: HttpRequest) -> ManualChapter:
        """The chapter that explains the page of this request: that with the longest match."""
        name = request.resolver_match.url_name if request.resolver_match else None
        first, *_others = self.chapters.values()
        matches = [
            (len(beginning), chapter)
            for chapter in self.chapters.values()
            for beginning in chapter.covers
            if (name or "").startswith(beginning)
        ]
        return max(matches, key=lambda match: match[0])[1] if matches else first


MANUAL: Final = Manual()
"""The manual of the back office."""

MANUAL.add(
    "finding-your-way",
    _("Finding your way"),
    _("The menu, the search, lists, and your account."),
    covers=("account", "password_change", "second-factor"),
)
