"""Messages of the contracts' custom errors: category, text, the field concerned and a hint.

Placeholders are the error's arguments, as `contract_error_arguments.render` formats them. A test checks that every
error of every ABI has a message.
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
    """The message of one custom error."""

    category: type[ContractError]
    text: str
    field: str | None = None
    hint: str | None = None


_DENIED, _CONFLICT, _INVALID, _MISSING = ContractNotAuthorised, ContractConflict, ContractInvalidInput, ContractNotFound

MESSAGES: dict[str, Message] = {
    # Consortium
    "UnknownOrganisation": Message(_MISSING, "organisation {organisation} does not exist", "organisation"),
    "OrganisationInactive": Message(
        _DENIED, "organisation {organisation} is suspended", "organisation", "ask the registrar to reinstate it"
    ),
    "OrganisationExpired": Message(
        _DENIED,
        "the membership of organisation {organisation} ended at {validUntil}",
        "organisation",
        "ask the registrar to extend it",
    ),
    "OrganisationNotSuspended": Message(_CONFLICT, "organisation {organisation} is not suspended", "organisation"),
    "UnknownOperator": Message(
        _DENIED,
        "{operator} is not an operator of any organisation",
        "operator",
        "ask an administrator of the organisation to appoint this address",
    ),
    "OperatorInactive": Message(
        _DENIED, "operator {operator} was dismissed", "operator", "ask an administrator to appoint it again"
    ),
    "OperatorExpired": Message(
        _DENIED,
        "the appointment of operator {operator} ended at {validUntil}",
        "operator",
        "ask an administrator to renew it",
    ),
    "MissingRole": Message(
        _DENIED,
        "operator {operator} has the roles {roles}; one of {required} is required",
        "operator",
        "ask an administrator of its organisation for the role",
    ),
    "RolesNotPermitted": Message(
        _DENIED,
        "organisation {organisation} may assign the roles {permitted}, not {roles}",
        "roles",
        "ask the registrar to permit more roles",
    ),
    "UnknownRoles": Message(_INVALID, "the role mask {roles} has undefined bits", "roles"),
    "UnknownScopes": Message(_INVALID, "the scope mask {scopes} has undefined bits", "scopes"),
    "OperatorOfAnotherOrganisation": Message(
        _CONFLICT,
        "{operator} already acts for organisation {organisation}",
        "operator",
        "use another address; an address acts for one organisation",
    ),
    "GlnAlreadyRegistered": Message(_CONFLICT, "GLN {gln} already belongs to organisation {organisation}", "gln"),
    "InvalidGln": Message(_INVALID, "{gln} is not a valid GLN", "gln", "enter 13 digits with a valid check digit"),
    "InvalidKind": Message(_INVALID, "the kind of the organisation is missing", "kind", "give one of the kinds"),
    "InvalidOperator": Message(_INVALID, "address {operator} cannot be an operator", "operator"),
    "ExpiryInThePast": Message(
        _INVALID, "the end of validity {validUntil} is in the past", "valid_until", "give a later time"
    ),
    "NotAdministratorOf": Message(
        _DENIED,
        "{account} is neither the registrar nor an administrator of organisation {organisation}",
        "signer",
        "use an administrator's key",
    ),
    "AdministratorProtected": Message(
        _DENIED,
        "{operator} is an administrator; only the registrar can dismiss it or reduce its appointment",
        "operator",
        "ask the registrar",
    ),
    "InvalidPrefix": Message(
        _INVALID, "{prefix} is not a company prefix of {digits} digits", "prefix", "enter 4 to 12 digits"
    ),
    "PrefixOverlaps": Message(
        _CONFLICT,
        "prefix {prefix} of {digits} digits overlaps a licence (organisation {licensee})",
        "prefix",
        "withdraw that licence first; organisation 0 means that a longer prefix is licensed",
    ),
    "PrefixNotLicensed": Message(_MISSING, "prefix {prefix} of {digits} digits is not licensed", "prefix"),
    "GtinNotLicensed": Message(
        _DENIED,
        "GTIN {gtin} is not licensed to organisation {organisation}",
        "gtin",
        "ask the registrar to license the company prefix",
    ),
    # BatchRegistry
    "InvalidGtin": Message(
        _INVALID, "{gtin} is not a valid GTIN-14", "gtin", "enter 14 digits with a valid check digit"
    ),
    "InvalidLotLength": Message(_INVALID, "the lot has {length} characters; it must have 1 to 20", "lot"),
    "InvalidLotCharacter": Message(
        _INVALID, "character {character} at position {position} of the lot is not in GS1 character set 82", "lot"
    ),
    "InvalidQuantity": Message(_INVALID, "quantity is 0; it must be at least 1", "quantity"),
    "BatchAlreadyRegistered": Message(_CONFLICT, "batch {batch} already exists", "lot", "choose another lot number"),
    "UnknownBatch": Message(
        _MISSING, "batch {batch} does not exist", "batch", "check GTIN and lot, or register the batch"
    ),
    "UnusableInput": Message(
        _CONFLICT,
        "input {input} cannot be used: state {state}, recalled: {recalled}, on hold: {onHold}",
        "inputs",
        "inputs must not be recalled, on hold, stopped or scrapped",
    ),
    "InvalidInputQuantity": Message(
        _INVALID,
        "{quantity} units of input {input} are requested; it has {available} left",
        "inputs",
        "use at least 1 unit, and at most what is neither used nor scrap",
    ),
    "InputNotHeld": Message(
        _DENIED,
        "input {input} is held by organisation {custodian}, not by {producer}",
        "inputs",
        "accept custody of it first",
    ),
    "WrongState": Message(
        _CONFLICT,
        "this step is not valid in state {state} of batch {batch}",
        "batch",
        "the order is: register, first inspection, assemble, final inspection, grade, release",
    ),
    "BatchOnHold": Message(_CONFLICT, "batch {batch} is on hold", "batch", "ask a supervisor to end the hold"),
    "HoldAlreadySet": Message(_CONFLICT, "batch {batch} already has the {kind} hold", "batch"),
    "HoldNotSet": Message(_CONFLICT, "batch {batch} has no {kind} hold", "kind"),
    "HoldOutranks": Message(
        _DENIED,
        "the producer cannot end the {kind} hold of batch {batch}",
        "kind",
        "a hold after a failed inspection ends with a passing verdict; an authority can end every hold",
    ),
    "NotHeldByProducer": Message(
        _CONFLICT, "batch {batch} is held by organisation {custodian}, not by its producer", "batch"
    ),
    "UsedUnitsScrapped": Message(
        _INVALID,
        "{used} units of batch {batch} were used as input; only {graded} are not scrap",
        "scrap",
        "grade units as scrap that were not used",
    ),
    "BatchIsRecalled": Message(_CONFLICT, "batch {batch} is recalled", "batch"),
    "BatchNotRecalled": Message(
        _CONFLICT, "batch {batch} is not recalled", "batch", "recall it before its descendants"
    ),
    "NotProducer": Message(
        _DENIED, "batch {batch} is produced by organisation {producer}; the signer acts for {caller}", "signer"
    ),
    "NotBatchSupervisor": Message(
        _DENIED,
        "{caller} is not a supervisor of the batch's producer or of an authority",
        "signer",
        "use a supervisor's key",
    ),
    "QuantityMismatch": Message(
        _INVALID,
        "standard, defective and scrap add up to {sum}; the batch has {quantity} units",
        "quantities",
        "enter three quantities that add up to the batch's quantity",
    ),
    "VerdictMissing": Message(
        _CONFLICT, "batch {batch} has no verdict of {stage} inspection", "batch", "inspect it first"
    ),
    "VerdictFailed": Message(_CONFLICT, "batch {batch} failed {stage} inspection", "batch"),
    "NothingToRelease": Message(_CONFLICT, "batch {batch} has no units for the {channel} sales channel", "channel"),
    "AlreadyReleased": Message(
        _CONFLICT, "batch {batch} is already released to the {channel} sales channel", "channel"
    ),
    "CommitmentMismatch": Message(
        _INVALID,
        "the parts differ from the registration of batch {batch}",
        "parts",
        "read them from its BatchRegistered event",
    ),
    "NotAnInput": Message(_INVALID, "batch {parent} is not an input of batch {child}", "children"),
    "DuplicateInput": Message(_INVALID, "duplicate input {input}", "inputs"),
    "LengthMismatch": Message(_INVALID, "two lists of arguments have different lengths: {first} and {second}"),
    # InspectionLedger
    "InvalidVerdict": Message(_INVALID, "the verdict must be pass or fail", "verdict"),
    "InvalidInspectionSignature": Message(
        _DENIED,
        "the signature is not a signature of {inspector} for this inspection on this chain",
        "signature",
        "sign the same inspection for this chain id and contract",
    ),
    "InspectionExpired": Message(_CONFLICT, "the signature expired at {deadline}", "deadline", "sign again"),
    "InspectionInTheFuture": Message(
        _INVALID, "the inspection time {inspectedAt} is later than the chain's time", "inspected_at", "check the clock"
    ),
    "InspectionTooOld": Message(
        _INVALID, "the inspection time {inspectedAt} is more than ten years ago", "inspected_at", "check the time"
    ),
    "FinalStageIsIndependent": Message(
        _INVALID, "final inspection always rejects inspectors of the producer", "independent"
    ),
    "UnknownStages": Message(_INVALID, "the mask of stages {stages} has undefined bits", "stages"),
    "NotAccredited": Message(
        _DENIED,
        "organisation {body} is not accredited for {stage} inspection of product {gtin} of organisation {producer}",
        "inspector",
        "the producer accredits it with `chromatrace org accredit`, or the registrar for the product line",
    ),
    "SampleTooSmall": Message(
        _INVALID, "the sample size is {sampleSize}; it must be at least {required}", "sample_size", "measure more units"
    ),
    "SampleTooLarge": Message(
        _INVALID, "the sample size is {sampleSize}; the batch has {quantity} units", "sample_size"
    ),
    "TooManyDefects": Message(
        _INVALID, "the number of defects is {defects}; the sample size is {sampleSize}", "defects"
    ),
    "WrongRevision": Message(
        _CONFLICT,
        "expected revision {expected}, got {revision}",
        "revision",
        "another verdict was recorded first; read it, then sign again",
    ),
    "InspectorNotIndependent": Message(
        _DENIED, "inspector {inspector} belongs to organisation {organisation}, the producer of the batch", "inspector"
    ),
    # CustodyLedger
    "NotCustodian": Message(
        _DENIED, "batch {batch} is held by organisation {custodian}; the signer acts for {caller}", "signer"
    ),
    "NotOfferedTo": Message(
        _DENIED, "batch {batch} is offered to organisation {to}; the signer acts for {caller}", "signer"
    ),
    "NoOffer": Message(_MISSING, "batch {batch} is not offered", "batch"),
    "OfferPending": Message(
        _CONFLICT, "batch {batch} is already offered to organisation {to}", "batch", "withdraw that offer first"
    ),
    "OfferExpired": Message(
        _CONFLICT, "the offer of batch {batch} expired at {validUntil}", "batch", "ask for a new offer"
    ),
    "NotReleased": Message(_CONFLICT, "batch {batch} is not released", "batch", "release it first"),
    "BatchBlocked": Message(_CONFLICT, "batch {batch} is blocked (on hold: {onHold}, recalled: {recalled})", "batch"),
    "UnreleasedUnits": Message(
        _CONFLICT,
        "batch {batch} has units for the {channel} sales channel that are not released",
        "batch",
        "release them first; a batch moves as a whole",
    ),
    "AllUnitsUsed": Message(_CONFLICT, "all units of batch {batch} were used as input", "batch"),
    "ReturnNotPermitted": Message(
        _DENIED, "organisation {caller} is neither the producer of batch {batch} nor an authority", "signer"
    ),
    "CustodianActive": Message(
        _CONFLICT,
        "organisation {custodian}, which holds batch {batch}, is active",
        "batch",
        "ask it to offer the batch; an authority can order a recalled batch back",
    ),
    "ReceiverInactive": Message(_CONFLICT, "organisation {to} is unknown, suspended or expired", "to"),
    "SenderInactive": Message(_CONFLICT, "organisation {from} is suspended or expired", "from"),
    "ReceiverIsCustodian": Message(_CONFLICT, "organisation {to} already holds the batch", "to"),
    # ProcessLedger
    "ChannelAlreadyOpen": Message(_CONFLICT, "channel {channel} is already open", "channel"),
    "InvalidChannelName": Message(_INVALID, "the channel name has {length} bytes; it must have 1 to 64", "name"),
    "UnknownChannel": Message(_MISSING, "channel {channel} does not exist", "channel", "open it first"),
    "NotChannelOwner": Message(
        _DENIED, "channel {channel} belongs to organisation {organisation}; the signer acts for {caller}", "signer"
    ),
    "LogSizeNotIncreased": Message(
        _CONFLICT,
        "channel {channel} is anchored at {anchoredSize} entries; {size} is not larger",
        "size",
        "this tree head is already anchored, or the local log is older than the anchored log",
    ),
    "StepTooLarge": Message(
        _INVALID, "an anchor adds at most {maximum} entries; this one adds {step} to channel {channel}", "size"
    ),
    "ChannelClosed": Message(
        _CONFLICT,
        "channel {channel} is closed; its successor is {successor}",
        "channel",
        "anchor in the successor",
    ),
    "EmptyRoot": Message(_INVALID, "the root of channel {channel} is zero", "root"),
    "InvalidTimeRange": Message(
        _INVALID, "the first time {firstTimeNs} is later than the last time {lastTimeNs}", "first_time_ns"
    ),
    "DepartmentAlreadyOpen": Message(_CONFLICT, "department {department} is already open", "department"),
    "InvalidDepartmentName": Message(
        _INVALID, "the department name has {length} bytes; it must have 1 to 64", "department"
    ),
    "UnknownDepartment": Message(_MISSING, "department {department} does not exist", "department", "open it first"),
    "NotDepartmentOwner": Message(
        _DENIED,
        "department {department} belongs to organisation {organisation}; the signer acts for {caller}",
        "signer",
    ),
    "UnknownDepartmentRights": Message(_INVALID, "the rights mask {rights} has undefined bits", "rights"),
    "InvalidMember": Message(_INVALID, "address {member} cannot be a member", "member"),
    "MemberOfAnotherOrganisation": Message(
        _INVALID,
        "{member} is an operator of organisation {organisation}, not of {owner}; it may read, but not append",
        "member",
        "appoint it as an operator of the department's organisation first",
    ),
    "MemberNotAppointed": Message(
        _INVALID, "{member} is not an operator; rights belong to an appointment", "member", "appoint it first"
    ),
    "NotMember": Message(
        _DENIED,
        "{operator} has the rights {held} in department {department}; {required} is required",
        "signer",
        "ask an administrator of the organisation for the right",
    ),
    "InvalidRecordsLength": Message(_INVALID, "the records have {length} bytes; each must have 92", "records"),
    "EmptyRecordKind": Message(_INVALID, "the kind of the records is zero", "kind"),
    "EmptyRecord": Message(_INVALID, "record {index} has an id or a digest of zero", "records"),
    # BatchRegistry and RouteVerifier: route proofs
    "RouteNotProven": Message(
        _CONFLICT, "the route of batch {batch} is not proven", "route", "submit the stations' signatures first"
    ),
    "UnknownStationKey": Message(_MISSING, "station key {key} is not registered", "key", "register it first"),
    "StationKeyAlreadyRegistered": Message(
        _CONFLICT, "station key {key} already belongs to organisation {organisation}", "key"
    ),
    "StationKeyAtInfinity": Message(_INVALID, "the station's key is the point at infinity", "key"),
    "InvalidProofOfPossession": Message(
        _DENIED, "the proof of possession of station key {key} is invalid", "possession", "sign it with that key"
    ),
    "NotStationKeyOwner": Message(
        _DENIED, "station key {key} belongs to organisation {owner}; the signer acts for {caller}", "signer"
    ),
    "StationKeyIsUnverified": Message(
        _CONFLICT,
        "station key {key} was recorded unverified",
        "key",
        "register it on a chain with EIP-2537; on other chains, record signatures unverified with `chromatrace route "
        "prove --record-unverified`",
    ),
    "KeyVerificationAvailable": Message(
        _CONFLICT, "this chain can verify station key {key}; register it instead of recording it", "key"
    ),
    "StationKeyIsRevoked": Message(_CONFLICT, "station key {key} is revoked from {revokedFrom}", "key"),
    "RevocationInThePast": Message(_INVALID, "a revocation cannot start in the past ({revokedFrom})", "revoked_from"),
    "InvalidRouteName": Message(_INVALID, "the name has {length} bytes; it must have 1 to 64", "name"),
    "InvalidProcessName": Message(
        _INVALID, "the process name of step {step} has {length} bytes; it must have 1 to 64", "processes"
    ),
    "InvalidRouteKind": Message(_INVALID, "the kind of a route must be processing or assembly", "kind"),
    "InvalidStepCount": Message(_INVALID, "the route has {steps} steps; it must have 1 to {maximum}", "steps"),
    "UnknownRoute": Message(_MISSING, "route {route} does not exist", "route", "design it first"),
    "NotRouteOwner": Message(
        _DENIED, "route {route} was designed by organisation {owner}; the signer acts for {caller}", "signer"
    ),
    "WrongRouteKind": Message(_CONFLICT, "route {route} is of kind {kind}", "route"),
    "WrongStepCount": Message(_INVALID, "expected {expected} step messages for route {route}, got {count}", "messages"),
    "SignatureAtInfinity": Message(_INVALID, "the signature for {subject} is the point at infinity", "signature"),
    "HeadMismatch": Message(
        _INVALID,
        "the messages of {subject} result in head {computed}, not in the given head {head}",
        "head",
        "a step message is changed, missing or out of order",
    ),
    "AlreadyProven": Message(_CONFLICT, "{subject} is already proven on route {route}", "subject"),
    "AlreadyRecorded": Message(_CONFLICT, "{subject} is already recorded on route {route}", "subject"),
    "InvalidProof": Message(
        _INVALID,
        "the signatures for {subject} do not prove route {route}",
        "signature",
        "verify it off chain to find the first invalid step",
    ),
    "InvalidProofSet": Message(
        _INVALID, "at least one of {count} proofs of route {route} is invalid", "proofs", "prove them one by one"
    ),
    "NoProofs": Message(_INVALID, "no proofs are given for route {route}", "proofs"),
    "NoComponents": Message(_INVALID, "assembly {subject} has no components", "components"),
    "ComponentNotProven": Message(_CONFLICT, "component {subject} is not proven on route {route}", "components"),
    "DuplicateComponent": Message(_INVALID, "duplicate component {subject} of route {route}", "components"),
    "VerificationAvailable": Message(
        _CONFLICT, "this chain can verify {subject}; it must be proven, not recorded", "subject", "prove it instead"
    ),
    "PrecompileUnavailable": Message(
        _CONFLICT,
        "this chain has no BLS12-381 precompile at {precompile} (EIP-2537)",
        "rpc_url",
        "use a chain with the Prague rules, or record keys and signatures unverified: `chromatrace route station "
        "register --unverified` and `chromatrace route prove --record-unverified`",
    ),
    "PrecompileCallFailed": Message(_INVALID, "a point is malformed: precompile {precompile} rejected it", "signature"),
    "InvalidDomainTag": Message(_INVALID, "the domain tag has {size} bytes; it must have 1 to 255"),
    "WriteFailed": Message(_CONFLICT, "{size} bytes could not be stored as code"),
    # QualityConsensus
    "VerdictByConsensusOnly": Message(
        _CONFLICT, "the producer of {batch} accepts {stage} verdicts from consensus only", "stage", "open a round"
    ),
    "RoundNotLarger": Message(
        _CONFLICT,
        "the {stage} Fail of {batch} by {failedAnswers} inspectors stays in force: this round has only {answers}",
        "stage",
        "open a round of a rule with more inspectors, or ask an authority",
    ),
    "InvalidRule": Message(
        _INVALID, "the rule is invalid: {field}", "rule", "docs/consensus.md lists the valid values"
    ),
    "NoRule": Message(
        _CONFLICT, "panel {panel} has no rule", "panel", "ask an administrator of the organisation to set it"
    ),
    "CapabilityOutOfRange": Message(
        _INVALID, "the capability is {capability}; it must be at most 10,000 (in units of 1/10,000)", "capability"
    ),
    "AlreadyEnrolled": Message(_CONFLICT, "{account} is already inspector {inspector} of this panel", "account"),
    "PanelFull": Message(_CONFLICT, "panel {panel} has the maximum of 255 inspectors", "panel"),
    "UnknownInspector": Message(_MISSING, "panel {panel} has no active inspector {inspector}", "inspector"),
    "InspectorUnavailable": Message(
        _CONFLICT, "inspector {inspector} is in another round, or retired", "inspector", "try again after its round"
    ),
    "BatchOfAnotherOrganisation": Message(
        _DENIED, "{subject} was produced by organisation {producer}, not by {panel}", "subject"
    ),
    "InspectorNotExternal": Message(
        _DENIED,
        "inspector {inspector} belongs to the producer; the policy requires independent inspectors",
        "inspector",
    ),
    "RoundInProgress": Message(_CONFLICT, "lane {lane} already has a round in progress", "lane", "choose another lane"),
    "WrongPhase": Message(_CONFLICT, "this step is not valid in phase {phase} of the round in lane {lane}", "lane"),
    "DrawTooEarly": Message(
        _CONFLICT,
        "the inspectors are drawn with the hash of block {drawBlock}, which does not exist yet",
        "lane",
        "try again after that block",
    ),
    "NotEnoughInspectors": Message(
        _CONFLICT,
        "the round in lane {lane} needs {required} inspectors; {available} are available",
        "lane",
        "try again later",
    ),
    "DeadlinePassed": Message(
        _CONFLICT, "the deadline of the round in lane {lane} passed at {deadline}", "lane", "close the round"
    ),
    "NotOverdue": Message(
        _CONFLICT, "the round in lane {lane} is not overdue before {deadline}", "lane", "try again after the deadline"
    ),
    "UnknownSeat": Message(_MISSING, "the round in lane {lane} has no seat {seat}", "seat"),
    "NotCommitted": Message(_CONFLICT, "seat {seat} in lane {lane} has not committed to an answer", "seat"),
    "NotDrawnInspector": Message(
        _DENIED,
        "{signer} is not the inspector of seat {seat} in lane {lane}, or signed another message",
        "signer",
    ),
    "InspectorNotAuthorised": Message(
        _DENIED, "{account} is not authorised to inspect for any organisation", "account"
    ),
    "NotAllCommitted": Message(
        _CONFLICT, "{missing} seats in lane {lane} have not committed yet; answers are revealed after all have", "lane"
    ),
    "UnknownState": Message(_INVALID, "the rule has no state {state}", "state"),
    "AnswerMismatch": Message(_INVALID, "seat {seat} in lane {lane} committed to another answer", "answer"),
    "NoPendingVerdict": Message(_MISSING, "{batch} has no pending {stage} verdict", "batch"),
    "InsufficientGas": Message(
        _INVALID, "the transaction must leave {required} gas for the verdict", "gas", "raise the gas limit"
    ),
    # OpenZeppelin
    "AccessControlUnauthorizedAccount": Message(_DENIED, "{account} lacks the role {neededRole}", "signer"),
    "AccessControlBadConfirmation": Message(_DENIED, "only the holder of a role can renounce it", "signer"),
    "AccessControlEnforcedDefaultAdminRules": Message(
        _CONFLICT, "the default administrator changes only by a delayed transfer in two steps"
    ),
    "AccessControlEnforcedDefaultAdminDelay": Message(_CONFLICT, "the transfer cannot be accepted before {schedule}"),
    "AccessControlInvalidDefaultAdmin": Message(_INVALID, "{defaultAdmin} cannot be the default administrator"),
    "InvalidAccountNonce": Message(
        _CONFLICT,
        "the nonce of the signature was already used; the next nonce of {account} is {currentNonce}",
        "nonce",
        "the inspection may be recorded already; otherwise sign it again with the next nonce",
    ),
    "SafeCastOverflowedUintDowncast": Message(_INVALID, "{value} does not fit into {bits} bits"),
    "InvalidShortString": Message(_INVALID, "a stored short string is invalid"),
    "StringTooLong": Message(_INVALID, "the text {str} exceeds 31 bytes"),
}
