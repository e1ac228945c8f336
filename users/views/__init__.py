"""The endpoints of users that need no wallet."""
