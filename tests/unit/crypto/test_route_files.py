"""Design and trace files in JSON and CBOR."""

import json

import cbor2
import pytest
from route_line import Line, digest

from chromatrace.crypto.errors import PossessionError, StateFileError
from chromatrace.crypto.route import Component, Profile, RouteKind
from chromatrace.crypto.route.files import (
    design_to_cbor,
    design_to_json,
    read_design,
    read_trace,
    trace_to_cbor,
    trace_to_json,
)

SUBJECT = digest("batch")


@pytest.fixture(scope="module")
def line():
    return Line.of(3)


@pytest.fixture(scope="module")
def trace(line):
    return line.trace(SUBJECT)


def test_files_survive_encoding(line, trace):
    assembly = Line.of(1, Profile.PAPER, kind=RouteKind.ASSEMBLY)
    parts = assembly.trace(SUBJECT, [Component(digest("r"), digest("s"))])
    for written in (trace, parts, line.trace(SUBJECT, upto=0)):
        for form in (trace_to_json, trace_to_cbor):
            assert read_trace(form(written)) == written
    for written in (line.design, assembly.design):
        for form in (design_to_json, design_to_cbor):
            assert read_design(form(written)) == written


def test_cbor_is_less_than_half_of_json(trace):
    assert 2 * len(trace_to_cbor(trace)) < len(trace_to_json(trace)) + 200


def changed(data, path, value):
    document = json.loads(data)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("schema",), "chromatrace.route-trace/2", "/schema"),
        (("subject",), None, "/subject"),
        (("subject",), "0x00", "/subject"),
        (("subject",), 7, "/subject"),
        (("subject",), "0xzz", "/subject"),
        (("more",), 1, "/more"),
        (("steps",), {}, "/steps"),
        (("steps", 1), 7, "/steps/1"),
        (("steps", 1, "link"), "0x00", "/steps/1/link"),
        (("steps", 1, "aggregate"), "0xc0" + "00" * 47, "/steps/1/aggregate"),
        (("steps", 2, "signature"), "0xc0" + "00" * 47, "/steps/2/signature"),
        (("a/b~",), 1, "/a~1b~0"),
        (("steps", 1, "signer"), "0x00", "/steps/1/signer"),
        (("steps", 2, "record", "step"), 0, "/steps/2/record/step"),
        (("steps", 2, "record", "step"), True, "/steps/2/record/step"),
        (("steps", 2, "record", "process"), "", "/steps/2/record/process"),
        (("steps", 2, "record", "extra"), 1, "/steps/2/record/extra"),
    ],
)
def test_an_invalid_trace_names_the_member(trace, path, value, field):
    with pytest.raises(StateFileError) as error:
        read_trace(changed(trace_to_json(trace), path, value))
    assert error.value.field == field


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("kind",), "none of these", "/kind"),
        (("profile",), "other", "/profile"),
        (("chain_id",), 0, "/chain_id"),
        (("verifier",), "0x00", "/verifier"),
        (("owner",), 0, "/owner"),
        (("stations", 1, "possession"), "0xc0" + "00" * 47, "/stations/1/possession"),
        (("version",), 0, "/version"),
        (("stations",), [], "/stations"),
        (("stations", 0, "organisation"), 0, "/stations/0/organisation"),
        (("stations", 0, "key"), "0xc0" + "00" * 95, "/stations/0/key"),
    ],
)
def test_an_invalid_design_names_the_member(line, path, value, field):
    with pytest.raises(StateFileError) as error:
        read_design(changed(design_to_json(line.design), path, value))
    assert error.value.field == field


def test_reading_a_design_checks_its_proofs_of_possession(line):
    with pytest.raises(PossessionError):
        read_design(changed(design_to_json(line.design), ("stations", 1, "organisation"), 2))


DEEP = [b"[" * 100_000, b'{"schema":' * 100_000, b"\xa1\x61a" + b"\x81" * 100_000]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"7", b"\xa1", b"\xff", "Ä".encode("latin-1"), *DEEP], ids=range(10)
)
def test_other_formats_are_rejected(data):
    with pytest.raises(StateFileError):
        read_trace(data)


@pytest.mark.parametrize(
    "value",
    [
        b"\xc4\x82\x1b\x7f" + b"\xff" * 7 + b"\1",  # a decimal with an exponent of 63 bits
        b"\xc5\x82\x1b\x7f" + b"\xff" * 7 + b"\1",
        b"\xd8\x04\x82\x61a\x61b",
        b"\xd8\x05\x82\x61a\x61b",
        b"\xd8\x23\x80",  # a list as a regular expression
        b"\xd8\x64\xfb\x7f\xf0" + bytes(6),  # infinitely many days
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that is in itself
        b"\xf9\x7e\x00",
        b"\x9f\xff",
    ],
    ids=range(9),
)
def test_unsupported_cbor_is_rejected(value):
    for read in (read_trace, read_design):
        with pytest.raises(StateFileError, match="neither JSON nor CBOR"):
            read(b"\xa1\x61a" + value)


def test_another_encoding_of_the_same_content_is_rejected(line, trace):
    for read, data in ((read_trace, trace_to_json(trace)), (read_design, design_to_json(line.design))):
        document = json.loads(data)
        for other in (
            json.dumps(document).encode(),
            data + b"\n",
            data.replace(b"0x", b"0X", 1),
            data.replace(b'"schema"', b'"schema": "x", "schema"', 1),
            json.dumps(dict(reversed(document.items())), indent=1).encode() + b"\n",
        ):
            with pytest.raises(StateFileError):
                read(other)


def test_a_lone_surrogate_is_not_a_name(trace, line):
    with pytest.raises(StateFileError) as error:
        read_trace(changed(trace_to_json(trace), ("steps", 0, "record", "process"), "\ud800"))
    assert error.value.field == "/steps/0/record/process"
    with pytest.raises(StateFileError) as error:
        read_design(changed(design_to_json(line.design), ("stations", 0, "process"), "\ud800"))
    assert error.value.field == "/stations/0/process"


def test_cbor_that_is_not_deterministic_is_rejected(trace):
    document = cbor2.loads(trace_to_cbor(trace))
    loose = cbor2.dumps(dict(reversed(document.items())))
    for data in (loose, trace_to_cbor(trace) + b"\0"):
        with pytest.raises(StateFileError):
            read_trace(data)
