// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortiumBound} from "./IConsortiumBound.sol";
import {DepartmentId, OrgId} from "./Types.sol";

/// @title Records of departments, chained by a hash
/// @notice A record has four fields; its document is stored off chain. A packed record has 92 bytes:
///
///     bytes  0-19  record     id of the record: first 20 bytes of a hash of its kind and key
///     bytes 20-39  subject    id of the product that the record is about
///     bytes 40-59  preceding  id of the record that this one continues; 0 if none
///     bytes 60-91  digest     SHA-256 of the document
///
/// @dev Calldata determines the gas of an append (EIP-7623: 40 gas per byte), so records are packed and share their kind.
/// The contract does not check that the preceding record exists, because contracts cannot read events; clients check it
/// before they send.
interface IDepartmentRecords is IConsortiumBound {
    /// @notice A department and the head of its hash chain.
    /// @param count records appended so far
    /// @param head head of the hash chain: `head' = bytes27(keccak256(head ‖ kind ‖ record))`, starting at 0, one step per
    /// record, independent of how records were grouped into calls
    struct Department {
        OrgId organisation;
        uint40 count;
        bytes27 head;
    }

    /// @notice Emitted when a department is opened.
    event DepartmentOpened(
        DepartmentId indexed department, OrgId indexed organisation, string name, address indexed by
    );

    /// @notice Emitted when the rights of a member are set.
    /// @param rights mask of `DepartmentRights`; 0 if the member is removed
    event MemberSet(DepartmentId indexed department, address indexed member, uint8 rights, address indexed by);

    /// @notice Emitted when records are appended.
    /// @param first index of the first record within the department, starting at 0
    /// @param kind hash of the kind and version of the records
    /// @param head head of the hash chain after the last record
    /// @param records packed records, 92 bytes each
    event RecordsAppended(
        DepartmentId indexed department,
        uint40 indexed first,
        address indexed by,
        bytes32 kind,
        bytes27 head,
        bytes records
    );

    /// @notice The organisation already has a department with this name.
    error DepartmentAlreadyOpen(DepartmentId department);

    /// @notice The name of the department does not have 1 to 64 bytes.
    /// @param length bytes in the name
    error InvalidDepartmentName(uint256 length);

    /// @notice No department has this id.
    error UnknownDepartment(DepartmentId department);

    /// @notice The department belongs to another organisation.
    error NotDepartmentOwner(DepartmentId department, OrgId organisation, OrgId caller);

    /// @notice The mask sets a bit that is not a department right.
    /// @param rights rejected mask
    error UnknownDepartmentRights(uint8 rights);

    /// @notice The zero address cannot be a member.
    error InvalidMember(address member);

    /// @notice The right to append can only be given to operators of the department's organisation.
    /// @param organisation organisation of the member
    /// @param owner organisation of the department
    error MemberOfAnotherOrganisation(address member, OrgId organisation, OrgId owner);

    /// @notice Rights can only be given to an appointed operator: they belong to its appointment.
    error MemberNotAppointed(address member);

    /// @notice The operator does not have the required right in the department.
    /// @param held mask of its `DepartmentRights`
    /// @param required mask of the required `DepartmentRights`
    error NotMember(DepartmentId department, address operator, uint8 held, uint8 required);

    /// @notice The length of the packed records is 0 or not a multiple of 92.
    /// @param length bytes received
    error InvalidRecordsLength(uint256 length);

    /// @notice The kind of the records is 0.
    error EmptyRecordKind();

    /// @notice The id or the digest of a record is 0.
    /// @param index index of the record within the call, starting at 0
    error EmptyRecord(uint256 index);

    /// @notice Open a department of the caller's organisation. Requires the role `ADMIN`.
    /// @param name 1 to 64 bytes of UTF-8
    function openDepartment(string calldata name) external returns (DepartmentId);

    /// @notice Set the rights of an operator in a department. They end when the operator is dismissed, and do not return if
    /// it is appointed again. Only operators of the department's organisation can get the right to append. Requires the
    /// role `ADMIN` in that organisation.
    /// @param rights mask of `DepartmentRights`; 0 removes the member
    function setMember(DepartmentId id, address member, uint8 rights) external;

    /// @notice Append records of one kind; reverts if one is invalid. Requires the role `GATEWAY` in the department's
    /// organisation and the right to append.
    /// @param kind hash of the kind and version of the records
    /// @param records packed records, 92 bytes each
    function appendRecords(DepartmentId id, bytes32 kind, bytes calldata records) external;

    /// @notice Return a department; all zeros if it is not open.
    function department(DepartmentId id) external view returns (Department memory);

    /// @notice Return the rights of an address in a department.
    /// @return mask of `DepartmentRights`; 0 if it is not a member
    function memberRights(DepartmentId id, address member) external view returns (uint8);

    /// @notice Return whether an operator can read the records of a department: as a member with the right to read, or as a
    /// supervisor of its organisation or of an authority.
    function mayReadDepartment(DepartmentId id, address account) external view returns (bool);

    /// @notice Return the id of the department of an organisation with this name, open or not.
    function departmentIdOf(OrgId organisation, string calldata name) external pure returns (DepartmentId);
}
