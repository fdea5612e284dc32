"""Read tables of readings: delimited text, workbooks, Parquet and JSON.

`open_rows` gives the rows of a file, `interpret` decides what they mean, `RowReader` turns them into readings. What is
ambiguous is an error that shows each meaning; an option decides.
"""

from chromatrace.ingest.tables.interpretation import Interpretation, interpret
from chromatrace.ingest.tables.reader import RowReader
from chromatrace.ingest.tables.rows import open_rows

__all__ = ["Interpretation", "RowReader", "interpret", "open_rows"]
