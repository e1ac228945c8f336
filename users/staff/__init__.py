"""Members of staff: roles, second factor, recovery codes, sessions, activation and deletion."""
