// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {ICustodyLedger} from "../interfaces/ICustodyLedger.sol";
import {BatchId, OrgId, OrgIds} from "../interfaces/Types.sol";
import {Roles} from "../libraries/Rights.sol";

/// @title Custody between organisations: offered by the holder, accepted or refused by the receiver.
contract CustodyLedger is ICustodyLedger, ConsortiumBound {
    uint16 private constant HANDLERS = Roles.LOGISTICS | Roles.FRANCHISEE;

    /// @inheritdoc ICustodyLedger
    IBatchRegistry public immutable override registry;

    mapping(BatchId => Offer) private _offers;

    constructor(IBatchRegistry registry_) ConsortiumBound(registry_.consortium()) {
        registry = registry_;
    }

    /// @inheritdoc ICustodyLedger
    function offer(BatchId batch, OrgId to, uint64 validUntil) external {
        OrgId from = consortium.authorise(msg.sender, HANDLERS);
        _checkMovable(batch, from, to);
        if (to == from) revert ReceiverIsCustodian(to);
        if (!consortium.isActive(to)) revert ReceiverInactive(to);
        if (validUntil < block.timestamp) revert OfferExpired(batch, validUntil);
        Offer memory pending = _offers[batch];
        if (pending.to != OrgIds.NONE && pending.validUntil >= block.timestamp) revert OfferPending(batch, pending.to);

        _offers[batch] = Offer(from, to, validUntil);
        emit CustodyOffered(batch, from, to, msg.sender, validUntil);
    }

    /// @inheritdoc ICustodyLedger
    function withdraw(BatchId batch) external {
        OrgId caller = consortium.authorise(msg.sender, HANDLERS);
        Offer memory pending = _pending(batch);
        if (pending.from != caller) revert NotCustodian(batch, pending.from, caller);
        delete _offers[batch];
        emit CustodyOfferWithdrawn(batch, pending.from, pending.to, msg.sender);
    }

    /// @inheritdoc ICustodyLedger
    function accept(BatchId batch) external {
        Offer memory taken = _offerToCaller(batch);
        if (taken.validUntil < block.timestamp) revert OfferExpired(batch, taken.validUntil);
        if (!consortium.isActive(taken.from)) revert SenderInactive(taken.from);
        _checkMovable(batch, taken.from, taken.to);

        delete _offers[batch];
        emit CustodyAccepted(batch, taken.from, taken.to, msg.sender);
        registry.recordTransfer(batch, taken.to);
    }

    /// @inheritdoc ICustodyLedger
    function reject(BatchId batch, string calldata reason) external {
        Offer memory refused = _offerToCaller(batch);
        delete _offers[batch];
        emit CustodyRejected(batch, refused.from, refused.to, msg.sender, reason);
    }

    /// @inheritdoc ICustodyLedger
    function offerOf(BatchId batch) external view returns (Offer memory) {
        return _offers[batch];
    }

    /// @dev Held by `from`, released, and stopped by nothing; a recalled batch may go home.
    function _checkMovable(BatchId id, OrgId from, OrgId to) private view {
        IBatchRegistry.Batch memory moved = registry.batch(id);
        if (moved.state == IBatchRegistry.BatchState.Unknown) revert IBatchRegistry.UnknownBatch(id);
        if (moved.custodian != from) revert NotCustodian(id, moved.custodian, from);
        if (moved.state != IBatchRegistry.BatchState.Released) revert NotReleased(id);
        bool blocked = moved.recalled ? to != moved.producer : moved.onHold;
        if (blocked) revert BatchBlocked(id, moved.onHold, moved.recalled);
    }

    function _offerToCaller(BatchId id) private view returns (Offer memory pending) {
        OrgId caller = consortium.authorise(msg.sender, HANDLERS);
        pending = _pending(id);
        if (pending.to != caller) revert NotOfferedTo(id, pending.to, caller);
    }

    function _pending(BatchId id) private view returns (Offer memory pending) {
        pending = _offers[id];
        if (pending.to == OrgIds.NONE) revert NoOffer(id);
    }
}
