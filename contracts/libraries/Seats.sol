// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The seats of a round in one word: 12 bits each from the lowest, inspector (8) and then mark (4).
library Seats {
    uint256 internal constant MOST = 21;
    /// @dev Marks; from `REVEALED` on, the rest is the state.
    uint256 internal constant DRAWN = 0;
    uint256 internal constant COMMITTED = 1;
    uint256 internal constant STALLED = 2;
    uint256 internal constant REVEALED = 3;
    /// @dev The lowest bit of every seat.
    uint256 private constant FIRST_BITS = 0x0001001001001001001001001001001001001001001001001001001001001001;

    function inspectorOf(uint256 seats, uint256 seat) internal pure returns (uint256) {
        unchecked {
            return (seats >> (12 * seat)) & 0xff;
        }
    }

    function markOf(uint256 seats, uint256 seat) internal pure returns (uint256) {
        unchecked {
            return (seats >> (12 * seat + 8)) & 0xf;
        }
    }

    /// @dev The seat is empty.
    function seated(uint256 seats, uint256 seat, uint256 inspector) internal pure returns (uint256) {
        unchecked {
            return seats | (inspector << (12 * seat));
        }
    }

    function marked(uint256 seats, uint256 seat, uint256 mark) internal pure returns (uint256) {
        unchecked {
            uint256 shift = 12 * seat + 8;
            return (seats & ~(uint256(0xf) << shift)) | (mark << shift);
        }
    }

    /// @dev Of the first `count` seats.
    function countMark(uint256 seats, uint256 count, uint256 mark) internal pure returns (uint256) {
        unchecked {
            uint256 different = (seats >> 8) ^ (FIRST_BITS * mark);
            different |= different >> 1;
            different |= different >> 2;
            return count - _sum(different & FIRST_BITS & ((1 << (12 * count)) - 1));
        }
    }

    function countAnswers(uint256 seats) internal pure returns (uint256) {
        uint256 marks = seats >> 8;
        return _sum(((marks >> 3) | (marks >> 2) | ((marks >> 1) & marks)) & FIRST_BITS);
    }

    /// @dev The set of all inspectors seated, stalled ones included.
    function members(uint256 seats, uint256 count) internal pure returns (uint256 set) {
        unchecked {
            for (; count != 0; --count) {
                set |= 1 << (seats & 0xff);
                seats >>= 12;
            }
        }
    }

    /// @dev Of numbers 0 and 1, one in every 12 bits.
    function _sum(uint256 bits) private pure returns (uint256) {
        unchecked {
            return ((bits * FIRST_BITS) >> 240) & 0xfff;
        }
    }
}
