"""Test the relations of a registration and a verdict: licence, own inspector, authority, accreditation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import FOREVER, OrganisationKind
from chromatrace.exchange.events import ProvenEvent
from chromatrace.exchange.findings import FindingStatus
from chromatrace.exchange.relation_check import check_accreditation, check_licence

KEY = BatchKey.parse("09521234543213", "L1")
GTIN, PRODUCER, BODY, RIVAL = int(KEY.gtin), 1, 2, 3
BLOCK = 10
"""Block of the registration and of the inspection."""


def event(block, name, **args):
    return ProvenEvent("", name, args, (block, 0, 0))


def licensed(block, prefix="952123454", organisation=PRODUCER, name="PrefixLicensed"):
    return event(block, name, organisation=organisation, prefix=int(prefix), digits=len(prefix))


def accredited(block=5, accreditor=PRODUCER, body=BODY, gtin=0, stages=3, until=FOREVER):
    return event(block, "Accredited", accreditor=accreditor, body=body, gtin=gtin, stages=stages, validUntil=until)


def proven(*events):
    registered = event(BLOCK, "BatchRegistered", producer=PRODUCER, gtin=GTIN)
    return SimpleNamespace(
        events=sorted(events, key=lambda each: each.position),
        bundle=SimpleNamespace(key=KEY),
        registered=lambda: registered,
        header=lambda number: SimpleNamespace(timestamp=1_000 * number),
    )


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([licensed(3)], FindingStatus.HOLDS),
        ([licensed(3, "952123454321")], FindingStatus.HOLDS),
        ([licensed(3), licensed(4, name="PrefixLicenceWithdrawn"), licensed(5)], FindingStatus.HOLDS),
        ([licensed(3), licensed(11, name="PrefixLicenceWithdrawn")], FindingStatus.HOLDS),
        ([licensed(3), licensed(4, name="PrefixLicenceWithdrawn")], FindingStatus.UNCHECKED),
        ([licensed(11)], FindingStatus.UNCHECKED),
        ([licensed(3, organisation=RIVAL)], FindingStatus.UNCHECKED),
        ([licensed(3, "9521234544")], FindingStatus.UNCHECKED),
        ([], FindingStatus.UNCHECKED),
    ],
)
def test_the_licence_in_force_at_the_registration_counts(events, status):
    history = proven(*events)
    assert check_licence(history, history.registered()).status is status


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([accredited()], "accredited by the producer in block 5"),
        ([accredited(gtin=GTIN, stages=1)], "accredited by the producer in block 5"),
        ([accredited(accreditor=0, gtin=GTIN)], "accredited by the registrar in block 5"),
        ([accredited(until=1_000 * BLOCK)], "accredited by the producer"),
        ([event(2, "OrganisationRegistered", organisation=BODY, kind=OrganisationKind.AUTHORITY)], "an authority"),
    ],
)
def test_a_relation_of_the_inspector_is_found(events, text):
    finding = check_accreditation(proven(*events), event(BLOCK, "InspectionRecorded", organisation=BODY, stage=0))
    assert finding.status is FindingStatus.HOLDS
    assert text in finding.text


def test_an_inspector_of_the_producer_needs_no_accreditation():
    inspection = event(BLOCK, "InspectionRecorded", organisation=PRODUCER, stage=0)
    assert check_accreditation(proven(), inspection).status is FindingStatus.HOLDS


@pytest.mark.parametrize(
    "events",
    [
        [],
        [accredited(stages=2)],
        [accredited(block=BLOCK + 1)],
        [accredited(), accredited(block=6, stages=0, until=0)],
        [accredited(until=1_000 * BLOCK - 1)],
        [accredited(accreditor=RIVAL)],
        [accredited(accreditor=0)],
        [accredited(body=RIVAL)],
        [event(2, "OrganisationRegistered", organisation=BODY, kind=OrganisationKind.LABORATORY)],
    ],
)
def test_a_missing_relation_is_not_checked(events):
    finding = check_accreditation(proven(*events), event(BLOCK, "InspectionRecorded", organisation=BODY, stage=0))
    assert finding.status is FindingStatus.UNCHECKED
