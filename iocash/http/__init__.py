"""The HTTP layer of the API: requests, responses and errors. It does not depend on wallets."""
