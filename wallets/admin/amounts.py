"""Amounts as people type them: `1,50`, `1.50`, `1 234,50` and `1.234,50`."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from iocash.http import fields

SPACES: Final = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " "))
"""Spaces that do not break a line, as spreadsheets and web pages write them."""

AMBIGUOUS: Final = re.compile(r"[1-9][0-9]{0,2}(?P<mark>[.,])[0-9]{3}")
"""Thousands or decimals: `1,234`."""

GROUPED: Final = re.compile(
    r"(?P<whole>[1-9][0-9]{0,2}(?:(?P<mark>[ .,])[0-9]{3})(?:(?P=mark)[0-9]{3})*)"
    r"(?:(?!(?P=mark))[.,](?P<part>[0-9]+))?"
)
"""Groups of three digits with one mark, then decimals with another mark."""

PLAIN: Final = re.compile(r"(?P<whole>[0-9]+)(?:[.,](?P<part>[0-9]+))?")


def in_api_form(text: str) -> str:
    """Rewrite a typed amount as in the API: digits, and a point before the decimals.

    What is no amount is returned as it is.

    Raises:
        ValidationError: it has two readings.
    """
    typed = text.translate(SPACES).strip()
    if found := AMBIGUOUS.fullmatch(typed):
        raise ambiguous(typed, found["mark"])
    found = GROUPED.fullmatch(typed) or PLAIN.fullmatch(typed)
    if not found:
        return typed
    whole = re.sub(r"[ .,]", "", found["whole"]).lstrip("0") or "0"
    return f"{whole}.{found['part']}" if found["part"] else whole


def ambiguous(typed: str, mark: str) -> forms.ValidationError:
    """The refusal of an amount with two readings; it shows how each of them can be typed.

    Three decimals are written with a zero in front, unless the last of them are zeros.
    """
    decimals = typed.rstrip("0").rstrip(mark) if typed.endswith("0") else f"0{typed}"
    return forms.ValidationError(
        _(
            "“%(text)s” has two readings: thousands or decimals. Write %(whole)s or %(grouped)s "
            "for thousands, or %(decimals)s for decimals."
        ),
        code="ambiguous",
        params={
            "text": typed,
            "whole": typed.replace(mark, ""),
            "grouped": f"{typed}{',' if mark == '.' else '.'}00",
            "decimals": decimals,
        },
    )


def refused_texts(error: ValidationError) -> list[str]:
    """What a field of the API says of a value that it refuses, in the member's language."""
    return [_(str(detail)) for detail in error.detail]


class AmountField(forms.CharField):
    """An amount as people type it, converted exactly as in the API."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(max_length=30, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        if not value and not self.required:
            return None
        text = in_api_form(super().clean(value))
        try:
            return fields.Amount().to_internal_value(text)
        except ValidationError as error:
            raise forms.ValidationError(refused_texts(error)) from error
