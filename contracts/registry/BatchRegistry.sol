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

    string private constant SUPERSEDED = "superseded by a passing verdict";
    uint8 private constant RECALLED = 1 << 2;
    /// @dev Bit of the first kind of hold; the others follow in the order of `HoldKind`.
    uint256 private constant FIRST_HOLD = 3;
    uint8 private constant HOLDS = 0xf8;

    /// @dev One slot. `flags`: released sales channels in bits 0 and 1, `RECALLED`, and one bit for each kind of hold.
    struct StoredBatch {
        BatchState state;
        uint8 flags;
        Verdict firstVerdict;
        Verdict finalVerdict;
        uint8 firstRevision;
        uint8 finalRevision;
        OrgId producer;
        OrgId custodian;
        uint32 quantity;
        uint32 standard;
        uint32 defective;
        uint48 gtin;
    }

    /// @dev One slot. `used` are the units that other batches are made of.
    struct Origin {
        bytes28 commitment;
        uint32 used;
    }

    mapping(BatchId => StoredBatch) private _batches;
    mapping(BatchId => Origin) private _origins;
    mapping(BatchId => RouteId) private _requiredRoutes;
    mapping(BatchId child => mapping(BatchId parent => bool)) private _notices;

    /// @inheritdoc IBatchRegistry
    IRouteVerifier public immutable override verifier;

    constructor(IConsortium consortium_, IRouteVerifier verifier_) ConsortiumBound(consortium_) {
        verifier = verifier_;
    }

    // ------------------------------------------------------------------ registration

    /// @inheritdoc IBatchRegistry
    function register(Registration calldata registration) external returns (BatchId) {
        OrgId producer = consortium.authoriseProduct(msg.sender, Roles.PRODUCER, registration.gtin);
        BatchId id = _checkedId(registration.gtin, registration.lot);
        if (_batches[id].state != BatchState.Unknown) revert BatchAlreadyRegistered(id);
        _register(id, registration, producer, _requiresProof(registration.route));
        return id;
    }

    /// @inheritdoc IBatchRegistry
    function registerMany(Registration[] calldata registrations) external returns (bool[] memory registered) {
        OrgId producer = consortium.authorise(msg.sender, Roles.PRODUCER);
        registered = new bool[](registrations.length);
        // Batches of one call usually share their route and GTIN: their policy and licence are read once per change.
        uint64 gtin = 0;
        bytes32 route = 0;
        bool proofRequired = false;
        for (uint256 i = 0; i < registrations.length; ++i) {
            if (registrations[i].route != route) {
                route = registrations[i].route;
                proofRequired = _requiresProof(route);
            }
            if (registrations[i].gtin != gtin) {
                gtin = registrations[i].gtin;
                producer = consortium.authoriseProduct(msg.sender, Roles.PRODUCER, gtin);
            }
            BatchId id = _checkedId(gtin, registrations[i].lot);
            if (_batches[id].state != BatchState.Unknown) {
                emit RegistrationSkipped(id, _batches[id].producer, msg.sender);
                continue;
            }
            _register(id, registrations[i], producer, proofRequired);
            registered[i] = true;
        }
    }

    // ------------------------------------------------------------------ life cycle

    /// @inheritdoc IBatchRegistry
    function recycle(BatchId id) external {
        StoredBatch storage stored = _ownOpenBatch(id);
        if (stored.state != BatchState.Stopped) revert WrongState(id, stored.state);
        stored.state = BatchState.Recycled;
        emit BatchRecycled(id, msg.sender);
    }

    /// @inheritdoc IBatchRegistry
    function assemble(BatchId id) external {
        StoredBatch storage stored = _ownOpenBatch(id);
        if (stored.state != BatchState.FirstPassed) revert WrongState(id, stored.state);
        stored.state = BatchState.Assembled;
        emit BatchAssembled(id, msg.sender);
    }

    /// @inheritdoc IBatchRegistry
    function grade(BatchId id, uint32 standard, uint32 defective, uint32 scrap) external {
        StoredBatch storage stored = _ownOpenBatch(id);
        StoredBatch memory current = stored;
        if (current.state != BatchState.Assembled) revert WrongState(id, current.state);
        if (current.finalVerdict == Verdict.None) revert VerdictMissing(id, Stage.Final);
        uint256 sum = uint256(standard) + defective + scrap;
        if (sum != current.quantity) revert QuantityMismatch(current.quantity, sum);
        if (standard != 0 && current.finalVerdict == Verdict.Fail) revert VerdictFailed(id, Stage.Final);
        uint32 used = _origins[id].used;
        if (uint256(scrap) + used > current.quantity) revert UsedUnitsScrapped(id, used, current.quantity - scrap);

        stored.state = scrap == current.quantity ? BatchState.Scrapped : BatchState.Graded;
        stored.standard = standard;
        stored.defective = defective;
        emit BatchGraded(id, standard, defective, scrap, msg.sender);
    }

    /// @inheritdoc IBatchRegistry
    function release(BatchId id, SalesChannel channel) external {
        StoredBatch storage stored = _ownOpenBatch(id);
        StoredBatch memory current = stored;
        if (current.state != BatchState.Graded && current.state != BatchState.Released) revert WrongState(id, current.state);
        if (current.firstVerdict != Verdict.Pass) revert VerdictFailed(id, Stage.First);
        bool isStandard = channel == SalesChannel.Standard;
        if (isStandard && current.finalVerdict != Verdict.Pass) revert VerdictFailed(id, Stage.Final);
        if ((isStandard ? current.standard : current.defective) == 0) revert NothingToRelease(id, channel);
        uint8 bit = uint8(1 << uint8(channel));
        if (current.flags & bit != 0) revert AlreadyReleased(id, channel);
        if (current.custodian != current.producer) revert NotHeldByProducer(id, current.custodian);
        _requireProvenRoute(id);

        stored.state = BatchState.Released;
        stored.flags = current.flags | bit;
        emit BatchReleased(id, channel, msg.sender);
    }

    // ------------------------------------------------------------------ hold and recall

    /// @inheritdoc IBatchRegistry
    function hold(BatchId id, string calldata reason) external {
        (StoredBatch storage stored, bool isAuthority) = _supervisedBatch(id);
        HoldKind kind = isAuthority ? HoldKind.Authority : HoldKind.Producer;
        if (!_setHold(stored, kind)) revert HoldAlreadySet(id, kind);
        emit BatchHeld(id, kind, msg.sender, reason);
    }

    /// @inheritdoc IBatchRegistry
    function releaseHold(BatchId id, HoldKind kind, string calldata reason) external {
        (StoredBatch storage stored, bool isAuthority) = _supervisedBatch(id);
        if (!isAuthority && kind != HoldKind.Producer && kind != HoldKind.SupplierNotice) revert HoldOutranks(id, kind);
        if (!_clearHold(stored, kind)) revert HoldNotSet(id, kind);
        emit BatchHoldReleased(id, kind, msg.sender, reason);
    }

    /// @inheritdoc IBatchRegistry
    function recall(BatchId id, string calldata reason) external {
        (StoredBatch storage stored,) = _supervisedBatch(id);
        stored.flags |= RECALLED;
        emit BatchRecalled(id, id, msg.sender, reason);
    }

    /// @inheritdoc IBatchRegistry
    function recallDescendants(
        BatchId parent,
        BatchId[] calldata children,
        Parts[] calldata parts,
        string calldata reason
    ) external returns (RecallOutcome[] memory outcomes) {
        if (children.length != parts.length) revert LengthMismatch(children.length, parts.length);
        StoredBatch storage parentBatch = _registered(parent);
        if (parentBatch.flags & RECALLED == 0) revert BatchNotRecalled(parent);
        (OrgId supervisor, bool isAuthority) = _supervisor();
        bool isSupplier = parentBatch.producer == supervisor;

        outcomes = new RecallOutcome[](children.length);
        for (uint256 i = 0; i < children.length; ++i) {
            BatchId child = children[i];
            StoredBatch storage stored = _registered(child);
            bool supervised = isAuthority || stored.producer == supervisor;
            if (!supervised && !isSupplier) revert NotBatchSupervisor(child, msg.sender);
            if (stored.flags & RECALLED != 0 || (!supervised && _notices[child][parent])) {
                emit RecallSkipped(child, parent, msg.sender);
                continue;
            }
            _requireInput(parent, child, parts[i]);
            outcomes[i] = supervised ? RecallOutcome.Recalled : RecallOutcome.Noticed;
            if (supervised) {
                stored.flags |= RECALLED;
                emit BatchRecalled(child, parent, msg.sender, reason);
            } else {
                _giveNotice(stored, child, parent, reason);
            }
        }
    }

    // ------------------------------------------------------------------ calls by other ledgers

    /// @inheritdoc IBatchRegistry
    function applyVerdict(BatchId id, Stage stage, Verdict verdict)
        external
        onlyContractRole(ContractRoles.VERDICT_LEDGER)
        returns (uint8 revision, OrgId producer, uint32 quantity, uint48 gtin)
    {
        StoredBatch storage stored = _registered(id);
        BatchState state = stored.state;
        bool failed = verdict == Verdict.Fail;
        bool late = false;
        if (stage == Stage.First) {
            revision = _nextRevision(stored.firstRevision);
            late = state >= BatchState.Assembled;
            if (state <= BatchState.Stopped) state = failed ? BatchState.Stopped : BatchState.FirstPassed;
            stored.firstVerdict = verdict;
            stored.firstRevision = revision;
        } else {
            if (state < BatchState.Assembled) revert WrongState(id, state);
            revision = _nextRevision(stored.finalRevision);
            late = state >= BatchState.Graded;
            stored.finalVerdict = verdict;
            stored.finalRevision = revision;
        }
        stored.state = state;
        emit VerdictApplied(id, stage, verdict, revision, state);
        HoldKind kind = stage == Stage.First ? HoldKind.FirstInspection : HoldKind.FinalInspection;
        if (failed) {
            if (late && _setHold(stored, kind)) emit BatchHeld(id, kind, msg.sender, LATE_FAILURE);
        } else if (_clearHold(stored, kind)) {
            emit BatchHoldReleased(id, kind, msg.sender, SUPERSEDED);
        }
        return (revision, stored.producer, stored.quantity, stored.gtin);
    }

    /// @inheritdoc IBatchRegistry
    function recordTransfer(BatchId id, OrgId to) external onlyContractRole(ContractRoles.CUSTODY_LEDGER) {
        StoredBatch storage stored = _registered(id);
        StoredBatch memory current = stored;
        if (current.state != BatchState.Released) revert WrongState(id, current.state);
        if (to != current.producer) {
            if (current.flags & RECALLED != 0) revert BatchIsRecalled(id);
            if (current.flags & HOLDS != 0) revert BatchOnHold(id);
        }
        stored.custodian = to;
        emit CustodyTransferred(id, current.custodian, to);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IBatchRegistry
    function batch(BatchId id) external view returns (Batch memory) {
        StoredBatch memory stored = _batches[id];
        bool graded = stored.state >= BatchState.Graded;
        return Batch({
            state: stored.state,
            holds: stored.flags >> FIRST_HOLD,
            recalled: stored.flags & RECALLED != 0,
            channels: stored.flags & (RECALLED - 1),
            firstVerdict: stored.firstVerdict,
            finalVerdict: stored.finalVerdict,
            firstRevision: stored.firstRevision,
            finalRevision: stored.finalRevision,
            producer: stored.producer,
            custodian: stored.custodian,
            quantity: stored.quantity,
            standard: stored.standard,
            defective: stored.defective,
            scrap: graded ? stored.quantity - stored.standard - stored.defective : 0,
            gtin: stored.gtin
        });
    }

    /// @inheritdoc IBatchRegistry
    function commitmentOf(BatchId id) external view returns (bytes28) {
        return _origins[id].commitment;
    }

    /// @inheritdoc IBatchRegistry
    function unitsUsedOf(BatchId id) external view returns (uint32) {
        return _origins[id].used;
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

    function _register(BatchId id, Registration calldata registration, OrgId producer, bool proofRequired) private {
        if (registration.quantity == 0) revert InvalidQuantity();
        _useInputs(registration.inputs, producer);

        StoredBatch storage stored = _batches[id];
        stored.state = BatchState.Registered;
        stored.producer = producer;
        stored.custodian = producer;
        stored.quantity = registration.quantity;
        stored.gtin = uint48(registration.gtin);
        _origins[id].commitment = _commitment(
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

    /// @dev Put a child of another producer on hold because its input is recalled.
    function _giveNotice(StoredBatch storage stored, BatchId child, BatchId parent, string calldata reason) private {
        _notices[child][parent] = true;
        emit SupplierNoticeGiven(child, parent, msg.sender, reason);
        if (_setHold(stored, HoldKind.SupplierNotice)) {
            emit BatchHeld(child, HoldKind.SupplierNotice, msg.sender, reason);
        }
    }

    /// @return changed false if the hold was already set
    function _setHold(StoredBatch storage stored, HoldKind kind) private returns (bool changed) {
        uint8 bit = _holdBit(kind);
        changed = stored.flags & bit == 0;
        if (changed) stored.flags |= bit;
    }

    /// @return changed false if the hold was not set
    function _clearHold(StoredBatch storage stored, HoldKind kind) private returns (bool changed) {
        uint8 bit = _holdBit(kind);
        changed = stored.flags & bit != 0;
        if (changed) stored.flags &= ~bit;
    }

    /// @dev Check the inputs and add the units to those that are used of each.
    function _useInputs(Input[] calldata inputs, OrgId producer) private {
        for (uint256 i = 0; i < inputs.length; ++i) {
            BatchId id = inputs[i].batch;
            StoredBatch memory input = _batches[id];
            bool unusable = input.state == BatchState.Unknown || input.state == BatchState.Stopped
                || input.state == BatchState.Recycled || input.state == BatchState.Scrapped;
            if (unusable || input.flags & (RECALLED | HOLDS) != 0) {
                revert UnusableInput(id, input.state, input.flags & RECALLED != 0, input.flags & HOLDS != 0);
            }
            if (input.custodian != producer) revert InputNotHeld(id, input.custodian, producer);
            if (_contains(inputs[:i], id)) revert DuplicateInput(id);
            uint32 quantity = inputs[i].quantity;
            uint32 used = _origins[id].used;
            uint32 usable = input.state >= BatchState.Graded ? input.standard + input.defective : input.quantity;
            if (quantity == 0 || quantity > usable - used) revert InvalidInputQuantity(id, quantity, usable - used);
            _origins[id].used = used + quantity;
        }
    }

    /// @dev Require that the parent is among the inputs of the child.
    function _requireInput(BatchId parent, BatchId child, Parts calldata parts) private view {
        bytes28 commitment = _commitment(parts.serialRoot, parts.contentDigest, parts.route, parts.inputs);
        if (commitment != _origins[child].commitment) revert CommitmentMismatch(child);
        if (!_contains(parts.inputs, parent)) revert NotAnInput(parent, child);
    }

    /// @dev Return a batch of the caller's organisation that is neither on hold nor recalled.
    function _ownOpenBatch(BatchId id) private view returns (StoredBatch storage stored) {
        stored = _registered(id);
        OrgId caller = consortium.authorise(msg.sender, Roles.PRODUCER);
        if (stored.producer != caller) revert NotProducer(id, stored.producer, caller);
        uint8 flags = stored.flags;
        if (flags & RECALLED != 0) revert BatchIsRecalled(id);
        if (flags & HOLDS != 0) revert BatchOnHold(id);
    }

    /// @dev Return a batch that the caller supervises and that is not recalled.
    function _supervisedBatch(BatchId id) private view returns (StoredBatch storage stored, bool isAuthority) {
        stored = _registered(id);
        OrgId supervisor;
        (supervisor, isAuthority) = _supervisor();
        if (!isAuthority && stored.producer != supervisor) revert NotBatchSupervisor(id, msg.sender);
        if (stored.flags & RECALLED != 0) revert BatchIsRecalled(id);
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

    function _registered(BatchId id) private view returns (StoredBatch storage stored) {
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

    /// @dev The count stops at its maximum. No number of verdicts makes a batch unusable.
    function _nextRevision(uint8 revision) private pure returns (uint8) {
        return revision == type(uint8).max ? revision : revision + 1;
    }

    function _holdBit(HoldKind kind) private pure returns (uint8) {
        return uint8(1 << (FIRST_HOLD + uint8(kind)));
    }

    function _commitment(bytes32 serialRoot, bytes32 contentDigest, bytes32 route, Input[] calldata inputs)
        private
        pure
        returns (bytes28)
    {
        return bytes28(keccak256(abi.encode(serialRoot, contentDigest, route, keccak256(abi.encode(inputs)))));
    }

    function _contains(Input[] calldata inputs, BatchId id) private pure returns (bool) {
        for (uint256 i = 0; i < inputs.length; ++i) {
            if (BatchId.unwrap(inputs[i].batch) == BatchId.unwrap(id)) return true;
        }
        return false;
    }
}
