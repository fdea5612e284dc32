// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LogOdds} from "./LogOdds.sol";

/// @notice How the members of a group of equal answers make its score. By log-odds a group wins when it leads every other
/// one by the threshold (Wald's sequential test), else when its score reaches it.
enum Weighing {
    Majority,
    Confidence,
    NoisyOr,
    LogOdds
}

/// @title The rule of an inspection round, pure; the twin of `chromatrace/quality` (consensus.py, learning.py).
/// @notice Capabilities, scores and thresholds in 1/10,000.
library ConsensusRule {
    uint256 internal constant UNIT = 10_000;
    /// @dev 1 in the product of a noisy-or; each factor is rounded down at this scale, in the order of the answers.
    uint256 internal constant MISS_UNIT = 1e12;
    /// @dev What one round teaches, and the inspections after which both counters start again.
    uint256 internal constant STEP = 100;
    uint256 internal constant WINDOW = 10;
    uint256 private constant STATES = 16;

    /// @param decided whether there is a consensus; all others are 0 where there is none
    /// @param state that of the winner group
    /// @param score of the winner group
    /// @param recorder place in the answers of the winner group's last member
    /// @param reached by the threshold; else the maximum was reached and the best group won
    struct Outcome {
        bool decided;
        uint256 state;
        uint256 score;
        uint256 recorder;
        bool reached;
    }

    /// @notice Whether the answers so far decide, and what. Of equal scores that with more members wins, then that with
    /// the earliest answer.
    /// @param answers in the order of the draw, each `capability << 8 | state`, states below 16
    function decide(
        Weighing weighing,
        uint256 minimum,
        uint256 maximum,
        uint256 threshold,
        uint256[] memory answers
    ) internal pure returns (Outcome memory outcome) {
        uint256 count = answers.length;
        if (count < minimum) return outcome;
        unchecked {
            return _decided(weighing, maximum, threshold, answers, count);
        }
    }

    /// @dev Nothing here can overflow: at most 17 answers of capabilities up to `UNIT`.
    function _decided(
        Weighing weighing,
        uint256 maximum,
        uint256 threshold,
        uint256[] memory answers,
        uint256 count
    ) private pure returns (Outcome memory outcome) {
        unchecked {
            // All zero, as memory begins.
            // slither-disable-start uninitialized-local
            uint256[STATES] memory scores;
            uint256[STATES] memory sizes;
            // slither-disable-end uninitialized-local
            for (uint256 i = 0; i < count; ++i) {
                uint256 state = answers[i] & 0xff;
                scores[state] = _joined(weighing, scores[state], answers[i] >> 8);
                ++sizes[state];
            }
            uint256 best = answers[0] & 0xff;
            uint256 bestScore = _points(weighing, scores[best]);
            for (uint256 i = 1; i < count; ++i) {
                uint256 state = answers[i] & 0xff;
                uint256 score = _points(weighing, scores[state]);
                if (score > bestScore || (score == bestScore && sizes[state] > sizes[best])) {
                    (best, bestScore) = (state, score);
                }
            }
            bool reached = bestScore >= threshold;
            if (weighing == Weighing.LogOdds && reached) {
                for (uint256 i = 0; i < count; ++i) {
                    uint256 state = answers[i] & 0xff;
                    if (state != best && scores[state] + threshold > bestScore) reached = false;
                }
            }
            if (!reached && count < maximum) return outcome;
            uint256 last = count - 1;
            while (answers[last] & 0xff != best) --last;
            return Outcome(true, best, bestScore, last, reached);
        }
    }

    /// @notice The highest score that so many inspectors can give.
    function mostPoints(Weighing weighing, uint256 inspectors) internal pure returns (uint256) {
        if (weighing == Weighing.NoisyOr) return UNIT;
        return inspectors * (weighing == Weighing.LogOdds ? LogOdds.MOST : UNIT);
    }

    /// @notice The least number of answers that a rule may ask for: more than there are states, and odd; by log-odds 1.
    function leastAnswers(Weighing weighing, uint256 states) internal pure returns (uint256) {
        if (weighing == Weighing.LogOdds) return 1;
        return states % 2 == 0 ? states + 1 : states + 2;
    }

    /// @notice An inspector's standing after one more round: in its winner group, or not.
    function learned(uint256 capability, uint256 inspections, uint256 wins, bool won)
        internal
        pure
        returns (uint256, uint256, uint256)
    {
        unchecked {
            ++inspections;
            if (won) {
                ++wins;
                if (wins * UNIT > (capability + STEP) * inspections) {
                    capability = capability + STEP > UNIT ? UNIT : capability + STEP;
                }
            } else if (wins * UNIT + STEP * inspections < capability * inspections) {
                capability = capability > STEP ? capability - STEP : 0;
            }
        }
        return inspections >= WINDOW ? (capability, 0, 0) : (capability, inspections, wins);
    }

    /// @notice The standing of an inspector that was drawn and did not answer: a penalty, and a round without a win.
    function stalled(uint256 capability, uint256 inspections, uint256 wins, uint256 penalty)
        internal
        pure
        returns (uint256, uint256, uint256)
    {
        ++inspections;
        capability = capability > penalty ? capability - penalty : 0;
        return inspections >= WINDOW ? (capability, 0, 0) : (capability, inspections, wins);
    }

    /// @dev What a group keeps: its score, or for a noisy-or how far it is from certain that all are wrong.
    function _joined(Weighing weighing, uint256 kept, uint256 capability) private pure returns (uint256) {
        unchecked {
            if (weighing == Weighing.Majority) return kept + UNIT;
            if (weighing == Weighing.Confidence) return kept + capability;
            if (weighing == Weighing.LogOdds) return kept + LogOdds.weigh(capability);
            // Rounded at this scale on purpose, as the twin does.
            // slither-disable-next-line divide-before-multiply
            return MISS_UNIT - (MISS_UNIT - kept) * (UNIT - capability) / UNIT;
        }
    }

    function _points(Weighing weighing, uint256 kept) private pure returns (uint256) {
        unchecked {
            return weighing == Weighing.NoisyOr ? kept * UNIT / MISS_UNIT : kept;
        }
    }
}
