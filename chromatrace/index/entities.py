"""The entity that each event changes, and how many topics after the first make its key.

The rows of an entity are a function of its own events, in order, and of nothing else. Undoing a block therefore deletes
its events and projects the affected entities again, and a rebuild gives the same rows as following.
"""

from __future__ import annotations

ORGANISATION, OPERATOR, GRANT = "organisation", "operator", "grant"
LICENCE, ACCREDITATION = "licence", "accredited"
CHANNEL, BATCH, OTHER = "channel", "batch", ""
DEPARTMENT, RECORDS = "department", "records"
PANEL, ROUND = "panel", "round"
STATION_KEY, ROUTE, ROUTE_PROOF = "station key", "route", "route proof"

EVENT_ENTITIES: dict[tuple[str, str], tuple[str, int]] = {
    ("Consortium", "OrganisationRegistered"): (ORGANISATION, 1),
    ("Consortium", "OrganisationChanged"): (ORGANISATION, 1),
    ("Consortium", "OrganisationSuspended"): (ORGANISATION, 1),
    ("Consortium", "OrganisationReinstated"): (ORGANISATION, 1),
    ("Consortium", "OperatorAppointed"): (OPERATOR, 1),
    ("Consortium", "OperatorDismissed"): (OPERATOR, 1),
    ("Consortium", "ReadScopesGranted"): (GRANT, 3),
    ("Consortium", "PrefixLicensed"): (LICENCE, 3),
    ("Consortium", "PrefixLicenceWithdrawn"): (LICENCE, 3),
    ("BatchRegistry", "BatchRegistered"): (BATCH, 1),
    ("BatchRegistry", "VerdictApplied"): (BATCH, 1),
    ("BatchRegistry", "BatchRecycled"): (BATCH, 1),
    ("BatchRegistry", "BatchAssembled"): (BATCH, 1),
    ("BatchRegistry", "BatchGraded"): (BATCH, 1),
    ("BatchRegistry", "BatchReleased"): (BATCH, 1),
    ("BatchRegistry", "BatchHeld"): (BATCH, 1),
    ("BatchRegistry", "BatchHoldReleased"): (BATCH, 1),
    ("BatchRegistry", "BatchRecalled"): (BATCH, 1),
    ("BatchRegistry", "SupplierNoticeGiven"): (BATCH, 1),
    ("BatchRegistry", "RecallSkipped"): (BATCH, 1),
    ("BatchRegistry", "RegistrationSkipped"): (BATCH, 1),
    ("BatchRegistry", "CustodyTransferred"): (BATCH, 1),
    ("InspectionLedger", "InspectionRecorded"): (BATCH, 1),
    ("InspectionLedger", "Accredited"): (ACCREDITATION, 3),
    ("InspectionLedger", "ConsensusRequired"): (PANEL, 1),
    ("QualityConsensus", "RuleSet"): (PANEL, 1),
    ("QualityConsensus", "InspectorEnrolled"): (PANEL, 1),
    ("QualityConsensus", "InspectorRetired"): (PANEL, 1),
    ("QualityConsensus", "InstrumentChanged"): (PANEL, 1),
    ("QualityConsensus", "RoundOpened"): (ROUND, 1),
    ("QualityConsensus", "SeatsDrawn"): (ROUND, 1),
    ("QualityConsensus", "AnswersCommitted"): (ROUND, 1),
    ("QualityConsensus", "AnswerRevealed"): (ROUND, 1),
    ("QualityConsensus", "SeatStalled"): (ROUND, 1),
    ("QualityConsensus", "MoreSeatsRequested"): (ROUND, 1),
    ("QualityConsensus", "RoundDecided"): (ROUND, 1),
    ("QualityConsensus", "RoundLapsed"): (ROUND, 1),
    ("QualityConsensus", "VerdictRejected"): (ROUND, 1),
    ("CustodyLedger", "CustodyOffered"): (BATCH, 1),
    ("CustodyLedger", "CustodyAccepted"): (BATCH, 1),
    ("CustodyLedger", "CustodyRejected"): (BATCH, 1),
    ("CustodyLedger", "CustodyOfferWithdrawn"): (BATCH, 1),
    ("CustodyLedger", "CustodyReturnOrdered"): (BATCH, 1),
    ("ProcessLedger", "ChannelOpened"): (CHANNEL, 1),
    ("ProcessLedger", "ChannelSucceeded"): (CHANNEL, 1),
    ("ProcessLedger", "LogAnchored"): (CHANNEL, 1),
    ("ProcessLedger", "DepartmentOpened"): (DEPARTMENT, 1),
    ("ProcessLedger", "RecordsAppended"): (RECORDS, 2),
    ("RouteVerifier", "StationKeyRegistered"): (STATION_KEY, 1),
    ("RouteVerifier", "StationKeyUnverified"): (STATION_KEY, 1),
    ("RouteVerifier", "StationKeyVerified"): (STATION_KEY, 1),
    ("RouteVerifier", "StationKeyRevoked"): (STATION_KEY, 1),
    ("RouteVerifier", "RouteDesigned"): (ROUTE, 1),
    ("RouteVerifier", "RouteProven"): (ROUTE_PROOF, 2),
    ("RouteVerifier", "AssemblyProven"): (ROUTE_PROOF, 2),
    ("RouteVerifier", "RouteRecordedUnverified"): (ROUTE_PROOF, 2),
}
"""(contract, event) -> (entity, number of topics after the first that form its key)"""
