"""The back office as a member of staff uses it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from wallets.models import Movement

SEARCHES = ("", "alice", "01980000-0000-7000-8000-000000000000", "%", "'", '"two words"', "é")


class Office:
    """A logged-in browser."""

    def __init__(self, person: Any) -> None:
        self.browser = Browser()
        if person:
            self.browser.force_login(person)

    def get(self, address: str, **query: Any) -> str:
        """Open a page that is there."""
        answer = self.browser.get(address, query)
        assert answer.status_code == 200, (address, query, answer.status_code)
        return answer.content.decode()

    def status(self, method: str, address: str, body: dict[str, Any] | None = None) -> int:
        return int(getattr(self.browser, method)(address, body or {}).status_code)


def list_of(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: models.Model, verb: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{verb}", args=[row.pk])


def adding(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def ways_to_ask(shown: Any) -> list[str]:
    """Everything that a list takes: nothing, words, an id, a column, and each of its filters."""
    asked = ["", "o=1.-2", "o=-3", "_facets=True", "all="]
    if shown.search_fields:
        asked += ["q=somebody", f"q={uuid4()}"]
    for each in shown.list_filter:
        name = each if isinstance(each, str) else each.parameter_name
        field = shown.model._meta.get_field(name) if isinstance(each, str) else None
        if field is not None and field.choices:
            asked += [f"{name}__exact={value}" for value, _ in field.choices]
        elif isinstance(field, models.BooleanField):
            asked += [f"{name}__exact={value}" for value in (0, 1)]
        elif field is not None:
            asked.append(f"{name}__id__exact={uuid4()}")
    return asked


def opens(office: Office, model: type[models.Model]) -> None:
    """The list opens, searched, sorted and filtered in every way; and so does each row."""
    registered = admin.site._registry[model]
    address = list_of(model)
    for term in SEARCHES:
        office.get(address, q=term)
    for column in range(1, len(registered.list_display) + 1):
        office.get(address, o=column)
        office.get(address, o=f"-{column}")
    for name in registered.list_filter:
        if not isinstance(name, str):
            for value, _ in name.lookups(name, None, registered):  # type: ignore[union-attr]
                office.get(address, **{name.parameter_name: value})  # type: ignore[union-attr]
            continue
        for value in model._default_manager.values_list(str(name), flat=True)[:3]:
            office.get(address, **{f"{name}__exact": value})
    for row in model._default_manager.all()[:3]:
        office.get(page_of(row))
        office.get(page_of(row, "history"))


def assert_read_only(office: Office, row: models.Model) -> None:
    """Not even a superuser adds, changes or deletes it."""
    model = type(row)
    before = sorted(map(str, model._default_manager.values_list()))
    values = {"status": "SUSPENDED", "user_name": "x", "balance": 1, "_save": "Save"}
    chosen = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
    if model is not Movement:  # its form is the ledger's, and refuses these values
        assert office.status("get", adding(model)) == 403
        assert office.status("post", adding(model), values) == 403
    assert office.status("post", page_of(row), values) == 403
    assert office.status("get", page_of(row, "delete")) == 403
    assert office.status("post", page_of(row, "delete"), {"post": "yes"}) == 403
    office.status("post", list_of(model), chosen)
    assert "delete_selected" not in office.get(list_of(model))
    assert sorted(map(str, model._default_manager.values_list())) == before


def queries(office: Office, model: type[models.Model]) -> int:
    """How many queries the list takes."""
    office.get(list_of(model))
    with CaptureQueriesContext(connection) as captured:
        office.get(list_of(model))
    return len(captured)


def worker(**kwargs: Any) -> Any:
    """Somebody without any permission."""
    return get_user_model().objects.create_user("worker", **{"is_staff": True} | kwargs)
