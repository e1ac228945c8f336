"""Refusals of the ledger as a member of staff reads them: with units, and with the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors, money

WALLETS: Final = {
    "BLOCKED": _("The wallet is blocked. Unblock it first."),
    "UNSUBSCRIBED": _("The wallet is closed permanently. Use another wallet."),
}
OWNERS: Final = {
    "BLOCKED": _("The owner is blocked. Unblock the user first."),
    "CREATED": _("The owner has not verified a phone number yet."),
    "UNSUBSCRIBED": _("The owner is closed permanently."),
    "VERIFIED": _("The owner is not activated yet."),
}
MOVEMENTS: Final = {
    "CANCELLED": _("The client has cancelled it."),
    "ERROR": _("It has been rejected already."),
    "SUCCESS": _("It has been settled already."),
}
HOLDS: Final = {
    "EXECUTED": _("The hold has been executed already."),
    "EXPIRED": _("The hold has expired."),
    "RELEASED": _("The hold has been released already."),
}


def by_status(texts: Mapping[str, Any]) -> Callable[[errors.Refused], str]:
    """A text for each status; for others, what the caller of the API reads."""

    def text(refused: errors.Refused) -> str:
        found = texts.get(refused.facts.get("status", ""))
        return str(found) if found else plain_words(refused)

    return text


def plain_words(refused: errors.Refused) -> str:
    return errors.translated(refused.words, gettext)


def with_money(refused: errors.Refused, *names: str) -> dict[str, str]:
    """The amounts among the facts, grouped and with their currency."""
    currency = refused.facts["currency"]
    places = money.decimals(currency)
    return {
        name: f"{number_format(Decimal(value), places, force_grouping=True)} {currency}"
        for name in names
        if (value := refused.facts.get(name)) is not None
    }


def insufficient(refused: errors.Refused) -> str:
    shown = with_money(refused, "available", "required")
    return gettext("Available: %(available)s; this needs %(required)s.") % shown


def limited(refused: errors.Refused) -> str:
    text = plain_words(refused)
    if at := refused.facts.get("resets_at"):
        return gettext("%(refusal)s It is possible from %(time)s on.") % {
            "refusal": text,
            "time": date_format(timezone.localtime(at), "DATETIME_FORMAT"),
        }
    return gettext("%(refusal)s Enter a smaller amount.") % {"refusal": text}


def too_much_to_reverse(refused: errors.Refused) -> str:
    if not Decimal(refused.facts["left"]):
        return plain_words(refused)
    shown = with_money(refused, "left", "requested")
    return (
        gettext(
            "Not yet reversed: %(left)s; you entered %(requested)s. Leave the amount empty to "
            "reverse what is left."
        )
        % shown
    )


def transition(refused: errors.Refused) -> str:
    if refused.facts.get("status") == refused.facts.get("requested"):
        return gettext("This has been done already.")
    return plain_words(refused)


def unknown_outcome(refused: errors.Refused) -> str:
    return gettext(
        "The database did not confirm this, so it may have been done. Send the form again "
        "without changes: it is done only once."
    )


def trouble(refused: errors.Refused) -> str:
    return gettext("%(refusal)s Send the form again.") % {"refusal": plain_words(refused)}


TEXTS: Final[Mapping[type[errors.Refused], Callable[[errors.Refused], str]]] = {
    errors.CashOutInFile: lambda _: gettext("It is in a bank file, which decides about it."),
    errors.CashOutNotSent: lambda _: gettext("It has not been sent. Mark it as sent first."),
    errors.CashOutSent: lambda _: gettext("It has been marked as sent already."),
    errors.HoldNotOpen: by_status(HOLDS),
    errors.IdempotencyKeyReused: lambda _: gettext(
        "This form was sent before with other values, and that was done. To do something else, "
        "open the form anew."
    ),
    errors.InsufficientFunds: insufficient,
    errors.InvalidTransition: transition,
    errors.LimitExceeded: limited,
    errors.MovementNotPending: by_status(MOVEMENTS),
    errors.OutcomeUnknown: unknown_outcome,
    errors.ReversalExceeded: too_much_to_reverse,
    errors.UserNotActive: by_status(OWNERS),
    errors.VersionConflict: lambda _: gettext("It has changed since you opened the page."),
    errors.WalletNotReady: by_status(WALLETS),
}

ABOUT_AMOUNTS: Final = (errors.InsufficientFunds, errors.LimitExceeded, errors.ReversalExceeded)


def explain_refusal(refused: errors.Refused) -> tuple[str | None, str]:
    """The field that the refusal is about, or None, and the text with the way out."""
    field = "amount" if isinstance(refused, ABOUT_AMOUNTS) else None
    for kind in type(refused).__mro__:
        if text := TEXTS.get(kind):
            return field, text(refused)
    if isinstance(refused, errors.Unavailable):
        return field, trouble(refused)
    return field, plain_words(refused)
