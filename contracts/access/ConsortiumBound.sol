// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IConsortiumBound} from "../interfaces/IConsortiumBound.sol";

/// @title Base of contracts that authorise their callers through a `Consortium`
abstract contract ConsortiumBound is IConsortiumBound {
    /// @inheritdoc IConsortiumBound
    IConsortium public immutable override consortium;

    /// @dev Allow only accounts with a role of the consortium's access control (`ContractRoles`).
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
