// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IProcessLedger} from "../interfaces/IProcessLedger.sol";
import {ChannelId, OrgId, OrgIds} from "../interfaces/Types.sol";
import {Roles} from "../libraries/Rights.sol";
import {DepartmentRecords} from "./DepartmentRecords.sol";

/// @title Anchors of append-only Merkle logs (RFC 9162) of process data, and records of departments
contract ProcessLedger is IProcessLedger, DepartmentRecords {
    uint256 private constant MAX_NAME_LENGTH = 64;

    mapping(ChannelId => Channel) private _channels;

    constructor(IConsortium consortium_) ConsortiumBound(consortium_) {}

    /// @inheritdoc IProcessLedger
    function openChannel(string calldata name) external returns (ChannelId id) {
        OrgId caller = consortium.authorise(msg.sender, Roles.GATEWAY | Roles.ADMIN);
        uint256 length = bytes(name).length;
        if (length == 0 || length > MAX_NAME_LENGTH) revert InvalidChannelName(length);
        id = channelIdOf(caller, name);
        if (_channels[id].organisation != OrgIds.NONE) revert ChannelAlreadyOpen(id);

        _channels[id].organisation = caller;
        emit ChannelOpened(id, caller, name, msg.sender);
    }

    /// @inheritdoc IProcessLedger
    function anchor(ChannelId id, uint64 size, bytes32 root, uint64 firstTimeNs, uint64 lastTimeNs) external {
        OrgId caller = consortium.authorise(msg.sender, Roles.GATEWAY);
        Channel storage channel_ = _channels[id];
        OrgId owner = channel_.organisation;
        if (owner == OrgIds.NONE) revert UnknownChannel(id);
        if (owner != caller) revert NotChannelOwner(id, owner, caller);
        if (size <= channel_.size) revert LogSizeNotIncreased(id, size, channel_.size);
        if (root == 0) revert EmptyRoot(id);
        if (firstTimeNs > lastTimeNs) revert InvalidTimeRange(firstTimeNs, lastTimeNs);

        channel_.size = size;
        channel_.anchoredAt = uint64(block.timestamp);
        channel_.root = root;
        emit LogAnchored(id, size, root, firstTimeNs, lastTimeNs, msg.sender);
    }

    /// @inheritdoc IProcessLedger
    function channel(ChannelId id) external view returns (Channel memory) {
        return _channels[id];
    }

    /// @inheritdoc IProcessLedger
    function channelIdOf(OrgId organisation, string calldata name) public pure returns (ChannelId) {
        return ChannelId.wrap(keccak256(abi.encode(organisation, name)));
    }
}
