// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Seats of a round packed in one word
/// @dev 12 bits per seat from the lowest: inspector (8 bits), then status (4 bits).
library Seats {
    uint256 internal constant MAX = 21;
    /// @dev Values of the status. A revealed seat has the status `REVEALED` plus its state.
    uint256 internal constant DRAWN = 0;
    uint256 internal constant COMMITTED = 1;
    uint256 internal constant STALLED = 2;
    uint256 internal constant REVEALED = 3;
    /// @dev Mask of the lowest bit of every seat.
    uint256 private constant FIRST_BITS = 0x0001001001001001001001001001001001001001001001001001001001001001;

    function inspectorOf(uint256 seats, uint256 seat) internal pure returns (uint256) {
        unchecked {
            return (seats >> (12 * seat)) & 0xff;
        }
    }

    function statusOf(uint256 seats, uint256 seat) internal pure returns (uint256) {
        unchecked {
            return (seats >> (12 * seat + 8)) & 0xf;
        }
    }

    /// @dev The seat must be empty.
    function withInspector(uint256 seats, uint256 seat, uint256 inspector) internal pure returns (uint256) {
        unchecked {
            return seats | (inspector << (12 * seat));
        }
    }

    function withStatus(uint256 seats, uint256 seat, uint256 status) internal pure returns (uint256) {
        unchecked {
            uint256 shift = 12 * seat + 8;
            return (seats & ~(uint256(0xf) << shift)) | (status << shift);
        }
    }

    /// @dev Count the seats with this status among the first `count`.
    function countStatus(uint256 seats, uint256 count, uint256 status) internal pure returns (uint256) {
        unchecked {
            uint256 different = (seats >> 8) ^ (FIRST_BITS * status);
            different |= different >> 1;
            different |= different >> 2;
            return count - _sum(different & FIRST_BITS & ((1 << (12 * count)) - 1));
        }
    }

    /// @dev Count the revealed seats.
    function countAnswers(uint256 seats) internal pure returns (uint256) {
        uint256 statuses = seats >> 8;
        return _sum(((statuses >> 3) | (statuses >> 2) | ((statuses >> 1) & statuses)) & FIRST_BITS);
    }

    /// @dev Return the set of inspectors in the first `count` seats, including stalled seats.
    function members(uint256 seats, uint256 count) internal pure returns (uint256 set) {
        unchecked {
            for (; count != 0; --count) {
                set |= 1 << (seats & 0xff);
                seats >>= 12;
            }
        }
    }

    /// @dev Sum numbers that are 0 or 1, one per 12 bits.
    function _sum(uint256 bits) private pure returns (uint256) {
        unchecked {
            return ((bits * FIRST_BITS) >> 240) & 0xfff;
        }
    }
}
