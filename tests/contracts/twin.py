"""The life cycle's rules once more, slowly and plainly: the model that the contracts are held against.

Every verb answers with the name of the error that refuses it, or None after it has changed the model. Rights are
reduced to what the stateful test needs: organisations are active or suspended, and operators have the right roles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from world import Batch

from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict

S = BatchState
UNUSABLE_AS_INPUT = {S.STOPPED, S.RECYCLED, S.SCRAPPED}


@dataclass
class Twin:
    """What the chain should hold."""

    authority: int
    batches: dict[bytes, Batch] = field(default_factory=dict)
    inputs: dict[bytes, tuple[tuple[bytes, int], ...]] = field(default_factory=dict)
    offers: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    suspended: set[int] = field(default_factory=set)

    # ---------------------------------------------------------------- the producer's verbs

    def register(self, by: int, batch: bytes, quantity: int, inputs: tuple[tuple[bytes, int], ...]) -> str | None:
        if by in self.suspended:
            return "OrganisationInactive"
        if quantity == 0:
            return "InvalidQuantity"
        if batch in self.batches:
            return "BatchAlreadyRegistered"
        for place, (used, units) in enumerate(inputs):
            found = self.batches.get(used)
            if found is None or found.state in UNUSABLE_AS_INPUT or found.recalled or found.on_hold:
                return "UnusableInput"
            if found.custodian != by:
                return "InputNotHeld"
            if not 1 <= units <= found.quantity:
                return "InvalidInputQuantity"
            if used in [other for other, _ in inputs[:place]]:
                return "DuplicateInput"
        none = Verdict.NONE
        self.batches[batch] = Batch(S.REGISTERED, False, False, 0, none, none, 0, 0, by, by, quantity, 0, 0, 0)
        self.inputs[batch] = inputs
        return None

    def recycle(self, by: int, batch: bytes) -> str | None:
        return self._step(by, batch, S.STOPPED, S.RECYCLED)

    def assemble(self, by: int, batch: bytes) -> str | None:
        return self._step(by, batch, S.FIRST_PASSED, S.ASSEMBLED)

    def grade(self, by: int, batch: bytes, standard: int, defective: int, scrap: int) -> str | None:
        stopped = self._stopped(by, batch, {S.ASSEMBLED})
        if stopped:
            return stopped
        found = self.batches[batch]
        if found.final_verdict is Verdict.NONE:
            return "VerdictMissing"
        if standard + defective + scrap != found.quantity:
            return "QuantityMismatch"
        if standard and found.final_verdict is Verdict.FAIL:
            return "VerdictFailed"
        state = S.SCRAPPED if scrap == found.quantity else S.GRADED
        self._change(batch, state=state, standard=standard, defective=defective, scrap=scrap)
        return None

    def release(self, by: int, batch: bytes, channel: SalesChannel) -> str | None:
        stopped = self._stopped(by, batch, {S.GRADED, S.RELEASED})
        if stopped:
            return stopped
        found = self.batches[batch]
        if found.first_verdict is not Verdict.PASS:
            return "VerdictFailed"
        if channel is SalesChannel.STANDARD and found.final_verdict is not Verdict.PASS:
            return "VerdictFailed"
        if (found.standard if channel is SalesChannel.STANDARD else found.defective) == 0:
            return "NothingToRelease"
        if found.channels & 1 << channel:
            return "AlreadyReleased"
        self._change(batch, state=S.RELEASED, channels=found.channels | 1 << channel)
        return None

    # ---------------------------------------------------------------- inspection

    def inspect(self, batch: bytes, stage: Stage, verdict: Verdict) -> str | None:
        found = self.batches.get(batch)
        if found is None:
            return "UnknownBatch"
        state, failed = found.state, verdict is Verdict.FAIL
        if stage is Stage.FIRST:
            if state in (S.REGISTERED, S.FIRST_PASSED, S.STOPPED):
                state = S.STOPPED if failed else S.FIRST_PASSED
            late = state in (S.ASSEMBLED, S.GRADED, S.SCRAPPED, S.RELEASED)
            self._change(batch, first_verdict=verdict, first_revision=found.first_revision + 1)
        else:
            if state not in (S.ASSEMBLED, S.GRADED, S.SCRAPPED, S.RELEASED):
                return "WrongState"
            late = state is not S.ASSEMBLED
            self._change(batch, final_verdict=verdict, final_revision=found.final_revision + 1)
        self._change(batch, state=state, on_hold=found.on_hold or (failed and late))
        return None

    # ---------------------------------------------------------------- supervision

    def hold(self, by: int, batch: bytes) -> str | None:
        refused = self._unsupervised(by, batch)
        if refused is None and self.batches[batch].on_hold:
            refused = "BatchOnHold"
        if refused is None:
            self._change(batch, on_hold=True)
        return refused

    def release_hold(self, by: int, batch: bytes) -> str | None:
        refused = self._unsupervised(by, batch)
        if refused is None and not self.batches[batch].on_hold:
            refused = "BatchNotOnHold"
        if refused is None:
            self._change(batch, on_hold=False)
        return refused

    def recall(self, by: int, batch: bytes) -> str | None:
        refused = self._unsupervised(by, batch)
        if refused is None:
            self._change(batch, recalled=True)
        return refused

    def recall_descendant(self, by: int, parent: bytes, child: bytes) -> str | None:
        if parent not in self.batches:
            return "UnknownBatch"
        if not self.batches[parent].recalled:
            return "BatchNotRecalled"
        if by in self.suspended:
            return "OrganisationInactive"
        if child not in self.batches:
            return "UnknownBatch"
        producers = (self.batches[parent].producer, self.batches[child].producer)
        if by != self.authority and by not in producers:
            return "NotBatchSupervisor"
        if self.batches[child].recalled:
            return "BatchIsRecalled"
        if parent not in [used for used, _ in self.inputs[child]]:
            return "NotAnInput"
        self._change(child, recalled=True)
        return None

    # ---------------------------------------------------------------- custody

    def offer(self, by: int, batch: bytes, to: int) -> str | None:
        if by in self.suspended:
            return "OrganisationInactive"
        refused = self._immovable(batch, by, to)
        if refused:
            return refused
        if to == by:
            return "ReceiverIsCustodian"
        if to in self.suspended:
            return "ReceiverInactive"
        if batch in self.offers:
            return "OfferPending"
        self.offers[batch] = (by, to)
        return None

    def accept(self, by: int, batch: bytes) -> str | None:
        refused = self._not_offered(by, batch)
        if refused:
            return refused
        giver, taker = self.offers[batch]
        if giver in self.suspended:
            return "SenderInactive"
        refused = self._immovable(batch, giver, taker)
        if refused:
            return refused
        del self.offers[batch]
        self._change(batch, custodian=taker)
        return None

    def refuse(self, by: int, batch: bytes) -> str | None:
        refused = self._not_offered(by, batch)
        if refused is None:
            del self.offers[batch]
        return refused

    # ---------------------------------------------------------------- shared rules

    def _step(self, by: int, batch: bytes, before: BatchState, after: BatchState) -> str | None:
        refused = self._stopped(by, batch, {before})
        if refused is None:
            self._change(batch, state=after)
        return refused

    def _stopped(self, by: int, batch: bytes, states: Iterable[BatchState]) -> str | None:
        found = self.batches.get(batch)
        if found is None:
            return "UnknownBatch"
        if by in self.suspended:
            return "OrganisationInactive"
        if found.producer != by:
            return "NotProducer"
        if found.recalled:
            return "BatchIsRecalled"
        if found.on_hold:
            return "BatchOnHold"
        return None if found.state in states else "WrongState"

    def _unsupervised(self, by: int, batch: bytes) -> str | None:
        found = self.batches.get(batch)
        if found is None:
            return "UnknownBatch"
        if by in self.suspended:
            return "OrganisationInactive"
        if by not in (self.authority, found.producer):
            return "NotBatchSupervisor"
        return "BatchIsRecalled" if found.recalled else None

    def _immovable(self, batch: bytes, giver: int, taker: int) -> str | None:
        found = self.batches.get(batch)
        if found is None:
            return "UnknownBatch"
        if found.custodian != giver:
            return "NotCustodian"
        if found.state is not S.RELEASED:
            return "NotReleased"
        goes_home = taker == found.producer
        if (found.recalled and not goes_home) or (found.on_hold and not found.recalled):
            return "BatchBlocked"
        return None

    def _not_offered(self, by: int, batch: bytes) -> str | None:
        if by in self.suspended:
            return "OrganisationInactive"
        if batch not in self.offers:
            return "NoOffer"
        return None if self.offers[batch][1] == by else "NotOfferedTo"

    def _change(self, batch: bytes, **changes: object) -> None:
        self.batches[batch] = replace(self.batches[batch], **changes)
