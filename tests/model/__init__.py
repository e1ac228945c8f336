"""Models that random orders are played against: of the ledger, of users, and of races."""
