"""TOML files: every mistake with its line, also in a file with syntax errors."""

from __future__ import annotations

import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.toml import TomlDocument, TomlError, TomlTable
from chromatrace.storage.toml.lines import TomlLines

TEXT = '''title = "a # b = c"   # comment = 1
[owner]
name.first = "x"
text = """
[[fake]]
key = 1
"""
[[items]]
values = [
  1,
  { a = 2, "b c" = [3] },
]
[[items.parts]]
id = 1
[[items.parts]]
id = 2
[[items]]
[[items.parts]]
id = 3
[items.more]
x = 'y'
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("title", 1),
        ("owner", 2),
        ("owner.name.first", 3),
        ("owner.text", 4),
        ("items[0]", 8),
        ("items[0].values[1].a", 11),
        ("items[0].values[1].b c[0]", 11),
        ("items[0].parts[1].id", 16),
        ("items[1].parts[0].id", 19),
        ("items[1].more.x", 21),
        ("items[1].absent", 17),
        ("items[0].values[1].absent", 11),
        ("absent", 1),
        ("fake", 1),
    ],
)
def test_the_line_of_a_key_is_found(path, line):
    assert TomlLines(TEXT).line(path) == line


def test_statements_span_their_lines():
    spans = [(s.path, s.first, s.last) for s in TomlLines(TEXT).statements if s.last > s.first]
    assert spans == [("owner.text", 4, 7), ("items[0].values", 9, 12)]


BROKEN = [
    ("a = \nb = 1\n", [(1, "a")], {"b": 1}),
    ("a = [1, 2\nb = 1\n", [(1, "a")], {"b": 1}),
    ("a = [\n  1,\n  x y,\n]\nb = 1\n", [(3, "a")], {"b": 1}),
    ('a = "x\nb = 1\n', [(1, "a")], {"b": 1}),
    ('b = 1\na = """x\nc = 2\n', [(2, "a")], {"b": 1, "c": 2}),
    ("a = 1\na = 2\nb = = 3\nc = 4\n", [(2, "a"), (3, "b")], {"a": 1, "c": 4}),
    ("[t\na = 1\n[u]\nb = 2\n", [(1, "t")], {"u": {"b": 2}}),
    ("[t]\na = 1\n[t]\na = 2\n[u]\nb = 2\n", [(3, "t")], {"t": {"a": 1}, "u": {"b": 2}}),
    ("a = 2026-13-01\nb = 1\n", [(1, "a")], {"b": 1}),
    ("a\nb = 1\n", [(1, "a")], {"b": 1}),
]


@pytest.mark.parametrize(("text", "mistakes", "content"), BROKEN, ids=[str(number) for number in range(len(BROKEN))])
def test_a_syntax_error_hides_only_its_statement(text, mistakes, content):
    document = TomlDocument(text)
    assert [(mistake.line, mistake.key) for mistake in document.mistakes] == mistakes
    assert all("not valid TOML" in mistake.reason for mistake in document.mistakes)
    assert document.content == content


@given(st.text(alphabet="a=[]{}\"'\n.,#1 -", max_size=60))
def test_any_text_is_read_as_tomllib_does_or_has_mistakes(text):
    document = TomlDocument(text)
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert document.mistakes
    else:
        assert not document.mistakes
        assert document.content == expected


def test_extreme_numbers_are_read():
    document = TomlDocument("a = 1e99999999999999999999\nb = 0.1\nc = 1e400\n")
    assert document.content["b"] == Decimal("0.1")
    table = TomlTable(document.content, "", document)
    for name in "ac":
        table.number(name)
    assert [mistake.key for mistake in document.mistakes] == ["a", "c"]


def test_a_record_with_mistakes_is_not_built_and_all_are_reported():
    document = TomlDocument('[[items]]\nname = 1\nsize = "x"\nsise = 2\n[[items]]\nname = "a"\nsize = 3\n')
    top = TomlTable(document.content, "", document)
    built = top.parts(
        item.build(dict, name=item.text("name"), size=item.integer("size")) for item in top.tables("items")
    )
    assert built == ({"name": "a", "size": 3},)
    assert not top.valid
    assert [(mistake.line, mistake.key) for mistake in document.mistakes] == [
        (2, "items[0].name"),
        (3, "items[0].size"),
        (4, "items[0].sise"),
    ]
    assert "did you mean 'size'?" in document.mistakes[2].hint


def test_the_error_of_a_record_becomes_a_mistake_at_its_field():
    def create(**values):
        raise InvalidInput("is wrong", field="url")

    document = TomlDocument('address = "x"\n')
    table = TomlTable(document.content, "", document)
    table.aliases(url="address")
    assert table.build(create, address=table.text("address")) is None
    assert [str(mistake) for mistake in document.mistakes] == ["1: address: is wrong"]
    with pytest.raises(TomlError) as raised:
        TomlTable({"a": 1}, "table").text("a")
    assert raised.value.field == "table.a"


def test_a_missing_key_is_not_reported_next_to_a_syntax_error():
    document = TomlDocument('name = \nother = "x"\n')
    table = TomlTable(document.content, "", document)
    table.text("name")
    table.text("other")
    assert [mistake.key for mistake in document.mistakes] == ["name"]


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(TomlError, match="cannot be read"):
        TomlDocument.read(tmp_path / "absent.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b'a = "\xe4"')
    with pytest.raises(TomlError, match="UTF-8"):
        TomlDocument.read(path)
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = \r\n")
    document = TomlDocument.read(path)
    assert document.content == {"a": 1}
    assert [mistake.line for mistake in document.mistakes] == [2]
