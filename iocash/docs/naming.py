"""The names of the Python and the TypeScript client: for their generators, and for the guides."""

from __future__ import annotations

import re
from typing import Final

RENAMED: Final = {"ClientAnswer": "ClientDetails", "UserChangeOrEnd": "UserChange"}
"""`Client` is the class with the calls."""


def class_name(schema: str) -> str:
    """Answers are named after the resource: `MovementAnswer` is `Movement`."""
    return RENAMED.get(schema) or schema.removesuffix("Answer")


def snake(name: str) -> str:
    """`walletId` is `wallet_id`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


def camel(name: str) -> str:
    """`create_movement` is `createMovement`."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def exception_name(code: str) -> str:
    """`insufficient_funds` is `InsufficientFunds`."""
    return "".join(each.capitalize() for each in code.split("_"))
