"""The project: settings, URLs, the HTTP layer and the database tools. No users or wallets."""
