"""The headers that a request says more with: idempotency keys."""

from __future__ import annotations

import pytest
from django.http import HttpRequest
from hypothesis import given
from hypothesis import strategies as some

from iocash import errors
from iocash.http.headers import idempotency_key


def key(value: str | None) -> str | None:
    request = HttpRequest()
    if value is not None:
        request.META["HTTP_IDEMPOTENCY_KEY"] = value
    return idempotency_key(request)


def test_idempotency_key_is_optional() -> None:
    assert key(None) is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ("a b", "a b"),
        ("a,b", "a,b"),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ],
)
def test_idempotency_key_may_be_bare_or_quoted(sent: str, read: str) -> None:
    assert key(sent) == read


@pytest.mark.parametrize("sent", ["", "x" * 256, "ñ", "a\x00b", "a\tb"])
@pytest.mark.parametrize("form", ["{}", '"{}"', '"{}', '"{}"b"', '"{}\\n"', '"{}";p=1'])
def test_malformed_idempotency_key_is_refused(sent: str, form: str) -> None:
    with pytest.raises(errors.InvalidHeader) as caught:
        key(form.format(sent))
    assert caught.value.words == "The header Idempotency-Key has an invalid value."


@given(some.text(some.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255))
def test_printable_idempotency_key_may_be_quoted(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert key(f'"{quoted}"') == text
