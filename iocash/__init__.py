"""The project, and the HTTP dialect that its API speaks. Knows no wallet and no user."""
