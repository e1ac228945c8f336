"""The order of the URLs: what a resource links to, and the chapters of the reference."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import include, path

from iocash.http import chapters, links
from iocash.http.operations import operation
from iocash.http.views import PublicView
from users.models import Client, Event, KycDocument, User

pytestmark = pytest.mark.urls(__name__)


class Readable(PublicView):
    @operation()
    def get(self, request: Any) -> None: ...


class Things(Readable):
    model = User


class Parts(Readable):
    model = Event


class Actions(PublicView):
    model = Client

    @operation()
    def post(self, request: Any) -> None: ...


class Others(Readable):
    model = KycDocument


THING = "things/<uuid:thing_id>"
urlpatterns = [
    path("api/v1/", include([path(f"{THING}/old-parts", Parts.as_view(), name="old-parts")])),
    path("api/v1/public/others", Others.as_view()),
    path("readyz", PublicView.as_view(), name="readyz"),
    path("api/v1/", include([path(THING, Things.as_view(), name="thing")])),
    path(f"api/v1/{THING}/action", Actions.as_view(), name="action"),
    path(f"api/v1/{THING}/parts", Parts.as_view(), name="parts"),
    path(f"api/v1/{THING}/unnamed", Parts.as_view()),
    path(f"api/v1/{THING}/parts/<uuid:part_id>", Parts.as_view(), name="part"),
    path("api/v1/others/<uuid:thing_id>", Others.as_view(), name="other"),
]


def test_wallet_links_to_each_readable_address_below_it():
    assert list(links.below("thing").items()) == [("oldParts", "old-parts"), ("parts", "parts")]


def test_chapters_have_the_order_of_collections_then_depth_then_urls():
    generator = SimpleNamespace(inspector=SimpleNamespace(patterns=urlpatterns))
    document = chapters.list_chapters({}, generator)
    names = ["KYC documents", "users", "events", "clients", "server"]
    assert [each["name"] for each in document["tags"]] == names


def test_chapter_has_a_description_only_if_there_is_one(monkeypatch):
    generator = SimpleNamespace(inspector=SimpleNamespace(patterns=urlpatterns))
    described, *_ = chapters.list_chapters({}, generator)["tags"]
    assert described["description"] == chapters.DESCRIPTIONS[described["name"]]
    monkeypatch.delitem(chapters.DESCRIPTIONS, described["name"])
    plain, *_ = chapters.list_chapters({}, generator)["tags"]
    assert plain == {"name": described["name"]}
