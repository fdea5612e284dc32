// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Sets of the numbers 1 to 255 as bits of a word
/// @dev Bit 0 must be clear.
library Bitmap {
    uint256 private constant ONES = type(uint256).max / 255;

    /// @notice Return the number of elements of the set.
    function count(uint256 set) internal pure returns (uint256) {
        return _prefixSums(set) >> 248;
    }

    /// @notice Return the element that has `rank` smaller elements. `rank` must be below `count(set)`.
    function select(uint256 set, uint256 rank) internal pure returns (uint256 number) {
        uint256 sums = _prefixSums(set);
        while ((sums >> number) & 0xff <= rank) number += 8;
        if (number != 0) rank -= (sums >> (number - 8)) & 0xff;
        while (true) {
            if ((set >> number) & 1 == 1) {
                if (rank == 0) return number;
                --rank;
            }
            ++number;
        }
    }

    /// @dev Byte i of the result is the number of bits set in bytes 0 to i. It is at most 255 because bit 0 is clear, so no
    /// byte overflows.
    function _prefixSums(uint256 set) private pure returns (uint256) {
        unchecked {
            uint256 pairs = set - ((set >> 1) & (ONES * 0x55));
            uint256 nibbles = (pairs & (ONES * 0x33)) + ((pairs >> 2) & (ONES * 0x33));
            return ((nibbles + (nibbles >> 4)) & (ONES * 0x0f)) * ONES;
        }
    }
}
