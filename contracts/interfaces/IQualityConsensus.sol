// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Weighing} from "../libraries/ConsensusRule.sol";
import {IConsortiumBound} from "./IConsortiumBound.sol";
import {IInspectionLedger} from "./IInspectionLedger.sol";
import {BatchId, OrgId, Stage} from "./Types.sol";

/// @notice `panel << 16 | number`: where a panel's rounds are held, one after the other. Whoever opens a round names one.
type LaneId is uint48;

/// @notice `keccak256(abi.encode(lane, tag))`: one round.
type RoundId is bytes32;

/// @title Inspection by consensus: inspectors drawn by the contract answer under seal, the rule in force decides.
/// @notice Requested -> Seated (commit, then reveal) -> Decided, or Requested again for more seats; Lapsed where it
/// cannot be decided in time. A panel is one organisation's inspectors and rule. Capabilities, scores and thresholds are
/// in 1/10,000.
/// @dev Storage is used again and again: a lane's two slots by its next round, an inspector's commitment by its next
/// seat, since it sits in one round of a panel at a time. What a past round was stands in the events.
/// Hazard: whoever produces the block whose hash draws can try several blocks, and seats are filled from who is free when
/// somebody draws (docs/adr/0005). Hazard: an inspector of a later wave can read the answers of the waves before it;
/// `firstWave` = `maximum` makes all answer under seal.
interface IQualityConsensus is IConsortiumBound {
    enum Phase {
        None,
        Requested,
        Seated,
        Decided,
        Lapsed
    }

    /// @notice Where a seat's answer stands.
    enum SeatStatus {
        Drawn,
        Committed,
        Stalled,
        Revealed
    }

    /// @dev Exactly one slot.
    /// @param states number of possible answers, 2 to 12
    /// @param minimum least number of answers; odd and more than there are states, by log-odds 1 or more
    /// @param maximum number of answers at which the best group wins; odd, at most 17
    /// @param firstWave seats drawn at once, `minimum` to `maximum`: those answer under seal from each other
    /// @param threshold score at which a group wins; by log-odds its lead: ln((1 - error) / error) in 1/10,000
    /// @param minimumCapability who has less is not drawn
    /// @param stallPenalty what an inspector loses that does not answer in time
    /// @param commitSeconds from the draw; also from a request to its draw
    /// @param revealSeconds from the end of the time to commit
    /// @param passing the state that is the verdict Pass; every other one is Fail
    /// @param decidesFirst whether the rounds of step 0 give the verdict of first inspection, and nobody else
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

    /// @dev The first slot of three; `evidence` first holds the commitment, and the digest of the evidence once revealed
    /// (where the round gives a verdict).
    /// @param inspections since the counters last started, below 10
    /// @param wins of these
    /// @param own whether it was of the panel's own organisation when enrolled
    /// @param defects as revealed last
    /// @param stalls how often it did not answer in time
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

    /// @dev The first slot of a lane; the second packs the seats.
    /// @param decidesVerdict whether the outcome is a verdict
    /// @param externalOnly whether the panel's own inspectors are left out, as the ledger asks for independence
    /// @param first number of the inspector who sits first; 0 where all are drawn
    /// @param state of the winner group
    /// @param recorder number of its last member
    /// @param rule version of the panel's rule in force
    /// @param drawBlock its hash draws
    /// @param deadline last Unix second to draw, or to commit
    /// @param sampleSize units measured, for the verdict
    /// @param tag what tells this round from every other one of the lane: bits of a hash over all of them, what is
    /// inspected, and the chain before it, so that nothing signed for this round fits another, here or after a
    /// reorganisation
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

    /// @param inspector number in the panel
    /// @param state meaningful where revealed
    struct Seat {
        uint8 inspector;
        SeatStatus status;
        uint8 state;
    }

    /// @param lane number of a lane of the panel that is free
    /// @param subject batch id, or any id of a workpiece
    /// @param step number of the step inspected; 0 for the stage as a whole, whose outcome may be a verdict
    /// @param first number of the workcell's own inspector, who sits first; 0: all are drawn
    /// @param sampleSize units measured, where the outcome is a verdict
    struct Request {
        uint16 lane;
        bytes32 subject;
        uint16 step;
        Stage stage;
        uint8 first;
        uint32 sampleSize;
    }

    /// @notice A sealed answer, signed as EIP-712 `Commitment(bytes32 round,uint8 seat,bytes32 answer)`, where `round` is
    /// the RoundId, in the domain `ChromaTrace QualityConsensus`, version `1`.
    /// @param answer `keccak256(abi.encode(round id, inspector's account, state, defects, evidence, salt))`
    /// @param r signature
    /// @param vs signature, compact (EIP-2098)
    struct Commitment {
        uint8 seat;
        bytes32 answer;
        bytes32 r;
        bytes32 vs;
    }

    /// @param defects units out of limits
    /// @param evidence SHA-256 of the evidence document
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

    /// @param states their names, by number
    event RuleSet(OrgId indexed panel, uint16 version, Rule rule, string[] states);
    event InspectorEnrolled(
        OrgId indexed panel, uint8 inspector, address indexed account, uint16 capability, bool own, bytes32 instrument
    );
    event InspectorRetired(OrgId indexed panel, uint8 inspector, address indexed account);
    event InstrumentChanged(OrgId indexed panel, uint8 inspector, bytes32 instrument);
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
    /// @param seats all of the round, 12 bits each from the lowest: inspector (8), then mark (4): 0 drawn, 1 committed,
    /// 2 stalled, 3 + state revealed
    /// @param firstNewSeat number of the first new seat
    /// @param count all seats
    event SeatsDrawn(RoundId indexed round, uint256 seats, uint8 firstNewSeat, uint8 count, uint40 deadline);
    /// @param seats as in `SeatsDrawn`, with the new marks
    event AnswersCommitted(RoundId indexed round, uint256 seats);
    event AnswerRevealed(RoundId indexed round, uint8 seat, uint8 state, uint32 defects, bytes32 evidence);
    /// @param capability after the penalty
    event SeatStalled(RoundId indexed round, uint8 seat, uint16 capability);
    event MoreSeatsRequested(RoundId indexed round, uint32 drawBlock, uint40 deadline);
    /// @param state of the winner group: the revealed seats with it; the other revealed seats dissent
    /// @param recorder seat of its last member
    /// @param thresholdReached by the threshold; else the best group at the maximum
    /// @param capabilities learned, by seat; 0 for seats that gave no answer. A lone answer teaches nothing
    event RoundDecided(
        RoundId indexed round, uint8 state, uint32 score, uint8 recorder, bool thresholdReached, uint16[] capabilities
    );
    event RoundLapsed(RoundId indexed round);
    /// @param reason the ledger's error
    event VerdictRejected(RoundId indexed round, bytes reason);

    error InvalidRule(string field);
    error NoRule(OrgId panel);
    error CapabilityOutOfRange(uint16 capability);
    error AlreadyEnrolled(address account, uint8 inspector);
    error PanelFull(OrgId panel);
    error UnknownInspector(OrgId panel, uint256 inspector);
    error InspectorUnavailable(uint8 inspector);
    error BatchOfAnotherOrganisation(bytes32 subject, OrgId producer, OrgId panel);
    error InspectorNotExternal(uint8 inspector);
    error RoundInProgress(LaneId lane, Phase phase);
    error WrongPhase(LaneId lane, Phase phase);
    error DrawTooEarly(LaneId lane, uint32 drawBlock);
    error NotEnoughInspectors(LaneId lane, uint256 available, uint256 required);
    error DeadlinePassed(LaneId lane, uint256 deadline);
    error NotOverdue(LaneId lane, uint256 deadline);
    error UnknownSeat(LaneId lane, uint8 seat);
    error AlreadyAnswered(LaneId lane, uint8 seat);
    error NotCommitted(LaneId lane, uint8 seat);
    error NotDrawnInspector(LaneId lane, uint8 seat, address signer);
    error InspectorNotAuthorised(LaneId lane, address account);
    error NotAllCommitted(LaneId lane, uint8 missing);
    error UnknownState(uint8 state);
    error AnswerMismatch(LaneId lane, uint8 seat);
    error NoPendingVerdict(BatchId batch, Stage stage);
    error InsufficientGas(uint256 required);

    /// @notice Sets the rule of the caller's panel, for rounds opened from here on. Only an administrator.
    /// @param states their names, by number
    function setRule(Rule calldata rule_, string[] calldata states) external;

    /// @notice Adds an inspector to the caller's panel, or takes a retired one back with what it has learned. Only an
    /// administrator.
    /// @param capability to start with
    /// @param instrument digest that identifies what it measures with
    function enrol(address account, uint16 capability, bytes32 instrument) external;

    /// @notice Draws this inspector no more. Only an administrator; a seat that it has, it keeps.
    function retire(uint8 number) external;

    /// @notice Names the caller's instrument and calibration in one panel.
    function setInstrument(OrgId panel, bytes32 instrument) external;

    /// @notice Opens rounds of the caller's panel, all or none. Only its producers and inspectors.
    function open(Request[] calldata requests) external;

    /// @notice Draws the seats that rounds ask for; anyone, from the block after `drawBlock`. Where its hash is no longer
    /// known (256 blocks), the next block's is taken, within the same deadline.
    function draw(LaneId[] calldata lanes) external;

    /// @notice Takes sealed answers, all or none; anyone may submit them.
    function commit(RoundCommitments[] calldata rounds) external;

    /// @notice Opens sealed answers once every seat of the round has committed; anyone may submit them. The last one
    /// decides the round or asks for more seats.
    function reveal(RoundAnswers[] calldata rounds) external;

    /// @notice Moves an overdue round on: whoever did not answer stalls, is replaced and penalised; a round that cannot
    /// be filled lapses. Anyone.
    function close(LaneId lane) external;

    /// @notice Gives the ledger the verdict that it refused when a round was decided, unless the stage has a later one,
    /// of a round or of an inspector. Anyone.
    function deliver(BatchId batch, Stage stage) external;

    /// @notice Where verdicts go.
    function ledger() external view returns (IInspectionLedger);

    /// @notice How many blocks after a request the block is whose hash draws.
    function drawDelay() external view returns (uint8);

    function rule(OrgId panel) external view returns (uint16 version, Rule memory);
    function inspector(OrgId panel, uint8 number) external view returns (Inspector memory);

    /// @notice 0 where it is not enrolled.
    function numberOf(OrgId panel, address account) external view returns (uint8);

    /// @notice The inspectors that could be drawn now; bit n stands for number n.
    function eligible(OrgId panel) external view returns (uint256);

    /// @notice The lane's present or last round.
    function round(LaneId lane) external view returns (RoundId, Round memory, Seat[] memory);
}
