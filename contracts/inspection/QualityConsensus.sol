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

/// @title Inspection by consensus
contract QualityConsensus is IQualityConsensus, ConsensusVerdicts, EIP712 {
    using Seats for uint256;

    bytes32 private constant COMMITMENT_TYPEHASH = keccak256("Commitment(bytes32 round,uint8 seat,bytes32 answer)");

    /// @inheritdoc IQualityConsensus
    uint8 public immutable override drawDelay;

    mapping(LaneId => Round) private _rounds;
    mapping(LaneId => uint256) private _seats;

    /// @param drawDelay_ blocks between a request and the block whose hash seeds its draw. Development chains that produce a
    /// block per transaction need 0, the block of the request
    constructor(IInspectionLedger ledger_, uint8 drawDelay_)
        ConsensusVerdicts(ledger_)
        EIP712("ChromaTrace QualityConsensus", "1")
    {
        drawDelay = drawDelay_;
    }

    // ------------------------------------------------------------------ rounds

    /// @inheritdoc IQualityConsensus
    function open(Request[] calldata requests) external {
        OrgId panel = consortium.authorise(msg.sender, Roles.PRODUCER | Roles.INSPECTOR);
        (uint16 version, Rule memory rule_) = rule(panel);
        if (version == 0) revert NoRule(panel);
        for (uint256 i = 0; i < requests.length; ++i) {
            uint256 memoryEnd = _memoryEnd();
            _open(requests[i], panel, version, rule_);
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
        Rule storage rule_ = _ruleOf(_panelOf(lane), current.rule);
        bool allCommitted = seats.countStatus(current.seatCount, Seats.DRAWN) == 0;
        uint256 deadline = allCommitted ? uint256(current.deadline) + rule_.revealSeconds : current.deadline;
        if (block.timestamp <= deadline) revert NotOverdue(lane, deadline);
        seats = _stall(lane, current, seats, allCommitted ? Seats.COMMITTED : Seats.DRAWN, rule_.stallPenalty);
        _seats[lane] = seats;
        if (allCommitted) _evaluate(lane, current, seats, rule_);
        else _requestMore(lane, current, seats, rule_);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IQualityConsensus
    function round(LaneId lane) external view returns (RoundId id, Round memory current, Seat[] memory seats) {
        current = _rounds[lane];
        id = _idOf(lane, current.tag);
        uint256 packed = _seats[lane];
        seats = new Seat[](current.seatCount);
        for (uint256 i = 0; i < seats.length; ++i) {
            uint256 status = packed.statusOf(i);
            bool revealed = status >= Seats.REVEALED;
            seats[i] = Seat(
                uint8(packed.inspectorOf(i)),
                SeatStatus(revealed ? Seats.REVEALED : status),
                revealed ? uint8(status - Seats.REVEALED) : 0
            );
        }
    }

    // ------------------------------------------------------------------ internal: open, draw

    function _open(Request calldata request, OrgId panel, uint16 version, Rule memory rule_) private {
        LaneId lane = LaneId.wrap(uint48(OrgId.unwrap(panel)) << 16 | request.lane);
        Round storage stored = _rounds[lane];
        Phase phase = stored.phase;
        if (phase == Phase.Requested || phase == Phase.Seated) revert RoundInProgress(lane, phase);
        bool decidesVerdict =
            request.step == 0 && (request.stage == Stage.First ? rule_.decidesFirst : rule_.decidesFinal);
        bool externalOnly = false;
        if (decidesVerdict) {
            externalOnly = _expectVerdict(lane, request, panel);
        }
        if (request.first != 0) _seatFirst(panel, request.first, externalOnly);
        uint72 tag = uint72(
            uint256(keccak256(abi.encode(stored.tag, blockhash(block.number - 1), request, lane)))
        );
        uint32 drawBlock = uint32(block.number + drawDelay);
        uint40 deadline = uint40(block.timestamp + rule_.commitSeconds);
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
        Rule storage rule_ = _ruleOf(panel, current.rule);
        uint256 firstNewSeat = current.seatCount;
        // Before the first draw, the lane still has the seats of its previous round.
        uint256 seats = firstNewSeat == 0 ? 0 : _seats[lane];
        if (firstNewSeat == 0 && current.first != 0) {
            seats = seats.withInspector(0, current.first);
            current.seatCount = 1;
        }
        uint256 required = _missingSeats(current.seatCount, seats, rule_);
        bytes32 seed = keccak256(abi.encode(random, lane, current.tag, seats));
        (uint256 numbers, uint256 available) = _drawInspectors(panel, required, current.externalOnly, seed);
        if (available < required) revert NotEnoughInspectors(lane, available, required);
        for (; required != 0; --required) {
            seats = seats.withInspector(current.seatCount, numbers & 0xff);
            ++current.seatCount;
            numbers >>= 8;
        }
        current.phase = Phase.Seated;
        current.deadline = uint40(block.timestamp + rule_.commitSeconds);
        _rounds[lane] = current;
        _seats[lane] = seats;
        emit SeatsDrawn(_idOf(lane, current.tag), seats, uint8(firstNewSeat), current.seatCount, current.deadline);
    }

    /// @dev Return the number of seats to draw: `firstWave` at first, later as many as the minimum requires, at least one.
    function _missingSeats(uint256 count, uint256 seats, Rule storage rule_) private view returns (uint256) {
        uint256 answers = seats.countAnswers();
        uint256 required = answers == 0 ? rule_.firstWave : answers + 1;
        if (required < rule_.minimum) required = rule_.minimum;
        return required - (count - seats.countStatus(count, Seats.STALLED));
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
            Commitment calldata commitment = commitments[i];
            if (commitment.seat >= count) revert UnknownSeat(lane, commitment.seat);
            if (seats.statusOf(commitment.seat) != Seats.DRAWN) {
                emit AnswerSkipped(id, commitment.seat);
                continue;
            }
            Inspector storage inspector_ = members[uint8(seats.inspectorOf(commitment.seat))];
            address account = inspector_.account;
            if (commitment.vs != 0 || msg.sender != account) {
                address signer = _signerOf(id, commitment);
                if (signer != account) revert NotDrawnInspector(lane, commitment.seat, signer);
            }
            if (!consortium.isAuthorised(account, Roles.INSPECTOR)) revert InspectorNotAuthorised(lane, account);
            // The inspector may have moved to the panel's organisation since it was enrolled.
            if (externalOnly && consortium.operator(account).organisation == panel) {
                revert InspectorNotExternal(uint8(seats.inspectorOf(commitment.seat)));
            }
            inspector_.evidence = commitment.answer;
            seats = seats.withStatus(commitment.seat, Seats.COMMITTED);
        }
        _seats[lane] = seats;
        emit AnswersCommitted(id, seats);
    }

    /// @dev Return the zero address if the signature is malformed; no inspector has that address.
    function _signerOf(RoundId id, Commitment calldata commitment) private view returns (address signer) {
        bytes32 message = keccak256(abi.encode(COMMITMENT_TYPEHASH, id, commitment.seat, commitment.answer));
        // The other values only describe an error.
        // slither-disable-next-line unused-return
        (signer,,) = ECDSA.tryRecover(_hashTypedDataV4(message), commitment.r, commitment.vs);
    }

    function _reveal(LaneId lane, Answer[] calldata answers) private {
        Round memory current = _rounds[lane];
        if (current.phase != Phase.Seated) revert WrongPhase(lane, current.phase);
        OrgId panel = _panelOf(lane);
        Rule storage rule_ = _ruleOf(panel, current.rule);
        uint256 deadline = uint256(current.deadline) + rule_.revealSeconds;
        if (block.timestamp > deadline) revert DeadlinePassed(lane, deadline);
        uint256 seats = _seats[lane];
        uint256 missing = seats.countStatus(current.seatCount, Seats.DRAWN);
        if (missing != 0) revert NotAllCommitted(lane, uint8(missing));
        RoundId id = _idOf(lane, current.tag);
        mapping(uint8 number => Inspector) storage members = _inspectors[panel];
        uint256 states = rule_.states;
        for (uint256 i = 0; i < answers.length; ++i) {
            Answer calldata answer = answers[i];
            if (answer.seat >= current.seatCount) revert UnknownSeat(lane, answer.seat);
            if (answer.state >= states) revert UnknownState(answer.state);
            uint256 status = seats.statusOf(answer.seat);
            if (status >= Seats.REVEALED) {
                emit AnswerSkipped(id, answer.seat);
                continue;
            }
            if (status != Seats.COMMITTED) revert NotCommitted(lane, answer.seat);
            Inspector storage inspector_ = members[uint8(seats.inspectorOf(answer.seat))];
            if (_commitmentTo(id, inspector_.account, answer) != inspector_.evidence) {
                revert AnswerMismatch(lane, answer.seat);
            }
            if (current.decidesVerdict) _storeResult(inspector_, answer, current.sampleSize);
            seats = seats.withStatus(answer.seat, Seats.REVEALED + answer.state);
            emit AnswerRevealed(id, answer.seat, answer.state, answer.defects, answer.evidence);
        }
        _seats[lane] = seats;
        if (seats.countStatus(current.seatCount, Seats.COMMITTED) == 0) _evaluate(lane, current, seats, rule_);
    }

    /// @dev Keep what the verdict contains if the inspector becomes the recorder.
    function _storeResult(Inspector storage inspector_, Answer calldata answer, uint32 sampleSize) private {
        if (answer.defects > sampleSize) revert IInspectionLedger.TooManyDefects(answer.defects, sampleSize);
        inspector_.evidence = answer.evidence;
        inspector_.defects = answer.defects;
    }

    function _commitmentTo(RoundId id, address account, Answer calldata answer) private pure returns (bytes32) {
        return keccak256(abi.encode(id, account, answer.state, answer.defects, answer.evidence, answer.salt));
    }

    // ------------------------------------------------------------------ internal: decide, lapse

    /// @dev Decide the round by all revealed answers, or request more seats.
    function _evaluate(LaneId lane, Round memory current, uint256 seats, Rule storage rule_) private {
        OrgId panel = _panelOf(lane);
        (uint256[] memory answers, uint256[] memory seatIndexes) = _answers(panel, current.seatCount, seats);
        ConsensusRule.Outcome memory outcome =
            ConsensusRule.decide(rule_.weighing, rule_.minimum, rule_.maximum, rule_.threshold, answers);
        if (!outcome.decided) {
            _requestMore(lane, current, seats, rule_);
            return;
        }
        current.phase = Phase.Decided;
        current.state = uint8(outcome.state);
        current.recorder = uint8(seats.inspectorOf(seatIndexes[outcome.recorder]));
        _rounds[lane] = current;
        // A single answer cannot be compared with others, so capabilities do not change.
        bool updatesCapabilities = answers.length != 1;
        uint16[] memory capabilities = new uint16[](current.seatCount);
        for (uint256 i = 0; i < answers.length; ++i) {
            uint256 capability = answers[i] >> 8;
            bool won = (answers[i] & 0xff) == outcome.state;
            if (updatesCapabilities) capability = _learn(panel, seats.inspectorOf(seatIndexes[i]), won);
            capabilities[seatIndexes[i]] = uint16(capability);
        }
        _release(panel, seats.members(current.seatCount));
        emit RoundDecided(
            _idOf(lane, current.tag),
            current.state,
            uint32(outcome.score),
            uint8(seatIndexes[outcome.recorder]),
            outcome.reached,
            capabilities
        );
        if (current.decidesVerdict) {
            _tryToDeliver(
                _idOf(lane, current.tag), panel, lane, current, current.state == rule_.passing, uint8(answers.length)
            );
        }
    }

    /// @dev Return the answers in the encoding and order of `ConsensusRule.decide`, and the seat of each.
    function _answers(OrgId panel, uint256 count, uint256 seats)
        private
        view
        returns (uint256[] memory answers, uint256[] memory seatIndexes)
    {
        uint256 answerCount = seats.countAnswers();
        answers = new uint256[](answerCount);
        seatIndexes = new uint256[](answerCount);
        mapping(uint8 number => Inspector) storage members = _inspectors[panel];
        uint256 next = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 status = seats.statusOf(i);
            if (status < Seats.REVEALED) continue;
            uint256 capability = members[uint8(seats.inspectorOf(i))].capability;
            answers[next] = capability << 8 | (status - Seats.REVEALED);
            seatIndexes[next] = i;
            ++next;
        }
    }

    function _requestMore(LaneId lane, Round memory current, uint256 seats, Rule storage rule_) private {
        if (current.seatCount + _missingSeats(current.seatCount, seats, rule_) > Seats.MAX) {
            _lapse(lane, current, seats);
            return;
        }
        current.phase = Phase.Requested;
        current.drawBlock = uint32(block.number + drawDelay);
        current.deadline = uint40(block.timestamp + rule_.commitSeconds);
        _rounds[lane] = current;
        emit MoreSeatsRequested(_idOf(lane, current.tag), current.drawBlock, current.deadline);
    }

    /// @dev Penalise the inspectors whose seats have this status, and mark the seats as stalled.
    function _stall(LaneId lane, Round memory current, uint256 seats, uint256 status, uint256 penalty)
        private
        returns (uint256)
    {
        RoundId id = _idOf(lane, current.tag);
        for (uint256 i = 0; i < current.seatCount; ++i) {
            if (seats.statusOf(i) != status) continue;
            seats = seats.withStatus(i, Seats.STALLED);
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

    // ------------------------------------------------------------------ internal: ids, memory

    function _idOf(LaneId lane, uint72 tag) private pure returns (RoundId) {
        return RoundId.wrap(keccak256(abi.encode(lane, tag)));
    }

    function _panelOf(LaneId lane) private pure returns (OrgId) {
        return OrgId.wrap(uint32(LaneId.unwrap(lane) >> 16));
    }

    /// @dev The rounds of one call reuse the same memory, because the gas of memory grows with the square of its size.
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
