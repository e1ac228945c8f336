"""Every link on a page of the documentation leads to a page and an anchor that exist."""

from __future__ import annotations

import html
import re
from functools import cache

import pytest
from django.contrib.staticfiles import finders
from django.test import Client as Browser

from iocash.docs.guides import GUIDES

PAGES = ["/", "/api/docs", "/api/docs/errors", "/api/docs/calls"]
PAGES += [f"/api/docs/{each.slug}" for each in GUIDES]
STATIC = "/static/"


@cache
def text_of(address: str) -> str | None:
    """The page at an address; None if there is none."""
    if address.startswith(STATIC):
        return "" if finders.find(address.removeprefix(STATIC)) else None
    answer = Browser().get(address)
    return answer.text if answer.status_code in (200, 302, 401) else None


def anchors(text: str) -> list[str]:
    return re.findall(r'\bid="([^"]*)"', text)


def broken(address: str) -> list[str]:
    """The links of a page that lead nowhere."""
    found = re.findall(r'(?:href|src|data-index)="([^"]*)"', text_of(address) or "")
    return [link for link in map(html.unescape, found) if not leads_somewhere(address, link)]


def leads_somewhere(address: str, link: str) -> bool:
    path, _, anchor = link.removeprefix("http://testserver").partition("#")
    if path and not path.startswith("/"):
        return False
    text = text_of(path or address)
    return text is not None and (not anchor or anchor in anchors(text))


@pytest.mark.parametrize("address", PAGES)
def test_every_link_leads_to_an_existing_anchor(address, db):
    assert text_of(address) is not None
    assert broken(address) == []


@pytest.mark.parametrize("address", PAGES)
def test_ids_of_a_page_are_unique(address, db):
    found = anchors(text_of(address) or "")
    assert len(found) == len(set(found))


def test_broken_link_is_found():
    assert not leads_somewhere("/api/docs/holds", "/api/docs/hold")
    assert not leads_somewhere("/api/docs/holds", "#nowhere")
    assert not leads_somewhere("/api/docs/holds", "/api/docs/kyc#nowhere")
    assert not leads_somewhere("/api/docs/holds", "/static/iocash/nothing.css")
    assert not leads_somewhere("/api/docs/holds", "https://elsewhere.example/")
    assert leads_somewhere("/api/docs/holds", "#execute")
