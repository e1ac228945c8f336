"""The base class of refusals, and the registry of all their codes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from iocash.errors.messages import Message
from iocash.times import moment

REGISTRY: dict[str, type[Refused]] = {}

ACRONYMS = {name.lower(): name for name in ("CSRF", "HTTPS", "JSON", "OTP")}


class FieldError(NamedTuple):
    """One wrong field: its path (`iban.accountNumber`, `movements[3].amount`), code and text.

    A text with values in it is a `Message`.
    """

    field: str
    code: str
    detail: str


class Refused(Exception):
    """A rule does not allow the request. Nothing was changed.

    `facts` let the caller see the cause and resolve it. The facts of a 409 become the members of
    `conflict`, in camelCase. Amounts are already decimal strings. `words` is the `detail` that the
    caller reads: a `Message`, or the plain text that was given.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    detail: ClassVar[str]
    carries: ClassVar[tuple[str, ...]] = ()
    """The facts that it may have, and no others."""

    def __init_subclass__(cls) -> None:
        if code := cls.__dict__.get("code"):
            if code in REGISTRY:
                raise TypeError(f"{code} is taken")
            REGISTRY[code] = cls

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        if not facts.keys() <= {*self.carries}:
            raise TypeError(f"{self.code} carries no {sorted(facts)}")
        self.facts = facts
        self.words = detail or Message(
            self.template(), **{name: fact_text(facts[name]) for name in facts}
        )
        super().__init__(self.words)

    @classmethod
    def title(cls) -> str:
        """The name of the error for people: its code in words."""
        first, *rest = (ACRONYMS.get(word, word) for word in cls.code.split("_"))
        return " ".join([first[:1].upper() + first[1:], *rest])

    def template(self) -> str:
        """The text of `detail`; overridden where it depends on the facts."""
        return self.detail


def fact_text(fact: Any) -> Any:
    """A fact as text: instants are written as everywhere in the API."""
    return moment(fact) if isinstance(fact, datetime) else fact


Refusals = tuple[type[Refused], ...]
"""What a handler, or an order, may refuse with."""


class BadRequest(Refused):
    status = 400


class Unauthorized(Refused):
    """`challenge` is the `error` of RFC 6750, 3.1; empty where the request had no credentials."""

    status = 401
    challenge: ClassVar[str] = "invalid_token"


class Forbidden(Refused):
    """`challenge` is as for Unauthorized; empty where other credentials would not help."""

    status = 403
    challenge: ClassVar[str] = ""


class Missing(Refused):
    status = 404


class Conflict(Refused):
    """`retry_after` is in seconds; it is set where the conflict resolves itself in time."""

    status = 409
    retry_after: int | None = None


class Crash(Refused):
    status = 500


class Unavailable(Refused):
    """`retry_after` is in seconds. Nothing was changed in part."""

    status = 503
    carries = ("retry_after",)
    retry_after: ClassVar[int] = 1
