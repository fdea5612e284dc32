// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRouteVerifier, KeyId, RouteId} from "../interfaces/IRouteVerifier.sol";

/// @title Links of a route proof: c_i = keccak256(LINK ‖ c_{i-1} ‖ m_i ‖ key id ‖ i)
/// @dev Functions take pointers to memory that the caller allocates once, so a step allocates nothing.
library RouteLink {
    bytes32 private constant ORIGIN = keccak256("ChromaTrace route origin/1");
    bytes32 private constant LINK = keccak256("ChromaTrace route link/1");
    uint256 internal constant CHAIN_SIZE = 64;
    uint256 internal constant LINK_SIZE = 160;

    /// @dev Allocate the preimage of c_0: ORIGIN ‖ chain id ‖ this contract ‖ route ‖ subject ‖ components. The subject is
    /// left 0.
    function originScratch(RouteId id, bytes32 components) internal view returns (uint256 scratch) {
        bytes memory fields = abi.encode(ORIGIN, block.chainid, address(this), id, bytes32(0), components);
        assembly ("memory-safe") {
            scratch := add(fields, 0x20)
        }
    }

    /// @dev Write the subject into the preimage and return c_0.
    function originOf(uint256 scratch, bytes32 subject) internal pure returns (bytes32 first) {
        assembly ("memory-safe") {
            mstore(add(scratch, 0x80), subject)
            first := keccak256(scratch, 0xc0)
        }
    }

    /// @dev Write the state of a chain: last link ‖ calldata offset of the next message.
    function writeChain(uint256 chain, bytes32 first, bytes32[] calldata messages, uint256 begin) internal pure {
        assembly ("memory-safe") {
            mstore(chain, first)
            mstore(add(chain, 0x20), add(messages.offset, shl(5, begin)))
        }
    }

    /// @dev Write the preimage of a link: LINK ‖ c_{i-1} ‖ m_i ‖ key id ‖ i. `advance` writes the second and third field.
    function writeLink(uint256 scratch, KeyId key, uint256 step) internal pure {
        bytes32 domain = LINK;
        assembly ("memory-safe") {
            mstore(scratch, domain)
            mstore(add(scratch, 0x60), key)
            mstore(add(scratch, 0x80), step)
        }
    }

    /// @dev Advance a chain by one step and write the new link to `to`.
    function advance(uint256 chain, uint256 scratch, uint256 to) internal pure {
        assembly ("memory-safe") {
            let message := mload(add(chain, 0x20))
            mstore(add(scratch, 0x20), mload(chain))
            mstore(add(scratch, 0x40), calldataload(message))
            let link := keccak256(scratch, 0xa0)
            mstore(chain, link)
            mstore(to, link)
            mstore(add(chain, 0x20), add(message, 0x20))
        }
    }

    function hashComponents(IRouteVerifier.Component[] calldata components) internal pure returns (bytes32) {
        return keccak256(abi.encode(components));
    }
}
