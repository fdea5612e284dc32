// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IConsortiumBound} from "../interfaces/IConsortiumBound.sol";

/// @title Base of the contracts that ask a `Consortium` who may act.
abstract contract ConsortiumBound is IConsortiumBound {
    /// @inheritdoc IConsortiumBound
    IConsortium public immutable override consortium;

    /// @dev For the consortium's officers and for contracts that write to each other (`ContractRoles`).
    modifier onlyContractRole(bytes32 role) {
        if (!IAccessControl(address(consortium)).hasRole(role, msg.sender)) {
            revert IAccessControl.AccessControlUnauthorizedAccount(msg.sender, role);
        }
        _;
    }

    constructor(IConsortium consortium_) {
        consortium = consortium_;
    }
}
