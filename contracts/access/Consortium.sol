// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IGtinLicences} from "../interfaces/IGtinLicences.sol";
import {OrgId, OrgIds} from "../interfaces/Types.sol";
import {GS1} from "../libraries/GS1.sol";
import {ContractRoles, Roles, Scopes} from "../libraries/Rights.sol";
import {GtinLicences} from "./GtinLicences.sol";

/// @title Organisations, operators, roles and read scopes of a consortium
/// @dev The default admin (`DEFAULT_ADMIN_ROLE`) grants the contract roles. It is transferred in two steps with a delay.
contract Consortium is IConsortium, GtinLicences, AccessControlDefaultAdminRules {
    /// @dev One slot: an organisation and its first licence. Most registrations need no further slot.
    struct StoredOrganisation {
        OrganisationKind kind;
        bool active;
        uint16 permittedRoles;
        uint64 validUntil;
        uint64 gln;
        uint48 firstLicence;
    }

    uint32 private _organisationCount;
    mapping(OrgId => StoredOrganisation) private _organisations;
    mapping(uint64 gln => OrgId) private _organisationOfGln;
    mapping(address => Operator) private _operators;
    mapping(OrgId owner => mapping(OrgId reader => mapping(uint64 gtin => Grant))) private _grants;

    /// @dev Allow only the registrar and the administrators of the organisation `id`.
    modifier onlyAdministratorOf(OrgId id) {
        if (!hasRole(ContractRoles.REGISTRAR, msg.sender)) {
            if (_authorise(msg.sender, Roles.ADMIN) != id) revert NotAdministratorOf(msg.sender, id);
        }
        _;
    }

    modifier onlyRegistered(OrgId id) {
        if (_organisations[id].kind == OrganisationKind.None) revert UnknownOrganisation(id);
        _;
    }

    modifier notInThePast(uint64 validUntil) {
        if (validUntil < block.timestamp) revert ExpiryInThePast(validUntil);
        _;
    }

    /// @param adminDelay delay between the two steps of a default admin transfer, in seconds
    /// @param admin first default admin
    constructor(uint48 adminDelay, address admin) AccessControlDefaultAdminRules(adminDelay, admin) {}

    // ------------------------------------------------------------------ organisations

    /// @inheritdoc IConsortium
    function registerOrganisation(
        OrganisationKind kind,
        uint64 gln,
        uint16 permittedRoles,
        uint64 validUntil,
        string calldata name
    ) external onlyRole(ContractRoles.REGISTRAR) notInThePast(validUntil) returns (OrgId id) {
        if (kind == OrganisationKind.None) revert InvalidKind();
        if (!GS1.isGln(gln)) revert InvalidGln(gln);
        OrgId holder = _organisationOfGln[gln];
        if (holder != OrgIds.NONE) revert GlnAlreadyRegistered(gln, holder);
        _requireKnownRoles(permittedRoles);

        id = OrgId.wrap(++_organisationCount);
        _organisationOfGln[gln] = id;
        _organisations[id] = StoredOrganisation(kind, true, permittedRoles, validUntil, gln, 0);
        emit OrganisationRegistered(id, kind, gln, permittedRoles, validUntil, name);
    }

    /// @inheritdoc IConsortium
    function changeOrganisation(OrgId id, uint16 permittedRoles, uint64 validUntil)
        external
        onlyRole(ContractRoles.REGISTRAR)
        onlyRegistered(id)
        notInThePast(validUntil)
    {
        _requireKnownRoles(permittedRoles);
        StoredOrganisation storage organisation_ = _organisations[id];
        organisation_.permittedRoles = permittedRoles;
        organisation_.validUntil = validUntil;
        emit OrganisationChanged(id, permittedRoles, validUntil);
    }

    /// @inheritdoc IConsortium
    function suspendOrganisation(OrgId id) external onlyRole(ContractRoles.REGISTRAR) onlyRegistered(id) {
        if (!_organisations[id].active) revert OrganisationInactive(id);
        _organisations[id].active = false;
        emit OrganisationSuspended(id, msg.sender);
    }

    /// @inheritdoc IConsortium
    function reinstateOrganisation(OrgId id) external onlyRole(ContractRoles.REGISTRAR) onlyRegistered(id) {
        if (_organisations[id].active) revert OrganisationNotSuspended(id);
        _organisations[id].active = true;
        emit OrganisationReinstated(id, msg.sender);
    }

    /// @inheritdoc IGtinLicences
    function license(OrgId id, uint64 prefix, uint8 digits)
        external
        onlyRole(ContractRoles.REGISTRAR)
        onlyRegistered(id)
    {
        uint48 licence = _grantLicence(id, prefix, digits);
        if (_organisations[id].firstLicence == 0) _organisations[id].firstLicence = licence;
    }

    /// @inheritdoc IGtinLicences
    function withdrawLicence(uint64 prefix, uint8 digits) external onlyRole(ContractRoles.REGISTRAR) {
        (OrgId id, uint48 licence) = _endLicence(prefix, digits);
        if (_organisations[id].firstLicence == licence) _organisations[id].firstLicence = 0;
    }

    // ------------------------------------------------------------------ operators

    /// @inheritdoc IConsortium
    function appointOperator(address account, OrgId id, uint16 roles, uint64 validUntil)
        external
        onlyRegistered(id)
        onlyAdministratorOf(id)
        notInThePast(validUntil)
    {
        if (account == address(0)) revert InvalidOperator(account);
        _requireKnownRoles(roles);
        uint16 permitted = _organisations[id].permittedRoles;
        if (roles & ~permitted != 0) revert RolesNotPermitted(id, roles, permitted);
        Operator storage operator_ = _operators[account];
        if (operator_.active && operator_.organisation != id) {
            revert OperatorOfAnotherOrganisation(account, operator_.organisation);
        }
        if (roles & Roles.ADMIN == 0 || validUntil < operator_.validUntil) _protectAdministrator(account);

        if (!operator_.active || operator_.validUntil < block.timestamp) ++operator_.appointment;
        operator_.organisation = id;
        operator_.active = true;
        operator_.roles = roles;
        operator_.validUntil = validUntil;
        emit OperatorAppointed(account, id, roles, validUntil, msg.sender);
    }

    /// @inheritdoc IConsortium
    function dismissOperator(address account) external onlyAdministratorOf(_operators[account].organisation) {
        OrgId id = _operators[account].organisation;
        if (id == OrgIds.NONE) revert UnknownOperator(account);
        if (!_operators[account].active) revert OperatorInactive(account);
        _protectAdministrator(account);
        _operators[account].active = false;
        emit OperatorDismissed(account, id, msg.sender);
    }

    // ------------------------------------------------------------------ read scopes

    /// @inheritdoc IConsortium
    function grantReadScopes(OrgId reader, uint64[] calldata gtins, uint16 scopes, uint64 validUntil)
        external
        onlyRegistered(reader)
    {
        OrgId owner = _authorise(msg.sender, Roles.ADMIN);
        if (scopes & ~Scopes.ALL != 0) revert UnknownScopes(scopes);
        if (scopes == 0) validUntil = 0;
        else if (validUntil < block.timestamp) revert ExpiryInThePast(validUntil);

        for (uint256 i = 0; i < gtins.length; ++i) {
            uint64 gtin = gtins[i];
            if (gtin != 0 && !GS1.isGtin(gtin)) revert InvalidGtin(gtin);
            _grants[owner][reader][gtin] = Grant(scopes, validUntil);
            emit ReadScopesGranted(owner, reader, gtin, scopes, validUntil);
        }
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IConsortium
    function authorise(address account, uint16 roles) external view returns (OrgId) {
        return _authorise(account, roles);
    }

    /// @inheritdoc IConsortium
    function authoriseProduct(address account, uint16 roles, uint64 gtin) external view returns (OrgId id) {
        id = _authorise(account, roles);
        _requireLicence(id, _organisations[id].firstLicence, gtin);
    }

    /// @inheritdoc IConsortium
    function isAuthorised(address account, uint16 roles) external view returns (bool) {
        (, uint16 held) = _activeRoles(account);
        return held & roles != 0;
    }

    /// @inheritdoc IConsortium
    function mayRead(address account, OrgId owner, uint64 gtin, uint16 scopes) external view returns (bool) {
        (OrgId reader, uint16 held) = _activeRoles(account);
        if (reader == OrgIds.NONE || scopes == 0) return false;
        if (reader == owner) return true;
        if (held & Roles.SUPERVISOR != 0 && _organisations[reader].kind == OrganisationKind.Authority) return true;
        uint16 granted = _grantedScopes(owner, reader, gtin) | _grantedScopes(owner, reader, 0);
        return scopes & ~granted == 0;
    }

    /// @inheritdoc IConsortium
    function isActive(OrgId id) external view returns (bool) {
        return _isActive(_organisations[id]);
    }

    /// @inheritdoc IConsortium
    function organisation(OrgId id) external view returns (Organisation memory) {
        StoredOrganisation memory stored = _organisations[id];
        return Organisation(stored.kind, stored.active, stored.permittedRoles, stored.validUntil, stored.gln);
    }

    /// @inheritdoc IConsortium
    function organisationOfGln(uint64 gln) external view returns (OrgId) {
        return _organisationOfGln[gln];
    }

    /// @inheritdoc IConsortium
    function organisationCount() external view returns (uint32) {
        return _organisationCount;
    }

    /// @inheritdoc IConsortium
    function operator(address account) external view returns (Operator memory) {
        return _operators[account];
    }

    /// @inheritdoc IConsortium
    function grantOf(OrgId owner, OrgId reader, uint64 gtin) external view returns (Grant memory) {
        return _grants[owner][reader][gtin];
    }

    // ------------------------------------------------------------------ internal

    /// @dev Only the registrar can take the role `ADMIN` from an account that holds it. An administrator that removes others,
    /// or itself by mistake, could leave the organisation without one.
    function _protectAdministrator(address account) private view {
        if (hasRole(ContractRoles.REGISTRAR, msg.sender)) return;
        (, uint16 held) = _activeRoles(account);
        if (held & Roles.ADMIN != 0) revert AdministratorProtected(account);
    }

    /// @dev Like `_activeRoles`, but revert with the reason.
    function _authorise(address account, uint16 roles) private view returns (OrgId id) {
        Operator storage operator_ = _operators[account];
        id = operator_.organisation;
        if (id == OrgIds.NONE) revert UnknownOperator(account);
        if (!operator_.active) revert OperatorInactive(account);
        if (operator_.validUntil < block.timestamp) revert OperatorExpired(account, operator_.validUntil);
        StoredOrganisation storage organisation_ = _organisations[id];
        if (!organisation_.active) revert OrganisationInactive(id);
        if (organisation_.validUntil < block.timestamp) revert OrganisationExpired(id, organisation_.validUntil);
        uint16 held = operator_.roles & organisation_.permittedRoles;
        if (held & roles == 0) revert MissingRole(account, held, roles);
    }

    /// @dev Return the organisation and the roles of an operator; none and 0 unless both are active and not expired. Roles
    /// that the organisation does not permit are excluded.
    function _activeRoles(address account) private view returns (OrgId, uint16) {
        Operator storage operator_ = _operators[account];
        StoredOrganisation storage organisation_ = _organisations[operator_.organisation];
        bool active = operator_.active && operator_.validUntil >= block.timestamp && _isActive(organisation_);
        return active ? (operator_.organisation, operator_.roles & organisation_.permittedRoles) : (OrgIds.NONE, 0);
    }

    function _isActive(StoredOrganisation storage organisation_) private view returns (bool) {
        return organisation_.active && organisation_.validUntil >= block.timestamp;
    }

    function _grantedScopes(OrgId owner, OrgId reader, uint64 gtin) private view returns (uint16) {
        Grant storage grant = _grants[owner][reader][gtin];
        return grant.validUntil >= block.timestamp ? grant.scopes : 0;
    }

    function _requireKnownRoles(uint16 roles) private pure {
        if (roles & ~Roles.ALL != 0) revert UnknownRoles(roles);
    }
}
