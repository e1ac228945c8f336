"""Types of the OpenAPI document as Python's, for `generate.py`."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from iocash.http.naming import class_name, snake

Json = dict[str, Any]

BY_HAND: Final = {"Error", "Conflict", "FieldError", "ErrorCode", "Link", "Links", "Nothing"}
"""Schemas whose classes are in `problems.py` and `shapes.py`."""
LINKS: Final = {"Links", "PageLinks", "EventPageLinks"}
AMOUNTS: Final = ("[0-9]+(\\.[0-9]+)?", "(\\.[0-9]{1,4})?")
"""In the patterns of amounts."""
WIDTH: Final = 100


def documented(text: str, indent: str = "    ") -> str:
    """A docstring. Its text keeps its paragraphs."""
    assert "\\" not in text, text
    assert '"""' not in text, text
    text = text.strip() + ('"""' if not text.endswith('"') else ' """')
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    first, *others = paragraphs
    lines = textwrap.wrap('"""' + first, WIDTH - len(indent), break_on_hyphens=False)
    for each in others:
        lines += ["", *textwrap.wrap(each, WIDTH - len(indent), break_on_hyphens=False)]
    return "\n".join(indent + line if line else "" for line in lines)


class Types:
    """Schemas by name, and what each is in Python."""

    def __init__(self, schemas: Json) -> None:
        self.schemas = schemas
        self.conflicts: dict[str, str] = schemas["Conflict"]["x-schemas"]

    def reached(self, name: str) -> set[str]:
        """The schema and all that it refers to."""
        found: set[str] = set()
        ahead = [name]
        while ahead:
            here = ahead.pop()
            if here in found or here in BY_HAND:
                continue
            found.add(here)
            ahead += self.references(here)
        return found

    def references(self, name: str) -> Iterator[str]:
        yield from refs_in(self.schemas[name])

    def sorted(self, names: Iterable[str]) -> list[str]:
        """Each after those that it refers to; else in the order of the document."""
        chosen, done = set(names), dict[str, None]()

        def visit(name: str) -> None:
            if name in done or name not in chosen:
                return
            for other in self.references(name):
                visit(other)
            done[name] = None

        for name in self.schemas:
            visit(name)
        return list(done)

    def is_page(self, name: str) -> bool:
        return name.endswith("Page") and "_embedded" in self.schemas[name]["properties"]

    def item_of(self, name: str) -> tuple[str, str]:
        """The name of a list in `_embedded`, and the schema of its items."""
        embedded = self.schemas[name]["properties"]["_embedded"]["$ref"].split("/")[-1]
        ((key, facts),) = self.schemas[embedded]["properties"].items()
        return key, facts["items"]["$ref"].split("/")[-1]

    def is_enumeration(self, name: str) -> bool:
        schema = self.schemas[name]
        return schema.get("type") == "string" and (
            "x-extensible-enum" in schema or "enum" in schema
        )

    def is_sent(self, name: str) -> bool:
        return name.endswith(("Body", "Change", "ChangeOrEnd"))

    def definition(self, name: str) -> str | None:
        """The code of a schema's class; None: it has none of its own."""
        schema = self.schemas[name]
        if self.is_enumeration(name):
            return self.enumeration(name)
        if "discriminator" in schema:
            variants = " | ".join(self.type_of(each, is_sent=True) for each in schema["oneOf"])
            return f"{class_name(name)} = {variants}\n{documented(schema['description'], '')}\n"
        inner = name.startswith("Embedded") or name in ("Movements", "Totals", "DryRunMovements")
        if "properties" not in schema or self.is_page(name) or name in LINKS or inner:
            return None
        return self.shape(name)

    def enumeration(self, name: str) -> str:
        schema = self.schemas[name]
        values = schema.get("x-extensible-enum") or schema["enum"]
        members = [f"    {member(each)}" for each in values]
        about = documented(schema.get("description") or f"Values of `{name}`.")
        return "\n".join([f"class {class_name(name)}(OpenEnum):", about, "", *members, ""])

    def shape(self, name: str) -> str:
        schema, is_sent = self.schemas[name], self.is_sent(name)
        base = "Body" if is_sent else "Answer"
        lines = [f"class {class_name(name)}({base}):", documented(schema["description"]), ""]
        needed = self.required(name)
        for key, facts in self.properties(name):
            required = key in needed or key == "_links"
            lines.append(f"    {self.field(key, facts, is_sent=is_sent, required=required)}")
            if key != "_links" and (about := self.description(facts)):
                lines.append(documented(about))
        return "\n".join([*lines, ""])

    def properties(self, name: str) -> Iterator[tuple[str, Json]]:
        """The fields, with those of `_embedded` as its own."""
        for key, facts in self.schemas[name]["properties"].items():
            if key == "_embedded":
                yield from self.schemas[facts["$ref"].split("/")[-1]]["properties"].items()
            else:
                yield key, facts

    def required(self, name: str) -> set[str]:
        """The names of the fields that are always there."""
        schema = self.schemas[name]
        needed = set(schema.get("required", ()))
        if "_embedded" in needed:
            inner = schema["properties"]["_embedded"]["$ref"].split("/")[-1]
            needed |= set(self.schemas[inner]["required"])
        return needed

    def description(self, facts: Json) -> str:
        if about := facts.get("description"):
            return str(about)
        if "$ref" in facts:
            return self.description(self.schemas[facts["$ref"].split("/")[-1]])
        return ""

    def field(self, key: str, facts: Json, *, is_sent: bool, required: bool) -> str:
        if key == "_links":
            return "links: dict[str, Link]"
        name = snake(key)
        hint = self.type_of(facts, is_sent=is_sent)
        if required:
            default = f' = "{facts["const"]}"' if is_sent and "const" in facts else ""
            return f"{name}: {hint}{default}"
        if is_sent:
            sent = f"{hint.removesuffix(' | None')} | Unset"
            return f"{name}: {sent}{' | None' if hint.endswith(' | None') else ''} = UNSET"
        return f"{name}: {hint if hint.endswith('None') else hint + ' | None'} = None"

    def type_of(self, facts: Json, *, is_sent: bool) -> str:
        """The Python type of a schema, as text."""
        if "$ref" in facts:
            return self.type_of_reference(facts["$ref"].split("/")[-1], is_sent=is_sent)
        if "oneOf" in facts:
            kinds = [self.type_of(each, is_sent=is_sent) for each in facts["oneOf"]]
            return " | ".join(kinds)
        kinds = facts["type"] if isinstance(facts["type"], list) else [facts["type"]]
        (kind,) = [each for each in kinds if each != "null"] or ["null"]
        hint = self.type_of_kind(kind, facts, is_sent=is_sent)
        return f"{hint} | None" if "null" in kinds and kind != "null" else hint

    def type_of_reference(self, name: str, *, is_sent: bool) -> str:
        schema = self.schemas[name]
        if name in BY_HAND:
            return "str"
        if self.is_enumeration(name):
            return f"{class_name(name)} | str" if is_sent else class_name(name)
        if "discriminator" in schema or "properties" in schema:
            return class_name(name)
        return self.type_of(schema, is_sent=is_sent)

    def type_of_kind(self, kind: str, facts: Json, *, is_sent: bool) -> str:
        if kind == "array":
            item = self.type_of(facts["items"], is_sent=is_sent)
            return f"Sequence[{item}]" if is_sent else f"list[{item}]"
        if kind == "object":
            member = facts["additionalProperties"]
            hint = "Any" if member is True else self.type_of(member, is_sent=is_sent)
            return f"Mapping[str, {hint}]" if is_sent else f"dict[str, {hint}]"
        if kind == "string":
            return self.type_of_string(facts, is_sent=is_sent)
        return {"integer": "int", "boolean": "bool", "null": "None"}[kind]

    def type_of_string(self, facts: Json, *, is_sent: bool) -> str:
        if is_amount(facts):
            return "Amount" if is_sent else "Decimal"
        if facts.get("format") in ("date-time", "date"):
            return {"date-time": "dt.datetime", "date": "dt.date"}[facts["format"]]
        if is_sent and facts.get("format") == "uuid":
            return "Id"
        if is_sent and ("const" in facts or "enum" in facts):
            values = facts.get("enum") or [facts["const"]]
            return f"Literal[{', '.join(map(repr, values))}]"
        return "str | int" if is_sent and facts.get("x-also-accepted") == "number" else "str"


def member(value: str) -> str:
    """A value of an enumeration. Names of events can look like passwords to a linter."""
    name = re.sub("[^A-Z0-9]+", "_", value.upper())
    return f'{name} = "{value}"{"  # noqa: S105" if "SECRET" in name else ""}'


def is_amount(facts: Json) -> bool:
    pattern, about = str(facts.get("pattern")), facts.get("description", "")
    if ", or, where" in about:
        return False  # the amount, or a status
    return any(each in pattern for each in AMOUNTS) or "in units of" in about


def refs_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(ref := value.get("$ref"), str):
            yield ref.split("/")[-1]
        for key, each in value.items():
            if key not in ("discriminator", "x-schemas", "examples"):
                yield from refs_in(each)
    if isinstance(value, list):
        for each in value:
            yield from refs_in(each)
