"""The back office of clients, their keys, users, reviews, and what was done."""

from users.admin import clients, events, people, reviews, staff

__all__ = ["clients", "events", "people", "reviews", "staff"]
