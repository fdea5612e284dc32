// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortiumBound} from "./IConsortiumBound.sol";
import {IRouteVerifier, RouteId} from "./IRouteVerifier.sol";
import {BatchId, OrgId, Stage, Verdict} from "./Types.sol";

/// @title Batches: identity, genealogy, life cycle, release and recall.
/// @notice Registered -> FirstPassed | Stopped (-> Recycled) -> Assembled -> Graded (or Scrapped) -> Released.
/// @dev Two slots a batch: its state, and a commitment to what was registered. The commitment's parts are in the event
/// and are given again, and checked, where a rule needs them. Hazard: a batch in the hands of another organisation can
/// still be recalled, never regraded.
interface IBatchRegistry is IConsortiumBound {
    enum BatchState {
        Unknown,
        Registered,
        FirstPassed,
        Stopped,
        Recycled,
        Assembled,
        Graded,
        Scrapped,
        Released
    }

    enum SalesChannel {
        Standard,
        Defective
    }

    /// @dev Exactly one slot. Quantities are units (panes).
    /// @param channels bit 0: released to the standard channel, bit 1: to the defective channel
    /// @param firstRevision how many first-inspection verdicts there have been
    struct Batch {
        BatchState state;
        bool onHold;
        bool recalled;
        uint8 channels;
        Verdict firstVerdict;
        Verdict finalVerdict;
        uint8 firstRevision;
        uint8 finalRevision;
        OrgId producer;
        OrgId custodian;
        uint32 quantity;
        uint32 standard;
        uint32 defective;
        uint32 scrap;
    }

    /// @notice What a batch is made of.
    /// @dev Hazard: `quantity` is at most the input's own quantity. What all batches made of it use together is not
    /// bounded here, which would take a slot for each input; readers add it up from the events.
    /// @param quantity units of `batch` that went in, at least 1
    struct Input {
        BatchId batch;
        uint32 quantity;
    }

    /// @param gtin GTIN-14 as a number
    /// @param lot GS1 AI (10): 1 to 20 characters of set 82
    /// @param serialRoot root of the Merkle tree of the unit serials; 0 where units carry none
    /// @param contentDigest SHA-256 of the batch's content document
    /// @param route id of a route that is designed by now; 0 where none
    /// @param inputs batches that this one is made of, and how much of each
    struct Registration {
        uint64 gtin;
        string lot;
        uint32 quantity;
        bytes32 serialRoot;
        bytes32 contentDigest;
        bytes32 route;
        Input[] inputs;
    }

    /// @notice What the commitment of a batch is made of:
    /// `keccak256(abi.encode(serialRoot, contentDigest, route, keccak256(abi.encode(inputs))))`.
    struct Parts {
        bytes32 serialRoot;
        bytes32 contentDigest;
        bytes32 route;
        Input[] inputs;
    }

    event BatchRegistered(
        BatchId indexed batch,
        OrgId indexed producer,
        uint64 indexed gtin,
        string lot,
        uint32 quantity,
        bytes32 serialRoot,
        bytes32 contentDigest,
        bytes32 route,
        Input[] inputs
    );
    /// @param revision number of this verdict within its stage, from 1
    event VerdictApplied(BatchId indexed batch, Stage indexed stage, Verdict verdict, uint8 revision, BatchState state);
    event BatchRecycled(BatchId indexed batch, address indexed by);
    event BatchAssembled(BatchId indexed batch, address indexed by);
    event BatchGraded(BatchId indexed batch, uint32 standard, uint32 defective, uint32 scrap, address indexed by);
    event BatchReleased(BatchId indexed batch, SalesChannel indexed channel, address indexed by);
    event BatchHeld(BatchId indexed batch, address indexed by, string reason);
    event BatchHoldReleased(BatchId indexed batch, address indexed by, string reason);
    /// @param cause the recalled batch that this one descends from; its own id where it is the origin
    event BatchRecalled(BatchId indexed batch, BatchId indexed cause, address indexed by, string reason);
    event CustodyTransferred(BatchId indexed batch, OrgId indexed from, OrgId indexed to);

    error InvalidGtin(uint64 gtin);
    error InvalidLotLength(uint256 length);
    error InvalidLotCharacter(uint256 position, bytes1 character);
    error InvalidQuantity();
    error BatchAlreadyRegistered(BatchId batch);
    error UnknownBatch(BatchId batch);
    error DuplicateInput(BatchId input);
    error UnusableInput(BatchId input, BatchState state, bool recalled, bool onHold);
    /// @param available units that the input has
    error InvalidInputQuantity(BatchId input, uint32 quantity, uint32 available);
    error InputNotHeld(BatchId input, OrgId custodian, OrgId producer);
    error WrongState(BatchId batch, BatchState state);
    error BatchOnHold(BatchId batch);
    error BatchNotOnHold(BatchId batch);
    error BatchIsRecalled(BatchId batch);
    error BatchNotRecalled(BatchId batch);
    error NotProducer(BatchId batch, OrgId producer, OrgId caller);
    error NotBatchSupervisor(BatchId batch, address caller);
    error QuantityMismatch(uint32 quantity, uint256 sum);
    error VerdictMissing(BatchId batch, Stage stage);
    error VerdictFailed(BatchId batch, Stage stage);
    error NothingToRelease(BatchId batch, SalesChannel channel);
    error AlreadyReleased(BatchId batch, SalesChannel channel);
    error CommitmentMismatch(BatchId batch);
    error NotAnInput(BatchId parent, BatchId child);
    error RevisionsExhausted(BatchId batch, Stage stage);
    error LengthMismatch(uint256 first, uint256 second);

    /// @notice The policy of the batch's route asks for a proof before release, and there is none.
    error RouteNotProven(BatchId batch, RouteId route);

    /// @notice Registers one batch of the caller's organisation. Only a producer.
    function register(Registration calldata registration) external returns (BatchId);

    /// @notice Registers many batches, all or none. Only a producer.
    function registerMany(Registration[] calldata registrations) external;

    /// @notice Closes a stopped batch: its material is recycled. Only the producer.
    function recycle(BatchId id) external;

    /// @notice Records that the devices of a batch that passed first inspection are assembled. Only the producer.
    function assemble(BatchId id) external;

    /// @notice Splits an assembled batch after final inspection; the three add up to its quantity, and a batch whose
    /// final verdict is Fail has no standard quantity. Only the producer.
    function grade(BatchId id, uint32 standard, uint32 defective, uint32 scrap) external;

    /// @notice Releases the graded quantity of one channel. The standard channel needs both verdicts to be Pass, the
    /// defective channel needs first Pass and any final verdict; a batch whose route requires its proof must be proven
    /// (`IRouteVerifier`). Only the producer.
    function release(BatchId id, SalesChannel channel) external;

    /// @notice Stops everything but inspection, recall and the end of the hold. Only a supervisor (see `recall`). A
    /// batch that is recalled can be neither held nor freed: recall is the stronger stop.
    function hold(BatchId id, string calldata reason) external;

    /// @notice Ends a hold. Only a supervisor (see `recall`).
    function releaseHold(BatchId id, string calldata reason) external;

    /// @notice Recalls a batch, for ever. Only a supervisor of its producer or of an authority.
    function recall(BatchId id, string calldata reason) external;

    /// @notice Recalls batches made of a recalled `parent`; the link of each is checked against its commitment. Only a
    /// supervisor of the producer of the parent or of the child, or of an authority.
    /// @param parts one for each child, in order
    function recallDescendants(
        BatchId parent,
        BatchId[] calldata children,
        Parts[] calldata parts,
        string calldata reason
    ) external;

    /// @notice Applies an inspection's outcome. A first verdict decides between FirstPassed and Stopped for as long as
    /// the batch is not recycled or assembled; a final verdict is given from Assembled on. A failing verdict that comes
    /// when its stage is over (first: assembled or later, final: graded or later) puts the batch on hold, with its
    /// `BatchHeld`, where it is not on hold yet.
    /// Only contracts with the role `VERDICT_LEDGER`.
    /// @return revision number of this verdict within its stage, from 1
    /// @return producer who made the batch
    /// @return quantity units in the batch
    function applyVerdict(BatchId id, Stage stage, Verdict verdict)
        external
        returns (uint8 revision, OrgId producer, uint32 quantity);

    /// @notice Moves custody. Only contracts with the role `CUSTODY_LEDGER`. A recalled batch moves
    /// only to its producer, on hold or not.
    function recordTransfer(BatchId id, OrgId to) external;

    /// @notice The batch, all zeros (`BatchState.Unknown`) where there is none.
    function batch(BatchId id) external view returns (Batch memory);

    /// @notice The commitment to the batch's `Parts`; 0 where there is none.
    function commitmentOf(BatchId id) external view returns (bytes32);

    /// @notice The route whose proof the batch needs before release, by the policy in force when it was registered; 0
    /// where it needs none.
    function requiredRouteOf(BatchId id) external view returns (RouteId);

    /// @notice Where routes are proven.
    function verifier() external view returns (IRouteVerifier);

    /// @notice The id that a GTIN and lot would have; checks neither.
    function batchIdOf(uint64 gtin, string calldata lot) external pure returns (BatchId);
}
