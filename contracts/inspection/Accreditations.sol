// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IAccreditations} from "../interfaces/IAccreditations.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {OrgId, OrgIds, Stage} from "../interfaces/Types.sol";
import {GS1} from "../libraries/GS1.sol";
import {ContractRoles, Roles} from "../libraries/Rights.sol";

/// @title Accreditation of inspection bodies
abstract contract Accreditations is IAccreditations, ConsortiumBound {
    uint8 private constant ALL_STAGES = (1 << 2) - 1;

    mapping(OrgId accreditor => mapping(OrgId body => mapping(uint64 gtin => Accreditation))) private _accreditations;

    /// @inheritdoc IAccreditations
    function accredit(OrgId body, uint64[] calldata gtins, uint8 stages, uint64 validUntil) external {
        _accredit(consortium.authorise(msg.sender, Roles.ADMIN), body, gtins, stages, validUntil);
    }

    /// @inheritdoc IAccreditations
    function accreditForLines(OrgId body, uint64[] calldata gtins, uint8 stages, uint64 validUntil)
        external
        onlyContractRole(ContractRoles.REGISTRAR)
    {
        _accredit(OrgIds.NONE, body, gtins, stages, validUntil);
    }

    /// @inheritdoc IAccreditations
    function accreditationOf(OrgId accreditor, OrgId body, uint64 gtin) external view returns (Accreditation memory) {
        return _accreditations[accreditor][body][gtin];
    }

    /// @inheritdoc IAccreditations
    function isAccredited(OrgId body, OrgId producer, uint64 gtin, Stage stage) public view returns (bool) {
        return _covers(_accreditations[producer][body][0], stage)
            || _covers(_accreditations[producer][body][gtin], stage)
            || _covers(_accreditations[OrgIds.NONE][body][gtin], stage)
            || consortium.organisation(body).kind == IConsortium.OrganisationKind.Authority;
    }

    function _accredit(OrgId accreditor, OrgId body, uint64[] calldata gtins, uint8 stages, uint64 validUntil) private {
        if (consortium.organisation(body).kind == IConsortium.OrganisationKind.None) {
            revert IConsortium.UnknownOrganisation(body);
        }
        if (stages & ~ALL_STAGES != 0) revert UnknownStages(stages);
        if (stages == 0) validUntil = 0;
        else if (validUntil < block.timestamp) revert IConsortium.ExpiryInThePast(validUntil);

        for (uint256 i = 0; i < gtins.length; ++i) {
            uint64 gtin = gtins[i];
            bool everyLine = gtin == 0 && accreditor != OrgIds.NONE;
            if (!everyLine && !GS1.isGtin(gtin)) revert IConsortium.InvalidGtin(gtin);
            _accreditations[accreditor][body][gtin] = Accreditation(stages, validUntil);
            emit Accredited(accreditor, body, gtin, stages, validUntil, msg.sender);
        }
    }

    function _covers(Accreditation storage accreditation, Stage stage) private view returns (bool) {
        return accreditation.stages & (1 << uint8(stage)) != 0 && accreditation.validUntil >= block.timestamp;
    }
}
