"""Django's PostgreSQL backend, with cheaper checks of connections."""
