"""The index of the search has every page, section, call and code of the documentation."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client as Browser

from iocash import errors
from iocash.docs import calls, search
from iocash.docs.guides import GUIDES
from iocash.docs.search import Section

MOST_BYTES = 102_000


def entries() -> list[list[str]]:
    found: list[list[str]] = json.loads(search.FILE.read_text())
    return found


def found(word: str) -> set[str]:
    """The addresses of the sections that have a word."""
    return {each[0] for each in entries() if word in search.words_of(" ".join(each))}


def test_index_is_that_of_the_pages():
    assert search.FILE.read_text() == search.index_text(), "run manage.py write_docs"


def test_index_is_small():
    assert search.FILE.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("guide", GUIDES)
def test_index_has_every_section_of_a_guide(guide):
    text = Browser().get(f"/api/docs/{guide.slug}").text
    (article,) = re.findall(r'<article class="guide">.*?</article>', text, re.DOTALL)
    headings = re.findall(r'<(?:h[23]|dt) id="([^"]*)"', article)
    address = f"/api/docs/{guide.slug}"
    assert {address, *(f"{address}#{each}" for each in headings)} == {
        each[0] for each in entries() if each[0].partition("#")[0] == address
    }


def test_index_has_every_call_and_code():
    known = {each[0] for each in entries()}
    ids = {call.id for chapter in calls.chapters() for call in chapter.calls}
    assert {f"/api/docs/calls#{each}" for each in ids} <= known
    assert {f"/api/docs/errors#{code}" for code in errors.REGISTRY} <= known


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("disputed", "/api/docs/reversals#reverse-a-cash-in"),
        ("insufficient_funds", "/api/docs/errors#insufficient_funds"),
        ("openssl", "/api/docs/authentication#with-openssl"),
        ("multipart", "/api/docs/published-paths#other-differences-from-the-hosted-iocash"),
        ("safeguarding", "/api/docs/reconciliation#what-to-compare-every-day"),
        ("create_hold", "/api/docs/calls#create_hold"),
        ("counterparty", "/api/docs/glossary#counterparty"),
    ],
)
def test_word_is_found_where_it_is_written(word, address):
    assert address in found(word)


def test_entry_has_each_word_once_and_no_common_ones():
    section = Section("/api/docs/x#y", "X", "The wallet", "A wallet of a user. " * 20 + "Planted.")
    address, page, heading, beginning, others = section.entry()
    assert (address, page, heading) == ("/api/docs/x#y", "X", "The wallet")
    assert section.text.startswith(beginning)
    assert len(beginning) <= search.SHOWN
    assert others == "planted"


def test_examples_and_markup_are_not_in_the_index():
    text = search.FILE.read_text()
    assert "<" not in re.sub(r"[<>]=?(?= )", "", text)
    assert calls.RECORDED_AT not in text
