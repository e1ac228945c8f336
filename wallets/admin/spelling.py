"""Amounts in words, in English and Spanish, so that a wrong number of zeros is noticed.

A library for this exists, but it depends on a package without wheels that is no longer maintained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from iocash import money

MILLION: Final = 10**6
LARGEST: Final = 10**15 - 1
"""Larger amounts, in minor units, are not written in words."""


def words_in(text: str) -> list[str]:
    return text.split()


ONES: Final = words_in(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS: Final = words_in("- - twenty thirty forty fifty sixty seventy eighty ninety")
SCALES: Final = ("", " thousand", " million", " billion", " trillion")

UNOS: Final = words_in(
    "cero un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve veinte veintiún veintidós veintitrés veinticuatro "
    "veinticinco veintiséis veintisiete veintiocho veintinueve"
)
"""The short forms before a masculine noun: *veintiún euros*."""
DECENAS: Final = words_in("- - - treinta cuarenta cincuenta sesenta setenta ochenta noventa")
CIENTOS: Final = words_in(
    "- ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos "
    "ochocientos novecientos"
)


class Names(NamedTuple):
    """The names of a currency and of its hundredth part."""

    one: str
    many: str
    cent: str
    cents: str


class Language(NamedTuple):
    """How a language writes numbers, and the names of the usual currencies."""

    number: Callable[[int], str]
    names: Mapping[str, Names]
    joint: str
    """Between the whole and its hundredth parts."""
    of_millions: str
    """Between whole millions and the currency."""


def hundreds_in_english(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    parts = [f"{ONES[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        tens, ones = divmod(rest, 10)
        parts.append(TENS[tens] + (f"-{ONES[ones]}" if ones else ""))
    elif rest:
        parts.append(ONES[rest])
    return " and ".join(parts)


def english(number: int) -> str:
    """Write a whole number in British English: *one thousand and five*."""
    if not number:
        return ONES[0]
    groups = []
    for scale in SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append((hundreds_in_english(group) + scale, group < 100 and not scale))
    last, is_joined = groups[0]
    if len(groups) > 1 and is_joined:
        last = f"and {last}"
    return " ".join([*(words for words, _ in reversed(groups[1:])), last])


def hundreds_in_spanish(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if number == 100:
        return "cien"
    parts = [CIENTOS[hundreds]] if hundreds else []
    if rest >= 30:
        tens, ones = divmod(rest, 10)
        parts.append(DECENAS[tens] + (f" y {UNOS[ones]}" if ones else ""))
    elif rest:
        parts.append(UNOS[rest])
    return " ".join(parts)


def thousands_in_spanish(number: int) -> str:
    """Write a number below a million; zero is empty."""
    thousands, rest = divmod(number, 1000)
    parts = []
    if thousands:
        parts.append("mil" if thousands == 1 else f"{hundreds_in_spanish(thousands)} mil")
    if rest:
        parts.append(hundreds_in_spanish(rest))
    return " ".join(parts)


def spanish(number: int) -> str:
    """Write a whole number before a masculine noun, in the long scale: *mil millones*."""
    if not number:
        return UNOS[0]
    parts = []
    for one, many, unit in (("billón", "billones", MILLION**2), ("millón", "millones", MILLION)):
        count, number = divmod(number, unit)
        if count:
            parts.append(f"un {one}" if count == 1 else f"{thousands_in_spanish(count)} {many}")
    if number:
        parts.append(thousands_in_spanish(number))
    return " ".join(parts)


ENGLISH_NAMES: Final = {
    "CHF": Names("Swiss franc", "Swiss francs", "centime", "centimes"),
    "EUR": Names("euro", "euros", "cent", "cents"),
    "GBP": Names("pound sterling", "pounds sterling", "penny", "pence"),
    "USD": Names("US dollar", "US dollars", "cent", "cents"),
}
SPANISH_NAMES: Final = {
    "CHF": Names("franco suizo", "francos suizos", "céntimo", "céntimos"),
    "EUR": Names("euro", "euros", "céntimo", "céntimos"),
    "USD": Names("dólar estadounidense", "dólares estadounidenses", "centavo", "centavos"),
}
"""Masculine names only. Other currencies are named by their code."""
LANGUAGES: Final = {
    "en": Language(english, ENGLISH_NAMES, " and ", " "),
    "es": Language(spanish, SPANISH_NAMES, " con ", " de "),
}


def spelled(minor: int, currency: str, language: str = "en") -> str:
    """Write an amount in words: *twelve euros and thirty-four cents*.

    `minor` is in minor units; its sign is not written. Unknown languages are written in English.
    The result is empty if the amount is larger than LARGEST.
    """
    if abs(minor) > LARGEST:
        return ""
    said = LANGUAGES.get(language[:2], LANGUAGES["en"])
    parts_of_one = 10 ** money.decimals(currency)
    whole, part = divmod(abs(minor), parts_of_one)
    names = said.names.get(currency, Names(currency, currency, "", ""))
    joint = said.of_millions if whole and whole % MILLION == 0 else " "
    words = said.number(whole) + joint + (names.one if whole == 1 else names.many)
    if not part:
        return words
    if names.cent and parts_of_one == 100:
        cents = f"{said.number(part)} {names.cent if part == 1 else names.cents}"
        return cents if not whole else words + said.joint + cents
    return f"{words}{said.joint}{part}/{parts_of_one}"
