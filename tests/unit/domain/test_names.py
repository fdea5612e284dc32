"""Names of organisations and products."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.domain.names import MAX_NAME, check_name, check_organisation_name, look_alike, visible_name


@pytest.mark.parametrize(
    "name", ["Zakład Szkła Źródło", "ガラス工業", "زجاج المثال", "O'Neil & Søn (No. 2)", "शीशा", "7"]
)
def test_names_of_every_script_are_permitted(name):
    assert check_name(name, "name") == name
    assert visible_name(name) == name


@pytest.mark.parametrize(
    "character",
    [
        *(
            "\n",
            "\r",
            "\t",
            "\x00",
            "\x1b",
            "\x9b",
            "\u202e",
            "\u2066",
            "\u200b",
            "\u200d",
            "\ufeff",
            "\u00ad",
            "\u2028",
        ),
        *("\u034f", "\u3164", "\ufe0f", "\U000e0041", "\ue000", "\u00a0", "\ud800"),
    ],
)
def test_characters_that_are_not_visible_are_rejected(character):
    name = f"Example{character}Works"
    with pytest.raises(InvalidInput) as raised:
        check_name(name, "name")
    assert f"U+{ord(character):04X} at position 8" in raised.value.message
    assert visible_name(name) == "Example\N{REPLACEMENT CHARACTER}Works"


@pytest.mark.parametrize("name", ["", " Works", "Works ", "Example  Works", "...", "x" * (MAX_NAME + 1)])
def test_other_names_that_are_not_permitted(name):
    with pytest.raises(InvalidInput):
        check_name(name, "name")


@given(st.text(max_size=300))
def test_a_visible_name_is_plain_text(name):
    shown = visible_name(name)
    assert 1 <= len(shown) <= MAX_NAME
    assert not any(unicodedata.category(character)[0] in "C" or character in "\u2028\u2029" for character in shown)
    assert visible_name(shown) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Modern Tiles", "MODERN TILES"),
        ("Modern Tiles", "Modern-Tiles."),
        ("Modern Tiles", "Modem Tiles"),
        ("Modern Tiles", "Mоdеrn Tilеs"),
        ("Modern Tiles", "Ｍｏｄｅｒｎ Tiles"),
        ("Modern Tiles", "𝐌𝐨𝐝𝐞𝐫𝐧 𝐓𝐢𝐥𝐞𝐬"),
        ("Modern Tiles", "Modern TiIes"),
        ("Modern Tiles", "Módern Tiles"),
        ("ISSUING", "Issuing"),
        ("Plant 10", "Plant lO"),
        ("Оптика", "OПTИKA"),
        ("Größe", "GRÖSSE"),
    ],
)
def test_names_that_look_alike(one, other):
    assert look_alike(one, other)
    assert look_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Example Mail", "Example Mall"), ("Plant 1", "Plant 2"), ("Class", "Glass"), ("किताब", "कताब"), ("東京", "京都")],
)
def test_names_that_differ(one, other):
    assert not look_alike(one, other)


def test_a_new_organisation_cannot_look_like_another_one():
    registered = [(1, "9529900000018", "Northern Foils"), (2, "9529900000025", "Southern Foils")]
    with pytest.raises(Conflict) as raised:
        check_organisation_name("N0rthern Foils", "9529900000032", registered)
    assert raised.value.field == "name"
    assert "'Northern Foils', the name of organisation 1 (GLN 9529900000018)" in raised.value.message
    check_organisation_name("Western Foils", "9529900000032", registered)
    check_organisation_name("Northern Foils", "9529900000018", registered)
