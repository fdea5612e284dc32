// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortiumBound} from "./IConsortiumBound.sol";
import {ChannelId, OrgId} from "./Types.sol";

/// @title Channels of process data: anchors of append-only Merkle logs (RFC 9162).
interface IProcessLedger is IConsortiumBound {
    /// @param size entries of the log at its last anchor
    /// @param anchoredAt Unix seconds of the last anchor
    struct Channel {
        OrgId organisation;
        uint64 size;
        uint64 anchoredAt;
        bytes32 root;
    }

    event ChannelOpened(ChannelId indexed channel, OrgId indexed organisation, string name, address indexed by);
    /// @param firstTimeNs earliest source time among the entries since the anchor before, Unix nanoseconds
    /// @param lastTimeNs latest source time among them
    event LogAnchored(
        ChannelId indexed channel,
        uint64 indexed size,
        bytes32 root,
        uint64 firstTimeNs,
        uint64 lastTimeNs,
        address indexed by
    );

    error ChannelAlreadyOpen(ChannelId channel);
    error InvalidChannelName(uint256 length);
    error UnknownChannel(ChannelId channel);
    error NotChannelOwner(ChannelId channel, OrgId organisation, OrgId caller);
    error LogSizeNotIncreased(ChannelId channel, uint64 size, uint64 anchoredSize);
    error EmptyRoot(ChannelId channel);
    error InvalidTimeRange(uint64 firstTimeNs, uint64 lastTimeNs);

    /// @notice Opens a channel of the caller's organisation. Its name has 1 to 64 bytes. Only a gateway or
    /// administrator.
    function openChannel(string calldata name) external returns (ChannelId);

    /// @notice Anchors the head of a channel's log. Only a gateway of its organisation; the size must grow.
    function anchor(ChannelId id, uint64 size, bytes32 root, uint64 firstTimeNs, uint64 lastTimeNs) external;

    function channel(ChannelId id) external view returns (Channel memory);
    function channelIdOf(OrgId organisation, string calldata name) external pure returns (ChannelId);
}
