"""What callers send about Alice, Bob and a company, and what they find in the answers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tests.support import people
from tests.support.people import Answer
from users.models import Otp, User
from wallets.models import Wallet

ALICE = {
    "kind": "NATURAL",
    "userName": "alice",
    "firstName": "Alice",
    "lastName": "Example",
    "mobilePhone": "+34600000001",
}
BOB = ALICE | {"userName": "bob", "firstName": "Bob", "mobilePhone": "+34600000002"}
COMPANY = {
    "kind": "JURIDICAL",
    "userName": "example-ltd",
    "companyName": "Example Ltd",
    "mobilePhone": "+34600000003",
}
NEW = "+34600000009"
"""A number that nobody has yet."""

HOST = "http://testserver"
ROOT = f"{HOST}/api/v1"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def path_of(user: User, rest: str = "") -> str:
    return f"users/{user.id}{rest}"


def filled(path: str, wallet: Wallet) -> str:
    """The path of what is Alice's, who has one movement."""
    (movement,) = people.movements(wallet)
    return path.format(user=wallet.user_id, wallet=wallet.id, movement=movement.id)


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 10**6:06d}"


def retry_at(answer: Answer) -> datetime:
    """When to try again, as the conflict tells it, to the millisecond."""
    told = datetime.fromisoformat(answer.json["conflict"]["retryAt"])
    return told.replace(microsecond=told.microsecond // 1000 * 1000)


def due(phone: str) -> datetime:
    """A minute after the last code to this number, to the millisecond."""
    at = Otp.objects.get(mobile_phone=phone).sent_at + timedelta(seconds=60)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def tells(code: str, text: str) -> bool:
    """Whether the code is in the text; as part of a longer number or an id it is not."""
    return bool(re.search(rf"(?<![0-9a-f.]){code}(?![0-9a-f])", text))
