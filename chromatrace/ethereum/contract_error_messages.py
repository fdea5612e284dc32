"""The contracts' custom errors in plain language: category, message, the field it concerns and what to do.

A test holds this table complete: every error of every ABI has an entry. Placeholders are the error's arguments, as
`contract_errors.render` puts them.
"""

from __future__ import annotations

from typing import NamedTuple

from chromatrace.ethereum.errors import (
    ContractConflict,
    ContractError,
    ContractInvalidInput,
    ContractNotAuthorised,
    ContractNotFound,
)


class Message(NamedTuple):
    """How one custom error is told."""

    category: type[ContractError]
    text: str
    field: str | None = None
    hint: str | None = None


_NO, _CLASH, _BAD, _NONE = ContractNotAuthorised, ContractConflict, ContractInvalidInput, ContractNotFound

MESSAGES: dict[str, Message] = {
    # Consortium
    "UnknownOrganisation": Message(_NONE, "there is no organisation {organisation}", "organisation"),
    "OrganisationInactive": Message(
        _NO, "organisation {organisation} is suspended", "organisation", "the registrar can reinstate it"
    ),
    "OrganisationExpired": Message(
        _NO,
        "organisation {organisation}'s membership ended {validUntil}",
        "organisation",
        "the registrar can extend it",
    ),
    "OrganisationNotSuspended": Message(_CLASH, "organisation {organisation} is not suspended", "organisation"),
    "UnknownOperator": Message(
        _NO,
        "{operator} is no operator of any organisation",
        "operator",
        "an administrator of the organisation can appoint this address",
    ),
    "OperatorInactive": Message(_NO, "operator {operator} has been dismissed", "operator"),
    "OperatorExpired": Message(
        _NO, "operator {operator}'s appointment ended {validUntil}", "operator", "an administrator can renew it"
    ),
    "MissingRole": Message(
        _NO,
        "operator {operator} has the roles {roles}; one of {required} is required",
        "operator",
        "an administrator of its organisation can give the role",
    ),
    "RolesNotPermitted": Message(
        _NO,
        "organisation {organisation} may give the roles {permitted}, not all of {roles}",
        "roles",
        "the registrar can permit more",
    ),
    "UnknownRoles": Message(_BAD, "the role mask {roles} has bits that mean nothing", "roles"),
    "UnknownScopes": Message(_BAD, "the scope mask {scopes} has bits that mean nothing", "scopes"),
    "OperatorOfAnotherOrganisation": Message(
        _CLASH,
        "{operator} already acts for organisation {organisation}",
        "operator",
        "an address acts for one organisation; use another address",
    ),
    "GlnAlreadyRegistered": Message(_CLASH, "GLN {gln} belongs to organisation {organisation} already", "gln"),
    "InvalidGln": Message(_BAD, "{gln} is not a GLN", "gln", "13 digits with a right check digit are needed"),
    "InvalidKind": Message(_BAD, "an organisation needs a kind", "kind"),
    "InvalidOperator": Message(_BAD, "{operator} cannot be an operator", "operator"),
    "ExpiryInThePast": Message(_BAD, "{validUntil} has passed", "valid_until"),
    "NotAdministratorOf": Message(
        _NO,
        "{account} is neither the registrar nor an administrator of organisation {organisation}",
        "signer",
        "use an administrator's key",
    ),
    # BatchRegistry
    "InvalidGtin": Message(_BAD, "{gtin} is not a GTIN-14", "gtin", "14 digits with a right check digit are needed"),
    "InvalidLotLength": Message(_BAD, "a lot has 1 to 20 characters, got {length}", "lot"),
    "InvalidLotCharacter": Message(
        _BAD, "the character {character} at position {position} of the lot is not in GS1 set 82", "lot"
    ),
    "InvalidQuantity": Message(_BAD, "a batch has at least one unit", "quantity"),
    "BatchAlreadyRegistered": Message(
        _CLASH, "batch {batch} exists already", "lot", "a lot exists once; choose another lot number"
    ),
    "UnknownBatch": Message(_NONE, "there is no batch {batch}", "batch", "check GTIN and lot, or register it"),
    "UnusableInput": Message(
        _CLASH,
        "input {input} cannot be used: state {state}, recalled: {recalled}, on hold: {onHold}",
        "inputs",
        "an input is known, not recalled, not on hold, not stopped or scrapped",
    ),
    "InvalidInputQuantity": Message(
        _BAD,
        "{quantity} units of input {input} cannot go in, which has {available}",
        "inputs",
        "at least one unit of each input, and no more than it has",
    ),
    "InputNotHeld": Message(
        _NO,
        "input {input} is held by organisation {custodian}, not by {producer}",
        "inputs",
        "take custody of it first",
    ),
    "WrongState": Message(
        _CLASH,
        "batch {batch} is {state}; this step does not follow",
        "batch",
        "a batch is registered, passes first inspection, is assembled, passes final inspection, is graded, released",
    ),
    "BatchOnHold": Message(_CLASH, "batch {batch} is on hold", "batch", "a supervisor can end the hold"),
    "BatchNotOnHold": Message(_CLASH, "batch {batch} is not on hold", "batch"),
    "BatchIsRecalled": Message(_CLASH, "batch {batch} is recalled, for ever", "batch"),
    "BatchNotRecalled": Message(_CLASH, "batch {batch} is not recalled", "batch", "recall it before its descendants"),
    "NotProducer": Message(
        _NO, "batch {batch} is produced by organisation {producer}; the signer acts for {caller}", "signer"
    ),
    "NotBatchSupervisor": Message(
        _NO,
        "{caller} is no supervisor of the batch's producer or of an authority",
        "signer",
        "use a supervisor's key",
    ),
    "QuantityMismatch": Message(
        _BAD,
        "standard, defective and scrap add up to {sum}, the batch has {quantity} units",
        "quantities",
        "the three add up to the batch's quantity",
    ),
    "VerdictMissing": Message(
        _CLASH, "batch {batch} has no verdict of the {stage} inspection", "batch", "inspect it first"
    ),
    "VerdictFailed": Message(_CLASH, "batch {batch} failed the {stage} inspection", "batch"),
    "NothingToRelease": Message(_CLASH, "batch {batch} has no units for the {channel} channel", "channel"),
    "AlreadyReleased": Message(_CLASH, "batch {batch} is already released to the {channel} channel", "channel"),
    "CommitmentMismatch": Message(
        _BAD,
        "the parts given are not those that batch {batch} was registered with",
        "parts",
        "read them from its event",
    ),
    "NotAnInput": Message(_BAD, "batch {parent} is no input of batch {child}", "children"),
    "DuplicateInput": Message(_BAD, "input {input} is named twice", "inputs"),
    "LengthMismatch": Message(_BAD, "two lists that belong together have different lengths"),
    "RevisionsExhausted": Message(_CLASH, "batch {batch} has had 255 verdicts of its {stage} inspection", "revision"),
    # InspectionLedger
    "InvalidVerdict": Message(_BAD, "a verdict is pass or fail", "verdict"),
    "InvalidInspectionSignature": Message(
        _NO,
        "the signature is not {inspector}'s over this inspection on this chain",
        "signature",
        "sign the inspection as given, for this chain id and this contract",
    ),
    "InspectionExpired": Message(_CLASH, "the signature was valid until {deadline}", "deadline", "sign again"),
    "InspectionInTheFuture": Message(
        _BAD, "the inspection is dated {inspectedAt}, after the chain's time", "inspected_at", "check the clock"
    ),
    "SampleTooSmall": Message(_BAD, "{sampleSize} units were sampled, {required} are needed", "sample_size"),
    "SampleTooLarge": Message(_BAD, "{sampleSize} units were sampled of {quantity}", "sample_size"),
    "TooManyDefects": Message(_BAD, "{defects} defects in a sample of {sampleSize}", "defects"),
    "WrongRevision": Message(
        _CLASH,
        "this is revision {revision}, the next one is {expected}",
        "revision",
        "another verdict came first; read it, then sign anew",
    ),
    "InspectorNotIndependent": Message(
        _NO, "inspector {inspector} belongs to organisation {organisation}, which made the batch", "inspector"
    ),
    # CustodyLedger
    "NotCustodian": Message(
        _NO, "batch {batch} is held by organisation {custodian}; the signer acts for {caller}", "signer"
    ),
    "NotOfferedTo": Message(
        _NO, "batch {batch} is offered to organisation {to}; the signer acts for {caller}", "signer"
    ),
    "NoOffer": Message(_NONE, "batch {batch} is not on offer", "batch"),
    "OfferPending": Message(
        _CLASH, "batch {batch} is already offered to organisation {to}", "batch", "withdraw that offer"
    ),
    "OfferExpired": Message(_CLASH, "the offer of batch {batch} ended {validUntil}", "batch", "ask for a new offer"),
    "NotReleased": Message(_CLASH, "batch {batch} is not released", "batch"),
    "BatchBlocked": Message(_CLASH, "batch {batch} is blocked (on hold: {onHold}, recalled: {recalled})", "batch"),
    "ReceiverInactive": Message(_CLASH, "organisation {to} is unknown, suspended or expired", "to"),
    "SenderInactive": Message(_CLASH, "organisation {from} is suspended or expired", "from"),
    "ReceiverIsCustodian": Message(_CLASH, "organisation {to} holds the batch already", "to"),
    # ProcessLedger
    "ChannelAlreadyOpen": Message(_CLASH, "channel {channel} is open already", "channel"),
    "InvalidChannelName": Message(_BAD, "a channel needs a name of bounded length", "name"),
    "UnknownChannel": Message(_NONE, "there is no channel {channel}", "channel", "open it first"),
    "NotChannelOwner": Message(
        _NO, "channel {channel} belongs to organisation {organisation}; the signer acts for {caller}", "signer"
    ),
    "LogSizeNotIncreased": Message(
        _CLASH,
        "channel {channel} is anchored at {anchoredSize} entries; {size} is not more",
        "size",
        "the log on this side is older than the anchored one, or this head is anchored already",
    ),
    "EmptyRoot": Message(_BAD, "the root of channel {channel} is zero", "root"),
    "InvalidTimeRange": Message(_BAD, "the first time {firstTimeNs} is after the last {lastTimeNs}", "first_time_ns"),
    "DepartmentAlreadyOpen": Message(_CLASH, "department {department} is open already", "department"),
    "InvalidDepartmentName": Message(_BAD, "a department's name has 1 to 64 bytes, got {length}", "department"),
    "UnknownDepartment": Message(_NONE, "there is no department {department}", "department", "open it first"),
    "NotDepartmentOwner": Message(
        _NO, "department {department} belongs to organisation {organisation}; the signer acts for {caller}", "signer"
    ),
    "UnknownDepartmentRights": Message(_BAD, "the rights {rights} have bits that mean nothing", "rights"),
    "InvalidMember": Message(_BAD, "{member} cannot be a member", "member"),
    "MemberOfAnotherOrganisation": Message(
        _BAD,
        "{member} is an operator of organisation {organisation}, not of {owner}: it may be let read, not append",
        "member",
        "appoint it as an operator first",
    ),
    "NotMember": Message(
        _NO,
        "{operator} may {held} in department {department}; {required} is required",
        "signer",
        "an administrator of the organisation can let it in",
    ),
    "InvalidRecordsLength": Message(_BAD, "records have 92 bytes each, got {length}", "records"),
    "EmptyRecordKind": Message(_BAD, "the kind of the records is zero", "kind"),
    "EmptyRecord": Message(_BAD, "record {index} has an id or a digest of zero", "records"),
    # BatchRegistry and RouteVerifier: route proofs
    "RouteNotProven": Message(
        _CLASH, "the route of batch {batch} is not proven", "route", "submit the stations' signatures first"
    ),
    "UnknownStationKey": Message(_NONE, "there is no station key {key}", "key", "register the station's key first"),
    "StationKeyAlreadyRegistered": Message(_CLASH, "station key {key} belongs to organisation {organisation}", "key"),
    "StationKeyAtInfinity": Message(_BAD, "the station's key is the point at infinity", "key"),
    "InvalidProofOfPossession": Message(
        _NO, "the proof of possession of station key {key} is wrong", "possession", "sign it with that key itself"
    ),
    "NotStationKeyOwner": Message(
        _NO, "station key {key} belongs to organisation {owner}; the signer acts for {caller}", "signer"
    ),
    "StationKeyIsUnverified": Message(
        _CLASH,
        "station key {key} was recorded without being checked",
        "key",
        "register it again where it can be checked; on a chain without EIP-2537 `chromatrace route prove "
        "--record-unverified` keeps the signature, checked by nobody",
    ),
    "KeyVerificationAvailable": Message(
        _CLASH, "this chain can check station key {key}: register it instead of recording it", "key"
    ),
    "StationKeyIsRevoked": Message(_CLASH, "station key {key} is revoked since {revokedFrom}", "key"),
    "RevocationInThePast": Message(_BAD, "a revocation cannot begin in the past ({revokedFrom})", "revoked_from"),
    "InvalidRouteName": Message(_BAD, "a route needs a name of bounded length, got {length} bytes", "name"),
    "InvalidProcessName": Message(_BAD, "the process name of step {step} has {length} bytes", "processes"),
    "InvalidRouteKind": Message(_BAD, "a route is of processing or of assembly", "kind"),
    "InvalidStepCount": Message(_BAD, "a route has 1 to {maximum} steps, got {steps}", "steps"),
    "UnknownRoute": Message(_NONE, "there is no route {route}", "route", "design it first"),
    "NotRouteOwner": Message(
        _NO, "route {route} was designed by organisation {owner}; the signer acts for {caller}", "signer"
    ),
    "WrongRouteKind": Message(_CLASH, "route {route} is of kind {kind}", "route"),
    "WrongStepCount": Message(
        _BAD, "{count} step messages are given, expected {expected} for route {route}", "messages"
    ),
    "SignatureAtInfinity": Message(_BAD, "the signature for {subject} is the point at infinity", "signature"),
    "HeadMismatch": Message(
        _BAD,
        "the messages for {subject} lead to {computed}, not to the given head {head}",
        "head",
        "a step message is changed, missing or out of order",
    ),
    "AlreadyProven": Message(_CLASH, "{subject} is proven on route {route} already", "subject"),
    "AlreadyRecorded": Message(_CLASH, "{subject} is recorded on route {route} already", "subject"),
    "InvalidProof": Message(
        _BAD,
        "the signatures for {subject} do not prove route {route}",
        "signature",
        "verify it off chain to learn the first station at which it breaks",
    ),
    "InvalidProofSet": Message(
        _BAD, "at least one of {count} proofs of route {route} is wrong", "proofs", "prove them one by one"
    ),
    "NoProofs": Message(_BAD, "no proofs are given for route {route}", "proofs"),
    "NoComponents": Message(_BAD, "the assembly {subject} names no components", "components"),
    "ComponentNotProven": Message(_CLASH, "component {subject} is not proven on route {route}", "components"),
    "DuplicateComponent": Message(_BAD, "component {subject} of route {route} is named twice", "components"),
    "VerificationAvailable": Message(
        _CLASH, "this chain can verify: {subject} is proven, not merely recorded", "subject", "prove it instead"
    ),
    "PrecompileUnavailable": Message(
        _CLASH,
        "this chain has no BLS12-381 precompile at {precompile} (EIP-2537)",
        "rpc_url",
        "use a Prague chain, or record keys and signatures unverified: `chromatrace route station register "
        "--unverified`, `chromatrace route prove --record-unverified`",
    ),
    "PrecompileCallFailed": Message(_BAD, "a point is malformed: the precompile {precompile} refuses it", "signature"),
    "InvalidDomainTag": Message(_BAD, "a domain tag of {size} bytes is too long"),
    "WriteFailed": Message(_CLASH, "{size} bytes could not be stored as code"),
    # QualityConsensus
    "VerdictByConsensusOnly": Message(
        _CLASH, "verdicts of stage {stage} of {batch}'s producer come from consensus alone", "stage", "open a round"
    ),
    "InvalidRule": Message(
        _BAD, "the rule cannot work: {field}", "rule", "docs/consensus.md says what each field may be"
    ),
    "NoRule": Message(
        _CLASH, "organisation {panel} has no rule for its rounds", "panel", "an administrator can set it"
    ),
    "CapabilityOutOfRange": Message(_BAD, "a capability has at most 10,000 (1/10,000), got {capability}", "capability"),
    "AlreadyEnrolled": Message(_CLASH, "{account} is inspector {inspector} of this panel already", "account"),
    "PanelFull": Message(_CLASH, "panel {panel} has its 255 inspectors", "panel"),
    "UnknownInspector": Message(_NONE, "panel {panel} has no active inspector {inspector}", "inspector"),
    "InspectorUnavailable": Message(
        _CLASH, "inspector {inspector} sits in another round, or is retired", "inspector", "try when its round is over"
    ),
    "BatchOfAnotherOrganisation": Message(
        _NO, "{subject} was made by organisation {producer}, not by {panel}", "subject"
    ),
    "InspectorNotExternal": Message(
        _NO, "inspector {inspector} is the producer's own; the policy asks for independence", "inspector"
    ),
    "RoundInProgress": Message(_CLASH, "lane {lane} already has a round in progress", "lane", "choose another lane"),
    "WrongPhase": Message(_CLASH, "the round in lane {lane} does not allow this now (phase {phase})", "lane"),
    "DrawTooEarly": Message(_CLASH, "the inspectors are drawn by block {drawBlock}, which is not there yet", "lane"),
    "NotEnoughInspectors": Message(
        _CLASH, "{required} inspectors are needed in lane {lane}; {available} are available", "lane", "try again later"
    ),
    "DeadlinePassed": Message(
        _CLASH, "the time for this in lane {lane} ended at {deadline}", "lane", "close the round"
    ),
    "NotOverdue": Message(_CLASH, "the round in lane {lane} has time until {deadline}", "lane"),
    "UnknownSeat": Message(_NONE, "the round in lane {lane} has no seat {seat}", "seat"),
    "AlreadyAnswered": Message(_CLASH, "seat {seat} in lane {lane} has answered already", "seat"),
    "NotCommitted": Message(_CLASH, "seat {seat} in lane {lane} has committed to no answer", "seat"),
    "NotDrawnInspector": Message(
        _NO, "seat {seat} in lane {lane} is another's, or the message is changed: signed by {signer}", "signer"
    ),
    "InspectorNotAuthorised": Message(_NO, "{account} may not inspect for any organisation now", "account"),
    "NotAllCommitted": Message(
        _CLASH, "{missing} seats in lane {lane} have not committed yet: nobody reveals before", "lane"
    ),
    "UnknownState": Message(_BAD, "the rule has no state {state}", "state"),
    "AnswerMismatch": Message(_BAD, "seat {seat} in lane {lane} has committed to another answer", "answer"),
    "NoPendingVerdict": Message(_NONE, "no verdict of stage {stage} of {batch} waits to be delivered", "batch"),
    "InsufficientGas": Message(_BAD, "the verdict needs {required} gas", "gas"),
    # OpenZeppelin
    "AccessControlUnauthorizedAccount": Message(_NO, "{account} lacks the role {neededRole}", "signer"),
    "AccessControlBadConfirmation": Message(_NO, "a role is renounced only by its holder", "signer"),
    "AccessControlEnforcedDefaultAdminRules": Message(
        _CLASH, "the top administrator changes only by the two-step, delayed transfer"
    ),
    "AccessControlEnforcedDefaultAdminDelay": Message(_CLASH, "the transfer may be accepted only after {schedule}"),
    "AccessControlInvalidDefaultAdmin": Message(_BAD, "{defaultAdmin} cannot be the top administrator"),
    "InvalidAccountNonce": Message(
        _CLASH,
        "the signature's nonce is used; {currentNonce} is the next of {account}",
        "nonce",
        "the inspection is recorded already, or sign it again with the next nonce",
    ),
    "SafeCastOverflowedUintDowncast": Message(_BAD, "{value} does not fit into {bits} bits"),
    "InvalidShortString": Message(_BAD, "a text is not as it was stored"),
    "StringTooLong": Message(_BAD, "the text {str} is too long"),
    "StringsInsufficientHexLength": Message(_BAD, "{value} does not fit into {length} bytes"),
    "ECDSAInvalidSignature": Message(_BAD, "the signature is malformed", "signature"),
    "ECDSAInvalidSignatureLength": Message(_BAD, "a signature has 65 bytes, got {length}", "signature"),
    "ECDSAInvalidSignatureS": Message(_BAD, "the signature's s is in the upper half of the order", "signature"),
    "ReentrancyGuardReentrantCall": Message(_CLASH, "the contract was called again from within its own call"),
}
