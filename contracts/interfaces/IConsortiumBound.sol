// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortium} from "./IConsortium.sol";

/// @title A contract that takes every right from one `Consortium`, fixed when it is deployed.
interface IConsortiumBound {
    /// @notice Where rights come from.
    function consortium() external view returns (IConsortium);
}
