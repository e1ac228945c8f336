"""Whatever a file contains, it is read or refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.camt import Line, Part, Statement
from wallets.bank.messages import camt
from wallets.bank.messages.xml import Unreadable

SAMPLES = os.environ.get("BANK_SAMPLES", "")
"""A folder with files of many banks."""

EXAMPLE = Statement(
    lines=(
        Line(amount="5.00", reference="A", parts=(Part(amount="5.00", name="Alice"),)),
        Line(amount="7.00", reference="B", sign="DBIT", parts=(Part(amount="7.00"),)),
    ),
    opening="10.00",
    closing="8.00",
).xml()

TEXTS = st.sampled_from(
    ["", "0", "-1", "1.005", "1.00", "CRDT", "DBIT", "EUR", "2026-02-30", "NOTPROVIDED", "é\t\n"]
)


def is_read_or_refused(content: bytes) -> bool:
    try:
        return bool(camt.read_statements(content))
    except Unreadable as refused:
        return bool(str(refused))


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused(content):
    assert is_read_or_refused(content)


@given(st.integers(0, len(EXAMPLE)))
@settings(max_examples=100, deadline=None)
def test_truncated_file_is_refused(length):
    if length < len(EXAMPLE):
        with pytest.raises(Unreadable):
            camt.read_statements(EXAMPLE[:length])


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=4))
@settings(max_examples=200, deadline=None)
def test_altered_file_is_read_or_refused(place, more):
    assert is_read_or_refused(EXAMPLE[:place] + more + EXAMPLE[place + 1 :])


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_altered_value_never_changes_another_amount(data):
    """Put another text into one element; every entry that is read has an amount of the file."""
    texts = EXAMPLE.decode().split(">")
    places = [place for place, each in enumerate(texts) if not each.startswith("<") and "<" in each]
    place = data.draw(st.sampled_from(places))
    word = data.draw(TEXTS)
    texts[place] = word + "<" + texts[place].partition("<")[2]
    try:
        statements = camt.read_statements(">".join(texts).encode())
    except Unreadable:
        return
    for entry in statements[0].entries:
        assert entry.amount in {5_00, 7_00, 1_00}
        assert sum(each.amount for each in entry.details) in {0, entry.amount}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8-sig"])
def test_encoding_changes_no_amount(encoding):
    text = EXAMPLE.decode().replace("Alice", "Aliçe")
    declared = text.replace("UTF-8", encoding.removesuffix("-sig"))
    for each in (text, declared):
        try:
            statement = camt.read_statements(each.encode(encoding))[0]
        except Unreadable:
            assert encoding == "utf-16-le"
            continue
        assert [entry.sign * entry.amount for entry in statement.entries] == [5_00, -7_00]
        assert statement.entries[0].details[0].name == "Aliçe"


@given(st.lists(st.sampled_from(["1.00", "2.00"]), max_size=8))
@settings(max_examples=50, deadline=None)
def test_repeated_lines_are_told_apart(amounts):
    lines = tuple(Line(amount=each, reference="R") for each in amounts)
    entries = camt.read_statements(Statement(lines=lines).xml())[0].entries
    assert len({(*each.identity, each.index) for each in entries}) == len(amounts)


@pytest.mark.ci
def test_files_of_many_banks_are_read_or_refused():
    """Takes 2 s. Needs BANK_SAMPLES, a folder of files."""
    if not SAMPLES:
        pytest.skip("BANK_SAMPLES names no folder with files of banks")
    found = sorted(Path(SAMPLES).glob("*.xml"))
    assert found
    for each in found:
        assert is_read_or_refused(each.read_bytes()), each.name
        if each.name.startswith("camt") and ".wrong." not in each.name:
            assert camt.read_statements(each.read_bytes()), each.name
