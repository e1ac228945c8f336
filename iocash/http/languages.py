"""The language of errors: English, or a translation that `Accept-Language` prefers.

Only errors have a language. For a successful response `Accept-Language` is not read, because it
contains no texts of the server.
"""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import get_supported_language_variant, gettext, override
from django.utils.translation.trans_real import parse_accept_lang_header

from iocash.errors import Translate

VARY: Final = "Accept, Accept-Language"
"""The request headers that an error depends on."""

ENGLISH: Final = "en"
"""The language of the texts in the code. It is also used if no supported language fits."""


def preferred_language(request: Any) -> str:
    """The supported language that the caller prefers; English if none fits."""
    for language, weight in parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", "")):
        if language == "*" or not weight:
            break
        try:
            return get_supported_language_variant(language)
        except LookupError:
            continue
    return ENGLISH


def translator(language: str) -> Translate:
    """Return a function that translates a text. A text without a translation stays English."""

    def translate(text: str) -> str:
        with override(language):
            return gettext(text)

    return str if language == ENGLISH else translate


def language_headers(language: str) -> dict[str, str]:
    """The headers of an error in this language."""
    return {"Content-Language": language, "Vary": VARY}
