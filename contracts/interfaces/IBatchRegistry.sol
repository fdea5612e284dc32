// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortiumBound} from "./IConsortiumBound.sol";
import {IRouteVerifier, RouteId} from "./IRouteVerifier.sol";
import {BatchId, OrgId, Stage, Verdict} from "./Types.sol";

/// @title Batches: identity, genealogy, life cycle, release and recall
/// @notice Life cycle: Registered -> FirstPassed or Stopped (-> Recycled) -> Assembled -> Graded (or Scrapped) -> Released.
/// @dev A batch takes two storage slots: its state, and a commitment to its registration with the units used as input. The
/// committed values are in the event `BatchRegistered`; a caller supplies them again where a function needs them, and the
/// commitment is checked.
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

    /// @notice Who set a hold, which determines who can end it. The kinds are independent: a batch is on hold while it has
    /// any of them.
    ///
    ///     Producer         a supervisor of the producer; ended by one, or by an authority
    ///     FirstInspection  a failing first verdict after the first stage; ended by a passing first verdict or an authority
    ///     FinalInspection  a failing final verdict after grading; ended by a passing final verdict or an authority
    ///     SupplierNotice   the recall of an input by its producer; ended by a supervisor of the batch's producer or of an
    ///                      authority, which answer the notice by ending the hold or by recalling the batch
    ///     Authority        a supervisor of an authority; ended by one of any authority
    enum HoldKind {
        Producer,
        FirstInspection,
        FinalInspection,
        SupplierNotice,
        Authority
    }

    /// @notice Effect of `recallDescendants` on a child; `Skipped` if it was done before.
    enum RecallOutcome {
        Skipped,
        Recalled,
        Noticed
    }

    /// @notice State of a batch.
    /// @param holds mask of the holds that are set: bit n for the n-th `HoldKind`
    /// @param channels released sales channels: bit 0 for `Standard`, bit 1 for `Defective`
    /// @param firstRevision number of verdicts of the first inspection; 255 for 255 or more
    /// @param finalRevision number of verdicts of the final inspection; 255 for 255 or more
    /// @param custodian organisation that holds the batch
    /// @param quantity registered units
    /// @param standard units graded for the standard channel
    /// @param defective units graded for the defective channel
    /// @param scrap units graded as scrap
    /// @param gtin GTIN-14 as a number
    struct Batch {
        BatchState state;
        uint8 holds;
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
        uint48 gtin;
    }

    /// @notice A batch that another batch is made of.
    /// @dev All uses of a batch together are at most its quantity, and at most its units that are not scrap once it is
    /// graded. The contract does not know which units of a graded batch were used.
    /// @param quantity units of `batch` used, at least 1
    struct Input {
        BatchId batch;
        uint32 quantity;
    }

    /// @notice A batch to register.
    /// @param gtin GTIN-14 as a number
    /// @param lot batch or lot number, GS1 AI (10): 1 to 20 characters of set 82
    /// @param quantity units in the batch, at least 1
    /// @param serialRoot root of the Merkle tree of the unit serial numbers; 0 if units have none
    /// @param contentDigest SHA-256 of the content document
    /// @param route id of a route that is already designed; 0 for none
    /// @param inputs batches that this batch is made of
    struct Registration {
        uint64 gtin;
        string lot;
        uint32 quantity;
        bytes32 serialRoot;
        bytes32 contentDigest;
        bytes32 route;
        Input[] inputs;
    }

    /// @notice Values that the commitment of a batch covers:
    /// the first 28 bytes of `keccak256(abi.encode(serialRoot, contentDigest, route, keccak256(abi.encode(inputs))))`.
    struct Parts {
        bytes32 serialRoot;
        bytes32 contentDigest;
        bytes32 route;
        Input[] inputs;
    }

    /// @notice Emitted when a batch is registered.
    /// @param gtin GTIN-14 as a number
    /// @param quantity units in the batch
    /// @param serialRoot root of the Merkle tree of the unit serial numbers; 0 if units have none
    /// @param contentDigest SHA-256 of the content document
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

    /// @notice Emitted when `registerMany` skips a batch because its GTIN and lot are registered.
    /// @param producer producer of the existing batch
    event RegistrationSkipped(BatchId indexed batch, OrgId indexed producer, address indexed by);

    /// @notice Emitted when an inspection ledger applies a verdict.
    /// @param revision number of this verdict within its stage, starting at 1; 255 for the 255th and later ones
    /// @param state state of the batch after the verdict
    event VerdictApplied(
        BatchId indexed batch, Stage indexed stage, Verdict verdict, uint8 revision, BatchState state
    );

    /// @notice Emitted when the material of a stopped batch is recycled.
    event BatchRecycled(BatchId indexed batch, address indexed by);

    /// @notice Emitted when the units of a batch are assembled.
    event BatchAssembled(BatchId indexed batch, address indexed by);

    /// @notice Emitted when a batch is graded.
    /// @param standard units for the standard channel
    /// @param defective units for the defective channel
    /// @param scrap units of scrap
    event BatchGraded(BatchId indexed batch, uint32 standard, uint32 defective, uint32 scrap, address indexed by);

    /// @notice Emitted when a batch is released to a sales channel.
    event BatchReleased(BatchId indexed batch, SalesChannel indexed channel, address indexed by);

    /// @notice Emitted when a batch is put on hold.
    /// @param by supervisor, or the inspection ledger if a verdict failed after its stage
    event BatchHeld(BatchId indexed batch, HoldKind indexed kind, address indexed by, string reason);

    /// @notice Emitted when a hold ends. The batch stays on hold while it has holds of other kinds.
    /// @param by supervisor, or the inspection ledger if a verdict superseded the failing one
    event BatchHoldReleased(BatchId indexed batch, HoldKind indexed kind, address indexed by, string reason);

    /// @notice Emitted when the producer of a recalled batch notifies the producer of a batch that is made of it.
    /// @param parent recalled batch
    event SupplierNoticeGiven(BatchId indexed batch, BatchId indexed parent, address indexed by, string reason);

    /// @notice Emitted when `recallDescendants` skips a child that is already recalled, or whose producer already has a
    /// notice about this parent.
    /// @param parent recalled batch
    event RecallSkipped(BatchId indexed batch, BatchId indexed parent, address indexed by);

    /// @notice Emitted when a batch is recalled.
    /// @param cause recalled batch that this batch is made of; the batch itself if the recall starts with it
    event BatchRecalled(BatchId indexed batch, BatchId indexed cause, address indexed by, string reason);

    /// @notice Emitted when the custodian of a batch changes.
    event CustodyTransferred(BatchId indexed batch, OrgId indexed from, OrgId indexed to);

    /// @notice The number is not a GTIN-14: it is 0, has more than 14 digits or has a wrong check digit.
    /// @param gtin rejected number
    error InvalidGtin(uint64 gtin);

    /// @notice The lot does not have 1 to 20 characters.
    /// @param length characters in the lot
    error InvalidLotLength(uint256 length);

    /// @notice A character of the lot is not in GS1 character set 82.
    /// @param position index of the character, starting at 0
    error InvalidLotCharacter(uint256 position, bytes1 character);

    /// @notice The quantity of the batch is 0.
    error InvalidQuantity();

    /// @notice A batch with this GTIN and lot exists.
    error BatchAlreadyRegistered(BatchId batch);

    /// @notice No batch has this id.
    error UnknownBatch(BatchId batch);

    /// @notice The same input is listed twice.
    error DuplicateInput(BatchId input);

    /// @notice The input is unknown, stopped, recycled, scrapped, recalled or on hold.
    error UnusableInput(BatchId input, BatchState state, bool recalled, bool onHold);

    /// @notice The quantity used of an input is 0 or more than the input has left.
    /// @param quantity units to use
    /// @param available units of the input that are neither used nor scrap
    error InvalidInputQuantity(BatchId input, uint32 quantity, uint32 available);

    /// @notice The registering organisation does not hold the input.
    error InputNotHeld(BatchId input, OrgId custodian, OrgId producer);

    /// @notice The operation is not valid in the present state of the batch.
    error WrongState(BatchId batch, BatchState state);

    /// @notice The batch is on hold.
    error BatchOnHold(BatchId batch);

    /// @notice The batch already has a hold of this kind.
    error HoldAlreadySet(BatchId batch, HoldKind kind);

    /// @notice The batch has no hold of this kind.
    error HoldNotSet(BatchId batch, HoldKind kind);

    /// @notice The producer cannot end a hold of this kind: a passing verdict or an authority can.
    error HoldOutranks(BatchId batch, HoldKind kind);

    /// @notice The batch is recalled.
    error BatchIsRecalled(BatchId batch);

    /// @notice The parent must be recalled before its descendants.
    error BatchNotRecalled(BatchId batch);

    /// @notice The caller does not act for the producer of the batch.
    error NotProducer(BatchId batch, OrgId producer, OrgId caller);

    /// @notice The caller is a supervisor neither of the batch's producer nor of an authority.
    error NotBatchSupervisor(BatchId batch, address caller);

    /// @notice The graded quantities do not add up to the quantity of the batch.
    /// @param quantity units in the batch
    /// @param sum graded units
    error QuantityMismatch(uint32 quantity, uint256 sum);

    /// @notice Units that were used as input cannot be graded as scrap.
    /// @param used units that other batches are made of
    /// @param graded units that are not scrap
    error UsedUnitsScrapped(BatchId batch, uint32 used, uint32 graded);

    /// @notice The inspection of this stage has no verdict.
    error VerdictMissing(BatchId batch, Stage stage);

    /// @notice The verdict of this stage is not `Pass`.
    error VerdictFailed(BatchId batch, Stage stage);

    /// @notice No units are graded for this sales channel.
    error NothingToRelease(BatchId batch, SalesChannel channel);

    /// @notice The batch is already released to this sales channel.
    error AlreadyReleased(BatchId batch, SalesChannel channel);

    /// @notice The producer cannot release a batch that another organisation holds.
    error NotHeldByProducer(BatchId batch, OrgId custodian);

    /// @notice The supplied values do not match the commitment of the batch.
    error CommitmentMismatch(BatchId batch);

    /// @notice The parent is not an input of the child.
    error NotAnInput(BatchId parent, BatchId child);

    /// @notice Two arrays that must have the same length differ.
    /// @param first length of the first array
    /// @param second length of the second array
    error LengthMismatch(uint256 first, uint256 second);

    /// @notice The policy of the route requires a proof before release, and the batch has none.
    error RouteNotProven(BatchId batch, RouteId route);

    /// @notice Register a batch of the caller's organisation. The GTIN must be licensed to it (`IGtinLicences`). Requires the
    /// role `PRODUCER`.
    function register(Registration calldata registration) external returns (BatchId);

    /// @notice Register several batches. Skips those whose GTIN and lot are registered; reverts if one is invalid. Requires
    /// the role `PRODUCER`.
    /// @return registered which batches were registered by this call
    function registerMany(Registration[] calldata registrations) external returns (bool[] memory registered);

    /// @notice Close a stopped batch whose material is recycled. Requires the role `PRODUCER` in its producer.
    function recycle(BatchId id) external;

    /// @notice Record that the units of a batch that passed the first inspection are assembled. Requires the role
    /// `PRODUCER` in its producer.
    function assemble(BatchId id) external;

    /// @notice Split an assembled batch after its final inspection. The three quantities must add up to the quantity of
    /// the batch; `standard` must be 0 if the final verdict is `Fail`. Requires the role `PRODUCER` in its producer.
    /// @param standard units for the standard channel
    /// @param defective units for the defective channel
    /// @param scrap units of scrap
    function grade(BatchId id, uint32 standard, uint32 defective, uint32 scrap) external;

    /// @notice Release the units graded for a sales channel. `Standard` requires the verdict `Pass` in both stages,
    /// `Defective` only in the first. If the route of the batch requires a proof, the batch must be proven
    /// (`IRouteVerifier`). The producer must hold the batch. Requires the role `PRODUCER` in the producer of the batch.
    function release(BatchId id, SalesChannel channel) external;

    /// @notice Put a batch on hold: only inspection, recall and the end of the hold remain possible. A recalled batch
    /// cannot be put on hold. Requires the role `SUPERVISOR` in the batch's producer or in an authority.
    function hold(BatchId id, string calldata reason) external;

    /// @notice End the hold of one kind (`HoldKind` lists who can end which). The hold of a recalled batch cannot be ended.
    /// Requires the role `SUPERVISOR` in the batch's producer or in an authority.
    function releaseHold(BatchId id, HoldKind kind, string calldata reason) external;

    /// @notice Recall a batch (irreversible). Requires the role `SUPERVISOR` in the batch's producer or in an authority.
    function recall(BatchId id, string calldata reason) external;

    /// @notice Recall batches that are made of a recalled `parent`. Each child must list the parent among its inputs,
    /// which is checked against its commitment. Children that the caller supervises are recalled. If the caller supervises
    /// only the parent, the others get a supplier notice, once per parent and child. Children that are recalled or noticed
    /// already are skipped. Requires the role `SUPERVISOR` in the producer of the parent, in the producer of each child, or
    /// in an authority.
    /// @param parts committed values of each child, in the order of `children`
    /// @return outcomes effect on each child
    function recallDescendants(
        BatchId parent,
        BatchId[] calldata children,
        Parts[] calldata parts,
        string calldata reason
    ) external returns (RecallOutcome[] memory outcomes);

    /// @notice Apply a verdict. A first verdict changes the state to FirstPassed or Stopped until the batch is recycled or
    /// assembled. A final verdict is valid from Assembled on. A failing verdict after its stage (first: Assembled or
    /// later; final: Graded or later) sets the hold of its stage; a passing verdict ends it. Requires the contract role
    /// `VERDICT_LEDGER`.
    /// @return revision number of this verdict within its stage, starting at 1; 255 for the 255th and later ones
    /// @return producer producer of the batch
    /// @return quantity units in the batch
    /// @return gtin GTIN-14 as a number
    function applyVerdict(BatchId id, Stage stage, Verdict verdict)
        external
        returns (uint8 revision, OrgId producer, uint32 quantity, uint48 gtin);

    /// @notice Record a transfer of custody. A batch that is recalled or on hold can only go to its producer.
    /// Requires the contract role `CUSTODY_LEDGER`.
    function recordTransfer(BatchId id, OrgId to) external;

    /// @notice Return a batch; all zeros (`BatchState.Unknown`) if it is not registered.
    function batch(BatchId id) external view returns (Batch memory);

    /// @notice Return the commitment to the batch's `Parts`; 0 if it is not registered.
    function commitmentOf(BatchId id) external view returns (bytes28);

    /// @notice Return how many units of a batch other batches are made of.
    function unitsUsedOf(BatchId id) external view returns (uint32);

    /// @notice Return the route that must be proven before the batch is released, by the policy at its registration; 0 if
    /// no proof is required.
    function requiredRouteOf(BatchId id) external view returns (RouteId);

    /// @notice Return the contract that verifies routes.
    function verifier() external view returns (IRouteVerifier);

    /// @notice Return the batch id of a GTIN and lot. Does not check whether they are valid.
    /// @param gtin GTIN-14 as a number
    function batchIdOf(uint64 gtin, string calldata lot) external pure returns (BatchId);
}
