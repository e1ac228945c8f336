"""Orders: the commands of the ledger. Each names its needs, checks its rules and is applied."""
