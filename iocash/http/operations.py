"""What each handler takes, answers and refuses, declared in one place: over the handler.

`View` finds the operation of a request by its method, permissions and the parser ask it what the
handler may do, and the OpenAPI document is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

from iocash import errors
from iocash.http import fields

EXPLAINED: Final = '</api/docs/versions>; rel="deprecation"; type="text/html"'

Handler = TypeVar("Handler", bound=Callable[..., Any])


class FlagText(fields.Flag):
    """A flag in a query string, where everything is text."""

    def to_internal_value(self, data: Any) -> bool:
        return super().to_internal_value({"true": True, "false": False}.get(data))


class DryRunQuery(fields.Serializer):
    """The parameter of handlers with a dry run."""

    dry_run = FlagText(
        default=False,
        help_text=(
            "`true`: only check whether the request would succeed, and answer 200 with what it "
            "would create, as `x-dry-run` describes it. Nothing is changed, and the "
            "`Idempotency-Key` is not used. If the key was used before, the response is that of a "
            "retry."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The declaration of one handler. It is a decorator, and changes nothing of the handler."""

    name: str = ""
    """The name of the operation in the OpenAPI document, and of a method in generated clients."""
    text: str = ""
    """Its summary and, after a blank line, its description in the OpenAPI document; blank: the
    docstring of the handler."""
    query: type[fields.Serializer] | None = None
    """Its query parameters; None: there are none, but `dryRun` if it has a dry run."""
    dry_run: type[fields.Serializer] | None = None
    """What it answers to `dryRun=true`, with 200; None: it has no dry run."""
    body: type[fields.Serializer] | None = None
    """Its body, which `View.body` validates; None: the handler looks at none."""
    body_optional: bool = False
    """Whether the body may be left out."""
    max_body_bytes: int | None = None
    """The size limit of the body; None: MAX_BODY_BYTES of the settings."""
    reads: bool = False
    """Whether a POST changes nothing of money or users, so that the scope to read is enough."""
    keyed: bool = False
    """Whether it reads an Idempotency-Key."""
    conditional: bool = False
    """Whether it reads `If-Match` of a versioned resource; PATCH and PUT of one always do."""
    answers: type[fields.Serializer] | None = None
    """Its successful response; None: the view's `serializer_class`, in pages if it is a list."""
    statuses: tuple[HTTPStatus, ...] = ()
    """The statuses of its successes; none here: 201 of a POST, and 200 of any other method."""
    refuses: errors.Refusals = ()
    """What it may refuse with beyond what follows from its method, its address and the above."""
    staff_permissions: tuple[str, ...] = ()
    """The permissions of which staff need one; none here: to add, change or view the model.

    Where there are several, the handler asks for the right one.
    """
    spends_proof: bool = False
    """Whether a remembered API key is let in, since the handler spends its proof: with `submit`, or
    with `first`."""

    reads_replica: bool = False
    """Whether a client reads it from the replica, if there is one; see `iocash.db.replica`."""

    deprecated: datetime | None = None
    """Since when callers should use something else; None: it is current."""
    sunset: datetime | None = None
    """From when on it may be gone; only of what is deprecated."""

    parameters: type[fields.Serializer] | None = field(init=False)
    """All its query parameters: those of `query`, or `dryRun`; None: there may be none."""

    def __post_init__(self) -> None:
        of_dry_run = DryRunQuery if self.dry_run else None
        object.__setattr__(self, "parameters", self.query or of_dry_run)
        if self.sunset and not (self.deprecated and self.deprecated < self.sunset):
            raise TypeError("what has a sunset was deprecated before")

    @property
    def life_headers(self) -> dict[str, str]:
        """`Deprecation` (RFC 9745) and `Sunset` (RFC 8594) of what is deprecated."""
        since = self.deprecated.timestamp() if self.deprecated else 0
        headers = {"Deprecation": f"@{int(since)}", "Link": EXPLAINED}
        if self.sunset:
            headers["Sunset"] = format_datetime(self.sunset.astimezone(UTC), usegmt=True)
        return headers

    def __call__(self, handler: Handler) -> Handler:
        handler.operation = self  # type: ignore[attr-defined]
        return handler


operation: Final = Operation
"""The name of the decorator: `@operation(body=…)`."""


def declared(view: type[Any], methods: list[str]) -> dict[str, Operation]:
    """Return the operations of a view by method; HEAD has that of GET.

    Raises:
        TypeError: a handler declares none.
    """
    found: dict[str, Operation] = {}
    for name in methods:
        handler = getattr(view, name, None)
        if handler is None:
            continue
        if not hasattr(handler, "operation"):
            raise TypeError(f"{view.__name__}.{name} declares no operation")
        found[name.upper()] = handler.operation
    if "GET" in found:
        found["HEAD"] = found["GET"]
    return found
