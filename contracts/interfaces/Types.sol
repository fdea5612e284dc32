// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An organisation of the consortium, numbered from 1; 0 is "none".
type OrgId is uint32;

/// @notice `keccak256("01" ‖ GTIN-14 ‖ "10" ‖ lot)`, the GS1 element string of a batch.
type BatchId is bytes32;

/// @notice `keccak256(abi.encode(organisation, name))`, one append-only log of one organisation.
type ChannelId is bytes32;

/// @notice `keccak256(abi.encode(organisation, name, "department"))`, one department of one organisation.
type DepartmentId is bytes32;

library OrgIds {
    OrgId internal constant NONE = OrgId.wrap(0);
}

using {equal as ==, notEqual as !=} for OrgId global;

function equal(OrgId a, OrgId b) pure returns (bool) {
    return OrgId.unwrap(a) == OrgId.unwrap(b);
}

function notEqual(OrgId a, OrgId b) pure returns (bool) {
    return OrgId.unwrap(a) != OrgId.unwrap(b);
}

/// @notice The two inspections of a batch: `First` before assembly (station 202), `Final` after it (station 303).
enum Stage {
    First,
    Final
}

/// @notice What an inspection found; `None` while there is none.
enum Verdict {
    None,
    Pass,
    Fail
}
