"""The rule which lots may get labels."""

from __future__ import annotations

from typing import Protocol

from chromatrace.domain.errors import Conflict
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import BatchState

NOT_RELEASED = "NOT RELEASED FOR SALE WHEN PRINTED"
"""Notice on label sheets of a lot that is not released, on hold, or not checked."""

_WITHDRAWN = {
    BatchState.STOPPED: "stopped",
    BatchState.RECYCLED: "recycled",
    BatchState.SCRAPPED: "scrapped",
}


class LabelledBatch(Protocol):
    """The state of a batch, from the chain or the index."""

    @property
    def state(self) -> BatchState: ...
    @property
    def recalled(self) -> bool: ...
    @property
    def on_hold(self) -> bool: ...


def label_notice(key: BatchKey, batch: LabelledBatch) -> str:
    """Return the notice that the labels of a batch need; empty if it is released and not on hold.

    Raises `Conflict` if the batch is recalled, stopped, recycled or scrapped.
    """
    withdrawn = "recalled" if batch.recalled else _WITHDRAWN.get(batch.state)
    if withdrawn is not None:
        raise Conflict(f"lot {key} is {withdrawn}; its units must not get labels", field="lot")
    return "" if batch.state is BatchState.RELEASED and not batch.on_hold else NOT_RELEASED
