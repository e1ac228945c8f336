"""Versions of resources, for ETag and If-Match."""

from __future__ import annotations

from typing import Any, ClassVar

from iocash import errors
from users.models.fingerprints import Asked, canonical_digest


def version(kind: str, shown: dict[str, object]) -> str:
    """The ETag of a resource: a digest of its rendered fields."""
    return canonical_digest(Asked(kind, shown)).hex()[:32]


class Versioned:
    """A resource with a version: a digest of the facts that can change.

    The row of a model and the row that is locked by an order have the same one.
    """

    __slots__ = ()
    VERSION: ClassVar[tuple[str, ...]]
    """The name of its kind, and the names of the facts."""
    ADDED: ClassVar[frozenset[str]] = frozenset()
    """Facts that were added later: without a value they don't change the version."""

    @property
    def version(self) -> str:
        kind, *names = self.VERSION
        facts = {name: getattr(self, name) for name in ("id", *names)}
        added = self.ADDED
        values = {k: each for k, each in facts.items() if k not in added or each is not None}
        if "metadata" in values:
            values["metadata"] = values["metadata"] or None
        return version(kind, values)


def require_version(current: str, if_match: frozenset[str] | None, **facts: Any) -> None:
    """Raise VersionConflict unless `if_match` has the current version; None accepts any."""
    if if_match is not None and current not in if_match:
        raise errors.VersionConflict(**facts, current=f'"{current}"')
