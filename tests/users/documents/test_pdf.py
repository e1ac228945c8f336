"""What a PDF must not contain, wherever it is and however it is written."""

from __future__ import annotations

import io

import pikepdf
import pytest

from tests.support.hostile_files import packed, pdf, with_object_stream
from users.documents import WrongDocument, media_type_of
from users.documents.inspection import ACTIVE


def code_of(content: bytes) -> str:
    with pytest.raises(WrongDocument) as wrong:
        media_type_of(content)
    return wrong.value.code


ACTIONS = {
    "javascript": b"<< /S /JavaScript /JS (app.alert(1)) >>",
    "javascript in a stream": b"<< /S /JavaScript /JS 5 0 R >>",
    "escaped": b"<< /S /#4aava#53cript /#4AS (app.alert(1)) >>",
    "launch": b"<< /S /Launch /F (cmd.exe) >>",
    "escaped launch": b"<< /S /L#61unch /F (cmd.exe) >>",
    "submit": b"<< /S /SubmitForm /F (https://x.example) >>",
    "import": b"<< /S /ImportData /F (x.fdf) >>",
    "remote": b"<< /S /GoToR /F (\\\\\\\\x.example\\\\y) /D [0 /Fit] >>",
    "embedded": b"<< /S /GoToE /D [0 /Fit] >>",
    "next": b"<< /S /GoTo /D [3 0 R /Fit] /Next [<< /S /JavaScript /JS (1) >>] >>",
    "rendition": b"<< /S /Rendition /OP 0 >>",
}

each_action = pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)


@each_action
def test_action_on_opening_is_refused(action):
    assert code_of(pdf(action, catalog=b"/OpenAction 4 0 R")) == "active_content"


@each_action
def test_inline_action_is_refused(action):
    assert code_of(pdf(catalog=b"/OpenAction " + action)) == "active_content"


@each_action
def test_action_in_an_object_stream_is_refused(action):
    content = with_object_stream(inside=action)
    assert b"JavaScript" not in content
    assert code_of(content) == "active_content"


@each_action
def test_action_of_a_field_is_refused(action):
    field = b"<< /Type /Annot /Subtype /Widget /FT /Btn /Rect [0 0 9 9] /AA << /U %s >> >>" % action
    form = b"/AcroForm << /Fields [4 0 R] >>"
    assert code_of(pdf(field, catalog=form)) == "active_content"


@pytest.mark.parametrize(
    "catalog",
    [
        b"/Names << /JavaScript << /Names [(a) 4 0 R] >> >>",
        b"/Names << /EmbeddedFiles << /Names [(a) 4 0 R] >> >>",
        b"/AcroForm << /Fields [] /XFA 4 0 R >>",
        b"/AF [<< /Type /Filespec /F (a) /EF << /F 4 0 R >> >>]",
        b"/Outlines << /First << /A << /S /JavaScript /JS (1) >> >> >>",
    ],
)
def test_catalog_with_active_entries_is_refused(catalog):
    assert code_of(pdf(packed(b"x"), catalog=catalog)) == "active_content"


@pytest.mark.parametrize("entries", [b"/Type /EmbeddedFile", b"/Subtype /RichMedia", b"/JS (1)"])
def test_stream_dictionary_is_inspected(entries):
    assert code_of(pdf(packed(b"x", entries))) == "active_content"


def test_unreferenced_object_is_inspected():
    assert code_of(pdf(b"null", ACTIONS["launch"])) == "active_content"


@pytest.mark.parametrize(
    "harmless",
    [
        b"/OpenAction [3 0 R /Fit]",
        b"/OpenAction << /S /GoTo /D [3 0 R /XYZ null null 1] >>",
        b"/OpenAction << /S /URI /URI (https://bank.example/JavaScript /JS) >>",
        b"/Lang (see /JavaScript, /Launch \\(and /JS\\) ) /PageMode /UseNone",
        b"/X [/JSX /Launcher /XFAN /EFG (/JS\\)/XFA) <2F4A53>]",
    ],
)
def test_page_destinations_and_plain_mentions_are_accepted(harmless):
    assert media_type_of(pdf(catalog=harmless)) == "application/pdf"


@pytest.mark.parametrize("thing", [b"null", b"1", b"1.5", b"true", b"(a)", b"/A", b"[]", b"<< >>"])
def test_object_of_any_type_is_accepted(thing):
    assert media_type_of(pdf(thing)) == "application/pdf"


@pytest.mark.parametrize("name", ACTIVE)
def test_error_names_the_active_content(name):
    with pytest.raises(WrongDocument, match=f"The PDF contains {ACTIVE[name]}"):
        media_type_of(pdf(b"<< /X /%s >>" % name))


@pytest.mark.parametrize("password", ["", "secret"])
def test_encrypted_pdf_is_refused(password):
    made = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf())) as plain:
        plain.save(made, encryption=pikepdf.Encryption(owner="o", user=password))
    assert code_of(made.getvalue()) == "encrypted"


@pytest.mark.parametrize(
    "content",
    [
        pdf().replace(b"startxref\n", b"startxref\n9"),
        pdf().replace(b"/Root 1 0 R", b""),
        pdf().replace(b"/Kids [3 0 R]", b"/Kids [     ]"),
        pdf().replace(b"0000000015", b"0000000019"),
        pdf(b"<< /A [ >>"),
    ],
    ids=["table is elsewhere", "no root", "no pages", "object is elsewhere", "half an array"],
)
def test_broken_pdf_is_refused_and_not_repaired(content):
    """Another reader could repair it differently and find content that was not inspected."""
    assert code_of(content) == "damaged"
