"""Wallets and their money: the facts, and what must never be false about them.

Amounts are integers of the currency's minor units. Only the ledger changes what is here; the
constraints, triggers and the grants of the database refuse what the ledger would never do.
"""

from wallets.models.accounts import ExternalAccount
from wallets.models.audits import Audit
from wallets.models.holds import Hold, HoldQuerySet
from wallets.models.movements import Movement, MovementQuerySet
from wallets.models.wallets import Wallet, WalletQuerySet

__all__ = [
    "Audit",
    "ExternalAccount",
    "Hold",
    "HoldQuerySet",
    "Movement",
    "MovementQuerySet",
    "Wallet",
    "WalletQuerySet",
]
