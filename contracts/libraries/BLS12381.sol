// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title BLS12-381 with the precompiles of EIP-2537, for signatures in G1 and public keys in G2
/// @notice Hash to G1 (RFC 9380), linear combinations in G1 and the pairing check. Every precompile call is checked for
/// success and for the size of its return data: on a chain without the precompiles, a call succeeds with empty data.
/// @dev Points are in memory, in the encoding of the precompiles:
///
/// | what        | bytes | layout                                                                   |
/// |-------------|-------|--------------------------------------------------------------------------|
/// | Fp          |    64 | big-endian, the first 16 bytes 0, below the modulus                      |
/// | G1          |   128 | x ‖ y                                                                    |
/// | G2          |   256 | x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1                                                |
/// | pair        |   384 | G1 ‖ G2                                                                  |
/// | MSM term    |   160 | G1 ‖ scalar (32, big-endian)                                             |
///
/// Infinity is all zeros. PAIRING_CHECK and G1MSM reject points outside the subgroup; G1ADD does not check. A failed
/// precompile call consumes all gas it was given: simulate before sending.
library BLS12381 {
    /// @notice The chain does not have the precompile, so it cannot verify signatures.
    error PrecompileUnavailable(address precompile);
    /// @notice The precompile rejected its input (not canonical, not on the curve, outside the subgroup) or ran out of gas.
    error PrecompileCallFailed(address precompile);
    /// @notice The domain separation tag does not have 1 to 255 bytes (RFC 9380).
    /// @param size bytes in the tag
    error InvalidDomainTag(uint256 size);

    address internal constant G1_ADD = address(0x0b);
    address internal constant G1_MSM = address(0x0c);
    address internal constant PAIRING_CHECK = address(0x0f);
    address internal constant MAP_FP_TO_G1 = address(0x10);

    uint256 internal constant G1_SIZE = 128;
    uint256 internal constant G2_SIZE = 256;
    uint256 internal constant PAIR_SIZE = 384;
    uint256 internal constant MSM_TERM_SIZE = 160;

    /// @dev Bytes that the calls of `hashToG1` return in total: 5 of SHA-256, 2 of the map, 1 of the addition.
    uint256 private constant HASH_RETURNS = 5 * 32 + 2 * 128 + 128;

    /// @dev Modulus p of the field, in two words.
    uint256 private constant MODULUS_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant MODULUS_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    /// @dev ⌊2^512 / p⌋.
    uint256 private constant BARRETT = 0x9d835d2f3cc9e45ce28101b0cc7a6ba29;

    /// @notice Working memory of `hashToG1`, prepared once for messages of one size.
    /// @param message pointer to the bytes of the message
    /// @param first pointer to the input of b_0 in RFC 9380: Z_pad (64 zeros) ‖ message ‖ 0x0080 ‖ 0x00 ‖ DST ‖ size of DST
    /// @param firstSize bytes of this input
    /// @param next pointer to the input of b_1 to b_4: 32 bytes ‖ counter ‖ DST ‖ size of DST
    /// @param nextSize bytes of this input
    /// @param points pointer to the two mapped points
    struct Hasher {
        uint256 message;
        uint256 first;
        uint256 firstSize;
        uint256 next;
        uint256 nextSize;
        uint256 points;
    }

    /// @notice Allocate `size` bytes of zeroed memory.
    function allocate(uint256 size) internal pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := mload(0x40)
            mstore(0x40, add(pointer, and(add(size, 31), not(31))))
            calldatacopy(pointer, calldatasize(), size)
        }
    }

    /// @notice Prepare to hash messages of `messageSize` bytes under the domain separation tag `dst`.
    function hasherFor(bytes memory dst, uint256 messageSize) internal pure returns (Hasher memory hasher) {
        uint256 dstSize = dst.length;
        if (dstSize == 0 || dstSize > 255) revert InvalidDomainTag(dstSize);
        hasher.firstSize = 64 + messageSize + 3 + dstSize + 1;
        hasher.nextSize = 33 + dstSize + 1;
        hasher.first = allocate(hasher.firstSize + 32);
        hasher.next = allocate(hasher.nextSize + 32);
        hasher.message = hasher.first + 64;
        hasher.points = allocate(2 * G1_SIZE);

        uint256 afterMessage = hasher.message + messageSize;
        _writeTag(afterMessage + 3, dst);
        _writeTag(hasher.next + 33, dst);
        assembly ("memory-safe") {
            mstore8(add(afterMessage, 1), 0x80) // l_i_b_str: 128 bytes
        }
    }

    /// @notice Hash a message of 32 bytes to G1: RFC 9380 hash_to_curve, suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
    /// @param hasher working memory for messages of 32 bytes
    /// @param output pointer to the 128 bytes of the result
    function hashToG1(Hasher memory hasher, bytes32 message, uint256 output) internal view {
        uint256 to = hasher.message;
        assembly ("memory-safe") {
            mstore(to, message)
        }
        hashToG1(hasher, output);
    }

    /// @notice Hash the message at `hasher.message` to G1.
    /// @dev b_0 = SHA-256(first), b_1 = SHA-256(b_0 ‖ 1 ‖ DST_prime), b_i = SHA-256((b_0 ⊕ b_{i-1}) ‖ i ‖ DST_prime);
    /// u_0 = (b_1 ‖ b_2) mod p, u_1 = (b_3 ‖ b_4) mod p; H = map(u_0) + map(u_1). The map precompile clears the cofactor of
    /// each point, which commutes with the addition. In assembly because a proof calls it once per step and subject.
    ///
    /// The reduction mod p is Barrett's: with μ = ⌊2^512 / p⌋ the quotient q = ⌊high · μ / 2^256⌋ is at most 1 too small. The
    /// high word of a product a · b is mulmod(a, b, 2^256 - 1) - low word - borrow. MODEXP would cost 300 gas more, and 900
    /// more after EIP-7883.
    ///
    /// No input of these calls can be invalid, and a precompile returns either all of its bytes or none. So every call
    /// succeeded if the total size of the return data is right.
    function hashToG1(Hasher memory hasher, uint256 output) internal view {
        uint256 returned;
        assembly ("memory-safe") {
            let next := mload(add(hasher, 0x60))
            let nextSize := mload(add(hasher, 0x80))
            let point := mload(add(hasher, 0xa0))
            let second := add(point, 0x80)

            pop(staticcall(gas(), 0x02, mload(add(hasher, 0x20)), mload(add(hasher, 0x40)), next, 0x20))
            returned := returndatasize()
            let b0 := mload(next)
            let low := 0
            for { let counter := 1 } 1 { counter := 3 } {
                mstore(next, xor(b0, low))
                mstore8(add(next, 0x20), counter)
                pop(staticcall(gas(), 0x02, next, nextSize, next, 0x20))
                returned := add(returned, returndatasize())
                let high := mload(next)
                mstore(next, xor(b0, high))
                mstore8(add(next, 0x20), add(counter, 1))
                pop(staticcall(gas(), 0x02, next, nextSize, next, 0x20))
                returned := add(returned, returndatasize())
                low := mload(next)

                let product := mul(high, BARRETT)
                let q := mulmod(high, BARRETT, not(0))
                q := sub(sub(q, product), lt(q, product))
                product := mul(q, MODULUS_LOW)
                let carried := mulmod(q, MODULUS_LOW, not(0))
                carried := sub(sub(carried, product), lt(carried, product))
                high := sub(sub(high, add(mul(q, MODULUS_HIGH), carried)), lt(low, product))
                product := sub(low, product)
                if iszero(lt(high, MODULUS_HIGH)) {
                    if iszero(and(eq(high, MODULUS_HIGH), lt(product, MODULUS_LOW))) {
                        high := sub(sub(high, MODULUS_HIGH), lt(product, MODULUS_LOW))
                        product := sub(product, MODULUS_LOW)
                    }
                }
                mstore(0x00, high)
                mstore(0x20, product)
                pop(staticcall(gas(), 0x10, 0x00, 0x40, point, 0x80))
                returned := add(returned, returndatasize())
                if eq(point, second) { break }
                point := second
            }
            pop(staticcall(gas(), 0x0b, sub(point, 0x80), 0x100, output, 0x80))
            returned := add(returned, returndatasize())
        }
        if (returned != HASH_RETURNS) revert PrecompileUnavailable(MAP_FP_TO_G1);
    }

    /// @notice Write the sum of scalar × point over the `terms` at `input` to the 128 bytes at `output`.
    function linearCombination(uint256 input, uint256 terms, uint256 output) internal view {
        run(G1_MSM, input, terms * MSM_TERM_SIZE, output, G1_SIZE);
    }

    /// @notice Return whether the product of the pairings of the `pairs` at `input` is one.
    function pairingHolds(uint256 input, uint256 pairs) internal view returns (bool) {
        return _runToWord(PAIRING_CHECK, input, pairs * PAIR_SIZE) == 1;
    }

    /// @notice Write the negated generator of G2: e(σ, g2) = Π e(H, pk) is checked as e(σ, -g2) · Π e(H, pk) = 1.
    function writeNegatedGenerator(uint256 to) internal pure {
        assembly ("memory-safe") {
            mstore(to, 0x024aa2b2f08f0a91260805272dc51051)
            mstore(add(to, 0x20), 0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8)
            mstore(add(to, 0x40), 0x13e02b6052719f607dacd3a088274f65)
            mstore(add(to, 0x60), 0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e)
            mstore(add(to, 0x80), 0x0d1b3cc2c7027888be51d9ef691d77bc)
            mstore(add(to, 0xa0), 0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa)
            mstore(add(to, 0xc0), 0x13fa4d4a0ad8b1ce186ed5061789213d)
            mstore(add(to, 0xe0), 0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed)
        }
    }

    /// @notice Return whether the `size` bytes (a multiple of 32) at `pointer` are all zero, the point at infinity.
    function isZero(uint256 pointer, uint256 size) internal pure returns (bool zero) {
        assembly ("memory-safe") {
            let bits := 0
            for { let end := add(pointer, size) } lt(pointer, end) { pointer := add(pointer, 0x20) } {
                bits := or(bits, mload(pointer))
            }
            zero := iszero(bits)
        }
    }

    /// @notice Return whether this chain has the precompiles. Adds infinity to itself to find out.
    function available() internal view returns (bool isAvailable) {
        uint256 input = allocate(2 * G1_SIZE);
        address precompile = G1_ADD;
        assembly ("memory-safe") {
            isAvailable := staticcall(gas(), precompile, input, 256, input, 128)
            isAvailable := and(isAvailable, eq(returndatasize(), 128))
        }
    }

    /// @notice Call a precompile and check that it returns exactly `outputSize` bytes.
    function run(
        address precompile,
        uint256 input,
        uint256 inputSize,
        uint256 output,
        uint256 outputSize
    ) internal view {
        bool success;
        uint256 returned;
        assembly ("memory-safe") {
            success := staticcall(gas(), precompile, input, inputSize, output, outputSize)
            returned := returndatasize()
        }
        if (!success) revert PrecompileCallFailed(precompile);
        if (returned != outputSize) revert PrecompileUnavailable(precompile);
    }

    function _runToWord(address precompile, uint256 input, uint256 inputSize) private view returns (uint256 word) {
        run(precompile, input, inputSize, 0x00, 0x20);
        assembly ("memory-safe") {
            word := mload(0x00)
        }
    }

    /// @dev Write DST_prime = DST ‖ size of DST in one byte. Can overwrite up to one word after it with zeros.
    function _writeTag(uint256 to, bytes memory dst) private pure {
        uint256 size = dst.length;
        assembly ("memory-safe") {
            for { let done := 0 } lt(done, size) { done := add(done, 0x20) } {
                mstore(add(to, done), mload(add(add(dst, 0x20), done)))
            }
            mstore8(add(to, size), size)
        }
    }
}
