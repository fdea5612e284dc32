// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccreditations} from "./IAccreditations.sol";
import {IBatchRegistry} from "./IBatchRegistry.sol";
import {BatchId, OrgId, Stage, Verdict} from "./Types.sol";

/// @title Inspection results of batches, in two stages
/// @notice An inspector signs a result off chain and anyone submits it. The result is an event of this contract and a
/// verdict of the batch. A later revision can supersede it; nothing is erased.
interface IInspectionLedger is IAccreditations {
    /// @notice EIP-712 message that an inspector signs, in the domain `ChromaTrace InspectionLedger`, version `1`:
    /// `Inspection(bytes32 batch,uint8 stage,uint8 verdict,uint8 revision,uint32 sampleSize,uint32 defects,bytes32
    /// instrument,bytes32 evidence,uint64 inspectedAt,address inspector,uint256 nonce,uint64 deadline)`.
    /// @param revision number of this verdict within its stage: 1 for the first, n + 1 to supersede the n-th
    /// @param sampleSize units measured
    /// @param defects units out of limits
    /// @param instrument digest that identifies the instrument and its calibration
    /// @param evidence SHA-256 of the evidence document
    /// @param inspectedAt time of the inspection in Unix seconds
    /// @param nonce keyed nonce: key in the upper 192 bits, next number of the key in the lower 64 bits
    /// @param deadline last Unix second at which the signature can be submitted
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

    /// @notice Sampling and independence policy of a stage.
    /// @param unitsPerSample the sample has at least one unit per this many units, rounded up; 0 for any sample of at
    /// least one unit
    /// @param independent whether inspectors of the producer are rejected; always true for the final stage
    struct Policy {
        uint32 unitsPerSample;
        bool independent;
    }

    /// @notice Outcome of a consensus round (`IQualityConsensus`); `inspector` is the recorder of the round.
    /// @param sampleSize units measured
    /// @param defects units out of limits
    /// @param instrument digest that identifies the instrument and its calibration
    /// @param evidence SHA-256 of the evidence document
    /// @param answers number of inspectors that answered
    struct ConsensusVerdict {
        BatchId batch;
        Stage stage;
        Verdict verdict;
        uint32 sampleSize;
        uint32 defects;
        address inspector;
        bytes32 instrument;
        bytes32 evidence;
        uint8 answers;
    }

    /// @notice Emitted when an inspection result is recorded.
    /// @param organisation organisation of the inspector
    /// @param revision number of this verdict within its stage, starting at 1
    /// @param sampleSize units measured
    /// @param defects units out of limits
    /// @param instrument digest that identifies the instrument and its calibration
    /// @param evidence SHA-256 of the evidence document
    /// @param inspectedAt time of the inspection in Unix seconds; time of the block for a consensus verdict
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

    /// @notice Emitted when `recordMany` skips an inspection that cannot be recorded, for example because it was recorded
    /// before.
    /// @param nonce keyed nonce of the inspection
    /// @param reason error of the inspection, ABI-encoded
    event InspectionSkipped(BatchId indexed batch, address indexed inspector, uint256 nonce, bytes reason);

    /// @notice Emitted when an inspector withdraws the signature with the next nonce of a key.
    /// @param nonce keyed nonce that can no longer be used
    event SignatureWithdrawn(address indexed inspector, uint256 indexed nonce);

    /// @notice Emitted when the policy of a stage changes.
    /// @param unitsPerSample units per sampled unit; 0 for any sample of at least one unit
    /// @param independent whether inspectors of the producer are rejected
    event PolicyChanged(Stage indexed stage, uint32 unitsPerSample, bool independent);

    /// @notice Emitted when the stages change in which only consensus rounds decide the verdicts of a producer's batches.
    /// @param firstStage whether this applies to the first inspection; if not any more, it still does for seven days
    /// @param finalStage whether this applies to the final inspection; if not any more, it still does for seven days
    event ConsensusRequired(OrgId indexed producer, bool firstStage, bool finalStage);

    /// @notice The verdict is `None`.
    error InvalidVerdict();

    /// @notice The signature is not the inspector's signature of this message.
    /// @param digest EIP-712 digest of the message
    error InvalidInspectionSignature(address inspector, bytes32 digest);

    /// @notice The deadline of the signature has passed.
    /// @param deadline last Unix second at which the signature could be submitted
    error InspectionExpired(uint64 deadline);

    /// @notice The time of the inspection is after the time of the block.
    /// @param inspectedAt time of the inspection in Unix seconds
    error InspectionInTheFuture(uint64 inspectedAt);

    /// @notice The inspection is older than ten years.
    /// @param inspectedAt time of the inspection in Unix seconds
    error InspectionTooOld(uint64 inspectedAt);

    /// @notice The final stage always rejects inspectors of the producer.
    error FinalStageIsIndependent();

    /// @notice The sample is smaller than the policy requires.
    /// @param sampleSize units measured
    /// @param required smallest sample in units
    error SampleTooSmall(uint32 sampleSize, uint256 required);

    /// @notice The sample is larger than the batch.
    /// @param sampleSize units measured
    /// @param quantity units in the batch
    error SampleTooLarge(uint32 sampleSize, uint32 quantity);

    /// @notice More defects than measured units.
    /// @param defects units out of limits
    /// @param sampleSize units measured
    error TooManyDefects(uint32 defects, uint32 sampleSize);

    /// @notice The signed revision is not the next one: another verdict was recorded first.
    error WrongRevision(uint8 revision, uint8 expected);

    /// @notice The policy requires an inspector of another organisation than the producer.
    error InspectorNotIndependent(address inspector, OrgId organisation);

    /// @notice A Fail by consensus is superseded only by a round with more answers, or by an authority.
    /// @param answers answers of the round
    /// @param failedAnswers answers of the round that decided the Fail
    error RoundNotLarger(BatchId batch, Stage stage, uint8 answers, uint8 failedAnswers);

    /// @notice Only consensus rounds decide the verdicts of this stage for the producer of the batch.
    error VerdictByConsensusOnly(BatchId batch, Stage stage);

    /// @notice Two arrays that must have the same length differ.
    /// @param first length of the first array
    /// @param second length of the second array
    error LengthMismatch(uint256 first, uint256 second);

    /// @notice Record a signed inspection and apply its verdict to the batch. Anyone can submit it. The inspector must hold
    /// the role `INSPECTOR` in an organisation with a relation to the batch (`IAccreditations`); it can be a contract that
    /// implements ERC-1271.
    /// @dev The time of the inspection is the inspector's statement: the contract rejects times after the block and more than
    /// ten years before it. Readers can compare it with the registration of the batch.
    function record(Inspection calldata inspection, bytes calldata signature) external;

    /// @notice Record several signed inspections. Skips those that cannot be recorded, with an event that has the error.
    /// @return recorded which inspections were recorded by this call
    function recordMany(Inspection[] calldata inspections, bytes[] calldata signatures)
        external
        returns (bool[] memory recorded);

    /// @notice Use up the caller's next nonce of a key, which withdraws a signature with that nonce. Requires the role
    /// `INSPECTOR`.
    /// @param key key of the nonce, its upper 192 bits
    function withdrawSignature(uint192 key) external;

    /// @notice Set the policy of a stage. Requires the contract role `REGISTRAR`.
    /// @param unitsPerSample units per sampled unit, rounded up; 0 for any sample of at least one unit
    /// @param independent whether inspectors of the producer are rejected
    function setPolicy(Stage stage, uint32 unitsPerSample, bool independent) external;

    /// @notice Record the outcome of a consensus round and apply its verdict. Rights, sample and defects were checked when
    /// the round was opened and its answers committed and revealed; later changes do not suppress the verdict. A Pass does not
    /// supersede a Fail of a round with as many answers or more. Requires the contract role `CONSENSUS`.
    function recordConsensus(ConsensusVerdict calldata verdict) external;

    /// @notice Set in which stages only consensus rounds and authorities decide the verdicts of a producer's batches. A stage
    /// that is switched off stays required for seven days. Requires the contract role `CONSENSUS`; the consensus contract
    /// calls it when an administrator of the producer sets a rule.
    function requireConsensus(OrgId producer, bool firstStage, bool finalStage) external;

    /// @notice Check that a verdict could be recorded with a sample of this size; reverts if not.
    /// @param sampleSize units measured
    /// @return producer producer of the batch
    /// @return independent whether inspectors of the producer are rejected
    function checkConsensus(BatchId batch, Stage stage, uint32 sampleSize)
        external
        view
        returns (OrgId producer, bool independent);

    /// @notice Return the number of verdicts that the batch has in this stage.
    function revisionOf(BatchId batch, Stage stage) external view returns (uint8);

    /// @notice Return whether only consensus rounds decide the verdicts of this stage for the producer's batches.
    function requiresConsensus(OrgId producer, Stage stage) external view returns (bool);

    /// @notice Return the registry that holds the batches.
    function registry() external view returns (IBatchRegistry);

    /// @notice Return the policy of a stage.
    function policy(Stage stage) external view returns (Policy memory);

    /// @notice Return the EIP-712 digest that the inspector signs.
    function digestOf(Inspection calldata inspection) external view returns (bytes32);
}
