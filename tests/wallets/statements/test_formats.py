"""What is in files of statements: any name, any amount, any text, and nothing that is executed."""

from __future__ import annotations

import io
from typing import Any, Final
from uuid import UUID

import pikepdf
import pytest

from tests.support import people
from tests.support.statement_files import (
    a_file,
    a_movement,
    camt_of,
    content_of,
    csv_of,
    drawn,
    text_of,
)
from wallets.models import Movement
from wallets.models.movements import Counterparty
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut
from wallets.statements import files

pytestmark = pytest.mark.django_db

HUGE: Final = int("9" * 35)
"""More than any column of the database takes."""
NAMES: Final = {
    "محمد علي": "NotoSansArabic",
    "王小龙": "NotoSansCJKtc",
    "Жанна": "NotoSans",
    "आलिस": "NotoSans",
    "Αλίκη": "NotoSans",
    "אליס": "Heebo",
    "アリス": "NotoSansCJKtc",
    "앨리스": "NotoSansCJKtc",
    "Łukasz": "NotoSans",
    "อลิซ": "NotoSansThai",
}
"""Names, each with the font that has its letters."""
MARKUP: Final = (
    '#import "@preview/x:1.0.0": *',
    "#eval(sys.inputs.data)",
    "$ x^2 $ *bold* _it_ `raw` <label> @ref",
    '"quotes" \\ backslash // comment /* other */',
    "]] [[ #panic()",
    "</Ustrd><Amt>1</Amt> & <!-- ]]> &entity;",
)


def with_name(wallet: Any, name: str, **about: Any) -> Movement:
    other = Counterparty(UUID(int=7), UUID(int=8), name)
    return a_movement(wallet, counterparty_id=other.wallet_id, counterparty_shown=other, **about)


def squeezed(text: str) -> str:
    """The text without spaces, line ends and invisible places to break a line."""
    return "".join(text.replace("\u200b", "").split())


# --- PDF -----------------------------------------------------------------------------------------


def tags_of(pdf: bytes) -> list[str]:
    """The types of the elements of the structure tree, depth first."""
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, pikepdf.Array):
            for each in node:
                walk(each)
        elif isinstance(node, pikepdf.Dictionary) and "/K" in node:
            if "/S" in node:
                found.append(str(node["/S"]))
            walk(node["/K"])

    with pikepdf.open(io.BytesIO(pdf)) as document:
        walk(document.Root.StructTreeRoot)
    return found


@pytest.mark.slow
def test_pdf_is_tagged_and_declares_its_standards(alices, bobs):
    people.transfer(alices, bobs, 10_00, concept="Lunch")
    pdf = content_of(a_file(alices, "PDF", language="es"))
    tags = tags_of(pdf)
    assert tags.count("/H1") == 1
    assert {"/Document", "/H2", "/Table", "/TR", "/TH", "/TD"} <= {*tags}
    assert tags.count("/TH") == 4
    with pikepdf.open(io.BytesIO(pdf)) as document:
        root = document.Root
        assert (str(root.Lang), bool(root.MarkInfo.Marked)) == ("es", True)
        assert bool(root.ViewerPreferences.DisplayDocTitle)
        with document.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")
            assert metadata["dc:title"] == "Extracto de un monedero"
        fonts = [each for each in document.objects if is_font_descriptor(each)]
        assert fonts
        assert all("/FontFile2" in each or "/FontFile3" in each for each in fonts)


def is_font_descriptor(each: Any) -> bool:
    return isinstance(each, pikepdf.Dictionary) and each.get("/Type") == "/FontDescriptor"


@pytest.mark.slow
def test_pdf_shows_balances_movements_and_digests(alices, bobs):
    people.transfer(alices, bobs, 1_234_56 // 100, concept="Lunch", reference="INV-1")
    file = a_file(alices, "PDF")
    text = text_of(content_of(file))
    assert "Alice Example" in text
    assert "Bob" in text
    for shown in ("100.00", "-12.34", "87.66", "Lunch", "INV-1", file.head or "", str(alices.id)):
        assert shown in text


@pytest.mark.parametrize("name", NAMES)
def test_name_of_any_alphabet_is_drawn_with_its_font(alices, name):
    pdf = drawn(alices, [with_name(alices, name)], holder=name)
    assert "\ufffd" not in text_of(pdf)
    assert NAMES[name] in fonts_of(pdf)


def fonts_of(pdf: bytes) -> set[str]:
    """The fonts of the document, without style and the mark of their subset."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        found = [str(each.FontName) for each in document.objects if is_font_descriptor(each)]
    return {name.partition("+")[2].partition("-")[0] for name in found}


def test_character_without_a_font_is_replaced(alices):
    text = text_of(drawn(alices, [a_movement(alices, concept="Lunch 😀 ሰላም")]))
    assert "Lunch" in text
    assert "\ufffd" in text


@pytest.mark.parametrize("concept", MARKUP)
def test_markup_in_a_text_is_text(alices, concept):
    pdf = drawn(alices, [with_name(alices, concept, concept=concept)], holder=concept)
    assert squeezed(text_of(pdf)).count(squeezed(concept)) == 3


@pytest.mark.slow
def test_amount_of_35_digits_and_long_words_stay_on_the_page(alices):
    movement = a_movement(alices, -HUGE, concept="W" * 140, balance_after=HUGE)
    pdf = drawn(alices, [movement], issuer="i" * 200)
    text = squeezed(text_of(pdf))
    assert f"-{HUGE // 100:,}.99" in text
    assert "W" * 140 in text
    assert furthest_right(pdf) <= 595 - 40


def furthest_right(pdf: bytes) -> float:
    """Where the text that is furthest right ends, in points."""
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0].get_textpage()
        boxes = [page.get_charbox(each) for each in range(page.count_chars())]
    return float(max(right for _, _, right, _ in boxes))


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "-1,050"), ("KWD", "-1.050")])
def test_amount_has_the_decimals_of_its_currency(alices, currency, shown):
    alices.currency = currency
    assert shown in text_of(drawn(alices, [a_movement(alices, -1050)]))


# --- CSV -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("concept", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a;=1"])
def test_formula_in_a_cell_is_defused(alices, concept):
    content = drawn(alices, [with_name(alices, concept, concept=concept)], "CSV")
    assert content.startswith(b"\xef\xbb\xbf")
    row = csv_of(content)[1]
    for cell in (row["concept"], row["name"]):
        assert cell.replace("'", "") == concept
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert ";=" not in cell


def test_amounts_of_a_csv_are_plain_numbers(alices):
    row = csv_of(drawn(alices, [a_movement(alices, -HUGE, balance_after=-5)], "CSV"))[1]
    assert (row["amount"], row["balance"]) == (f"-{HUGE // 100}.99", "-0.05")


# --- camt.053 ------------------------------------------------------------------------------------


def test_every_type_of_movement_is_valid(alices, bobs):
    from tests.support.cash_outs import a_cash_out, end

    cash_out = a_cash_out(alices, 5_00)
    end(MarkCashOutSent, cash_out)
    end(SettleCashOut, cash_out)
    people.transfer(alices, bobs, 1_00, concept="x" * 140, reference="r" * 64)
    people.reverse(people.movements(alices)[-1])
    root = camt_of(content_of(a_file(alices, "CAMT_053")))
    codes = [each.text for each in root.iterfind(".//{*}BkTxCd/{*}Prtry/{*}Cd")]
    assert codes == ["CASH_IN", "CASH_OUT", "TRANSFER", "REVERSAL"]
    assert len(root.findall(".//{*}RvslInd")) == 1


@pytest.mark.parametrize("words", [*MARKUP, *NAMES, "\u0001control", "😀" * 140])
def test_any_text_is_valid_xml(alices, words):
    content = drawn(alices, [with_name(alices, words, concept=words)], "CAMT_053", holder=words)
    root = camt_of(content)
    (shown,) = [each.text for each in root.iterfind(".//{*}Ustrd")]
    assert shown == words.replace("\u0001", "")


def test_adjustments_in_both_directions_are_valid(alices):
    rows = [a_movement(alices, 5, 1, type="ADJUSTMENT"), a_movement(alices, -5, 2, type="CASH_OUT")]
    rows.append(a_movement(alices, -5, 3, type="ADJUSTMENT"))
    root = camt_of(drawn(alices, rows, "CAMT_053"))
    assert [each.text for each in root.iterfind(".//{*}SubFmlyCd")] == ["ADJT", "ESCT", "ADJT"]


def test_totals_of_a_file_add_up(alices, bobs):
    people.transfer(alices, bobs, 12_34)
    root = camt_of(content_of(a_file(alices, "CAMT_053")))
    sums = [each.text for each in root.iterfind(".//{*}TxsSummry//{*}Sum")]
    assert sums == ["100.00", "12.34"]


def test_limits_of_files_equal_the_documented_ones():
    assert (files.AT_ONCE, *files.MOST.values()) == (1_000, 5_000, 20_000, 20_000)
