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

    /// @notice The batch is on hold, or it is recalled and the receiver is not its producer.
    error BatchBlocked(BatchId batch, bool onHold, bool recalled);

    /// @notice The offering organisation is suspended or expired.
    error SenderInactive(OrgId from);

    /// @notice The receiving organisation is unknown, suspended or expired.
    error ReceiverInactive(OrgId to);

    /// @notice The receiving organisation already holds the batch.
    error ReceiverIsCustodian(OrgId to);

    /// @notice Offer a released batch to another organisation. Replaces an expired offer. A batch on hold cannot be
    /// offered; a recalled batch can only be offered to its producer. Requires the role `LOGISTICS` or `FRANCHISEE` in
    /// the custodian.
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

    /// @notice Return the registry that holds the batches.
    function registry() external view returns (IBatchRegistry);

    /// @notice Return the offer of a batch, also if it has expired; all zeros if there is none.
    function offerOf(BatchId batch) external view returns (Offer memory);
}
