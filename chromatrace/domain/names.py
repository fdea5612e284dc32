"""Names of organisations and products: permitted characters, and names that look alike.

Two names look alike if their skeletons are equal (Unicode Technical Standard 39, section 4), without regard to case,
accents, spaces and punctuation.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

from chromatrace.domain.errors import Conflict, InvalidInput

MAX_NAME = 200
"""Characters."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Characters without a glyph that are neither controls nor formats."""
_LATIN_ACCENTS = 200
"""Lowest combining class of marks above and below a letter. Vowel signs of other scripts have lower classes."""


def check_name(name: str, field: str) -> str:
    """Return a name. Raises `InvalidInput` for a character that is not visible or changes the direction of the text."""
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(f"the name has {len(name)} characters; expected 1 to {MAX_NAME}", field=field)
    for index, character in enumerate(name, start=1):
        if not _is_visible(character):
            raise InvalidInput(
                f"the character U+{ord(character):04X} at position {index} is not visible or changes the direction",
                field=field,
                hint="use letters, digits, punctuation and single spaces",
            )
    if name != " ".join(name.split()):
        raise InvalidInput(f"{name!r:.80} has a space at an end or two in a row", field=field)
    if not any(unicodedata.category(character)[0] in "LN" for character in name):
        raise InvalidInput(f"{name!r:.80} has no letter and no digit", field=field)
    return name


def check_organisation_name(name: str, gln: str, registered: Iterable[tuple[int, str, str]]) -> None:
    """Check the name of a new organisation against the `registered` ones: number, GLN and name.

    Raises `InvalidInput` for a character that is not permitted, and `Conflict` for a name that looks like another one.
    """
    check_name(name, "name")
    for number, other_gln, other in registered:
        if other_gln != gln and look_alike(name, other):
            raise Conflict(
                f"the name {name!r} looks like {other!r}, the name of organisation {number} (GLN {other_gln})",
                field="name",
                hint="choose a name that cannot be confused with it",
            )


def visible_name(name: str) -> str:
    """Return at most `MAX_NAME` characters of a name, U+FFFD for each one that `check_name` rejects, single spaces."""
    shown = (character if _is_visible(character) else "\N{REPLACEMENT CHARACTER}" for character in name[:MAX_NAME])
    return " ".join("".join(shown).split()) or "\N{REPLACEMENT CHARACTER}"


def skeletons(name: str) -> tuple[str, str]:
    """Return the skeletons of a name: as it is, and in upper case. Names look alike if one of them is equal.

    Both are necessary: `I` resembles `l`, but `i` does not; `TОВАR` and `Товаr` are alike in upper case only.
    """
    return _letters(_skeleton(name)).casefold(), _letters(_skeleton(name.upper()))


def look_alike(one: str, other: str) -> bool:
    """Return whether two names look alike."""
    return any(left == right for left, right in zip(skeletons(one), skeletons(other), strict=True))


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    return character == " " or not (category[0] in "CZ" or character in _INVISIBLE or _is_variation(character))


def _is_variation(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _skeleton(text: str) -> str:
    """Return the text with each character replaced by its prototype in Unicode's list of confusable characters."""
    prototypes = _prototypes()
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", "".join(prototypes.get(character, character) for character in decomposed))


def _letters(text: str) -> str:
    """Return the letters, digits and vowel signs of a text, without accents."""
    kept = (
        character
        for character in unicodedata.normalize("NFKD", text)
        if unicodedata.category(character)[0] in "LNMS" and unicodedata.combining(character) < _LATIN_ACCENTS
    )
    return "".join(kept)


@cache
def _prototypes() -> dict[str, str]:
    """Return the prototype of each confusable character.

    The package lists every pair in both directions. A character has one prototype, and a prototype is never confusable
    with another one; so of each pair, the prototype is the one with several counterparts.
    """
    from confusable_homoglyphs.confusables import confusables_data

    pairs = {
        _without_marks(text): [_without_marks(other["c"]) for other in others]
        for text, others in confusables_data.items()
    }
    prototypes = {}
    for text, others in pairs.items():
        if len(text) != 1 or len(others) != 1:
            continue
        other = others[0]
        alone = len(pairs[other]) == 1
        if not alone or len(other) > 1 or other < text:
            prototypes[text] = other
    return prototypes


def _without_marks(text: str) -> str:
    """Return a text without the direction marks that the package puts around characters of right-to-left scripts."""
    return text.strip("\N{LEFT-TO-RIGHT MARK}")
