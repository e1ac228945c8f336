"""Texts in the characters of SEPA."""

# ruff: noqa: RUF001 (its letters are those of other scripts)

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallets.bank.messages.characters import spell

ALLOWED = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Alice Adams", "Alice Adams"),
        ("Íñigo Muñoz", "Inigo Munoz"),
        ("Müller & Söhne", "Muller + Sohne"),
        ("Straße", "Strasse"),
        ("Łukasz Żółć", "Lukasz Zolc"),
        ("Ελλάδα", "Ellada"),
        ("Жорж Щербаков", "ZHorzh SHTerbakov"),
        ("a_b@c;d", "a-b(at)c,d"),
        ("“x” – y…", "'x' - y..."),
        ("小龙", ".."),
        ("a\n\tb\u00a0 c", "a b c"),
        ("½ ﬁ", "1.2 fi"),
    ],
)
def test_text_is_spelled(text, spelled):
    assert spell(text, 70) == spelled


def test_text_is_cut_after_it_was_spelled():
    assert spell("ß" * 40, 70) == "s" * 70


@pytest.mark.ci
@given(st.text(max_size=200), st.integers(1, 140))
def test_any_text_has_only_allowed_characters(text, most):
    """Takes 2 s."""
    spelled = spell(text, most)
    assert ALLOWED.fullmatch(spelled)
    assert len(spelled) <= most
