"""What was given back of a movement, and by which reversals."""

from __future__ import annotations

from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext

from users.actions import address_of
from wallets.admin.facts import with_currency
from wallets.models import Movement

REVERSIBLE: Final = (Movement.Type.CASH_IN, Movement.Type.TRANSFER)
MOST_SHOWN: Final = 20
"""The most reversals that the page of a movement links to: the first ones."""


def amount_left(movement: Movement) -> int:
    """What can still be reversed, in minor units; 0 of a type that is never reversed."""
    if movement.type not in REVERSIBLE:
        return 0
    return movement.magnitude - Movement.objects.seen().get(id=movement.id).reversed_amount


def reversals_in_words(movement: Movement) -> Any:
    """Whether it is reversed in full or in part, with links to its reversals; "" if it is not."""
    found = Movement.objects.filter(client=movement.client_id, reversal_of=movement)
    shown = list(found.order_by("id")[:MOST_SHOWN])
    if not shown:
        return ""
    left = amount_left(movement)
    values = {
        "amount": with_currency(movement.magnitude - left, movement.currency),
        "left": with_currency(left, movement.currency),
    }
    text = (
        gettext("Reversed") if left == 0 else gettext("Partly reversed: %(amount)s; %(left)s left")
    )
    links = format_html_join(
        ", ",
        '<a href="{}">{}</a>',
        ((address_of(each), with_currency(each.magnitude, each.currency)) for each in shown),
    )
    return format_html("{} ({})", text % values, links)
