// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBatchRegistry} from "./IBatchRegistry.sol";
import {IConsortiumBound} from "./IConsortiumBound.sol";
import {BatchId, OrgId} from "./Types.sol";

/// @title Custody between organisations: offered by the holder, accepted or refused by the receiver.
/// @notice A batch has exactly one custodian at any time; it changes when the receiver accepts.
interface ICustodyLedger is IConsortiumBound {
    /// @param validUntil last Unix second at which the offer may be accepted
    struct Offer {
        OrgId from;
        OrgId to;
        uint64 validUntil;
    }

    event CustodyOffered(
        BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by, uint64 validUntil
    );
    event CustodyAccepted(BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by);
    event CustodyRejected(BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by, string reason);
    event CustodyOfferWithdrawn(BatchId indexed batch, OrgId indexed from, OrgId indexed to, address by);

    error NotCustodian(BatchId batch, OrgId custodian, OrgId caller);
    error NotOfferedTo(BatchId batch, OrgId to, OrgId caller);
    error NoOffer(BatchId batch);
    error OfferPending(BatchId batch, OrgId to);
    error OfferExpired(BatchId batch, uint64 validUntil);
    error NotReleased(BatchId batch);
    error BatchBlocked(BatchId batch, bool onHold, bool recalled);
    error SenderInactive(OrgId from);
    error ReceiverInactive(OrgId to);
    error ReceiverIsCustodian(OrgId to);

    /// @notice Offers a released batch to another organisation. Only logistics or franchisee operators of the custodian.
    /// An expired offer is replaced. A batch on hold stays; a recalled one goes only to its producer.
    function offer(BatchId batch, OrgId to, uint64 validUntil) external;

    /// @notice Takes an offer back. Only the offering organisation.
    function withdraw(BatchId batch) external;

    /// @notice Takes custody. Only logistics or franchisee operators of the organisation it is offered to, and only
    /// while the offering organisation is active.
    function accept(BatchId batch) external;

    /// @notice Declines custody; the batch stays where it is. Only the organisation it is offered to.
    function reject(BatchId batch, string calldata reason) external;

    /// @notice The batches whose custody moves.
    function registry() external view returns (IBatchRegistry);

    /// @notice The pending offer of a batch, expired or not; all zeros where there is none.
    function offerOf(BatchId batch) external view returns (Offer memory);
}
