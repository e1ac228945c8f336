"""`docs/licences.md` lists the licence of each runtime dependency, and each one is allowed."""

from __future__ import annotations

import pytest

from tests.support import licences

LOCK = """\
asgiref==3.13.0 \\
    --hash=sha256:0
    # via django
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:0
importlib-resources==7.1.0 ; python_full_version < '3.12'
"""


def installed() -> dict[str, str]:
    found = {name: licences.stated(name) for name in licences.locked(licences.LOCK.read_text())}
    return {name: licence for name, licence in found.items() if licence is not None}


def test_lock_is_read_without_unsupported_platforms():
    assert licences.locked(LOCK) == ["asgiref", "importlib-resources"]


def test_every_runtime_dependency_has_an_allowed_licence():
    found = installed()
    assert len(found) >= 40
    assert not {name: each for name, each in found.items() if not licences.is_allowed(name, each)}


@pytest.mark.parametrize(
    ("package", "licence"),
    [
        ("django", ""),
        ("django", "GPL-3.0-only"),
        ("django", "LGPL-3.0-only"),
        ("psycopg", "LGPL-2.1-only"),
        ("orjson", "AGPL-3.0-only"),
    ],
)
def test_other_licence_is_not_allowed(package, licence):
    assert not licences.is_allowed(package, licence)


def test_page_lists_the_licence_of_every_package():
    shown = licences.listed(licences.PAGE.read_text())
    assert list(shown) == licences.locked(licences.LOCK.read_text())
    found = installed()
    stale = "docs/licences.md is stale: .venv/bin/python -m tests.support.licences"
    assert {name: shown[name] for name in found} == found, stale
    assert all(licences.is_allowed(name, licence) for name, licence in shown.items())
