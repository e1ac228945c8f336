"""The back office of money: looked at freely, moved by orders of the ledger only."""

from wallets.admin import audits, holds, movements, users, wallets

__all__ = ["audits", "holds", "movements", "users", "wallets"]
