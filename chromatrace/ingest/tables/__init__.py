"""Read tables of readings: delimited text, workbooks, Parquet and JSON.

`open_rows` gives the rows of a file, `interpret` decides what they mean, `RowReader` turns them into readings;
`number_table` reads a table that has no times. What is ambiguous is an error that shows each meaning, and an option
decides.
"""

from chromatrace.ingest.tables.interpretation import Interpretation, NumberTable, interpret, number_table
from chromatrace.ingest.tables.reader import RowReader
from chromatrace.ingest.tables.rows import open_rows

__all__ = ["Interpretation", "NumberTable", "RowReader", "interpret", "number_table", "open_rows"]
