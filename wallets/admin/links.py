"""What links and titles call wallets and movements."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from users.change_lists.columns import NAMES
from users.templatetags.office import grouped
from users.templatetags.words import code_in_words
from wallets.models import Movement, Wallet


def wallet_name(wallet: Wallet) -> str:
    """The alias and the currency, or that it is a wallet in a currency."""
    if wallet.alias:
        return f"{wallet.alias} ({wallet.currency})"
    return gettext("Wallet in %(currency)s") % {"currency": wallet.currency}


def wallet_of(wallet: Wallet) -> str:
    """A wallet with the name of its owner."""
    name = {"name": wallet.user.display_name, "wallet": wallet_name(wallet)}
    return gettext("%(name)s: %(wallet)s") % name


def movement_name(movement: Movement) -> str:
    """The type and the amount of a movement."""
    amount = f"{grouped(movement.amount, movement.currency)} {movement.currency}"
    return gettext("%(type)s, %(amount)s") % {
        "type": code_in_words(movement.type),
        "amount": amount,
    }


def hold_name(hold: Any) -> str:
    """The amount of a hold or a freeze."""
    amount = f"{grouped(hold.amount, hold.currency)} {hold.currency}"
    text = gettext("Freeze of %(amount)s") if hold.is_freeze else gettext("Hold of %(amount)s")
    return text % {"amount": amount}


def account_name(account: Any) -> str:
    return account.iban or gettext("Erased bank account")


NAMES.update(
    {
        "wallets.wallet": wallet_of,
        "wallets.movement": movement_name,
        "wallets.hold": hold_name,
        "wallets.externalaccount": account_name,
    }
)
