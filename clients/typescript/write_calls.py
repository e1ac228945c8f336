#!/usr/bin/env python3
"""Write `src/generated` from the OpenAPI document.

    python clients/typescript/write_calls.py [--check]

`calls.ts`, `errors.ts` and `models.ts` are written by this file, and `schema.ts` by
openapi-typescript (`npm install` brings it). With `--check` nothing is written; the exit code is 1
if one of the first three is not current.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "python"))

from generate import BASES, CODES, DOCUMENT, LEFT_OUT  # noqa: E402
from generator_calls import Operation, about, names_of_filters  # noqa: E402
from generator_types import Json, Types  # noqa: E402

from iocash.http.naming import camel, class_name, exception_name  # noqa: E402

GENERATED: Final = ROOT / "src" / "generated"
TOOL: Final = ROOT / "node_modules" / ".bin" / "openapi-typescript"
OPTIONS: Final = ("--default-non-nullable", "false")
"""Fields with a default can be left out."""
INNER: Final = {"Movements", "Totals", "DryRunMovements"}
"""Schemas of what stands in `_embedded`."""
SCHEMAS: Final = (
    'import type { components } from "./schema.js";\n\ntype S = components["schemas"];\n'
)
TITLES: Final = {
    "calls.ts": "Methods.",
    "errors.ts": "A class for each code.",
    "models.ts": "Types.",
}
CALLS: Final = """\
import { Base, part } from "../calls.js";
import type { Answer, Conditions, Keyed } from "../calls.js";
import type { Pages } from "../pages.js";
import type { components, operations } from "./schema.js";

type S = components["schemas"];
type Filters<Name extends keyof operations> =
  NonNullable<operations[Name]["parameters"]["query"]>;

/** All operations of the document. */
export class Calls extends Base {
"""


def commented(text: str, indent: str = "") -> str:
    """A comment of the type that editors show. Its text keeps its paragraphs."""
    paragraphs = [" ".join(each.split()) for each in text.replace("*/", "* /").split("\n\n")]
    width = 97 - len(indent)
    wrapped = [textwrap.wrap(each, width, break_on_hyphens=False) for each in paragraphs]
    lines = [line for each in wrapped for line in ["", *each]][1:]
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */"
    middle = "\n".join(f"{indent} * {line}".rstrip() for line in lines)
    return f"{indent}/**\n{middle}\n{indent} */"


class Generator:
    """All files, by their names."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.schemas: Json = document["components"]["schemas"]
        self.types = Types(self.schemas)

    def run(self) -> dict[str, str]:
        texts = {"calls.ts": self.calls(), "errors.ts": self.errors(), "models.ts": self.models()}
        head = "/** {} Written by write_calls.py: do not edit. */\n"
        return {name: head.format(TITLES[name]) + text for name, text in texts.items()}

    def calls(self) -> str:
        methods = [
            self.method(Operation(self.document, path, verb, facts))
            for path, verbs in self.document["paths"].items()
            for verb, facts in verbs.items()
            if verb != "parameters" and facts["operationId"] not in LEFT_OUT
        ]
        return CALLS + "\n".join(methods) + "}\n"

    def method(self, operation: Operation) -> str:
        """The method of an operation; with that of its dry run, or of the items of its pages."""
        name, text = camel(operation.name), about(operation)
        if operation.method != "get":
            made = block(text, self.write(operation, name))
            if operation.dry_run:
                text = "Check whether the call would succeed, and return what it would create."
                made += "\n" + block(f"{text} Nothing is changed.", self.dry_run(operation, name))
            return made
        if self.types.is_page(operation.answer):
            return block(text, self.listing(operation, name))
        made = block(text, self.read(operation, name))
        if "cursor" in names_of_filters(operation):
            key, _ = self.types.item_of(operation.answer)
            text = f"The {key} of all pages of `{name}`."
            made += "\n" + block(text, self.listing(operation, f"{name}Pages"))
        return made

    def read(self, operation: Operation, name: str) -> str:
        filters = ", filters" if operation.filters else ""
        answer = f'S["{operation.answer}"]'
        head = f"async {name}({given(operation)}): Promise<Answer<{answer}>>"
        return f"{head} {{\n    return this.read<{answer}>({address(operation)}{filters});"

    def listing(self, operation: Operation, name: str) -> str:
        key, item = self.types.item_of(operation.answer)
        head = f'{name}({given(operation)}): Pages<S["{item}"]>'
        return f'{head} {{\n    return this.list({address(operation)}, "{key}", filters);'

    def write(self, operation: Operation, name: str) -> str:
        verb = operation.method.upper()
        answer = f'S["{operation.answer}"]'
        body = "body" if operation.body else "{}"
        if verb != "POST":
            call, more = f'change<{answer}>("{verb}", ', conditions(operation)
        elif "Idempotency-Key" in operation.headers:
            call, more = f"create<{answer}>(", "options?: Keyed"
        else:
            call, more = f"createWithoutKey<{answer}>(", ""
        tail = ", options" if more else ""
        head = f"async {name}({given(operation, more)}): Promise<Answer<{answer}>>"
        return f"{head} {{\n    return this.{call}{address(operation)}, {body}{tail});"

    def dry_run(self, operation: Operation, name: str) -> str:
        answer = f'S["{operation.dry_run}"]'
        head = f"async {name}DryRun({given(operation)}): Promise<Answer<{answer}>>"
        return f"{head} {{\n    return this.dryRun<{answer}>({address(operation)}, body);"

    def errors(self) -> str:
        """A class for each code; those of 409 have their facts."""
        rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", CODES.read_text(), re.MULTILINE)
        known = set(self.schemas["ErrorCode"]["x-extensible-enum"])
        missing = known - {code for code, _, _ in rows}
        assert not missing, missing
        chosen = [row for row in rows if row[0] in known]
        names = {code: exception_name(code) for code, _, _ in chosen}
        classes = []
        for code, status, meaning in chosen:
            facts = self.types.conflicts.get(code)
            base = f'{BASES[status]}<S["{facts}"]>' if facts else BASES[status]
            if names[code] != base:
                line = f"export class {names[code]} extends {base} {{}}"
                classes.append(f"{commented(meaning)}\n{line}")
        used = ", ".join(sorted({*BASES.values()}))
        table = "".join(f"  {code}: {name},\n" for code, name in names.items())
        return "\n".join(
            [
                f'import {{ {used} }} from "../problems.js";',
                'import type { ErrorClass } from "../problems.js";',
                SCHEMAS,
                'export * from "../problems.js";\n',
                *classes,
                "\nexport const BY_CODE: Record<string, ErrorClass | undefined> = {",
                f"{table}}};\n",
            ]
        )

    def models(self) -> str:
        """The names of the Python client for the schemas."""
        lines = [
            f'export type {class_name(name)} = S["{name}"];'
            for name in self.schemas
            if self.is_model(name)
        ]
        return "\n".join([SCHEMAS, *sorted(lines), ""])

    def is_model(self, name: str) -> bool:
        schema = self.schemas[name]
        is_object = "discriminator" in schema or "properties" in schema
        is_list = name.startswith("Embedded") or name.endswith("Page") or name in INNER
        return (is_object or self.types.is_enumeration(name)) and not is_list


def given(operation: Operation, more: str = "") -> str:
    """The parameters of a method."""
    names = [f"{each['name']}: string" for each in operation.path_parameters]
    if operation.body:
        names.append(f'body: S["{operation.body}"]')
    if operation.filters:
        required = any(each.get("required") for each in operation.filters)
        assert not required, operation.name
        names.append(f'filters: Filters<"{operation.name}"> = {{}}')
    return ", ".join([*names, more] if more else names)


def conditions(operation: Operation) -> str:
    """The type of the options of a change."""
    both = "If-None-Match" in operation.headers
    if "If-Match" not in operation.headers:
        return 'options?: Pick<Conditions, "isNew">' if both else ""
    return "options?: Conditions" if both else 'options?: Pick<Conditions, "ifMatch">'


def address(operation: Operation) -> str:
    path = operation.path
    for each in operation.path_parameters:
        path = path.replace(f"{{{each['name']}}}", f"${{part({each['name']})}}")
    return f"`{path}`" if operation.path_parameters else f'"{path}"'


def block(text: str, code: str) -> str:
    return f"{commented(text, '  ')}\n  {code}\n  }}\n"


def main() -> int:
    texts = Generator(json.loads(DOCUMENT.read_text())).run()
    old = [
        name
        for name, text in texts.items()
        if not (GENERATED / name).exists() or (GENERATED / name).read_text() != text
    ]
    if "--check" in sys.argv[1:]:
        sys.stdout.writelines(f"not current: {name}\n" for name in old)
        return int(bool(old))
    for name in old:
        (GENERATED / name).write_text(texts[name])
    schema = [str(DOCUMENT), "--output", str(GENERATED / "schema.ts")]
    subprocess.run([str(TOOL), *schema, *OPTIONS], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
