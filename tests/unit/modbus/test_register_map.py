"""Register maps: mistakes with file, line and key; blocks; scaling."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.cli import main
from chromatrace.ingest.modbus.blocks import blocks_of
from chromatrace.ingest.modbus.register_map import MapError, load_map
from chromatrace.ingest.modbus.values import decode

ROOT = Path(__file__).resolve().parents[3]

START = '[[devices]]\nunit_id = 1\nsource = "press"\n'
TAG = '[[devices.tags]]\ntag = "a"\ntable = "holding"\naddress = 0\ntype = "int16"\n'


def load(folder, text):
    path = folder / "map.toml"
    path.write_text(text, encoding="utf-8")
    return load_map(path)


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        ("", 1, "devices", "missing"),
        ("devices = []", 1, "devices", "at least one"),
        ("# comment\npoll = 5\n" + START + TAG, 2, "poll", "expected a string of 1 to 500 characters, got 5"),
        ('poll = "soon"\n' + START + TAG, 1, "poll", "duration"),
        (START, 1, "devices[0].tags", "missing"),
        (START + "tags = []", 4, "devices[0].tags", "at least one"),
        (START.replace("1", "256") + TAG, 2, "devices[0].unit_id", "255"),
        (START + "max_registers = 126\n" + TAG, 4, "devices[0].max_registers", "125"),
        (
            START + TAG.replace("\ntag =", '\ntag = "b"\nname ='),
            6,
            "devices[0].tags[0].name",
            "unknown key (known keys: address, bit",
        ),
        (
            START + TAG + TAG.replace('"a"', '""'),
            10,
            "devices[0].tags[1].tag",
            "expected a string of 1 to 120 characters",
        ),
        (START + TAG + TAG, 10, "devices[0].tags[1].tag", "occurs twice; first: devices[0].tags[0]"),
        (START + TAG.replace("holding", "register"), 6, "devices[0].tags[0].table", "register"),
        (START + TAG.replace("0", "70000"), 7, "devices[0].tags[0].address", "from 0 to 65535, got 70000"),
        (START + TAG.replace("0", "true"), 7, "devices[0].tags[0].address", "integer from 0 to 65535, got True"),
        (START + TAG.replace("0", "65535").replace("int16", "int32"), 7, "devices[0].tags[0].address", "65535"),
        (START + TAG.replace("int16", "int8"), 8, "devices[0].tags[0].type", "int8"),
        (START + TAG.replace('type = "int16"', ""), 4, "devices[0].tags[0].type", "missing"),
        (START + TAG.replace("holding", "coil"), 8, "devices[0].tags[0].type", "bool"),
        (START + TAG.replace("int16", "string"), 4, "devices[0].tags[0].length", "missing"),
        (START + TAG + "length = 2", 9, "devices[0].tags[0].length", "only a string"),
        (START + TAG.replace("int16", "bool"), 4, "devices[0].tags[0].bit", "missing"),
        (START + TAG.replace("int16", "bool") + "bit = 16", 9, "devices[0].tags[0].bit", "15"),
        (START + TAG + "bit = 1", 9, "devices[0].tags[0].bit", "only a bool"),
        (START + TAG + "scale = 0.0", 9, "devices[0].tags[0].scale", "0.0 is not a finite number except 0"),
        (START + TAG + "offset = nan", 9, "devices[0].tags[0].offset", "not a finite number"),
        (START + TAG + "scale = 1e301", 9, "devices[0].tags[0].scale", "exponent above 300"),
        (START + TAG + "offset = 0." + "1" * 51, 9, "devices[0].tags[0].offset", "more than 50 digits"),
        (START + TAG + "word-order = 1", 9, "devices[0].tags[0].word-order", "unknown key"),
        (START + TAG.replace("int16", "bool") + "bit = 1\nscale = 2", 10, "devices[0].tags[0].scale", "only a number"),
        (START + TAG + 'word_order = "middle"', 9, "devices[0].tags[0].word_order", "middle"),
        (START + TAG + 'poll = "0s"', 9, "devices[0].tags[0].poll", "at least 1 ns"),
        (START + TAG + "address = 1", 9, "devices[0].tags[0].address", "not valid TOML: Cannot overwrite"),
        (START + 'tags = ["a"]', 4, "devices[0].tags[0]", "expected a table, got 'a'"),
        ("[devices]\nunit_id = 1", 1, "devices", "array"),
    ],
)
def test_a_mistake_has_file_line_and_key(tmp_path, text, line, key, reason):
    with pytest.raises(MapError) as raised:
        load(tmp_path, text)
    last = raised.value.message.splitlines()[-1]
    assert last.startswith(f"{tmp_path / 'map.toml'}:{line}: {key}: "), last
    assert reason in last


def test_all_mistakes_are_listed_in_order(tmp_path):
    text = (
        START + TAG.replace("int16", "int8") + TAG.replace("0", "-1") + "units = 5\n" + START.replace("1", "999") + TAG
    )
    with pytest.raises(MapError) as raised:
        load(tmp_path, text)
    first, *others = raised.value.message.splitlines()
    assert first == "mistakes in the map: 4"
    assert [re.match(r".*?:(\d+): (\S+):", line).groups() for line in others] == [
        ("8", "devices[0].tags[0].type"),
        ("12", "devices[0].tags[1].address"),
        ("14", "devices[0].tags[1].units"),
        ("16", "devices[1].unit_id"),
    ]


def test_command_checks_a_map(tmp_path):
    path = tmp_path / "map.toml"
    path.write_text(START + TAG, encoding="utf-8")
    good = CliRunner().invoke(main, ["--data", str(tmp_path), "ingest", "modbus", "--map", str(path), "--check"])
    assert good.exit_code == 0
    assert "unit 1, holding 0 to 0, 1 tags every 1 s" in good.stdout
    path.write_text(START + TAG.replace("int16", "int8"), encoding="utf-8")
    bad = CliRunner().invoke(main, ["--data", str(tmp_path), "ingest", "modbus", "--map", str(path), "--check"])
    assert bad.exit_code == 1
    assert f"{path}:8: devices[0].tags[0].type: " in bad.stderr


@pytest.mark.parametrize("address", ["", ":502", "host:0", "host:70000", "host:x", "host:1/path", "user@host:1"])
def test_an_invalid_address_is_rejected(tmp_path, address):
    path = tmp_path / "map.toml"
    path.write_text(START + TAG, encoding="utf-8")
    arguments = ["--data", str(tmp_path), "ingest", "modbus", address, "--map", str(path), "--channel", "c"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "address: " in result.stderr


def test_the_map_of_the_documentation_is_valid(tmp_path):
    page = (ROOT / "docs" / "modbus.md").read_text(encoding="utf-8")
    register_map = load(tmp_path, re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    assert {(tag.source, tag.tag) for tag in register_map.tags} >= {("press", "temperature"), ("oven", "alarm")}


addresses = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["int16", "uint32", "float64"])), min_size=1)


@given(addresses, st.integers(4, 125))
def test_blocks_read_each_register_of_the_map_and_no_other(tmp_path_factory, places, maximum):
    tags = "".join(
        TAG.replace('"a"', f'"{number}"').replace("= 0", f"= {address}").replace("int16", kind)
        for number, (address, kind) in enumerate(places)
    )
    register_map = load(tmp_path_factory.getbasetemp(), START + f"max_registers = {maximum}\n" + tags)
    blocks = blocks_of(register_map.tags)
    assert sorted(tag.tag for block in blocks for tag in block.tags) == sorted(tag.tag for tag in register_map.tags)
    mapped = {register for tag in register_map.tags for register in range(tag.address, tag.end)}
    for block in blocks:
        assert block.count <= maximum
        assert set(range(block.address, block.address + block.count)) <= mapped


@given(st.integers(-(2**63), 2**63 - 1), st.decimals(-(10**6), 10**6, places=5), st.decimals(-(10**9), 10**9, places=7))
def test_scaling_rounds_once(tmp_path_factory, raw, scale, offset):
    scale = scale or Decimal(1)
    text = START + TAG.replace("int16", "int64") + f"scale = {scale:f}\noffset = {offset:f}\n"
    (tag,) = load(tmp_path_factory.getbasetemp(), text).tags
    words = [(raw & 2**64 - 1) >> shift & 0xFFFF for shift in (48, 32, 16, 0)]
    exact = raw * Fraction(scale) + Fraction(offset)
    if exact.denominator == 1 and not -(2**63) <= exact < 2**63:
        with pytest.raises(ValueError, match="64-bit integer"):
            decode(tag, words)
    else:
        value = decode(tag, words)
        assert Fraction(value) == exact if exact.denominator == 1 else value == exact.numerator / exact.denominator
