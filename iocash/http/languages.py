"""The language of errors: English, or a translation that `Accept-Language` prefers.

Only errors have a language. A successful response has no words of ours, so nobody looks at
`Accept-Language` for it.
"""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import get_supported_language_variant, gettext, override
from django.utils.translation.trans_real import parse_accept_lang_header

from iocash.errors import Translate

VARY: Final = "Accept, Accept-Language"
"""The headers of the request on which an error depends."""

ENGLISH: Final = "en"
"""The language of the texts in the code, and of whoever asks for another one that we don't have."""


def preferred_language(request: Any) -> str:
    """The language that the caller likes best of ours; English if the header names none."""
    for language, weight in parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", "")):
        if language == "*" or not weight:
            break
        try:
            return get_supported_language_variant(language)
        except LookupError:
            continue
    return ENGLISH


def translator(language: str) -> Translate:
    """The function that translates a text; one that has no translation stays English."""

    def translate(text: str) -> str:
        with override(language):
            return gettext(text)

    return str if language == ENGLISH else translate


def language_headers(language: str) -> dict[str, str]:
    """The headers of a response with words in this language."""
    return {"Content-Language": language, "Vary": VARY}
