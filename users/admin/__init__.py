"""The back office of clients, keys, users, reviews, events and staff."""

from users.admin import clients, events, reviews, staff, users

__all__ = ["clients", "events", "reviews", "staff", "users"]
