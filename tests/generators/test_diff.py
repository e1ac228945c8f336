"""`redocly diff` tells what breaks callers of an older document, and is silent on what does not.

Takes half a minute; needs Node.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.linting import linted
from tests.support.openapi_changes import resolved
from tests.support.tools import REDOCLY

pytestmark = pytest.mark.ci

WALLET = "/api/v1/wallets/{walletId}"
DOCUMENTS = "/api/v1/users/{userId}/documents/{kind}"


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def remove_path(document: Any) -> None:
    del document["paths"][f"{WALLET}/balance"]


def remove_method(document: Any) -> None:
    del document["paths"][WALLET]["patch"]


def remove_answered_field(document: Any) -> None:
    wallet = schema(document, "WalletAnswer")
    del wallet["properties"]["alias"]
    wallet["required"].remove("alias")


def remove_sent_field(document: Any) -> None:
    del schema(document, "ExternalAccountBody")["properties"]["alias"]


def require_field(document: Any) -> None:
    schema(document, "HoldBody")["required"].append("concept")


def add_required_field(document: Any) -> None:
    schema(document, "WalletBody")["properties"]["day"] = {"type": "string"}
    schema(document, "WalletBody")["required"].append("day")


def narrow_enumeration(document: Any) -> None:
    shared = document["paths"][DOCUMENTS]["get"]["parameters"]
    parameters = [resolved(each, document) for each in shared]
    (kind,) = (each["schema"] for each in parameters if each["name"] == "kind")
    resolved(kind, document)["enum"].remove("income-tax")


def change_type(document: Any) -> None:
    count = schema(document, "StatementAnswer")["properties"]["movementCount"]
    count["type"] = "string"


def add_answered_field(document: Any) -> None:
    schema(document, "WalletAnswer")["properties"]["more"] = {"type": "string"}


def add_optional_field(document: Any) -> None:
    schema(document, "WalletBody")["properties"]["more"] = {"type": "string"}


def say_otherwise(document: Any) -> None:
    schema(document, "WalletAnswer")["description"] = "A wallet."


BREAKS: dict[str, tuple[Callable[[Any], None], str]] = {
    "path-removed": (remove_path, "/balance` was removed"),
    "operation-removed": (remove_method, "PATCH"),
    "property-removed in an answer": (remove_answered_field, "`alias` of `WalletAnswer`"),
    "property-removed in a body": (remove_sent_field, "`alias` of `ExternalAccountBody`"),
    "required-properties-added": (require_field, "`concept`"),
    "required-properties-added with a new one": (add_required_field, "`day`"),
    "enum-values-removed": (narrow_enumeration, "'income-tax'"),
    "schema-type-changed": (change_type, "movementCount"),
}
"""What breaks a caller, by the rule that tells it: it names the place so."""

HARMLESS = (add_answered_field, add_optional_field, say_otherwise)


@pytest.fixture(scope="module")
def told(document: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is told of a document that has every break at once, each at a place of its own."""
    changes = [change for change, _ in BREAKS.values()]
    return breaks(document, changes, tmp_path_factory.mktemp("breaks"))


def breaks(older: Path, changes: Sequence[Callable[[Any], None]], folder: Path) -> list[str]:
    """Return what breaks callers in a changed copy of the document: rules, words and places."""
    changed = json.loads(older.read_text())
    for change in changes:
        change(changed)
    newer = folder / "newer.json"
    newer.write_text(json.dumps(changed))
    report = linted(
        folder, REDOCLY.program("redocly"), "diff", str(older), str(newer), "--format=json"
    )
    return [
        f"{verdict['ruleId']} {verdict['message']} {each['path']}"
        for each in report["changes"]
        for verdict in each["verdicts"]
        if verdict["impact"] == "major"
    ]


@pytest.mark.parametrize("named", BREAKS)
def test_breaking_change_is_told(told, named):
    rule, place = named.partition(" ")[0], BREAKS[named][1]
    assert [words for words in told if words.startswith(rule) and place in words], told


def test_harmless_changes_are_not_told(document, tmp_path):
    assert breaks(document, HARMLESS, tmp_path) == []
