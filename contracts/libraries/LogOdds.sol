// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Log-odds of a capability c, the share of correct answers: ln(c / (1 - c)), in 1/10,000
/// @dev Table of the values from 0.51 to 0.98 in steps of 0.01 (the step of learning), 16 bits each from the lowest. A
/// capability is rounded down to a multiple of 0.01. The weight is 0 below 0.51, and `MAX` from 0.99 on.
/// `chromatrace/quality/log_odds.py` computes the same table; a test compares the two.
library LogOdds {
    /// @dev ln(0.99 / 0.01)
    uint256 internal constant MAX = 45951;
    uint256 private constant STEP = 100;
    uint256 private constant LOWEST = 51;
    uint256 private constant HIGHEST = 98;
    uint256 private constant FROM_51 = 0x19e9182e167a14ca131f11790fd70e380c9c0b03096c07d7064304b103200190;
    uint256 private constant FROM_67 = 0x3b3b38a4362733c131712f332d072aea28dc26da24e522fa21191f411d721baa;
    uint256 private constant FROM_83 = 0x980687c97c2573046b7b650b5f675a6055d451ab4dd44a4246e943c240c63df0;

    /// @notice Return the log-odds of a capability, in 1/10,000.
    /// @param capability capability in 1/10,000
    function weigh(uint256 capability) internal pure returns (uint256) {
        unchecked {
            uint256 hundredths = capability / STEP;
            if (hundredths < LOWEST) return 0;
            if (hundredths > HIGHEST) return MAX;
            uint256 index = hundredths - LOWEST;
            uint256 word = index < 16 ? FROM_51 : index < 32 ? FROM_67 : FROM_83;
            return (word >> (16 * (index & 15))) & 0xffff;
        }
    }
}
