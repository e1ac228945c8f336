"""The source code of the product, parsed."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from iocash.settings import BASE_DIR


@cache
def modules() -> dict[str, ast.Module]:
    """All of our code that serves, by path; migrations are the schema's own history."""
    files = [
        file
        for package in ("iocash", "users", "wallets")
        for file in sorted((BASE_DIR / package).rglob("*.py"))
        if "migrations" not in file.parts
    ]
    return {path(file): ast.parse(file.read_text(), str(file)) for file in files}


def path(file: Path) -> str:
    return file.relative_to(BASE_DIR).as_posix()
