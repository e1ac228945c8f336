"""PostgreSQL: several statements in one trip, transactions that know their outcome, and grants."""
