"""The bank: its messages, and what they do to the ledger."""
