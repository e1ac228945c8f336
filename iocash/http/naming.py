"""Names in the API and in its clients: for the API, the generators and the guides."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

RENAMED: Final = {"ClientAnswer": "ClientDetails", "UserChangeOrEnd": "UserChange"}
"""`Client` is the class with the calls."""


def class_name(schema: str) -> str:
    """Answers are named after the resource: `MovementAnswer` is `Movement`."""
    return RENAMED.get(schema) or schema.removesuffix("Answer")


def snake(name: str) -> str:
    """`walletId` is `wallet_id`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


@cache
def camel(name: str) -> str:
    """Convert a name to camelCase.

    >>> camel("retry_at"), camel("_links")
    ('retryAt', '_links')
    """
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda found: found[1].upper(), name)


def exception_name(code: str) -> str:
    """`insufficient_funds` is `InsufficientFunds`."""
    return "".join(each.capitalize() for each in code.split("_"))
