// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrgId} from "./Types.sol";

/// @title Who may act: organisations, their operators, roles and read scopes.
/// @notice The one answer to "may this address do this, now?" for every other contract. A right holds only while
/// the organisation and the operator are both active and neither has expired, so a suspension takes effect in the
/// block that contains it.
/// @dev Roles and scopes are bit masks (see `Roles` and `Scopes`). Times are Unix seconds; `validUntil` is the last
/// second at which the right holds.
interface IConsortium {
    enum OrganisationKind {
        None,
        Manufacturer,
        Supplier,
        Laboratory,
        Carrier,
        Franchisee,
        Authority
    }

    /// @param permittedRoles the roles that this organisation's operators may be given at all
    /// @param gln GS1 Global Location Number, 13 digits, as a number
    struct Organisation {
        OrganisationKind kind;
        bool active;
        uint16 permittedRoles;
        uint64 validUntil;
        uint64 gln;
    }

    struct Operator {
        OrgId organisation;
        bool active;
        uint16 roles;
        uint64 validUntil;
    }

    struct Grant {
        uint16 scopes;
        uint64 validUntil;
    }

    event OrganisationRegistered(
        OrgId indexed organisation, OrganisationKind kind, uint64 indexed gln, uint16 permittedRoles, uint64 validUntil, string name
    );
    event OrganisationChanged(OrgId indexed organisation, uint16 permittedRoles, uint64 validUntil);
    event OrganisationSuspended(OrgId indexed organisation, address indexed by);
    event OrganisationReinstated(OrgId indexed organisation, address indexed by);
    event OperatorAppointed(
        address indexed operator, OrgId indexed organisation, uint16 roles, uint64 validUntil, address indexed by
    );
    event OperatorDismissed(address indexed operator, OrgId indexed organisation, address indexed by);
    /// @param gtin the product line as its GTIN-14 number; 0 for every product of `owner`
    event ReadScopesGranted(
        OrgId indexed owner, OrgId indexed reader, uint64 indexed gtin, uint16 scopes, uint64 validUntil
    );

    error UnknownOrganisation(OrgId organisation);
    error OrganisationInactive(OrgId organisation);
    error OrganisationExpired(OrgId organisation, uint64 validUntil);
    error UnknownOperator(address operator);
    error OperatorInactive(address operator);
    error OperatorExpired(address operator, uint64 validUntil);
    error MissingRole(address operator, uint16 roles, uint16 required);
    error RolesNotPermitted(OrgId organisation, uint16 roles, uint16 permitted);
    error UnknownRoles(uint16 roles);
    error UnknownScopes(uint16 scopes);
    error OperatorOfAnotherOrganisation(address operator, OrgId organisation);
    error GlnAlreadyRegistered(uint64 gln, OrgId organisation);
    error InvalidGln(uint64 gln);
    error InvalidKind();
    error InvalidGtin(uint64 gtin);
    error OrganisationNotSuspended(OrgId organisation);
    error InvalidOperator(address operator);
    error ExpiryInThePast(uint64 validUntil);
    error NotAdministratorOf(address account, OrgId organisation);

    /// @notice Adds an organisation. Only the registrar.
    function registerOrganisation(
        OrganisationKind kind,
        uint64 gln,
        uint16 permittedRoles,
        uint64 validUntil,
        string calldata name
    ) external returns (OrgId);

    /// @notice Changes what an organisation may be given and until when; takes effect on operators already appointed.
    /// Only the registrar.
    function changeOrganisation(OrgId id, uint16 permittedRoles, uint64 validUntil) external;

    /// @notice Takes every right of every operator of an organisation, at once. Only the registrar.
    function suspendOrganisation(OrgId id) external;

    /// @notice Ends a suspension. Only the registrar.
    function reinstateOrganisation(OrgId id) external;

    /// @notice Gives `account` exactly `roles`, until `validUntil`. Only the registrar or an administrator of
    /// the organisation `id`; never more than the organisation's permitted roles. An operator of another organisation
    /// must be dismissed there first; one without roles may only read.
    function appointOperator(address account, OrgId id, uint16 roles, uint64 validUntil) external;

    /// @notice Takes all rights of one operator. Only the registrar or an administrator of its organisation.
    function dismissOperator(address account) external;

    /// @notice Lets `reader` read the given scopes of the caller's organisation, by product line; 0 scopes revoke.
    /// Only an administrator of the owning organisation.
    function grantReadScopes(OrgId reader, uint64[] calldata gtins, uint16 scopes, uint64 validUntil) external;

    /// @notice The organisation for which `account` may act in at least one of the `roles`, now.
    /// @dev Reverts with the reason where it may not.
    function authorise(address account, uint16 roles) external view returns (OrgId);

    /// @notice Whether `authorise` would succeed.
    function isAuthorised(address account, uint16 roles) external view returns (bool);

    /// @notice Whether `account` may read all of `scopes` of `owner`'s product line `gtin`, now: as an operator of the
    /// owner, as a supervisor of an authority, or by grants for this line and for every line, taken together.
    function mayRead(address account, OrgId owner, uint64 gtin, uint16 scopes) external view returns (bool);

    /// @notice Whether the organisation exists, is active and has not expired.
    function isActive(OrgId id) external view returns (bool);

    function organisation(OrgId id) external view returns (Organisation memory);
    function organisationOfGln(uint64 gln) external view returns (OrgId);
    function organisationCount() external view returns (uint32);
    function operator(address account) external view returns (Operator memory);
    function grantOf(OrgId owner, OrgId reader, uint64 gtin) external view returns (Grant memory);
}
