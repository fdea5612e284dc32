"""Typed decoding of untrusted JSON."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.strict_json import (
    Digest,
    Digits,
    Hex,
    JsonObject,
    Positive,
    Whole,
    convert,
    decode,
    encode,
    parse,
    require_canonical,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(JsonObject, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=5, pattern="^[a-z]*$")]
    count: Positive = 1
    weight: float | None = None

    def check(self) -> None:
        if self.name == "bad":
            raise InvalidInput("this part is bad", field="/name", hint="take another")


class Sheet(JsonObject, frozen=True, tag_field="schema", tag="sheet/1"):
    size: Whole
    root: Digest
    data: Hex = Hex(b"")
    nonce: Digits = Digits(0)
    colour: Colour = Colour.RED
    kind: Literal["small", "large"] = "small"
    parts: Annotated[tuple[Part, ...], Meta(max_length=2)] = ()
    names: dict[str, int] | None = None
    pair: tuple[int, str] | None = None


ROOT = "0x" + "ab" * 32
SHEET = {"schema": "sheet/1", "size": 3, "root": ROOT}


def test_an_encoded_object_decodes_to_the_same_object():
    sheet = Sheet(
        2**53 - 1,
        Digest(bytes(32)),
        Hex(b"\x01"),
        Digits(2**256 - 1),
        parts=(Part("a", 2, 0.1), Part("b", weight=3.0)),
        names={"a/b": 1},
        pair=(1, "x"),
    )
    data = encode(sheet)
    assert decode(data, Sheet) == sheet
    require_canonical(encode(decode(data, Sheet)), data)
    assert b'"data":"0x01"' in data
    assert f'"nonce":"{2**256 - 1}"'.encode() in data


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"schema": "sheet/2"}, "/schema", 'expected sheet/1, got "sheet/2"'),
        ({"schema": ...}, "/schema", "missing member"),
        ({"size": ...}, "/size", "missing member"),
        ({"size": "3"}, "/size", "expected a whole number, got a string"),
        ({"size": True}, "/size", "expected a whole number, got true or false"),
        ({"size": 3.5}, "/size", "expected a whole number, got 3.5"),
        ({"size": -1}, "/size", "expected a whole number of at least 0, got -1"),
        ({"size": 2**53}, "/size", f"expected a whole number of at most {2**53 - 1}, got {2**53}"),
        ({"root": ROOT.upper()}, "/root", f'expected 0x and 64 lower-case hexadecimal digits, got "{ROOT.upper()}"'),
        ({"root": "0xab"}, "/root", 'expected 0x and 64 lower-case hexadecimal digits, got "0xab"'),
        ({"data": 1}, "/data", "expected 0x and lower-case hexadecimal digits, got 1"),
        ({"nonce": 1}, "/nonce", "expected an integer as a string of digits, got 1"),
        ({"nonce": "01"}, "/nonce", 'expected an integer as a string of digits, got "01"'),
        ({"colour": "green"}, "/colour", 'expected red or blue, got "green"'),
        ({"kind": "medium"}, "/kind", 'expected large or small, got "medium"'),
        ({"parts": {}}, "/parts", "expected an array, got an object"),
        ({"parts": [{"name": "a"}] * 3}, "/parts", "expected at most 2 items, got 3"),
        ({"parts": [{"name": ""}]}, "/parts/0/name", "expected at least 1 character, got 0"),
        ({"parts": [{"name": "A"}]}, "/parts/0/name", "does not match ^[a-z]*$"),
        ({"parts": [{"name": "a"}, {"name": "b", "/x": 1}]}, "/parts/1/~1x", "unknown member"),
        ({"parts": [{"name": "a", "weight": "1"}]}, "/parts/0/weight", "expected a number or null, got a string"),
        ({"parts": [{"name": "bad"}]}, "/parts/0/name", "this part is bad"),
        ({"names": {"a": "1"}}, "/names/…", "expected a whole number, got a string"),
        ({"pair": [1]}, "/pair", "expected exactly 2 items, got 1"),
        ({"pair": [1, 2]}, "/pair/1", "expected a string, got a number"),
    ],
)
def test_an_error_names_the_member_and_what_was_expected(change, field, message):
    document = {name: value for name, value in (SHEET | change).items() if value is not ...}
    with pytest.raises(InvalidInput) as error:
        convert(document, Sheet, "/top")
    assert (error.value.field, error.value.message) == (f"/top{field}", message)


def test_hints_are_kept():
    with pytest.raises(InvalidInput) as error:
        convert({"name": "bad"}, Part)
    assert error.value.hint == "take another"
    with pytest.raises(InvalidInput) as error:
        convert({"name": "a", "colour": 1}, Part)
    assert error.value.hint == "allowed: name, count, weight"


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        (b'{"a": {"b": [0, {"x": 1, "x": 2}]}}', "/a/b/1/x", 'duplicate member "x"'),
        (b'{"a": 1, "a": 1}', "/a", 'duplicate member "a"'),
        (b"[1.50]", "", "number 1.50 is not in canonical form; write 1.5"),
        (b"[1e2]", "", "number 1e2 is not in canonical form; write 100"),
        (b"[-0]", "", "number -0 is not in canonical form; write 0"),
        (b"[1e999]", "", "number 1e999 is not in canonical form; write a finite number"),
        (b"[NaN]", "", "NaN is not a JSON number"),
        (b"\xff", "", "not UTF-8 at byte 0"),
        (b"[" * 2000, "", "nested more than 1,024 deep"),
        (b"[1" + b"0" * 5000 + b"]", "", "unsupported JSON: Exceeds the limit (4300 digits)"),
        (b" " * 101, "", "the document has 101 bytes; the maximum is 100"),
    ],
)
def test_bytes_with_two_meanings_are_rejected(data, field, message):
    with pytest.raises(InvalidInput) as error:
        parse(data, 100 if data.isspace() else 10_000)
    assert (error.value.field, error.value.message[: len(message)]) == (field, message)


def test_any_number_is_accepted_on_request():
    assert parse(b"[1.50, 1e2, -0]", any_number=True) == [1.5, 100.0, 0]


@pytest.mark.parametrize("value", [Part("a"), [1]])
def test_only_objects_are_documents(value):
    with pytest.raises(InvalidInput) as error:
        convert([value], Part)
    assert error.value.message == "expected an object, got an array"


HOSTILE = """
import sys
sys.setrecursionlimit(200_000)
from chromatrace.domain.errors import InvalidInput
from {module} import {parse}
for data in (b"[" * 150_000, b'{{"a":' + b"[" * 150_000):
    try:
        {parse}(data)
    except InvalidInput as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("module", "parse"),
    [("chromatrace.storage.strict_json", "parse"), ("chromatrace.epcis.document", "read_json")],
)
def test_deep_nesting_does_not_end_the_process_whatever_its_recursion_limit(module, parse):
    script = HOSTILE.format(module=module, parse=parse)
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("nested more than 1,024 deep") == 2
