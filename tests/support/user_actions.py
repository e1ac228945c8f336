"""The verbs of a user's life, as the tests say them."""

from __future__ import annotations

from typing import Any

from iocash import errors
from tests.support import people
from tests.support.user_bodies import NEW
from users import otp, users
from users.models import Client, Event, User
from wallets import posting
from wallets.orders.users import ActivateUser

COMPANY = {
    "kind": "JURIDICAL",
    "user_name": "example-ltd",
    "company_name": "Example Ltd",
    "mobile_phone": "+34600000003",
}


def create(client: Client, values: dict[str, Any], **kwargs: Any) -> users.Made:
    return users.create(client_id=client.id, values=values, by=people.BY, **kwargs)


def replace(client: Client, user_id: Any, values: dict[str, Any]) -> users.Made:
    return users.replace(client_id=client.id, user_id=user_id, values=values, by=people.BY)


def change(user: User, **values: Any) -> User:
    return users.update(client_id=user.client_id, user_id=user.id, values=values, by=people.BY)


def kinds(user: User) -> list[str]:
    return [event.kind for event in Event.objects.about(user.id)]


def request_otp(user: User) -> User:
    return users.request_otp(client_id=user.client_id, user_id=user.id, by=people.BY)


def a_newcomer(client: Client, **values: Any) -> User:
    """Alice, or somebody like her, just created."""
    return create(client, people.ALICE | values).user


def change_phone(user: User, phone: str = NEW) -> User:
    return change(user, mobile_phone=phone)


def validate(user: User, code: str) -> User:
    """What `validate-otp` does."""
    fresh = User.objects.get(id=user.id)
    phone = otp.check_code(fresh, code)
    order = ActivateUser(client_id=user.client_id, by=people.BY, user_id=user.id, phone=phone)
    posting.submit(order)
    return User.objects.get(id=user.id)


def guess(user: User, code: str) -> errors.Refused | str:
    try:
        return otp.check_code(user, code)
    except errors.Refused as refused:
        return refused
