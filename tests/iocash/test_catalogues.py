"""Every text of an error has a translation, and what is compiled is what was written."""

from __future__ import annotations

import gettext
from string import Formatter

import pytest

from tests.support import catalogues

TRANSLATIONS = catalogues.read_source(catalogues.SOURCE.read_text())


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_every_text_is_translated_and_no_other():
    texts = catalogues.texts()
    assert len(texts) > 250
    assert TRANSLATIONS.keys() - {""} == texts


def test_texts_are_not_put_together():
    assert catalogues.unknown_texts() == []


@pytest.mark.parametrize("text", sorted(TRANSLATIONS.keys() - {""}))
def test_translation_has_the_placeholders_and_the_end_of_the_text(text):
    said = TRANSLATIONS[text]
    assert said.strip()
    assert placeholders(said) == placeholders(text)
    assert said.endswith(".") is text.endswith(".")


def test_compiled_catalogue_is_that_of_the_source():
    assert catalogues.COMPILED.read_bytes() == catalogues.compiled(TRANSLATIONS)


def test_compiled_catalogue_is_one_of_gettext():
    with catalogues.COMPILED.open("rb") as file:
        found = gettext.GNUTranslations(file)
    assert {text: found.gettext(text) for text in TRANSLATIONS if text} == {
        text: said for text, said in TRANSLATIONS.items() if text
    }


@pytest.mark.parametrize(
    "source",
    [
        '#, fuzzy\nmsgid "a"\nmsgstr "b"\n',
        '#~ msgid "a"\n#~ msgstr "b"\n',
        'msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n',
    ],
)
def test_unfinished_or_repeated_translation_raises(source):
    with pytest.raises(ValueError, match=r"not a finished translation|twice"):
        catalogues.read_source(source)


def test_long_texts_can_have_several_lines():
    assert catalogues.read_source('msgid ""\n"a "\n"b"\nmsgstr "c\\n"') == {"a b": "c\n"}
