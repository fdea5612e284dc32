// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LogOdds} from "./LogOdds.sol";

/// @notice How the answers of a group of equal answers add up to its score. With `LogOdds` a group wins if it leads every
/// other group by the threshold (Wald's sequential test); otherwise it wins if its score reaches the threshold.
enum Weighing {
    Majority,
    Confidence,
    NoisyOr,
    LogOdds
}

/// @title Decision and learning rule of an inspection round
/// @notice Capabilities, scores and thresholds are in 1/10,000.
/// @dev The Python equivalent is `chromatrace/quality` (consensus.py, learning.py); a test compares the two.
library ConsensusRule {
    uint256 internal constant UNIT = 10_000;
    /// @dev Fixed-point 1 of the noisy-or product. Each factor is rounded down at this scale, in the order of the answers.
    uint256 internal constant MISS_UNIT = 1e12;
    /// @dev Change of a capability by one round.
    uint256 internal constant STEP = 100;
    /// @dev Number of inspections after which the counters are reset.
    uint256 internal constant WINDOW = 10;
    uint256 private constant STATES = 16;

    /// @param decided whether the answers decide the round; the other fields are 0 if not
    /// @param state state of the winning group
    /// @param score score of the winning group
    /// @param recorder index of the last answer of the winning group
    /// @param reached whether the score reached the threshold; otherwise the best group won at the maximum
    struct Outcome {
        bool decided;
        uint256 state;
        uint256 score;
        uint256 recorder;
        bool reached;
    }

    /// @notice Return the outcome of the answers so far. If scores are equal, the group with more answers wins, then the
    /// group with the earliest answer.
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
            return _decide(weighing, maximum, threshold, answers, count);
        }
    }

    /// @dev Cannot overflow: at most 17 answers with capabilities up to `UNIT`.
    function _decide(
        Weighing weighing,
        uint256 maximum,
        uint256 threshold,
        uint256[] memory answers,
        uint256 count
    ) private pure returns (Outcome memory outcome) {
        unchecked {
            // New memory is zero.
            // slither-disable-start uninitialized-local
            uint256[STATES] memory scores;
            uint256[STATES] memory sizes;
            // slither-disable-end uninitialized-local
            for (uint256 i = 0; i < count; ++i) {
                uint256 state = answers[i] & 0xff;
                scores[state] = _accumulate(weighing, scores[state], answers[i] >> 8);
                ++sizes[state];
            }
            uint256 best = answers[0] & 0xff;
            uint256 bestScore = _score(weighing, scores[best]);
            for (uint256 i = 1; i < count; ++i) {
                uint256 state = answers[i] & 0xff;
                uint256 score = _score(weighing, scores[state]);
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

    /// @notice Return the highest possible score of a number of answers.
    function maxScore(Weighing weighing, uint256 answers) internal pure returns (uint256) {
        if (weighing == Weighing.NoisyOr) return UNIT;
        return answers * (weighing == Weighing.LogOdds ? LogOdds.MAX : UNIT);
    }

    /// @notice Return the smallest valid minimum of a rule: 1 for log-odds, otherwise the smallest odd number above `states`.
    function minAnswers(Weighing weighing, uint256 states) internal pure returns (uint256) {
        if (weighing == Weighing.LogOdds) return 1;
        return states % 2 == 0 ? states + 1 : states + 2;
    }

    /// @notice Return an inspector's capability, inspections and wins after one more round.
    /// @param won whether its answer won
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

    /// @notice Return an inspector's capability, inspections and wins after it missed a deadline: the penalty is deducted,
    /// and the inspection counts as not won.
    function stalled(uint256 capability, uint256 inspections, uint256 wins, uint256 penalty)
        internal
        pure
        returns (uint256, uint256, uint256)
    {
        ++inspections;
        capability = capability > penalty ? capability - penalty : 0;
        return inspections >= WINDOW ? (capability, 0, 0) : (capability, inspections, wins);
    }

    /// @dev Add an answer to the accumulator of its group. For noisy-or the accumulator is 1 minus the probability that all
    /// answers are wrong, in 1 / `MISS_UNIT`; otherwise it is the score.
    function _accumulate(Weighing weighing, uint256 accumulator, uint256 capability) private pure returns (uint256) {
        unchecked {
            if (weighing == Weighing.Majority) return accumulator + UNIT;
            if (weighing == Weighing.Confidence) return accumulator + capability;
            if (weighing == Weighing.LogOdds) return accumulator + LogOdds.weigh(capability);
            // Rounds at this scale on purpose, as the Python equivalent does.
            // slither-disable-next-line divide-before-multiply
            return MISS_UNIT - (MISS_UNIT - accumulator) * (UNIT - capability) / UNIT;
        }
    }

    function _score(Weighing weighing, uint256 accumulator) private pure returns (uint256) {
        unchecked {
            return weighing == Weighing.NoisyOr ? accumulator * UNIT / MISS_UNIT : accumulator;
        }
    }
}
