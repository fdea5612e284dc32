"""In which order a batch and all that was made of it are recalled, and who may do it (`IBatchRegistry.recall`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chromatrace.domain.identifiers import BatchId


@dataclass(frozen=True, slots=True)
class Recallable:
    """A batch as a recall sees it. `producer`: the number of its organisation; `inputs`: what it was made of."""

    batch: BatchId
    producer: int
    recalled: bool
    inputs: tuple[BatchId, ...]


@dataclass(frozen=True, slots=True)
class RecallStep:
    """One batch to recall: because of `parent`, which is recalled by then, or for itself where that is None."""

    batch: BatchId
    parent: BatchId | None


@dataclass(frozen=True, slots=True)
class RecallPlan:
    """`steps` in an order that the contract takes. `not_entitled`: batches that only others may recall."""

    steps: tuple[RecallStep, ...]
    not_entitled: tuple[BatchId, ...]


def recall_plan(goods: Sequence[Recallable], organisation: int | None) -> RecallPlan:
    """How a supervisor of `organisation` (None: of an authority, which may recall everything) recalls `goods`.

    `goods`: the origin, then what was made of it, in any order. What is recalled already takes no step. A descendant
    may be recalled by its producer or by the producer of a recalled input; the contract is the judge.
    """
    producers = {one.batch: one.producer for one in goods}
    recalled = {one.batch for one in goods if one.recalled}
    left = [one for one in goods if not one.recalled]
    origin = goods[0].batch if goods else None
    steps: list[RecallStep] = []
    while left:
        waiting: list[Recallable] = []
        for one in left:
            ours = organisation is None or one.producer == organisation
            inputs = [parent for parent in one.inputs if parent in recalled]
            cause = next((parent for parent in inputs if ours or producers[parent] == organisation), None)
            if cause is None and not (ours and one.batch == origin):
                waiting.append(one)
                continue
            steps.append(RecallStep(one.batch, None if one.batch == origin else cause))
            recalled.add(one.batch)
        if len(waiting) == len(left):
            own = next((one for one in waiting if organisation is None or one.producer == organisation), None)
            if own is None:
                break
            # What lies between is not for us to recall: ours is recalled for itself.
            steps.append(RecallStep(own.batch, None))
            recalled.add(own.batch)
            waiting.remove(own)
        left = waiting
    return RecallPlan(tuple(steps), tuple(one.batch for one in left))
