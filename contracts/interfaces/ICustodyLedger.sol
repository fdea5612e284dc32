// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBatchRegistry} from "./IBatchRegistry.sol";
import {IConsortiumBound} from "./IConsortiumBound.sol";
import {BatchId, OrgId} from "./Types.sol";

/// @title Transfer of custody between organisations, by offer and acceptance
/// @notice A batch has exactly one custodian at any time. The custodian changes when the receiver accepts an offer.
interface ICustodyLedger is IConsortiumBound {
    /// @notice An offer of custody.
    /// @param validUntil last Unix second at which the offer can be accepted
    struct Offer {
        OrgId from;
        OrgId to;
        uint64 validUntil;
    }

    /// @notice Emitted when the custodian offers a batch.
    /// @param validUntil last Unix second at which the offer can be accepted
    event CustodyOffered(
        BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by, uint64 validUntil
    );

    /// @notice Emitted when the receiver accepts an offer.
    event CustodyAccepted(BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by);

    /// @notice Emitted when the receiver rejects an offer.
    event CustodyRejected(BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by, string reason);

    /// @notice Emitted when the offering organisation withdraws its offer.
    event CustodyOfferWithdrawn(BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by);

    /// @notice Emitted when a batch is ordered back to its producer, before `CustodyTransferred`. An open offer ends.
    event CustodyReturnOrdered(BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by, string reason);

    /// @notice The organisation is not the custodian of the batch, or did not make the offer.
    error NotCustodian(BatchId batch, OrgId custodian, OrgId caller);

    /// @notice The batch is offered to another organisation.
    error NotOfferedTo(BatchId batch, OrgId to, OrgId caller);

    /// @notice The batch has no offer.
    error NoOffer(BatchId batch);

    /// @notice The batch has an offer that has not expired.
    error OfferPending(BatchId batch, OrgId to);

    /// @notice The offer has expired.
    /// @param validUntil last Unix second of the offer
    error OfferExpired(BatchId batch, uint64 validUntil);

    /// @notice The batch is not released.
    error NotReleased(BatchId batch);

    /// @notice The batch has graded units of this sales channel that are not released.
    error UnreleasedUnits(BatchId batch, IBatchRegistry.SalesChannel channel);

    /// @notice Other batches are made of all units of the batch that are not scrap.
    error AllUnitsUsed(BatchId batch);

    /// @notice Only the producer of the batch and authorities can order it back.
    error ReturnNotPermitted(BatchId batch, OrgId caller);

    /// @notice A batch can be ordered back from an active custodian only by an authority, and only if it is recalled.
    error CustodianActive(BatchId batch, OrgId custodian);

    /// @notice The batch is on hold, or it is recalled and the receiver is not its producer.
    error BatchBlocked(BatchId batch, bool onHold, bool recalled);

    /// @notice The offering organisation is suspended or expired.
    error SenderInactive(OrgId from);

    /// @notice The receiving organisation is unknown, suspended or expired.
    error ReceiverInactive(OrgId to);

    /// @notice The receiving organisation already holds the batch.
    error ReceiverIsCustodian(OrgId to);

    /// @notice Offer a released batch to another organisation. Replaces an expired offer. All graded units must be released,
    /// and units must be left that other batches are not made of. A batch on hold cannot be offered. A recalled batch can
    /// only be offered to its producer, also if units are not released or used. Requires the role `LOGISTICS` or
    /// `FRANCHISEE` in the custodian.
    /// @param validUntil last Unix second at which the offer can be accepted, not in the past
    function offer(BatchId batch, OrgId to, uint64 validUntil) external;

    /// @notice Withdraw an offer. Requires the role `LOGISTICS` or `FRANCHISEE` in the offering organisation.
    function withdraw(BatchId batch) external;

    /// @notice Accept an offer and take custody. The offering organisation must be active. Requires the role `LOGISTICS`
    /// or `FRANCHISEE` in the receiving organisation.
    function accept(BatchId batch) external;

    /// @notice Reject an offer; the custodian stays the same. Requires the role `LOGISTICS` or `FRANCHISEE` in the
    /// receiving organisation.
    function reject(BatchId batch, string calldata reason) external;

    /// @notice Return a batch to its producer without its custodian: a batch whose custodian is suspended or expired, by
    /// the role `LOGISTICS` or `SUPERVISOR` in the producer or `SUPERVISOR` in an authority; a recalled batch, by the role
    /// `SUPERVISOR` in an authority. Neither a hold nor the suspension of the producer prevents it.
    /// @dev Hazard: the chain then names the producer as custodian before it has the goods.
    function orderReturn(BatchId batch, string calldata reason) external;

    /// @notice Return the registry that holds the batches.
    function registry() external view returns (IBatchRegistry);

    /// @notice Return the offer of a batch, also if it has expired; all zeros if there is none.
    function offerOf(BatchId batch) external view returns (Offer memory);
}
