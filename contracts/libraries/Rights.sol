// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Roles of operators, one bit each.
library Roles {
    uint16 internal constant ADMIN = 1 << 0;
    uint16 internal constant PRODUCER = 1 << 1;
    uint16 internal constant GATEWAY = 1 << 2;
    uint16 internal constant INSPECTOR = 1 << 3;
    uint16 internal constant LOGISTICS = 1 << 4;
    uint16 internal constant FRANCHISEE = 1 << 5;
    uint16 internal constant SUPERVISOR = 1 << 6;
    uint16 internal constant ALL = (1 << 7) - 1;
}

/// @notice Scopes in which an organisation can read data of another organisation's products, one bit each.
library Scopes {
    uint16 internal constant PRODUCT = 1 << 0;
    uint16 internal constant LOGISTICS = 1 << 1;
    uint16 internal constant QUALITY = 1 << 2;
    uint16 internal constant PROCESS = 1 << 3;
    uint16 internal constant DOCUMENTS = 1 << 4;
    uint16 internal constant ALL = (1 << 5) - 1;
}

/// @notice Rights of members in a department, one bit each.
library DepartmentRights {
    uint8 internal constant READ = 1 << 0;
    uint8 internal constant APPEND = 1 << 1;
    uint8 internal constant ALL = (1 << 2) - 1;
}

/// @notice Roles in the access control of `Consortium`: the registrar, and contracts that call other contracts.
library ContractRoles {
    bytes32 internal constant REGISTRAR = keccak256("REGISTRAR");
    bytes32 internal constant VERDICT_LEDGER = keccak256("VERDICT_LEDGER");
    bytes32 internal constant CONSENSUS = keccak256("CONSENSUS");
    bytes32 internal constant CUSTODY_LEDGER = keccak256("CUSTODY_LEDGER");
}
