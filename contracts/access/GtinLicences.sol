// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGtinLicences} from "../interfaces/IGtinLicences.sol";
import {OrgId, OrgIds} from "../interfaces/Types.sol";

/// @title Licences of GS1 company prefixes
/// @dev A licence is one number: `prefix << 4 | digits`.
abstract contract GtinLicences is IGtinLicences {
    uint256 private constant MIN_DIGITS = 4;
    uint256 private constant MAX_DIGITS = 12;
    uint256 private constant ITEM_LIMIT = 10 ** MAX_DIGITS;

    mapping(uint48 licence => OrgId) private _licensees;
    /// @dev Number of licences that start with a shorter prefix.
    mapping(uint48 licence => uint256) private _longer;

    /// @inheritdoc IGtinLicences
    function licenseeOf(uint64 gtin) external view returns (OrgId licensee) {
        uint256 item = _itemOf(gtin);
        for (uint256 digits = MIN_DIGITS; digits <= MAX_DIGITS; ++digits) {
            licensee = _licensees[_licence(item / 10 ** (MAX_DIGITS - digits), digits)];
            if (licensee != OrgIds.NONE) return licensee;
        }
    }

    /// @return licence the licence as one number
    function _grantLicence(OrgId id, uint64 prefix, uint8 digits) internal returns (uint48 licence) {
        if (digits < MIN_DIGITS || digits > MAX_DIGITS || prefix >= 10 ** uint256(digits)) {
            revert InvalidPrefix(prefix, digits);
        }
        licence = _licence(prefix, digits);
        if (_longer[licence] != 0) revert PrefixOverlaps(prefix, digits, OrgIds.NONE);
        OrgId licensee = _licensees[licence];
        if (licensee != OrgIds.NONE) revert PrefixOverlaps(prefix, digits, licensee);
        uint256 part = prefix;
        for (uint256 length = digits - 1; length >= MIN_DIGITS; --length) {
            part /= 10;
            licensee = _licensees[_licence(part, length)];
            if (licensee != OrgIds.NONE) revert PrefixOverlaps(prefix, digits, licensee);
            ++_longer[_licence(part, length)];
        }
        _licensees[licence] = id;
        emit PrefixLicensed(id, prefix, digits, msg.sender);
    }

    /// @return id organisation that had the licence
    /// @return licence the licence as one number
    function _endLicence(uint64 prefix, uint8 digits) internal returns (OrgId id, uint48 licence) {
        licence = _licence(prefix, digits);
        id = _licensees[licence];
        if (id == OrgIds.NONE) revert PrefixNotLicensed(prefix, digits);
        _licensees[licence] = OrgIds.NONE;
        uint256 part = prefix;
        for (uint256 length = digits - 1; length >= MIN_DIGITS; --length) {
            part /= 10;
            --_longer[_licence(part, length)];
        }
        emit PrefixLicenceWithdrawn(id, prefix, digits, msg.sender);
    }

    /// @dev Require that the GTIN has a prefix of the organisation. `first` is tried before the licences are searched.
    function _requireLicence(OrgId id, uint48 first, uint64 gtin) internal view {
        uint256 item = _itemOf(gtin);
        if (first != 0 && item / 10 ** (MAX_DIGITS - (first & 0xf)) == first >> 4) return;
        for (uint256 digits = MIN_DIGITS; digits <= MAX_DIGITS; ++digits) {
            if (_licensees[_licence(item / 10 ** (MAX_DIGITS - digits), digits)] == id) return;
        }
        revert GtinNotLicensed(gtin, id);
    }

    /// @dev Return the 12 digits between the indicator digit and the check digit.
    function _itemOf(uint64 gtin) private pure returns (uint256) {
        return gtin / 10 % ITEM_LIMIT;
    }

    function _licence(uint256 prefix, uint256 digits) private pure returns (uint48) {
        return uint48(prefix << 4 | digits);
    }
}
