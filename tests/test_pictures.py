"""The pictures of the README and of the manual: one list, and each is there, used and described."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from PIL import Image

import dev
from tests.pictures import LANGUAGES, MOST_BYTES, PICTURES, STATIC, files
from users.manual import MANUAL

PREFIX = "iocash/manual/"
IN_MARKDOWN = re.compile(r"!\[([^]]*)\]\(iocash/static/([^)]+)\)")
SHORTEST_ALT = 20


class ImageTags(HTMLParser):
    """Collects the attributes of the images of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append({name: value or "" for name, value in attrs})


def images_of(chapter: str, language: str) -> list[dict[str, str]]:
    tags = ImageTags()
    tags.feed(render_to_string(f"staff/{language}/{chapter}.html"))
    return tags.found


def file_of(image: dict[str, str]) -> str:
    return image["src"].partition("static/")[2]


def in_readme() -> list[tuple[str, str]]:
    """The alternative text and the file of each picture of the README."""
    return IN_MARKDOWN.findall((dev.ROOT / "README.md").read_text())


def test_list_has_exactly_the_pictures_that_are_stored():
    stored = {str(each.relative_to(STATIC)) for each in (STATIC / PREFIX).rglob("*.png")}
    assert Counter(files()) == dict.fromkeys(stored, 1)


def test_readme_and_manual_use_exactly_the_pictures_of_the_list():
    chapters = [(chapter, language) for chapter in MANUAL.chapters for language in LANGUAGES]
    in_manual = {file_of(each) for at in chapters for each in images_of(*at)}
    assert in_manual | {file for _alt, file in in_readme()} == set(files())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("chapter", MANUAL.chapters)
def test_chapter_shows_pictures_in_its_language_with_size_and_text(chapter, language):
    for image in images_of(chapter, language):
        assert file_of(image).startswith(f"{PREFIX}{language}/")
        assert len(image["alt"]) >= SHORTEST_ALT
        with Image.open(STATIC / file_of(image)) as picture:
            assert (image["width"], image["height"]) == tuple(map(str, picture.size))


def test_alternative_texts_are_translated():
    texts = {language: set[str]() for language in LANGUAGES}
    for chapter in MANUAL.chapters:
        for language in LANGUAGES:
            texts[language] |= {each["alt"] for each in images_of(chapter, language)}
    assert len(texts["en"]) == len(texts["es"])
    assert not texts["en"] & texts["es"]


def test_pictures_of_the_readme_are_described():
    assert len(in_readme()) == 3
    assert all(len(alt) >= SHORTEST_ALT for alt, _file in in_readme())


def test_pictures_are_small_and_have_a_palette():
    sizes = [Path(STATIC, each).stat().st_size for each in files()]
    assert sum(sizes) <= MOST_BYTES
    for each in files():
        with Image.open(STATIC / each) as picture:
            assert picture.mode == "P"


def test_names_of_pictures_are_unique():
    assert len({each.name for each in PICTURES}) == len(PICTURES)
