// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Bytes kept as the code of a contract: written once, read for 2,600 gas and 3 a word instead of 2,100 a word.
/// @dev The code begins with STOP, so that a call to it does nothing.
library CodeStore {
    error WriteFailed(uint256 size);

    /// @dev Returns what follows its own 11 bytes: PUSH1 11, MSIZE, DUP2, CODESIZE, SUB, DUP1, SWAP3, MSIZE, CODECOPY,
    /// RETURN.
    uint256 private constant INIT_CODE = 0x600b5981380380925939f3;

    /// @notice Stores `data` as the code of a new contract.
    function write(bytes memory data) internal returns (address store) {
        uint256 size = data.length;
        assembly ("memory-safe") {
            // Init code (11 bytes) and STOP (1 byte) stand in the word of the length while the contract is made.
            mstore(data, shl(8, INIT_CODE))
            store := create(0, add(data, 20), add(size, 12))
            mstore(data, size)
        }
        if (store == address(0)) revert WriteFailed(size);
    }

    /// @notice Copies `size` bytes from the stored byte `offset` to memory at `to`.
    function read(address store, uint256 offset, uint256 to, uint256 size) internal view {
        assembly ("memory-safe") {
            extcodecopy(store, to, add(offset, 1), size)
        }
    }
}
