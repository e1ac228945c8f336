"""The back office of clients, their keys, users, reviews, and what was done."""

from users.admin import clients, events, reviews, staff, users

__all__ = ["clients", "events", "reviews", "staff", "users"]
