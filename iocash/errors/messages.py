"""Texts that can be translated. They are made in English; what renders them knows the language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Translate = Callable[[str], str]


class Message(str):
    """A text in English, and what another language needs to say the same.

    `template` is what is translated. `values` are filled in; those that are messages are
    translated too.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Message:
        message = super().__new__(cls, template.format(**values))
        message.template, message.values = template, values
        return message

    def pack(self) -> dict[str, Any]:
        """What JSON can carry to another process."""
        values = {
            name: value.pack() if isinstance(value, Message) else value
            for name, value in self.values.items()
        }
        return {"template": self.template, "values": values}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Message:
        """The message that was packed."""
        values = {
            name: cls.unpack(value) if isinstance(value, dict) else value
            for name, value in packed["values"].items()
        }
        return cls(packed["template"], **values)


def translated(text: str, translate: Translate) -> str:
    """The text in another language. A plain text is translated as a whole."""
    if not isinstance(text, Message):
        return translate(text) if text else text
    values = {
        name: translated(value, translate) if isinstance(value, Message) else value
        for name, value in text.values.items()
    }
    return translate(text.template).format(**values)
