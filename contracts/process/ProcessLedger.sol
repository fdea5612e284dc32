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
    uint256 private constant MAX_STEP = 1 << 32;

    mapping(ChannelId => Channel) private _channels;
    mapping(ChannelId => ChannelId) private _successors;

    constructor(IConsortium consortium_) ConsortiumBound(consortium_) {}

    /// @inheritdoc IProcessLedger
    function openChannel(string calldata name) external returns (ChannelId id) {
        return _open(consortium.authorise(msg.sender, Roles.GATEWAY | Roles.ADMIN), name);
    }

    /// @inheritdoc IProcessLedger
    function succeedChannel(ChannelId predecessor, string calldata name) external returns (ChannelId id) {
        OrgId caller = consortium.authorise(msg.sender, Roles.ADMIN);
        Channel storage closed = _ownChannel(predecessor, caller);
        id = _open(caller, name);
        closed.closed = true;
        _successors[predecessor] = id;
        emit ChannelSucceeded(id, predecessor, msg.sender);
    }

    /// @inheritdoc IProcessLedger
    function anchor(ChannelId id, uint64 size, bytes32 root, uint64 firstTimeNs, uint64 lastTimeNs) external {
        Channel storage channel_ = _ownChannel(id, consortium.authorise(msg.sender, Roles.GATEWAY));
        uint64 anchored = channel_.size;
        if (size <= anchored) revert LogSizeNotIncreased(id, size, anchored);
        if (size - anchored > MAX_STEP) revert StepTooLarge(id, size - anchored, MAX_STEP);
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
    function successorOf(ChannelId id) external view returns (ChannelId) {
        return _successors[id];
    }

    /// @inheritdoc IProcessLedger
    function channelIdOf(OrgId organisation, string calldata name) public pure returns (ChannelId) {
        return ChannelId.wrap(keccak256(abi.encode(organisation, name)));
    }

    function _open(OrgId owner, string calldata name) private returns (ChannelId id) {
        uint256 length = bytes(name).length;
        if (length == 0 || length > MAX_NAME_LENGTH) revert InvalidChannelName(length);
        id = channelIdOf(owner, name);
        if (_channels[id].organisation != OrgIds.NONE) revert ChannelAlreadyOpen(id);

        _channels[id].organisation = owner;
        emit ChannelOpened(id, owner, name, msg.sender);
    }

    /// @dev Return an open channel of the caller's organisation that has no successor.
    function _ownChannel(ChannelId id, OrgId caller) private view returns (Channel storage channel_) {
        channel_ = _channels[id];
        OrgId owner = channel_.organisation;
        if (owner == OrgIds.NONE) revert UnknownChannel(id);
        if (owner != caller) revert NotChannelOwner(id, owner, caller);
        if (channel_.closed) revert ChannelClosed(id, _successors[id]);
    }
}
