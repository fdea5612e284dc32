// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IInspectionLedger} from "../interfaces/IInspectionLedger.sol";
import {OrgId, Stage, Verdict} from "../interfaces/Types.sol";
import {ContractRoles, Roles} from "../libraries/Rights.sol";

/// @title Two-stage inspection results, signed by the inspector and submitted by anyone.
contract InspectionLedger is IInspectionLedger, ConsortiumBound, EIP712, NoncesKeyed {
    bytes32 private constant INSPECTION_TYPEHASH = keccak256(
        "Inspection(bytes32 batch,uint8 stage,uint8 verdict,uint8 revision,uint32 sampleSize,uint32 defects,"
        "bytes32 instrument,bytes32 evidence,uint64 inspectedAt,address inspector,uint256 nonce,uint64 deadline)"
    );

    /// @inheritdoc IInspectionLedger
    IBatchRegistry public immutable override registry;

    mapping(Stage => Policy) private _policies;

    /// @param first policy of first inspection, before assembly
    /// @param final_ policy of final inspection, after it
    constructor(IBatchRegistry registry_, Policy memory first, Policy memory final_)
        ConsortiumBound(registry_.consortium())
        EIP712("ChromaTrace InspectionLedger", "1")
    {
        registry = registry_;
        _setPolicy(Stage.First, first);
        _setPolicy(Stage.Final, final_);
    }

    /// @inheritdoc IInspectionLedger
    function record(Inspection calldata inspection, bytes calldata signature) external {
        _record(inspection, signature);
    }

    /// @inheritdoc IInspectionLedger
    function recordMany(Inspection[] calldata inspections, bytes[] calldata signatures) external {
        if (inspections.length != signatures.length) revert LengthMismatch(inspections.length, signatures.length);
        for (uint256 i = 0; i < inspections.length; ++i) {
            _record(inspections[i], signatures[i]);
        }
    }

    /// @inheritdoc IInspectionLedger
    function setPolicy(Stage stage, uint32 unitsPerSample, bool independent)
        external
        onlyContractRole(ContractRoles.REGISTRAR)
    {
        _setPolicy(stage, Policy(unitsPerSample, independent));
    }

    /// @inheritdoc IInspectionLedger
    function policy(Stage stage) external view returns (Policy memory) {
        return _policies[stage];
    }

    /// @inheritdoc IInspectionLedger
    function digestOf(Inspection calldata inspection) external view returns (bytes32) {
        return _digest(inspection);
    }

    function _record(Inspection calldata inspection, bytes calldata signature) private {
        if (inspection.verdict == Verdict.None) revert InvalidVerdict();
        if (inspection.deadline < block.timestamp) revert InspectionExpired(inspection.deadline);
        if (inspection.inspectedAt > block.timestamp) revert InspectionInTheFuture(inspection.inspectedAt);
        OrgId organisation = consortium.authorize(inspection.inspector, Roles.INSPECTOR);
        _checkAgainstBatch(inspection, organisation);
        bytes32 digest = _digest(inspection);
        if (!SignatureChecker.isValidSignatureNow(inspection.inspector, digest, signature)) {
            revert InvalidInspectionSignature(inspection.inspector, digest);
        }
        _useCheckedNonce(inspection.inspector, inspection.nonce);

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
        registry.applyVerdict(inspection.batch, inspection.stage, inspection.verdict);
    }

    function _setPolicy(Stage stage, Policy memory new_) private {
        _policies[stage] = new_;
        emit PolicyChanged(stage, new_.unitsPerSample, new_.independent);
    }

    /// @dev Revision, independence and sample, in that order.
    function _checkAgainstBatch(Inspection calldata inspection, OrgId organisation) private view {
        IBatchRegistry.Batch memory inspected = registry.batch(inspection.batch);
        if (inspected.state == IBatchRegistry.State.Unknown) revert IBatchRegistry.UnknownBatch(inspection.batch);
        uint256 expected =
            1 + uint256(inspection.stage == Stage.First ? inspected.firstRevision : inspected.finalRevision);
        if (inspection.revision != expected) revert WrongRevision(inspection.revision, expected);

        Policy memory required = _policies[inspection.stage];
        if (required.independent && organisation == inspected.producer) {
            revert InspectorNotIndependent(inspection.inspector, organisation);
        }
        uint256 smallest = _smallestSample(inspected.quantity, required.unitsPerSample);
        if (inspection.sampleSize < smallest) revert SampleTooSmall(inspection.sampleSize, smallest);
        if (inspection.sampleSize > inspected.quantity) {
            revert SampleTooLarge(inspection.sampleSize, inspected.quantity);
        }
        if (inspection.defects > inspection.sampleSize) {
            revert TooManyDefects(inspection.defects, inspection.sampleSize);
        }
    }

    function _digest(Inspection calldata inspection) private view returns (bytes32) {
        // All fields are static, so that the struct's ABI encoding is the EIP-712 encoding of its members.
        return _hashTypedDataV4(keccak256(abi.encode(INSPECTION_TYPEHASH, inspection)));
    }

    /// @dev One unit of every `unitsPerSample`, rounded up; at least one.
    function _smallestSample(uint256 quantity, uint256 unitsPerSample) private pure returns (uint256) {
        return unitsPerSample == 0 ? 1 : (quantity + unitsPerSample - 1) / unitsPerSample;
    }
}
