"""Licences of the runtime dependencies, read from the metadata of the installed packages.

`python -m tests.support.licences` writes the table of `docs/licences.md`. Run it on the lowest
Python that is supported: it has all packages of the lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from typing import cast

import dev

LOCK = dev.ROOT / "requirements.txt"
PAGE = dev.ROOT / "docs" / "licences.md"
HEADING = "| package | licence |\n|---|---|\n"
PINNED = re.compile(r"^([a-z0-9-]+)==\S+(?: ; (.+?))?(?: \\)?$", re.MULTILINE)
UNSUPPORTED = "sys_platform == 'win32'"

PERMISSIVE = frozenset(
    {
        "Apache-2.0",
        "Apache-2.0 OR BSD-2-Clause",
        "Apache-2.0 OR BSD-3-Clause",
        "BSD",
        "BSD 3-Clause OR Apache-2.0",
        "BSD License",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD-3-Clause, Apache-2.0, dependency licenses",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "OFL-1.1",
        "PSF-2.0",
        "Public Domain",
        "Unlicense",
    }
)
"""Licences as packages state them, allowed for every package."""

WEAK_COPYLEFT = {
    "orjson": "MPL-2.0 AND (Apache-2.0 OR MIT)",
    "pikepdf": "MPL-2.0",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "pycountry": "LGPL-2.1-only",
    "python-stdnum": "LGPL",
}
"""Licences allowed for one package each, which is used as an unmodified library."""


UNSTATED = {"cvttf-notosanscjk-regular": "UNKNOWN"}
"""Packages that state none: see decision 23. The font in it is Noto Sans CJK, with OFL-1.1."""


def locked(lock: str) -> list[str]:
    """Return the packages of a lock, without those of platforms that are not supported."""
    return [name for name, marker in PINNED.findall(lock) if marker != UNSUPPORTED]


def stated(package: str) -> str | None:
    """Return the licence that an installed package states; None: it is not installed."""
    try:
        found = cast(Message, metadata(package))
    except PackageNotFoundError:
        return None
    classifiers = [str(each) for each in found.get_all("Classifier") or ()]
    named = [each.split(" :: ")[-1] for each in classifiers if each.startswith("License ::")]
    return str(found["License-Expression"] or found["License"] or " and ".join(named))


def is_allowed(package: str, licence: str) -> bool:
    return licence in PERMISSIVE or (WEAK_COPYLEFT | UNSTATED).get(package) == licence


def listed(page: str) -> dict[str, str]:
    """Return the licence of each package in the table of the page."""
    return dict(re.findall(r"^\| ([a-z0-9-]+) \| (.+) \|$", page.partition(HEADING)[2], re.M))


def rows() -> Iterator[str]:
    for package in locked(LOCK.read_text()):
        yield f"| {package} | {stated(package)} |\n"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().partition(HEADING)[0] + HEADING + "".join(rows()))
