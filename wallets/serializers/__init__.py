"""Bodies, queries and answers about wallets. They check shape only, no rules."""
