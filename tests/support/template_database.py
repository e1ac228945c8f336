"""The migrated database that those of the tests are copied from.

Migrations take longer than most tests. They run once for each state of the code, in the embedded
PostgreSQL of this checkout; another PostgreSQL gets no template.
"""

from __future__ import annotations

import fcntl
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection

PREFIX: Final = "test_template_"
CODE: Final = ("iocash", "users", "wallets", "tests/settings.py", "requirements-dev.txt")
"""What the rows and tables after all migrations depend on."""


def use() -> None:
    """Let the test database be a copy of the template; make that if there is none."""
    if settings.DATABASE_URL:
        return
    template = PREFIX + digest()
    with alone():
        known = {name for (name,) in ask("SELECT datname FROM pg_database")}
        if template not in known:
            for name in known:
                if name.startswith(PREFIX):
                    ask(f"DROP DATABASE {name}")
            make(template)
    connection.settings_dict["TEST"]["TEMPLATE"] = template


def digest() -> str:
    """Identify the code, the packages, and the Python that runs both."""
    found = hashlib.sha256(sys.version.encode())
    for path in files():
        found.update(str(path.relative_to(settings.BASE_DIR)).encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def files() -> Iterator[Path]:
    for name in CODE:
        path = settings.BASE_DIR / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


@contextmanager
def alone() -> Iterator[None]:
    """Keep other processes of this checkout out: each needs the template, and one makes it."""
    settings.STATE.mkdir(mode=0o700, exist_ok=True)
    with (settings.STATE / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(template: str) -> None:
    """Migrate a database, and give it its name when it is complete."""
    creation, values = connection.creation, connection.settings_dict
    draft, wanted, former = f"{PREFIX}draft", values["TEST"]["NAME"], values["NAME"]
    values["TEST"]["NAME"] = draft
    try:
        creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        connection.close()
        values["TEST"]["NAME"] = wanted
        settings.DATABASES[connection.alias]["NAME"] = values["NAME"] = former
    ask(f"ALTER DATABASE {draft} RENAME TO {template}")


def ask(statement: str) -> Any:
    """Execute a statement without a test database; return its rows, if it has any."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
