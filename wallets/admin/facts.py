"""What confirmations say about people, wallets and amounts."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from users.actions import Facts, address_of
from users.models import User
from users.templatetags.office import grouped
from wallets.admin.spelling import spelled
from wallets.models import Wallet


def with_currency(minor: int, currency: str) -> str:
    """A grouped amount and its currency; negative for money that goes out."""
    return f"{grouped(minor, currency)} {currency}"


def said(minor: int, currency: str) -> str:
    """An amount in words, in the language of the member of staff."""
    return spelled(minor, currency, get_language() or "en")


def amount_facts(minor: int, currency: str) -> Facts:
    """An amount in figures and in words."""
    return [
        (_("Amount"), with_currency(minor, currency)),
        (_("In words"), said(minor, currency)),
    ]


def owner_of(wallet: Wallet) -> SafeString:
    """The name and the user name of the owner, with a link to its page."""
    return named_user(wallet.user)


def named_user(user: User) -> SafeString:
    return format_html(
        '<a href="{}">{}</a> ({})', address_of(user), user.display_name, user.user_name or "-"
    )


def name_of_wallet(wallet: Wallet) -> str:
    return f"{wallet.user.display_name}, {wallet.currency}"


def wallet_facts(wallet: Wallet, owner: Any = None) -> Facts:
    """The owner, the wallet and its money; the wallet was read with `seen`."""
    shown = format_html(
        '<a href="{0}" title="{1}">{2} …{3}</a>',
        address_of(wallet),
        wallet.id,
        wallet.currency,
        str(wallet.id)[-8:],
    )
    return [
        (owner or _("Owner"), owner_of(wallet)),
        (_("Wallet"), shown),
        (_("Balance"), with_currency(wallet.balance, wallet.currency)),
        (_("Held"), with_currency(wallet.held_now, wallet.currency)),
        (_("Available"), with_currency(wallet.available, wallet.currency)),
    ]


def user_facts(user: User) -> Facts:
    """The name of a user and the money in each of its wallets."""
    facts: list[tuple[Any, object]] = [
        (_("Name"), named_user(user)),
        (_("Phone number"), user.mobile_phone or "-"),
    ]
    for wallet in Wallet.objects.filter(user=user).seen().order_by("created_at"):
        money = {
            "balance": with_currency(wallet.balance, wallet.currency),
            "held": with_currency(wallet.held_now, wallet.currency),
            "available": with_currency(wallet.available, wallet.currency),
        }
        label = gettext("Wallet %(currency)s") % {"currency": wallet.currency}
        text = gettext("Balance %(balance)s, held %(held)s, available %(available)s") % money
        facts.append((label, text))
    return facts


def read_again(wallet_id: Any) -> Wallet:
    """A wallet with its owner and what is held now."""
    return Wallet.objects.seen().select_related("user").get(id=wallet_id)
