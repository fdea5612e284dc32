// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IRouteVerifier, RouteId} from "../interfaces/IRouteVerifier.sol";
import {BatchId, OrgId, Stage, Verdict} from "../interfaces/Types.sol";
import {GS1} from "../libraries/GS1.sol";
import {ContractRoles, Roles} from "../libraries/Rights.sol";

/// @title Batches: identity, genealogy, life cycle, release and recall
contract BatchRegistry is IBatchRegistry, ConsortiumBound {
    /// @dev Reason of the hold after a failing verdict whose stage is over.
    string private constant LATE_FAILURE = "failed inspection after its stage";

    mapping(BatchId => Batch) private _batches;
    mapping(BatchId => bytes32) private _commitments;
    mapping(BatchId => RouteId) private _requiredRoutes;

    /// @inheritdoc IBatchRegistry
    IRouteVerifier public immutable override verifier;

    constructor(IConsortium consortium_, IRouteVerifier verifier_) ConsortiumBound(consortium_) {
        verifier = verifier_;
    }

    // ------------------------------------------------------------------ registration

    /// @inheritdoc IBatchRegistry
    function register(Registration calldata registration) external returns (BatchId) {
        OrgId producer = consortium.authorise(msg.sender, Roles.PRODUCER);
        return _register(registration, producer, _requiresProof(registration.route));
    }

    /// @inheritdoc IBatchRegistry
    function registerMany(Registration[] calldata registrations) external {
        OrgId producer = consortium.authorise(msg.sender, Roles.PRODUCER);
        // Batches of one call usually share their route, so its policy is read once per change of route.
        bytes32 route = 0;
        bool proofRequired = false;
        for (uint256 i = 0; i < registrations.length; ++i) {
            if (registrations[i].route != route) {
                route = registrations[i].route;
                proofRequired = _requiresProof(route);
            }
            _register(registrations[i], producer, proofRequired);
        }
    }

    // ------------------------------------------------------------------ life cycle

    /// @inheritdoc IBatchRegistry
    function recycle(BatchId id) external {
        Batch storage stored = _ownOpenBatch(id);
        if (stored.state != BatchState.Stopped) revert WrongState(id, stored.state);
        stored.state = BatchState.Recycled;
        emit BatchRecycled(id, msg.sender);
    }

    /// @inheritdoc IBatchRegistry
    function assemble(BatchId id) external {
        Batch storage stored = _ownOpenBatch(id);
        if (stored.state != BatchState.FirstPassed) revert WrongState(id, stored.state);
        stored.state = BatchState.Assembled;
        emit BatchAssembled(id, msg.sender);
    }

    /// @inheritdoc IBatchRegistry
    function grade(BatchId id, uint32 standard, uint32 defective, uint32 scrap) external {
        Batch storage stored = _ownOpenBatch(id);
        Batch memory current = stored;
        if (current.state != BatchState.Assembled) revert WrongState(id, current.state);
        if (current.finalVerdict == Verdict.None) revert VerdictMissing(id, Stage.Final);
        uint256 sum = uint256(standard) + defective + scrap;
        if (sum != current.quantity) revert QuantityMismatch(current.quantity, sum);
        if (standard != 0 && current.finalVerdict == Verdict.Fail) revert VerdictFailed(id, Stage.Final);

        stored.state = scrap == current.quantity ? BatchState.Scrapped : BatchState.Graded;
        stored.standard = standard;
        stored.defective = defective;
        stored.scrap = scrap;
        emit BatchGraded(id, standard, defective, scrap, msg.sender);
    }

    /// @inheritdoc IBatchRegistry
    function release(BatchId id, SalesChannel channel) external {
        Batch storage stored = _ownOpenBatch(id);
        Batch memory current = stored;
        if (current.state != BatchState.Graded && current.state != BatchState.Released) revert WrongState(id, current.state);
        if (current.firstVerdict != Verdict.Pass) revert VerdictFailed(id, Stage.First);
        bool isStandard = channel == SalesChannel.Standard;
        if (isStandard && current.finalVerdict != Verdict.Pass) revert VerdictFailed(id, Stage.Final);
        if ((isStandard ? current.standard : current.defective) == 0) revert NothingToRelease(id, channel);
        uint8 bit = uint8(1 << uint8(channel));
        if (current.channels & bit != 0) revert AlreadyReleased(id, channel);
        _requireProvenRoute(id);

        stored.state = BatchState.Released;
        stored.channels = current.channels | bit;
        emit BatchReleased(id, channel, msg.sender);
    }

    // ------------------------------------------------------------------ hold and recall

    /// @inheritdoc IBatchRegistry
    function hold(BatchId id, string calldata reason) external {
        Batch storage stored = _supervisedBatch(id);
        if (stored.onHold) revert BatchOnHold(id);
        stored.onHold = true;
        emit BatchHeld(id, msg.sender, reason);
    }

    /// @inheritdoc IBatchRegistry
    function releaseHold(BatchId id, string calldata reason) external {
        Batch storage stored = _supervisedBatch(id);
        if (!stored.onHold) revert BatchNotOnHold(id);
        stored.onHold = false;
        emit BatchHoldReleased(id, msg.sender, reason);
    }

    /// @inheritdoc IBatchRegistry
    function recall(BatchId id, string calldata reason) external {
        _supervisedBatch(id).recalled = true;
        emit BatchRecalled(id, id, msg.sender, reason);
    }

    /// @inheritdoc IBatchRegistry
    function recallDescendants(
        BatchId parent,
        BatchId[] calldata children,
        Parts[] calldata parts,
        string calldata reason
    ) external {
        if (children.length != parts.length) revert LengthMismatch(children.length, parts.length);
        Batch storage parentBatch = _registered(parent);
        if (!parentBatch.recalled) revert BatchNotRecalled(parent);
        (OrgId supervisor, bool isAuthority) = _supervisor();
        bool supervisesParent = isAuthority || parentBatch.producer == supervisor;

        for (uint256 i = 0; i < children.length; ++i) {
            if (!supervisesParent && _registered(children[i]).producer != supervisor) {
                revert NotBatchSupervisor(children[i], msg.sender);
            }
            _recallChild(parent, children[i], parts[i], reason);
        }
    }

    // ------------------------------------------------------------------ calls by other ledgers

    /// @inheritdoc IBatchRegistry
    function applyVerdict(BatchId id, Stage stage, Verdict verdict)
        external
        onlyContractRole(ContractRoles.VERDICT_LEDGER)
        returns (uint8 revision, OrgId producer, uint32 quantity)
    {
        Batch storage stored = _registered(id);
        BatchState state = stored.state;
        bool failed = verdict == Verdict.Fail;
        bool late = false;
        if (stage == Stage.First) {
            revision = _nextRevision(id, stage, stored.firstRevision);
            late = state >= BatchState.Assembled;
            if (state <= BatchState.Stopped) state = failed ? BatchState.Stopped : BatchState.FirstPassed;
            stored.firstVerdict = verdict;
            stored.firstRevision = revision;
        } else {
            if (state < BatchState.Assembled) revert WrongState(id, state);
            revision = _nextRevision(id, stage, stored.finalRevision);
            late = state >= BatchState.Graded;
            stored.finalVerdict = verdict;
            stored.finalRevision = revision;
        }
        stored.state = state;
        emit VerdictApplied(id, stage, verdict, revision, state);
        if (failed && late && !stored.onHold) {
            stored.onHold = true;
            emit BatchHeld(id, msg.sender, LATE_FAILURE);
        }
        return (revision, stored.producer, stored.quantity);
    }

    /// @inheritdoc IBatchRegistry
    function recordTransfer(BatchId id, OrgId to) external onlyContractRole(ContractRoles.CUSTODY_LEDGER) {
        Batch storage stored = _registered(id);
        Batch memory current = stored;
        if (current.state != BatchState.Released) revert WrongState(id, current.state);
        if (current.recalled && to != current.producer) revert BatchIsRecalled(id);
        if (current.onHold && !current.recalled) revert BatchOnHold(id);
        stored.custodian = to;
        emit CustodyTransferred(id, current.custodian, to);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IBatchRegistry
    function batch(BatchId id) external view returns (Batch memory) {
        return _batches[id];
    }

    /// @inheritdoc IBatchRegistry
    function commitmentOf(BatchId id) external view returns (bytes32) {
        return _commitments[id];
    }

    /// @inheritdoc IBatchRegistry
    function requiredRouteOf(BatchId id) external view returns (RouteId) {
        return _requiredRoutes[id];
    }

    /// @inheritdoc IBatchRegistry
    function batchIdOf(uint64 gtin, string calldata lot) external pure returns (BatchId) {
        return GS1.batchId(gtin, lot);
    }

    // ------------------------------------------------------------------ internal

    function _register(Registration calldata registration, OrgId producer, bool proofRequired)
        private
        returns (BatchId id)
    {
        id = _checkedId(registration.gtin, registration.lot);
        if (registration.quantity == 0) revert InvalidQuantity();
        Batch storage stored = _batches[id];
        if (stored.state != BatchState.Unknown) revert BatchAlreadyRegistered(id);
        _checkInputs(registration.inputs, producer);

        stored.state = BatchState.Registered;
        stored.producer = producer;
        stored.custodian = producer;
        stored.quantity = registration.quantity;
        _commitments[id] = _commitment(
            registration.serialRoot, registration.contentDigest, registration.route, registration.inputs
        );
        if (proofRequired) _requiredRoutes[id] = RouteId.wrap(registration.route);
        emit BatchRegistered(
            id,
            producer,
            registration.gtin,
            registration.lot,
            registration.quantity,
            registration.serialRoot,
            registration.contentDigest,
            registration.route,
            registration.inputs
        );
    }

    function _recallChild(BatchId parent, BatchId child, Parts calldata parts, string calldata reason) private {
        Batch storage stored = _registered(child);
        if (stored.recalled) revert BatchIsRecalled(child);
        if (_commitment(parts) != _commitments[child]) revert CommitmentMismatch(child);
        if (!_contains(parts.inputs, parent)) revert NotAnInput(parent, child);
        stored.recalled = true;
        emit BatchRecalled(child, parent, msg.sender, reason);
    }

    function _checkInputs(Input[] calldata inputs, OrgId producer) private view {
        for (uint256 i = 0; i < inputs.length; ++i) {
            BatchId id = inputs[i].batch;
            Batch memory input = _batches[id];
            bool unusable = input.state == BatchState.Unknown || input.state == BatchState.Stopped
                || input.state == BatchState.Recycled || input.state == BatchState.Scrapped;
            if (unusable || input.recalled || input.onHold) {
                revert UnusableInput(id, input.state, input.recalled, input.onHold);
            }
            if (input.custodian != producer) revert InputNotHeld(id, input.custodian, producer);
            uint32 quantity = inputs[i].quantity;
            if (quantity == 0 || quantity > input.quantity) revert InvalidInputQuantity(id, quantity, input.quantity);
            if (_contains(inputs[:i], id)) revert DuplicateInput(id);
        }
    }

    /// @dev Return a batch of the caller's organisation that is neither on hold nor recalled.
    function _ownOpenBatch(BatchId id) private view returns (Batch storage stored) {
        stored = _registered(id);
        OrgId caller = consortium.authorise(msg.sender, Roles.PRODUCER);
        if (stored.producer != caller) revert NotProducer(id, stored.producer, caller);
        if (stored.recalled) revert BatchIsRecalled(id);
        if (stored.onHold) revert BatchOnHold(id);
    }

    /// @dev Return a batch that the caller supervises and that is not recalled.
    function _supervisedBatch(BatchId id) private view returns (Batch storage stored) {
        stored = _registered(id);
        (OrgId supervisor, bool isAuthority) = _supervisor();
        if (!isAuthority && stored.producer != supervisor) revert NotBatchSupervisor(id, msg.sender);
        if (stored.recalled) revert BatchIsRecalled(id);
    }

    /// @dev Return the organisation of the calling supervisor, and whether it is an authority, which supervises all batches.
    function _supervisor() private view returns (OrgId id, bool isAuthority) {
        id = consortium.authorise(msg.sender, Roles.SUPERVISOR);
        isAuthority = consortium.organisation(id).kind == IConsortium.OrganisationKind.Authority;
    }

    function _requiresProof(bytes32 route) private view returns (bool) {
        return route != 0 && verifier.requiresProof(RouteId.wrap(route));
    }

    /// @dev Revert if the policy of the batch's route requires a proof and there is none.
    function _requireProvenRoute(BatchId id) private view {
        RouteId required = _requiredRoutes[id];
        if (RouteId.unwrap(required) == 0) return;
        if (!verifier.isProven(required, BatchId.unwrap(id))) revert RouteNotProven(id, required);
    }

    function _registered(BatchId id) private view returns (Batch storage stored) {
        stored = _batches[id];
        if (stored.state == BatchState.Unknown) revert UnknownBatch(id);
    }

    function _checkedId(uint64 gtin, string calldata lot) private pure returns (BatchId) {
        if (!GS1.isGtin(gtin)) revert InvalidGtin(gtin);
        uint256 length = bytes(lot).length;
        if (length == 0 || length > GS1.MAX_LOT_LENGTH) revert InvalidLotLength(length);
        uint256 position = GS1.firstInvalid(lot);
        if (position != length) revert InvalidLotCharacter(position, bytes(lot)[position]);
        return GS1.batchId(gtin, lot);
    }

    function _nextRevision(BatchId id, Stage stage, uint8 revision) private pure returns (uint8) {
        if (revision == type(uint8).max) revert RevisionsExhausted(id, stage);
        return revision + 1;
    }

    function _commitment(Parts calldata parts) private pure returns (bytes32) {
        return _commitment(parts.serialRoot, parts.contentDigest, parts.route, parts.inputs);
    }

    function _commitment(bytes32 serialRoot, bytes32 contentDigest, bytes32 route, Input[] calldata inputs)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(serialRoot, contentDigest, route, keccak256(abi.encode(inputs))));
    }

    function _contains(Input[] calldata inputs, BatchId id) private pure returns (bool) {
        for (uint256 i = 0; i < inputs.length; ++i) {
            if (BatchId.unwrap(inputs[i].batch) == BatchId.unwrap(id)) return true;
        }
        return false;
    }
}
