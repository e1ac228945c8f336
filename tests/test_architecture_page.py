"""`docs/architecture.md` is true: its diagrams, its list of refusals, and all that it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

import dev
from iocash import errors
from tests.support.books import (
    ALICES,
    BOBS,
    CLIENT,
    NOW,
    a_wallet,
    open_books,
    transfer,
)
from users.models.idempotency import UsedKey
from users.models.ids import new_id
from wallets import audit
from wallets.books import Books
from wallets.books.limits import NOTHING, Allowance
from wallets.orders.payments import Transfer
from wallets.posting.group import run

PAGE = (dev.ROOT / "docs" / "architecture.md").read_text()
PAGES = [
    dev.ROOT / "CONTRIBUTING.md",
    dev.ROOT / "SECURITY.md",
    *sorted((dev.ROOT / "docs").glob("*.md")),
    *sorted((dev.ROOT / "docs" / "decisions").glob("*.md")),
]
FILE = re.compile(r"`((?!/)[\w./-]+(?:/|\.(?:py|md|json|toml|yaml|txt|html)))`")
"""The path of a file in the repository; what begins with a slash is the path of a URL."""
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_decisions_are_numbered_one_after_another():
    decisions = sorted((dev.ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(each.name.partition("-")[0]) for each in decisions]
    assert numbers == [*range(1, len(decisions) + 1)]
    for number, each in zip(numbers, decisions, strict=True):
        assert each.read_text().startswith(f"# {number}. ")


# --- The diagrams --------------------------------------------------------------------------------


def arrows() -> Iterator[tuple[str, str]]:
    """The pairs of modules that an arrow connects."""
    for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            chain = re.findall(r"[\w.]+(?= →)|(?<=→ )[\w.]+", line)
            yield from pairwise(chain)


def file_of(module: str) -> Path:
    path = dev.ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def imports(module: str) -> frozenset[str]:
    """Everything that a module imports by name; for `from a import b` both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file_of(module).read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(names)


def test_diagrams_have_enough_arrows():
    assert len({*arrows()}) >= 25


@pytest.mark.parametrize(("module", "imported"), sorted({*arrows()}))
def test_every_arrow_is_an_import(module, imported):
    assert file_of(imported).exists()
    assert imported in imports(module)


# --- What a transfer refuses, in order -----------------------------------------------------------

FAULTS = (
    "no wallet",
    "decimals",
    "same wallet",
    "used key",
    "future",
    "no target",
    "order's currency",
    "source blocked",
    "source's owner blocked",
    "target closed",
    "target's owner blocked",
    "currency",
    "funds",
    "ceiling",
    "level",
)


def stage(*faults: str) -> tuple[Books, Transfer]:
    """A transfer of 10.00 from Alice to Bob, and books with these faults."""
    source = a_wallet(
        ALICES,
        0 if "funds" in faults else 100_00,
        status="BLOCKED" if "source blocked" in faults else "READY",
        owner="BLOCKED" if "source's owner blocked" in faults else "ACTIVATED",
        settled_at=NOW + timedelta(minutes=1) if "future" in faults else None,
    )
    target = a_wallet(
        BOBS,
        10**17 if "ceiling" in faults else 0,
        user_id=new_id(),
        currency="USD" if "currency" in faults else "EUR",
        status="UNSUBSCRIBED" if "target closed" in faults else "READY",
        owner="BLOCKED" if "target's owner blocked" in faults else "ACTIVATED",
    )
    books = open_books(source, target)
    if "level" in faults:
        name = target.user_id, target.currency
        books.allowances[name] = Allowance(*name, NOTHING)
    if "used key" in faults:
        used = UsedKey(CLIENT, "key", b"salt", b"another", "movement", new_id(), 201)
        books.keys[CLIENT, "key"] = used
    named = new_id() if "no target" in faults else BOBS
    # The decimals of another currency are not checked.
    is_other = "order's currency" in faults and "decimals" not in faults
    return books, transfer(
        new_id() if "no wallet" in faults else ALICES,
        ALICES if "same wallet" in faults else named,
        "10.001" if "decimals" in faults else "10.00",
        key="key",
        expected_currency="JPY" if is_other else None,
    )


def test_transfer_refuses_in_the_order_of_the_page():
    section = PAGE.partition("## What does a transfer refuse, in order?")[2].partition("\n## ")[0]
    listed = re.findall(r"^\d+\. `(\w+)`", section, re.MULTILINE)
    refused = []
    for first in range(len(FAULTS)):
        with pytest.raises(errors.Refused) as refusal:
            run(*stage(*FAULTS[first:]))
        refused.append(refusal.value.code)
    assert refused == listed


def test_transfer_without_a_fault_is_settled():
    assert run(*stage()).made == "movement"


# --- Names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_names_files_that_exist(page):
    text = page.read_text()
    missing = [name for name in FILE.findall(text) if not (dev.ROOT / name).exists()]
    missing += [name for name in LINK.findall(text) if not (page.parent / name).exists()]
    assert not missing


def test_page_names_constraints_that_exist():
    named = set(re.findall(r"`((?:hold|wallet|movement)_(?!not_)[a-z_]+)`", PAGE))
    code = [*(dev.ROOT / "wallets" / "models").glob("*.py")]
    code += (dev.ROOT / "wallets" / "migrations").glob("*.py")
    text = "\n".join(file.read_text() for file in code)
    assert len(named) >= 15
    assert not [name for name in named if not re.search(rf"\b{name}\b", text)]


def test_page_names_equations_that_exist():
    named = set(re.findall(r"equation `(\w+)`", PAGE))
    assert len(named) >= 7
    assert named <= {equation.name for equation in audit.EQUATIONS}
