"""Money: wallets, movements, and the ledger that alone may change them."""
