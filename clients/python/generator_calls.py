"""Methods of operations, for `generate.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from generator_types import Json, Types, documented

from iocash.http.naming import class_name, snake


class Operation:
    """An operation of the document."""

    def __init__(self, document: Json, path: str, method: str, facts: Json) -> None:
        self.path, self.method, self.facts = path, method, facts
        self.name: str = facts["operationId"]
        self.module = snake(facts["tags"][0].replace(" ", "_").lower())
        components = document["components"]["parameters"]
        given = [
            components[each["$ref"].split("/")[-1]] if "$ref" in each else each
            for each in facts.get("parameters", ())
        ]
        self.path_parameters = [each for each in given if each["in"] == "path"]
        self.filters = [
            each for each in given if each["in"] == "query" and each["name"] != "dryRun"
        ]
        self.headers = {each["name"] for each in given if each["in"] == "header"}

    @property
    def body(self) -> str | None:
        content = self.facts.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        name = str(schema.get("$ref", "")).split("/")[-1]
        return None if name in ("", "Nothing") else name

    @property
    def answer(self) -> str:
        (name,) = {
            schema_of(response)
            for status, response in self.facts["responses"].items()
            if status < "3"
        }
        return name

    @property
    def filters_name(self) -> str:
        return "".join(each.capitalize() for each in self.name.split("_")) + "Filters"

    @property
    def dry_run(self) -> str | None:
        return schema_of(self.facts["x-dry-run"]) if "x-dry-run" in self.facts else None

    def schemas(self) -> Iterator[str]:
        yield self.answer
        yield from (name for name in (self.body, self.dry_run) if name)
        text = json.dumps([each["schema"] for each in self.filters + self.path_parameters])
        yield from re.findall(r"#/components/schemas/(\w+)", text)


def schema_of(response: Json) -> str:
    schema: Json = response["content"]["application/json"]["schema"]
    return str(schema["$ref"].split("/")[-1])


def filters_of(operation: Operation, types: Types) -> str:
    """The class of the query parameters."""
    required = [each for each in operation.filters if each.get("required")]
    assert not required, operation.name
    lines = [
        f"class {operation.filters_name}(TypedDict, total=False):",
        f'    """Parameters of `{operation.name}`."""\n',
    ]
    for each in operation.filters:
        hint = types.type_of(each["schema"], is_sent=True)
        hint = hint.replace("dt.datetime", "dt.datetime | dt.date")
        lines.append(f"    {snake(each['name'])}: {hint}")
        lines.append(documented(each["description"]))
    return "\n".join([*lines, ""])


def method_of(operation: Operation, types: Types) -> str:
    """The code of an operation; with that of its dry run, or of the items of its pages."""
    methods = [method(operation, types)]
    if operation.dry_run:
        answer = class_name(operation.dry_run)
        call = f"self._dry_run({address(operation)}, {answer}, body)"
        head = f"def {operation.name}_dry_run({parameters(operation, types)}) -> {answer}"
        about = "Check whether the call would succeed, and return what it would create."
        methods.append(block(head, f"{about} Nothing is changed.", call))
    elif "cursor" in names_of_filters(operation) and not types.is_page(operation.answer):
        key, schema = types.item_of(operation.answer)
        item = class_name(schema)
        head = f"def {operation.name}_pages({parameters(operation, types)}) -> Pages[{item}]"
        methods.append(
            block(head, f"The {key} of all pages of `{operation.name}`.", listing(operation, types))
        )
    return "\n".join(methods)


def names_of_filters(operation: Operation) -> set[str]:
    return {str(each["name"]) for each in operation.filters}


def method(operation: Operation, types: Types) -> str:
    given = parameters(operation, types)
    answer = class_name(operation.answer)
    call = f"{address(operation)}, {answer}"
    if operation.method == "get":
        if types.is_page(operation.answer):
            answer = f"Pages[{class_name(types.item_of(operation.answer)[1])}]"
            call = listing(operation, types)
        else:
            call = f"self._read({call}{', filters' if operation.filters else ''})"
    elif operation.method == "post":
        is_keyed = "Idempotency-Key" in operation.headers
        given += ", *, key: str | None = None" if is_keyed else ""
        tail = "key=key" if is_keyed else "is_keyed=False"
        call = f"self._create({call}, {'body' if operation.body else 'None'}, {tail})"
    else:
        given, tail = with_conditions(operation, given)
        call = f'self._change("{operation.method.upper()}", {call}, body{tail})'
    return block(f"def {operation.name}({given}) -> {answer}", about(operation), call)


def with_conditions(operation: Operation, given: str) -> tuple[str, str]:
    named, tail = [], ""
    if "If-Match" in operation.headers:
        named.append("if_match: Version | None = None")
        tail += ", if_match=if_match"
    if "If-None-Match" in operation.headers:
        named.append("is_new: bool = False")
        tail += ", is_new=is_new"
    return (f"{given}, *, {', '.join(named)}" if named else given), tail


def listing(operation: Operation, types: Types) -> str:
    key, schema = types.item_of(operation.answer)
    return f'self._list({address(operation)}, "{key}", {class_name(schema)}, filters)'


def parameters(operation: Operation, types: Types) -> str:
    given = ["self"]
    for each in operation.path_parameters:
        hint = types.type_of(each["schema"], is_sent=True)
        given.append(f"{snake(each['name'])}: {hint}")
    if operation.body:
        given.append(f"body: {class_name(operation.body)}")
    if operation.filters:
        given.append(f"**filters: Unpack[{operation.filters_name}]")
    return ", ".join(given)


def address(operation: Operation) -> str:
    path = operation.path
    for each in operation.path_parameters:
        path = path.replace(f"{{{each['name']}}}", f"{{part({snake(each['name'])})}}")
    return f'f"{path}"' if operation.path_parameters else f'"{path}"'


def about(operation: Operation) -> str:
    facts = operation.facts
    scopes = [scope for each in facts.get("security", ()) for scope in each.get("bearer", ())]
    texts = [f"{facts['summary']}.", facts.get("description", "")]
    if scopes:
        texts.append(f"Scope: `{'`, `'.join(scopes)}`.")
    return "\n\n".join(filter(None, texts))


def block(head: str, text: str, call: str) -> str:
    doc = documented(text, "        ")
    if "\n" in doc:
        doc = doc[:-3].rstrip() + '\n        """'
    return f"    {head}:\n{doc}\n        return {call}\n"
