"""Versions: in which state a caller saw a thing."""

from __future__ import annotations

from typing import Any

from iocash import errors
from users.models.fingerprints import Asked, digest


def version(kind: str, shown: dict[str, object]) -> str:
    """Digest what is shown of a thing: its ETag."""
    return digest(Asked(kind, shown)).hex()[:32]


def require_version(current: str, if_match: frozenset[str] | None, **facts: Any) -> None:
    """Refuse unless the thing is as the caller saw it (VersionConflict); None: whatever it is."""
    if if_match is not None and current not in if_match:
        raise errors.VersionConflict(**facts, current=f'"{current}"')
