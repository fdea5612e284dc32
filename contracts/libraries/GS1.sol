// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchId} from "../interfaces/Types.sol";

/// @title GS1 identifiers: check digits, lot characters, batch id
/// @dev GS1 General Specifications 7.9 (check digits) and figure 7.11-1 (character set 82). The Python equivalent is
/// `chromatrace/domain/identifiers.py`; a test compares the two.
library GS1 {
    uint256 internal constant MAX_LOT_LENGTH = 20;

    /// @dev Bit n is set if the ASCII character n is in set 82: !"%&'()*+,-./0-9:;<=>?A-Z_a-z
    // slither-disable-next-line too-many-digits
    uint256 private constant SET_82 = 0x07fffffe87fffffeffffffe600000000;

    uint256 private constant GTIN_14_LIMIT = 1e14;
    uint256 private constant GLN_LIMIT = 1e13;

    /// @notice Return whether `number` is a GTIN-14 with a correct check digit. 0 is not valid.
    function isGtin(uint256 number) internal pure returns (bool) {
        return number != 0 && number < GTIN_14_LIMIT && _hasValidCheckDigit(number);
    }

    /// @notice Return whether `number` is a GLN with a correct check digit. 0 is not valid.
    function isGln(uint256 number) internal pure returns (bool) {
        return number != 0 && number < GLN_LIMIT && _hasValidCheckDigit(number);
    }

    /// @notice Return the index of the first character of `lot` outside set 82, or its length if there is none.
    /// @dev Read only the first 32 characters; check the length first.
    function firstInvalid(string calldata lot) internal pure returns (uint256 position) {
        bytes32 characters = bytes32(bytes(lot));
        uint256 length = bytes(lot).length;
        for (; position < length; ++position) {
            if ((SET_82 >> uint8(characters[position])) & 1 == 0) break;
        }
    }

    /// @notice Return `keccak256("01" ‖ GTIN-14 ‖ "10" ‖ lot)`, with the GTIN as 14 ASCII digits.
    function batchId(uint256 gtin, string calldata lot) internal pure returns (BatchId) {
        uint256 digits = 0;
        // The last digit is the lowest byte. Cannot overflow: 14 bytes of at most "9".
        unchecked {
            for (uint256 shift = 0; shift < 112; shift += 8) {
                digits |= (0x30 + (gtin % 10)) << shift;
                gtin /= 10;
            }
        }
        return BatchId.wrap(keccak256(abi.encodePacked("01", bytes14(uint112(digits)), "10", lot)));
    }

    /// @dev The digits with weights 1, 3, 1, 3, … from the right, including the check digit, must add up to a multiple of 10.
    function _hasValidCheckDigit(uint256 number) private pure returns (bool) {
        uint256 sum = 0;
        uint256 weight = 1;
        // Cannot overflow: 14 digits of at most 9, weights 1 and 3.
        unchecked {
            for (; number != 0; number /= 10) {
                sum += (number % 10) * weight;
                weight = 4 - weight;
            }
        }
        return sum % 10 == 0;
    }
}
