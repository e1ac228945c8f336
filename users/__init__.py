"""The parties: people, companies, and the clients who speak for them. Never money."""
