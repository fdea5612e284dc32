"""Reference model of the batch life cycle, for the stateful test.

Every operation returns the name of the error with which the contract reverts, or None after it changed the model.
Access control is reduced to what the test needs: organisations are active or suspended, and operators hold the required
roles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from chromatrace.domain.rights import BatchState, HoldKind, SalesChannel, Stage, Verdict
from chromatrace.domain.stored_batch import StoredBatch

S = BatchState
UNUSABLE_AS_INPUT = {S.STOPPED, S.RECYCLED, S.SCRAPPED}


@dataclass
class ReferenceModel:
    """The expected state of the chain.

    `gtins` and `licensees` are the GTIN and its licensee of every batch that may be registered. `inputs` lists
    (batch, units) by batch, `used` the units used of each batch, `offers` (sender, receiver) by batch, `notices`
    (parent, child).
    """

    authority: int
    gtins: dict[bytes, int]
    licensees: dict[bytes, int]
    batches: dict[bytes, StoredBatch] = field(default_factory=dict)
    inputs: dict[bytes, tuple[tuple[bytes, int], ...]] = field(default_factory=dict)
    used: dict[bytes, int] = field(default_factory=dict)
    notices: set[tuple[bytes, bytes]] = field(default_factory=set)
    offers: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    suspended: set[int] = field(default_factory=set)

    # ---------------------------------------------------------------- production

    def register(self, by: int, batch: bytes, quantity: int, inputs: tuple[tuple[bytes, int], ...]) -> str | None:
        if by in self.suspended:
            return "OrganisationInactive"
        if self.licensees[batch] != by:
            return "GtinNotLicensed"
        if batch in self.batches:
            return "BatchAlreadyRegistered"
        if quantity == 0:
            return "InvalidQuantity"
        for index, (input_id, units) in enumerate(inputs):
            current = self.batches.get(input_id)
            if current is None or current.state in UNUSABLE_AS_INPUT or current.recalled or current.on_hold:
                return "UnusableInput"
            if current.custodian != by:
                return "InputNotHeld"
            if input_id in [other for other, _ in inputs[:index]]:
                return "DuplicateInput"
            if not 1 <= units <= current.quantity - current.scrap - self.used[input_id]:
                return "InvalidInputQuantity"
        for input_id, units in inputs:
            self.used[input_id] += units
        none = Verdict.NONE
        units = (quantity, 0, 0, 0)
        self.batches[batch] = StoredBatch(
            S.REGISTERED, 0, False, 0, none, none, 0, 0, by, by, *units, self.gtins[batch]
        )
        self.inputs[batch], self.used[batch] = inputs, 0
        return None

    def recycle(self, by: int, batch: bytes) -> str | None:
        return self._step(by, batch, S.STOPPED, S.RECYCLED)

    def assemble(self, by: int, batch: bytes) -> str | None:
        return self._step(by, batch, S.FIRST_PASSED, S.ASSEMBLED)

    def grade(self, by: int, batch: bytes, standard: int, defective: int, scrap: int) -> str | None:
        error = self._production_error(by, batch, {S.ASSEMBLED})
        if error:
            return error
        current = self.batches[batch]
        if current.final_verdict is Verdict.NONE:
            return "VerdictMissing"
        if standard + defective + scrap != current.quantity:
            return "QuantityMismatch"
        if standard and current.final_verdict is Verdict.FAIL:
            return "VerdictFailed"
        if scrap + self.used[batch] > current.quantity:
            return "UsedUnitsScrapped"
        state = S.SCRAPPED if scrap == current.quantity else S.GRADED
        self._change(batch, state=state, standard=standard, defective=defective, scrap=scrap)
        return None

    def release(self, by: int, batch: bytes, channel: SalesChannel) -> str | None:
        error = self._production_error(by, batch, {S.GRADED, S.RELEASED})
        if error:
            return error
        current = self.batches[batch]
        if current.first_verdict is not Verdict.PASS:
            return "VerdictFailed"
        if channel is SalesChannel.STANDARD and current.final_verdict is not Verdict.PASS:
            return "VerdictFailed"
        if (current.standard if channel is SalesChannel.STANDARD else current.defective) == 0:
            return "NothingToRelease"
        if current.channels & 1 << channel:
            return "AlreadyReleased"
        if current.custodian != current.producer:
            return "NotHeldByProducer"
        self._change(batch, state=S.RELEASED, channels=current.channels | 1 << channel)
        return None

    # ---------------------------------------------------------------- inspection

    def inspect(self, batch: bytes, stage: Stage, verdict: Verdict) -> str | None:
        current = self.batches.get(batch)
        if current is None:
            return "UnknownBatch"
        state, failed = current.state, verdict is Verdict.FAIL
        if stage is Stage.FIRST:
            if state in (S.REGISTERED, S.FIRST_PASSED, S.STOPPED):
                state = S.STOPPED if failed else S.FIRST_PASSED
            late = state in (S.ASSEMBLED, S.GRADED, S.SCRAPPED, S.RELEASED)
            self._change(batch, first_verdict=verdict, first_revision=current.first_revision + 1)
        else:
            if state not in (S.ASSEMBLED, S.GRADED, S.SCRAPPED, S.RELEASED):
                return "WrongState"
            late = state is not S.ASSEMBLED
            self._change(batch, final_verdict=verdict, final_revision=current.final_revision + 1)
        bit = 1 << (HoldKind.FIRST_INSPECTION if stage is Stage.FIRST else HoldKind.FINAL_INSPECTION)
        holds = current.holds & ~bit if not failed else current.holds | bit if late else current.holds
        self._change(batch, state=state, holds=holds)
        return None

    # ---------------------------------------------------------------- supervision

    def hold(self, by: int, batch: bytes) -> str | None:
        error = self._supervision_error(by, batch)
        if error:
            return error
        current = self.batches[batch]
        bit = 1 << (HoldKind.AUTHORITY if by == self.authority else HoldKind.PRODUCER)
        if current.holds & bit:
            return "HoldAlreadySet"
        self._change(batch, holds=current.holds | bit)
        return None

    def release_hold(self, by: int, batch: bytes, kind: HoldKind) -> str | None:
        error = self._supervision_error(by, batch)
        if error:
            return error
        if by != self.authority and kind not in (HoldKind.PRODUCER, HoldKind.SUPPLIER_NOTICE):
            return "HoldOutranks"
        current = self.batches[batch]
        if not current.holds >> kind & 1:
            return "HoldNotSet"
        self._change(batch, holds=current.holds & ~(1 << kind))
        return None

    def recall(self, by: int, batch: bytes) -> str | None:
        error = self._supervision_error(by, batch)
        if error is None:
            self._change(batch, recalled=True)
        return error

    def recall_descendant(self, by: int, parent: bytes, child: bytes) -> str | None:
        if parent not in self.batches:
            return "UnknownBatch"
        if not self.batches[parent].recalled:
            return "BatchNotRecalled"
        if by in self.suspended:
            return "OrganisationInactive"
        if child not in self.batches:
            return "UnknownBatch"
        supervised = by in (self.authority, self.batches[child].producer)
        if not supervised and by != self.batches[parent].producer:
            return "NotBatchSupervisor"
        if self.batches[child].recalled or (not supervised and (parent, child) in self.notices):
            return None
        if parent not in [input_id for input_id, _ in self.inputs[child]]:
            return "NotAnInput"
        if supervised:
            self._change(child, recalled=True)
        else:
            self.notices.add((parent, child))
            self._change(child, holds=self.batches[child].holds | 1 << HoldKind.SUPPLIER_NOTICE)
        return None

    # ---------------------------------------------------------------- custody

    def offer(self, by: int, batch: bytes, to: int) -> str | None:
        if by in self.suspended:
            return "OrganisationInactive"
        error = self._transfer_error(batch, by, to)
        if error:
            return error
        if to == by:
            return "ReceiverIsCustodian"
        if to in self.suspended:
            return "ReceiverInactive"
        if batch in self.offers:
            return "OfferPending"
        self.offers[batch] = (by, to)
        return None

    def accept(self, by: int, batch: bytes) -> str | None:
        error = self._offer_error(by, batch)
        if error:
            return error
        sender, receiver = self.offers[batch]
        if sender in self.suspended:
            return "SenderInactive"
        error = self._transfer_error(batch, sender, receiver)
        if error:
            return error
        del self.offers[batch]
        self._change(batch, custodian=receiver)
        return None

    def order_return(self, by: int, batch: bytes) -> str | None:
        if by in self.suspended:
            return "OrganisationInactive"
        current = self.batches.get(batch)
        if current is None:
            return "UnknownBatch"
        if by not in (self.authority, current.producer):
            return "ReturnNotPermitted"
        if current.custodian == current.producer:
            return "ReceiverIsCustodian"
        urgent = by == self.authority and current.recalled
        if not urgent and current.custodian not in self.suspended:
            return "CustodianActive"
        self.offers.pop(batch, None)
        self._change(batch, custodian=current.producer)
        return None

    def reject(self, by: int, batch: bytes) -> str | None:
        error = self._offer_error(by, batch)
        if error is None:
            del self.offers[batch]
        return error

    # ---------------------------------------------------------------- shared rules

    def _step(self, by: int, batch: bytes, before: BatchState, after: BatchState) -> str | None:
        error = self._production_error(by, batch, {before})
        if error is None:
            self._change(batch, state=after)
        return error

    def _production_error(self, by: int, batch: bytes, states: Iterable[BatchState]) -> str | None:
        current = self.batches.get(batch)
        if current is None:
            return "UnknownBatch"
        if by in self.suspended:
            return "OrganisationInactive"
        if current.producer != by:
            return "NotProducer"
        if current.recalled:
            return "BatchIsRecalled"
        if current.on_hold:
            return "BatchOnHold"
        return None if current.state in states else "WrongState"

    def _supervision_error(self, by: int, batch: bytes) -> str | None:
        current = self.batches.get(batch)
        if current is None:
            return "UnknownBatch"
        if by in self.suspended:
            return "OrganisationInactive"
        if by not in (self.authority, current.producer):
            return "NotBatchSupervisor"
        return "BatchIsRecalled" if current.recalled else None

    def _transfer_error(self, batch: bytes, sender: int, receiver: int) -> str | None:
        current = self.batches.get(batch)
        if current is None:
            return "UnknownBatch"
        if current.custodian != sender:
            return "NotCustodian"
        if current.state is not S.RELEASED:
            return "NotReleased"
        to_producer = receiver == current.producer
        if (current.recalled and not to_producer) or (current.on_hold and not current.recalled):
            return "BatchBlocked"
        if current.recalled:
            return None
        for channel, units in zip(SalesChannel, (current.standard, current.defective), strict=True):
            if units and not current.channels & 1 << channel:
                return "UnreleasedUnits"
        return "AllUnitsUsed" if self.used[batch] == current.standard + current.defective else None

    def _offer_error(self, by: int, batch: bytes) -> str | None:
        if by in self.suspended:
            return "OrganisationInactive"
        if batch not in self.offers:
            return "NoOffer"
        return None if self.offers[batch][1] == by else "NotOfferedTo"

    def _change(self, batch: bytes, **changes: object) -> None:
        self.batches[batch] = replace(self.batches[batch], **changes)
