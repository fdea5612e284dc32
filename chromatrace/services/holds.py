"""Holds of a batch: which one a supervisor ends."""

from __future__ import annotations

from chromatrace.chain import reads
from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import BatchState, HoldKind, holds_of
from chromatrace.services.workspace import Workspace


def hold_to_end(workspace: Workspace, key: BatchKey, kind: HoldKind | None) -> HoldKind:
    """Return `kind`, or the only kind of hold that the batch has.

    Raises `Conflict` if the batch is not on hold, `InvalidInput` if it has holds of several kinds.
    """
    if kind is not None:
        return kind
    batch = workspace.reader.read(reads.batch(key.batch_id))
    kinds = sorted(holds_of(batch.holds))
    if len(kinds) == 1 or batch.state is BatchState.UNKNOWN:
        return kinds[0] if kinds else HoldKind.PRODUCER  # the contract reports an unknown batch
    if not kinds:
        raise Conflict(f"batch {key.gtin}/{key.lot} is not on hold", field="batch")
    names = ", ".join(kind.name.lower().replace("_", "-") for kind in kinds)
    raise InvalidInput(
        f"batch {key.gtin}/{key.lot} has several holds: {names}", field="kind", hint="choose one with --kind"
    )
