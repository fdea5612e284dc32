"""Evidence of an inspection: its window of readings, and the checks before it is signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chromatrace.chain import reads
from chromatrace.chain.anchored import anchors_of, channel_named, find_anchor
from chromatrace.chain.event_logs import events
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.documents.errors import DocumentNotFoundError
from chromatrace.documents.evidence import ReadingWindow
from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, NotFound
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.rights import Verdict
from chromatrace.exchange.units import serial_root
from chromatrace.quality.calibration import require_calibrated
from chromatrace.quality.result_rules import measurement_error
from chromatrace.services.result_files import check_results
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.plant.equipment import Instrument
    from chromatrace.plant.records import CheckSheet


def evidence_window(
    workspace: Workspace, channel: str, from_ns: int, to_ns: int, organisation: Gln | None = None
) -> ReadingWindow:
    """Return the window of the spooled readings with source times from `from_ns` to `to_ns`, both included.

    organisation  owner of the channel; None if only one organisation has a channel of that name

    Raises `NotFound` (no readings, unknown channel or organisation), `Conflict` (not anchored yet), and
    `IntegrityError` if the spooled readings differ from the anchored ones.
    """
    if from_ns > to_ns:
        raise InvalidInput("the time is after --to", field="from")
    if channel not in workspace.spool.names():
        raise NotFound(
            f"the spool has no channel {channel!r}",
            field="channel",
            hint="store its readings with `chromatrace ingest`",
        )
    leaves = workspace.spool.leaf_range(channel, from_ns, to_ns)
    if leaves is None:
        raise NotFound(f"channel {channel!r} has no readings between these times", field="from")
    first, last = leaves
    chain = workspace.reader
    number = None if organisation is None else chain.read(reads.organisation_of_gln(organisation))
    if number == 0:
        raise NotFound(f"no organisation has GLN {organisation}", field="organisation")
    not_anchored = Conflict(
        f"channel {channel!r} has readings up to leaf {last} in this window, but they are not anchored yet",
        field="channel",
        hint=f"run `chromatrace log anchor --channel {channel}` with the key of a gateway of the organisation",
    )
    try:
        owner = channel_named(chain, channel, number)
    except NotFound:
        raise not_anchored from None
    anchor = min(
        (head for head in anchors_of(chain, owner) if head.size > last), key=lambda head: head.size, default=None
    )
    if anchor is None:
        raise not_anchored
    if workspace.proofs.extend(channel) < anchor.size or workspace.proofs.log(channel).root(anchor.size) != anchor.root:
        raise IntegrityError(
            f"the first {anchor.size} readings of {channel!r} in the spool differ from those anchored in block "
            f"{anchor.block_number}",
            field="channel",
            hint="use the data folder of the gateway, or restore its spool from a backup",
        )
    gln = Gln.from_number(chain.read(reads.organisation(owner.organisation)).gln)
    times = workspace.spool.time_range(channel, first, last + 1)
    return ReadingWindow(channel, gln, first, last, anchor.size, anchor.root, *times)


def check_evidence(
    workspace: Workspace,
    evidence: InspectionEvidence,
    verdict: Verdict,
    sample_size: int,
    sheet: CheckSheet | None,
    instruments: Sequence[Instrument] = (),
) -> None:
    """Check evidence before it is signed. Raises an error that names the option or the member of the document.

    sheet        check sheet of the product and stage; None if there is none
    instruments  instruments of the plant; none if the plant does not list them

    The verdict must follow from the values: pass if the sheet is complete and each value is within its limit, else
    fail. Values that contradict one another are a measurement error and give no verdict. A person may overrule this
    with a reason (`evidence.overrule`).
    """
    missing = () if sheet is None else sheet.check_measurements(evidence.measurements)
    _check_instrument(evidence, instruments)
    check_results(workspace.documents, evidence)
    error = measurement_error(evidence)
    if evidence.overrule is None:
        if error is not None:
            raise InvalidInput(
                f"measurement error: {error}",
                field="/measurements",
                hint="measure again, or give a verdict and a reason with --verdict and --overrule",
            )
        _check_verdict(evidence, verdict)
        if verdict is Verdict.PASS and missing:
            raise InvalidInput(
                f"the check sheet also requires {missing[0].text}",
                field="/measurements",
                hint="add the measurement, or give a reason with --overrule",
            )
    elif (verdict is Verdict.PASS) is evidence.passed and not (missing and evidence.passed) and error is None:
        raise InvalidInput(
            f"the values give the same verdict, {verdict.name.lower()}; there is nothing to overrule", field="overrule"
        )
    _check_sample(workspace, evidence, sample_size)
    if evidence.readings is not None:
        _check_window(workspace, evidence.readings)


def _check_instrument(evidence: InspectionEvidence, instruments: Sequence[Instrument]) -> None:
    """Check that the plant has the instrument, that its calibration is valid, and that it measures the quantities."""
    used, at = evidence.instrument, datetime.fromisoformat(evidence.inspected_at)
    if used.calibrated_on > at.date().isoformat():
        raise InvalidInput(
            f"the date {used.calibrated_on} is after the inspection of {at.date()}", field="/instrument/calibrated_on"
        )
    if not instruments:
        return
    known = next((instrument for instrument in instruments if instrument.id == used.serial), None)
    if known is None:
        raise InvalidInput(
            f"the plant has no instrument {used.serial!r}",
            field="/instrument/serial",
            hint=f"instruments: {', '.join(instrument.id for instrument in instruments)}",
        )
    if known.name != used.name:
        raise InvalidInput(f"instrument {known.id} is {known.name!r}, not {used.name!r}", field="/instrument/name")
    require_calibrated(known.id, known.calibration_due, at)
    for index, measured in enumerate(evidence.measurements if known.quantities else ()):
        unit = known.quantities.get(measured.quantity)
        if unit != measured.unit:
            reason = f"not {measured.quantity}" if unit is None else f"{measured.quantity} in {unit}"
            raise InvalidInput(
                f"instrument {known.id} measures {reason}",
                field=f"/measurements/{index}/{'quantity' if unit is None else 'unit'}",
                hint=f"quantities: {', '.join(known.quantities)}",
            )


def _check_verdict(evidence: InspectionEvidence, verdict: Verdict) -> None:
    if (verdict is Verdict.PASS) is evidence.passed:
        return
    failed = next((measurement for measurement in evidence.measurements if not measurement.passed), None)
    if failed is None:
        reason = "each value is within its limit"
    else:
        value = f"{failed.quantity} is {failed.value:g} {failed.unit}".rstrip()
        reason = f"{value}; the limit is {failed.comparison} {failed.limit:g} {failed.unit}".rstrip()
    raise InvalidInput(
        f"the verdict is {verdict.name.lower()}, but {reason}",
        field="verdict",
        hint="correct the verdict, or give a reason with --overrule",
    )


def _check_sample(workspace: Workspace, evidence: InspectionEvidence, sample_size: int) -> None:
    """Check that the sample has the stated size and that its serials belong to the batch."""
    if not evidence.sample:
        return
    if len(evidence.sample) != sample_size:
        raise InvalidInput(
            f"the sample lists {len(evidence.sample)} serials, but the sample size is {sample_size}", field="/sample"
        )
    key = evidence.key
    registered = next(events(workspace.reader, "BatchRegistry", "BatchRegistered", bytes(key.batch_id)), None)
    if registered is None:
        raise NotFound(f"batch {key.gtin}/{key.lot} is not registered on this chain", field="/lot")
    digest = registered.args["contentDigest"]
    try:
        serials = BatchContent.from_bytes(workspace.documents.get(digest)).serials
    except DocumentNotFoundError:
        raise NotFound(
            f"the batch document (SHA-256 0x{digest.hex()}) is not in the document store, so the serials of the sample "
            "cannot be checked",
            field="/sample",
            hint=f"copy the producer's document to the folder {workspace.documents.folder}",
        ) from None
    root = registered.args["serialRoot"]
    if (bytes(32) if serials is None else serial_root(serials)) != root:
        raise IntegrityError(
            "the serials of the batch document do not have the serial root on the chain", field="/sample"
        )
    for index, serial in enumerate(evidence.sample):
        if serials is None or serial not in serials:
            units = "its units have no serials"
            if serials is not None:
                units = f"its serials are {serials.serial(0)} to {serials.serial(len(serials) - 1)}"
            raise InvalidInput(
                f"unit {serial} does not belong to batch {key.gtin}/{key.lot}; {units}", field=f"/sample/{index}"
            )


def _check_window(workspace: Workspace, window: ReadingWindow) -> None:
    """Check that the head that a window names is anchored, and its times if the spool has the same readings."""
    chain = workspace.reader
    hint = "create the window with `chromatrace inspection window`"
    organisation = chain.read(reads.organisation_of_gln(window.organisation))
    if not organisation:
        raise NotFound(f"no organisation has GLN {window.organisation}", field="/readings/organisation", hint=hint)
    try:
        channel = channel_named(chain, window.channel, organisation)
    except NotFound as error:
        raise NotFound(
            f"organisation {window.organisation} has no channel {window.channel!r} on this chain",
            field="/readings/channel",
            hint=hint,
        ) from error
    anchor = find_anchor(chain, channel, window.tree_size)
    if anchor is None:
        raise NotFound(
            f"channel {window.channel!r} has no anchored head of {window.tree_size} readings",
            field="/readings/tree_size",
            hint=hint,
        )
    if anchor.root != window.root:
        raise IntegrityError(
            f"the root is 0x{window.root.hex()}; block {anchor.block_number} has 0x{anchor.root.hex()}",
            field="/readings/root",
            hint=hint,
        )
    if workspace.spool.size(window.channel) < window.tree_size:
        return
    if workspace.proofs.extend(window.channel) >= window.tree_size and (
        workspace.proofs.log(window.channel).root(window.tree_size) == window.root
    ):
        first_ns, last_ns = workspace.spool.time_range(window.channel, window.first_leaf, window.last_leaf + 1)
        for name, expected in (("first_time_ns", first_ns), ("last_time_ns", last_ns)):
            if getattr(window, name) != expected:
                raise InvalidInput(
                    f"{name} is {getattr(window, name)}; the readings have {expected}",
                    field=f"/readings/{name}",
                    hint=hint,
                )
