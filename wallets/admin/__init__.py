"""The back office of the ledger: its pages are read-only; actions submit orders."""

from wallets.admin import audits, holds, movements, users, wallets

__all__ = ["audits", "holds", "movements", "users", "wallets"]
