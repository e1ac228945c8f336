"""The parties and what is recorded of them."""

from users.models.clients import ApiKey, Client, Key
from users.models.events import Event
from users.models.people import Otp, User

__all__ = ["ApiKey", "Client", "Event", "Key", "Otp", "User"]
