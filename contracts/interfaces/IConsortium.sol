// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGtinLicences} from "./IGtinLicences.sol";
import {OrgId} from "./Types.sol";

/// @title Organisations, operators, roles and read scopes of a consortium
/// @notice Decides for every other contract whether an address has a right at the current block. A right holds only
/// while both the organisation and the operator are active and not expired, so a suspension takes effect in the block
/// that contains it.
/// @dev Roles and scopes are bit masks (see `Roles` and `Scopes`). `validUntil` is always the last Unix second at which
/// the right holds.
interface IConsortium is IGtinLicences {
    enum OrganisationKind {
        None,
        Manufacturer,
        Supplier,
        Laboratory,
        Carrier,
        Franchisee,
        Authority
    }

    /// @notice A member of the consortium.
    /// @param permittedRoles roles that operators of this organisation can hold
    /// @param validUntil last Unix second of the membership
    /// @param gln GS1 Global Location Number as a number of at most 13 digits
    struct Organisation {
        OrganisationKind kind;
        bool active;
        uint16 permittedRoles;
        uint64 validUntil;
        uint64 gln;
    }

    /// @notice An address that acts for an organisation.
    /// @param roles roles assigned to the operator
    /// @param validUntil last Unix second of the appointment
    /// @param appointment number of times that the address was appointed while it was no operator. Rights that belong to an
    /// appointment, such as department rights, end with it
    struct Operator {
        OrgId organisation;
        bool active;
        uint16 roles;
        uint64 validUntil;
        uint32 appointment;
    }

    /// @notice Read scopes that one organisation granted to another.
    /// @param scopes granted scopes; 0 if there is no grant
    /// @param validUntil last Unix second of the grant
    struct Grant {
        uint16 scopes;
        uint64 validUntil;
    }

    /// @notice Emitted when an organisation joins the consortium.
    /// @param gln GS1 Global Location Number as a number
    /// @param permittedRoles roles that its operators can hold
    /// @param validUntil last Unix second of the membership
    event OrganisationRegistered(
        OrgId indexed organisation,
        OrganisationKind kind,
        uint64 indexed gln,
        uint16 permittedRoles,
        uint64 validUntil,
        string name
    );

    /// @notice Emitted when the permitted roles or the expiry of an organisation change.
    /// @param permittedRoles roles that its operators can hold from now on
    /// @param validUntil last Unix second of the membership
    event OrganisationChanged(OrgId indexed organisation, uint16 permittedRoles, uint64 validUntil);

    /// @notice Emitted when an organisation is suspended.
    event OrganisationSuspended(OrgId indexed organisation, address indexed by);

    /// @notice Emitted when the suspension of an organisation ends.
    event OrganisationReinstated(OrgId indexed organisation, address indexed by);

    /// @notice Emitted when an operator is appointed or its appointment is replaced.
    /// @param roles all roles of the operator
    /// @param validUntil last Unix second of the appointment
    event OperatorAppointed(
        address indexed operator, OrgId indexed organisation, uint16 roles, uint64 validUntil, address indexed by
    );

    /// @notice Emitted when an operator loses its appointment.
    event OperatorDismissed(address indexed operator, OrgId indexed organisation, address indexed by);

    /// @notice Emitted when an organisation sets the read scopes of another organisation for one product line.
    /// @param gtin product line as a GTIN-14 number; 0 means all product lines of `owner`
    /// @param scopes granted scopes; 0 if the grant is revoked
    /// @param validUntil last Unix second of the grant; 0 if the grant is revoked
    event ReadScopesGranted(
        OrgId indexed owner, OrgId indexed reader, uint64 indexed gtin, uint16 scopes, uint64 validUntil
    );

    /// @notice No organisation has this number.
    error UnknownOrganisation(OrgId organisation);

    /// @notice The organisation is suspended.
    error OrganisationInactive(OrgId organisation);

    /// @notice The membership of the organisation has expired.
    /// @param validUntil last Unix second of the membership
    error OrganisationExpired(OrgId organisation, uint64 validUntil);

    /// @notice The address was never appointed as an operator.
    error UnknownOperator(address operator);

    /// @notice The operator was dismissed.
    error OperatorInactive(address operator);

    /// @notice The appointment of the operator has expired.
    /// @param validUntil last Unix second of the appointment
    error OperatorExpired(address operator, uint64 validUntil);

    /// @notice The operator holds none of the required roles.
    /// @param roles roles that the operator holds and its organisation still permits
    /// @param required roles of which at least one is required
    error MissingRole(address operator, uint16 roles, uint16 required);

    /// @notice The organisation does not permit all of the roles.
    /// @param roles requested roles
    /// @param permitted roles that the organisation permits
    error RolesNotPermitted(OrgId organisation, uint16 roles, uint16 permitted);

    /// @notice The mask sets a bit that is not a role.
    /// @param roles rejected mask
    error UnknownRoles(uint16 roles);

    /// @notice The mask sets a bit that is not a scope.
    /// @param scopes rejected mask
    error UnknownScopes(uint16 scopes);

    /// @notice The address is an active operator of another organisation.
    /// @param organisation organisation that the address acts for
    error OperatorOfAnotherOrganisation(address operator, OrgId organisation);

    /// @notice The GLN belongs to a registered organisation.
    /// @param gln GS1 Global Location Number as a number
    error GlnAlreadyRegistered(uint64 gln, OrgId organisation);

    /// @notice The number is not a GLN: it is 0, has more than 13 digits or has a wrong check digit.
    /// @param gln rejected number
    error InvalidGln(uint64 gln);

    /// @notice The kind of the organisation is `None`.
    error InvalidKind();

    /// @notice The number is not a GTIN-14: it has more than 14 digits or a wrong check digit.
    /// @param gtin rejected number
    error InvalidGtin(uint64 gtin);

    /// @notice The organisation cannot be reinstated because it is not suspended.
    error OrganisationNotSuspended(OrgId organisation);

    /// @notice The zero address cannot be an operator.
    error InvalidOperator(address operator);

    /// @notice The expiry is before the time of the block.
    /// @param validUntil rejected expiry in Unix seconds
    error ExpiryInThePast(uint64 validUntil);

    /// @notice The account is neither the registrar nor an administrator of the organisation.
    error NotAdministratorOf(address account, OrgId organisation);

    /// @notice Only the registrar can dismiss an administrator, take the role `ADMIN` from it or shorten its appointment.
    error AdministratorProtected(address operator);

    /// @notice Register an organisation. Requires the contract role `REGISTRAR`.
    /// @param gln GS1 Global Location Number as a number
    /// @param permittedRoles roles that its operators can hold
    /// @param validUntil last Unix second of the membership, not in the past
    /// @return number of the organisation
    function registerOrganisation(
        OrganisationKind kind,
        uint64 gln,
        uint16 permittedRoles,
        uint64 validUntil,
        string calldata name
    ) external returns (OrgId);

    /// @notice Change the permitted roles and the expiry of an organisation. The change also applies to operators that
    /// are already appointed. Requires the contract role `REGISTRAR`.
    /// @param permittedRoles roles that its operators can hold
    /// @param validUntil last Unix second of the membership, not in the past
    function changeOrganisation(OrgId id, uint16 permittedRoles, uint64 validUntil) external;

    /// @notice Suspend an organisation: all its operators lose all rights. Requires the contract role `REGISTRAR`.
    function suspendOrganisation(OrgId id) external;

    /// @notice End the suspension of an organisation. Requires the contract role `REGISTRAR`.
    function reinstateOrganisation(OrgId id) external;

    /// @notice Appoint an operator with exactly these roles. Replaces an earlier appointment in the same organisation; an
    /// active operator of another organisation must be dismissed first. Requires the contract role `REGISTRAR`, or the
    /// role `ADMIN` in the organisation `id`. An administrator can only be changed by the registrar, except to extend it.
    /// @param roles roles among those that the organisation permits; 0 for an operator that can only read
    /// @param validUntil last Unix second of the appointment, not in the past
    function appointOperator(address account, OrgId id, uint16 roles, uint64 validUntil) external;

    /// @notice Dismiss an operator. Requires the contract role `REGISTRAR`, or the role `ADMIN` in the operator's
    /// organisation if the operator is not an administrator itself.
    function dismissOperator(address account) external;

    /// @notice Set the scopes that `reader` can read of the caller's organisation. Requires the role `ADMIN`.
    /// @param gtins product lines as GTIN-14 numbers; the number 0 means all product lines
    /// @param scopes scopes to grant; 0 revokes the grant
    /// @param validUntil last Unix second of the grant, not in the past; ignored if `scopes` is 0
    function grantReadScopes(OrgId reader, uint64[] calldata gtins, uint16 scopes, uint64 validUntil) external;

    /// @notice Return the organisation for which `account` acts. Reverts with the reason unless the account holds at
    /// least one of the roles in the current block.
    /// @param roles roles of which at least one is required
    function authorise(address account, uint16 roles) external view returns (OrgId);

    /// @notice Return the organisation for which `account` acts, as `authorise`, if the GTIN is licensed to it.
    /// @param roles roles of which at least one is required
    /// @param gtin GTIN-14 as a number
    function authoriseProduct(address account, uint16 roles, uint64 gtin) external view returns (OrgId);

    /// @notice Return whether `authorise` would succeed.
    /// @param roles roles of which at least one is required
    function isAuthorised(address account, uint16 roles) external view returns (bool);

    /// @notice Return whether `account` can read all of `scopes` of a product line in the current block. It can as an
    /// operator of `owner`, as a supervisor of an authority, or by the grants for this product line and for all product
    /// lines taken together.
    /// @param gtin product line as a GTIN-14 number
    /// @param scopes scopes to read; false if 0
    function mayRead(address account, OrgId owner, uint64 gtin, uint16 scopes) external view returns (bool);

    /// @notice Return whether the organisation exists, is active and has not expired.
    function isActive(OrgId id) external view returns (bool);

    /// @notice Return an organisation; all zeros (`OrganisationKind.None`) if it is not registered.
    function organisation(OrgId id) external view returns (Organisation memory);

    /// @notice Return the number of the organisation with this GLN; 0 if there is none.
    /// @param gln GS1 Global Location Number as a number
    function organisationOfGln(uint64 gln) external view returns (OrgId);

    /// @notice Return the number of registered organisations, which is also the highest organisation number.
    function organisationCount() external view returns (uint32);

    /// @notice Return the appointment of an operator, also after its dismissal; all zeros if it was never appointed.
    function operator(address account) external view returns (Operator memory);

    /// @notice Return the grant of one organisation to another for exactly this product line, also after its expiry.
    /// @param gtin product line as a GTIN-14 number; 0 for the grant for all product lines
    function grantOf(OrgId owner, OrgId reader, uint64 gtin) external view returns (Grant memory);
}
