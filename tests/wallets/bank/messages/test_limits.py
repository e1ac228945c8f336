"""Files of any size and shape are read or refused within limits, and never by the server itself."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from iocash import errors
from tests.support import large_statements as large
from tests.support.camt import IBAN, Line, Statement, incoming
from wallets.bank.messages import apart, camt, pain002, parsing
from wallets.bank.messages.xml import MOST_BYTES, Unreadable

EXAMPLE = Statement(lines=(incoming("5.00", "R1", name="Zoë"),), opening="0.00", closing="5.00")
BOMB = (
    b'<!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + each, b"&%c;" % (97 + each) * 10) for each in range(12))
    + b"]><Document><Stmt>&m;</Stmt></Document>"
)
REFUSED = {
    "empty": (b"", "The file is empty."),
    "zero bytes": (b"\0" * 1_000, "The file is not well-formed XML (line 1)."),
    "packed": (gzip.compress(EXAMPLE.xml()), "The file is compressed. Unpack it first."),
    "tags": (large.elements(17 * large.MIB), "The file has more than 3000000 tags."),
    "deep": (large.nested(200_000), "The elements of the file are nested too deeply."),
    "bomb": (BOMB, "The file has a document type (DTD), which messages of banks never have."),
    "large": (large.elements(50_000_000), "The file is larger than 32 MiB."),
    "statements": (large.statements(1_001, 0), "A file has at most 1000 statements."),
    "entries": (large.entries(25_001), "A file has at most 50000 entries and payments."),
    "payments": (large.payments(50_000), "A file has at most 50000 entries and payments."),
    "nested": (
        EXAMPLE.xml().replace(b"</Stmt>", b"<Stmt><Id>2</Id></Stmt></Stmt>"),
        "A statement is inside another one.",
    ),
}
LARGE = ("entries", "payments")
"""They are read up to their limit, which takes some seconds."""


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in LARGE])
def test_hostile_file_is_refused_in_words(name):
    content, words = REFUSED[name]
    assert words_of(content) == words


@pytest.mark.ci
@pytest.mark.parametrize("name", LARGE)
def test_file_with_too_much_is_refused_in_words(name):
    """Takes 15 s."""
    content, words = REFUSED[name]
    assert words_of(content) == words


def words_of(content: bytes) -> str:
    with pytest.raises(Unreadable) as refused:
        camt.read_statements(content)
    return str(refused.value)


def test_file_of_another_process_is_the_file_that_was_parsed():
    """Nothing is lost on its way between the processes, not even a date or a warning."""
    content = Statement(
        lines=(incoming("5.00", "R1", name="Zoë"), incoming("1.00", "")), closing="7.00", day=""
    ).xml()
    content = content.replace(b"<CreDtTm>T23:00:00Z", b"<CreDtTm>2026-11-26T23:00:00Z")
    for each in (content, EXAMPLE.xml()):
        assert camt.read_statements(each) == parsing.parse_statements(each)


def test_outline_has_the_latest_entry():
    content = Statement(
        lines=(Line(amount="5.00", day="2026-11-27"), Line(amount="1.00", day="2026-11-25"))
    ).xml()
    (outline,) = camt.read_outlines(content)
    assert [each.amount for each in outline.entries] == [5_00]
    assert outline.account == IBAN


def test_file_that_takes_too_much_is_refused(monkeypatch):
    """The process is killed, and the server goes on."""
    content = large.entries(2_000)
    for limit in ({"cpu": 0.001}, {"seconds": 0.001}, {"memory": 0}):
        monkeypatch.setattr(apart, "READ", replace(apart.READ, **limit))
        assert words_of(content).startswith("The file is too complex to read")
        monkeypatch.undo()
    assert len(camt.read_statements(content)[0].entries) == 2_000


def test_file_waits_until_another_one_was_read(monkeypatch):
    monkeypatch.setattr(apart, "READ", replace(apart.READ, patience=0))
    with apart.READ.room:
        with pytest.raises(errors.Overloaded):
            camt.read_statements(EXAMPLE.xml())
        with pytest.raises(errors.Overloaded):
            pain002.read_report(b"<a/>")
    assert camt.read_statements(EXAMPLE.xml())


def test_server_loads_no_parser():
    """A process that reads a file has not loaded lxml."""
    program = (
        "import sys\n"
        "from wallets.bank.messages import camt\n"
        "content = sys.stdin.buffer.read()\n"
        "print(len(camt.read_statements(content)), 'lxml' in sys.modules)"
    )
    done = large.run_python(program, EXAMPLE.xml())
    assert done.split() == ["1", "False"]


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252"])
@pytest.mark.parametrize("declared", ["UTF-8", None])
def test_encoding_is_read_whatever_is_declared(encoding, declared):
    text = EXAMPLE.xml().decode().replace("UTF-8", declared or encoding)
    (statement,) = camt.read_statements(text.encode(encoding))
    assert statement.entries[0].details[0].name == "Zoë"


SHAPES: dict[str, Callable[[], bytes]] = {
    "1,000 statements × 15": lambda: large.statements(1_000, 15),  # noqa: RUF001
    "1 × 25,000 entries": lambda: large.entries(25_000),  # noqa: RUF001
    "1 entry × 49,999 payments": lambda: large.payments(49_999),  # noqa: RUF001
    "20,000 full entries": lambda: large.full_entries(20_000),
    "11 MiB of <a/>": lambda: large.elements(11 * large.MIB),
    "11 MiB of <a/> in an entry": lambda: large.inside_entry(11 * large.MIB),
    "17 MiB of <a/>": lambda: large.elements(17 * large.MIB),
    "50 MB": lambda: large.elements(50_000_000),
    "200,000 levels": lambda: large.nested(200_000),
    "entity bomb": lambda: BOMB,
}


@pytest.mark.ci
def test_memory_and_time_are_bounded(capsys):
    """Takes 40 s. The limit of the process is 500 MB; the time is that of two busy processors."""
    for name, make in SHAPES.items():
        content = make()
        found = large.measured(content)
        with capsys.disabled():
            size = len(content) / large.MIB
            sys.stdout.write(
                f"\n{name}: {size:.1f} MiB, {found.seconds:.2f} s, {found.memory} MiB: "
                f"{found.result}"
            )
        assert found.memory < 450, name
        assert found.seconds < 20, name
        assert len(content) <= MOST_BYTES or "larger" in found.result
