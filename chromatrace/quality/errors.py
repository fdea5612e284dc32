"""Errors of the consensus.

InvalidInput
├── RuleError            a rule or capability that cannot work; `field` is its JSON pointer, such as `/minimum`
├── CheckSheetError      a check sheet that gives no state, or values that it cannot evaluate
├── UnknownStateError    an answer outside the rule's states
└── RepeatedAnswerError  a second answer of an inspector in one round
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class RuleError(InvalidInput):
    """A rule or capability that cannot work; `field` is its JSON pointer."""


class CheckSheetError(InvalidInput):
    """A check sheet that gives no state, or values that it cannot evaluate."""


class UnknownStateError(InvalidInput):
    """An answer outside the rule's states."""


class RepeatedAnswerError(InvalidInput):
    """A second answer of an inspector in one round."""
