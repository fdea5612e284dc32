"""Errors of result files.

InvalidInput
└── ResultFileError    the file is damaged, incomplete or ambiguous; `field` is the file and the field in it
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class ResultFileError(InvalidInput):
    """The result file is damaged, incomplete or ambiguous."""
