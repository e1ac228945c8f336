"""Pages of our own in the back office."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.template.response import TemplateResponse

from tests.support.backoffice import worker
from users.pages import OwnPages, render

pytestmark = pytest.mark.django_db


@pytest.fixture
def registered() -> OwnPages:
    own = OwnPages()

    @own.page("numbers/<int:number>/", name="numbers", permission="users.view_user")
    def numbers(request, number):
        return HttpResponse(str(number))

    @own.page("everybody/", name="everybody", permission=None)
    def everybody(request):
        return render(request, "admin/base_site.html", title="For everybody", status=202)

    return own


def test_pages_become_patterns_inside_the_log_in_of_the_site(registered):
    wrapped: list[Any] = []

    def admin_view(view):
        wrapped.append(view)
        return view

    patterns = list(registered.patterns(admin_view))
    assert [(str(each.pattern), each.name) for each in patterns] == [
        ("numbers/<int:number>/", "numbers"),
        ("everybody/", "everybody"),
    ]
    assert len(wrapped) == 2


def test_page_refuses_staff_without_its_permission(registered, rf, staff):
    numbers, everybody = (each.view for each in registered.registered.values())
    request = rf.get("/")
    request.user = worker()
    with pytest.raises(PermissionDenied):
        numbers(request, number=7)
    assert everybody(request).status_code == 202
    request.user = staff
    assert numbers(request, number=7).content == b"7"


def test_page_has_its_title_and_the_context_of_the_site(registered, rf, staff):
    request = rf.get("/")
    request.user = staff
    answer = registered.registered["everybody"].view(request)
    assert isinstance(answer, TemplateResponse)
    assert answer.context_data
    assert answer.context_data["title"] == "For everybody"
    assert answer.context_data["has_permission"]


def test_name_of_a_page_is_used_once(registered):
    with pytest.raises(ValueError, match="already a page with the name numbers"):
        registered.page("other/", name="numbers", permission=None)


def test_page_is_open_with_its_permission_only(registered, staff):
    assert registered.is_open("numbers", staff)
    assert not registered.is_open("numbers", worker())
    assert not registered.is_open("missing", staff)
