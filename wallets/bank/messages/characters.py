"""Write texts in the characters that every bank of SEPA takes (EPC217-08): 26 letters, digits and
a little punctuation."""

# ruff: noqa: RUF001 (its letters are those of other scripts)
from __future__ import annotations

import re
import unicodedata
from typing import Final

REFUSED: Final = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
"""What no bank has to take."""

SPELLED: Final = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "TH",
        "ł": "l",
        "Ł": "L",
        "ħ": "h",
        "Ħ": "H",
        "ı": "i",
        "ŋ": "n",
        "Ŋ": "N",
        "ŧ": "t",
        "Ŧ": "T",
        "€": "E",
        "&": "+",
        "@": "(at)",
        "_": "-",
        ";": ",",
        "`": "'",
        "´": "'",
        "‘": "'",
        "’": "'",
        '"': "'",
        "“": "'",
        "”": "'",
        "«": "'",
        "»": "'",
        "–": "-",
        "—": "-",
        "…": "...",
        "·": ".",
        "º": "o",
        "ª": "a",
        "\u00a0": " ",
        "[": "(",
        "]": ")",
        "{": "(",
        "}": ")",
        "\\": "/",
        "|": "/",
        "!": ".",
    }
)
"""Characters that no decomposition spells in Latin letters."""

SMALL: Final = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sht",
    "ъ": "a", "ь": "y", "ы": "y", "э": "e", "ю": "yu", "я": "ya", "ѝ": "i", "є": "ye", "і": "i",
    "ї": "yi", "ґ": "g",
}  # fmt: skip
"""Small letters of Greek, Bulgarian, Ukrainian and Russian in Latin ones."""

OTHER_SCRIPTS: Final = str.maketrans(
    {**SMALL, **{letter.upper(): latin.upper() for letter, latin in SMALL.items() if letter != "ς"}}
)

UNKNOWN: Final = "."
"""What replaces a character that can't be spelled."""


def spell(text: str, most: int) -> str:
    """Spell a text in the characters of SEPA, at most `most` of them.

    Accents are dropped, Greek and Cyrillic are transliterated, other characters become dots.
    """
    spelled = unicodedata.normalize("NFC", text).translate(SPELLED).translate(OTHER_SCRIPTS)
    decomposed = unicodedata.normalize("NFKD", spelled)
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    words = plain.translate(SPELLED).translate(OTHER_SCRIPTS).split()
    return REFUSED.sub(UNKNOWN, " ".join(words))[:most].strip()
