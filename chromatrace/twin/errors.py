"""Errors of the twin.

InvalidInput
└── TrainingDataError      a model cannot be trained on these data
IntegrityError
└── ModelAltered           a model file does not match its digest
"""

from __future__ import annotations

from chromatrace.domain.errors import IntegrityError, InvalidInput


class TrainingDataError(InvalidInput):
    """A model cannot be trained on these data."""


class ModelAltered(IntegrityError):
    """A model file does not match its digest."""
