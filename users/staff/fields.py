"""The fields of forms for tokens of the second factor."""

from __future__ import annotations

from typing import Any

from django import forms


class TokenField(forms.CharField):
    """The six digits of an authenticator app."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"inputmode": "numeric", "autocomplete": "one-time-code"}
        super().__init__(max_length=6, widget=forms.TextInput(attrs=attributes), **kwargs)


class AnyTokenField(forms.CharField):
    """The six digits of an authenticator app, or a recovery code."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"autocomplete": "one-time-code", "autocapitalize": "none"}
        super().__init__(max_length=40, widget=forms.TextInput(attrs=attributes), **kwargs)
