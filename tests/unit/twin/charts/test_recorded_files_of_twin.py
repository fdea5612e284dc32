"""Recorded files of the twin: names, transposition, missing values, windows, errors."""

import gzip
import hashlib

import numpy as np
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.layout import parse_columns
from chromatrace.twin.recorded import read_recording

VALUES = np.array([[1.5, 2.0, -3.0], [4.0, 5.25, 6.0], [7.0, 8.0, 9.0], [1e-3, 2e5, 0.0]])
COLUMNS = parse_columns("a(1..2),b")


def text(values, delimiter=" "):
    return "".join(delimiter.join(map(repr, row)) + "\n" for row in np.asarray(values).tolist())


def save(tmp_path, content, name="run.dat"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "delimiter", [" ", "   ", "\t", ",", ";"], ids=["space", "spaces", "tab", "comma", "semicolon"]
)
def test_file_without_a_header(tmp_path, delimiter):
    recording = read_recording(save(tmp_path, text(VALUES, delimiter)), COLUMNS)
    assert recording.tags == ["a(1)", "a(2)", "b"]
    np.testing.assert_array_equal(recording.rows, VALUES)
    assert recording.sha256 == hashlib.sha256((tmp_path / "run.dat").read_bytes()).digest()


@pytest.mark.parametrize("is_transposed", [True, False], ids=["option", "found"])
def test_transposed_file(tmp_path, is_transposed):
    path = save(tmp_path, text(VALUES.T))
    np.testing.assert_array_equal(read_recording(path, COLUMNS, is_transposed=is_transposed).rows, VALUES)


def test_square_file_is_transposed_only_by_the_option(tmp_path):
    path = save(tmp_path, text(VALUES[:3]))
    np.testing.assert_array_equal(read_recording(path, COLUMNS).rows, VALUES[:3])
    np.testing.assert_array_equal(read_recording(path, COLUMNS, is_transposed=True).rows, VALUES[:3].T)


def test_lines_of_different_lengths_are_not_transposed(tmp_path):
    with pytest.raises(InvalidInput, match="expected 4 cells, got 3"):
        read_recording(save(tmp_path, "1 2 3 4\n5 6 7 8\n9 10 11\n"), COLUMNS)


def test_transposed_file_with_names_needs_the_option(tmp_path):
    content = "".join(
        f"{name},{','.join(map(repr, row))}\n" for name, row in zip("xyz", VALUES.T.tolist(), strict=True)
    )
    recording = read_recording(save(tmp_path, content), parse_columns("z,x"), is_transposed=True)
    assert recording.tags == ["z", "x"]
    np.testing.assert_array_equal(recording.rows, VALUES[:, [2, 0]])


def test_header_selects_columns_by_name(tmp_path):
    content = "time;b [kPa];a(2);a(1)\n" + "".join(
        f"{row};{values[2]!r};{values[1]!r};{values[0]!r}\n" for row, values in enumerate(VALUES.tolist())
    )
    np.testing.assert_array_equal(read_recording(save(tmp_path, content), COLUMNS).rows, VALUES)


def test_skipped_column(tmp_path):
    recording = read_recording(save(tmp_path, text(VALUES)), parse_columns("x,-,y"))
    assert recording.tags == ["x", "y"]
    np.testing.assert_array_equal(recording.rows, VALUES[:, [0, 2]])


def test_missing_values(tmp_path):
    rows = read_recording(save(tmp_path, "a,b\n1,\n,NaN\nn/a,2\n"), parse_columns("a,b")).rows
    np.testing.assert_array_equal(rows, [[1, np.nan], [np.nan, np.nan], [np.nan, 2]])


def test_compressed_file(tmp_path):
    path = save(tmp_path, gzip.compress(text(VALUES).encode()), "run.dat.gz")
    np.testing.assert_array_equal(read_recording(path, COLUMNS).rows, VALUES)


def test_window_has_the_digest_of_the_whole_file(tmp_path):
    recording = read_recording(save(tmp_path, text(VALUES)), COLUMNS)
    rows, window = recording.window((1, 2))
    np.testing.assert_array_equal(rows, VALUES[1:3])
    assert (window.name, window.first_row, window.last_row) == ("run.dat", 1, 2)
    assert window.sha256 == recording.sha256
    for outside in ((0, 4), (3, 2), (-1, 2)):
        with pytest.raises(InvalidInput, match="has rows 0 to 3"):
            recording.window(outside)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2\n3 4\n", "3 columns are named, but the table has 2 columns and 2 rows"),
        ("1 2 x\n", "line 1"),
        ("", "the file has no rows"),
        ("a(1),a(2)\n1,2\n", "the header has no column 'b'"),
        (b"\x1f\x8bdamaged", "gzip"),
    ],
    ids=["width", "text", "empty", "header", "gzip"],
)
def test_errors_name_the_file(tmp_path, content, message):
    with pytest.raises(InvalidInput) as error:
        read_recording(save(tmp_path, content), COLUMNS)
    assert message in str(error.value)
    assert "run.dat" in str(error.value)
