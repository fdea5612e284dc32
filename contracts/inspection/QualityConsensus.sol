// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IInspectionLedger} from "../interfaces/IInspectionLedger.sol";
import {LaneId, IQualityConsensus, RoundId} from "../interfaces/IQualityConsensus.sol";
import {OrgId, Stage} from "../interfaces/Types.sol";
import {ConsensusRule} from "../libraries/ConsensusRule.sol";
import {Roles} from "../libraries/Rights.sol";
import {Seats} from "../libraries/Seats.sol";
import {ConsensusVerdicts} from "./ConsensusVerdicts.sol";

/// @title Inspection by consensus: inspectors drawn by the contract answer under seal, the rule in force decides.
contract QualityConsensus is IQualityConsensus, ConsensusVerdicts, EIP712 {
    using Seats for uint256;

    bytes32 private constant COMMITMENT_TYPEHASH = keccak256("Commitment(bytes32 round,uint8 seat,bytes32 answer)");

    /// @inheritdoc IQualityConsensus
    uint8 public immutable override drawDelay;

    mapping(LaneId => Round) private _rounds;
    mapping(LaneId => uint256) private _seats;

    /// @param drawDelay_ blocks; 0 (the request's own block) is for dev chains, which make no block without a transaction
    constructor(IInspectionLedger ledger_, uint8 drawDelay_)
        ConsensusVerdicts(ledger_)
        EIP712("ChromaTrace QualityConsensus", "1")
    {
        drawDelay = drawDelay_;
    }

    // ------------------------------------------------------------------ the course of a round

    /// @inheritdoc IQualityConsensus
    function open(Request[] calldata requests) external {
        OrgId panel = consortium.authorise(msg.sender, Roles.PRODUCER | Roles.INSPECTOR);
        (uint16 version, Rule memory inForce) = rule(panel);
        if (version == 0) revert NoRule(panel);
        for (uint256 i = 0; i < requests.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _open(requests[i], panel, version, inForce);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function draw(LaneId[] calldata lanes) external {
        for (uint256 i = 0; i < lanes.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _draw(lanes[i]);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function commit(RoundCommitments[] calldata rounds) external {
        for (uint256 i = 0; i < rounds.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _commit(rounds[i].lane, rounds[i].commitments);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function reveal(RoundAnswers[] calldata rounds) external {
        for (uint256 i = 0; i < rounds.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _reveal(rounds[i].lane, rounds[i].answers);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function close(LaneId lane) external {
        Round memory current = _rounds[lane];
        uint256 seats = _seats[lane];
        if (current.phase == Phase.Requested) {
            if (block.timestamp <= current.deadline) revert NotOverdue(lane, current.deadline);
            _lapse(lane, current, seats);
            return;
        }
        if (current.phase != Phase.Seated) revert WrongPhase(lane, current.phase);
        Rule storage inForce = _ruleOf(_panelOf(lane), current.rule);
        bool sealed_ = seats.countMark(current.seatCount, Seats.DRAWN) == 0;
        uint256 until = sealed_ ? uint256(current.deadline) + inForce.revealSeconds : current.deadline;
        if (block.timestamp <= until) revert NotOverdue(lane, until);
        seats = _stall(lane, current, seats, sealed_ ? Seats.COMMITTED : Seats.DRAWN, inForce.stallPenalty);
        _seats[lane] = seats;
        if (sealed_) _evaluate(lane, current, seats, inForce);
        else _requestMore(lane, current, seats, inForce);
    }

    // ------------------------------------------------------------------ answers

    /// @inheritdoc IQualityConsensus
    function round(LaneId lane) external view returns (RoundId id, Round memory current, Seat[] memory seats) {
        current = _rounds[lane];
        id = _idOf(lane, current.tag);
        uint256 packed = _seats[lane];
        seats = new Seat[](current.seatCount);
        for (uint256 i = 0; i < seats.length; ++i) {
            uint256 mark = packed.markOf(i);
            bool revealed = mark >= Seats.REVEALED;
            seats[i] = Seat(
                uint8(packed.inspectorOf(i)),
                SeatStatus(revealed ? Seats.REVEALED : mark),
                revealed ? uint8(mark - Seats.REVEALED) : 0
            );
        }
    }

    // ------------------------------------------------------------------ internal: open, draw

    function _open(Request calldata request, OrgId panel, uint16 version, Rule memory inForce) private {
        LaneId lane = LaneId.wrap(uint48(OrgId.unwrap(panel)) << 16 | request.lane);
        Round storage stored = _rounds[lane];
        Phase phase = stored.phase;
        if (phase == Phase.Requested || phase == Phase.Seated) revert RoundInProgress(lane, phase);
        bool decidesVerdict = request.step == 0 && (request.stage == Stage.First ? inForce.decidesFirst : inForce.decidesFinal);
        bool externalOnly = false;
        if (decidesVerdict) {
            externalOnly = _expectVerdict(lane, request, panel);
        }
        if (request.first != 0) _seatFirst(panel, request.first, externalOnly);
        uint72 tag = uint72(
            uint256(keccak256(abi.encode(stored.tag, blockhash(block.number - 1), request, lane)))
        );
        uint32 drawBlock = uint32(block.number + drawDelay);
        uint40 deadline = uint40(block.timestamp + inForce.commitSeconds);
        _rounds[lane] = Round({
            phase: Phase.Requested,
            stage: request.stage,
            decidesVerdict: decidesVerdict,
            externalOnly: externalOnly,
            first: request.first,
            seatCount: 0,
            state: 0,
            recorder: 0,
            rule: version,
            drawBlock: drawBlock,
            deadline: deadline,
            sampleSize: request.sampleSize,
            tag: tag
        });
        emit RoundOpened(
            _idOf(lane, tag),
            panel,
            request.subject,
            request.step,
            request.stage,
            request.lane,
            version,
            request.first,
            request.sampleSize,
            decidesVerdict,
            drawBlock,
            deadline
        );
    }

    function _draw(LaneId lane) private {
        Round memory current = _rounds[lane];
        if (current.phase != Phase.Requested) revert WrongPhase(lane, current.phase);
        if (block.number <= current.drawBlock) revert DrawTooEarly(lane, current.drawBlock);
        if (block.timestamp > current.deadline) revert DeadlinePassed(lane, current.deadline);
        bytes32 random = blockhash(current.drawBlock);
        if (random == 0) {
            current.drawBlock = uint32(block.number + drawDelay);
            _rounds[lane].drawBlock = current.drawBlock;
            emit MoreSeatsRequested(_idOf(lane, current.tag), current.drawBlock, current.deadline);
            return;
        }
        OrgId panel = _panelOf(lane);
        Rule storage inForce = _ruleOf(panel, current.rule);
        uint256 firstNewSeat = current.seatCount;
        // At first the lane's seats are still those of the round before.
        uint256 seats = firstNewSeat == 0 ? 0 : _seats[lane];
        if (firstNewSeat == 0 && current.first != 0) {
            seats = seats.seated(0, current.first);
            current.seatCount = 1;
        }
        uint256 needed = _missing(current.seatCount, seats, inForce);
        (uint256 chosen, uint256 free) =
            _take(panel, needed, current.externalOnly, keccak256(abi.encode(random, lane, current.tag, seats)));
        if (free < needed) revert NotEnoughInspectors(lane, free, needed);
        for (; needed != 0; --needed) {
            seats = seats.seated(current.seatCount, chosen & 0xff);
            ++current.seatCount;
            chosen >>= 8;
        }
        current.phase = Phase.Seated;
        current.deadline = uint40(block.timestamp + inForce.commitSeconds);
        _rounds[lane] = current;
        _seats[lane] = seats;
        emit SeatsDrawn(_idOf(lane, current.tag), seats, uint8(firstNewSeat), current.seatCount, current.deadline);
    }

    /// @dev Seats to draw, so that the wave is full: at first `firstWave`, afterwards what the minimum asks for, at
    /// least one more answer.
    function _missing(uint256 count, uint256 seats, Rule storage inForce) private view returns (uint256) {
        uint256 answers = seats.countAnswers();
        uint256 wanted = answers == 0 ? inForce.firstWave : answers + 1;
        if (wanted < inForce.minimum) wanted = inForce.minimum;
        return wanted - (count - seats.countMark(count, Seats.STALLED));
    }

    // ------------------------------------------------------------------ internal: commit, reveal

    function _commit(LaneId lane, Commitment[] calldata commitments) private {
        Round storage current = _rounds[lane];
        if (current.phase != Phase.Seated) revert WrongPhase(lane, current.phase);
        if (block.timestamp > current.deadline) revert DeadlinePassed(lane, current.deadline);
        uint256 seats = _seats[lane];
        uint256 count = current.seatCount;
        bool externalOnly = current.externalOnly;
        RoundId id = _idOf(lane, current.tag);
        OrgId panel = _panelOf(lane);
        mapping(uint8 number => Inspector) storage members = _inspectors[panel];
        for (uint256 i = 0; i < commitments.length; ++i) {
            Commitment calldata given = commitments[i];
            if (given.seat >= count) revert UnknownSeat(lane, given.seat);
            if (seats.markOf(given.seat) != Seats.DRAWN) revert AlreadyAnswered(lane, given.seat);
            Inspector storage drawn = members[uint8(seats.inspectorOf(given.seat))];
            address account = drawn.account;
            address signer = _signerOf(id, given);
            if (signer != account) revert NotDrawnInspector(lane, given.seat, signer);
            if (!consortium.isAuthorised(account, Roles.INSPECTOR)) revert InspectorNotAuthorised(lane, account);
            // Of another organisation when it was enrolled, it may have changed sides.
            if (externalOnly && consortium.operator(account).organisation == panel) {
                revert InspectorNotExternal(uint8(seats.inspectorOf(given.seat)));
            }
            drawn.evidence = given.answer;
            seats = seats.marked(given.seat, Seats.COMMITTED);
        }
        _seats[lane] = seats;
        emit AnswersCommitted(id, seats);
    }

    /// @dev 0 where the signature is none; no inspector has that address.
    function _signerOf(RoundId id, Commitment calldata given) private view returns (address signer) {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(COMMITMENT_TYPEHASH, id, given.seat, given.answer)));
        // The other values only explain a failure.
        // slither-disable-next-line unused-return
        (signer,,) = ECDSA.tryRecover(digest, given.r, given.vs);
    }

    function _reveal(LaneId lane, Answer[] calldata answers) private {
        Round memory current = _rounds[lane];
        if (current.phase != Phase.Seated) revert WrongPhase(lane, current.phase);
        OrgId panel = _panelOf(lane);
        Rule storage inForce = _ruleOf(panel, current.rule);
        uint256 until = uint256(current.deadline) + inForce.revealSeconds;
        if (block.timestamp > until) revert DeadlinePassed(lane, until);
        uint256 seats = _seats[lane];
        uint256 missing = seats.countMark(current.seatCount, Seats.DRAWN);
        if (missing != 0) revert NotAllCommitted(lane, uint8(missing));
        RoundId id = _idOf(lane, current.tag);
        mapping(uint8 number => Inspector) storage members = _inspectors[panel];
        uint256 states = inForce.states;
        for (uint256 i = 0; i < answers.length; ++i) {
            Answer calldata given = answers[i];
            if (given.seat >= current.seatCount) revert UnknownSeat(lane, given.seat);
            if (given.state >= states) revert UnknownState(given.state);
            _requireCommitted(lane, given.seat, seats.markOf(given.seat));
            Inspector storage drawn = members[uint8(seats.inspectorOf(given.seat))];
            if (_opened(id, drawn.account, given) != drawn.evidence) revert AnswerMismatch(lane, given.seat);
            if (current.decidesVerdict) {
                drawn.evidence = given.evidence;
                drawn.defects = given.defects;
            }
            seats = seats.marked(given.seat, Seats.REVEALED + given.state);
            emit AnswerRevealed(id, given.seat, given.state, given.defects, given.evidence);
        }
        _seats[lane] = seats;
        if (seats.countMark(current.seatCount, Seats.COMMITTED) == 0) _evaluate(lane, current, seats, inForce);
    }

    function _requireCommitted(LaneId lane, uint8 seat, uint256 mark) private pure {
        if (mark >= Seats.REVEALED) revert AlreadyAnswered(lane, seat);
        if (mark != Seats.COMMITTED) revert NotCommitted(lane, seat);
    }

    function _opened(RoundId id, address account, Answer calldata given) private pure returns (bytes32) {
        return keccak256(abi.encode(id, account, given.state, given.defects, given.evidence, given.salt));
    }

    // ------------------------------------------------------------------ internal: decide, lapse

    /// @dev Every answer of the round counts; what nobody gave has stalled.
    function _evaluate(LaneId lane, Round memory current, uint256 seats, Rule storage inForce) private {
        OrgId panel = _panelOf(lane);
        (uint256[] memory answers, uint256[] memory places) = _answers(panel, current.seatCount, seats);
        ConsensusRule.Outcome memory outcome =
            ConsensusRule.decide(inForce.weighing, inForce.minimum, inForce.maximum, inForce.threshold, answers);
        if (!outcome.decided) {
            _requestMore(lane, current, seats, inForce);
            return;
        }
        current.phase = Phase.Decided;
        current.state = uint8(outcome.state);
        current.recorder = uint8(seats.inspectorOf(places[outcome.recorder]));
        _rounds[lane] = current;
        // A lone answer agrees with nobody: nothing is learned of it.
        bool teaches = answers.length != 1;
        uint16[] memory capabilities = new uint16[](current.seatCount);
        for (uint256 i = 0; i < answers.length; ++i) {
            uint256 capability = answers[i] >> 8;
            bool won = (answers[i] & 0xff) == outcome.state;
            if (teaches) capability = _learn(panel, seats.inspectorOf(places[i]), won);
            capabilities[places[i]] = uint16(capability);
        }
        _release(panel, seats.members(current.seatCount));
        emit RoundDecided(
            _idOf(lane, current.tag),
            current.state,
            uint32(outcome.score),
            uint8(places[outcome.recorder]),
            outcome.reached,
            capabilities
        );
        if (current.decidesVerdict) {
            _tryToDeliver(_idOf(lane, current.tag), panel, lane, current, current.state == inForce.passing);
        }
    }

    /// @dev Answers as the rule takes them, in the order of the draw, and the seat of each.
    function _answers(OrgId panel, uint256 count, uint256 seats)
        private
        view
        returns (uint256[] memory answers, uint256[] memory places)
    {
        uint256 given = seats.countAnswers();
        answers = new uint256[](given);
        places = new uint256[](given);
        mapping(uint8 number => Inspector) storage members = _inspectors[panel];
        uint256 next = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 mark = seats.markOf(i);
            if (mark < Seats.REVEALED) continue;
            uint256 capability = members[uint8(seats.inspectorOf(i))].capability;
            answers[next] = capability << 8 | (mark - Seats.REVEALED);
            places[next] = i;
            ++next;
        }
    }

    function _requestMore(LaneId lane, Round memory current, uint256 seats, Rule storage inForce) private {
        if (current.seatCount + _missing(current.seatCount, seats, inForce) > Seats.MOST) {
            _lapse(lane, current, seats);
            return;
        }
        current.phase = Phase.Requested;
        current.drawBlock = uint32(block.number + drawDelay);
        current.deadline = uint40(block.timestamp + inForce.commitSeconds);
        _rounds[lane] = current;
        emit MoreSeatsRequested(_idOf(lane, current.tag), current.drawBlock, current.deadline);
    }

    function _stall(LaneId lane, Round memory current, uint256 seats, uint256 mark, uint256 penalty)
        private
        returns (uint256)
    {
        RoundId id = _idOf(lane, current.tag);
        for (uint256 i = 0; i < current.seatCount; ++i) {
            if (seats.markOf(i) != mark) continue;
            seats = seats.marked(i, Seats.STALLED);
            uint256 capability = _penalise(_panelOf(lane), seats.inspectorOf(i), penalty);
            emit SeatStalled(id, uint8(i), uint16(capability));
        }
        return seats;
    }

    function _lapse(LaneId lane, Round memory current, uint256 seats) private {
        _rounds[lane].phase = Phase.Lapsed;
        uint256 members = seats.members(current.seatCount);
        if (current.first != 0) members |= 1 << current.first;
        _release(_panelOf(lane), members);
        emit RoundLapsed(_idOf(lane, current.tag));
    }

    // ------------------------------------------------------------------ internal: names, memory

    function _idOf(LaneId lane, uint72 tag) private pure returns (RoundId) {
        return RoundId.wrap(keccak256(abi.encode(lane, tag)));
    }

    function _panelOf(LaneId lane) private pure returns (OrgId) {
        return OrgId.wrap(uint32(LaneId.unwrap(lane) >> 16));
    }

    /// @dev Each round of a call works in the same memory: it costs with the square of its size.
    function _memoryEnd() private pure returns (uint256 end) {
        assembly ("memory-safe") {
            end := mload(0x40)
        }
    }

    function _freeMemory(uint256 end) private pure {
        assembly ("memory-safe") {
            mstore(0x40, end)
        }
    }
}
