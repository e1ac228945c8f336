"""The index of the search over the documentation, written by `manage.py write_docs`.

One entry for each section: its address, page and heading, its first words, and the other words.
The page's script reads the file; there is no service.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import strip_tags

from iocash import errors
from iocash.docs import calls, guides

FILE = settings.BASE_DIR / "iocash" / "static" / "iocash" / "search-index.json"
DOCS = "/api/docs"
SHOWN = 90
"""Characters that a result shows of its section."""

BLOCK_END = re.compile(r"</(?:p|li|t[dhr]|d[dt]|h\d)>")
ARTICLE = re.compile(r'<article class="guide">(.*?)(?:<nav class="around"|</article>)', re.DOTALL)
CODE = re.compile(
    r'<pre .*?</pre>|<a class="anchor".*?</a>|<p class="begin">.*?</p>|<details.*?</details>',
    re.DOTALL,
)
SECTION = re.compile(r'<(?:h2|h3|dt) id="([^"]*)">(.*?)</(?:h2|h3|dt)>', re.DOTALL)
WORD = re.compile(r"\w+")
COMMON = frozenset(
    WORD.findall(
        "a all an and any are as at be but by can do does each for from has have if in is it"
        " its no not of on only or other so such than that the their them they this to was were"
        " what when which will with you your"
    )
)
"""Words that nobody searches for."""


class Section(NamedTuple):
    """What a reader can find."""

    address: str
    page: str
    heading: str
    text: str

    def entry(self) -> list[str]:
        beginning = self.text[:SHOWN].rpartition(" ")[0] if self.text[SHOWN:] else self.text
        known = {*words_of(self.heading), *words_of(beginning), *words_of(self.address)}
        others = {*words_of(self.text)} - known - COMMON
        return [self.address, self.page, self.heading, beginning, " ".join(sorted(others))]


def words_of(text: str) -> list[str]:
    return WORD.findall(text.lower())


def index_text() -> str:
    """The file: a list with one entry a line."""
    lines = [json.dumps(each.entry(), ensure_ascii=False) for each in sections()]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def sections() -> Iterator[Section]:
    for guide in guides.GUIDES:
        yield from guide_sections(guide)
    yield Section(f"{DOCS}/calls", "Every call", "Every call", guides.CALLS.sentence)
    for chapter in calls.chapters():
        for call in chapter.calls:
            page, text = f"{call.method} {call.path}", plain_text(call.sentence)
            heading, _, rest = text.partition(". ")
            yield Section(f"{DOCS}/calls#{call.id}", page, heading, f"{rest} {call.scope}".strip())
    yield Section(DOCS, "Reference", "Reference", "All operations, to read and try out.")
    yield Section(f"{DOCS}/errors", "Error codes", "Error codes", "All codes, by status.")
    for kind in sorted(errors.REGISTRY.values(), key=lambda each: each.code):
        text = " ".join((kind.__doc__ or "").replace("`", "").split())
        yield Section(f"{DOCS}/errors#{kind.code}", "Error codes", kind.code, text)


def guide_sections(guide: guides.Guide) -> Iterator[Section]:
    """The sections of a guide, without the limits of one server and without examples."""
    context = guides.guide_context(guide, calls.RECORDED_AT) | {"limits": []}
    page = render_to_string(f"docs/{guide.slug}.html", context)
    (article,) = ARTICLE.findall(page)
    lead, *parts = SECTION.split(CODE.sub(" ", article))
    address = f"{DOCS}/{guide.slug}"
    yield Section(address, guide.title, guide.title, guide.sentence)
    opening = plain_text(lead.partition('class="lead">')[2].partition("</p>")[2])
    if opening:
        yield Section(address, guide.title, guide.title, opening)
    for anchor, heading, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        yield Section(f"{address}#{anchor}", guide.title, plain_text(heading), plain_text(text))


def plain_text(text: str) -> str:
    return " ".join(html.unescape(strip_tags(BLOCK_END.sub(" ", text))).split())
