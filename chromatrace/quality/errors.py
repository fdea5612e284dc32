"""What the consensus refuses.

ChromaTraceError
└── InvalidInput
    └── QualityError
        ├── InvalidRule        a rule that cannot decide as it says; `field` is its JSON pointer, such as `/minimum`
        ├── InvalidCheckSheet  a check sheet that gives no state, or values that it cannot read
        ├── UnknownState       an answer outside the rule's states
        └── RepeatedAnswer     an inspector answered twice in one round
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class QualityError(InvalidInput):
    """The consensus cannot do what was asked."""


class InvalidRule(QualityError):
    """A rule, or a capability, that cannot work; `field` is its JSON pointer."""


class InvalidCheckSheet(QualityError):
    """A check sheet that gives no state, or values that it cannot read."""


class UnknownState(QualityError):
    """An answer outside the rule's states."""


class RepeatedAnswer(QualityError):
    """An inspector answered twice in one round."""
