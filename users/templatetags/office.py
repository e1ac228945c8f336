"""How the back office shows ids, people, amounts of money and times: `{% load office %}`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext

from iocash import money

register = template.Library()

LAST_DIGITS = 8
"""Digits of a shortened id. Its first digits are a time, and equal for neighbours."""


@register.simple_tag(name="short_id")
def shortened(identifier: UUID | str | None) -> SafeString:
    """The end of an id, and a button that copies the whole id; empty for None.

    The button appears only with JavaScript.
    """
    if not identifier:
        return SafeString("")
    return format_html(
        '<span class="short-id"><code title="{0}">…{1}</code>'
        '<button type="button" class="copy" data-copy="{0}" aria-label="{2}" hidden></button>'
        "</span>",
        identifier,
        str(identifier)[-LAST_DIGITS:],
        gettext("Copy the id"),
    )


@register.simple_tag(name="person", takes_context=True)
def linked_person(context: Any, user: Any) -> SafeString:
    """The name of a user, and for staff who may view users, a link to its page."""
    if user is None:
        return SafeString("")
    if not context["request"].user.has_perm("users.view_user"):
        return format_html('<span class="person">{}</span>', user.display_name)
    address = reverse("admin:users_user_change", args=[user.pk])
    return format_html('<a class="person" href="{}">{}</a>', address, user.display_name)


@register.simple_tag(name="amount")
def shown_amount(minor: int | None, currency: str) -> SafeString:
    """Minor units as a grouped amount with its currency; empty for None.

    Only negative values, money that goes out, have a sign.
    """
    if minor is None:
        return SafeString("")
    kind = "amount out" if minor < 0 else "amount"
    return format_html('<span class="{}">{} {}</span>', kind, grouped(minor, currency), currency)


def grouped(minor: int, currency: str) -> str:
    """Minor units as text, grouped as in the active language: 5,000,000.00 or 5.000.000,00."""
    value = Decimal(money.to_text(minor, currency))
    return formats.number_format(value, money.decimals(currency), force_grouping=True)


@register.simple_tag(name="moment")
def shown_moment(at: datetime | None, *, seconds: bool = False) -> SafeString:
    """A time in the time zone of the member of staff, which is named; empty for None."""
    if at is None:
        return SafeString("")
    local = timezone.localtime(at)
    shown = f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"
    exact = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return format_html('<time datetime="{}">{} {}</time>', exact, shown, zone_of(local))


def zone_of(local: datetime) -> str:
    """The short name of the time zone: UTC, CET, or UTC-03 for zones without a name."""
    name = local.tzname() or "UTC"
    return f"UTC{name}" if name.startswith(("+", "-")) else name


@register.simple_tag(name="current_entry")
def current_entry(sections: Any) -> Any:
    """The entry of the menu that leads to the current page, or to the list above it; else None."""
    entries = (each for _, entries in sections for each in entries)
    return next((each for each in entries if each.is_current), None)


@register.simple_tag(name="labelled_cells")
def labelled_cells(cells: Iterable[str], headers: Iterable[dict[str, Any]]) -> SafeString:
    """The cells of a row of Django's lists, each with the text of its header in `data-label`.

    On a small screen each row is a card, and the labels stand beside the values.
    """
    pairs = zip(cells, headers, strict=True)
    return mark_safe("".join(labelled_cell(cell, header["text"]) for cell, header in pairs))  # noqa: S308  # cells of Django's


def labelled_cell(cell: str, label: Any) -> str:
    """The first tag of a cell gets the label. The column of checkboxes has none."""
    text = strip_tags(str(label)).strip()
    tag, space, rest = str(cell).partition(" ")
    if not text or not space or tag not in {"<td", "<th"}:
        return str(cell)
    return format_html('{} data-label="{}" {}', mark_safe(tag), capfirst(text), mark_safe(rest))  # noqa: S308
