"""Read TOML files and report every mistake in one run, each with file, line and key.

lines     lines of statements and keys
document  a file with its mistakes; it is read in spite of syntax errors
table     typed access to the keys of a table
"""

from __future__ import annotations

from chromatrace.storage.toml.document import Mistake, TomlDocument, TomlError
from chromatrace.storage.toml.table import REQUIRED, TomlTable

__all__ = ["REQUIRED", "Mistake", "TomlDocument", "TomlError", "TomlTable"]
