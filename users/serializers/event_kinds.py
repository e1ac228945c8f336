"""What the page of event kinds shows: every kind, when it happens, and its body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from iocash.docs import guides
from iocash.http import fields
from iocash.http.rendering import dump_lines
from iocash.http.serializers import reader, text_of
from iocash.http.views import marked
from users.serializers.event_bodies import DESCRIPTIONS, subject_of_kind

TYPES = {"string": "text", "integer": "number", "array": "list", "boolean": "true or false"}
FORMATS = {"uuid": "id", "date-time": "time"}


def event_kinds() -> dict[str, Any]:
    """The subjects with their kinds, and the bodies that they have, in the order of the kinds."""
    bodies = {described.body: described_body(described.body) for described in DESCRIPTIONS.values()}
    kinds = [
        {
            "name": str(kind),
            "subject": subject_of_kind(kind),
            "when": marked(described.sentence),
            "version": described.version,
            "body": bodies[described.body],
        }
        for kind, described in DESCRIPTIONS.items()
    ]
    by_subject = sorted(kinds, key=lambda each: str(each["subject"]))
    subjects = [
        {"name": name.replace("_", " ").capitalize(), "kinds": [*several]}
        for name, several in groupby(by_subject, key=lambda each: str(each["subject"]))
    ]
    return {"subjects": subjects, "bodies": [each for each in bodies.values() if each["fields"]]}


def described_body(kind: type[fields.Serializer]) -> dict[str, Any]:
    """The fields of a body, and an example of it."""
    known = reader(kind).fields
    name = re.sub(
        r"(?<!^)(?=[A-Z])", " ", kind.__name__.removesuffix("Body").removesuffix("Event")
    ).capitalize()
    return {
        "name": name,
        "anchor": f"data-{name.lower().replace(' ', '-')}",
        "text": marked(text_of(kind)),
        "fields": [described_field(each, field) for each, field in known.items()],
        "example": dump_lines(example_of_body(known.items())),
    }


def described_field(name: str, field: Any) -> dict[str, Any]:
    schema = field.schema()
    words = schema.get("x-extensible-enum") or schema.get("enum") or ()
    text = field.help_text or schema.get("description", "")
    if words and field.help_text:
        text = f"{text} One of: {', '.join(words)}."
    kind = FORMATS.get(schema.get("format", "")) or TYPES[schema["type"]]
    return {"name": name, "type": kind, "text": marked(str(text))}


def example_of_body(known: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An example of a body; of the ids that can be null, the first is not."""
    found: dict[str, Any] = {}
    has_one = False
    for name, field in known:
        is_optional = isinstance(field, fields.Id) and field.allow_null
        found[name] = None if is_optional and has_one else field.get_initial()
        has_one = has_one or is_optional
    return found


guides.CONTEXTS["event-kinds"] = event_kinds
