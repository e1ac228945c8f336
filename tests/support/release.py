"""What the changelog and the list of released migrations say about a release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import dev

CHANGELOG = dev.ROOT / "CHANGELOG.md"
DIGESTS = dev.ROOT / "docs" / "migrations.sha256"
HEADING = re.compile(r"^## (\d+\.\d+\.\d+) \((unreleased|\d{4}-\d\d-\d\d)\)$")
APPS = ("users", "wallets")


def newest_section(changelog: str) -> tuple[str, str, list[str]]:
    """Return the version, the date (or "unreleased") and the lines of the first section."""
    first, *lines = re.split(r"^(?=## )", changelog, flags=re.MULTILINE)[1].splitlines()
    found = HEADING.match(first)
    assert found, f"CHANGELOG.md: {first!r} must be like '## 0.1.0 (unreleased)'"
    return found[1], found[2], lines


def digests_of_migrations(root: Path = dev.ROOT) -> dict[str, str]:
    files = (file for app in APPS for file in root.glob(f"{app}/migrations/[0-9]*.py"))
    return {
        str(file.relative_to(root)): sha256(file.read_bytes()).hexdigest() for file in sorted(files)
    }


def listed(lines: str) -> dict[str, str]:
    """Read lines as `sha256sum` writes them."""
    pairs = (line.split("  ", 1) for line in lines.splitlines())
    return {name: digest for digest, name in pairs}


def mistakes(
    released: Mapping[str, str], present: Mapping[str, str], *, is_released: bool
) -> list[str]:
    """Compare the released migrations with those that are present.

    `is_released`: the newest section of the changelog has a date, so all must be in the list.
    """
    edited = [
        f"{name} was edited or removed after its release"
        for name, digest in released.items()
        if present.get(name) != digest
    ]
    new = [f"{name} is not in docs/migrations.sha256" for name in present if name not in released]
    return edited + (new if is_released else [])
