"""What a refusal is, and the registry of all of their codes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from iocash.times import moment

REGISTRY: dict[str, type[Refused]] = {}


class FieldError(NamedTuple):
    """One wrong field: where (`iban.accountNumber`, `movements[3].amount`), a code, words."""

    field: str
    code: str
    detail: str


class Refused(Exception):
    """A rule said no. Nothing was changed.

    `facts` tell the caller what it needs in order to see the cause and to resolve it; those of a
    409 become the members of `conflict`, in camelCase. Amounts are decimal strings already.
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
        self.words = detail or self.detail.format(**{name: said(facts[name]) for name in facts})
        super().__init__(self.words)


def said(fact: Any) -> Any:
    """How a fact stands in words: instants as they are everywhere else."""
    return moment(fact) if isinstance(fact, datetime) else fact


class BadRequest(Refused):
    status = 400


class Unauthorized(Refused):
    status = 401


class Forbidden(Refused):
    status = 403


class Missing(Refused):
    status = 404


class Conflict(Refused):
    """`retry_after` is in seconds, where time alone resolves it."""

    status = 409
    retry_after: int | None = None


class Crash(Refused):
    status = 500


class Unavailable(Refused):
    """`retry_after` is in seconds; nothing is half done."""

    status = 503
    carries = ("retry_after",)
    retry_after: ClassVar[int] = 1
