// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortiumBound} from "./IConsortiumBound.sol";
import {ChannelId, OrgId} from "./Types.sol";

/// @title Anchors of append-only Merkle logs (RFC 9162) of process data
/// @notice Each channel is one log of one organisation. Only the latest tree head is stored; all of them are events.
/// @dev Hazard: a gateway can anchor a head that is not a head of the true log. The contract does not see the entries. Then
/// an administrator starts a successor, in which the true log is anchored again from its beginning.
interface IProcessLedger is IConsortiumBound {
    /// @notice A log and its last anchored tree head.
    /// @param size entries in the log at the last anchor
    /// @param anchoredAt Unix seconds of the last anchor
    /// @param closed whether the channel has a successor
    /// @param root root hash of the log at the last anchor
    struct Channel {
        OrgId organisation;
        uint64 size;
        uint64 anchoredAt;
        bool closed;
        bytes32 root;
    }

    /// @notice Emitted when a channel is opened.
    event ChannelOpened(ChannelId indexed channel, OrgId indexed organisation, string name, address indexed by);

    /// @notice Emitted when a channel is closed in favour of a successor, after `ChannelOpened` of the successor.
    event ChannelSucceeded(ChannelId indexed channel, ChannelId indexed predecessor, address indexed by);

    /// @notice Emitted when the tree head of a log is anchored.
    /// @param size entries in the log
    /// @param root root hash of the log
    /// @param firstTimeNs earliest source time of the entries since the last anchor, in Unix nanoseconds
    /// @param lastTimeNs latest source time of the entries since the last anchor, in Unix nanoseconds
    event LogAnchored(
        ChannelId indexed channel,
        uint64 indexed size,
        bytes32 root,
        uint64 firstTimeNs,
        uint64 lastTimeNs,
        address indexed by
    );

    /// @notice The organisation already has a channel with this name.
    error ChannelAlreadyOpen(ChannelId channel);

    /// @notice The name of the channel does not have 1 to 64 bytes.
    /// @param length bytes in the name
    error InvalidChannelName(uint256 length);

    /// @notice No channel has this id.
    error UnknownChannel(ChannelId channel);

    /// @notice The channel belongs to another organisation.
    error NotChannelOwner(ChannelId channel, OrgId organisation, OrgId caller);

    /// @notice The size of the log is not greater than at its last anchor.
    /// @param size entries in the submitted tree head
    /// @param anchoredSize entries in the last anchored tree head
    error LogSizeNotIncreased(ChannelId channel, uint64 size, uint64 anchoredSize);

    /// @notice The anchor adds more than 2^32 entries.
    /// @param step entries added since the last anchor
    /// @param maximum largest number of entries that an anchor can add
    error StepTooLarge(ChannelId channel, uint64 step, uint256 maximum);

    /// @notice The channel has a successor and takes no further anchors.
    error ChannelClosed(ChannelId channel, ChannelId successor);

    /// @notice The root hash is 0.
    error EmptyRoot(ChannelId channel);

    /// @notice The first source time is after the last.
    /// @param firstTimeNs first source time in Unix nanoseconds
    /// @param lastTimeNs last source time in Unix nanoseconds
    error InvalidTimeRange(uint64 firstTimeNs, uint64 lastTimeNs);

    /// @notice Open a channel of the caller's organisation. Requires the role `GATEWAY` or `ADMIN`.
    /// @param name 1 to 64 bytes of UTF-8
    function openChannel(string calldata name) external returns (ChannelId);

    /// @notice Close a channel and open its successor, for example after a gateway anchored a wrong head. Requires the role
    /// `ADMIN` in the channel's organisation. Anchors of the closed channel stay valid.
    /// @param name 1 to 64 bytes of UTF-8, another name than the predecessor's
    function succeedChannel(ChannelId predecessor, string calldata name) external returns (ChannelId);

    /// @notice Anchor the tree head of a log. Requires the role `GATEWAY` in the channel's organisation.
    /// @param size entries in the log, 1 to 2^32 more than at its last anchor
    /// @param root root hash of the log
    /// @param firstTimeNs earliest source time of the entries since the last anchor, in Unix nanoseconds
    /// @param lastTimeNs latest source time of the entries since the last anchor, in Unix nanoseconds
    function anchor(ChannelId id, uint64 size, bytes32 root, uint64 firstTimeNs, uint64 lastTimeNs) external;

    /// @notice Return a channel; all zeros if it is not open.
    function channel(ChannelId id) external view returns (Channel memory);

    /// @notice Return the successor of a channel; 0 if it has none.
    function successorOf(ChannelId id) external view returns (ChannelId);

    /// @notice Return the id of the channel of an organisation with this name, open or not.
    function channelIdOf(OrgId organisation, string calldata name) external pure returns (ChannelId);
}
