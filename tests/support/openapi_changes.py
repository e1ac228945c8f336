"""What callers of one OpenAPI document could not do, or not understand, under another.

Every change is one line of words, which are the same each time: CHANGELOG.md repeats them where a
change is meant. More to ask with, more to answer and more ways to refuse break nobody, and are
not told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, reduce
from operator import getitem, gt, lt
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis.strategies import from_regex

Json = Any
Words = Iterator[str]

METHODS = ("get", "post", "put", "patch", "delete")
AT_MOST = ("maxLength", "maximum", "maxItems", "maxProperties")
AT_LEAST = ("minLength", "minimum", "minItems", "minProperties")
FORMS = ("pattern", "format")


class Pair(NamedTuple):
    """The same part of both documents, and the documents."""

    old: Json
    new: Json
    before: Json
    after: Json

    def at(self, old: Json, new: Json) -> Pair:
        """Parts of these; what they refer to."""
        return self._replace(old=resolved(old, self.before), new=resolved(new, self.after))

    def merged(self) -> Pair:
        """These with what their parts and variants add."""
        old, new = merged(self.old, self.before), merged(self.new, self.after)
        return self._replace(old=old, new=new)


def resolved(part: Json, document: Json) -> Json:
    while isinstance(part, dict) and "$ref" in part:
        part = reduce(getitem, part["$ref"].split("/")[1:], document)
    return part


def incompatible(before: Json, after: Json) -> list[str]:
    """Name all that breaks a caller of `before`, in the order of its paths."""
    return list(dict.fromkeys([*of_headers(before, after), *of_paths(before, after)]))


def of_headers(before: Json, after: Json) -> Words:
    """Name once the headers that no response has any more."""
    for name in lost_headers(before, after):
        yield f"no response has the header {name} any more"


def of_paths(before: Json, after: Json) -> Words:
    for path, methods in before["paths"].items():
        if path not in after["paths"]:
            yield f"{path} is gone"
            continue
        for method in filter(methods.__contains__, METHODS):
            name = f"{method.upper()} {path}"
            if method not in after["paths"][path]:
                yield f"{name} is gone"
                continue
            pair = Pair(methods[method], after["paths"][path][method], before, after)
            yield from (f"{name}: {words}" for words in of_operation(pair))


def of_operation(pair: Pair) -> Words:
    if pair.old.get("security", []) != pair.new.get("security", []):
        yield "other credentials or scopes are needed"
    yield from of_parameters(pair)
    yield from of_body(pair)
    for status, old in pair.old["responses"].items():
        if status not in pair.new["responses"]:
            yield f"{status} is not answered any more"
            continue
        yield from of_response(pair.at(old, pair.new["responses"][status]), status)


def of_parameters(pair: Pair) -> Words:
    old, new = (
        {(each["in"], each["name"]): each for each in parameters(operation, document)}
        for operation, document in zip(pair[:2], pair[2:], strict=True)
    )
    for where, name in sorted(old.keys() - new.keys()):
        yield f"the {where} parameter {name} is not taken any more"
    for where, name in sorted(new):
        one, other = old.get((where, name)), new[where, name]
        if other.get("required") and not (one and one.get("required")):
            yield f"the {where} parameter {name} is required"
        if one:
            schemas = one_value(pair.at(one["schema"], other["schema"]), other)
            yield from of_request(schemas, f"the {where} parameter {name}")


def one_value(pair: Pair, parameter: Json) -> Pair:
    """The schemas of one value, if there was one, and now several are separated by commas.

    One alone is still sent as before.
    """
    is_several = types(pair.new) == ["array"] and parameter.get("explode") is False
    if types(pair.old) == ["array"] or not is_several or pair.new.get("minItems", 0) > 1:
        return pair
    return pair.at(pair.old, pair.new["items"])


def parameters(operation: Json, document: Json) -> list[Json]:
    return [resolved(each, document) for each in operation.get("parameters", [])]


def of_body(pair: Pair) -> Words:
    old, new = pair.old.get("requestBody"), pair.new.get("requestBody")
    if old and not new:
        yield "no body is taken any more"
    if new and new.get("required") and not (old and old.get("required")):
        yield "a body is required"
    if old and new:
        yield from of_request(pair.at(schema_of(old), schema_of(new)), "the body")


def schema_of(described: Json) -> Json:
    return described.get("content", {}).get("application/json", {}).get("schema", {})


# --- What is sent --------------------------------------------------------------------------------


def of_request(pair: Pair, place: str) -> Words:
    """Name the request values that are no longer accepted."""
    pair = pair.merged()
    for name in lost(types(pair.old), types(pair.new)):
        yield f"{place} may not be {name} any more"
    for value in lost_values(pair):
        yield f"{place} may not be {value!r} any more"
    if closed(pair.new) and not values(pair.old):
        yield f"{place} may only be one of {closed(pair.new)}"
    yield from tighter(pair, place)
    old, new = (part.get("properties", {}) for part in (pair.old, pair.new))
    for name in sorted(new.keys() & set(pair.new.get("required", ()))):
        if name not in pair.old.get("required", ()):
            yield f"{inside(place, name)} is required"
    for name in old:
        if name not in new:
            yield f"{inside(place, name)} is not taken any more"
            continue
        yield from of_request(pair.at(old[name], new[name]), inside(place, name))
    if "items" in pair.old and "items" in pair.new:
        yield from of_request(pair.at(pair.old["items"], pair.new["items"]), f"{place}[]")


def tighter(pair: Pair, place: str) -> Words:
    """Name the constraints that became stricter."""
    for names, is_tighter in ((AT_MOST, lt), (AT_LEAST, gt)):
        for name in filter(pair.new.__contains__, names):
            value, was = pair.new[name], pair.old.get(name, implied(pair.old, name))
            if was is None or is_tighter(value, was):
                yield f"{place} has a {name} of {value}"
    for name in filter(pair.new.__contains__, FORMS):
        if pair.new[name] != pair.old.get(name) and not fits(pair.old, name, pair.new):
            yield f"{place} has the {name} {pair.new[name]}"


def implied(schema: Json, name: str) -> int | None:
    """How many members an object has at least and at most, if it names them all."""
    if name == "minProperties" and schema.get("required"):
        return len({*schema["required"]})
    if name == "maxProperties" and schema.get("additionalProperties") is False:
        return len(schema.get("properties", {}))
    return None


# --- What is answered ----------------------------------------------------------------------------


def of_response(pair: Pair, status: str) -> Words:
    for name in lost(pair.old.get("headers", {}), pair.new.get("headers", {})):
        if name not in lost_headers(pair.before, pair.after):
            yield f"{status} has no header {name} any more"
    for code in lost(codes(pair.old), codes(pair.new)):
        yield f"{status}.code is never {code!r} any more"
    schemas = pair.at(schema_of(pair.old), schema_of(pair.new))
    yield from of_answer(schemas, status)


def of_answer(pair: Pair, place: str) -> Words:
    """Name the response members that are missing or have another type."""
    pair = pair.merged()
    old, new = pair.old, pair.new
    if types(old) != types(new) and types(old):
        yield f"{place} is {' or '.join(types(new)) or 'anything'}"
    for value in lost_values(pair):
        yield f"{place} is never {value!r} any more"
    for name in old.get("properties", {}):
        if name not in new.get("properties", {}):
            yield f"{inside(place, name)} is gone"
            continue
        if name in old.get("required", ()) and name not in new.get("required", ()):
            yield f"{inside(place, name)} may be absent"
        parts = pair.at(old["properties"][name], new["properties"][name])
        yield from of_answer(parts, inside(place, name))
    if "items" in old and "items" in new:
        yield from of_answer(pair.at(old["items"], new["items"]), f"{place}[]")


# --- Schemas -------------------------------------------------------------------------------------


def merged(schema: Json, document: Json) -> Json:
    """A schema with what its `allOf` adds, and with all that one of its variants may have."""
    whole: Json = {name: each for name, each in schema.items() if name not in ("allOf", "oneOf")}
    for part in schema.get("allOf", []):
        whole = both(whole, merged(resolved(part, document), document))
    variants = [merged(resolved(part, document), document) for part in schema.get("oneOf", [])]
    if variants:
        whole = both(reduce(either, variants), whole)
    return whole


def both(one: Json, other: Json) -> Json:
    """Return a schema that fits what both fit."""
    properties = dict(one.get("properties", {}))
    for name, each in other.get("properties", {}).items():
        properties[name] = {**properties.get(name, {}), **each}
    required = [*one.get("required", ()), *other.get("required", ())]
    return {**one, **other, "properties": properties, "required": required}


def either(one: Json, other: Json) -> Json:
    """Return a schema that fits what one of them fits, as far as it matters here."""
    properties = allowed(one)
    for name, each in allowed(other).items():
        before = properties.get(name, {})
        known = [*values(before), *values(each)]
        properties[name] = {**each, **strictest(before, each)} | ({"enum": known} if known else {})
    required = {*one.get("required", ())} & {*other.get("required", ())}
    named = sorted({*types(one), *types(other)})
    whole = {**one, **other, "properties": properties, "required": sorted(required)}
    return {**whole, "type": named} if named else whole


def strictest(one: Json, other: Json) -> Json:
    """The bounds that are met in every variant: what one of them refuses breaks its callers."""
    bounds = {}
    for names, choose in ((AT_MOST, min), (AT_LEAST, max)):
        for name in names:
            if set_to := [part[name] for part in (one, other) if name in part]:
                bounds[name] = choose(set_to)
    return bounds


def allowed(schema: Json) -> Json:
    """The properties of a schema that are not forbidden, as older documents have some."""
    return {name: each for name, each in schema.get("properties", {}).items() if each is not False}


def types(schema: Json) -> list[str]:
    """The types that a value may have; none named: any."""
    named = schema.get("type", [])
    also = [schema["x-also-accepted"]] if "x-also-accepted" in schema else []
    return sorted([*([named] if isinstance(named, str) else named), *also])


def closed(schema: Json) -> list[Any]:
    """The only values that there are; none: there are others."""
    return list(schema.get("enum", [schema["const"]] if "const" in schema else []))


def values(schema: Json) -> list[Any]:
    """The values that are known; none: any."""
    return closed(schema) or list(schema.get("x-extensible-enum", []))


def fits(old: Json, name: str, new: Json) -> bool:
    """Whether a new form leaves room for all values that there were, or for many of them."""
    if name != "pattern":
        return False
    known = values(old) or samples(old.get(name))
    return bool(known) and all(re.search(new[name], each) for each in known)


@cache
def samples(pattern: str | None) -> list[str]:
    """Many texts that have a pattern, the same each time; none without a pattern."""
    found: list[str] = []
    if pattern is None:
        return found

    @settings(max_examples=300, derandomize=True, database=None, deadline=None)
    @given(from_regex(pattern, fullmatch=True))
    def keep(text: str) -> None:
        found.append(text)

    keep()
    return found


def codes(response: Json) -> list[str]:
    """The codes of a refusal, also as older documents list them."""
    if "x-codes" in response:
        return list(response["x-codes"])
    parts = schema_of(response).get("allOf", [])
    return [code for part in parts for code in closed(part.get("properties", {}).get("code", {}))]


def lost(old: Any, new: Any) -> list[str]:
    """Return the missing names; no names at all accept any."""
    return sorted(set(old) - set(new)) if new or isinstance(new, dict) else []


def lost_headers(before: Json, after: Json) -> list[str]:
    """Return the shared headers that are no longer described."""
    old, new = (each["components"].get("headers", {}) for each in (before, after))
    return lost(old, new)


def lost_values(pair: Pair) -> list[Any]:
    """Return the values that are no longer known; where none is named, any is."""
    known = values(pair.new)
    return [value for value in values(pair.old) if known and value not in known]


def inside(place: str, name: str) -> str:
    return f"{place}.{name}"
