"""Check the relations that a registration and a verdict need: licence of the GTIN, accreditation of the inspector.

The contracts checked both when they accepted the registration and the verdict. A bundle with the events shows them.
"""

from __future__ import annotations

from chromatrace.domain.identifiers import CompanyPrefix
from chromatrace.domain.rights import OrganisationKind, Stage
from chromatrace.exchange.events import ProvenEvent
from chromatrace.exchange.findings import VerificationFinding, holds, unchecked
from chromatrace.exchange.proven import ProvenHistory


def check_licence(proven: ProvenHistory, registered: ProvenEvent) -> VerificationFinding:
    """Check that the GTIN was licensed to the producer when the batch was registered."""
    latest: dict[CompanyPrefix, ProvenEvent] = {}
    for event in proven.events:
        if event.name not in ("PrefixLicensed", "PrefixLicenceWithdrawn") or event.position > registered.position:
            continue
        if event.args["organisation"] == registered.args["producer"]:
            latest[CompanyPrefix.from_number(event.args["prefix"], event.args["digits"])] = event
    for prefix, event in latest.items():
        if event.name == "PrefixLicensed" and prefix.covers(proven.bundle.key.gtin):
            return holds(f"company prefix {prefix} was licensed to the producer in block {event.block}")
    return unchecked("the licence of the GTIN is not in the bundle")


def check_accreditation(proven: ProvenHistory, inspection: ProvenEvent) -> VerificationFinding:
    """Check the relation of the inspector's organisation to the batch when the verdict was recorded."""
    args, registered = inspection.args, proven.registered()
    body, producer, gtin = args["organisation"], registered.args["producer"], registered.args["gtin"]
    if body == producer:
        return holds("the inspector belongs to the producer, which counts in the first stage")
    latest: dict[tuple[int, int], ProvenEvent] = {}
    for event in proven.events:
        if event.position >= inspection.position or event.args.get("body", event.args.get("organisation")) != body:
            continue
        if event.name == "OrganisationRegistered" and event.args["kind"] == OrganisationKind.AUTHORITY:
            return holds("the inspector belongs to an authority")
        if event.name == "Accredited":
            latest[event.args["accreditor"], event.args["gtin"]] = event
    time = proven.header(inspection.block).timestamp
    for accreditor, line in ((producer, 0), (producer, gtin), (0, gtin)):
        given = latest.get((accreditor, line))
        if given is not None and _covers(given, Stage(args["stage"]), time):
            by = "the producer" if accreditor else "the registrar"
            return holds(f"accredited by {by} in block {given.block}")
    return unchecked("the inspector's accreditation is not in the bundle; a verdict of a consensus round needs none")


def _covers(accredited: ProvenEvent, stage: Stage, time: int) -> bool:
    return bool(accredited.args["stages"] >> stage & 1) and time <= accredited.args["validUntil"]
