// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IConsortiumBound} from "./IConsortiumBound.sol";
import {OrgId, Stage} from "./Types.sol";

/// @title Accreditation of inspection bodies
/// @notice A signed verdict counts only if its inspector's organisation has a relation to the batch: it is the producer (first
/// stage, if the policy accepts its inspectors), it is an authority, it is accredited by the producer, or it is accredited
/// by the registrar for the product line.
interface IAccreditations is IConsortiumBound {
    /// @notice An accreditation for exactly one product line, or for all of an accreditor.
    /// @param stages mask of stages: bit 0 for `First`, bit 1 for `Final`; 0 if there is none
    /// @param validUntil last Unix second of the accreditation
    struct Accreditation {
        uint8 stages;
        uint64 validUntil;
    }

    /// @notice Emitted when an accreditation is given, replaced or withdrawn.
    /// @param accreditor producer that accredits; 0 for the registrar
    /// @param body accredited organisation
    /// @param gtin product line as a GTIN-14 number; 0 means all product lines of the accreditor
    /// @param stages mask of stages; 0 if the accreditation is withdrawn
    /// @param validUntil last Unix second of the accreditation; 0 if it is withdrawn
    event Accredited(
        OrgId indexed accreditor,
        OrgId indexed body,
        uint64 indexed gtin,
        uint8 stages,
        uint64 validUntil,
        address by
    );

    /// @notice The mask sets a bit that is not a stage.
    /// @param stages rejected mask
    error UnknownStages(uint8 stages);

    /// @notice The organisation is not accredited for this stage of the producer's product line.
    /// @param gtin product line as a GTIN-14 number
    error NotAccredited(OrgId body, OrgId producer, uint64 gtin, Stage stage);

    /// @notice Accredit an organisation for batches of the caller's organisation. Replaces an earlier accreditation for the
    /// same product line. Requires the role `ADMIN`.
    /// @param gtins product lines as GTIN-14 numbers; the number 0 means all product lines
    /// @param stages mask of stages: bit 0 for `First`, bit 1 for `Final`; 0 withdraws the accreditation
    /// @param validUntil last Unix second of the accreditation, not in the past; ignored if `stages` is 0
    function accredit(OrgId body, uint64[] calldata gtins, uint8 stages, uint64 validUntil) external;

    /// @notice Accredit an organisation for product lines of any producer, as the registrar. Requires the contract role
    /// `REGISTRAR`.
    /// @param gtins product lines as GTIN-14 numbers; 0 is rejected
    /// @param stages mask of stages: bit 0 for `First`, bit 1 for `Final`; 0 withdraws the accreditation
    /// @param validUntil last Unix second of the accreditation, not in the past; ignored if `stages` is 0
    function accreditForLines(OrgId body, uint64[] calldata gtins, uint8 stages, uint64 validUntil) external;

    /// @notice Return an accreditation, also after its expiry.
    /// @param accreditor producer; 0 for the registrar
    /// @param gtin product line as a GTIN-14 number; 0 for the accreditation for all product lines
    function accreditationOf(OrgId accreditor, OrgId body, uint64 gtin) external view returns (Accreditation memory);

    /// @notice Return whether verdicts of inspectors of `body` count in this stage in the current block. The policies are not
    /// considered.
    /// @param gtin product line as a GTIN-14 number
    function isAccredited(OrgId body, OrgId producer, uint64 gtin, Stage stage) external view returns (bool);
}
