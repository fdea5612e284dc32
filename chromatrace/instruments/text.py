"""Decode text files of instruments."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.tables.rows import SAMPLE, detect_encoding
from chromatrace.instruments.errors import ResultFileError

MAX_LINE = 1 << 20
"""Characters."""


def decoded_lines(data: bytes) -> list[str]:
    """Return the lines of a text file; its encoding is detected. Raises `ResultFileError`."""
    try:
        encoding = detect_encoding(data[:SAMPLE])
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ResultFileError(f"the text is not valid {error.encoding}: {error.reason}", field="encoding") from error
    except InvalidInput as error:
        raise ResultFileError(error.message, field="encoding", hint="save the file as UTF-8") from error
    text = text.removesuffix("\x1a")  # the end-of-file mark of DOS
    if "\0" in text:
        raise ResultFileError("the file has null characters; it is not a text file", field="encoding")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise ResultFileError(f"longer than {MAX_LINE:,} characters", field=f"line {number}")
    return lines
