"""Members of staff who ask for approvals and decide about them on the pages of the back office."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from django.test import Client as Browser
from django.urls import reverse

from tests.support.payments_out import words_of
from users.models import Approval

REASON: Final = {"ask": "1", "approval_reason": "Letter of the bank"}


def action_address(thing: Any, name: str) -> str:
    options = thing._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_action", args=[thing.pk, name])


def ask_on_page(browser: Browser, thing: Any, name: str, **values: Any) -> Any:
    """Send the form of an action twice, as it is, then with a reason: one request is left."""
    form = {"key": str(uuid4()), **values}
    page = browser.post(action_address(thing, name), form)
    assert "Somebody else must approve this" in words_of(page), words_of(page)
    for _ in range(2):
        assert browser.post(action_address(thing, name), form | REASON).status_code == 302
    return Approval.objects.get(id=form["key"])


def decide_on_page(browser: Browser, asked: Approval, **values: Any) -> Any:
    page = browser.get(action_address(asked, "approve"))
    form = {"key": str(uuid4()), "seen": page.context["form"]["seen"].initial, **values}
    return browser.post(action_address(asked, "approve"), form, follow=True)
