"""Versions of resources, for ETag and If-Match."""

from __future__ import annotations

from typing import Any

from iocash import errors
from users.models.fingerprints import Asked, canonical_digest


def version(kind: str, shown: dict[str, object]) -> str:
    """The ETag of a resource: a digest of its rendered fields."""
    return canonical_digest(Asked(kind, shown)).hex()[:32]


def require_version(current: str, if_match: frozenset[str] | None, **facts: Any) -> None:
    """Raise VersionConflict unless `if_match` has the current version; None accepts any."""
    if if_match is not None and current not in if_match:
        raise errors.VersionConflict(**facts, current=f'"{current}"')
