"""The manual of staff, and the link to the chapter of each page."""

from __future__ import annotations

from typing import Any

import pytest
from django.template.loader import get_template

from tests.support.backoffice import Office, worker
from users.manual import MANUAL, Manual

pytestmark = pytest.mark.django_db


class At:
    """A request whose URL has a name."""

    def __init__(self, name: str | None) -> None:
        self.resolver_match: Any = type("Match", (), {"url_name": name}) if name else None


def test_page_leads_to_the_chapter_that_covers_it_best():
    manual = Manual()
    manual.add("first", "First", "…", covers=("index",))
    manual.add("money", "Money", "…", covers=("wallets_",))
    manual.add("holds", "Holds", "…", covers=("wallets_hold",))
    names = ("index", "wallets_movement_change", "wallets_hold_action", "users_user_change", None)
    found = [manual.chapter_of(At(name)).slug for name in names]  # type: ignore[arg-type]
    assert found == ["first", "money", "holds", "first", "first"]
    with pytest.raises(ValueError, match="already a chapter holds"):
        manual.add("holds", "Again", "…")


@pytest.mark.parametrize("slug", MANUAL.chapters)
def test_chapter_is_shown_in_the_back_office(slug):
    get_template(f"staff/en/{slug}.html")
    office = Office(worker())
    contents, chapter = office.get("/admin/help/"), office.get(f"/admin/help/{slug}/")
    assert f'href="/admin/help/{slug}/"' in contents
    assert "<h2>" in chapter
    assert 'id="office-menu"' in chapter


def test_unknown_chapter_is_not_found():
    assert Office(worker()).status("get", "/admin/help/unknown/") == 404


def test_manual_is_for_staff():
    assert Office(None).status("get", "/admin/help/") == 302


def test_header_links_to_the_chapter():
    assert 'class="help-link" href="/admin/help/finding-your-way/"' in Office(worker()).get(
        "/admin/account/"
    )
