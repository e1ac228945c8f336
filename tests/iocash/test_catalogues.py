"""Both catalogues translate the texts of the code and no others, and are compiled as written.

`users/locale` has the texts of the back office, `iocash/locale` those of errors. Django reads the
second one last: a text that is in both must have one translation.
"""

from __future__ import annotations

import gettext
import re
from string import Formatter

import pytest
from babel.messages.catalog import Message

from tests.support import catalogues, error_texts, office_texts
from tests.support.catalogues import ERRORS, OFFICE, ROOT, Key, entries, forms_of, key_of

SOURCES = {"errors": ERRORS, "office": OFFICE}
CATALOGUES = {name: catalogues.read_source(source.read_text()) for name, source in SOURCES.items()}
HEADER = "Plural-Forms: nplurals=3; plural=n == 1 ? 0 : n != 0 && n % 1000000 == 0 ? 1 : 2;"
"""That of Django's own catalogue: with another one, Django would read ours in another order."""

PERCENT = re.compile(r"%\(\w+\)[sd]|%[sd%]")


def every() -> list[tuple[str, Message]]:
    return [(name, each) for name, catalogue in CATALOGUES.items() for each in entries(catalogue)]


def braces(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def percents(text: str) -> list[str]:
    return sorted(PERCENT.findall(text))


def difference(name: str, texts: set[Key]) -> tuple[list[Key], list[Key]]:
    """What is not translated, and what is translated in vain."""
    translated = {key_of(each) for each in entries(CATALOGUES[name])}
    return sorted(texts - translated), sorted(translated - texts)


# --- The texts -----------------------------------------------------------------------------------


def test_every_text_of_an_error_is_translated_and_no_other():
    texts = error_texts.texts()
    assert len(texts) > 250
    assert difference("errors", {("", text, "") for text in texts}) == ([], [])


def test_every_text_of_the_back_office_is_translated_and_no_other():
    texts = office_texts.texts(ROOT)
    assert len(texts) > 280
    assert difference("office", texts) == ([], [])


def test_texts_are_not_put_together():
    assert error_texts.unknown_texts() == []
    assert office_texts.unknown_texts() == []


def test_text_of_both_catalogues_has_one_translation():
    errors, office = (
        {key_of(each): forms_of(each) for each in entries(CATALOGUES[name])} for name in SOURCES
    )
    both = errors.keys() & office.keys()
    assert {key: office[key] for key in both} == {key: errors[key] for key in both}


# --- The translations ----------------------------------------------------------------------------


def test_translations_have_the_placeholders_of_the_texts():
    wrong = []
    for name, message in every():
        _, text, plural = key_of(message)
        *singular, many, most = forms_of(message) if plural else (*forms_of(message), "", "")
        read = braces if name == "errors" else percents
        same = [read(each) in (read(text), read(plural)) for each in singular]
        same += [read(each) == read(plural) for each in (many, most)]
        wrong += [] if all(same) else [text]
    assert wrong == []


def test_translations_are_complete_and_end_like_the_texts():
    wrong = []
    for _name, message in every():
        _, text, plural = key_of(message)
        said = forms_of(message)
        complete = len(said) == (3 if plural else 1) and all(map(str.strip, said))
        ends = {each.endswith(".") for each in said} == {text.endswith(".")}
        wrong += [] if complete and ends else [text]
    assert wrong == []


def test_no_translation_says_usted():
    """The back office speaks in infinitives. Errors speak to the clients, so they may."""
    polite = re.compile(r"\b(usted|inténtelo|escriba|pulse|seleccione|compruebe|póngase)\b", re.I)
    said = [form for each in entries(CATALOGUES["office"]) for form in forms_of(each)]
    assert [form for form in said if polite.search(form)] == []


@pytest.mark.parametrize("name", SOURCES)
def test_plural_rule_is_that_of_django(name):
    assert HEADER in SOURCES[name].read_text()


# --- The compiled files --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_compiled_catalogue_is_that_of_the_source(name):
    with catalogues.compiled_path(SOURCES[name]).open("rb") as file:
        found = gettext.GNUTranslations(file)
    for message in entries(CATALOGUES[name]):
        context, text, plural = key_of(message)
        place = f"{context}\x04{text}" if context else text
        said = forms_of(message)
        one, most = (
            (found.ngettext(place, plural, count) for count in (1, 2)) if plural else ("", "")
        )
        assert [one, most] == [said[0], said[2]] if plural else found.gettext(place) == said[0]
    compiled = vars(found)["_catalog"]
    assert len(compiled) - 1 == sum(len(forms_of(each)) for each in entries(CATALOGUES[name]))


@pytest.mark.parametrize(
    "source",
    [
        '#, fuzzy\nmsgid "a"\nmsgstr "b"\n',
        '#~ msgid "a"\n#~ msgstr "b"\n',
        'msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n',
    ],
)
def test_unfinished_or_repeated_translation_raises(source):
    head = 'msgid ""\nmsgstr "Language: es\\n"\n\n'
    with pytest.raises(ValueError, match=r"not a finished translation|twice"):
        catalogues.read_source(head + source)


# --- How texts are found -------------------------------------------------------------------------


def test_tags_of_templates_are_read():
    source = """
    <p title="{% translate "One" %}">{% translate "Two" context "of a hold" %}</p>
        {% blocktranslate with name=user.name trimmed %}
          Three of {{ name }}.
        {% endblocktranslate %}
      {% blocktranslate count n=3 %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}
    """
    assert {*office_texts.texts_of_template(source)} == {
        ("", "One", ""),
        ("of a hold", "Two", ""),
        ("", "Three of %(name)s.", ""),
        ("", "%(n)s row", "%(n)s rows"),
    }
