"""Plan the recall of a batch and its descendants by one organisation, and build its contract calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from chromatrace.chain.calls import Call, Parts, recall, recall_descendants
from chromatrace.domain.identifiers import ZERO_BYTES32, BatchId
from chromatrace.domain.recall_plan import Recallable, RecallPlan, RecallStep, recall_plan
from chromatrace.domain.rights import OrganisationKind
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView


@dataclass(frozen=True, slots=True)
class PlannedRecall:
    """A recall plan with the registered parts of each batch, which the contract checks against its commitment."""

    plan: RecallPlan
    parts: Mapping[BatchId, Parts]

    def call(self, step: RecallStep, reason: str) -> Call:
        """Return the contract call of one step of the plan."""
        if step.parent is None:
            return recall(step.batch, reason)
        return recall_descendants(step.parent, [(step.batch, self.parts[step.batch])], reason)


def plan_recall(
    snapshot: Snapshot, batches: Sequence[BatchView], organisation: int, pending: Collection[BatchId] = ()
) -> PlannedRecall:
    """Plan the recall of `batches`: the origin first, then its descendants, as `snapshot` has them.

    `organisation` is the number of the supervisor's organisation; an authority may recall every batch. `pending` are
    batches whose recall or notice has been sent and is not in a block yet.
    """
    inputs = snapshot.inputs_by_batch([batch.batch_id for batch in batches])
    view = snapshot.organisation(organisation)
    is_authority = view is not None and view.kind is OrganisationKind.AUTHORITY
    noticed = snapshot.noticed(list(inputs)) | set(pending)
    recallables = [
        Recallable(
            batch.batch_id,
            batch.producer,
            batch.recalled or (batch.batch_id in pending and (is_authority or batch.producer == organisation)),
            tuple(used.batch for used in inputs[batch.batch_id]),
            batch.batch_id in noticed,
        )
        for batch in batches
    ]
    parts = {
        batch.batch_id: Parts(
            batch.serial_root or ZERO_BYTES32, batch.content_digest, batch.route or ZERO_BYTES32, inputs[batch.batch_id]
        )
        for batch in batches
    }
    return PlannedRecall(recall_plan(recallables, None if is_authority else organisation), parts)
