// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Weighing} from "../libraries/ConsensusRule.sol";
import {IConsortiumBound} from "./IConsortiumBound.sol";
import {IInspectionLedger} from "./IInspectionLedger.sol";
import {BatchId, OrgId, Stage} from "./Types.sol";

/// @notice Id of a lane: `panel << 16 | number`. A lane holds one round of a panel at a time.
type LaneId is uint48;

/// @notice Id of one round: `keccak256(abi.encode(lane, tag))`.
type RoundId is bytes32;

/// @title Inspection by consensus
/// @notice The contract draws inspectors at random. They commit to their answers, reveal them, and the rule of the panel
/// decides. A panel is the inspectors and the rule of one organisation. Capabilities, scores, thresholds and penalties
/// are in 1/10,000.
/// Phases: Requested -> Seated (commit, then reveal) -> Decided, or Requested again for more seats; Lapsed if the round
/// cannot be decided in time.
/// @dev Storage is reused: the two slots of a lane by its next round, the commitment of an inspector by its next seat. An
/// inspector sits in one round of a panel at a time. Past rounds exist in events only.
/// Limitations (docs/adr/0005): the producer of the block whose hash seeds a draw can try several blocks, and the
/// inspectors that are free depend on when the draw is sent. An inspector of a later wave can read the answers of earlier
/// waves; a rule with `firstWave` equal to `maximum` prevents that.
interface IQualityConsensus is IConsortiumBound {
    enum Phase {
        None,
        Requested,
        Seated,
        Decided,
        Lapsed
    }

    /// @notice Status of a seat. `Stalled`: the inspector missed the deadline.
    enum SeatStatus {
        Drawn,
        Committed,
        Stalled,
        Revealed
    }

    /// @notice Rule of a panel.
    /// @dev Exactly one storage slot.
    /// @param states number of possible answers, 2 to 12
    /// @param minimum minimum number of answers; odd. At least 1 for log-odds, otherwise more than `states`
    /// @param maximum number of answers at which the best group wins; odd, at most 17
    /// @param firstWave seats drawn at once, from `minimum` to `maximum`; these inspectors cannot see each other's answers
    /// @param threshold score at which a group wins, in 1/10,000. For log-odds: lead over every other group,
    /// ln((1 - error) / error)
    /// @param minimumCapability capability below which an inspector is not drawn, in 1/10,000
    /// @param stallPenalty capability deducted for missing a deadline, in 1/10,000
    /// @param commitSeconds seconds from the draw to the deadline of commitments, and from a request to the deadline of its
    /// draw
    /// @param revealSeconds seconds from the deadline of commitments to the deadline of reveals
    /// @param passing state that is the verdict `Pass`; every other state is `Fail`
    /// @param decidesFirst whether only rounds of step 0 decide the verdict of the first inspection
    /// @param decidesFinal whether only rounds of step 0 decide the verdict of the final inspection
    struct Rule {
        uint8 states;
        uint8 minimum;
        uint8 maximum;
        uint8 firstWave;
        Weighing weighing;
        uint24 threshold;
        uint16 minimumCapability;
        uint16 stallPenalty;
        uint32 commitSeconds;
        uint32 revealSeconds;
        uint8 passing;
        bool decidesFirst;
        bool decidesFinal;
    }

    /// @notice An inspector of a panel.
    /// @dev The first of three storage slots ends with `stalls`.
    /// @param capability present capability in 1/10,000
    /// @param inspections inspections since the counters were last reset, below 10
    /// @param wins inspections among these in which the answer won
    /// @param own whether it belonged to the panel's organisation when it was enrolled
    /// @param defects units out of limits in its last revealed answer
    /// @param stalls number of missed deadlines
    /// @param evidence commitment of its present seat; after the reveal, digest of the evidence if the round decides a
    /// verdict
    /// @param instrument digest that identifies the instrument and its calibration
    struct Inspector {
        address account;
        uint16 capability;
        uint8 inspections;
        uint8 wins;
        bool active;
        bool own;
        uint32 defects;
        uint16 stalls;
        bytes32 evidence;
        bytes32 instrument;
    }

    /// @notice The present or last round of a lane.
    /// @dev The first of two storage slots of a lane; the second packs the seats (`Seats`).
    /// @param decidesVerdict whether the outcome is a verdict
    /// @param externalOnly whether inspectors of the panel's organisation are excluded, because the policy of the ledger
    /// requires independence
    /// @param first number of the inspector in the first seat; 0 if all inspectors are drawn
    /// @param state state of the winning group
    /// @param recorder number of the last inspector of the winning group
    /// @param rule version of the rule that applies
    /// @param drawBlock number of the block whose hash seeds the draw
    /// @param deadline last Unix second to draw or to commit
    /// @param sampleSize units measured, for the verdict
    /// @param tag distinguishes the round from every other round of the lane. It is a hash over the previous tag, the
    /// request and a block hash, so a signature for this round is not valid for another one, also after a reorganisation
    struct Round {
        Phase phase;
        Stage stage;
        bool decidesVerdict;
        bool externalOnly;
        uint8 first;
        uint8 seatCount;
        uint8 state;
        uint8 recorder;
        uint16 rule;
        uint32 drawBlock;
        uint40 deadline;
        uint32 sampleSize;
        uint72 tag;
    }

    /// @notice A seat of a round.
    /// @param inspector number of the inspector in the panel
    /// @param state revealed answer; 0 before the reveal
    struct Seat {
        uint8 inspector;
        SeatStatus status;
        uint8 state;
    }

    /// @notice A round to open.
    /// @param lane number of a free lane of the panel
    /// @param subject batch id, or any id of a workpiece
    /// @param step number of the inspected step; 0 for the stage as a whole, whose outcome can be a verdict
    /// @param first number of the inspector in the first seat; 0 to draw all inspectors
    /// @param sampleSize units measured, if the outcome is a verdict
    struct Request {
        uint16 lane;
        bytes32 subject;
        uint16 step;
        Stage stage;
        uint8 first;
        uint32 sampleSize;
    }

    /// @notice Commitment to an answer, signed as EIP-712 `Commitment(bytes32 round,uint8 seat,bytes32 answer)` in the
    /// domain `ChromaTrace QualityConsensus`, version `1`. `round` is the `RoundId`.
    /// @param answer `keccak256(abi.encode(round id, inspector's account, state, defects, evidence, salt))`
    /// @param r first half of the compact signature (EIP-2098)
    /// @param vs second half of the compact signature
    struct Commitment {
        uint8 seat;
        bytes32 answer;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Revealed answer.
    /// @param state number of the chosen state
    /// @param defects units out of limits
    /// @param evidence SHA-256 of the evidence document
    /// @param salt random value that hides the answer in its commitment
    struct Answer {
        uint8 seat;
        uint8 state;
        uint32 defects;
        bytes32 evidence;
        bytes32 salt;
    }

    struct RoundCommitments {
        LaneId lane;
        Commitment[] commitments;
    }

    struct RoundAnswers {
        LaneId lane;
        Answer[] answers;
    }

    /// @notice Emitted when the rule of a panel changes.
    /// @param version version of the rule, starting at 1
    /// @param states names of the states, by number
    event RuleSet(OrgId indexed panel, uint16 version, Rule rule, string[] states);

    /// @notice Emitted when an inspector is enrolled, also again after it was retired.
    /// @param inspector number in the panel
    /// @param capability present capability in 1/10,000
    /// @param own whether it belongs to the panel's organisation
    /// @param instrument digest that identifies the instrument and its calibration
    event InspectorEnrolled(
        OrgId indexed panel, uint8 inspector, address indexed account, uint16 capability, bool own, bytes32 instrument
    );

    /// @notice Emitted when an inspector is retired.
    /// @param inspector number in the panel
    event InspectorRetired(OrgId indexed panel, uint8 inspector, address indexed account);

    /// @notice Emitted when an inspector changes its instrument.
    /// @param inspector number in the panel
    /// @param instrument digest that identifies the instrument and its calibration
    event InstrumentChanged(OrgId indexed panel, uint8 inspector, bytes32 instrument);

    /// @notice Emitted when a round is opened.
    /// @param step number of the inspected step; 0 for the stage as a whole
    /// @param lane number of the lane of the panel
    /// @param rule version of the rule that applies
    /// @param first number of the inspector in the first seat; 0 if all inspectors are drawn
    /// @param sampleSize units measured, if the outcome is a verdict
    /// @param decidesVerdict whether the outcome is a verdict
    /// @param drawBlock number of the block whose hash seeds the draw
    /// @param deadline last Unix second to draw
    event RoundOpened(
        RoundId indexed round,
        OrgId indexed panel,
        bytes32 indexed subject,
        uint16 step,
        Stage stage,
        uint16 lane,
        uint16 rule,
        uint8 first,
        uint32 sampleSize,
        bool decidesVerdict,
        uint32 drawBlock,
        uint40 deadline
    );

    /// @notice Emitted when inspectors are drawn.
    /// @param seats all seats of the round, 12 bits each from the lowest: inspector (8 bits), then status (4 bits): 0 drawn,
    /// 1 committed, 2 stalled, 3 + state revealed
    /// @param firstNewSeat index of the first new seat
    /// @param count number of seats
    /// @param deadline last Unix second to commit
    event SeatsDrawn(RoundId indexed round, uint256 seats, uint8 firstNewSeat, uint8 count, uint40 deadline);

    /// @notice Emitted when inspectors commit to their answers.
    /// @param seats all seats of the round, encoded as in `SeatsDrawn`
    event AnswersCommitted(RoundId indexed round, uint256 seats);

    /// @notice Emitted when a commitment or an answer is skipped because the seat has already committed or revealed.
    event AnswerSkipped(RoundId indexed round, uint8 seat);

    /// @notice Emitted when an inspector reveals its answer.
    /// @param defects units out of limits
    /// @param evidence SHA-256 of the evidence document
    event AnswerRevealed(RoundId indexed round, uint8 seat, uint8 state, uint32 defects, bytes32 evidence);

    /// @notice Emitted when an inspector misses a deadline.
    /// @param capability capability after the penalty, in 1/10,000
    event SeatStalled(RoundId indexed round, uint8 seat, uint16 capability);

    /// @notice Emitted when a round needs more seats, or a draw must use the hash of a later block.
    /// @param drawBlock number of the block whose hash seeds the draw
    /// @param deadline last Unix second to draw
    event MoreSeatsRequested(RoundId indexed round, uint32 drawBlock, uint40 deadline);

    /// @notice Emitted when a round is decided.
    /// @param state state of the winning group; revealed seats with another state dissent
    /// @param score score of the winning group, in 1/10,000
    /// @param recorder seat of the last inspector of the winning group
    /// @param thresholdReached whether the score reached the threshold; otherwise the best group won at the maximum
    /// @param capabilities capability of each seat's inspector after the round, in 1/10,000; 0 for seats without an answer.
    /// Unchanged if there was only one answer
    event RoundDecided(
        RoundId indexed round,
        uint8 state,
        uint32 score,
        uint8 recorder,
        bool thresholdReached,
        uint16[] capabilities
    );

    /// @notice Emitted when a round ends without a decision.
    event RoundLapsed(RoundId indexed round);

    /// @notice Emitted when the inspection ledger rejects the verdict of a decided round. `deliver` can submit it later.
    /// @param reason encoded error of the ledger
    event VerdictRejected(RoundId indexed round, bytes reason);

    /// @notice A field of the rule is out of range.
    /// @param field name of the field
    error InvalidRule(string field);

    /// @notice The panel has no rule.
    error NoRule(OrgId panel);

    /// @notice The capability is above 1.
    /// @param capability rejected capability in 1/10,000
    error CapabilityOutOfRange(uint16 capability);

    /// @notice The account is an active inspector of the panel.
    /// @param inspector number in the panel
    error AlreadyEnrolled(address account, uint8 inspector);

    /// @notice The panel has 255 inspectors.
    error PanelFull(OrgId panel);

    /// @notice The panel has no active inspector with this number; 0 if the caller has no number.
    /// @param inspector number in the panel
    error UnknownInspector(OrgId panel, uint256 inspector);

    /// @notice The inspector is retired or sits in a round.
    /// @param inspector number in the panel
    error InspectorUnavailable(uint8 inspector);

    /// @notice The batch was produced by another organisation than the panel's.
    error BatchOfAnotherOrganisation(bytes32 subject, OrgId producer, OrgId panel);

    /// @notice The inspector belongs to the panel's organisation and the policy requires independence.
    /// @param inspector number in the panel
    error InspectorNotExternal(uint8 inspector);

    /// @notice The lane has a round that is not finished.
    error RoundInProgress(LaneId lane, Phase phase);

    /// @notice The operation is not valid in the present phase of the round.
    error WrongPhase(LaneId lane, Phase phase);

    /// @notice The block whose hash seeds the draw does not exist yet.
    /// @param drawBlock number of that block
    error DrawTooEarly(LaneId lane, uint32 drawBlock);

    /// @notice Too few inspectors can be drawn.
    /// @param available inspectors that can be drawn
    /// @param required inspectors to draw
    error NotEnoughInspectors(LaneId lane, uint256 available, uint256 required);

    /// @notice The deadline of the operation has passed.
    /// @param deadline last Unix second of the operation
    error DeadlinePassed(LaneId lane, uint256 deadline);

    /// @notice The round cannot be closed before its deadline.
    /// @param deadline last Unix second of the present phase
    error NotOverdue(LaneId lane, uint256 deadline);

    /// @notice The round has no seat with this index.
    error UnknownSeat(LaneId lane, uint8 seat);

    /// @notice The seat has not committed to an answer.
    error NotCommitted(LaneId lane, uint8 seat);

    /// @notice The commitment is not signed by the inspector of the seat, or was changed after signing.
    /// @param signer account recovered from the signature
    error NotDrawnInspector(LaneId lane, uint8 seat, address signer);

    /// @notice The inspector does not hold the role `INSPECTOR`.
    error InspectorNotAuthorised(LaneId lane, address account);

    /// @notice Answers can be revealed only after every seat has committed.
    /// @param missing number of seats that have not committed
    error NotAllCommitted(LaneId lane, uint8 missing);

    /// @notice The rule has no state with this number.
    error UnknownState(uint8 state);

    /// @notice The answer does not match the commitment of the seat.
    error AnswerMismatch(LaneId lane, uint8 seat);

    /// @notice No rejected verdict of this stage is waiting, or the stage has a later verdict.
    error NoPendingVerdict(BatchId batch, Stage stage);

    /// @notice The transaction must leave more gas for the inspection ledger.
    /// @param required gas that must be left
    error InsufficientGas(uint256 required);

    /// @notice Set the rule of the caller's panel. It applies to rounds opened later. Requires the role `ADMIN`.
    /// @param states names of the states, by number
    function setRule(Rule calldata rule_, string[] calldata states) external;

    /// @notice Enrol an inspector in the caller's panel. A retired inspector keeps its number and capability. Requires the
    /// role `ADMIN`; the account must hold the role `INSPECTOR`.
    /// @param capability initial capability in 1/10,000
    /// @param instrument digest that identifies the instrument and its calibration
    function enrol(address account, uint16 capability, bytes32 instrument) external;

    /// @notice Retire an inspector: it is not drawn again but keeps its present seat. Requires the role `ADMIN`.
    /// @param number number in the panel
    function retire(uint8 number) external;

    /// @notice Set the instrument of the calling inspector in one panel.
    /// @param instrument digest that identifies the instrument and its calibration
    function setInstrument(OrgId panel, bytes32 instrument) external;

    /// @notice Open rounds of the caller's panel; reverts if one is invalid. Requires the role `PRODUCER` or `INSPECTOR`.
    function open(Request[] calldata requests) external;

    /// @notice Draw the seats that rounds requested. Anyone can call it from the block after `drawBlock`. If the hash of that
    /// block is no longer available (256 blocks), the draw is scheduled again with the same deadline.
    function draw(LaneId[] calldata lanes) external;

    /// @notice Submit signed commitments. Skips seats that have committed; reverts if a commitment is invalid. Anyone can
    /// submit them. An inspector, such as a contract wallet, can also submit its own commitment without a signature.
    function commit(RoundCommitments[] calldata rounds) external;

    /// @notice Reveal answers after every seat of the round has committed. Skips seats that have revealed. Anyone can submit
    /// them. An answer with more defects than the sample of a round that decides a verdict is rejected: its seat can only
    /// stall. The last answer decides the round or requests more seats.
    function reveal(RoundAnswers[] calldata rounds) external;

    /// @notice Close the phase of an overdue round: inspectors that missed the deadline are penalised and replaced. A round
    /// that cannot be filled lapses. Anyone can call it.
    function close(LaneId lane) external;

    /// @notice Submit the verdict of a decided round again that the ledger rejected. Anyone can call it while the stage has
    /// no later verdict.
    function deliver(BatchId batch, Stage stage) external;

    /// @notice Return the inspection ledger that records verdicts.
    function ledger() external view returns (IInspectionLedger);

    /// @notice Return the number of blocks between a request and the block whose hash seeds its draw.
    function drawDelay() external view returns (uint8);

    /// @notice Return the present rule of a panel; version 0 if it has none.
    function rule(OrgId panel) external view returns (uint16 version, Rule memory);

    /// @notice Return an inspector of a panel; all zeros if there is none.
    /// @param number number in the panel
    function inspector(OrgId panel, uint8 number) external view returns (Inspector memory);

    /// @notice Return the number of an inspector in a panel; 0 if it was never enrolled.
    function numberOf(OrgId panel, address account) external view returns (uint8);

    /// @notice Return the inspectors that can be drawn now.
    /// @return bit n is set for inspector number n
    function eligible(OrgId panel) external view returns (uint256);

    /// @notice Return the present or last round of a lane.
    function round(LaneId lane) external view returns (RoundId, Round memory, Seat[] memory);
}
