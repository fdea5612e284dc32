"""Errors of EPCIS queries.

ChromaTraceError
└── InvalidInput
    ├── QueryTooComplexError  the query takes longer than the limit of this server
    └── QueryTooLargeError    the query selects more than the limit of this server
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class QueryTooComplexError(InvalidInput):
    """The query takes longer than the limit of this server (EPCIS 2.0, `QueryTooComplexException`)."""


class QueryTooLargeError(InvalidInput):
    """The query selects more than the limit of this server (EPCIS 2.0, `QueryTooLargeException`)."""
