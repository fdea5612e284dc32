"""Check the readings of a bundle: each must be under an anchored root and in a window that an inspection names."""

from __future__ import annotations

from collections.abc import Iterator

from chromatrace.documents.content import InspectionEvidence, ReadingWindow
from chromatrace.domain.errors import ChromaTraceError, IntegrityError
from chromatrace.domain.reading import GOOD
from chromatrace.exchange.bundle import CitedReading
from chromatrace.exchange.findings import VerificationFinding, fails, holds, unchecked, warning
from chromatrace.exchange.proven import ProvenHistory, channel_id, utc
from chromatrace.merkle.entry import decode_reading
from chromatrace.merkle.proofs import leaf_hash, verify_inclusion


def check_window(proven: ProvenHistory, window: ReadingWindow) -> VerificationFinding:
    """Check that the head that a window names was anchored in that channel."""
    size = window.last_leaf - window.first_leaf + 1
    text = f"{size:,} readings of channel {window.channel!r} were taken during production"
    channel = _channel(proven, window)
    if channel is None:
        return unchecked(f"{text}; the organisation of the channel is not in the bundle")
    event = proven.anchor(channel, window.tree_size)
    if event is None:
        return unchecked(f"{text}; their anchor is not in the bundle")
    if event.args["root"] != window.root:
        raise IntegrityError(f"the evidence names another root than was anchored in block {event.block}")
    return holds(f"{text}, anchored in {proven.when(event.block)}")


def check_readings(proven: ProvenHistory) -> VerificationFinding:
    """Return a finding with one part for each cited reading."""
    cited = proven.bundle.readings
    if not cited:
        return unchecked("the bundle contains no readings")
    windows = list(_windows(proven))
    complete = all(proven.document(event.args["evidence"]) is not None for event in proven.inspections())
    finding = holds(f"{len(cited)} of the readings taken during production")
    for reading in cited:
        try:
            finding.parts.append(_reading(proven, reading, windows, complete))
        except ChromaTraceError as error:
            finding.parts.append(fails(str(error)))
    return finding


def _reading(
    proven: ProvenHistory, cited: CitedReading, windows: list[tuple[bytes, ReadingWindow]], complete: bool
) -> VerificationFinding:
    reading = decode_reading(cited.entry)
    event = proven.anchor(cited.channel, cited.size)
    if event is None:
        raise IntegrityError(f"{reading.tag}: the anchor of {cited.size} leaves is not in the bundle", field="readings")
    verify_inclusion(leaf_hash(cited.entry), cited.index, cited.size, cited.path, event.args["root"])
    when = utc(reading.source_time_ns / 1e9)
    value = f"{reading.value:g}" if isinstance(reading.value, float) else repr(reading.value)
    text = f"{reading.tag} = {value} {reading.unit} at {when} from {reading.source}, leaf {cited.index}"
    window = next((window for channel, window in windows if _covers(channel, window, cited)), None)
    if window is None and complete:
        raise IntegrityError(f"{text}: not in any window that an inspection of this batch names", field="readings")
    if window is None:
        return unchecked(f"{text}: anchored, but the bundle does not show that it belongs to this batch")
    if not window.first_time_ns <= reading.source_time_ns <= window.last_time_ns:
        return warning(f"{text}: OUTSIDE the time range of the evidence")
    if reading.quality != GOOD:
        return warning(f"{text}: reported with OPC UA status 0x{reading.quality:08x}")
    return holds(text)


def _covers(channel: bytes, window: ReadingWindow, cited: CitedReading) -> bool:
    same_log = (channel, window.tree_size) == (cited.channel, cited.size)
    return same_log and window.first_leaf <= cited.index <= window.last_leaf


def _windows(proven: ProvenHistory) -> Iterator[tuple[bytes, ReadingWindow]]:
    """Yield the windows that the batch's inspections name, with their channel ids."""
    for event in proven.inspections():
        document = proven.document(event.args["evidence"])
        window = None if document is None else InspectionEvidence.from_bytes(document).readings
        channel = None if window is None else _channel(proven, window)
        anchor = None if window is None or channel is None else proven.anchor(channel, window.tree_size)
        if window is not None and anchor is not None:
            yield anchor.args["channel"], window


def _channel(proven: ProvenHistory, window: ReadingWindow) -> bytes | None:
    organisation = proven.organisation_of(int(window.organisation))
    return None if organisation is None else channel_id(organisation, window.channel)
