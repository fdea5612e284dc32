// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Number of an organisation of the consortium, starting at 1; 0 means none.
type OrgId is uint32;

/// @notice Batch id: `keccak256("01" ‖ GTIN-14 ‖ "10" ‖ lot)`, the hash of the batch's GS1 element string.
type BatchId is bytes32;

/// @notice Id of one append-only log of one organisation: `keccak256(abi.encode(organisation, name))`.
type ChannelId is bytes32;

/// @notice Id of one department of one organisation: `keccak256(abi.encode(organisation, name, "department"))`.
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

/// @notice Result of an inspection; `None` if there is no result yet.
enum Verdict {
    None,
    Pass,
    Fail
}
