// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {OrgId} from "./Types.sol";

/// @title Licences of GS1 company prefixes
/// @notice A GTIN belongs to the organisation whose licensed prefix it starts with, not counting the indicator digit. A
/// prefix has 4 to 12 digits; 12 digits are one item at every packaging level. No two licences overlap.
interface IGtinLicences {
    /// @notice Emitted when a prefix is licensed.
    /// @param digits number of digits of the prefix, with leading zeros
    event PrefixLicensed(OrgId indexed organisation, uint64 indexed prefix, uint8 indexed digits, address by);

    /// @notice Emitted when a licence ends.
    /// @param digits number of digits of the prefix, with leading zeros
    event PrefixLicenceWithdrawn(OrgId indexed organisation, uint64 indexed prefix, uint8 indexed digits, address by);

    /// @notice The prefix does not have 4 to 12 digits, or is larger than its number of digits allows.
    /// @param digits number of digits of the prefix
    error InvalidPrefix(uint64 prefix, uint8 digits);

    /// @notice The prefix, a part of it or a longer one is licensed.
    /// @param digits number of digits of the prefix
    /// @param licensee organisation that has the prefix or a part of it; 0 if a longer prefix is licensed
    error PrefixOverlaps(uint64 prefix, uint8 digits, OrgId licensee);

    /// @notice The prefix is not licensed.
    /// @param digits number of digits of the prefix
    error PrefixNotLicensed(uint64 prefix, uint8 digits);

    /// @notice The GTIN does not start with a prefix that is licensed to the organisation.
    /// @param gtin GTIN-14 as a number
    error GtinNotLicensed(uint64 gtin, OrgId organisation);

    /// @notice License a prefix to an organisation. Requires the contract role `REGISTRAR`.
    /// @param prefix digits of the prefix as a number
    /// @param digits number of digits of the prefix, 4 to 12
    function license(OrgId id, uint64 prefix, uint8 digits) external;

    /// @notice End a licence. Batches that are registered stay registered. Requires the contract role `REGISTRAR`.
    /// @param prefix digits of the prefix as a number
    /// @param digits number of digits of the prefix
    function withdrawLicence(uint64 prefix, uint8 digits) external;

    /// @notice Return the organisation to which the prefix of a GTIN is licensed; 0 if there is none.
    /// @param gtin GTIN-14 as a number; its check digit is not checked
    function licenseeOf(uint64 gtin) external view returns (OrgId);
}
