// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBatchRegistry} from "./IBatchRegistry.sol";
import {IConsortiumBound} from "./IConsortiumBound.sol";
import {BatchId, OrgId, Stage, Verdict} from "./Types.sol";

/// @title Two-stage inspection results, signed by the inspector and submitted by anyone.
/// @notice A verdict is an event here and a field of the batch's slot. It can be superseded by a later revision, never
/// erased.
interface IInspectionLedger is IConsortiumBound {
    /// @notice The EIP-712 message that an inspector signs, in the domain `ChromaTrace InspectionLedger`, version `1`:
    /// `Inspection(bytes32 batch,uint8 stage,uint8 verdict,uint8 revision,uint32 sampleSize,uint32 defects,bytes32
    /// instrument,bytes32 evidence,uint64 inspectedAt,address inspector,uint256 nonce,uint64 deadline)`.
    /// @param revision number of this verdict within its stage, from 1: 1 for the first, n + 1 to supersede the n-th
    /// @param sampleSize units measured
    /// @param defects units out of limits
    /// @param instrument digest that identifies the instrument and its calibration
    /// @param evidence SHA-256 of the evidence document
    /// @param inspectedAt Unix seconds
    /// @param nonce keyed nonce (upper 192 bits: lane, lower 64: next number in the lane)
    /// @param deadline last Unix second at which the signature may be submitted
    struct Inspection {
        BatchId batch;
        Stage stage;
        Verdict verdict;
        uint8 revision;
        uint32 sampleSize;
        uint32 defects;
        bytes32 instrument;
        bytes32 evidence;
        uint64 inspectedAt;
        address inspector;
        uint256 nonce;
        uint64 deadline;
    }

    /// @param unitsPerSample at least one sample per this many units, rounded up; 0: any sample of at least one
    /// @param independent whether operators of the producing organisation are refused
    struct Policy {
        uint32 unitsPerSample;
        bool independent;
    }

    /// @notice A round's outcome as `IQualityConsensus` gives it; the inspector is the round's recorder.
    struct ConsensusVerdict {
        BatchId batch;
        Stage stage;
        Verdict verdict;
        uint32 sampleSize;
        uint32 defects;
        address inspector;
        bytes32 instrument;
        bytes32 evidence;
    }

    event InspectionRecorded(
        BatchId indexed batch,
        Stage indexed stage,
        address indexed inspector,
        OrgId organisation,
        Verdict verdict,
        uint8 revision,
        uint32 sampleSize,
        uint32 defects,
        bytes32 instrument,
        bytes32 evidence,
        uint64 inspectedAt
    );
    event PolicyChanged(Stage indexed stage, uint32 unitsPerSample, bool independent);
    /// @notice Whose batches' verdicts, of which stages, come from consensus alone.
    event ConsensusRequired(OrgId indexed producer, bool firstStage, bool finalStage);

    error InvalidVerdict();
    error InvalidInspectionSignature(address inspector, bytes32 digest);
    error InspectionExpired(uint64 deadline);
    error InspectionInTheFuture(uint64 inspectedAt);
    error SampleTooSmall(uint32 sampleSize, uint256 required);
    error SampleTooLarge(uint32 sampleSize, uint32 quantity);
    error TooManyDefects(uint32 defects, uint32 sampleSize);
    error WrongRevision(uint8 revision, uint8 expected);
    error InspectorNotIndependent(address inspector, OrgId organisation);
    error VerdictByConsensusOnly(BatchId batch, Stage stage);
    error LengthMismatch(uint256 first, uint256 second);

    /// @notice Records a signed inspection and applies its verdict to the batch. Anyone may submit it. The inspector is
    /// an account, or a contract that answers ERC-1271.
    function record(Inspection calldata inspection, bytes calldata signature) external;

    /// @notice Records many, all or none.
    function recordMany(Inspection[] calldata inspections, bytes[] calldata signatures) external;

    /// @notice Sets the sampling and independence policy of a stage. Only the consortium's registrar.
    function setPolicy(Stage stage, uint32 unitsPerSample, bool independent) external;

    /// @notice Records a round's outcome, by the rules that a signed inspection is held to, and applies it. Only contracts
    /// with the role `CONSENSUS`.
    function recordConsensus(ConsensusVerdict calldata verdict) external;

    /// @notice Makes consensus the only source of a producer's verdicts of a stage, or ends that. Only contracts with the
    /// role `CONSENSUS`, which the producer's administrator tells.
    function requireConsensus(OrgId producer, bool firstStage, bool finalStage) external;

    /// @notice That a verdict could be recorded with this sample; reverts where not.
    /// @return producer who made the batch
    /// @return independent whether inspectors of the producer are refused
    function checkConsensus(BatchId batch, Stage stage, uint32 sampleSize)
        external
        view
        returns (OrgId producer, bool independent);

    /// @notice How many verdicts of this stage the batch has had.
    function revisionOf(BatchId batch, Stage stage) external view returns (uint8);

    /// @notice Whether verdicts of this stage of the producer's batches come from consensus alone.
    function requiresConsensus(OrgId producer, Stage stage) external view returns (bool);

    /// @notice The batches that verdicts are applied to.
    function registry() external view returns (IBatchRegistry);

    function policy(Stage stage) external view returns (Policy memory);

    /// @notice The EIP-712 digest to sign.
    function digestOf(Inspection calldata inspection) external view returns (bytes32);
}
