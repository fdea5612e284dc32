// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bitmap} from "../libraries/Bitmap.sol";
import {ConsensusRule, Weighing} from "../libraries/ConsensusRule.sol";
import {LogOdds} from "../libraries/LogOdds.sol";

/// @title External functions for `ConsensusRule`, `LogOdds` and `Bitmap`, many cases per call; for tests only
contract ConsensusRuleHarness {
    struct Case {
        Weighing weighing;
        uint256 minimum;
        uint256 maximum;
        uint256 threshold;
        uint256[] answers;
    }

    struct Standing {
        uint256 capability;
        uint256 inspections;
        uint256 wins;
    }

    function decideMany(Case[] calldata cases) external pure returns (ConsensusRule.Outcome[] memory outcomes) {
        outcomes = new ConsensusRule.Outcome[](cases.length);
        for (uint256 i = 0; i < cases.length; ++i) {
            Case calldata testCase = cases[i];
            outcomes[i] = ConsensusRule.decide(
                testCase.weighing, testCase.minimum, testCase.maximum, testCase.threshold, testCase.answers
            );
        }
    }

    /// @param results results of each inspector: 1 won, 0 lost, 2 stalled
    function learnMany(Standing[] calldata starts, uint8[][] calldata results, uint256 penalty)
        external
        pure
        returns (Standing[] memory ends)
    {
        ends = new Standing[](starts.length);
        for (uint256 i = 0; i < starts.length; ++i) {
            Standing memory standing = starts[i];
            for (uint256 k = 0; k < results[i].length; ++k) {
                (standing.capability, standing.inspections, standing.wins) = results[i][k] == 2
                    ? ConsensusRule.stalled(standing.capability, standing.inspections, standing.wins, penalty)
                    : ConsensusRule.learned(standing.capability, standing.inspections, standing.wins, results[i][k] == 1);
            }
            ends[i] = standing;
        }
    }

    function logOdds(uint256[] calldata capabilities) external pure returns (uint256[] memory weights) {
        weights = new uint256[](capabilities.length);
        for (uint256 i = 0; i < capabilities.length; ++i) {
            weights[i] = LogOdds.weigh(capabilities[i]);
        }
    }

    function count(uint256 set) external pure returns (uint256) {
        return Bitmap.count(set);
    }

    function select(uint256 set, uint256 rank) external pure returns (uint256) {
        return Bitmap.select(set, rank);
    }
}
