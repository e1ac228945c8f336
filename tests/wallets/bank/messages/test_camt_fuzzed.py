"""Whatever a file contains, it is read or refused with a reason, and no amount changes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.camt import Line, Part, Statement
from tests.support.shuffled_xml import CHANGES, changed
from wallets.bank.messages.parsing import parse_report, parse_statements
from wallets.bank.messages.xml import Unreadable

SAMPLES = os.environ.get("BANK_SAMPLES", "")
"""A folder with files of many banks."""

EXAMPLE = Statement(
    lines=(
        Line(amount="5.00", reference="A", parts=(Part(amount="5.00", name="Alice"),)),
        Line(amount="7.00", reference="B", sign="DBIT", parts=(Part(amount="7.00"),)),
        Line(amount="9.00", parts=(Part(amount="4.00", end_to_end="C"), Part(amount="5.00"))),
    ),
    opening="10.00",
    closing="17.00",
).xml()
AMOUNTS = {4_00, 5_00, 7_00, 9_00, 10_00, 17_00}

ANSWER = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
    b"<GrpHdr><MsgId>A1</MsgId><CreDtTm>2026-11-27T10:00:00</CreDtTm></GrpHdr>"
    b"<OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlNbOfTxs>2</OrgnlNbOfTxs>"
    b"<OrgnlCtrlSum>9.00</OrgnlCtrlSum><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"
    b"<OrgnlPmtInfAndSts><OrgnlPmtInfId>M1-1</OrgnlPmtInfId>"
    b"<TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
    b"<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf></TxInfAndSts>"
    b"<TxInfAndSts><OrgnlEndToEndId>E2</OrgnlEndToEndId><TxSts>ACSC</TxSts><OrgnlTxRef><Amt>"
    b'<InstdAmt Ccy="EUR">4.00</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>'
    b"</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
)

TEXTS = st.sampled_from(
    ["", "0", "-1", "1.005", "1.00", "CRDT", "DBIT", "EUR", "2026-02-30", "NOTPROVIDED", "é\t\n"]
)
SEEDS = st.integers(0, 2**32)


def is_read_or_refused(content: bytes) -> bool:
    try:
        return bool(parse_statements(content))
    except Unreadable as refused:
        return bool(str(refused))


def test_example_is_read():
    (statement,) = parse_statements(EXAMPLE)
    assert [each.sign * each.amount for each in statement.entries] == [5_00, -7_00, 9_00]
    assert statement.warnings == ()
    assert parse_report(ANSWER).payments["E1"].status.reason_code == "AC04"


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused(content):
    assert is_read_or_refused(content)


@given(st.integers(0, len(EXAMPLE)))
@settings(max_examples=100, deadline=None)
def test_truncated_file_is_refused(length):
    if length < len(EXAMPLE):
        with pytest.raises(Unreadable):
            parse_statements(EXAMPLE[:length])


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=4))
@settings(max_examples=200, deadline=None)
def test_altered_file_is_read_or_refused(place, more):
    assert is_read_or_refused(EXAMPLE[:place] + more + EXAMPLE[place + 1 :])


@pytest.mark.slow
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
        statements = parse_statements(">".join(texts).encode())
    except Unreadable:
        return
    for entry in statements[0].entries:
        assert entry.amount in {*AMOUNTS, 1_00}
        assert sum(each.amount for each in entry.details) in {0, entry.amount}


@pytest.mark.ci
@given(SEEDS, st.lists(st.sampled_from(CHANGES), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_changed_elements_never_make_another_amount(seed, changes):
    """Elements are removed, repeated and moved, signs swapped, and the text is encoded anew.

    Takes 2 s.
    """
    try:
        statements = parse_statements(changed(EXAMPLE, changes, random.Random(seed)))
    except Unreadable:
        return
    for statement in statements:
        for entry in statement.entries:
            assert entry.amount in AMOUNTS
            assert sum(each.amount for each in entry.details) in {0, entry.amount}
        places = [(*each.identity, each.index) for each in statement.entries]
        assert len({*places}) == len(places)


@pytest.mark.slow
@given(SEEDS, st.lists(st.sampled_from(CHANGES), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_changed_answer_is_read_or_refused(seed, changes):
    try:
        report = parse_report(changed(ANSWER, changes, random.Random(seed)))
    except Unreadable:
        return
    assert report.payments.keys() <= {"E1", "E2"}
    assert {each.amount for each in report.payments.values()} <= {None, 4}


def test_brace_in_the_namespace_is_no_end_of_it():
    place = EXAMPLE.index(b"urn:")
    for brace in (b"}", b"{"):
        assert is_read_or_refused(EXAMPLE[:place] + brace + EXAMPLE[place + 1 :])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8-sig"])
def test_encoding_changes_no_amount(encoding):
    text = EXAMPLE.decode().replace("Alice", "Aliçe")
    declared = text.replace("UTF-8", encoding.removesuffix("-sig"))
    for each in (text, declared):
        try:
            statement = parse_statements(each.encode(encoding))[0]
        except Unreadable:
            assert encoding == "utf-16-le"
            continue
        assert [entry.sign * entry.amount for entry in statement.entries] == [5_00, -7_00, 9_00]
        assert statement.entries[0].details[0].name == "Aliçe"


@given(st.lists(st.sampled_from(["1.00", "2.00"]), max_size=8))
@settings(max_examples=50, deadline=None)
def test_repeated_lines_are_told_apart(amounts):
    lines = tuple(Line(amount=each, reference="R") for each in amounts)
    entries = parse_statements(Statement(lines=lines).xml())[0].entries
    assert len({(*each.identity, each.index) for each in entries}) == len(amounts)


def samples() -> list[Path]:
    if not SAMPLES:
        pytest.skip("BANK_SAMPLES names no folder with files of banks")
    found = sorted(Path(SAMPLES).glob("*.xml"))
    assert found
    return found


@pytest.mark.ci
def test_files_of_many_banks_are_read_or_refused():
    """Takes 1 s. Needs BANK_SAMPLES, a folder of files."""
    for each in samples():
        content = each.read_bytes()
        assert is_read_or_refused(content), each.name
        if each.name.startswith("camt") and ".wrong." not in each.name:
            assert parse_statements(content), each.name


@pytest.mark.ci
def test_files_of_many_banks_are_refused_when_they_are_truncated():
    """At each hundredth of their length. Takes 5 s. Needs BANK_SAMPLES, a folder of files."""
    for each in samples():
        content = each.read_bytes().rstrip()
        for hundredth in range(100):
            with pytest.raises(Unreadable):
                parse_statements(content[: len(content) * hundredth // 100])
