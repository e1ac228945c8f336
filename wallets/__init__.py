"""Wallets, movements and holds, and the ledger, which alone changes them."""
