"""The order in which a batch and its descendants are recalled, and who may recall them (`IBatchRegistry.recall`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chromatrace.domain.identifiers import BatchId


@dataclass(frozen=True, slots=True)
class Recallable:
    """A batch in a recall. `producer` is the number of its organisation, `inputs` are the batches it is made of.

    noticed  whether its producer has a notice that one of the inputs is recalled
    """

    batch: BatchId
    producer: int
    recalled: bool
    inputs: tuple[BatchId, ...]
    noticed: bool = False


@dataclass(frozen=True, slots=True)
class RecallStep:
    """The recall of one batch: because of `parent`, which is recalled earlier, or None to recall it directly.

    notice  the batch of another producer is not recalled: its producer gets a notice, which puts it on hold
    """

    batch: BatchId
    parent: BatchId | None
    notice: bool = False


@dataclass(frozen=True, slots=True)
class RecallPlan:
    """`steps` in an order that the contract accepts. `not_entitled`: batches that only others recall."""

    steps: tuple[RecallStep, ...]
    not_entitled: tuple[BatchId, ...]


def recall_plan(batches: Sequence[Recallable], organisation: int | None) -> RecallPlan:
    """Plan the recall of `batches` by a supervisor of `organisation`; None: of an authority, which may recall all.

    batches  the origin first, then its descendants in any order

    A batch that is already recalled needs no step. A descendant is recalled by its producer. The producer of a recalled
    input gives its producer a notice, once.
    """
    producers = {item.batch: item.producer for item in batches}
    recalled = {item.batch for item in batches if item.recalled}
    remaining = [item for item in batches if not item.recalled]
    origin = batches[0].batch if batches else None

    def is_own(item: Recallable) -> bool:
        return organisation is None or item.producer == organisation

    steps: list[RecallStep] = []
    while remaining:
        waiting: list[Recallable] = []
        for item in remaining:
            inputs = [parent for parent in item.inputs if parent in recalled]
            cause = next((parent for parent in inputs if is_own(item) or producers[parent] == organisation), None)
            own = is_own(item)
            if (cause is None and not (own and item.batch == origin)) or (item.noticed and not own):
                waiting.append(item)
                continue
            steps.append(RecallStep(item.batch, None if item.batch == origin else cause, notice=not own))
            if own:
                recalled.add(item.batch)
        if len(waiting) == len(remaining):
            next_own = next((item for item in waiting if is_own(item)), None)
            if next_own is None:
                break
            # The batches between the origin and this one belong to others, so it is recalled directly.
            steps.append(RecallStep(next_own.batch, None))
            recalled.add(next_own.batch)
            waiting.remove(next_own)
        remaining = waiting
    return RecallPlan(tuple(steps), tuple(item.batch for item in remaining))
