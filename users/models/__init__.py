"""The models of users, clients, credentials, KYC documents and events."""

from users.models.clients import ApiKey, Client, Key
from users.models.events import Event
from users.models.evidence import Access, Evidence, Review
from users.models.phones import PhoneUse
from users.models.signing import SigningKey
from users.models.users import Otp, User

__all__ = [
    "Access",
    "ApiKey",
    "Client",
    "Event",
    "Evidence",
    "Key",
    "Otp",
    "PhoneUse",
    "Review",
    "SigningKey",
    "User",
]
