// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortium} from "./IConsortium.sol";

/// @title Contract that authorises its callers through one `Consortium`
/// @notice The consortium is set in the constructor and cannot be changed.
interface IConsortiumBound {
    /// @notice Return the consortium that authorises callers.
    function consortium() external view returns (IConsortium);
}
