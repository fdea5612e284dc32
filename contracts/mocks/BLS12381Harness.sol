// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";

/// @title External functions for `BLS12381` on byte strings, for published test vectors; never deployed
contract BLS12381Harness {
    function hashToG1(bytes calldata message, bytes calldata dst) external view returns (bytes memory point) {
        BLS12381.Hasher memory hasher = BLS12381.hasherFor(dst, message.length);
        uint256 to = hasher.message;
        assembly ("memory-safe") {
            calldatacopy(to, message.offset, message.length)
        }
        uint256 start;
        (point, start) = _bytes(BLS12381.G1_SIZE);
        BLS12381.hashToG1(hasher, start);
    }

    function hashDigestToG1(bytes32 message, bytes calldata dst) external view returns (bytes memory point) {
        uint256 start;
        (point, start) = _bytes(BLS12381.G1_SIZE);
        BLS12381.hashToG1(BLS12381.hasherFor(dst, 32), message, start);
    }

    function linearCombination(bytes calldata terms) external view returns (bytes memory point) {
        uint256 start;
        (point, start) = _bytes(BLS12381.G1_SIZE);
        BLS12381.linearCombination(_copy(terms), terms.length / BLS12381.MSM_TERM_SIZE, start);
    }

    function pairingHolds(bytes calldata pairs) external view returns (bool) {
        return BLS12381.pairingHolds(_copy(pairs), pairs.length / BLS12381.PAIR_SIZE);
    }

    /// @dev Call any precompile through the checked call of the library.
    function run(address precompile, bytes calldata input, uint256 outputSize)
        external
        view
        returns (bytes memory output)
    {
        uint256 start;
        (output, start) = _bytes(outputSize);
        BLS12381.run(precompile, _copy(input), input.length, start, outputSize);
    }

    function negatedGenerator() external pure returns (bytes memory point) {
        uint256 start;
        (point, start) = _bytes(BLS12381.G2_SIZE);
        BLS12381.writeNegatedGenerator(start);
    }

    function available() external view returns (bool) {
        return BLS12381.available();
    }

    function _bytes(uint256 size) private pure returns (bytes memory data, uint256 start) {
        data = new bytes(size);
        assembly ("memory-safe") {
            start := add(data, 0x20)
        }
    }

    function _copy(bytes calldata data) private pure returns (uint256 start) {
        start = BLS12381.allocate(data.length);
        assembly ("memory-safe") {
            calldatacopy(start, data.offset, data.length)
        }
    }
}
