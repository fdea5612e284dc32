// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortiumBound} from "./IConsortiumBound.sol";
import {DepartmentId, OrgId} from "./Types.sol";

/// @title Records of departments: who may append, and a hash chain over what each appended.
/// @notice A record is four values; its document stays off chain. Packed, it has 92 bytes:
///
///     bytes  0-19  record     which record it is: the first 20 bytes of a hash of its kind and key
///     bytes 20-39  subject    the product that it is about, likewise
///     bytes 40-59  preceding  the record that it goes on from, likewise; zeros where none
///     bytes 60-91  digest     SHA-256 of the document
///
/// @dev Call data decides the price of an append (EIP-7623: 40 gas a byte), so records are packed and share their
/// kind. That a preceding record exists is checked before anything is sent: records are events, which a contract
/// cannot read.
interface IDepartmentRecords is IConsortiumBound {
    /// @param count records appended so far
    /// @param head hash chain over them: `head' = bytes27(keccak256(head ‖ kind ‖ record))`, from zeros, record by
    /// record, so that it does not depend on how they were batched
    struct Department {
        OrgId organisation;
        uint40 count;
        bytes27 head;
    }

    event DepartmentOpened(
        DepartmentId indexed department, OrgId indexed organisation, string name, address indexed by
    );
    /// @param rights see `DepartmentRights`; 0 where the member was removed
    event MemberSet(DepartmentId indexed department, address indexed member, uint8 rights, address indexed by);
    /// @param first number of the first of these records within the department, from 0
    /// @param kind hash of the kind of all of them and its version
    /// @param head of the hash chain behind the last of them
    /// @param records packed, 92 bytes each
    event RecordsAppended(
        DepartmentId indexed department,
        uint40 indexed first,
        address indexed by,
        bytes32 kind,
        bytes27 head,
        bytes records
    );

    error DepartmentAlreadyOpen(DepartmentId department);
    error InvalidDepartmentName(uint256 length);
    error UnknownDepartment(DepartmentId department);
    error NotDepartmentOwner(DepartmentId department, OrgId organisation, OrgId caller);
    error UnknownDepartmentRights(uint8 rights);
    error InvalidMember(address member);
    error MemberOfAnotherOrganisation(address member, OrgId organisation, OrgId owner);
    /// @notice The operator has `held` rights in the department, not those `needed`: it is of another department.
    error NotMember(DepartmentId department, address operator, uint8 held, uint8 required);
    error InvalidRecordsLength(uint256 length);
    error EmptyRecordKind();
    error EmptyRecord(uint256 index);

    /// @notice Opens a department of the caller's organisation. Its name has 1 to 64 bytes. Only an administrator.
    function openDepartment(string calldata name) external returns (DepartmentId);

    /// @notice Gives an address exactly these rights in a department; 0 removes it. Only an administrator of the
    /// organisation that the department is of. Only its own operators may be let append.
    function setMember(DepartmentId id, address member, uint8 rights) external;

    /// @notice Appends one or many records of one kind, all or none. Only a gateway of the organisation that is a
    /// member of the department with the right to append.
    function appendRecords(DepartmentId id, bytes32 kind, bytes calldata records) external;

    function department(DepartmentId id) external view returns (Department memory);
    function memberRights(DepartmentId id, address member) external view returns (uint8);

    /// @notice Whether the account may read a department's records: its members, and supervisors of its organisation
    /// or of an authority, while their appointment holds.
    function mayReadDepartment(DepartmentId id, address account) external view returns (bool);
    function departmentIdOf(OrgId organisation, string calldata name) external pure returns (DepartmentId);
}
