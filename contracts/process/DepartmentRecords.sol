// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IDepartmentRecords} from "../interfaces/IDepartmentRecords.sol";
import {DepartmentId, OrgId, OrgIds} from "../interfaces/Types.sol";
import {DepartmentRights, Roles, Scopes} from "../libraries/Rights.sol";

/// @title Records of departments, chained by a hash
abstract contract DepartmentRecords is IDepartmentRecords, ConsortiumBound {
    uint256 private constant RECORD_SIZE = 92;
    uint256 private constant DIGEST_OFFSET = 60;
    uint256 private constant MAX_DEPARTMENT_NAME_LENGTH = 64;

    /// @dev The only storage slot that an append writes.
    struct Chain {
        uint40 count;
        bytes27 head;
    }

    mapping(DepartmentId => OrgId) private _organisationOf;
    mapping(DepartmentId => Chain) private _chains;
    /// @dev `appointment` is the operator's appointment at which the rights were given.
    struct Membership {
        uint8 rights;
        uint32 appointment;
    }

    mapping(DepartmentId => mapping(address member => Membership)) private _members;

    /// @inheritdoc IDepartmentRecords
    function openDepartment(string calldata name) external returns (DepartmentId id) {
        OrgId caller = consortium.authorise(msg.sender, Roles.ADMIN);
        uint256 length = bytes(name).length;
        if (length == 0 || length > MAX_DEPARTMENT_NAME_LENGTH) revert InvalidDepartmentName(length);
        id = departmentIdOf(caller, name);
        if (_organisationOf[id] != OrgIds.NONE) revert DepartmentAlreadyOpen(id);

        _organisationOf[id] = caller;
        emit DepartmentOpened(id, caller, name, msg.sender);
    }

    /// @inheritdoc IDepartmentRecords
    function setMember(DepartmentId id, address member, uint8 rights) external {
        OrgId owner = _requireOwner(id, consortium.authorise(msg.sender, Roles.ADMIN));
        if (rights & ~DepartmentRights.ALL != 0) revert UnknownDepartmentRights(rights);
        if (member == address(0)) revert InvalidMember(member);
        IConsortium.Operator memory operator_ = consortium.operator(member);
        if (rights & DepartmentRights.APPEND != 0 && operator_.organisation != owner) {
            revert MemberOfAnotherOrganisation(member, operator_.organisation, owner);
        }
        if (rights != 0 && !operator_.active) revert MemberNotAppointed(member);

        _members[id][member] = Membership(rights, operator_.appointment);
        emit MemberSet(id, member, rights, msg.sender);
    }

    /// @inheritdoc IDepartmentRecords
    function appendRecords(DepartmentId id, bytes32 kind, bytes calldata records) external {
        _requireOwner(id, consortium.authorise(msg.sender, Roles.GATEWAY));
        uint8 held = memberRights(id, msg.sender);
        if (held & DepartmentRights.APPEND == 0) revert NotMember(id, msg.sender, held, DepartmentRights.APPEND);
        if (kind == 0) revert EmptyRecordKind();
        if (records.length == 0 || records.length % RECORD_SIZE != 0) revert InvalidRecordsLength(records.length);

        Chain memory chain = _chains[id];
        uint40 first = chain.count;
        bytes27 head = chain.head;
        for (uint256 offset = 0; offset < records.length; offset += RECORD_SIZE) {
            bytes calldata record = records[offset:offset + RECORD_SIZE];
            if (bytes20(record) == 0 || bytes32(record[DIGEST_OFFSET:]) == 0) revert EmptyRecord(offset / RECORD_SIZE);
            head = bytes27(keccak256(abi.encodePacked(head, kind, record)));
        }
        _chains[id] = Chain(first + uint40(records.length / RECORD_SIZE), head);
        emit RecordsAppended(id, first, msg.sender, kind, head, records);
    }

    /// @inheritdoc IDepartmentRecords
    function department(DepartmentId id) external view returns (Department memory) {
        Chain memory chain = _chains[id];
        return Department(_organisationOf[id], chain.count, chain.head);
    }

    /// @inheritdoc IDepartmentRecords
    function memberRights(DepartmentId id, address member) public view returns (uint8) {
        Membership memory membership = _members[id][member];
        if (membership.rights == 0) return 0;
        return membership.appointment == consortium.operator(member).appointment ? membership.rights : 0;
    }

    /// @inheritdoc IDepartmentRecords
    function mayReadDepartment(DepartmentId id, address account) external view returns (bool) {
        OrgId owner = _organisationOf[id];
        OrgId reader = consortium.operator(account).organisation;
        // Every active operator can read its own organisation's data, so this checks whether the account is active.
        if (owner == OrgIds.NONE || !consortium.mayRead(account, reader, 0, Scopes.PROCESS)) return false;
        if (memberRights(id, account) & DepartmentRights.READ != 0) return true;
        bool supervises = reader == owner || consortium.organisation(reader).kind == IConsortium.OrganisationKind.Authority;
        return supervises && consortium.isAuthorised(account, Roles.SUPERVISOR);
    }

    /// @inheritdoc IDepartmentRecords
    function departmentIdOf(OrgId organisation, string calldata name) public pure returns (DepartmentId) {
        return DepartmentId.wrap(keccak256(abi.encode(organisation, name, "department")));
    }

    function _requireOwner(DepartmentId id, OrgId caller) private view returns (OrgId owner) {
        owner = _organisationOf[id];
        if (owner == OrgIds.NONE) revert UnknownDepartment(id);
        if (owner != caller) revert NotDepartmentOwner(id, owner, caller);
    }
}
