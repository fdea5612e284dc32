// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
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
    function orderReturn(BatchId id, string calldata reason) external {
        OrgId caller = consortium.authorise(msg.sender, Roles.LOGISTICS | Roles.SUPERVISOR);
        IBatchRegistry.Batch memory batch = _registered(id);
        bool isAuthority = consortium.organisation(caller).kind == IConsortium.OrganisationKind.Authority
            && consortium.isAuthorised(msg.sender, Roles.SUPERVISOR);
        if (!isAuthority && caller != batch.producer) revert ReturnNotPermitted(id, caller);
        if (batch.custodian == batch.producer) revert ReceiverIsCustodian(batch.producer);
        bool urgent = isAuthority && batch.recalled;
        if (!urgent && consortium.isActive(batch.custodian)) revert CustodianActive(id, batch.custodian);

        Offer memory pending = _offers[id];
        if (pending.to != OrgIds.NONE) {
            delete _offers[id];
            emit CustodyOfferWithdrawn(id, pending.from, pending.to, msg.sender);
        }
        emit CustodyReturnOrdered(id, batch.custodian, batch.producer, msg.sender, reason);
        registry.recordTransfer(id, batch.producer);
    }

    /// @inheritdoc ICustodyLedger
    function offerOf(BatchId batch) external view returns (Offer memory) {
        return _offers[batch];
    }

    function _registered(BatchId id) private view returns (IBatchRegistry.Batch memory batch) {
        batch = registry.batch(id);
        if (batch.state == IBatchRegistry.BatchState.Unknown) revert IBatchRegistry.UnknownBatch(id);
    }

    /// @dev Require that `from` holds the batch, that all of it is released and units are left, and that no hold or recall
    /// blocks the transfer. A recalled batch can go to its producer.
    function _requireTransferable(BatchId id, OrgId from, OrgId to) private view {
        IBatchRegistry.Batch memory batch = _registered(id);
        if (batch.custodian != from) revert NotCustodian(id, batch.custodian, from);
        if (batch.state != IBatchRegistry.BatchState.Released) revert NotReleased(id);
        bool onHold = batch.holds != 0;
        bool blocked = batch.recalled ? to != batch.producer : onHold;
        if (blocked) revert BatchBlocked(id, onHold, batch.recalled);
        if (batch.recalled) return;
        _requireReleased(id, IBatchRegistry.SalesChannel.Standard, batch.channels, batch.standard);
        _requireReleased(id, IBatchRegistry.SalesChannel.Defective, batch.channels, batch.defective);
        if (registry.unitsUsedOf(id) == batch.standard + batch.defective) revert AllUnitsUsed(id);
    }

    function _requireReleased(BatchId id, IBatchRegistry.SalesChannel channel, uint8 channels, uint32 units) private pure {
        if (units != 0 && channels & (1 << uint8(channel)) == 0) revert UnreleasedUnits(id, channel);
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
