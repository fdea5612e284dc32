// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IInspectionLedger} from "../interfaces/IInspectionLedger.sol";
import {BatchId, OrgId, Stage, Verdict} from "../interfaces/Types.sol";
import {ContractRoles, Roles} from "../libraries/Rights.sol";
import {Accreditations} from "./Accreditations.sol";

/// @title Inspection results of batches, in two stages
contract InspectionLedger is IInspectionLedger, Accreditations, EIP712, NoncesKeyed {
    uint256 private constant MAX_AGE = 3652 days;
    /// @dev Time for which a stage still requires consensus after it was switched off.
    uint256 private constant SWITCH_OFF_DELAY = 7 days;

    bytes32 private constant INSPECTION_TYPEHASH = keccak256(
        "Inspection(bytes32 batch,uint8 stage,uint8 verdict,uint8 revision,uint32 sampleSize,uint32 defects,"
        "bytes32 instrument,bytes32 evidence,uint64 inspectedAt,address inspector,uint256 nonce,uint64 deadline)"
    );

    /// @inheritdoc IInspectionLedger
    IBatchRegistry public immutable override registry;

    /// @dev Policy of a stage.
    /// @param byConsensus number of times that a producer required consensus. While it is 0, a verdict does not need to read
    /// the producer's setting.
    struct StagePolicy {
        uint32 unitsPerSample;
        bool independent;
        uint32 byConsensus;
    }

    mapping(Stage => StagePolicy) private _policies;
    /// @dev Last Unix second at which only consensus decides; the maximum while it is switched on.
    mapping(OrgId producer => mapping(Stage => uint64)) private _byConsensusUntil;
    /// @dev Answers of the round whose Fail is in force; 0 if no Fail by consensus is.
    mapping(BatchId => mapping(Stage => uint8)) private _failedAnswers;

    /// @param firstPolicy policy of the first inspection
    /// @param finalPolicy policy of the final inspection
    constructor(IBatchRegistry registry_, Policy memory firstPolicy, Policy memory finalPolicy)
        ConsortiumBound(registry_.consortium())
        EIP712("ChromaTrace InspectionLedger", "1")
    {
        registry = registry_;
        _setPolicy(Stage.First, firstPolicy);
        _setPolicy(Stage.Final, finalPolicy);
    }

    /// @inheritdoc IInspectionLedger
    function record(Inspection calldata inspection, bytes calldata signature) external {
        _record(inspection, signature);
    }

    /// @inheritdoc IInspectionLedger
    function recordMany(Inspection[] calldata inspections, bytes[] calldata signatures)
        external
        returns (bool[] memory recorded)
    {
        if (inspections.length != signatures.length) revert LengthMismatch(inspections.length, signatures.length);
        recorded = new bool[](inspections.length);
        for (uint256 i = 0; i < inspections.length; ++i) {
            // A call of this contract itself: an error in one inspection must not revert the others.
            try this.record(inspections[i], signatures[i]) {
                recorded[i] = true;
            } catch (bytes memory reason) {
                emit InspectionSkipped(inspections[i].batch, inspections[i].inspector, inspections[i].nonce, reason);
            }
        }
    }

    /// @inheritdoc IInspectionLedger
    function withdrawSignature(uint192 key) external {
        // slither-disable-next-line unused-return
        consortium.authorise(msg.sender, Roles.INSPECTOR);
        emit SignatureWithdrawn(msg.sender, _useNonce(msg.sender, key));
    }

    /// @inheritdoc IInspectionLedger
    function setPolicy(Stage stage, uint32 unitsPerSample, bool independent)
        external
        onlyContractRole(ContractRoles.REGISTRAR)
    {
        _setPolicy(stage, Policy(unitsPerSample, independent));
    }

    // The registry is part of this deployment, immutable, and does not call back.
    // slither-disable-start reentrancy-events
    /// @inheritdoc IInspectionLedger
    function recordConsensus(ConsensusVerdict calldata verdict) external onlyContractRole(ContractRoles.CONSENSUS) {
        uint8 failed = _failedAnswers[verdict.batch][verdict.stage];
        if (verdict.verdict == Verdict.Fail) {
            if (verdict.answers > failed) _failedAnswers[verdict.batch][verdict.stage] = verdict.answers;
        } else if (failed != 0) {
            if (verdict.answers <= failed) revert RoundNotLarger(verdict.batch, verdict.stage, verdict.answers, failed);
            _failedAnswers[verdict.batch][verdict.stage] = 0;
        }
        // The producer's administrator enrolled the inspector in the panel, which is the accreditation for rounds.
        OrgId organisation = consortium.operator(verdict.inspector).organisation;
        // slither-disable-next-line unused-return
        (uint8 revision,,,) = registry.applyVerdict(verdict.batch, verdict.stage, verdict.verdict);
        emit InspectionRecorded(
            verdict.batch,
            verdict.stage,
            verdict.inspector,
            organisation,
            verdict.verdict,
            revision,
            verdict.sampleSize,
            verdict.defects,
            verdict.instrument,
            verdict.evidence,
            uint64(block.timestamp)
        );
    }
    // slither-disable-end reentrancy-events

    /// @inheritdoc IInspectionLedger
    function requireConsensus(OrgId producer, bool firstStage, bool finalStage)
        external
        onlyContractRole(ContractRoles.CONSENSUS)
    {
        bool changed = _setConsensusOnly(producer, Stage.First, firstStage);
        changed = _setConsensusOnly(producer, Stage.Final, finalStage) || changed;
        if (changed) emit ConsensusRequired(producer, firstStage, finalStage);
    }

    /// @inheritdoc IInspectionLedger
    function checkConsensus(BatchId batch, Stage stage, uint32 sampleSize)
        external
        view
        returns (OrgId producer, bool independent)
    {
        IBatchRegistry.Batch memory current = registry.batch(batch);
        IBatchRegistry.BatchState earliest =
            stage == Stage.First ? IBatchRegistry.BatchState.Registered : IBatchRegistry.BatchState.Assembled;
        if (current.state < earliest) revert IBatchRegistry.WrongState(batch, current.state);
        StagePolicy storage required = _policies[stage];
        _checkSample(sampleSize, current.quantity, required.unitsPerSample);
        return (current.producer, required.independent);
    }

    /// @inheritdoc IInspectionLedger
    function revisionOf(BatchId batch, Stage stage) external view returns (uint8) {
        IBatchRegistry.Batch memory current = registry.batch(batch);
        return stage == Stage.First ? current.firstRevision : current.finalRevision;
    }

    /// @inheritdoc IInspectionLedger
    function requiresConsensus(OrgId producer, Stage stage) external view returns (bool) {
        return _requiresConsensus(producer, stage);
    }

    /// @inheritdoc IInspectionLedger
    function policy(Stage stage) external view returns (Policy memory) {
        StagePolicy storage stored = _policies[stage];
        return Policy(stored.unitsPerSample, stored.independent);
    }

    /// @inheritdoc IInspectionLedger
    function digestOf(Inspection calldata inspection) external view returns (bytes32) {
        return _digest(inspection);
    }

    /// @dev Apply the verdict before checking it against the batch, because the same call returns the revision, producer
    /// and quantity to check against. The registry calls no contract but the consortium.
    function _record(Inspection calldata inspection, bytes calldata signature) private {
        if (inspection.verdict == Verdict.None) revert InvalidVerdict();
        if (inspection.deadline < block.timestamp) revert InspectionExpired(inspection.deadline);
        if (inspection.inspectedAt > block.timestamp) revert InspectionInTheFuture(inspection.inspectedAt);
        if (inspection.inspectedAt + MAX_AGE < block.timestamp) revert InspectionTooOld(inspection.inspectedAt);
        OrgId organisation = consortium.authorise(inspection.inspector, Roles.INSPECTOR);
        _checkSignature(inspection, signature);
        _useCheckedNonce(inspection.inspector, inspection.nonce);
        _emitRecorded(inspection, organisation);

        (uint8 revision, OrgId producer, uint32 quantity, uint48 gtin) =
            registry.applyVerdict(inspection.batch, inspection.stage, inspection.verdict);
        if (organisation != producer && !isAccredited(organisation, producer, gtin, inspection.stage)) {
            revert NotAccredited(organisation, producer, gtin, inspection.stage);
        }
        if (inspection.revision != revision) revert WrongRevision(inspection.revision, revision);
        if (_policies[inspection.stage].byConsensus != 0) {
            bool supersedes = inspection.verdict == Verdict.Pass && _failedAnswers[inspection.batch][inspection.stage] != 0;
            if (supersedes || _requiresConsensus(producer, inspection.stage)) {
                _requireAuthority(organisation, inspection.batch, inspection.stage);
            }
        }
        _checkPolicy(
            inspection.stage,
            inspection.inspector,
            organisation,
            producer,
            quantity,
            inspection.sampleSize,
            inspection.defects
        );
    }

    function _emitRecorded(Inspection calldata inspection, OrgId organisation) private {
        emit InspectionRecorded(
            inspection.batch,
            inspection.stage,
            inspection.inspector,
            organisation,
            inspection.verdict,
            inspection.revision,
            inspection.sampleSize,
            inspection.defects,
            inspection.instrument,
            inspection.evidence,
            inspection.inspectedAt
        );
    }

    function _setPolicy(Stage stage, Policy memory policy_) private {
        if (stage == Stage.Final && !policy_.independent) revert FinalStageIsIndependent();
        _policies[stage].unitsPerSample = policy_.unitsPerSample;
        _policies[stage].independent = policy_.independent;
        emit PolicyChanged(stage, policy_.unitsPerSample, policy_.independent);
    }

    /// @return changed whether the setting changed
    function _setConsensusOnly(OrgId producer, Stage stage, bool required) private returns (bool changed) {
        uint64 until = _byConsensusUntil[producer][stage];
        bool isOn = until == type(uint64).max;
        changed = isOn != required;
        if (!changed) return false;
        _byConsensusUntil[producer][stage] =
            required ? type(uint64).max : uint64(block.timestamp + SWITCH_OFF_DELAY);
        if (required) ++_policies[stage].byConsensus;
    }

    function _requiresConsensus(OrgId producer, Stage stage) private view returns (bool) {
        return _byConsensusUntil[producer][stage] >= block.timestamp;
    }

    /// @dev An authority can decide a stage in which only consensus rounds decide; its verdict ends a Fail by consensus.
    function _requireAuthority(OrgId organisation, BatchId batch, Stage stage) private {
        if (consortium.organisation(organisation).kind != IConsortium.OrganisationKind.Authority) {
            revert VerdictByConsensusOnly(batch, stage);
        }
        _failedAnswers[batch][stage] = 0;
    }

    /// @dev Accept a signature by the inspector's key, or by the inspector as a contract (ERC-1271). The key is checked
    /// first: checking whether the address has code costs as much as recovering the signer.
    function _checkSignature(Inspection calldata inspection, bytes calldata signature) private view {
        bytes32 digest = _digest(inspection);
        // The third value only describes an error.
        // slither-disable-next-line unused-return
        (address signer, ECDSA.RecoverError recoverError,) = ECDSA.tryRecover(digest, signature);
        if (recoverError == ECDSA.RecoverError.NoError && signer == inspection.inspector) return;
        if (!SignatureChecker.isValidERC1271SignatureNow(inspection.inspector, digest, signature)) {
            revert InvalidInspectionSignature(inspection.inspector, digest);
        }
    }

    /// @dev Check independence and sample size.
    function _checkPolicy(
        Stage stage,
        address inspector,
        OrgId organisation,
        OrgId producer,
        uint32 quantity,
        uint32 sampleSize,
        uint32 defects
    ) private view {
        StagePolicy storage required = _policies[stage];
        if (organisation == producer && required.independent) revert InspectorNotIndependent(inspector, organisation);
        _checkSample(sampleSize, quantity, required.unitsPerSample);
        if (defects > sampleSize) revert TooManyDefects(defects, sampleSize);
    }

    function _checkSample(uint32 sampleSize, uint32 quantity, uint32 unitsPerSample) private pure {
        uint256 required = _smallestSample(quantity, unitsPerSample);
        if (sampleSize < required) revert SampleTooSmall(sampleSize, required);
        if (sampleSize > quantity) revert SampleTooLarge(sampleSize, quantity);
    }

    function _digest(Inspection calldata inspection) private view returns (bytes32) {
        // All fields are static, so the ABI encoding of the struct is the EIP-712 encoding of its members.
        return _hashTypedDataV4(keccak256(abi.encode(INSPECTION_TYPEHASH, inspection)));
    }

    /// @dev One unit per `unitsPerSample`, rounded up; at least one.
    function _smallestSample(uint256 quantity, uint256 unitsPerSample) private pure returns (uint256) {
        return unitsPerSample == 0 ? 1 : (quantity + unitsPerSample - 1) / unitsPerSample;
    }
}
