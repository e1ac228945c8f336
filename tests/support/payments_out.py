"""The queue of payments out, as a member of staff uses it without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Any

from django.test import Client as Browser
from django.urls import reverse

from wallets.models import Movement

FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
TAG = re.compile(r"<[^>]+>")


def queue(browser: Browser, **filters: Any) -> Any:
    return browser.get(reverse("admin:payments-out"), filters)


def ids_on(answer: Any) -> list[str]:
    """The ids of the cash-outs on a page of the queue, in its order."""
    return [str(row.movement.id) for row in answer.context["rows"]]


def choose(browser: Browser, action: str, items: Iterable[Any] = (), **values: Any) -> Any:
    """Select payments on the queue: the page that asks for a confirmation."""
    body = {"action": action, "item": [str(getattr(each, "id", each)) for each in items], **values}
    return browser.post(reverse("admin:payments-out-confirm"), body)


def form_on(answer: Any) -> dict[str, list[str]]:
    """The hidden fields of a page."""
    fields: dict[str, list[str]] = {}
    for name, value in FIELD.findall(answer.text):
        fields.setdefault(name, []).append(unescape(value))
    fields.pop("csrfmiddlewaretoken", None)
    return fields


def confirm(browser: Browser, answer: Any, **values: Any) -> Any:
    """Confirm what a page asks for."""
    return send(browser, form_on(answer) | values)


def send(browser: Browser, form: dict[str, Any]) -> Any:
    return browser.post(reverse("admin:payments-out-action"), form, follow=True)


def bulk(browser: Browser, action: str, items: Iterable[Any], **values: Any) -> Any:
    return confirm(browser, choose(browser, action, items), **values)


def words_of(answer: Any) -> str:
    """The text of a page, with single spaces."""
    return " ".join(unescape(TAG.sub(" ", answer.text)).split())


def states(movements: Iterable[Movement]) -> list[str]:
    """`SENT` for a pending cash-out that was sent, else the status."""
    found = [Movement.objects.get(id=each.id) for each in movements]
    return ["SENT" if m.status == "PENDING" and m.sent_at else m.status for m in found]
