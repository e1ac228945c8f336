"""Texts that can be translated: written in English, translated when an error is rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Translate = Callable[[str], str]


class Message(str):
    """A text in English that keeps its template and values, so that it can be translated.

    Catalogues contain the template. Values that are messages are translated too.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Message:
        message = super().__new__(cls, template.format(**values))
        message.template, message.values = template, values
        return message

    def pack(self) -> dict[str, Any]:
        """Convert the message to JSON types, to send it to another process."""
        values = {
            name: value.pack() if isinstance(value, Message) else value
            for name, value in self.values.items()
        }
        return {"template": self.template, "values": values}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Message:
        """Read a message that `pack` converted."""
        values = {
            name: cls.unpack(value) if isinstance(value, dict) else value
            for name, value in packed["values"].items()
        }
        return cls(packed["template"], **values)


def translated(text: str, translate: Translate) -> str:
    """Translate a text. A plain string is its own template, without values."""
    if not isinstance(text, Message):
        return translate(text) if text else text
    values = {
        name: translated(value, translate) if isinstance(value, Message) else value
        for name, value in text.values.items()
    }
    return translate(text.template).format(**values)
