// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {ICustodyLedger} from "../interfaces/ICustodyLedger.sol";
import {BatchId, OrgId, OrgIds} from "../interfaces/Types.sol";
import {Roles} from "../libraries/Rights.sol";

/// @title Transfer of custody between organisations, by offer and acceptance
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
        _requireTransferable(batch, from, to);
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
        Offer memory pending = _offerToCaller(batch);
        if (pending.validUntil < block.timestamp) revert OfferExpired(batch, pending.validUntil);
        if (!consortium.isActive(pending.from)) revert SenderInactive(pending.from);
        _requireTransferable(batch, pending.from, pending.to);

        delete _offers[batch];
        emit CustodyAccepted(batch, pending.from, pending.to, msg.sender);
        registry.recordTransfer(batch, pending.to);
    }

    /// @inheritdoc ICustodyLedger
    function reject(BatchId batch, string calldata reason) external {
        Offer memory pending = _offerToCaller(batch);
        delete _offers[batch];
        emit CustodyRejected(batch, pending.from, pending.to, msg.sender, reason);
    }

    /// @inheritdoc ICustodyLedger
    function offerOf(BatchId batch) external view returns (Offer memory) {
        return _offers[batch];
    }

    /// @dev Require that `from` holds the batch, that it is released, and that no hold or recall blocks the transfer. A
    /// recalled batch can go to its producer.
    function _requireTransferable(BatchId id, OrgId from, OrgId to) private view {
        IBatchRegistry.Batch memory batch = registry.batch(id);
        if (batch.state == IBatchRegistry.BatchState.Unknown) revert IBatchRegistry.UnknownBatch(id);
        if (batch.custodian != from) revert NotCustodian(id, batch.custodian, from);
        if (batch.state != IBatchRegistry.BatchState.Released) revert NotReleased(id);
        bool blocked = batch.recalled ? to != batch.producer : batch.onHold;
        if (blocked) revert BatchBlocked(id, batch.onHold, batch.recalled);
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
