// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IInspectionLedger} from "../interfaces/IInspectionLedger.sol";
import {DeskId, IQualityConsensus, RoundId} from "../interfaces/IQualityConsensus.sol";
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

    mapping(DeskId => Round) private _rounds;
    mapping(DeskId => uint256) private _seats;

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
        OrgId panel = consortium.authorize(msg.sender, Roles.PRODUCER | Roles.INSPECTOR);
        (uint16 version, Rule memory inForce) = rule(panel);
        if (version == 0) revert NoRule(panel);
        for (uint256 i = 0; i < requests.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _open(requests[i], panel, version, inForce);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function draw(DeskId[] calldata desks) external {
        for (uint256 i = 0; i < desks.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _draw(desks[i]);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function commit(RoundCommitments[] calldata rounds) external {
        for (uint256 i = 0; i < rounds.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _commit(rounds[i].desk, rounds[i].commitments);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function reveal(RoundAnswers[] calldata rounds) external {
        for (uint256 i = 0; i < rounds.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _reveal(rounds[i].desk, rounds[i].answers);
            _freeMemory(memoryEnd);
        }
    }

    /// @inheritdoc IQualityConsensus
    function close(DeskId desk) external {
        Round memory current = _rounds[desk];
        uint256 seats = _seats[desk];
        if (current.phase == Phase.Requested) {
            if (block.timestamp <= current.deadline) revert NotOverdue(desk, current.deadline);
            _lapse(desk, current, seats);
            return;
        }
        if (current.phase != Phase.Seated) revert WrongPhase(desk, current.phase);
        Rule storage inForce = _ruleOf(_panelOf(desk), current.rule);
        bool sealed_ = seats.countMark(current.seatCount, Seats.DRAWN) == 0;
        uint256 until = sealed_ ? uint256(current.deadline) + inForce.revealSeconds : current.deadline;
        if (block.timestamp <= until) revert NotOverdue(desk, until);
        seats = _stall(desk, current, seats, sealed_ ? Seats.COMMITTED : Seats.DRAWN, inForce.stallPenalty);
        _seats[desk] = seats;
        if (sealed_) _evaluate(desk, current, seats, inForce);
        else _requestMore(desk, current, seats, inForce);
    }

    // ------------------------------------------------------------------ answers

    /// @inheritdoc IQualityConsensus
    function round(DeskId desk) external view returns (RoundId id, Round memory current, Seat[] memory seats) {
        current = _rounds[desk];
        id = _idOf(desk, current.tag);
        uint256 packed = _seats[desk];
        seats = new Seat[](current.seatCount);
        for (uint256 i = 0; i < seats.length; ++i) {
            uint256 mark = packed.markOf(i);
            bool revealed = mark >= Seats.REVEALED;
            seats[i] = Seat(
                uint8(packed.inspectorOf(i)),
                Mark(revealed ? Seats.REVEALED : mark),
                revealed ? uint8(mark - Seats.REVEALED) : 0
            );
        }
    }

    // ------------------------------------------------------------------ internal: open, draw

    function _open(Request calldata request, OrgId panel, uint16 version, Rule memory inForce) private {
        DeskId desk = DeskId.wrap(uint48(OrgId.unwrap(panel)) << 16 | request.desk);
        Round storage stored = _rounds[desk];
        Phase phase = stored.phase;
        if (phase == Phase.Requested || phase == Phase.Seated) revert RoundUnderWay(desk, phase);
        bool feeds = request.step == 0 && (request.stage == Stage.First ? inForce.feedsFirst : inForce.feedsFinal);
        bool outsidersOnly = false;
        if (feeds) {
            outsidersOnly = _expectVerdict(desk, request, panel);
        }
        if (request.first != 0) _seatFirst(panel, request.first, outsidersOnly);
        uint72 tag = uint72(
            uint256(keccak256(abi.encode(stored.tag, blockhash(block.number - 1), request, desk)))
        );
        uint32 drawBlock = uint32(block.number + drawDelay);
        uint40 deadline = uint40(block.timestamp + inForce.commitSeconds);
        _rounds[desk] = Round({
            phase: Phase.Requested,
            stage: request.stage,
            feeds: feeds,
            outsidersOnly: outsidersOnly,
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
            _idOf(desk, tag),
            panel,
            request.subject,
            request.step,
            request.stage,
            request.desk,
            version,
            request.first,
            request.sampleSize,
            feeds,
            drawBlock,
            deadline
        );
    }

    function _draw(DeskId desk) private {
        Round memory current = _rounds[desk];
        if (current.phase != Phase.Requested) revert WrongPhase(desk, current.phase);
        if (block.number <= current.drawBlock) revert DrawTooEarly(desk, current.drawBlock);
        if (block.timestamp > current.deadline) revert DeadlinePassed(desk, current.deadline);
        bytes32 random = blockhash(current.drawBlock);
        if (random == 0) {
            current.drawBlock = uint32(block.number + drawDelay);
            _rounds[desk].drawBlock = current.drawBlock;
            emit MoreSeatsRequested(_idOf(desk, current.tag), current.drawBlock, current.deadline);
            return;
        }
        OrgId panel = _panelOf(desk);
        Rule storage inForce = _ruleOf(panel, current.rule);
        uint256 from = current.seatCount;
        // At first the desk's seats are still those of the round before.
        uint256 seats = from == 0 ? 0 : _seats[desk];
        if (from == 0 && current.first != 0) {
            seats = seats.seated(0, current.first);
            current.seatCount = 1;
        }
        uint256 needed = _missing(current.seatCount, seats, inForce);
        (uint256 chosen, uint256 free) =
            _take(panel, needed, current.outsidersOnly, keccak256(abi.encode(random, desk, current.tag, seats)));
        if (free < needed) revert NotEnoughInspectors(desk, free, needed);
        for (; needed != 0; --needed) {
            seats = seats.seated(current.seatCount, chosen & 0xff);
            ++current.seatCount;
            chosen >>= 8;
        }
        current.phase = Phase.Seated;
        current.deadline = uint40(block.timestamp + inForce.commitSeconds);
        _rounds[desk] = current;
        _seats[desk] = seats;
        emit SeatsDrawn(_idOf(desk, current.tag), seats, uint8(from), current.seatCount, current.deadline);
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

    function _commit(DeskId desk, Commitment[] calldata commitments) private {
        Round storage current = _rounds[desk];
        if (current.phase != Phase.Seated) revert WrongPhase(desk, current.phase);
        if (block.timestamp > current.deadline) revert DeadlinePassed(desk, current.deadline);
        uint256 seats = _seats[desk];
        uint256 count = current.seatCount;
        bool outsidersOnly = current.outsidersOnly;
        RoundId id = _idOf(desk, current.tag);
        OrgId panel = _panelOf(desk);
        mapping(uint8 number => Inspector) storage members = _inspectors[panel];
        for (uint256 i = 0; i < commitments.length; ++i) {
            Commitment calldata given = commitments[i];
            if (given.seat >= count) revert UnknownSeat(desk, given.seat);
            if (seats.markOf(given.seat) != Seats.DRAWN) revert AlreadyAnswered(desk, given.seat);
            Inspector storage drawn = members[uint8(seats.inspectorOf(given.seat))];
            address account = drawn.account;
            address signer = _signerOf(id, given);
            if (signer != account) revert NotTheDrawnInspector(desk, given.seat, signer);
            if (!consortium.may(account, Roles.INSPECTOR)) revert InspectorNotAuthorised(desk, account);
            // Of another organisation when it was enrolled, it may have changed sides.
            if (outsidersOnly && consortium.operator(account).organisation == panel) {
                revert InspectorNotOutside(uint8(seats.inspectorOf(given.seat)));
            }
            drawn.evidence = given.answer;
            seats = seats.marked(given.seat, Seats.COMMITTED);
        }
        _seats[desk] = seats;
        emit AnswersCommitted(id, seats);
    }

    /// @dev 0 where the signature is none; no inspector has that address.
    function _signerOf(RoundId id, Commitment calldata given) private view returns (address signer) {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(COMMITMENT_TYPEHASH, id, given.seat, given.answer)));
        // The other values only explain a failure.
        // slither-disable-next-line unused-return
        (signer,,) = ECDSA.tryRecover(digest, given.r, given.vs);
    }

    function _reveal(DeskId desk, Answer[] calldata answers) private {
        Round memory current = _rounds[desk];
        if (current.phase != Phase.Seated) revert WrongPhase(desk, current.phase);
        OrgId panel = _panelOf(desk);
        Rule storage inForce = _ruleOf(panel, current.rule);
        uint256 until = uint256(current.deadline) + inForce.revealSeconds;
        if (block.timestamp > until) revert DeadlinePassed(desk, until);
        uint256 seats = _seats[desk];
        uint256 missing = seats.countMark(current.seatCount, Seats.DRAWN);
        if (missing != 0) revert NotAllCommitted(desk, uint8(missing));
        RoundId id = _idOf(desk, current.tag);
        mapping(uint8 number => Inspector) storage members = _inspectors[panel];
        uint256 states = inForce.states;
        for (uint256 i = 0; i < answers.length; ++i) {
            Answer calldata given = answers[i];
            if (given.seat >= current.seatCount) revert UnknownSeat(desk, given.seat);
            if (given.state >= states) revert UnknownState(given.state);
            _requireCommitted(desk, given.seat, seats.markOf(given.seat));
            Inspector storage drawn = members[uint8(seats.inspectorOf(given.seat))];
            if (_opened(id, drawn.account, given) != drawn.evidence) revert AnswerMismatch(desk, given.seat);
            if (current.feeds) {
                drawn.evidence = given.evidence;
                drawn.defects = given.defects;
            }
            seats = seats.marked(given.seat, Seats.REVEALED + given.state);
            emit AnswerRevealed(id, given.seat, given.state, given.defects, given.evidence);
        }
        _seats[desk] = seats;
        if (seats.countMark(current.seatCount, Seats.COMMITTED) == 0) _evaluate(desk, current, seats, inForce);
    }

    function _requireCommitted(DeskId desk, uint8 seat, uint256 mark) private pure {
        if (mark >= Seats.REVEALED) revert AlreadyAnswered(desk, seat);
        if (mark != Seats.COMMITTED) revert NotCommitted(desk, seat);
    }

    function _opened(RoundId id, address account, Answer calldata given) private pure returns (bytes32) {
        return keccak256(abi.encode(id, account, given.state, given.defects, given.evidence, given.salt));
    }

    // ------------------------------------------------------------------ internal: decide, lapse

    /// @dev Every answer of the round counts; what nobody gave has stalled.
    function _evaluate(DeskId desk, Round memory current, uint256 seats, Rule storage inForce) private {
        OrgId panel = _panelOf(desk);
        (uint256[] memory answers, uint256[] memory places) = _answers(panel, current.seatCount, seats);
        ConsensusRule.Outcome memory outcome =
            ConsensusRule.decide(inForce.weighing, inForce.minimum, inForce.maximum, inForce.threshold, answers);
        if (!outcome.decided) {
            _requestMore(desk, current, seats, inForce);
            return;
        }
        current.phase = Phase.Decided;
        current.state = uint8(outcome.state);
        current.recorder = uint8(seats.inspectorOf(places[outcome.recorder]));
        _rounds[desk] = current;
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
            _idOf(desk, current.tag),
            current.state,
            uint32(outcome.score),
            uint8(places[outcome.recorder]),
            outcome.reached,
            capabilities
        );
        if (current.feeds) {
            _tryToDeliver(_idOf(desk, current.tag), panel, desk, current, current.state == inForce.passing);
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

    function _requestMore(DeskId desk, Round memory current, uint256 seats, Rule storage inForce) private {
        if (current.seatCount + _missing(current.seatCount, seats, inForce) > Seats.MOST) {
            _lapse(desk, current, seats);
            return;
        }
        current.phase = Phase.Requested;
        current.drawBlock = uint32(block.number + drawDelay);
        current.deadline = uint40(block.timestamp + inForce.commitSeconds);
        _rounds[desk] = current;
        emit MoreSeatsRequested(_idOf(desk, current.tag), current.drawBlock, current.deadline);
    }

    function _stall(DeskId desk, Round memory current, uint256 seats, uint256 mark, uint256 penalty)
        private
        returns (uint256)
    {
        RoundId id = _idOf(desk, current.tag);
        for (uint256 i = 0; i < current.seatCount; ++i) {
            if (seats.markOf(i) != mark) continue;
            seats = seats.marked(i, Seats.STALLED);
            uint256 capability = _penalise(_panelOf(desk), seats.inspectorOf(i), penalty);
            emit SeatStalled(id, uint8(i), uint16(capability));
        }
        return seats;
    }

    function _lapse(DeskId desk, Round memory current, uint256 seats) private {
        _rounds[desk].phase = Phase.Lapsed;
        uint256 members = seats.members(current.seatCount);
        if (current.first != 0) members |= 1 << current.first;
        _release(_panelOf(desk), members);
        emit RoundLapsed(_idOf(desk, current.tag));
    }

    // ------------------------------------------------------------------ internal: names, memory

    function _idOf(DeskId desk, uint72 tag) private pure returns (RoundId) {
        return RoundId.wrap(keccak256(abi.encode(desk, tag)));
    }

    function _panelOf(DeskId desk) private pure returns (OrgId) {
        return OrgId.wrap(uint32(DeskId.unwrap(desk) >> 16));
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
